//! How long to wait before the next attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Chance;

/// Waits whose bound starts at `first` and doubles up to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// What the bound never exceeds.
    pub max: Duration,
}

/// Where in its waits somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    backoff: Backoff,
    next: Duration,
}

impl Waits {
    /// The first wait comes next.
    pub const fn new(backoff: Backoff) -> Self {
        Self { backoff, next: backoff.first }
    }

    /// The next wait, as long as its bound: for one who waits alone.
    pub fn full(&mut self) -> Duration {
        let bound = self.next.min(self.backoff.max);
        self.next = bound.saturating_mul(2).min(self.backoff.max);
        bound
    }

    /// The next wait, drawn from zero to its bound: what Mesos's drivers do, so that the clients of a failed master do not
    /// all return at once.
    pub fn draw(&mut self, chance: &mut Chance) -> Duration {
        chance.up_to(self.full())
    }

    /// After a success: the next wait is a first one again.
    pub const fn reset(&mut self) {
        self.next = self.backoff.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(2), max: Duration::from_secs(7) };

    #[test]
    fn the_bound_doubles_up_to_the_maximum_and_starts_over_after_a_reset() {
        let mut waits = Waits::new(BACKOFF);
        assert_eq!(
            [waits.full(), waits.full(), waits.full(), waits.full()].map(|wait| wait.as_secs()),
            [2, 4, 7, 7]
        );
        waits.reset();
        assert_eq!(waits.full(), Duration::from_secs(2));
    }

    #[test]
    fn a_first_wait_beyond_the_maximum_is_the_maximum() {
        let mut waits = Waits::new(Backoff { first: Duration::from_secs(9), max: Duration::from_secs(7) });
        assert_eq!(waits.full(), Duration::from_secs(7));
    }

    #[test]
    fn a_drawn_wait_stays_within_the_bound_and_doubles_it_too() {
        let mut chance = Chance::new(Seed::from(3));
        let mut waits = Waits::new(BACKOFF);
        for bound in [2, 4, 7, 7] {
            assert!(waits.draw(&mut chance) <= Duration::from_secs(bound));
        }
        assert_eq!(waits.full(), Duration::from_secs(7));
    }
}
