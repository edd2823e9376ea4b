//! 3. An offer is used at most once, then gone; its id is never used again.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "3: an offer is used at most once, then gone";

/// Whether an offer came or was used twice.
pub(crate) fn check(world: &World) -> Outcome {
    match &world.history.repeated_offer {
        Some(what) => Err((WORDS, what.clone())),
        None => Ok(()),
    }
}
