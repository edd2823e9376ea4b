//! How long an allocation takes: a whole cluster at once, and the common case of a little that came back.

use std::collections::{BTreeMap, BTreeSet};

use divan::{Bencher, black_box};
use tepui_core_allocator::{Agent, Allocator, Config, Framework, Grant};
use tepui_core_kit::Seed;
use tepui_model::{AgentCapabilities, AgentId, FrameworkId, Role, Tick};

fn main() {
    divan::main();
}

/// Agents with nothing granted yet, and frameworks spread over some roles.
fn cluster(agents: usize, frameworks: usize, roles: usize) -> Allocator {
    let mut allocator = Allocator::new(Config::default(), Seed::from(1));
    for index in 0..frameworks {
        let framework = Framework {
            roles: BTreeSet::from([Role::new(format!("role-{}", index % roles))]),
            active: true,
            ..Framework::default()
        };
        let id = FrameworkId::new(format!("7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-{index:04}"));
        allocator.add_framework(id, framework, &BTreeMap::new());
    }
    for index in 0..agents {
        let agent = Agent {
            total: "cpus:8;mem:16384;disk:10240;ports:[31000-32000]".parse().unwrap_or_default(),
            capabilities: AgentCapabilities::ALL,
            active: true,
            ..Agent::default()
        };
        let id = AgentId::new(format!("7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-S{index}"));
        allocator.add_agent(id, agent, &BTreeMap::new());
    }
    allocator
}

/// Every agent is free and is granted to somebody.
#[divan::bench(args = [(1_000, 50, 5), (1_000, 500, 20), (10_000, 50, 5)], sample_count = 10)]
fn placement(bencher: Bencher<'_, '_>, (agents, frameworks, roles): (usize, usize, usize)) {
    bencher
        .with_inputs(|| cluster(agents, frameworks, roles))
        .bench_values(|mut allocator| black_box(allocator.allocate(Tick::ZERO)));
}

/// One agent's resources come back and are granted again.
#[divan::bench(args = [(1_000, 50, 5), (1_000, 500, 20), (10_000, 50, 5)])]
fn recover_and_allocate(bencher: Bencher<'_, '_>, (agents, frameworks, roles): (usize, usize, usize)) {
    let mut allocator = cluster(agents, frameworks, roles);
    let mut grants: Vec<Grant> = allocator.allocate(Tick::ZERO);
    let mut next = 0;
    bencher.bench_local(|| {
        let index = next % grants.len();
        next += 1;
        let grant = &grants[index];
        allocator.recover_resources(Tick::ZERO, &grant.framework, &grant.agent, &grant.resources, None);
        if let Some(grant) = allocator.allocate(Tick::ZERO).pop() {
            grants[index] = grant;
        }
    });
}

/// One framework revives while all agents are free and all others have refused them.
#[divan::bench(args = [(1_000, 50, 5)])]
fn revive(bencher: Bencher<'_, '_>, (agents, frameworks, roles): (usize, usize, usize)) {
    let mut allocator = cluster(agents, frameworks, roles);
    let refused = Some(std::time::Duration::from_secs(1_000_000));
    loop {
        let grants = allocator.allocate(Tick::ZERO);
        if grants.is_empty() {
            break;
        }
        for grant in grants {
            allocator.recover_resources(
                Tick::ZERO,
                &grant.framework,
                &grant.agent,
                &grant.resources,
                refused,
            );
        }
    }
    let id = FrameworkId::new("7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-0000");
    bencher.bench_local(|| {
        allocator.revive(&id, &BTreeSet::new());
        for grant in allocator.allocate(Tick::ZERO) {
            allocator.recover_resources(
                Tick::ZERO,
                &grant.framework,
                &grant.agent,
                &grant.resources,
                refused,
            );
        }
        allocator.allocate(Tick::ZERO)
    });
}
