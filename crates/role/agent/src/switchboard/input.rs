//! What goes into a container.

use std::io;

use bytes::Bytes;
use tepui_containment::Tty;
use tepui_wire_mesos::v1::agent::{ProcessIo, process_io};
use tokio::{io::AsyncWriteExt as _, net::unix::pipe, sync::OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

/// What a terminal takes for the end of input (Ctrl-D).
const END_OF_TRANSMISSION: &[u8] = &[4];

/// Where it goes.
#[derive(Debug)]
pub(super) enum Sink {
    /// A pipe, until its end was sent.
    Pipe(Option<pipe::Sender>),
    Tty(Tty),
}

/// The right to write into a container, which only one has at a time.
#[derive(Debug)]
pub(crate) struct Input {
    sink: OwnedMutexGuard<Sink>,
    ended: CancellationToken,
}

/// Why nothing more goes in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InputError {
    /// What came makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The container takes no more.
    #[error("the container does not read any more")]
    Gone,
}

impl Input {
    pub(super) fn new(sink: OwnedMutexGuard<Sink>, ended: CancellationToken) -> Self {
        Self { sink, ended }
    }

    /// Waits until the container has ended.
    pub(crate) fn until_ended(&self) -> impl Future<Output = ()> + use<> {
        self.ended.clone().cancelled_owned()
    }

    /// Does what one record says.
    pub(crate) async fn take(&mut self, record: ProcessIo) -> Result<(), InputError> {
        match record.r#type.and_then(|kind| process_io::Type::try_from(kind).ok()) {
            Some(process_io::Type::Data) => {
                let data =
                    record.data.ok_or(InputError::Invalid("Expecting 'process_io.data' to be present"))?;
                if data.r#type != Some(process_io::data::Type::Stdin.into()) {
                    return Err(InputError::Invalid("Expecting 'process_io.data.type' to be STDIN"));
                }
                let ended = self.ended.clone();
                tokio::select! {
                    written = self.write(data.data.unwrap_or_default()) => written.map_err(|_| InputError::Gone),
                    () = ended.cancelled() => Err(InputError::Gone),
                }
            }
            Some(process_io::Type::Control) => {
                let control = record
                    .control
                    .ok_or(InputError::Invalid("Expecting 'process_io.control' to be present"))?;
                if control.r#type == Some(process_io::control::Type::TtyInfo.into()) {
                    self.resize(control)?;
                }
                Ok(())
            }
            _ => Err(InputError::Invalid("Expecting 'process_io.type' to be DATA or CONTROL")),
        }
    }

    /// Nothing is the end of input.
    async fn write(&mut self, data: Bytes) -> io::Result<()> {
        match &mut *self.sink {
            Sink::Tty(tty) if data.is_empty() => tty.write_all(END_OF_TRANSMISSION).await,
            Sink::Tty(tty) => tty.write_all(&data).await,
            Sink::Pipe(pipe) if data.is_empty() => {
                *pipe = None;
                Ok(())
            }
            Sink::Pipe(Some(pipe)) => pipe.write_all(&data).await,
            Sink::Pipe(None) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn resize(&self, control: process_io::Control) -> Result<(), InputError> {
        let Sink::Tty(tty) = &*self.sink else {
            return Err(InputError::Invalid("The container has no terminal"));
        };
        let Some(size) = control.tty_info.and_then(|info| info.window_size) else { return Ok(()) };
        let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
        // A terminal that is gone has no size.
        let _ = tty.resize(side(size.rows), side(size.columns));
        Ok(())
    }
}
