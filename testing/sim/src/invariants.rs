//! What must hold, one file for each invariant of the design that a whole cluster can show.
//!
//! Some are looked at after each step, some when something is observed ([`durability`]), some at the end.

pub mod books;
pub mod convergence;
pub mod durability;
pub mod identity;
pub mod offers;
pub mod order;
pub mod placement;
pub mod terminal;

use crate::{network::Node, world::World};

/// The invariant in words, and what was seen instead.
pub type Outcome = Result<(), (&'static str, String)>;

/// After each step; `touched` is the node that did something.
pub fn at_each_step(world: &World, touched: Option<&Node>) -> Outcome {
    placement::check(world)?;
    books::check(world, touched)?;
    offers::check(world)?;
    identity::check(world)?;
    durability::check(world)?;
    if matches!(touched, Some(Node::Scheduler(_))) {
        terminal::check(world)?;
        order::check(world)?;
    }
    Ok(())
}

/// When everything has come to rest.
pub fn at_the_end(world: &World) -> Outcome {
    terminal::check(world)?;
    order::check(world)?;
    durability::nothing_acknowledged_is_lost(world)?;
    convergence::check(world)
}
