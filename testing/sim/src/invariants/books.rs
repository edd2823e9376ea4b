//! 2. What is allocated on an agent never exceeds what it has; offered + allocated + free = total. The cores keep
//!    these books and check them; here they are asked to.

use tepui_core_kit::Core as _;

use super::Outcome;

use crate::{network::Node, world::World};

const MASTER: &str = "2: offered + allocated + free = total, in the master's books";
const AGENT: &str = "2: an agent's books are right";

/// Asks the node that did something.
pub(crate) fn check(world: &World, touched: Option<&Node>) -> Outcome {
    match touched {
        Some(Node::Master) => match &world.master.core {
            Some(core) => core.check_invariants().map_err(|what| (MASTER, what)),
            None => Ok(()),
        },
        Some(Node::Agent(number)) => match world.agents.get(*number).and_then(|agent| agent.core.as_ref()) {
            Some(core) => core.check_invariants().map_err(|what| (AGENT, format!("agent-{number}: {what}"))),
            None => Ok(()),
        },
        Some(Node::Scheduler(_) | Node::Executor(_)) | None => Ok(()),
    }
}
