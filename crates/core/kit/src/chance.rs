//! The only source of chance of a core: a seeded generator, so that a run can be repeated.

use std::time::Duration;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// All the chance that a core will use. New at every start of a daemon: ids are drawn from it. Who knows it knows them, so
/// it is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl From<u64> for Seed {
    /// For simulations and tests: not enough to be a secret.
    fn from(number: u64) -> Self {
        let mut bytes = [0; 32];
        let (head, _) = bytes.split_at_mut(8);
        head.copy_from_slice(&number.to_le_bytes());
        Self(bytes)
    }
}

/// Draws waits and uuids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The same numbers from the same seed, on every machine.
    pub fn new(seed: Seed) -> Self {
        Self(ChaCha8Rng::from_seed(seed.0))
    }

    /// A seed for another core or another part of this one.
    pub fn seed(&mut self) -> Seed {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        Seed(bytes)
    }

    /// A number below `bound`, any as likely as any other; zero if there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of a 128-bit product spreads a draw evenly over 0..bound.
        let scaled = (u128::from(self.0.next_u64()) * u128::from(bound)) >> 64;
        u64::try_from(scaled).unwrap_or_default()
    }

    /// A wait between zero and `max`, both included, any as likely as any other.
    pub fn up_to(&mut self, max: Duration) -> Duration {
        let max = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(max.saturating_add(1)))
    }

    /// A version 4 uuid. Masters refuse bytes on the wire that are not a valid one.
    pub fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A version 4 uuid as the 16 bytes that the wire carries.
    pub fn uuid_bytes(&mut self) -> bytes::Bytes {
        bytes::Bytes::copy_from_slice(self.uuid().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_their_bounds_and_use_them() {
        let mut chance = Chance::new(Seed::from(7));
        let max = Duration::from_millis(10);
        let draws: Vec<_> = (0..1_000).map(|_| chance.up_to(max)).collect();
        assert!(draws.iter().all(|draw| *draw <= max));
        assert!(draws.iter().any(|draw| *draw < max / 10) && draws.iter().any(|draw| *draw > max * 9 / 10));
        assert_eq!(chance.up_to(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn numbers_are_below_their_bound_and_reach_every_one() {
        let mut chance = Chance::new(Seed::from(7));
        let drawn: std::collections::BTreeSet<u64> = (0..1_000).map(|_| chance.below(5)).collect();
        assert!(drawn.into_iter().eq(0..5));
        assert_eq!(chance.below(0), 0);
    }

    #[test]
    fn uuids_are_valid_version_4_and_follow_from_the_seed() {
        let draw = |seed: u64| Chance::new(Seed::from(seed)).uuid();
        assert_eq!(draw(1).get_version_num(), 4);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(Chance::new(Seed::from(1)).uuid_bytes().as_ref(), draw(1).as_bytes());
    }

    #[test]
    fn a_seed_that_is_drawn_differs_from_its_origin_and_is_not_shown() {
        let seed = Chance::new(Seed::from(1)).seed();
        assert_ne!(seed, Seed::from(1));
        assert_ne!(Chance::new(seed).uuid(), Chance::new(Seed::from(1)).uuid());
        assert_eq!(format!("{seed:?}"), "Seed(..)");
    }
}
