//! 16. A drained agent has no live task.
//!
//! Of frameworks that do not checkpoint or have left, the master may believe a task gone while it is being ended.

use super::Outcome;
use crate::{network::Node, world::World};

const WORDS: &str = "16: a drained agent has no live task";

/// Looks for a task that was begun on a drained agent and has not ended for its scheduler.
pub(crate) fn check(world: &World, touched: Option<&Node>) -> Outcome {
    let Some(master) = world.nodes.master().filter(|_| touched == Some(&world.nodes.leader())) else {
        return Ok(());
    };
    for agent in world.nodes.agents() {
        let Some(id) = agent.disk.agent_id() else { continue };
        let drain = master.deactivation(id).and_then(|deactivation| deactivation.drain);
        if !drain.is_some_and(|drain| drain.drained) {
            continue;
        }
        let schedulers = world.nodes.schedulers().filter(|node| node.checkpoint && !node.is_leaving());
        for (task, wanted) in schedulers.flat_map(|scheduler| &scheduler.tasks) {
            let there = wanted.agent.as_ref().is_some_and(|agent| agent.value == id);
            let begun = world.history.begun.get(task).is_some_and(|agents| agents.contains(&agent.number));
            // One that was away for too long may not know yet that its framework was removed.
            let known = || {
                let framework = world.scheduler_of(task).and_then(|node| node.framework_id.as_ref());
                framework.is_some_and(|id| master.snapshot().frameworks.contains_key(id.value.as_str()))
            };
            if there && begun && wanted.is_live() && known() {
                return Err((WORDS, format!("{task} lives on {}, which is drained", agent.node())));
            }
        }
    }
    Ok(())
}
