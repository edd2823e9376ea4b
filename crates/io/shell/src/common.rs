//! A core that its shell has in common with the threads of its user.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tepui_core_kit::Core;
use tepui_model::Tick;
use tokio::sync::Notify;

use crate::{Clock, Ended, Heart};

/// The core, and what its user and its shell tell each other beside it.
pub struct Common<C> {
    core: Mutex<C>,
    clock: Clock,
    told: Notify,
    /// The shell's end.
    pub ended: Ended,
}

impl<C> fmt::Debug for Common<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Common")
    }
}

impl<C: Core> Common<C> {
    /// A core that begins now.
    pub fn start(start: C::Start) -> Self {
        let clock = Clock::new();
        let core = Mutex::new(C::start(clock.now(), start));
        Self { core, clock, told: Notify::new(), ended: Ended::default() }
    }

    /// The clock that the core is told the time of.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The core, to look at; nobody else does, so long as it is held.
    pub fn core(&self) -> MutexGuard<'_, C> {
        // A panic while it is held leaves nothing half-done that matters here.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the user tell the core something, and wakes the shell.
    pub fn tell<T>(&self, tell: impl FnOnce(&mut C, Tick) -> T) -> T {
        let told = tell(&mut self.core(), self.clock.now());
        self.told.notify_one();
        told
    }

    /// Waits until the user has told the core something.
    pub async fn told(&self) {
        self.told.notified().await;
    }
}

/// The shell's hold of it.
pub struct Share<C> {
    common: Arc<Common<C>>,
    ends: fn(&C) -> bool,
    ended: bool,
}

impl<C> fmt::Debug for Share<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share(ended: {})", self.ended)
    }
}

impl<C> Share<C> {
    /// Of a core that has ended when `ends` says so.
    pub const fn new(common: Arc<Common<C>>, ends: fn(&C) -> bool) -> Self {
        Self { common, ends, ended: false }
    }

    /// Whether the core had ended when it was asked last what there is to be done: nothing follows then. The core itself may
    /// have gone on since.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }
}

impl<C: Core + Send> Heart for Share<C> {
    type Core = C;

    fn handle(&mut self, now: Tick, event: C::Event) {
        self.common.core().handle(now, event);
    }

    fn handle_timeout(&mut self, now: Tick) {
        self.common.core().handle_timeout(now);
    }

    fn drain(&mut self, effects: &mut Vec<C::Effect>) -> Option<Tick> {
        let mut core = self.common.core();
        effects.extend(std::iter::from_fn(|| core.poll_effect()));
        self.ended = (self.ends)(&core);
        core.poll_timeout()
    }
}
