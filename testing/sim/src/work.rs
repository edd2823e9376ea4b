//! What a simulated task does, as text that travels in its command line or data: `work 2500 exit 0`.

use std::time::Duration;

/// A task's behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// How long it runs.
    pub duration: Duration,
    /// Its exit code; not zero: it failed.
    pub exit: u8,
    /// It does not listen to SIGTERM.
    pub stubborn: bool,
}

impl Work {
    /// The text form.
    pub fn to_text(self) -> String {
        let tail = if self.stubborn { " stubborn" } else { "" };
        format!("work {} exit {}{tail}", self.duration.as_millis(), self.exit)
    }

    /// Reads the text form; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (Some("work"), Some(millis), Some("exit"), Some(exit)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        Some(Self {
            duration: Duration::from_millis(millis.parse().ok()?),
            exit: exit.parse().ok()?,
            stubborn: words.next() == Some("stubborn"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_survives_its_text_form() {
        let work = Work { duration: Duration::from_millis(2500), exit: 3, stubborn: true };
        assert_eq!(Work::parse(&work.to_text()), Some(work));
        assert_eq!(Work::parse("play 1 exit 0"), None);
    }
}
