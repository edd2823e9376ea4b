//! Why a driver cannot be made. Must not live here: what goes wrong later, which callbacks tell.

use std::{io, path::PathBuf};

use tepui_core_driver::InvalidEnv;
use tepui_transport::InvalidTls;

/// Why a driver could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The environment is not that of an executor.
    #[error(transparent)]
    Env(#[from] InvalidEnv),
    /// The agent wants TLS, and it cannot be spoken as the environment says.
    #[error(transparent)]
    Tls(#[from] InvalidTls),
    /// The agent wants TLS, which libprocess messages cannot have here.
    #[error(
        "LIBPROCESS_SSL_ENABLED is set, but this library speaks TLS over HTTP (v1) only, not over libprocess (v0)"
    )]
    LibprocessTls,
    /// The path of the agent's socket is too long.
    #[error("the agent's socket cannot be reached: its path is too long, also from here: {}", path.display())]
    DomainSocket {
        /// The path.
        path: PathBuf,
    },
    /// The agent's process has no address.
    #[error("MESOS_SLAVE_PID='{pid}' leads nowhere: {reason}")]
    AgentPid {
        /// What is there.
        pid: String,
        /// What is wrong.
        reason: String,
    },
    /// The agent's messages cannot be listened for.
    #[error("cannot listen for the agent on port {port}: {source}")]
    Listen {
        /// `LIBPROCESS_PORT`.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// The operating system gives no threads, or no way to wait for sockets.
    #[error("cannot wait for sockets: {0}")]
    Runtime(io::Error),
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
}
