//! Limits and guarantees.

use super::*;

fn limits(amounts: &[(&'static str, i64)]) -> Quota {
    let limits = amounts.iter().map(|(name, amount)| (*name, Scalar::from_whole(*amount))).collect();
    Quota { limits, ..Quota::default() }
}

fn guarantee(cpus: i64) -> Quota {
    let guarantees = [("cpus", Scalar::from_whole(cpus))].into_iter().collect();
    Quota { guarantees, ..Quota::default() }
}

#[test]
fn a_limit_is_never_exceeded() {
    let mut allocator = world(&[("f", "r/x"), ("g", "r"), ("h", "s")], &[AGENT; 4]);
    allocator.set_quota(role("r"), limits(&[("cpus", 10)]));
    let grants = allocator.allocate(secs(0));
    assert_eq!(allocator.role_allocation(&role("r")).get("cpus"), Scalar::from_whole(10));
    // What one of them gives back, another one of the role may have, on whatever agent.
    let grant =
        grants.iter().find(|grant| grant.role != role("s") && grant.resources.cpus().is_some()).unwrap();
    allocator.deactivate_agent(&grant.agent);
    recover(&mut allocator, secs(0), grant, Some(60));
    let back = grant.resources.cpus().unwrap();
    let free: Scalar = (0..4)
        .map(|index| agent_id(&format!("a{index}")))
        .filter(|agent| *agent != grant.agent)
        .filter_map(|agent| allocator.free(&agent)?.cpus())
        .sum();
    allocator.suppress(&fw("h"), &BTreeSet::new());
    allocator.allocate(secs(0));
    let expected = Scalar::from_whole(10) - (back - back.min(free));
    assert_eq!(allocator.role_allocation(&role("r")).get("cpus"), expected);
}

#[test]
fn room_below_a_limit_is_used_on_other_agents() {
    let mut allocator = world(&[("f", "r"), ("g", "r")], &["cpus:4;mem:64", "cpus:4;mem:64"]);
    allocator.set_quota(role("r"), limits(&[("cpus", 4), ("mem", 64)]));
    let grant = allocator.allocate(secs(0)).remove(0);
    let other = agent_id(if grant.agent == agent_id("a0") { "a1" } else { "a0" });
    allocator.deactivate_agent(&grant.agent);
    recover(&mut allocator, secs(0), &grant, None);
    assert_eq!(allocator.allocate(secs(0)).remove(0).agent, other);
}

#[test]
fn reservations_that_go_make_room_below_a_limit() {
    let mut allocator = world(&[("f", "r")], &["cpus:4;mem:64", "cpus(r):3"]);
    allocator.set_quota(role("r"), limits(&[("cpus", 4)]));
    allocator.deactivate_agent(&agent_id("a1"));
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f r a0 cpus:1; mem:64"]);
    allocator.remove_agent(&agent_id("a1"));
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f r a0 cpus:3"]);
}

#[test]
fn reservations_count_towards_a_limit() {
    let mut allocator = world(&[("f", "r")], &["cpus:8;mem:64;cpus(r):3"]);
    allocator.set_quota(role("r"), limits(&[("cpus", 4)]));
    assert_eq!(
        shown(&allocator.allocate(secs(0))),
        ["f r a0 cpus(reservations: [(STATIC,r)]):3; cpus:1; mem:64"]
    );
    let mut allocator = world(&[("f", "r")], &["cpus:8;mem:64"]);
    allocator.set_quota(role("r"), limits(&[("cpus", 0), ("mem", 0)]));
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::OverLimit, 1)]);
}

#[test]
fn a_guarantee_is_kept_free() {
    let mut allocator = world(&[("f", "other")], &["cpus:8;mem:64", "cpus:8;mem:64"]);
    allocator.set_quota(role("sure"), guarantee(10));
    allocator.allocate(secs(0));
    assert_eq!(allocator.role_allocation(&role("other")).get("cpus"), Scalar::from_whole(6));
    // The one with the guarantee comes: it gets it, and only that, as others hold the rest.
    allocator.add_framework(fw("g"), framework(&["sure"]), &BTreeMap::new());
    allocator.allocate(secs(0));
    assert_eq!(allocator.role_allocation(&role("sure")).get("cpus"), Scalar::from_whole(10));
}

#[test]
fn below_its_guarantee_a_role_comes_first() {
    let mut allocator = world(&[("f", "a"), ("g", "sure")], &["cpus:8;mem:64"]);
    let used = BTreeMap::from([(fw("g"), parse("cpus(allocated: sure):8"))]);
    allocator.add_agent(agent_id("a1"), agent("cpus:8;mem:64"), &used);
    allocator.set_quota(role("sure"), guarantee(12));
    allocator.allocate(secs(0));
    // It holds most already, and still gets what it is owed; the other gets the rest.
    assert_eq!(allocator.role_allocation(&role("sure")).get("cpus"), Scalar::from_whole(12));
    assert_eq!(allocator.role_allocation(&role("a")).get("cpus"), Scalar::from_whole(4));
}

#[test]
fn a_limit_that_is_lifted() {
    let mut allocator = world(&[("f", "r")], &["cpus:8;mem:64"]);
    allocator.set_quota(role("r"), limits(&[("cpus", 3)]));
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f r a0 cpus:3; mem:64"]);
    assert_eq!(allocator.quota_consumed(&role("r")).get("cpus"), Scalar::from_whole(3));
    allocator.remove_quota(&role("r"));
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f r a0 cpus:5"]);
    assert_eq!(allocator.quota_consumed(&role("r")).get("cpus"), Scalar::from_whole(8));
}

#[test]
fn a_guarantee_is_no_limit() {
    let mut allocator = world(&[("g", "sure")], &["cpus:8;mem:64"]);
    allocator.set_quota(role("sure"), guarantee(2));
    assert_eq!(shown(&allocator.allocate(secs(0))), ["g sure a0 cpus:8; mem:64"]);
}

/// What is not guaranteed to it, a role gets by its share, even if it has less than its guarantee of something else.
#[test]
fn a_guarantee_is_for_what_it_names() {
    let mut allocator = world(&[("f", "a"), ("g", "sure")], &["mem:64"]);
    let used = BTreeMap::from([(fw("g"), parse("cpus(allocated: sure):8"))]);
    allocator.add_agent(agent_id("a1"), agent("cpus:8"), &used);
    allocator.set_quota(role("sure"), guarantee(12));
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f a a0 mem:64"]);
}

/// The quota is the reason also where it leaves too little to be worth an offer.
#[test]
fn why_a_quota_leaves_nothing() {
    for (total, own, others, why) in [
        ("cpus:8", None, None, None),
        ("cpus:8;disk:100", Some(limits(&[("cpus", 0)])), None, Some(Refusal::OverLimit)),
        ("cpus:8", None, Some(guarantee(100)), Some(Refusal::HeldForGuarantees)),
        ("cpus:8;disk:100", None, Some(guarantee(100)), Some(Refusal::HeldForGuarantees)),
        ("cpus:8", Some(limits(&[("cpus", 0)])), Some(guarantee(100)), Some(Refusal::OverLimit)),
        ("cpus:8;disk:100", Some(limits(&[("cpus", 3)])), None, None),
    ] {
        let mut allocator = world(&[("f", "r")], &[total]);
        for (name, quota) in [("r", own), ("other", others)] {
            if let Some(quota) = quota {
                allocator.set_quota(role(name), quota);
            }
        }
        let reasons = reasons(&allocator, "f");
        assert_eq!(reasons, why.map(|why| (why, 1)).into_iter().collect::<Vec<_>>(), "{total}");
        assert_eq!(allocator.allocate(secs(0)).is_empty(), why.is_some());
    }
}
