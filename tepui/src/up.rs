//! `tepui up`: a whole cluster in one process, for trying things.

use std::{io::Write as _, time::Duration};

use tepui_cluster::{Cluster, Error, Roles};
use tepui_shell::Signals;

use crate::{cli, exit::Failure};

/// The master's name.
const MASTER: &str = "master";
/// How long the end may take.
const STOP_WITHIN: Duration = Duration::from_secs(60);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::fault(error.to_string())
    }
}

/// Adds a master on `port` and its agents.
pub(crate) fn with_agents(roles: Roles, port: u16, agents: u16, resources: Option<&str>) -> Roles {
    let roles = roles.master(MASTER, |master| master.settings.port = port);
    (0..agents).fold(roles, |roles, number| {
        roles.agent(&format!("agent-{number}"), MASTER, |agent| {
            agent.settings.resources = resources.map(ToOwned::to_owned);
        })
    })
}

/// The master's address, as others are to call it.
pub(crate) fn master(cluster: &Cluster) -> String {
    cluster.address(MASTER).map(|address| address.to_string()).unwrap_or_default()
}

/// Ends it all. What does not end well is said, and is no failure of what was done with the cluster.
pub(crate) async fn stop(cluster: Cluster) {
    if let Err(error) = cluster.stop(STOP_WITHIN).await {
        tracing::warn!("{error}");
    }
}

/// Runs a cluster until it is interrupted.
pub(crate) async fn up(arguments: &cli::Up) -> Result<(), Failure> {
    let mut signals = Signals::to_end()?;
    let roles = match &arguments.work_dir {
        Some(directory) => Roles::kept(directory)?,
        None => Roles::throw_away()?,
    };
    let roles = with_agents(roles, arguments.port, arguments.agents, arguments.resources.as_deref());
    let mut cluster = roles.start().await?;
    tell(&cluster)?;
    let outcome = loop {
        tokio::select! {
            _ = signals.next() => break Ok(()),
            ended = cluster.ended() => match ended.why {
                Some(why) => break Err(Failure::fault(format!("the {} cannot go on: {why}", ended.role))),
                None => tracing::warn!("{} has ended", ended.role),
            },
        }
    };
    stop(cluster).await;
    outcome
}

/// Says where everything is.
fn tell(cluster: &Cluster) -> Result<(), Failure> {
    let master = master(cluster);
    let mut out = std::io::stdout().lock();
    for (name, address) in cluster.addresses() {
        let kind = if name == MASTER { "master" } else { "agent" };
        writeln!(out, "{kind:<8} http://{address}")?;
    }
    writeln!(out, "state    {}", cluster.work_dir().display())?;
    writeln!(out)?;
    writeln!(out, "Point a framework at {master}, or try:")?;
    writeln!(out, "    tepui run --master {master} -- echo hello")?;
    writeln!(out, "    tepui tasks --master {master}")?;
    writeln!(out, "Ctrl-C ends it all.")?;
    Ok(())
}
