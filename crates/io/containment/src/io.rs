//! The agent's ends of a container's standard input and output, where they are not files.
//!
//! What does not live here: who may read and write them, and whether what comes out is also kept in a file.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, unix::AsyncFd},
    net::unix::pipe,
};

/// The agent's ends. Needs the runtime's reactor.
#[derive(Debug)]
pub enum ContainerIo {
    /// Of a container with [`Stdio::Pipes`](crate::Stdio::Pipes).
    Pipes {
        /// What is written here is read by the container; dropping it is the end of its input.
        stdin: pipe::Sender,
        /// What the container writes to its output.
        stdout: pipe::Receiver,
        /// What the container writes to its error output.
        stderr: pipe::Receiver,
    },
    /// Of a container with [`Stdio::Tty`](crate::Stdio::Tty).
    Tty(Tty),
}

/// The same, not yet used.
#[derive(Debug)]
pub(crate) enum KeptIo {
    Pipes([OwnedFd; 3]),
    Tty(OwnedFd),
}

impl KeptIo {
    /// What a set of descriptors is; `None` when it is not whole.
    pub(crate) fn new(tty: bool, set: Vec<OwnedFd>) -> Option<Self> {
        if tty {
            <[OwnedFd; 1]>::try_from(set).ok().map(|[master]| Self::Tty(master))
        } else {
            set.try_into().ok().map(Self::Pipes)
        }
    }

    /// Begins to use it, and gives back what can be used again.
    pub(crate) fn open(self) -> io::Result<(ContainerIo, Option<Self>)> {
        match self {
            Self::Pipes([stdin, stdout, stderr]) => {
                let pipes = ContainerIo::Pipes {
                    stdin: pipe::Sender::from_owned_fd(stdin)?,
                    stdout: pipe::Receiver::from_owned_fd(stdout)?,
                    stderr: pipe::Receiver::from_owned_fd(stderr)?,
                };
                Ok((pipes, None))
            }
            Self::Tty(master) => {
                Ok((ContainerIo::Tty(Tty::new(master.try_clone()?)?), Some(Self::Tty(master))))
            }
        }
    }
}

/// The master of a container's terminal. Reading ends when no process has the terminal open any more.
#[derive(Debug)]
pub struct Tty(AsyncFd<OwnedFd>);

impl Tty {
    pub(crate) fn new(master: OwnedFd) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&master)?;
        rustix::fs::fcntl_setfl(&master, flags | rustix::fs::OFlags::NONBLOCK)?;
        crate::sys::watch(master).map(Self)
    }

    /// Another handle on the same terminal.
    ///
    /// # Errors
    /// When there are too many descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        Self::new(self.0.get_ref().try_clone()?)
    }

    /// Says how large the terminal is; its processes get SIGWINCH when that is new.
    ///
    /// # Errors
    /// The system's.
    pub fn resize(&self, rows: u16, columns: u16) -> io::Result<()> {
        resize(self.0.get_ref(), rows, columns)
    }
}

pub(crate) fn resize(tty: &OwnedFd, rows: u16, columns: u16) -> io::Result<()> {
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(rustix::termios::tcsetwinsize(tty, size)?)
}

impl AsyncRead for Tty {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            let room = buffer.initialize_unfilled();
            match guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref().as_fd(), &mut *room)?)) {
                Ok(Ok(length)) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                // What the system says when the last one has closed the other side.
                Ok(Err(error)) if error.raw_os_error() == Some(libc::EIO) => return Poll::Ready(Ok(())),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Tty {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(context))?;
            match guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref().as_fd(), bytes)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// A terminal has no end of input by itself: its line discipline makes one of Ctrl-D.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
