//! What an agent is told when it starts. Must not live here: anything that changes while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tepui_wire_mesos::v1;

use crate::{
    Upid,
    reconfiguration::{ReconfigurationPolicy, Recover},
};

/// The agent's settings. Names and defaults are those of Mesos's flags.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Own address on the agent protocol, `slave(1)@ip:port`.
    pub pid: Upid,
    /// `ip:port` where executors find the agent (`MESOS_AGENT_ENDPOINT`).
    pub endpoint: String,
    /// The address that the agent is reached at: `LIBPROCESS_IP` of executors, and a task's address when nothing else is known.
    pub ip: String,
    /// Name of the machine as it is offered.
    pub hostname: String,
    /// Port as it is offered.
    pub port: u16,
    /// The machine's resources, in the format with `reservations` (no `role`).
    pub resources: Vec<v1::Resource>,
    /// The machine's attributes.
    pub attributes: Vec<v1::Attribute>,
    /// Region and zone.
    pub domain: Option<v1::DomainInfo>,
    /// Version told to the master; dotted numbers, at least 1.0.0.
    pub version: String,
    /// Absolute path under which sandboxes lie; text only, the core does not look at it.
    pub work_dir: String,
    /// Directory named in the synthesised command executor (`--launcher_dir`).
    pub launcher_dir: String,
    /// What runs as the executor of task groups (`ExecutorInfo.type` is DEFAULT).
    pub default_executor: v1::CommandInfo,
    /// How long an executor may take to subscribe once it was started.
    pub executor_registration_timeout: Duration,
    /// How long executors have to subscribe again after the agent's restart.
    pub executor_reregistration_timeout: Duration,
    /// How often executors that speak libprocess are asked again meanwhile; `None`: once, as long as the link to them holds.
    pub executor_reregistration_retry_interval: Option<Duration>,
    /// Between SHUTDOWN and the end of the container, unless the executor says otherwise.
    pub executor_shutdown_grace_period: Duration,
    /// How long checkpointed executors wait for the agent.
    pub recovery_timeout: Duration,
    /// First upper bound of the random wait between registration attempts.
    pub registration_backoff_factor: Duration,
    /// Between SIGTERM and SIGKILL of a command task without a kill policy.
    pub kill_grace_period: Duration,
    /// The first wait for a scheduler's acknowledgement of an update; each next one is twice as long.
    pub status_update_retry_interval_min: Duration,
    /// The longest wait for it.
    pub status_update_retry_interval_max: Duration,
    /// How long a finished sandbox is kept on an empty disk.
    pub gc_delay: Duration,
    /// Part of the disk that is meant to stay free.
    pub gc_disk_headroom: f64,
    /// Finished frameworks that are remembered.
    pub max_completed_frameworks: usize,
    /// Finished executors that are remembered for each framework.
    pub max_completed_executors_per_framework: usize,
    /// Finished tasks that are remembered for each executor.
    pub max_completed_tasks_per_executor: usize,
    /// Variables for every executor, before those of the executor itself (`--executor_environment_variables`).
    pub executor_environment_variables: Vec<(String, String)>,
    /// Whether processes run as the framework's user.
    pub switch_user: bool,
    /// Whether executors get a token, which they show with their calls.
    pub authenticate_http_executors: bool,
    /// Where executors find the agent's domain socket (`MESOS_DOMAIN_SOCKET`).
    pub domain_socket: Option<String>,
    /// What becomes of the executors of the last agent.
    pub recover: Recover,
    /// What may differ from the last agent's settings.
    pub reconfiguration_policy: ReconfigurationPolicy,
    /// Whether an agent that cannot read all that the last one wrote refuses to start.
    pub strict: bool,
    /// The port was asked for; otherwise the system chose it, and it may be another one at each start.
    pub fixed_port: bool,
}

impl Config {
    /// Mesos's defaults for an agent at `pid`, which listens on `ip:port`.
    pub fn new(pid: Upid, ip: impl Into<String>, port: u16) -> Self {
        let ip = ip.into();
        Self {
            pid,
            endpoint: format!("{ip}:{port}"),
            hostname: ip.clone(),
            ip,
            port,
            resources: Vec::new(),
            attributes: Vec::new(),
            domain: None,
            version: "1.11.0".to_owned(),
            work_dir: "/var/lib/mesos".to_owned(),
            launcher_dir: "/usr/libexec/mesos".to_owned(),
            // The process that starts containers is this binary, too; this finds it even if its file was replaced.
            default_executor: v1::CommandInfo {
                shell: Some(false),
                value: Some("/proc/self/exe".to_owned()),
                arguments: ["tepui", "executor", "default"].map(str::to_owned).to_vec(),
                ..v1::CommandInfo::default()
            },
            executor_registration_timeout: Duration::from_secs(60),
            executor_reregistration_timeout: Duration::from_secs(2),
            executor_reregistration_retry_interval: None,
            executor_shutdown_grace_period: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(15 * 60),
            registration_backoff_factor: Duration::from_secs(1),
            kill_grace_period: Duration::from_secs(3),
            status_update_retry_interval_min: Duration::from_secs(10),
            status_update_retry_interval_max: Duration::from_secs(10 * 60),
            gc_delay: Duration::from_secs(7 * 24 * 60 * 60),
            gc_disk_headroom: 0.1,
            max_completed_frameworks: 50,
            max_completed_executors_per_framework: 150,
            max_completed_tasks_per_executor: 200,
            executor_environment_variables: Vec::new(),
            switch_user: true,
            authenticate_http_executors: false,
            domain_socket: None,
            recover: Recover::default(),
            reconfiguration_policy: ReconfigurationPolicy::default(),
            strict: true,
            fixed_port: true,
        }
    }
}
