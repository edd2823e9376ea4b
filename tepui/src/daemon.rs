//! `tepui master` and `tepui agent`: flags become options, signals an orderly end.

use std::{collections::BTreeMap, net::SocketAddr};

use tepui_agent::{AgentServer, StartError};
use tepui_containment::{Isolation, StartError as ContainmentError};
use tepui_master::{Config, MasterServer};
use tepui_wire_mesos::v1;
use tokio::signal::unix;

use crate::{cli, exit::Failure, values::Assignment};

/// Resolves when the process is asked to end.
async fn asked_to_end() -> Result<(), Failure> {
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// `tepui master`.
pub(crate) async fn master(arguments: cli::Master) -> Result<(), Failure> {
    let mut server = MasterServer::start(master_options(arguments)?)
        .await
        .map_err(|error| Failure::fault(format!("cannot start the master: {error}")))?;
    tokio::select! {
        ended = server.stopped() => {
            return ended.map_err(|error| Failure::fault(format!("the master cannot go on: {error}")));
        }
        asked = asked_to_end() => asked?,
    }
    server.shutdown().await.map_err(|error| Failure::fault(error.to_string()))
}

fn master_options(arguments: cli::Master) -> Result<tepui_master::Options, Failure> {
    std::fs::create_dir_all(&arguments.work_dir).map_err(|error| {
        Failure::fault(format!("cannot use the work directory {}: {error}", arguments.work_dir.display()))
    })?;
    let mut config = Config::new(v1::MasterInfo::default());
    config.cluster = arguments.cluster;
    config.agent_ping_timeout = arguments.agent_ping_timeout.0;
    config.max_agent_ping_timeouts = arguments.max_agent_ping_timeouts;
    config.agent_reregister_timeout = arguments.agent_reregister_timeout.0;
    config.allocation_interval = arguments.allocation_interval.0;
    config.offer_timeout = arguments.offer_timeout.map(|span| span.0);
    config.roles = (!arguments.roles.is_empty()).then(|| arguments.roles.into_iter().collect());
    config.weights = weights(&arguments.weights)?;
    config.max_completed_frameworks = arguments.max_completed_frameworks;
    config.max_completed_tasks_per_framework = arguments.max_completed_tasks_per_framework;
    Ok(tepui_master::Options {
        listen: SocketAddr::new(arguments.ip, arguments.port),
        advertise_ip: arguments.advertise_ip,
        hostname: arguments.hostname,
        work_dir: Some(arguments.work_dir),
        config,
        ..tepui_master::Options::default()
    })
}

fn weights(assignments: &[Assignment]) -> Result<BTreeMap<String, f64>, Failure> {
    assignments
        .iter()
        .map(|Assignment { key, value }| match value.parse::<f64>() {
            Ok(weight) if weight.is_finite() && weight > 0.0 => Ok((key.clone(), weight)),
            _ => {
                Err(Failure::user(format!("--weights: the weight of '{key}' must be above 0, not '{value}'")))
            }
        })
        .collect()
}

/// `tepui agent`.
pub(crate) async fn agent(arguments: cli::Agent) -> Result<(), Failure> {
    let server = AgentServer::start(agent_options(arguments)?).await.map_err(|error| {
        let message = format!("cannot start the agent: {error}");
        match error {
            StartError::Resources(_)
            | StartError::Attributes(_)
            | StartError::Option(_)
            | StartError::Containerizer(ContainmentError::Isolation(_)) => Failure::user(message),
            _ => Failure::fault(message),
        }
    })?;
    tokio::select! {
        // The master told it to shut down, or it cannot go on: the log says which.
        () = server.ended() => {}
        asked = asked_to_end() => asked?,
    }
    server.stop().await;
    Ok(())
}

fn agent_options(arguments: cli::Agent) -> Result<tepui_agent::Options, Failure> {
    let runtime_dir = arguments.runtime_dir.unwrap_or_else(|| arguments.work_dir.join("runtime"));
    let variables = match &arguments.executor_environment_variables {
        None => Vec::new(),
        Some(text) => variables(text)?,
    };
    let mut options = tepui_agent::Options::new(arguments.master, arguments.work_dir);
    options.listen = SocketAddr::new(arguments.ip, arguments.port);
    options.advertise = arguments.advertise_ip.map(|ip| SocketAddr::new(ip, arguments.port));
    options.runtime_dir = runtime_dir;
    options.resources = arguments.resources;
    options.default_role = arguments.default_role;
    options.attributes = arguments.attributes;
    options.hostname = arguments.hostname;
    options.switch_user = arguments.switch_user;
    options.isolation = Isolation {
        isolators: arguments.isolation.map(|isolators| isolators.into_iter().collect()),
        launcher: arguments.launcher,
        effective_capabilities: arguments.effective_capabilities.map(|set| set.0),
        bounding_capabilities: arguments.bounding_capabilities.map(|set| set.0),
        enable_cfs: arguments.cgroups_enable_cfs,
        limit_swap: arguments.cgroups_limit_swap,
        disk_watch_interval: arguments.container_disk_watch_interval.0,
        enforce_disk_quota: arguments.enforce_container_disk_quota,
    };
    options.cgroups_root = arguments.cgroups_root;
    options.fetcher_stall_timeout = arguments.fetcher_stall_timeout.0;
    times(&mut options, &arguments.times);
    let cli::Recovery { recover, reconfiguration_policy, strict, checkpoint_to_disk } = arguments.recovery;
    options.recover = recover.0;
    options.reconfiguration_policy = reconfiguration_policy.0;
    options.strict = strict;
    options.checkpoint_to_disk = checkpoint_to_disk;
    options.authenticate_http_executors = arguments.access.authenticate_http_executors;
    options.jwt_secret_key = arguments.access.jwt_secret_key;
    options.http_executor_domain_sockets = arguments.access.http_executor_domain_sockets;
    options.domain_socket_location = arguments.access.domain_socket_location;
    options.executor_environment_variables = variables;
    Ok(options)
}

fn times(options: &mut tepui_agent::Options, times: &cli::Times) {
    options.executor_registration_timeout = times.executor_registration_timeout.0;
    options.executor_reregistration_timeout = times.executor_reregistration_timeout.0;
    options.executor_reregistration_retry_interval =
        times.executor_reregistration_retry_interval.map(|span| span.0);
    options.executor_shutdown_grace_period = times.executor_shutdown_grace_period.0;
    options.recovery_timeout = times.recovery_timeout.0;
    options.registration_backoff_factor = times.registration_backoff_factor.0;
    options.status_update_retry_interval_min = times.status_update_retry_interval_min.0;
    options.status_update_retry_interval_max = times.status_update_retry_interval_max.0;
    options.gc_delay = times.gc_delay.0;
    options.gc_disk_headroom = times.gc_disk_headroom;
    options.disk_watch_interval = times.disk_watch_interval.0;
    options.max_completed_executors_per_framework = times.max_completed_executors_per_framework;
}

/// A JSON object whose values are all text.
fn variables(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let wrong = |what: String| Failure::user(format!("--executor-environment-variables: {what}"));
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| wrong(format!("not a JSON object: {error}")))?;
    object
        .into_iter()
        .map(|(name, value)| match value {
            serde_json::Value::String(value) => Ok((name, value)),
            _ => Err(wrong(format!("the value of '{name}' must be text"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_above_zero() {
        let weight = |value: &str| weights(&[Assignment { key: "a".into(), value: value.into() }]);
        assert_eq!(weight("2.5").unwrap()["a"], 2.5);
        for wrong in ["0", "-1", "x", "NaN", "inf"] {
            assert!(weight(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn environment_variables_are_text() {
        assert_eq!(variables(r#"{"A":"1"}"#).unwrap(), [("A".to_owned(), "1".to_owned())]);
        assert!(variables(r#"{"A":1}"#).unwrap_err().to_string().contains("'A' must be text"));
        assert!(variables("[]").is_err());
    }
}
