//! The shell's clock: the cores' ticks from the machine's, never going back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tepui_model::Tick;

/// Wall-clock time at the start, and monotonic time since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base: Tick,
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { base: tick_of(SystemTime::now()), started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Tick {
        self.base + self.started.elapsed()
    }

    /// The moment of a tick, for timers.
    pub(crate) fn instant(&self, tick: Tick) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.started + tick.since(self.base))
    }
}

/// A file's time as a tick.
pub(crate) fn tick_of(time: SystemTime) -> Tick {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Tick::ZERO + since
}
