//! The connection to the supervisor, and finding it again.

use std::{collections::VecDeque, os::fd::OwnedFd, process::Child, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
};

use super::{
    Options, RecoveredContainer,
    connect::{self, Connection},
};
use crate::{
    handover,
    supervisor::protocol::{Event, InvalidFrame, Request, next_frame},
};

/// Above this many unsent bytes no more requests are taken.
const OUT_MAX: usize = 4 << 20;
/// Wait before a lost supervisor is looked for again after a failure.
const RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// The connection is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost;

impl From<InvalidFrame> for Lost {
    fn from(_: InvalidFrame) -> Self {
        Self
    }
}

/// The connection to the supervisor.
#[derive(Debug)]
pub(super) struct Link {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    inbox: Vec<u8>,
    /// Start of what has not been dealt with.
    read: usize,
    /// Descriptors that came with the inbox.
    descriptors: VecDeque<Vec<OwnedFd>>,
    outbox: Vec<u8>,
    version: u8,
    child: Option<Child>,
}

impl Link {
    /// Uses a connection; what it listed is given back.
    pub(super) fn new(connection: Connection) -> (Self, Vec<RecoveredContainer>) {
        let Connection { stream, inbox, descriptors, version, containers, child } = connection;
        let (reader, writer) = stream.into_split();
        (Self { reader, writer, inbox, read: 0, descriptors, outbox: Vec::new(), version, child }, containers)
    }

    /// The version of the protocol that the supervisor speaks.
    pub(super) const fn version(&self) -> u8 {
        self.version
    }

    /// Whether there is no room for more requests.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.len() >= OUT_MAX
    }

    pub(super) fn request(&mut self, request: &Request) {
        request.encode(&mut self.outbox);
    }

    /// Waits until something came or went. Nothing is lost when this is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Result<(), Lost> {
        let reader = self.reader.as_ref();
        let receive = || handover::receive(reader, &mut self.inbox, &mut self.descriptors);
        tokio::select! {
            result = reader.async_io(Interest::READABLE, receive) => match result {
                Ok(length) if length > 0 => Ok(()),
                _ => Err(Lost),
            },
            result = self.writer.write(&self.outbox), if !self.outbox.is_empty() => {
                // A failure to write is also one to read, and dealt with there.
                let length = result.unwrap_or(self.outbox.len());
                self.outbox.drain(..length);
                Ok(())
            }
        }
    }

    /// The next event that came whole.
    pub(super) fn next_event(&mut self) -> Result<Option<Event>, Lost> {
        match next_frame(&self.inbox, self.read)? {
            Some((body, next)) => {
                let event = Event::decode(body)?;
                self.read = next;
                Ok(Some(event))
            }
            None => {
                self.inbox.drain(..self.read);
                self.read = 0;
                Ok(None)
            }
        }
    }

    /// The descriptors that came with [`Event::Io`].
    pub(super) fn take_descriptors(&mut self) -> Option<Vec<OwnedFd>> {
        self.descriptors.pop_front()
    }

    /// The supervisor is gone, which it never should: gets another one, and what it lists. `None` when there is
    /// nobody to do it for any more.
    pub(super) async fn find_again(
        &mut self,
        options: &Options,
        is_over: impl Fn() -> bool,
    ) -> Option<Vec<RecoveredContainer>> {
        tracing::warn!("lost the supervisor of {}", options.runtime_dir.display());
        if let Some(mut child) = self.child.take() {
            let end = move || {
                let _ = child.kill();
                child.wait()
            };
            let _ = tokio::task::spawn_blocking(end).await;
        }
        loop {
            match connect::connect(options).await {
                Ok(connection) => {
                    let (link, listed) = Self::new(connection);
                    *self = link;
                    return Some(listed);
                }
                Err(error) => tracing::error!("{error}"),
            }
            if is_over() {
                return None;
            }
            tokio::time::sleep(RECONNECT_WAIT).await;
        }
    }

    /// Says goodbye. An ephemeral supervisor then ends everything, and is waited for.
    pub(super) async fn end(mut self, ephemeral: bool) {
        let _ = self.writer.write_all(&self.outbox).await;
        let _ = self.writer.shutdown().await;
        if ephemeral {
            let mut rest = [0; 4096];
            while matches!(self.reader.read(&mut rest).await, Ok(length) if length > 0) {}
            if let Some(mut child) = self.child.take() {
                let _ = tokio::task::spawn_blocking(move || child.wait()).await;
            }
        }
    }
}
