//! Several refusals of one agent.

use super::*;

/// A framework that refused these resources of `a0`, one after another, for so many seconds.
fn refused(refusals: &[(&str, u64)]) -> Allocator {
    let mut allocator = world(&[("f", "*")], &[]);
    allocator.add_agent(agent_id("a0"), agent("cpus:100;mem:100"), &BTreeMap::new());
    for (resources, time) in refusals {
        let resources = parse(resources).allocate(&role("*"));
        let time = Some(Duration::from_secs(*time));
        allocator.recover_resources(secs(0), &fw("f"), &agent_id("a0"), &resources, time);
    }
    allocator
}

fn kept(allocator: &Allocator) -> usize {
    let client = allocator.roles.client(&role("*"), &fw("f")).unwrap();
    client.filters.values().map(Vec::len).sum()
}

/// Until when just this is hidden.
fn hidden(allocator: &mut Allocator, free: &str) -> Option<Tick> {
    allocator.update_agent_total(&agent_id("a0"), parse(free));
    match reasons(allocator, "f").as_slice() {
        [] => None,
        [(Refusal::Filtered { until }, 1)] => Some(*until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_hides_what_is_no_more_than_it() {
    let (all, part) = ("cpus:8;mem:64", "cpus:4;mem:40");
    let (cpus, mem) = ("cpus:8;mem:40", "cpus:4;mem:64");
    type Row<'a> = (&'a [(&'a str, u64)], usize, &'a [(&'a str, Option<u64>)]);
    let table: &[Row<'_>] = &[
        (&[(all, 100), (part, 10)], 1, &[(all, Some(100)), (part, Some(100))]),
        (&[(part, 10), (all, 100)], 1, &[(all, Some(100)), (part, Some(100))]),
        (&[(all, 10), (part, 100)], 2, &[(all, Some(10)), (part, Some(100))]),
        (&[(part, 100), (all, 10)], 2, &[(all, Some(10)), (part, Some(100))]),
        (&[(part, 10), (all, 10)], 1, &[(all, Some(10)), (part, Some(10))]),
        (&[(all, 10), (part, 10)], 1, &[(all, Some(10)), (part, Some(10))]),
        (&[(part, 10), (part, 20)], 1, &[(all, None), (part, Some(20))]),
        (&[(part, 20), (part, 10)], 1, &[(all, None), (part, Some(20))]),
        (&[(cpus, 20), (mem, 10)], 2, &[(all, None), (cpus, Some(20)), (mem, Some(10)), (part, Some(20))]),
        (&[(cpus, 10), (mem, 20)], 2, &[(all, None), (cpus, Some(10)), (mem, Some(20)), (part, Some(20))]),
    ];
    for (refusals, number, rows) in table {
        let mut allocator = refused(refusals);
        assert_eq!(kept(&allocator), *number, "{refusals:?}");
        for (free, until) in *rows {
            assert_eq!(hidden(&mut allocator, free), until.map(secs), "{refusals:?} {free}");
        }
        // Each ends in its time, and nothing is left of it.
        while let Some(until) = allocator.poll_timeout() {
            allocator.handle_timeout(until);
            for (free, hidden_until) in *rows {
                let rest = hidden_until.map(secs).filter(|end| *end > until);
                assert_eq!(hidden(&mut allocator, free), rest, "{refusals:?} {free} at {until:?}");
            }
        }
        assert_eq!(kept(&allocator), 0);
    }
}

/// Those that end first make room.
#[test]
fn there_are_only_so_many() {
    // Neither covers the other.
    let texts: Vec<String> = (1..100).map(|cpus| format!("cpus:{cpus};mem:{}", 100 - cpus)).collect();
    for turned in [false, true] {
        let mut refusals: Vec<(&str, u64)> =
            texts.iter().enumerate().map(|(index, text)| (text.as_str(), 1000 + index as u64)).collect();
        if turned {
            refusals.reverse();
        }
        let mut allocator = refused(&refusals);
        assert_eq!((kept(&allocator), allocator.expiries.len()), (MAX_FILTERS, MAX_FILTERS));
        if !turned {
            assert_eq!(allocator.poll_timeout(), Some(secs(1099 - MAX_FILTERS as u64)));
            assert_eq!(hidden(&mut allocator, &texts[98]), Some(secs(1098)));
            assert_eq!(hidden(&mut allocator, &texts[0]), None);
        }
    }
}

#[test]
fn what_goes_takes_its_refusals_along() {
    let refusals = [("cpus:8;mem:40", 20), ("cpus:4;mem:64", 10)];
    type Ends = fn(&mut Allocator);
    let ends: [Ends; 5] = [
        |allocator| allocator.remove_agent(&agent_id("a0")),
        |allocator| allocator.remove_framework(&fw("f")),
        |allocator| allocator.deactivate_framework(&fw("f")),
        |allocator| allocator.revive(&fw("f"), &BTreeSet::new()),
        |allocator| allocator.update_framework(&fw("f"), framework(&["other"])),
    ];
    for end in ends {
        let mut allocator = refused(&refusals);
        assert_eq!(allocator.poll_timeout(), Some(secs(10)));
        end(&mut allocator);
        assert_eq!(allocator.poll_timeout(), None);
    }
}
