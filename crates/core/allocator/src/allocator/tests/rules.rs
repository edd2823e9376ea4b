//! One test per rule.

use super::*;

#[test]
fn everything_free_in_one_grant_in_the_order_that_clients_know() {
    let mut allocator = world(&[("f", "*")], &[AGENT]);
    assert!(allocator.needs_allocation());
    let grants = allocator.allocate(secs(0));
    assert_eq!(shown(&grants), ["f * a0 ports:[1-10]; cpus:8; mem:1024; disk:100"]);
    assert!(grants[0].resources.iter().all(|resource| resource.allocation_role == Some(role("*"))));
    assert!(allocator.free(&agent_id("a0")).unwrap().is_empty());
    // Nothing changed, so there is nothing to look at.
    assert!(!allocator.needs_allocation());
    assert_eq!(allocator.allocate(secs(100)), []);
}

#[test]
fn what_comes_back_is_granted_again() {
    let mut allocator = world(&[("f", "*")], &[AGENT]);
    let grant = allocator.allocate(secs(0)).remove(0);
    let part = parse("cpus(allocated: *):2;mem(allocated: *):10");
    allocator.recover_resources(secs(0), &grant.framework, &grant.agent, &part, None);
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f * a0 cpus:2; mem:10"]);
    // What is not held cannot be given back.
    allocator.recover_resources(secs(0), &fw("g"), &grant.agent, &part, None);
    allocator.recover_resources(secs(0), &fw("f"), &grant.agent, &parse("cpus(allocated: *):99"), None);
    assert_eq!(allocator.allocate(secs(0)), []);
}

#[test]
fn agents_are_shared_out_evenly() {
    let mut allocator = world(&[("f", "*"), ("g", "*"), ("h", "other")], &[AGENT; 12]);
    let expected = [("f", 3), ("g", 3), ("h", 6)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counts(&allocator.allocate(secs(0))), BTreeMap::from(expected));
}

#[test]
fn weights_decide_between_roles() {
    let mut allocator = world(&[("f", "heavy"), ("g", "light")], &[AGENT; 30]);
    allocator.update_weights(&BTreeMap::from([(role("heavy"), 2.0)]));
    let counts = counts(&allocator.allocate(secs(0)));
    assert_eq!(counts["f"], 20);
    assert_eq!(counts["g"], 10);
}

/// A weight that is none counts as 1.
#[test]
fn odd_weights() {
    for weight in [0.0, -3.0, f64::NAN] {
        let mut allocator = world(&[("f", "odd"), ("g", "other")], &[AGENT; 10]);
        allocator.update_weights(&BTreeMap::from([(role("odd"), weight)]));
        let expected = [("f", 5), ("g", 5)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(counts(&allocator.allocate(secs(0))), BTreeMap::from(expected), "{weight}");
    }
}

/// Who holds nothing and was granted least often comes first: nobody starves while another gives back what it gets.
#[test]
fn equal_shares_take_turns() {
    for frameworks in [[("f", "r"), ("g", "r")], [("f", "r"), ("g", "s")], [("f", "r"), ("g", "r/x")]] {
        let mut allocator = world(&frameworks, &[AGENT]);
        let mut turns = String::new();
        for _ in 0..6 {
            let grant = allocator.allocate(secs(0)).remove(0);
            turns.push_str(grant.framework.as_str());
            recover(&mut allocator, secs(0), &grant, None);
        }
        assert_eq!(turns, "fgfgfg", "{frameworks:?}");
    }
}

#[test]
fn a_branch_counts_as_one() {
    let mut allocator = world(&[("f", "eng/a"), ("g", "eng/b"), ("h", "ads"), ("i", "eng")], &[AGENT; 12]);
    let counts = counts(&allocator.allocate(secs(0)));
    assert_eq!(counts["h"], 6);
    // Within the branch, its own framework is one more child.
    assert_eq!([counts["f"], counts["g"], counts["i"]], [2, 2, 2]);
}

#[test]
fn the_dominant_resource_decides() {
    // f holds more of the memory than g of the processors.
    let mut allocator = world(&[("f", "r"), ("g", "r")], &[]);
    for (name, total, framework, held) in [
        ("a0", "cpus:10;mem:1000", "f", "cpus(allocated: r):1;mem(allocated: r):1000"),
        ("a1", "cpus:8;mem:10", "g", "cpus(allocated: r):8;mem(allocated: r):10"),
    ] {
        let used = BTreeMap::from([(fw(framework), parse(held))]);
        allocator.add_agent(agent_id(name), agent(total), &used);
    }
    assert!(allocator.dominant_share(&fw("f"), &role("r")) > allocator.dominant_share(&fw("g"), &role("r")));
    assert_eq!(shown(&allocator.allocate(secs(0))), ["g r a0 cpus:9"]);
}

#[test]
fn excluded_resources_do_not_count() {
    let config = Config {
        fair_sharing_excluded: BTreeSet::from([tepui_model::ResourceName::MEM]),
        ..Config::default()
    };
    let mut allocator = Allocator::new(config, Seed::from(7));
    allocator.add_framework(fw("f"), framework(&["r"]), &BTreeMap::new());
    let used = BTreeMap::from([(fw("f"), parse("cpus(allocated: r):1;mem(allocated: r):1000"))]);
    allocator.add_agent(agent_id("a"), agent("cpus:10;mem:1000"), &used);
    assert!((allocator.dominant_share(&fw("f"), &role("r")) - 0.1).abs() < 1e-9);
}

#[test]
fn refused_resources_are_hidden_for_a_while() {
    let mut allocator = world(&[("f", "*")], &[AGENT]);
    let grant = allocator.allocate(secs(0)).remove(0);
    recover(&mut allocator, secs(0), &grant, Some(5));
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::Filtered { until: secs(5) }, 1)]);
    assert_eq!(allocator.poll_timeout(), Some(secs(5)));
    assert_eq!(allocator.allocate(secs(4)), []);
    assert_eq!(allocator.allocate(secs(5)).len(), 1);
    assert_eq!(allocator.poll_timeout(), None);
}

#[test]
fn refusing_for_no_time_lasts_an_interval() {
    let mut allocator = world(&[("f", "*")], &[AGENT]);
    let grant = allocator.allocate(secs(0)).remove(0);
    recover(&mut allocator, secs(0), &grant, Some(0));
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(allocator.allocate(secs(1)).len(), 1);
}

#[test]
fn more_than_was_refused_is_offered() {
    let mut allocator = world(&[("f", "*"), ("g", "*")], &[AGENT]);
    allocator.suppress(&fw("g"), &BTreeSet::new());
    let mut grant = allocator.allocate(secs(0)).remove(0);
    let mut kept = grant.clone();
    kept.resources = parse("cpus(allocated: *):1");
    grant.resources.subtract_all(&kept.resources);
    recover(&mut allocator, secs(0), &grant, Some(100));
    assert_eq!(allocator.allocate(secs(0)), []);
    // The rest comes back: all together is more than what was refused.
    recover(&mut allocator, secs(1), &kept, None);
    assert_eq!(shown(&allocator.allocate(secs(1))), ["f * a0 ports:[1-10]; cpus:8; mem:1024; disk:100"]);
}

#[test]
fn what_one_refuses_others_get() {
    let mut allocator = world(&[("f", "*"), ("g", "*")], &[AGENT]);
    let first = allocator.allocate(secs(0)).remove(0);
    recover(&mut allocator, secs(0), &first, Some(5));
    let second = allocator.allocate(secs(0)).remove(0);
    assert_ne!(first.framework, second.framework);
}

#[test]
fn a_refusal_is_for_one_role() {
    let mut allocator = world(&[], &[AGENT]);
    allocator.add_framework(fw("f"), framework(&["r", "s"]), &BTreeMap::new());
    let first = allocator.allocate(secs(0)).remove(0);
    recover(&mut allocator, secs(0), &first, Some(5));
    let second = allocator.allocate(secs(0)).remove(0);
    assert_ne!(first.role, second.role);
}

#[test]
fn revive_forgets_refusals_at_once() {
    let mut allocator = world(&[("f", "*")], &[AGENT; 3]);
    for grant in allocator.allocate(secs(0)) {
        recover(&mut allocator, secs(0), &grant, Some(1_000_000));
    }
    assert_eq!(allocator.allocate(secs(0)), []);
    allocator.revive(&fw("f"), &roles(&["not mine"]));
    assert_eq!(allocator.allocate(secs(0)), []);
    allocator.revive(&fw("f"), &BTreeSet::new());
    assert_eq!(allocator.allocate(secs(0)).len(), 3);
    assert_eq!(allocator.poll_timeout(), None);
}

#[test]
fn suppressed_roles_get_nothing_until_revived() {
    let mut allocator = world(&[], &[AGENT]);
    allocator.add_framework(fw("f"), framework(&["r", "s"]), &BTreeMap::new());
    allocator.suppress(&fw("f"), &roles(&["r"]));
    let grant = allocator.allocate(secs(0)).remove(0);
    assert_eq!(grant.role, role("s"));
    allocator.suppress(&fw("f"), &BTreeSet::new());
    recover(&mut allocator, secs(0), &grant, None);
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::Suppressed, 0), (Refusal::Suppressed, 0)]);
    allocator.revive(&fw("f"), &roles(&["r"]));
    assert_eq!(allocator.allocate(secs(0)).remove(0).role, role("r"));
}

/// Who wants nothing any more is not looked at, and neither is its role.
#[test]
fn what_needs_an_allocation() {
    let mut allocator = world(&[("f", "r")], &[AGENT]);
    let (f, all) = (fw("f"), BTreeSet::new());
    let wants = |allocator: &Allocator| allocator.roles.role_order(allocator.measure());
    let grant = allocator.allocate(secs(0)).remove(0);
    assert!(!allocator.needs_allocation());
    recover(&mut allocator, secs(0), &grant, Some(5));
    assert!(allocator.needs_allocation(), "an agent has changed");
    assert_eq!(allocator.allocate(secs(0)), []);
    allocator.revive(&f, &all);
    assert!(allocator.needs_allocation(), "a framework wants more");
    assert_eq!(wants(&allocator), [role("r")]);
    allocator.suppress(&f, &all);
    assert!(!allocator.needs_allocation() && wants(&allocator).is_empty());
    allocator.revive(&f, &all);
    allocator.remove_framework(&f);
    assert!(!allocator.needs_allocation() && wants(&allocator).is_empty());
    // A framework of a role above that has none of its own.
    allocator.add_framework(f.clone(), framework(&["r", "r/x"]), &BTreeMap::new());
    allocator.suppress(&f, &roles(&["r"]));
    assert_eq!(wants(&allocator), [role("r/x")]);
    let grant = allocator.allocate(secs(0)).remove(0);
    recover(&mut allocator, secs(0), &grant, Some(5));
    allocator.allocate(secs(0));
    allocator.handle_timeout(secs(4));
    assert!(!allocator.needs_allocation());
    allocator.handle_timeout(secs(5));
    assert!(allocator.needs_allocation(), "a refusal has ended");
}

#[test]
fn inactive_frameworks_get_nothing() {
    let mut allocator = world(&[("f", "*")], &[]);
    allocator.deactivate_framework(&fw("f"));
    allocator.add_agent(agent_id("a0"), agent(AGENT), &BTreeMap::new());
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::FrameworkInactive, 0)]);
    allocator.activate_framework(&fw("f"));
    assert_eq!(allocator.allocate(secs(0)).len(), 1);
}

#[test]
fn inactive_agents_give_nothing() {
    let mut allocator = world(&[("f", "*")], &[AGENT]);
    allocator.deactivate_agent(&agent_id("a0"));
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::AgentInactive, 1)]);
    allocator.activate_agent(&agent_id("a0"));
    assert_eq!(allocator.allocate(secs(0)).len(), 1);
}

#[test]
fn the_whitelist_names_hosts() {
    let mut allocator = world(&[("f", "*")], &[]);
    let named = Agent { hostname: "host".to_owned(), ..agent(AGENT) };
    allocator.add_agent(agent_id("a0"), named, &BTreeMap::new());
    allocator.set_whitelist(Some(BTreeSet::from(["other".to_owned()])));
    assert_eq!(allocator.allocate(secs(0)), []);
    allocator.set_whitelist(Some(BTreeSet::from(["host".to_owned()])));
    assert_eq!(allocator.allocate(secs(0)).len(), 1);
}

#[test]
fn too_little_is_not_worth_an_offer() {
    for (total, granted) in [
        ("cpus:0.01", true),
        ("mem:32", true),
        ("cpus:0.009;mem:31;disk:1000;ports:[1-9]", false),
        ("cpus(*):5;gpus:0", true),
    ] {
        let mut allocator = world(&[("f", "*")], &[total]);
        assert_eq!(!allocator.allocate(secs(0)).is_empty(), granted, "{total}");
        if !granted {
            assert_eq!(reasons(&allocator, "f"), [(Refusal::BelowMinimum, 1)]);
        }
    }
    let mut picky = framework(&["*"]);
    let least = [("cpus", Scalar::from_whole(9))].into_iter().collect();
    picky.min_allocatable = BTreeMap::from([(role("*"), vec![least])]);
    let mut allocator = world(&[], &[AGENT, "cpus:9"]);
    allocator.add_framework(fw("f"), picky, &BTreeMap::new());
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f * a1 cpus:9"]);
}

#[test]
fn gpus_are_for_those_who_ask() {
    let mut allocator = world(&[("f", "*")], &["cpus:1;mem:50;gpus:1"]);
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::GpuAgent, 1)]);
    let mut able = framework(&["*"]);
    able.capabilities.gpu_resources = true;
    allocator.update_framework(&fw("f"), able);
    assert_eq!(allocator.allocate(secs(0)).len(), 1);

    let mut allocator = world(&[("f", "*")], &["cpus:1;mem:50;gpus:1"]);
    allocator.config.filter_gpu_resources = false;
    assert_eq!(allocator.allocate(secs(0)).len(), 1);
}

#[test]
fn other_regions_are_for_those_who_ask() {
    let domain = |region: &str| Some(FaultDomain { region: region.to_owned(), zone: "z".to_owned() });
    let config = Config { domain: domain("here"), ..Config::default() };
    let mut allocator = Allocator::new(config, Seed::from(1));
    allocator.add_framework(fw("f"), framework(&["*"]), &BTreeMap::new());
    let there = Agent { domain: domain("there"), ..agent(AGENT) };
    allocator.add_agent(agent_id("a0"), there, &BTreeMap::new());
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::RemoteRegion, 1)]);
    let mut able = framework(&["*"]);
    able.capabilities.region_aware = true;
    allocator.update_framework(&fw("f"), able);
    assert_eq!(allocator.allocate(secs(0)).len(), 1);
}

#[test]
fn old_agents_are_for_simple_frameworks() {
    let old = |multi_role, hierarchical_role| Agent {
        capabilities: AgentCapabilities { multi_role, hierarchical_role, ..AgentCapabilities::ALL },
        ..agent(AGENT)
    };
    for (multi_role, hierarchical_role, framework_multi_role, role_name, granted) in [
        (false, true, true, "r", false),
        (false, true, false, "r", true),
        (true, false, true, "r", true),
        (true, false, true, "r/s", false),
        (true, true, true, "r/s", true),
    ] {
        let mut allocator = world(&[], &[]);
        let mut info = framework(&[role_name]);
        info.capabilities.multi_role = framework_multi_role;
        allocator.add_framework(fw("f"), info, &BTreeMap::new());
        allocator.add_agent(agent_id("a"), old(multi_role, hierarchical_role), &BTreeMap::new());
        assert_eq!(!allocator.allocate(secs(0)).is_empty(), granted);
        if !granted {
            assert_eq!(reasons(&allocator, "f"), [(Refusal::AgentCapability, 1)]);
        }
    }
}

#[test]
fn agents_that_change_what_they_can() {
    let old = AgentCapabilities { hierarchical_role: false, ..AgentCapabilities::ALL };
    let domain = |region: &str| Some(FaultDomain { region: region.to_owned(), zone: "z".to_owned() });
    let mut allocator = Allocator::new(Config { domain: domain("here"), ..Config::default() }, Seed::from(1));
    allocator.add_framework(fw("f"), framework(&["r/s"]), &BTreeMap::new());
    let info = Agent { capabilities: old, ..agent(AGENT) };
    allocator.add_agent(agent_id("a0"), info, &BTreeMap::new());
    for (capabilities, domain, refusal) in [
        (old, domain("here"), Some(Refusal::AgentCapability)),
        (AgentCapabilities::ALL, domain("there"), Some(Refusal::RemoteRegion)),
        (AgentCapabilities::ALL, domain("here"), None),
    ] {
        allocator.update_agent(&agent_id("a0"), capabilities, domain);
        assert_eq!(allocator.allocate(secs(0)).is_empty(), refusal.is_some());
        assert_eq!(reasons(&allocator, "f"), [(refusal.unwrap_or(Refusal::NothingFree), 1)]);
    }
}

#[test]
fn what_needs_a_capability_is_left_out() {
    let total = "cpus:1;mem:50;cpus{REV}:2;cpus(reservations: [(STATIC,r),(DYNAMIC,r/s)]):3;\
                 disk(r)[v:x]<SHARED>:5";
    let mut allocator = world(&[], &[total]);
    let mut simple = framework(&["r/s"]);
    simple.capabilities.reservation_refinement = false;
    simple.capabilities.shared_resources = false;
    allocator.add_framework(fw("f"), simple, &BTreeMap::new());
    let grant = allocator.allocate(secs(0)).remove(0);
    assert_eq!(shown(std::slice::from_ref(&grant)), ["f r/s a0 cpus:1; mem:50"]);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::FrameworkCapability, 1)]);
    recover(&mut allocator, secs(0), &grant, None);
    let mut able = framework(&["r/s"]);
    able.capabilities.revocable_resources = true;
    allocator.update_framework(&fw("f"), able);
    assert_eq!(allocator.allocate(secs(0)).remove(0).resources.unallocate(), parse(total));
}

#[test]
fn reserved_resources_go_to_the_role_and_those_below() {
    for (name, granted) in [
        ("r", Some("cpus(reservations: [(STATIC,r)]):2; cpus:1")),
        ("r/s", Some("cpus(reservations: [(STATIC,r)]):2; cpus(reservations: [(STATIC,r/s)]):3; cpus:1")),
        ("rr", Some("cpus:1")),
        ("*", Some("cpus:1")),
    ] {
        let mut allocator = world(&[("f", name)], &["cpus:1;cpus(r):2;cpus(r/s):3"]);
        let grants = allocator.allocate(secs(0));
        assert_eq!(
            grants.first().map(|grant| grant.resources.clone().unallocate().to_string()).as_deref(),
            granted
        );
    }
    let mut allocator = world(&[("f", "other")], &["cpus(r):2"]);
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::ReservedForOthers, 1)]);
}

#[test]
fn shared_volumes_go_along_and_are_never_used_up() {
    let mut allocator = world(&[("f", "r")], &["cpus:2;mem:64;disk(r)[v:x]<SHARED>:5"]);
    let grant = allocator.allocate(secs(0)).remove(0);
    assert_eq!(grant.resources.shared().len(), 1);
    let part = parse("cpus(allocated: r):1");
    allocator.recover_resources(secs(0), &fw("f"), &agent_id("a0"), &part, None);
    let second = allocator.allocate(secs(0)).remove(0);
    assert_eq!(second.resources.shared().len(), 1);
    let held = &allocator.agent_used(&agent_id("a0")).unwrap()[&fw("f")];
    assert_eq!(
        held.iter_with_shares().find(|(resource, _)| resource.shared).map(|(_, shares)| shares),
        Some(2)
    );
}

#[test]
fn what_is_gone_is_recovered_once() {
    let mut allocator = world(&[("f", "r"), ("g", "r")], &[AGENT, AGENT]);
    let grants = allocator.allocate(secs(0));
    let (of_f, of_g) = (&grants[0], &grants[1]);
    allocator.remove_framework(&of_f.framework);
    recover(&mut allocator, secs(0), of_f, Some(5));
    assert_eq!(allocator.allocate(secs(0)).len(), 1);
    allocator.remove_agent(&of_g.agent);
    recover(&mut allocator, secs(0), of_g, Some(5));
    assert_eq!(allocator.allocate(secs(0)), []);
    assert_eq!(allocator.role_allocation(&role("r")).get("cpus"), Scalar::from_whole(8));
    assert_eq!(allocator.total().get("cpus"), Scalar::from_whole(8));
    allocator.remove_framework(&fw("g"));
    assert!(allocator.role_allocation(&role("r")).is_empty());
    assert!(reasons(&allocator, "g").is_empty());
}

#[test]
fn what_is_used_already_is_not_granted() {
    let mut allocator = world(&[("f", "r")], &[]);
    let used = BTreeMap::from([(fw("f"), parse("cpus(allocated: r):3;ports(allocated: r):[2-3]"))]);
    allocator.add_agent(agent_id("a0"), agent(AGENT), &used);
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f r a0 ports:[1-1, 4-10]; cpus:5; mem:1024; disk:100"]);
}

#[test]
fn what_is_found_to_be_used_is_not_granted() {
    let mut allocator = world(&[("f", "r")], &["cpus:8;mem:64"]);
    allocator.allocated(&fw("f"), &agent_id("a0"), &parse("cpus(allocated: r):3"));
    let used = BTreeMap::from([(agent_id("a0"), parse("cpus(allocated: s):1"))]);
    allocator.add_framework(fw("g"), framework(&["s"]), &used);
    assert_eq!(shown(&allocator.allocate(secs(0))), ["g s a0 cpus:4; mem:64"], "it has less so far");
}

#[test]
fn a_role_that_was_left_keeps_counting_until_it_is_recovered() {
    let mut allocator = world(&[("f", "old")], &[AGENT]);
    let grant = allocator.allocate(secs(0)).remove(0);
    allocator.update_framework(&fw("f"), framework(&["new"]));
    assert_eq!(allocator.role_allocation(&role("old")).get("cpus"), Scalar::from_whole(8));
    recover(&mut allocator, secs(0), &grant, Some(5));
    assert!(allocator.role_allocation(&role("old")).is_empty());
    assert_eq!(allocator.allocate(secs(0)).remove(0).role, role("new"));
    assert_eq!(allocator.poll_timeout(), None);
}

#[test]
fn an_agent_that_shrinks_gives_nothing_until_enough_is_back() {
    let mut allocator = world(&[("f", "*")], &["cpus:8;mem:64"]);
    let grant = allocator.allocate(secs(0)).remove(0);
    allocator.update_agent_total(&agent_id("a0"), parse("cpus:2;mem:64"));
    assert_eq!(allocator.allocate(secs(0)), []);
    let part = parse("cpus(allocated: *):5");
    allocator.recover_resources(secs(0), &grant.framework, &grant.agent, &part, None);
    assert_eq!(allocator.allocate(secs(0)), []);
    let part = parse("cpus(allocated: *):2");
    allocator.recover_resources(secs(0), &grant.framework, &grant.agent, &part, None);
    assert_eq!(shown(&allocator.allocate(secs(0))), ["f * a0 cpus:1"]);
    // Of what nobody has any more, nobody has a share.
    allocator.update_agent_total(&agent_id("a0"), parse("mem:64"));
    assert!((allocator.dominant_share(&fw("f"), &role("*")) - 1.0).abs() < 1e-9);
}

#[test]
fn operations_change_what_is_held_and_what_there_is() {
    let mut allocator = world(&[("f", "r")], &["cpus:8;mem:64"]);
    allocator.allocate(secs(0));
    let before = parse("cpus(allocated: r):2");
    let after = parse("cpus(allocated: r)(reservations: [(DYNAMIC,r,me)]):2");
    assert!(allocator.update_allocation(&fw("f"), &agent_id("a0"), &before, &after));
    assert!(!allocator.update_allocation(&fw("f"), &agent_id("a0"), &parse("cpus(allocated: r):9"), &after));
    assert!(allocator.free(&agent_id("a0")).unwrap().is_empty());
    assert_eq!(
        allocator.agent_total(&agent_id("a0")).unwrap(),
        &parse("cpus:6;mem:64;cpus(reservations: [(DYNAMIC,r,me)]):2")
    );
    assert_eq!(allocator.allocate(secs(0)), []);
}

#[test]
fn explains_itself() {
    let mut allocator = world(&[("f", "r")], &[]);
    assert_eq!(reasons(&allocator, "f"), [(Refusal::NoAgents, 0)]);
    for name in ["a0", "a1", "a2"] {
        allocator.add_agent(agent_id(name), agent(AGENT), &BTreeMap::new());
    }
    assert_eq!(allocator.explain(&fw("f"))[0].pending, 3);
    let grants = allocator.allocate(secs(3));
    recover(&mut allocator, secs(3), &grants[0], Some(60));
    recover(&mut allocator, secs(3), &grants[1], Some(9));
    allocator.allocate(secs(3));
    let explanation = allocator.explain(&fw("f")).remove(0);
    assert_eq!(explanation.last_grant, Some(secs(3)));
    assert_eq!(explanation.pending, 0);
    let mut reasons = explanation.reasons;
    reasons.sort_unstable();
    assert_eq!(reasons, [(Refusal::NothingFree, 1), (Refusal::Filtered { until: secs(12) }, 2)]);
    assert_eq!(
        Refusal::Filtered { until: secs(12) }.describe(secs(3)),
        "declined by the framework; offered again within 10secs"
    );
}

#[test]
fn the_same_seed_gives_the_same_grants() {
    let run = || world(&[("f", "r"), ("g", "s"), ("h", "r/t")], &[AGENT; 20]).allocate(secs(0));
    assert_eq!(run(), run());
}
