//! 2, seen from outside: what is reserved for a role is offered to frameworks of that role, as that role's.

use tepui_wire_mesos::v1;

use super::Outcome;
use crate::world::World;

const WORDS: &str = "2: what is reserved for a role is offered to that role only";

/// Whether a reservation was offered to somebody else so far.
pub(crate) fn check(world: &World) -> Outcome {
    match &world.history.misplaced_reservation {
        Some(what) => Err((WORDS, what.clone())),
        None => Ok(()),
    }
}

impl World {
    /// A scheduler is offered something.
    pub(crate) fn observe_offer(&mut self, scheduler: usize, offer: &v1::Offer) {
        let Some(role) = self.nodes.scheduler(scheduler).map(|node| node.role()) else { return };
        for resource in &offer.resources {
            let allocated = resource.allocation_info.as_ref().and_then(|info| info.role.as_deref());
            let reserved = resource.reservations.last().and_then(|reservation| reservation.role.as_deref());
            if allocated != Some(role) || reserved.is_some_and(|reserved| reserved != role) {
                let what = format!(
                    "scheduler-{scheduler} of role {role} was offered {} of role {allocated:?}, reserved for {reserved:?}",
                    resource.name
                );
                self.history.misplaced_reservation.get_or_insert(what);
            }
        }
    }
}
