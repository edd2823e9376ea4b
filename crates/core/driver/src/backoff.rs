//! How long to wait before the next attempt.

use std::time::Duration;

use crate::chance::Chance;

/// Waits drawn from `[0, bound]`, where the bound starts at `first` and doubles up to `max`: what Mesos's
/// drivers do, so that the clients of a failed master do not all return at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// What the bound never exceeds.
    pub max: Duration,
}

/// The bound of the next wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    backoff: Backoff,
    next: Duration,
}

impl Bound {
    pub(crate) const fn new(backoff: Backoff) -> Self {
        Self { backoff, next: backoff.first }
    }

    /// Draws a wait and doubles the bound.
    pub(crate) fn draw(&mut self, chance: &mut Chance) -> Duration {
        let bound = self.next.min(self.backoff.max);
        self.next = bound.saturating_mul(2).min(self.backoff.max);
        chance.up_to(bound)
    }

    /// After a success: the next wait is a first one again.
    pub(crate) const fn reset(&mut self) {
        self.next = self.backoff.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_maximum_and_starts_over_after_a_reset() {
        let backoff = Backoff { first: Duration::from_secs(2), max: Duration::from_secs(7) };
        let mut bound = Bound::new(backoff);
        let mut chance = Chance::new(3);
        for expected in [2, 4, 7, 7] {
            assert_eq!(bound.next, Duration::from_secs(expected));
            assert!(bound.draw(&mut chance) <= Duration::from_secs(expected));
        }
        bound.reset();
        assert_eq!(bound.next, Duration::from_secs(2));
    }
}
