//! `tepui master` and `tepui agent`: settings become a running role, signals an orderly end.

use tepui_agent::{AgentServer, StartError};
use tepui_containment::StartError as ContainmentError;
use tepui_core_settings::Settings;
use tepui_master::MasterServer;
use tepui_shell::Signals;

use crate::{
    config::{self, Flags},
    exit::Failure,
};

/// What holds of all that was said to `role`.
fn settings<S: Settings>(role: &'static str, flags: Flags<S>) -> Result<S, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    config::settings(role, flags, &environment).map_err(|error| Failure::user(error.to_string()))
}

/// `tepui master`.
pub(crate) async fn master(flags: Flags<tepui_master::Settings>) -> Result<(), Failure> {
    let settings = settings("master", flags)?;
    if let Some(directory) = &settings.work_dir {
        std::fs::create_dir_all(directory).map_err(|error| {
            Failure::fault(format!("cannot use the work directory {}: {error}", directory.display()))
        })?;
    }
    let mut server = MasterServer::start(tepui_master::Options::new(settings))
        .await
        .map_err(|error| Failure::fault(format!("cannot start the master: {error}")))?;
    let mut signals = Signals::to_end()?;
    tokio::select! {
        ended = server.stopped() => {
            return ended.map_err(|error| Failure::fault(format!("the master cannot go on: {error}")));
        }
        _ = signals.next() => {}
    }
    server.shutdown().await.map_err(|error| Failure::fault(error.to_string()))
}

/// `tepui agent`.
pub(crate) async fn agent(flags: Flags<tepui_agent::Settings>) -> Result<(), Failure> {
    let settings = settings("agent", flags)?;
    let options = tepui_agent::Options { settings, ..tepui_agent::Options::default() };
    let server = AgentServer::start(options).await.map_err(|error| {
        let message = format!("cannot start the agent: {error}");
        match error {
            StartError::Resources(_)
            | StartError::Attributes(_)
            | StartError::Option(_)
            | StartError::Containerizer(ContainmentError::Isolation(_)) => Failure::user(message),
            _ => Failure::fault(message),
        }
    })?;
    let mut signals = Signals::to_end()?;
    tokio::select! {
        // The master told it to shut down, or it cannot go on: the log says which.
        () = server.ended() => {}
        _ = signals.next() => {}
    }
    server.stop().await;
    Ok(())
}
