//! The planned end of the machine.

use std::{cell::Cell, fs, io, path::Path};

thread_local! {
    /// Steps that are left; `None`: no end is planned.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    /// Directories are emptied from their last name on.
    static BACKWARDS: Cell<bool> = const { Cell::new(false) };
}

/// How far a write came.
#[derive(Debug)]
pub(crate) struct Reached(pub(crate) usize);

impl From<Reached> for io::Error {
    fn from(_: Reached) -> Self {
        Self::other("the machine has stopped")
    }
}

/// Runs `work` on a machine that stops after `steps`: bytes written, and everything else that is done to files.
pub(crate) fn after<T>(steps: usize, backwards: bool, work: impl FnOnce() -> T) -> T {
    LEFT.set(Some(steps));
    BACKWARDS.set(backwards);
    let result = work();
    LEFT.set(None);
    result
}

/// How many steps `work` takes.
pub(crate) fn count(work: impl FnOnce()) -> usize {
    after(usize::MAX, false, || {
        work();
        usize::MAX - LEFT.get().unwrap_or_default()
    })
}

pub(super) fn steps(wanted: usize) -> Result<(), Reached> {
    let Some(left) = LEFT.get() else { return Ok(()) };
    LEFT.set(Some(left.saturating_sub(wanted)));
    if left < wanted { Err(Reached(left)) } else { Ok(()) }
}

/// Empties a directory entry by entry, in an order that a file system may have.
pub(super) fn remove_all_but_for_the_steps(path: &Path) -> io::Result<()> {
    if LEFT.get().is_none() {
        return Ok(());
    }
    let Ok(entries) = fs::read_dir(path) else { return Ok(()) };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    if BACKWARDS.get() {
        entries.reverse();
    }
    for entry in entries {
        if entry.is_dir() && !entry.is_symlink() {
            remove_all_but_for_the_steps(&entry)?;
            steps(1)?;
            fs::remove_dir(entry)?;
        } else {
            steps(1)?;
            fs::remove_file(entry)?;
        }
    }
    Ok(())
}
