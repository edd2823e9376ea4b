//! What holds whatever happens.

use proptest::prelude::*;

use super::*;

/// Something that can happen.
#[derive(Clone, Debug)]
enum Event {
    AddAgent(usize),
    RemoveAgent(usize),
    Active(usize, bool),
    Add(usize, usize),
    Remove(usize),
    Connected(usize, bool),
    Suppress(usize),
    Revive(usize),
    /// Give back a grant or a part of it, refusing it for so many seconds.
    Recover(usize, bool, Option<u64>),
    Weight(usize, u32),
    Limit(usize, Option<i64>),
    Guarantee(usize, i64),
    Wait(u64),
}

const ROLES: [&str; 5] = ["a", "a/b", "a/c", "d", "*"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0_usize..6).prop_map(Event::AddAgent),
        1 => (0_usize..6).prop_map(Event::RemoveAgent),
        1 => (0_usize..6, any::<bool>()).prop_map(|(agent, active)| Event::Active(agent, active)),
        3 => (0_usize..4, 0_usize..5).prop_map(|(framework, role)| Event::Add(framework, role)),
        1 => (0_usize..4).prop_map(Event::Remove),
        1 => (0_usize..4, any::<bool>()).prop_map(|(framework, on)| Event::Connected(framework, on)),
        1 => (0_usize..4).prop_map(Event::Suppress),
        2 => (0_usize..4).prop_map(Event::Revive),
        8 => (any::<usize>(), any::<bool>(), prop::option::of(0_u64..9))
            .prop_map(|(grant, half, refused)| Event::Recover(grant, half, refused)),
        1 => (0_usize..5, 0_u32..5).prop_map(|(role, weight)| Event::Weight(role, weight)),
        1 => (0_usize..5, prop::option::of(0_i64..20)).prop_map(|(role, limit)| Event::Limit(role, limit)),
        1 => (0_usize..5, 0_i64..12).prop_map(|(role, amount)| Event::Guarantee(role, amount)),
        2 => (1_u64..6).prop_map(Event::Wait),
    ]
}

/// An allocator with what a master would remember beside it.
struct World {
    allocator: Allocator,
    now: Tick,
    grants: Vec<Grant>,
    limits: BTreeMap<Role, Scalar>,
}

impl World {
    fn apply(&mut self, event: Event) {
        let allocator = &mut self.allocator;
        let agent_name = |agent: usize| agent_id(&format!("a{agent}"));
        let framework_name = |framework: usize| fw(&format!("f{framework}"));
        match event {
            Event::AddAgent(index) => {
                self.grants.retain(|grant| grant.agent != agent_name(index));
                let total =
                    ["cpus:8;mem:256;cpus(a):2", "cpus:4;mem:128;ports:[1-9]", "cpus(d):3;mem(a/b):64"];
                allocator.add_agent(agent_name(index), agent(total[index % 3]), &BTreeMap::new());
            }
            Event::RemoveAgent(index) => {
                self.grants.retain(|grant| grant.agent != agent_name(index));
                allocator.remove_agent(&agent_name(index));
            }
            Event::Active(index, true) => allocator.activate_agent(&agent_name(index)),
            Event::Active(index, false) => allocator.deactivate_agent(&agent_name(index)),
            Event::Add(index, role) => {
                allocator.update_framework(&framework_name(index), framework(&[ROLES[role], ROLES[index]]));
            }
            Event::Remove(index) => {
                self.grants.retain(|grant| grant.framework != framework_name(index));
                allocator.remove_framework(&framework_name(index));
            }
            Event::Connected(index, true) => allocator.activate_framework(&framework_name(index)),
            Event::Connected(index, false) => allocator.deactivate_framework(&framework_name(index)),
            Event::Suppress(index) => allocator.suppress(&framework_name(index), &BTreeSet::new()),
            Event::Revive(index) => allocator.revive(&framework_name(index), &BTreeSet::new()),
            Event::Recover(index, half, refused) if !self.grants.is_empty() => {
                let index = index % self.grants.len();
                let mut grant = self.grants.swap_remove(index);
                if half && grant.resources.len() > 1 {
                    let first: Resources = grant.resources.iter().take(1).cloned().collect();
                    let rest = Grant { resources: grant.resources.clone() - &first, ..grant.clone() };
                    grant.resources = first;
                    self.grants.push(rest);
                }
                let refused = refused.map(Duration::from_secs);
                allocator.recover_resources(
                    self.now,
                    &grant.framework,
                    &grant.agent,
                    &grant.resources,
                    refused,
                );
            }
            Event::Recover(..) => {}
            Event::Weight(index, weight) => {
                allocator.update_weights(&BTreeMap::from([(role(ROLES[index]), f64::from(weight))]));
            }
            Event::Limit(index, limit) => {
                let top = role(ROLES[index]).top();
                match limit {
                    Some(limit) => {
                        let limit = Scalar::from_whole(limit);
                        let limits = [("cpus", limit)].into_iter().collect();
                        allocator.set_quota(top.clone(), Quota { limits, ..Quota::default() });
                        self.limits.insert(top, limit);
                    }
                    None => {
                        allocator.remove_quota(&top);
                        self.limits.remove(&top);
                    }
                }
            }
            Event::Guarantee(index, amount) => {
                let top = role(ROLES[index]).top();
                let guarantees = [("cpus", Scalar::from_whole(amount))].into_iter().collect();
                allocator.set_quota(top.clone(), Quota { guarantees, ..Quota::default() });
                self.limits.remove(&top);
            }
            Event::Wait(secs) => self.now = self.now + Duration::from_secs(secs),
        }
    }

    fn allocate(&mut self) -> Result<(), TestCaseError> {
        let before: BTreeMap<Role, Scalar> = self
            .limits
            .keys()
            .map(|role| (role.clone(), self.allocator.quota_consumed(role).get("cpus")))
            .collect();
        let grants = self.allocator.allocate(self.now);
        for (role, limit) in &self.limits {
            // A limit that was set below what is there already takes nothing away, but lets nothing in.
            let consumed = self.allocator.quota_consumed(role).get("cpus");
            prop_assert!(consumed <= (*limit).max(before[role]), "{role} has {consumed} of {limit}");
        }
        self.grants.extend(grants);
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let allocator = &self.allocator;
        let mut held: BTreeMap<AgentId, Resources> = BTreeMap::new();
        let mut by_client: BTreeMap<(FrameworkId, Role), ResourceQuantities> = BTreeMap::new();
        for grant in &self.grants {
            held.entry(grant.agent.clone()).or_default().add_all(&grant.resources.clone().unallocate());
            by_client
                .entry((grant.framework.clone(), grant.role.clone()))
                .or_default()
                .add(&grant.resources.to_quantities());
        }
        let mut total = ResourceQuantities::new();
        for state in allocator.agents.values() {
            let held = held.remove(&state.id).unwrap_or_default();
            prop_assert!(state.info.total.contains(&held), "{held} of {}", state.info.total);
            prop_assert_eq!(&(held + &state.free), &state.info.total);
            total.add(&state.info.total.to_quantities());
        }
        prop_assert!(held.is_empty());
        prop_assert_eq!(allocator.total(), &total);
        for ((framework, role), quantities) in by_client {
            prop_assert_eq!(allocator.framework_allocation(&framework, &role), quantities);
        }
        // Looking only at what changed misses nothing.
        for id in allocator.frameworks.keys() {
            for explanation in allocator.explain(id) {
                prop_assert_eq!(explanation.pending, 0, "{} {:?}", id, explanation);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_and_nothing_is_missed(
        seed in any::<u64>(),
        rounds in prop::collection::vec(prop::collection::vec(event(), 1..4), 1..25),
    ) {
        let mut world = World {
            allocator: Allocator::new(Config::default(), Seed::from(seed)),
            now: secs(1),
            grants: Vec::new(),
            limits: BTreeMap::new(),
        };
        for events in rounds {
            for event in events {
                world.apply(event);
            }
            world.allocate()?;
            world.check()?;
        }
        // When all is gone, nothing is left of it.
        for index in 0..6 {
            world.apply(Event::RemoveAgent(index));
        }
        for index in 0..4 {
            world.apply(Event::Remove(index));
        }
        prop_assert!(world.allocator.expiries.is_empty());
        prop_assert!(world.allocator.total().is_empty());
        prop_assert!(world.allocator.roles.is_empty());
    }

    #[test]
    fn shares_follow_weights(weights in prop::collection::vec(1_u32..6, 2..5), seed in any::<u64>()) {
        let mut allocator = Allocator::new(Config::default(), Seed::from(seed));
        let sum: u32 = weights.iter().sum();
        for (index, weight) in weights.iter().enumerate() {
            let name = format!("r{index}");
            allocator.update_weights(&BTreeMap::from([(role(&name), f64::from(*weight))]));
            allocator.add_framework(fw(&name), framework(&[&name]), &BTreeMap::new());
        }
        for index in 0..sum * 4 {
            allocator.add_agent(agent_id(&index.to_string()), agent("cpus:1;mem:64"), &BTreeMap::new());
        }
        let counts = counts(&allocator.allocate(secs(0)));
        for (index, weight) in weights.iter().enumerate() {
            let (had, due) = (counts[&format!("r{index}")], *weight as usize * 4);
            prop_assert!(had.abs_diff(due) <= 1, "{had} instead of {due}: {counts:?}");
        }
    }
}
