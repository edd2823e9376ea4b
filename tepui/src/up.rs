//! `tepui up`: a whole cluster in one process, for trying things.

use std::io::Write as _;

use tepui_shell::Signals;

use crate::{
    cli,
    embedded::{Embedded, Settings},
    exit::Failure,
};

/// Runs a cluster until it is interrupted.
pub(crate) async fn up(arguments: &cli::Up) -> Result<(), Failure> {
    let mut signals = Signals::to_end()?;
    let cluster = Embedded::start(Settings {
        agents: arguments.agents,
        port: arguments.port,
        work_dir: arguments.work_dir.clone(),
        resources: arguments.resources.clone(),
    })
    .await?;
    let master = cluster.master();
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "master   http://{master}")?;
        for agent in cluster.agents() {
            writeln!(out, "agent    http://{agent}")?;
        }
        writeln!(out, "state    {}", cluster.work_dir().display())?;
        writeln!(out)?;
        writeln!(out, "Point a framework at {master}, or try:")?;
        writeln!(out, "    tepui run --master {master} -- echo hello")?;
        writeln!(out, "    tepui tasks --master {master}")?;
        writeln!(out, "Ctrl-C ends it all.")?;
    }
    signals.next().await;
    cluster.stop().await;
    Ok(())
}
