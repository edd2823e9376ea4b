//! The terminal on standard input: its size, and its raw mode, which is undone in any case.

use std::io;

use rustix::{
    stdio::stdin,
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};
use tepui_wire_mesos::v1;

/// A terminal as it was found.
#[derive(Debug)]
pub(super) struct Terminal {
    found: Termios,
}

impl Terminal {
    /// The one on standard input, if that is one.
    pub(super) fn open() -> io::Result<Self> {
        if !isatty(stdin()) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self { found: tcgetattr(stdin())? })
    }

    /// How large it is now.
    pub(super) fn size() -> v1::TtyInfo {
        // Some terminals do not know.
        let size = tcgetwinsize(stdin()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
        let window_size = size.map(|size| v1::tty_info::WindowSize {
            rows: u32::from(size.ws_row),
            columns: u32::from(size.ws_col),
        });
        v1::TtyInfo { window_size }
    }

    /// What a container is launched with to have one like it.
    pub(super) fn container_info(&self) -> v1::ContainerInfo {
        v1::ContainerInfo {
            r#type: v1::container_info::Type::Mesos.into(),
            tty_info: Some(Self::size()),
            ..v1::ContainerInfo::default()
        }
    }

    /// Passes every key on as it is, Ctrl-C too, until the answer is dropped.
    pub(super) fn raw(self) -> io::Result<Raw> {
        let mut raw = self.found.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Drain, &raw)?;
        Ok(Raw(self))
    }
}

/// A terminal in raw mode. Dropping it brings back the mode that was found.
#[derive(Debug)]
pub(super) struct Raw(Terminal);

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that has gone needs no mode.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.0.found);
    }
}
