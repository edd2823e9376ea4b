//! Socket options that every connection gets.

use std::{os::fd::AsFd, time::Duration};

use rustix::net::sockopt;
use tracing::debug;

/// How long a connection may be silent before the kernel asks whether the peer is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// No waiting for more to send, and a kernel that notices a peer whose machine is gone. (Mesos sets no keep-alive,
/// and does not notice.)
pub(crate) fn prepare(socket: &impl AsFd) {
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
