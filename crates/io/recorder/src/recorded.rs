//! A core with a recorder beside it. Must not live here: files.

use std::ops::Deref;

use tepui_core_kit::Core;
use tepui_model::Tick;

use crate::{RecordError, Recorder};

/// A core whose events are written down before it sees them, if it has a recorder. Without one it costs nothing.
#[derive(Debug)]
pub struct Recorded<C> {
    core: C,
    recorder: Option<Recorder>,
}

impl<C: Core> Recorded<C> {
    /// A core that begins now, and whose start is the first thing that is written.
    ///
    /// # Errors
    /// The start cannot be written down.
    pub fn start(now: Tick, start: C::Start, recorder: Option<Recorder>) -> Result<Self, RecordError> {
        let mut recorder = recorder;
        if let Some(recorder) = &mut recorder {
            recorder.begin::<C>(now, &start)?;
        }
        Ok(Self { core: C::start(now, start), recorder })
    }

    /// A core that begins now, and of which nothing is written.
    pub fn unwritten(now: Tick, start: C::Start) -> Self {
        Self { core: C::start(now, start), recorder: None }
    }

    /// The core.
    pub const fn core(&self) -> &C {
        &self.core
    }

    /// Something happened.
    pub fn handle(&mut self, now: Tick, event: C::Event) {
        if let Some(recorder) = &mut self.recorder {
            recorder.event(now, &event);
        }
        self.core.handle(now, event);
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Tick) {
        if let Some(recorder) = &mut self.recorder {
            recorder.timeout(now);
        }
        self.core.handle_timeout(now);
    }

    /// When [`Recorded::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.core.poll_timeout()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<C::Effect> {
        let effect = self.core.poll_effect();
        if let Some(recorder) = &mut self.recorder {
            match &effect {
                Some(effect) => recorder.effect(effect),
                None => recorder.drained(&self.core),
            }
        }
        effect
    }
}

impl<C> Deref for Recorded<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.core
    }
}
