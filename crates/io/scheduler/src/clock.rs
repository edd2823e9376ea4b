//! The time that the core is told.

use std::time::{Instant, SystemTime};

use tepui_model::Tick;

/// The wall clock of the moment it was made, and since then a steady one: it never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: Tick,
    steady: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: Tick::ZERO + since, steady: Instant::now() }
    }

    pub(crate) fn now(&self) -> Tick {
        self.wall + self.steady.elapsed()
    }

    /// The same point on the clock that timers use.
    pub(crate) fn instant(&self, tick: Tick) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.steady + tick.since(self.wall))
    }
}
