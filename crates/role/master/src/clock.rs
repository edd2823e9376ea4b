//! The time that the core is told.

use std::time::{Duration, SystemTime};

use tepui_model::Tick;
use tokio::time::Instant;

/// Wall time at the start, monotonic from then on: a clock that is set does not shake the timers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    at_start: Tick,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { started: Instant::now(), at_start: Tick::ZERO + since }
    }

    pub(crate) fn now(&self) -> Tick {
        self.at_start + self.started.elapsed()
    }

    /// When `tick` will be.
    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.started + tick.since(self.at_start)
    }
}
