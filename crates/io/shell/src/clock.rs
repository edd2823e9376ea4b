//! The time that a core is told by its shell.

use std::time::SystemTime;

use tepui_model::Tick;
use tokio::time::Instant;

/// The wall clock of the moment it was made, and since then a steady one: it never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Tick,
    steady: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self { wall: tick_of(SystemTime::now()), steady: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Tick {
        self.wall + self.steady.elapsed()
    }

    /// The same point on the clock that timers use.
    pub fn instant(&self, tick: Tick) -> Instant {
        self.steady + tick.since(self.wall)
    }
}

/// A file's time as a tick.
pub fn tick_of(time: SystemTime) -> Tick {
    Tick::ZERO + time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
