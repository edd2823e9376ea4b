//! Processes in files: a number alone says little, because numbers are used again.
//!
//! A file has the number, when the process started (in the kernel's ticks since the boot) and the boot's id. No
//! clock is asked, so none can mislead: a process that lives must not be taken for another one, nor another for it.

use std::{fs, io, path::Path};

use crate::machine;

/// A process that was written down.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) pid: i32,
    /// Empty if it had ended by then.
    start: String,
}

impl Written {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (pid, start) = text.trim_end().split_once(' ').unwrap_or((text.trim_end(), ""));
        let pid = pid.parse().ok().filter(|pid| *pid > 1)?;
        Some(Self { pid, start: start.to_owned() })
    }

    /// Whether it has not ended.
    pub(super) fn lives(&self) -> bool {
        start(self.pid).is_some_and(|start| start == self.start)
    }
}

/// Writes a process down.
pub(super) fn write(path: &Path, pid: i32) -> io::Result<()> {
    fs::write(path, format!("{pid} {}", start(pid).unwrap_or_default()))
}

/// What tells a process from others with its number; none if it has ended.
fn start(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may have anything in it.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let ticks = fields.nth(18)?;
    Some(format!("{ticks} {}", machine::boot_id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_process_lives() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let lives = || Written::read(&file).map(|written| written.lives());
        let own = i32::try_from(std::process::id()).unwrap();
        write(&file, own).unwrap();
        assert_eq!(lives(), Some(true));
        let mut text = fs::read_to_string(&file).unwrap();
        for (other, expected) in [
            (text.replacen(' ', " 1", 1), Some(false)),
            (format!("{text}1"), Some(false)),
            (own.to_string(), Some(false)),
            ("1 1 1".to_owned(), None),
            ("rubbish".to_owned(), None),
            (String::new(), None),
        ] {
            fs::write(&file, &other).unwrap();
            assert_eq!(lives(), expected, "{other:?}");
        }
        let mut child = std::process::Command::new("true").spawn().unwrap();
        write(&file, i32::try_from(child.id()).unwrap()).unwrap();
        child.wait().unwrap();
        assert_eq!(lives(), Some(false));
        text.push('\n');
        fs::write(&file, text).unwrap();
        assert_eq!(lives(), Some(true));
    }
}
