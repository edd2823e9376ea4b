//! A process on a simulated machine, whatever its core. Must not live here: what is done with what the core wants.

use tepui_core_kit::Core;
use tepui_model::Tick;

/// A core while its process runs, and the wake-up that is planned for it.
#[derive(Debug)]
pub struct Host<C> {
    core: Option<C>,
    incarnation: u64,
    armed: Option<Tick>,
}

impl<C> Default for Host<C> {
    fn default() -> Self {
        Self { core: None, incarnation: 0, armed: None }
    }
}

impl<C: Core> Host<C> {
    /// Starts the process, or starts it anew.
    pub fn start(&mut self, now: Tick, start: C::Start) -> &mut C {
        self.incarnation += 1;
        self.armed = None;
        self.core.insert(C::start(now, start))
    }

    /// The process is there, and has run before.
    pub fn resume(&mut self, core: C) {
        self.incarnation += 1;
        self.armed = None;
        self.core = Some(core);
    }

    /// The process ends, in the middle of whatever it does.
    pub fn stop(&mut self) {
        self.core = None;
    }

    /// Its core; none while it is down.
    pub const fn core(&self) -> Option<&C> {
        self.core.as_ref()
    }

    /// Its core; none while it is down.
    pub const fn core_mut(&mut self) -> Option<&mut C> {
        self.core.as_mut()
    }

    /// Counts starts; what was meant for an earlier one is void.
    pub const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Tells the core. Answers whether there is one.
    pub fn tell(&mut self, now: Tick, event: C::Event) -> bool {
        self.core.as_mut().map(|core| core.handle(now, event)).is_some()
    }

    /// The planned wake-up has come. Answers whether there is a core.
    pub(crate) fn wake(&mut self, now: Tick) -> bool {
        self.armed = None;
        self.core.as_mut().map(|core| core.handle_timeout(now)).is_some()
    }

    /// When a wake-up has to be planned, if none is that comes early enough.
    pub(crate) fn arm(&mut self, now: Tick) -> Option<Tick> {
        let due = self.core.as_ref()?.poll_timeout()?;
        if self.armed.is_some_and(|armed| armed <= due && armed > now) {
            return None;
        }
        self.armed = Some(due);
        Some(due)
    }
}
