//! 2. What is allocated on an agent never exceeds what it has; offered + allocated + free = total. The cores keep
//!    these books and check them; here they are asked to.

use super::Outcome;
use crate::{network::Node, world::World};

const WORDS: &str = "2: the books are right: offered + allocated + free = total";

/// Asks the node that did something.
pub(crate) fn check(world: &World, touched: Option<&Node>) -> Outcome {
    let Some((node, machine)) = touched.and_then(|node| Some((node, world.nodes.any(node)?))) else {
        return Ok(());
    };
    machine.check().map_err(|what| (WORDS, format!("{node}: {what}")))
}
