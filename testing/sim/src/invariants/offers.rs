//! 3. An offer is used at most once, then gone; its id is never used again.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "3: an offer is used at most once, then gone";

/// Looks for an offer that came twice.
pub fn check(world: &World) -> Outcome {
    if let Some(offer) = &world.history.repeated_offer {
        return Err((WORDS, format!("offer {offer} was made twice")));
    }
    match world.history.used_offers.iter().find(|(_, times)| **times > 1) {
        Some((offer, times)) => Err((WORDS, format!("offer {offer} was used {times} times"))),
        None => Ok(()),
    }
}
