//! Roles inside this process: a list of them is started in order, each is found by its name, all are stopped.
//!
//! | what | where |
//! |---|---|
//! | which roles, and what each is started with | [`Roles`] |
//! | what runs: addresses, the end of one, the end of all | [`Cluster`] |
//!
//! Must not live here: what a role does, signals, words for people.

mod roles;

use std::{
    future::poll_fn,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tempfile::TempDir;
use tepui_agent::AgentServer;
use tepui_master::MasterServer;
use tokio::time::{Instant, timeout_at};

pub use roles::Roles;

/// Why there is no cluster, or why it did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing can be kept where it is to be.
    #[error("cannot use the work directory {}: {source}", path.display())]
    WorkDir {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A master does not start.
    #[error("cannot start {role}: {source}")]
    Master {
        /// Its name.
        role: String,
        /// Why.
        source: tepui_master::StartError,
    },
    /// An agent does not start.
    #[error("cannot start {role}: {source}")]
    Agent {
        /// Its name.
        role: String,
        /// Why.
        source: tepui_agent::StartError,
    },
    /// An agent's master is not among the roles that stand before it.
    #[error("cannot start {role}: its master '{master}' was not started before it")]
    NoMaster {
        /// The agent's name.
        role: String,
        /// The name of what it looks for.
        master: String,
    },
    /// A role did not end as it should.
    #[error("{role} did not stop: {why}")]
    Stop {
        /// Its name.
        role: String,
        /// What was in its way.
        why: String,
    },
}

/// A role that ended and was not told to by whoever holds the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its name.
    pub role: String,
    /// What kept it from going on; none for an agent whose master sent it away.
    pub why: Option<String>,
}

/// Running roles. Dropped without [`Cluster::stop`], they stop soon after.
#[derive(Debug)]
pub struct Cluster {
    running: Vec<Running>,
    work_dir: PathBuf,
    /// Removes the directory, if it is a temporary one.
    temporary: Option<TempDir>,
}

#[derive(Debug)]
struct Running {
    name: String,
    server: Server,
    has_ended: bool,
}

#[derive(Debug)]
enum Server {
    Master(MasterServer),
    Agent(AgentServer),
}

impl Cluster {
    /// Where the role of that name listens.
    pub fn address(&self, role: &str) -> Option<SocketAddr> {
        self.running.iter().find(|running| running.name == role).map(Running::address)
    }

    /// Every role with its address, as they were started.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.running.iter().map(|running| (running.name.as_str(), running.address()))
    }

    /// Below which directory their state is.
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// Waits until a role ends by itself, and says which. Each is told of once.
    pub async fn ended(&mut self) -> Ended {
        let going = self.running.iter_mut().filter(|running| !running.has_ended);
        let mut ends: Vec<Pin<Box<dyn Future<Output = Ended> + Send + '_>>> =
            going.map(|running| Box::pin(running.ended()) as _).collect();
        poll_fn(|context| {
            let ready = ends.iter_mut().find_map(|end| match end.as_mut().poll(context) {
                Poll::Ready(ended) => Some(ended),
                Poll::Pending => None,
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Stops every role, the last one first, with every process that they started; then a temporary directory
    /// goes. Who has not stopped when `patience` is over is left to end as it can.
    ///
    /// # Errors
    /// [`Error::Stop`] for the first role that did not end well; all others are stopped nevertheless.
    pub async fn stop(self, patience: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        let mut outcome = Ok(());
        for running in self.running.into_iter().rev() {
            let role = running.name;
            let stopped = timeout_at(deadline, running.server.stop()).await;
            let why = stopped.unwrap_or_else(|_| Err(format!("it takes longer than {patience:?}")));
            outcome = outcome.and(why.map_err(|why| Error::Stop { role, why }));
        }
        if let Some(temporary) = self.temporary
            && let Err(error) = temporary.close()
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove the temporary directory: {error}");
        }
        outcome
    }
}

impl Running {
    fn address(&self) -> SocketAddr {
        match &self.server {
            Server::Master(master) => master.address(),
            Server::Agent(agent) => agent.address(),
        }
    }

    async fn ended(&mut self) -> Ended {
        let why = match &mut self.server {
            Server::Master(master) => master.stopped().await.err().map(|error| error.to_string()),
            Server::Agent(agent) => {
                agent.ended().await;
                None
            }
        };
        self.has_ended = true;
        Ended { role: self.name.clone(), why }
    }
}

impl Server {
    async fn stop(self) -> Result<(), String> {
        match self {
            Self::Master(master) => master.shutdown().await.map_err(|error| error.to_string()),
            Self::Agent(agent) => {
                agent.stop().await;
                Ok(())
            }
        }
    }
}
