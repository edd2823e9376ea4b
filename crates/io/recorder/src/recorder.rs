//! What is written when, on the core's side: encoding, and the bound on what waits. Must not live here: files.

use std::{io, path::Path, time::Duration};

use serde::Serialize;
use tepui_core_kit::Core;
use tepui_model::Tick;

use crate::{
    format::{Begin, Blob, Digest, Dropped, Framer, From, Kind, encode},
    writer::{Chunk, Writer},
};

/// How much is kept, on disk and in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All recordings of cores of this name in the directory; the oldest segments make room. Default: 1 GiB.
    pub total: u64,
    /// One segment; each begins with the whole state. Default: a sixteenth of `total`.
    pub segment: u64,
    /// What waits to be written; what comes beyond it is dropped and counted. Default: 16 MiB.
    pub waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(1 << 30)
    }
}

impl Limits {
    /// For so many bytes on disk.
    pub const fn of(total: u64) -> Self {
        Self { total, segment: total / 16, waiting: 16 << 20 }
    }
}

/// Why there can be no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The directory or a file in it cannot be made.
    #[error("cannot record to {path}: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A value that cannot be written down.
    #[error("cannot be recorded: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// After events were dropped: so long until the next segment is tried.
const RESUME_AFTER: Duration = Duration::from_secs(1);

const TOO_MUCH: &str = "too much waits to be written, or the disk refused it";

/// Writes down what enters one core, in a run of its own below a directory.
#[derive(Debug)]
pub struct Recorder {
    writer: Writer,
    limits: Limits,
    program: String,
    framer: Framer,
    effects: Vec<Digest>,
    /// The last time that was told.
    now: Tick,
    segment: u64,
    /// Bytes of the present segment.
    written: u64,
    /// Events that were appended and not handed over.
    unsent: Dropped,
    dropped: Option<Dropped>,
    /// An effect's encoding; kept to be used again.
    scratch: Vec<u8>,
}

impl Recorder {
    /// A recorder below `directory`, which is made if need be (mode 0700), for the program of version `program`.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(directory: &Path, limits: Limits, program: &str) -> Result<Self, RecordError> {
        let writer = Writer::new(directory, limits)
            .map_err(|source| RecordError::Directory { path: directory.display().to_string(), source })?;
        Ok(Self {
            writer,
            limits,
            program: program.to_owned(),
            framer: Framer::default(),
            effects: Vec::new(),
            now: Tick::ZERO,
            segment: 0,
            written: 0,
            unsent: Dropped { events: 0, since: Tick::ZERO },
            dropped: None,
            scratch: Vec::new(),
        })
    }

    /// The run begins.
    pub(crate) fn begin<C: Core>(&mut self, now: Tick, start: &C::Start) -> Result<(), RecordError> {
        self.now = now;
        self.writer.name_run(C::NAME, now).map_err(|source| RecordError::Directory {
            path: self.writer.directory().display().to_string(),
            source,
        })?;
        let mut encoded = Vec::new();
        encode(start, &mut encoded)?;
        self.open_segment::<C>(From::Start(Blob(encoded)))?;
        self.send();
        Ok(())
    }

    pub(crate) fn event(&mut self, now: Tick, event: &impl Serialize) {
        self.enter(Kind::Event, now, Some(event));
    }

    pub(crate) fn timeout(&mut self, now: Tick) {
        self.enter(Kind::Timeout, now, None::<&()>);
    }

    pub(crate) fn effect(&mut self, effect: &impl Serialize) {
        if self.dropped.is_some() {
            return;
        }
        self.scratch.clear();
        match encode(effect, &mut self.scratch) {
            Ok(()) => self.effects.push(Digest::of(&self.scratch)),
            Err(error) => self.lose(&error),
        }
    }

    /// The core has no more effects: what was appended may be written, and a segment may end.
    pub(crate) fn drained<C: Core>(&mut self, core: &C) {
        if self.dropped.is_none() {
            self.take_effects(Kind::Drained);
            if self.framer.len() > 0 {
                self.send();
            }
        }
        let resumes = self.dropped.is_some_and(|dropped| self.now.since(dropped.since) >= RESUME_AFTER);
        let full = self.dropped.is_none() && self.written >= self.limits.segment;
        if (resumes && self.writer.has_room(self.limits.waiting / 2)) || full {
            self.go_on_in_a_new_segment(core);
        }
    }

    fn go_on_in_a_new_segment<C: Core>(&mut self, core: &C) {
        let mut state = Vec::new();
        let opened = encode(core, &mut state)
            .map_err(RecordError::from)
            .and_then(|()| self.open_segment::<C>(From::State(Blob(state))));
        match opened {
            Ok(()) => {
                self.dropped = None;
                self.send();
            }
            Err(error) => self.lose(&error),
        }
    }

    fn open_segment<C: Core>(&mut self, from: From) -> Result<(), RecordError> {
        self.segment += 1;
        self.written = 0;
        self.framer.restart();
        let begin = Begin {
            core: C::NAME.to_owned(),
            version: C::VERSION,
            program: self.program.clone(),
            segment: self.segment,
            dropped: self.dropped,
            from,
        };
        Ok(self.framer.frame(Kind::Begin, self.now, Some(&begin))?)
    }

    fn enter(&mut self, kind: Kind, now: Tick, event: Option<&impl Serialize>) {
        self.now = self.now.max(now);
        if let Some(dropped) = &mut self.dropped {
            dropped.events += 1;
            return;
        }
        if self.unsent.events == 0 {
            self.unsent.since = self.now;
        }
        self.unsent.events += 1;
        self.take_effects(Kind::Taken);
        if let Err(error) = self.framer.frame(kind, now, event) {
            self.lose(&error);
        } else if self.framer.len() > self.limits.waiting {
            self.lose(&TOO_MUCH);
        }
    }

    /// Writes which effects were taken. An empty list is written only where it says that the core was drained.
    fn take_effects(&mut self, kind: Kind) {
        let drained_nothing = kind == Kind::Drained && self.framer.len() == 0;
        if self.effects.is_empty() && (kind == Kind::Taken || drained_nothing) {
            return;
        }
        let effects = std::mem::take(&mut self.effects);
        if let Err(error) = self.framer.frame(kind, self.now, Some(&effects)) {
            self.lose(&error);
        }
        self.effects = effects;
        self.effects.clear();
    }

    /// Hands over what was appended; if there is no room for it, it is dropped and counted.
    fn send(&mut self) {
        let bytes = self.framer.take();
        self.written += bytes.len() as u64;
        let begins = bytes.starts_with(crate::format::MAGIC).then_some(self.segment);
        if self.writer.send(Chunk { bytes, begins }, self.limits.waiting) {
            self.unsent.events = 0;
        } else {
            self.lose(&TOO_MUCH);
        }
    }

    /// From here on events are dropped, until there is a new segment.
    fn lose(&mut self, reason: &dyn std::fmt::Display) {
        if self.dropped.is_none() {
            tracing::warn!("the recording has a gap: {reason}");
            self.dropped = Some(self.unsent);
        }
        self.unsent.events = 0;
        self.effects.clear();
        let _ = self.framer.take();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.dropped.is_none() && self.segment > 0 {
            self.take_effects(Kind::Taken);
            let _ = self.framer.frame(Kind::End, self.now, None::<&()>);
            self.send();
        }
    }
}
