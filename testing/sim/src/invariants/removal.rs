//! 10, for frameworks that leave: nothing of one is left anywhere, and none is removed that has not left.

use super::Outcome;
use crate::world::World;

const LEFT: &str = "10: nothing is left of a framework that was torn down";
const STAYS: &str = "10: a framework stays until it is torn down";

/// Whether a scheduler was turned away so far that had not left.
pub(crate) fn check(world: &World) -> Outcome {
    match &world.history.turned_away {
        Some(what) => Err((STAYS, what.clone())),
        None => Ok(()),
    }
}

/// At the end: the master has none of the frameworks that left, and the agents nothing that is theirs.
pub(crate) fn nothing_is_left(world: &World) -> Outcome {
    for scheduler in world.nodes.schedulers().filter(|scheduler| scheduler.is_gone()) {
        let Some(id) = scheduler.framework_id.as_ref().map(|id| id.value.as_str()) else { continue };
        let name = format!("framework {id} of scheduler-{}", scheduler.number);
        if let Some(master) = world.nodes.master()
            && master.snapshot().frameworks.contains_key(id)
        {
            return Err((LEFT, format!("the master still has {name}")));
        }
        for agent in world.nodes.agents() {
            let running =
                |container: &&crate::agent::Container| container.exit.is_none() && container.framework == id;
            if let Some(container) = agent.containers.values().find(running) {
                let what = container.task.as_deref().unwrap_or("an executor");
                return Err((LEFT, format!("{what} of {name} still runs on {}", agent.node())));
            }
            let knows = agent.host.core().is_some_and(|core| {
                let snapshot = core.snapshot(world.now);
                snapshot
                    .frameworks
                    .iter()
                    .any(|framework| framework.info.id.as_ref().is_some_and(|own| own.value == id))
            });
            if knows {
                return Err((LEFT, format!("{} still has {name}", agent.node())));
            }
        }
    }
    Ok(())
}
