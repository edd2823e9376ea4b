//! 10. After faults stop, everything converges: every task has ended, everybody knows, and nothing is held.

use super::Outcome;
use crate::{network::Node, world::World};

/// The invariant.
pub const WORDS: &str = "10: after faults stop, everything converges";

/// Whether everything has come to rest in the right place.
pub fn check(world: &World) -> Outcome {
    for agent in &world.agents {
        for container in agent.containers.values().filter(|container| container.exit.is_none()) {
            if let Some(task) = &container.task {
                return Err((WORDS, format!("{task} still runs on {}", agent.node())));
            }
        }
    }
    let Some(master) = &world.master.core else { return Err((WORDS, "the master is down".to_owned())) };
    let snapshot = master.snapshot();
    for framework in snapshot.frameworks.values() {
        if let Some(task) = framework.tasks.values().next() {
            return Err((WORDS, format!("the master still has {} as {:?}", task.id, task.state)));
        }
    }
    if let Some(agent) = (0..world.agents.len()).map(Node::Agent).find(|node| !world.is_up(node)) {
        return Err((WORDS, format!("{agent} is down")));
    }
    Ok(())
}

/// Says what has not come to its end, when patience has.
pub fn unfinished(world: &World) -> (&'static str, String) {
    for scheduler in &world.schedulers {
        for (id, task) in &scheduler.tasks {
            if task.agent.is_none() {
                return (WORDS, format!("{id} was never launched"));
            }
            if task.is_live() {
                let ran = world.history.begun.contains_key(id);
                let state = task.state.map_or("nothing", |state| state.as_str_name());
                return (WORDS, format!("{id} has not ended for its scheduler, which last heard {state} of it (begun: {ran})"));
            }
        }
    }
    match super::durability::nothing_acknowledged_is_lost(world).and_then(|()| check(world)) {
        Err(outcome) => outcome,
        Ok(()) => (WORDS, "an executor still has something to do".to_owned()),
    }
}
