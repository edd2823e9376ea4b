//! What happened, in lines that a person can read.

use std::{fmt, time::Duration};

use tepui_model::Tick;

/// More lines than this are not kept; the first ones matter most.
const KEPT: usize = 1_000_000;

/// What a line is about: it decides who wants to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that was done to the cluster from outside.
    Fault,
    /// A process starts, ends, gains or loses a connection.
    Life,
    /// The business of tasks.
    Talk,
    /// Offers, heartbeats and the like, of which there are many.
    Noise,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Since the beginning.
    pub at: Duration,
    /// What it is about.
    pub kind: Kind,
    /// In words.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.3}s  {}", self.at.as_secs_f64(), self.text)
    }
}

/// All lines of a run that is recorded; nothing of one that is not, as most runs are only asked whether they hold.
#[derive(Debug)]
pub struct Trace {
    start: Tick,
    recording: bool,
    print: bool,
    lines: Vec<Line>,
    /// Ids that mean little to a reader, and what to say instead.
    names: Vec<(String, String)>,
}

impl Trace {
    /// A trace whose clock begins at `start`; `print` shows each line at once.
    pub const fn new(start: Tick, recording: bool, print: bool) -> Self {
        Self { start, recording, print, lines: Vec::new(), names: Vec::new() }
    }

    /// Whether lines are wanted.
    pub const fn is_on(&self) -> bool {
        self.recording || self.print
    }

    /// From now on `id` is shown as `name`.
    pub fn call(&mut self, id: &str, name: String) {
        if self.is_on() && !self.names.iter().any(|(known, _)| known == id) {
            self.names.push((id.to_owned(), name));
        }
    }

    /// One line.
    #[expect(clippy::print_stdout, reason = "the trace is what the program is asked for")]
    pub fn line(&mut self, now: Tick, kind: Kind, text: fmt::Arguments<'_>) {
        let mut text = text.to_string();
        for (id, name) in &self.names {
            if text.contains(id.as_str()) {
                text = text.replace(id.as_str(), name);
            }
        }
        let line = Line { at: now.since(self.start), kind, text };
        if self.print {
            println!("{line}");
        }
        if self.recording && self.lines.len() < KEPT {
            self.lines.push(line);
        }
    }

    /// What was recorded, oldest first.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// Traces a line with the world's clock; its kind comes first, unless it is [`Kind::Talk`].
macro_rules! trace {
    ($world:expr, $kind:ident: $($text:tt)*) => {
        if $world.trace.is_on() {
            $world.trace.line($world.now, $crate::trace::Kind::$kind, format_args!($($text)*));
        }
    };
    ($world:expr, $($text:tt)*) => {
        $crate::trace::trace!($world, Talk: $($text)*)
    };
}
pub(crate) use trace;
