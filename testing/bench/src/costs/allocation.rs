//! One allocation pass over a cluster of which everything is free.

use std::collections::{BTreeMap, BTreeSet};

use tepui_core_allocator::{Agent, Allocator, Config, Framework};
use tepui_core_kit::Seed;
use tepui_model::{AgentCapabilities, AgentId, FrameworkId, Role, Tick};

const AGENTS: usize = 1_000;
const FRAMEWORKS: usize = 100;
const ROLES: usize = 10;

/// How many grants there were.
pub(crate) fn one_pass() -> usize {
    let mut allocator = Allocator::new(Config::default(), Seed::from(1));
    for index in 0..FRAMEWORKS {
        let framework = Framework {
            roles: BTreeSet::from([Role::new(format!("role-{}", index % ROLES))]),
            active: true,
            ..Framework::default()
        };
        let id = FrameworkId::new(format!("7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-{index:04}"));
        allocator.add_framework(id, framework, &BTreeMap::new());
    }
    for index in 0..AGENTS {
        let agent = Agent {
            total: "cpus:8;mem:16384;disk:10240;ports:[31000-32000]".parse().unwrap_or_default(),
            capabilities: AgentCapabilities::ALL,
            active: true,
            ..Agent::default()
        };
        let id = AgentId::new(format!("7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-S{index}"));
        allocator.add_agent(id, agent, &BTreeMap::new());
    }
    crate::measured(|| allocator.allocate(Tick::ZERO)).map_or(0, |grants| grants.len())
}
