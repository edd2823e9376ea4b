//! 7. An agent that was removed never returns under the same id, unless it was only unreachable.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "7: an agent that was removed never returns under the same id";

/// Looks for a removed agent's id among the registered ones.
pub(crate) fn check(world: &World) -> Outcome {
    for id in &world.history.gone_agents {
        if world.master.core.is_some()
            && world.master.disk.contains_key(&format!("agents/{id}"))
            && world.agents.iter().any(|agent| {
                agent
                    .core
                    .as_ref()
                    .and_then(|core| core.agent_id())
                    .is_some_and(|own| own.as_str() == id.as_str())
            })
        {
            return Err((WORDS, format!("agent {id} was removed and is registered again")));
        }
    }
    Ok(())
}
