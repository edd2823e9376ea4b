//! A master and its agents inside this process, for `run` and `up`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tepui_agent::AgentServer;
use tepui_containment::Containment;
use tepui_master::MasterServer;

use crate::exit::Failure;

/// What the cluster is to be.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How many agents.
    pub(crate) agents: u16,
    /// The master's port; 0 for any.
    pub(crate) port: u16,
    /// Where state is kept; none: in a temporary directory that goes with the cluster.
    pub(crate) work_dir: Option<PathBuf>,
    /// Resources of each agent; none: the machine's.
    pub(crate) resources: Option<String>,
}

impl Settings {
    /// A cluster that nobody will miss.
    pub(crate) const fn throw_away(agents: u16) -> Self {
        Self { agents, port: 0, work_dir: None, resources: None }
    }
}

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Embedded {
    master: MasterServer,
    agents: Vec<AgentServer>,
    work_dir: PathBuf,
    /// Removes the temporary directory, if it is one.
    temporary: Option<TempDir>,
}

impl Embedded {
    /// Starts everything on loopback.
    pub(crate) async fn start(settings: Settings) -> Result<Self, Failure> {
        let temporary = match settings.work_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("tepui-").tempdir()?),
        };
        let work_dir = match (&settings.work_dir, &temporary) {
            (Some(directory), _) => directory.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => PathBuf::new(),
        };
        std::fs::create_dir_all(&work_dir).map_err(|error| {
            Failure::fault(format!("cannot use the work directory {}: {error}", work_dir.display()))
        })?;
        let master = MasterServer::start(tepui_master::Options::new(tepui_master::Settings {
            port: settings.port,
            work_dir: settings.work_dir.is_some().then(|| work_dir.join("master")),
            ..tepui_master::Settings::default()
        }))
        .await
        .map_err(|error| Failure::fault(error.to_string()))?;
        let mut agents = Vec::new();
        for number in 0..settings.agents {
            let directory = work_dir.join(format!("agent-{number}"));
            let mut options = tepui_agent::Options::new(master.address().to_string(), &directory);
            options.settings.port = 0;
            options.settings.resources.clone_from(&settings.resources);
            // A default of 32 MB that is enforced would surprise who only tries a command.
            options.settings.containment = Containment::posix();
            options.ephemeral = true;
            if let Some(temporary) = &temporary {
                // Also when this process is killed: then the supervisors are the last to know of the directories.
                options.remove_at_end = vec![directory];
                options.remove_empty_at_end = vec![temporary.path().to_owned()];
            }
            agents
                .push(AgentServer::start(options).await.map_err(|error| Failure::fault(error.to_string()))?);
        }
        Ok(Self { master, agents, work_dir, temporary })
    }

    /// Where the master listens.
    pub(crate) const fn master(&self) -> SocketAddr {
        self.master.address()
    }

    /// Where the agents listen.
    pub(crate) fn agents(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.agents.iter().map(AgentServer::address)
    }

    /// Where their state is.
    pub(crate) fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// Ends it all, with every process that it started, and what a temporary directory held.
    pub(crate) async fn stop(self) {
        for agent in self.agents {
            agent.stop().await;
        }
        // It has nothing to keep that matters any more.
        let _ = self.master.shutdown().await;
        if let Some(temporary) = self.temporary
            && let Err(error) = temporary.close()
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove the temporary directory: {error}");
        }
    }
}
