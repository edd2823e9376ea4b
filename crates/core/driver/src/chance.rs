//! The drivers' only source of chance: a seeded generator, so that a run can be repeated.

use std::time::Duration;

use bytes::Bytes;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Draws waits and uuids.
#[derive(Debug)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A wait between zero and `max`, both included, any as likely as any other.
    pub(crate) fn up_to(&mut self, max: Duration) -> Duration {
        let max = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX);
        // The high half of a 128-bit product spreads a draw evenly over 0..=max.
        let scaled = (u128::from(self.0.next_u64()) * (u128::from(max) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(max))
    }

    /// A version 4 uuid as the 16 bytes that the wire carries. Masters refuse bytes that are not a valid uuid.
    pub(crate) fn uuid(&mut self) -> Bytes {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        Bytes::copy_from_slice(uuid::Builder::from_random_bytes(bytes).into_uuid().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_their_bounds_and_use_them() {
        let mut chance = Chance::new(7);
        let max = Duration::from_millis(10);
        let draws: Vec<_> = (0..1_000).map(|_| chance.up_to(max)).collect();
        assert!(draws.iter().all(|draw| *draw <= max));
        assert!(draws.iter().any(|draw| *draw < max / 10) && draws.iter().any(|draw| *draw > max * 9 / 10));
        assert_eq!(chance.up_to(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn uuids_are_valid_version_4_and_follow_from_the_seed() {
        let uuid = Chance::new(1).uuid();
        let parsed = uuid::Uuid::from_slice(&uuid).unwrap();
        assert_eq!(parsed.get_version_num(), 4);
        assert_eq!(Chance::new(1).uuid(), uuid);
        assert_ne!(Chance::new(2).uuid(), uuid);
    }
}
