//! What must hold, one file for each invariant of the design that a whole cluster can show.
//!
//! Some are looked at after each step, some when something is observed ([`durability`]), some at the end.

pub mod books;
pub mod convergence;
pub mod drained;
pub mod durability;
pub mod identity;
pub mod left_behind;
pub mod offers;
pub mod order;
pub mod placement;
pub mod removal;
pub mod reservations;
pub mod terminal;
pub mod truth;

use crate::{network::Node, world::World};

/// The invariant in words, and what was seen instead.
pub type Outcome = Result<(), (&'static str, String)>;

/// After each step; `touched` is the node that did something.
pub(crate) fn at_each_step(world: &mut World, touched: Option<&Node>) -> Outcome {
    placement::check(world)?;
    books::check(world, touched)?;
    reservations::check(world)?;
    offers::check(world)?;
    identity::check(world)?;
    durability::check(world)?;
    removal::check(world)?;
    drained::check(world, touched)?;
    for task in std::mem::take(&mut world.history.fresh) {
        let heard = world.history.heard.get(&task).map_or(&[][..], Vec::as_slice);
        terminal::check(&task, heard)?;
        truth::check(world, &task)?;
        order::check(&task, heard, world.history.made.get(&task).map_or(&[][..], Vec::as_slice))?;
    }
    Ok(())
}

/// When everything has come to rest.
pub(crate) fn at_the_end(world: &mut World) -> Outcome {
    at_each_step(world, None)?;
    durability::nothing_acknowledged_is_lost(world)?;
    removal::nothing_is_left(world)?;
    left_behind::check(world)?;
    convergence::check(world)
}
