//! Which roles a cluster has, and how they start.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use tepui_agent::AgentServer;
use tepui_containment::Containment;
use tepui_master::MasterServer;

use crate::{Cluster, Error, Running, Server};

/// How long roles that did start may take to stop, when another one did not.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Roles that are to run, in the order in which they start: an agent's master before it.
#[derive(Debug)]
pub struct Roles {
    roles: Vec<(String, Options)>,
    work_dir: PathBuf,
    temporary: Option<TempDir>,
}

#[derive(Debug)]
enum Options {
    Master(Box<tepui_master::Options>),
    Agent { master: String, options: Box<tepui_agent::Options> },
}

impl Roles {
    /// Roles that nobody will miss: what they keep is in a temporary directory, which goes with them.
    ///
    /// # Errors
    /// [`Error::WorkDir`].
    pub fn throw_away() -> Result<Self, Error> {
        let temporary = tempfile::Builder::new()
            .prefix("tepui-")
            .tempdir()
            .map_err(|source| Error::WorkDir { path: std::env::temp_dir(), source })?;
        let work_dir = temporary.path().to_owned();
        Ok(Self { roles: Vec::new(), work_dir, temporary: Some(temporary) })
    }

    /// Roles whose state stays, each in a directory of its name below `work_dir`.
    ///
    /// # Errors
    /// [`Error::WorkDir`].
    pub fn kept(work_dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let work_dir = work_dir.into();
        std::fs::create_dir_all(&work_dir)
            .map_err(|source| Error::WorkDir { path: work_dir.clone(), source })?;
        Ok(Self { roles: Vec::new(), work_dir, temporary: None })
    }

    /// And a master, on any free port of loopback if `amend` does not say otherwise.
    #[must_use]
    pub fn master(mut self, name: &str, amend: impl FnOnce(&mut tepui_master::Options)) -> Self {
        let mut options = tepui_master::Options::ephemeral();
        if self.temporary.is_none() {
            options.settings.work_dir = Some(self.work_dir.join(name));
        }
        amend(&mut options);
        self.roles.push((name.to_owned(), Options::Master(Box::new(options))));
        self
    }

    /// And an agent of the master of that name, on any free port of loopback if `amend` does not say otherwise.
    /// Its containers end with it.
    #[must_use]
    pub fn agent(mut self, name: &str, master: &str, amend: impl FnOnce(&mut tepui_agent::Options)) -> Self {
        let directory = self.work_dir.join(name);
        // Who the master is, is known when it has started.
        let mut options = tepui_agent::Options::new("", &directory);
        options.settings.port = 0;
        // A default of 32 MB that is enforced would surprise who only tries a command.
        options.settings.containment = Containment::posix();
        options.ephemeral = true;
        if self.temporary.is_some() {
            // Also when this process is killed: then the supervisors are the last to know of the directories.
            options.remove_at_end = vec![directory];
            options.remove_empty_at_end = vec![self.work_dir.clone()];
        }
        amend(&mut options);
        let options = Options::Agent { master: master.to_owned(), options: Box::new(options) };
        self.roles.push((name.to_owned(), options));
        self
    }

    /// Starts them all.
    ///
    /// # Errors
    /// [`Error`] names the role that does not start; those before it are stopped again.
    pub async fn start(self) -> Result<Cluster, Error> {
        let mut cluster = Cluster { running: Vec::new(), work_dir: self.work_dir, temporary: self.temporary };
        for (name, options) in self.roles {
            match start(&cluster, &name, options).await {
                Ok(server) => cluster.running.push(Running { name, server, has_ended: false }),
                Err(error) => {
                    if let Err(also) = cluster.stop(STOP_WITHIN).await {
                        tracing::warn!("{also}");
                    }
                    return Err(error);
                }
            }
        }
        Ok(cluster)
    }
}

async fn start(cluster: &Cluster, name: &str, options: Options) -> Result<Server, Error> {
    let role = name.to_owned();
    match options {
        Options::Master(options) => MasterServer::start(*options)
            .await
            .map(Server::Master)
            .map_err(|source| Error::Master { role, source }),
        Options::Agent { master, mut options } => {
            let Some(address) = cluster.address(&master) else {
                return Err(Error::NoMaster { role, master });
            };
            options.settings.master = address.to_string();
            AgentServer::start(*options)
                .await
                .map(Server::Agent)
                .map_err(|source| Error::Agent { role, source })
        }
    }
}
