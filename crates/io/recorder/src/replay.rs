//! A recorded run is had again. Must not live here: what a core's state looks like to people.

mod error;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

pub use error::{Difference, ReplayError};
use serde::de::DeserializeOwned;
use tepui_core_kit::Core;
use tepui_model::Tick;

use crate::{
    format::{Begin, Digest, Fault, Frame, Frames, From, Kind, encode},
    writer::{entries, segments_of},
};

/// What one process recorded: from its start, or from the oldest segment that is left, to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The core's name.
    pub core: String,
    /// When the process began.
    pub began: Tick,
    /// Its directory.
    pub path: PathBuf,
    segments: Vec<PathBuf>,
}

/// The runs in a directory, or the one that the directory is; oldest first.
///
/// # Errors
/// The directory cannot be read, or no recording is in it.
pub fn runs(directory: &Path) -> Result<Vec<Run>, ReplayError> {
    let read = |error| ReplayError::Read { path: directory.to_path_buf(), source: error };
    let mut runs = Vec::new();
    for path in std::iter::once(directory.to_path_buf()).chain(entries(directory).map_err(read)?) {
        if path.is_dir()
            && let Some((core, began)) = name_of_run(&path)
        {
            let segments = segments_of(&path).map_err(read)?;
            runs.push(Run { core, began, path, segments });
        }
    }
    runs.retain(|run| !run.segments.is_empty());
    runs.sort_by(|a, b| (a.began, &a.core).cmp(&(b.began, &b.core)));
    if runs.is_empty() {
        return Err(ReplayError::NoRecording { path: directory.to_path_buf() });
    }
    Ok(runs)
}

fn name_of_run(path: &Path) -> Option<(String, Tick)> {
    let (core, began) = path.file_name()?.to_str()?.rsplit_once('-')?;
    Some((core.to_owned(), Tick::from_nanos(began.parse().ok()?)))
}

/// A run that was had again.
#[derive(Debug)]
pub struct Replayed<C> {
    /// The core as it was at the end, or at the time that was asked for; none if nothing was recorded by then.
    pub core: Option<C>,
    /// The time of the last event that entered it.
    pub now: Tick,
    /// Events and timeouts that entered it.
    pub events: u64,
    /// Effects that were compared.
    pub effects: u64,
    /// Events that are missing in the recording.
    pub dropped: u64,
    /// The recording begins with a later segment than the first: older ones made room.
    pub beginning_is_gone: bool,
    /// The last record was not written to its end: the process was killed.
    pub torn: bool,
    /// Of a recording of another version of the core: the first difference, which is meant.
    pub difference: Option<Difference>,
}

/// Runs what was recorded through a core, up to `until` if it is given, and compares the effects.
///
/// `look` sees the core whenever it has decided all that follows from the events before.
///
/// A core that differs is an error if it claims to be of the version that was recorded; otherwise the difference is told in
/// the result, and the state is that of the core as it is now.
///
/// # Errors
/// See [`ReplayError`].
pub fn replay<C: Core>(
    run: &Run,
    until: Option<Tick>,
    look: impl FnMut(&C, Tick),
) -> Result<Replayed<C>, ReplayError> {
    replay_with(run, until, look, |_| {})
}

/// As [`replay`]; `want` gets what the core wants done, in order.
///
/// # Errors
/// See [`ReplayError`].
pub fn replay_with<C: Core>(
    run: &Run,
    until: Option<Tick>,
    look: impl FnMut(&C, Tick),
    want: impl FnMut(C::Effect),
) -> Result<Replayed<C>, ReplayError> {
    let mut player = Player::<C, _, _>::new(until, look, want);
    let last = run.segments.len().saturating_sub(1);
    for (number, path) in run.segments.iter().enumerate() {
        if player.segment(run, path, number == last)? == Next::Stop {
            break;
        }
    }
    Ok(player.result)
}

#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    Stop,
}

/// Where a replay is.
struct Player<C, L, W> {
    until: Option<Tick>,
    look: L,
    want: W,
    result: Replayed<C>,
    after: Option<String>,
    /// Of the present segment.
    program: String,
    is_same_version: bool,
    segment: Option<u64>,
    record: u64,
    scratch: Vec<u8>,
}

impl<C: Core, L: FnMut(&C, Tick), W: FnMut(C::Effect)> Player<C, L, W> {
    fn new(until: Option<Tick>, look: L, want: W) -> Self {
        let result = Replayed {
            core: None,
            now: Tick::ZERO,
            events: 0,
            effects: 0,
            dropped: 0,
            beginning_is_gone: false,
            torn: false,
            difference: None,
        };
        Self {
            until,
            look,
            want,
            result,
            after: None,
            program: String::new(),
            is_same_version: true,
            segment: None,
            record: 0,
            scratch: Vec::new(),
        }
    }

    fn segment(&mut self, run: &Run, path: &Path, is_last: bool) -> Result<Next, ReplayError> {
        let bytes =
            fs::read(path).map_err(|source| ReplayError::Read { path: path.to_path_buf(), source })?;
        self.record = 0;
        let mut frames = match Frames::new(&bytes) {
            Ok(frames) => frames,
            Err(Fault::Torn) if is_last => return Ok(self.torn()),
            Err(fault) => return Err(self.damaged(path, 0, words(fault))),
        };
        loop {
            self.record += 1;
            let offset = frames.offset();
            match frames.next() {
                Ok(None) => return Ok(Next::Continue),
                Ok(Some(frame)) => {
                    if self.until.is_some_and(|until| frame.now > until) {
                        return Ok(Next::Stop);
                    }
                    self.frame(run, path, &frame)?;
                }
                Err(Fault::Torn) if is_last => return Ok(self.torn()),
                Err(fault) => return Err(self.damaged(path, offset, words(fault))),
            }
        }
    }

    const fn torn(&mut self) -> Next {
        self.result.torn = true;
        Next::Stop
    }

    fn frame(&mut self, run: &Run, path: &Path, frame: &Frame<'_>) -> Result<(), ReplayError> {
        self.result.now = self.result.now.max(frame.now);
        match frame.kind {
            Kind::Begin => self.begin(run, path, frame),
            Kind::Event => {
                let event: C::Event = self.read(path, frame)?;
                self.after = Some(shortened(&event));
                self.enter(path, frame, |core| core.handle(frame.now, event))
            }
            Kind::Timeout => {
                self.after = Some("a timeout".to_owned());
                self.enter(path, frame, |core| core.handle_timeout(frame.now))
            }
            Kind::Taken => self.compare(path, frame, false),
            Kind::Drained => {
                self.compare(path, frame, true)?;
                if let Some(core) = &self.result.core {
                    (self.look)(core, frame.now);
                }
                Ok(())
            }
            Kind::End => Ok(()),
        }
    }

    fn begin(&mut self, run: &Run, path: &Path, frame: &Frame<'_>) -> Result<(), ReplayError> {
        let begin: Begin = self.read(path, frame)?;
        if begin.core != C::NAME {
            let (path, recorded) = (path.to_path_buf(), begin.core);
            return Err(ReplayError::OtherCore { path, recorded, expected: C::NAME });
        }
        let expected = self.segment.map(|segment| segment + 1);
        if let Some(missing) = expected.filter(|expected| *expected != begin.segment) {
            return Err(ReplayError::Missing { path: run.path.clone(), missing });
        }
        self.result.beginning_is_gone |= expected.is_none() && begin.segment != 1;
        self.segment = Some(begin.segment);
        self.is_same_version = begin.version == C::VERSION;
        self.program = begin.program;
        self.result.dropped += begin.dropped.map_or(0, |dropped| dropped.events);
        let core = match &begin.from {
            From::Start(start) => C::start(frame.now, self.decode(path, frame, &start.0)?),
            From::State(state) => {
                if begin.dropped.is_none() {
                    self.compare_state(path, frame, &state.0)?;
                }
                self.decode(path, frame, &state.0)?
            }
        };
        // Where the core of today differs on purpose, it goes on with its own state.
        if self.result.difference.is_none() || begin.dropped.is_some() {
            self.result.core = Some(core);
        }
        Ok(())
    }

    /// A segment follows another: the core has to be as it was then, also where its effects do not show it.
    fn compare_state(&mut self, path: &Path, frame: &Frame<'_>, state: &[u8]) -> Result<(), ReplayError> {
        let Some(core) = &self.result.core else { return Ok(()) };
        self.scratch.clear();
        if encode(core, &mut self.scratch).is_ok() && self.scratch == state {
            return Ok(());
        }
        let difference = Difference {
            path: path.to_path_buf(),
            record: self.record,
            now: frame.now,
            after: self.after.clone(),
            recorded: Some("a state".to_owned()),
            now_wanted: Some("another".to_owned()),
            program: self.program.clone(),
        };
        self.differs(difference)
    }

    /// A failure, unless it is meant.
    fn differs(&mut self, difference: Difference) -> Result<(), ReplayError> {
        if self.is_same_version {
            return Err(ReplayError::Differs(Box::new(difference)));
        }
        self.result.difference.get_or_insert(difference);
        Ok(())
    }

    fn enter(
        &mut self,
        path: &Path,
        frame: &Frame<'_>,
        happen: impl FnOnce(&mut C),
    ) -> Result<(), ReplayError> {
        let Some(core) = &mut self.result.core else {
            return Err(self.damaged(path, frame.offset, "comes before the beginning".to_owned()));
        };
        happen(core);
        self.result.events += 1;
        Ok(())
    }

    /// Takes as many effects as were taken, or all, and compares them.
    fn compare(&mut self, path: &Path, frame: &Frame<'_>, all: bool) -> Result<(), ReplayError> {
        let digests: Vec<Digest> = self.read(path, frame)?;
        let Some(core) = &mut self.result.core else {
            return Err(self.damaged(path, frame.offset, "comes before the beginning".to_owned()));
        };
        let mut recorded = digests.into_iter();
        loop {
            let digest = recorded.next();
            if digest.is_none() && !all {
                return Ok(());
            }
            let effect = core.poll_effect();
            let wanted = match &effect {
                None => None,
                Some(effect) => {
                    self.scratch.clear();
                    encode(effect, &mut self.scratch).ok().map(|()| Digest::of(&self.scratch))
                }
            };
            if digest == wanted {
                let Some(effect) = effect else { return Ok(()) };
                self.result.effects += 1;
                (self.want)(effect);
                continue;
            }
            let difference = Difference {
                path: path.to_path_buf(),
                record: self.record,
                now: frame.now,
                after: self.after.clone(),
                recorded: digest.map(|digest| digest.name),
                now_wanted: effect.as_ref().map(shortened),
                program: self.program.clone(),
            };
            let rest = std::iter::from_fn(|| if all { core.poll_effect() } else { None });
            effect.into_iter().chain(rest).for_each(&mut self.want);
            return self.differs(difference);
        }
    }

    fn read<T: DeserializeOwned>(&self, path: &Path, frame: &Frame<'_>) -> Result<T, ReplayError> {
        self.decode(path, frame, frame.payload)
    }

    fn decode<T: DeserializeOwned>(
        &self,
        path: &Path,
        frame: &Frame<'_>,
        bytes: &[u8],
    ) -> Result<T, ReplayError> {
        rmp_serde::from_slice(bytes).map_err(|error| {
            let what = format!("cannot be read by this version (recorded by {}): {error}", self.program);
            self.damaged(path, frame.offset, what)
        })
    }

    fn damaged(&self, path: &Path, offset: usize, what: String) -> ReplayError {
        ReplayError::Damaged { path: path.to_path_buf(), record: self.record, offset, what }
    }
}

fn words(fault: Fault) -> String {
    match fault {
        Fault::NoRecording => "is not the beginning of a recording",
        Fault::Checksum => "has a checksum that does not fit what is written there",
        Fault::UnknownKind => "is of a kind that this version does not know",
        Fault::Torn => "ends in its middle, though another segment follows",
    }
    .to_owned()
}

/// A value in words for a person, not longer than a few lines.
fn shortened(value: &impl fmt::Debug) -> String {
    const LONGEST: usize = 400;
    let mut text = format!("{value:?}");
    if text.len() > LONGEST {
        let end = text.floor_char_boundary(LONGEST);
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}
