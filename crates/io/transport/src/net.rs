//! Socket options that every connection gets.

use std::{os::fd::AsFd, time::Duration};

use bytes::BytesMut;
use rustix::net::sockopt;
use tracing::debug;

/// How long a connection may be silent before the kernel asks whether the peer is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// No waiting for more to send, and a kernel that notices a peer whose machine is gone. (Mesos sets no keep-alive,
/// and does not notice.)
pub fn prepare(socket: &impl AsFd) {
    let set = || {
        sockopt::set_tcp_nodelay(socket, true)?;
        sockopt::set_socket_keepalive(socket, true)?;
        sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)
    };
    if let Err(error) = set() {
        debug!(%error, "cannot set socket options");
    }
}

/// How much a connection reads at once: little while it is quiet, since there may be very many, more while it is
/// busy, since every read is a system call.
#[derive(Debug)]
pub(crate) struct ReadSize(usize);

impl ReadSize {
    const MIN: usize = 2 * 1024;
    const MAX: usize = 64 * 1024;

    pub(crate) const fn quiet() -> Self {
        Self(Self::MIN)
    }

    pub(crate) const fn busy() -> Self {
        Self(Self::MAX / 4)
    }

    /// Makes room for the next read.
    pub(crate) fn make_room(&self, buffer: &mut BytesMut) {
        if buffer.capacity() - buffer.len() < self.0 / 2 {
            buffer.reserve(self.0);
        }
    }

    /// Learns from a read.
    pub(crate) fn learn(&mut self, read: usize) {
        if read >= self.0 / 2 {
            self.0 = (self.0 * 2).min(Self::MAX);
        } else if read < self.0 / 8 {
            self.0 = (self.0 / 2).max(Self::MIN);
        }
    }
}
