//! What happened, in lines that a person can read.

use std::{collections::VecDeque, fmt};

use tepui_model::Tick;

/// How many lines are kept for the report of a violation.
const KEPT: usize = 400;

/// The latest lines, and all of them on stdout when asked for.
#[derive(Debug, Default)]
pub struct Trace {
    start: Tick,
    print: bool,
    lines: VecDeque<String>,
}

impl Trace {
    /// A trace whose clock begins at `start`; `print` shows each line at once.
    pub fn new(start: Tick, print: bool) -> Self {
        Self { start, print, lines: VecDeque::new() }
    }

    /// One line.
    #[expect(clippy::print_stdout, reason = "the trace is what the program is asked for")]
    pub fn line(&mut self, now: Tick, text: fmt::Arguments<'_>) {
        let line = format!("{:>10.3}s  {text}", now.since(self.start).as_secs_f64());
        if self.print {
            println!("{line}");
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// The latest lines, oldest first; those that speak of `subject` first of all, if it is given.
    pub fn tail(&self, subject: Option<&str>, count: usize) -> Vec<String> {
        let lines: Vec<&String> =
            self.lines.iter().filter(|line| subject.is_none_or(|subject| line.contains(subject))).collect();
        lines.iter().skip(lines.len().saturating_sub(count)).map(|line| (*line).clone()).collect()
    }
}
