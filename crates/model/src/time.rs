//! Time as the cores see it: a number that the shell hands in.

use serde::{Deserialize, Serialize};
use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A point in time, in nanoseconds since the Unix epoch.
///
/// A plain number, so that it can be written down, sent and replayed. The shell keeps it monotonic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(u64);

impl Tick {
    /// The earliest point.
    pub const ZERO: Self = Self(0);

    /// The point `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the Unix epoch, as the wire's doubles carry them.
    #[expect(clippy::cast_precision_loss, reason = "the wire carries doubles")]
    pub fn as_secs_f64(self) -> f64 {
        // Microseconds are what a double holds exactly for dates of our time.
        (self.0 / 1_000) as f64 / 1e6
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Tick {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_goes_back_nor_overflows() {
        let (early, late) = (Tick::from_nanos(1_500), Tick::from_nanos(4_000));
        assert_eq!(late.since(early), Duration::from_nanos(2_500));
        assert_eq!(late - early, Duration::from_nanos(2_500));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early + Duration::from_nanos(2_500), late);
        assert_eq!((late + Duration::MAX).as_nanos(), u64::MAX);
        assert_eq!(Tick::default(), Tick::ZERO);
    }

    #[test]
    fn seconds_are_exact_to_the_microsecond() {
        for (nanos, seconds) in [(0, 0.0), (1_999, 1e-6), (1_790_000_000_123_456_789, 1_790_000_000.123_456)]
        {
            assert_eq!(Tick::from_nanos(nanos).as_secs_f64().to_bits(), f64::to_bits(seconds));
        }
    }
}
