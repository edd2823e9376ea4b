//! 7. An agent that was removed never returns under the same id, unless it was only unreachable.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "7: an agent that was removed never returns under the same id";

/// Looks for a removed agent's id among the registered ones.
pub(crate) fn check(world: &World) -> Outcome {
    for id in &world.history.gone_agents {
        if world.nodes.master().is_some()
            && world.nodes.is_registered(&format!("agents/{id}"))
            && world.nodes.agents().any(|agent| {
                agent
                    .host
                    .core()
                    .and_then(|core| core.agent_id())
                    .is_some_and(|own| own.as_str() == id.as_str())
            })
        {
            return Err((WORDS, format!("agent {id} was removed and is registered again")));
        }
    }
    Ok(())
}
