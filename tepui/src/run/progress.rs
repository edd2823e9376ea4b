//! A progress bar on stderr, when that is a terminal.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How many tasks have ended.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of so many tasks; hidden when nobody looks.
    pub(super) fn new(tasks: u32) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(u64::from(tasks)), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} tasks {elapsed}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    pub(super) fn ended(&self, tasks: u32) {
        self.bar.set_position(u64::from(tasks));
    }

    /// Does something with the terminal while the bar is out of the way.
    pub(super) fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bar.suspend(act)
    }

    /// A line on stderr.
    pub(super) fn say(&self, line: &str) {
        // Nobody can be told that stderr is gone.
        let _ = self.aside(|| writeln!(std::io::stderr().lock(), "{line}"));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
