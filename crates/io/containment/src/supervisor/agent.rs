//! The connection to the agent.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::event::{PollFd, PollFlags};

use super::protocol::{Event, InvalidFrame, Request, next_frame};
use crate::handover;

/// Above this many unread bytes no more requests are read.
const OUT_MAX: usize = 1 << 20;
/// How much is read at a time.
const READ_SIZE: usize = 64 << 10;

/// The connection to the agent: requests that came and were not dealt with, events that were not taken.
#[derive(Debug)]
pub(super) struct Agent {
    stream: UnixStream,
    inbox: Vec<u8>,
    /// Start of what has not been dealt with.
    read: usize,
    outbox: Vec<u8>,
    /// Descriptors that go out with the bytes before these places in the outbox.
    descriptors: VecDeque<(usize, Vec<OwnedFd>)>,
    greeted: bool,
}

impl Agent {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (inbox, outbox, descriptors) = (Vec::new(), Vec::new(), VecDeque::new());
        Ok(Self { stream, inbox, read: 0, outbox, descriptors, greeted: false })
    }

    /// What to wait for: not for more while there is a request already, or while the agent does not read.
    pub(super) fn to_poll(&self) -> PollFd<'_> {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, self.outbox.len() < OUT_MAX && !self.has_request());
        interest.set(PollFlags::OUT, !self.outbox.is_empty());
        PollFd::from_borrowed_fd(self.stream.as_fd(), interest)
    }

    /// Whether a request, or something that is none, can be taken without reading.
    pub(super) fn has_request(&self) -> bool {
        !matches!(next_frame(&self.inbox, self.read), Ok(None))
    }

    /// Says hello. What happens is told from now on.
    pub(super) fn greet(&mut self, version: u8) {
        self.greeted = true;
        self.answer(&Event::Hello { version });
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, event: &Event) {
        event.encode(&mut self.outbox);
    }

    /// Tells what happened. Who has not said hello yet gets it with the list.
    pub(super) fn tell(&mut self, event: &Event) {
        if self.greeted {
            event.encode(&mut self.outbox);
        }
    }

    /// Hands descriptors over with an event. Before the hello they are closed.
    pub(super) fn hand_over(&mut self, event: &Event, descriptors: Vec<OwnedFd>) {
        if self.greeted {
            event.encode(&mut self.outbox);
            self.descriptors.push_back((self.outbox.len(), descriptors));
        }
    }

    /// Reads unless the agent does not. False when the connection is over.
    pub(super) fn read_some(&mut self) -> bool {
        if self.outbox.len() >= OUT_MAX {
            return true;
        }
        self.inbox.drain(..self.read);
        self.read = 0;
        let length = self.inbox.len();
        self.inbox.resize(length + READ_SIZE, 0);
        let result = self.inbox.get_mut(length..).map_or(Ok(0), |room| self.stream.read(room));
        self.inbox.truncate(length + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }

    /// Writes what can be written. False when the connection is over.
    pub(super) fn write_some(&mut self) -> bool {
        while !self.outbox.is_empty() {
            let result = match self.descriptors.front() {
                Some((end, descriptors)) => {
                    let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(|fd| fd.as_fd()).collect();
                    let bytes = self.outbox.get(..*end).unwrap_or(&self.outbox);
                    handover::send(&self.stream, bytes, &descriptors)
                }
                None => self.stream.write(&self.outbox),
            };
            match result {
                Ok(0) => return false,
                Ok(length) => {
                    self.outbox.drain(..length);
                    self.descriptors.pop_front();
                    for (end, _) in &mut self.descriptors {
                        *end -= length;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        if self.outbox.capacity() > OUT_MAX {
            self.outbox = Vec::new();
        }
        true
    }

    /// Takes a request that has been read.
    pub(super) fn next_request(&mut self) -> Result<Option<Request>, InvalidFrame> {
        let Some((body, next)) = next_frame(&self.inbox, self.read)? else {
            if self.read == self.inbox.len() && self.inbox.capacity() > 4 * READ_SIZE {
                (self.inbox, self.read) = (Vec::new(), 0);
            }
            return Ok(None);
        };
        let request = Request::decode(body);
        self.read = next;
        request.map(Some)
    }
}
