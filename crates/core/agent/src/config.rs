//! What an agent is told when it starts. Must not live here: anything that changes while it runs.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_wire_mesos::v1;

use crate::{Settings, Upid};

/// Who the agent is, what its machine has, and its settings, which are read as if they were fields of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// What the operator may say about its decisions.
    pub settings: Settings,
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
    /// Between SIGTERM and SIGKILL of a command task without a kill policy.
    pub kill_grace_period: Duration,
    /// Finished frameworks that are remembered.
    pub max_completed_frameworks: usize,
    /// Finished tasks that are remembered for each executor.
    pub max_completed_tasks_per_executor: usize,
    /// Where executors find the agent's domain socket (`MESOS_DOMAIN_SOCKET`).
    pub domain_socket: Option<String>,
    /// The port was asked for; otherwise the system chose it, and it may be another one at each start.
    pub fixed_port: bool,
}

impl Config {
    /// Mesos's defaults for an agent at `pid`, which listens on `ip:port`.
    pub fn new(pid: Upid, ip: impl Into<String>, port: u16) -> Self {
        let ip = ip.into();
        Self {
            settings: Settings::default(),
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
            kill_grace_period: Duration::from_secs(3),
            max_completed_frameworks: 50,
            max_completed_tasks_per_executor: 200,
            domain_socket: None,
            fixed_port: true,
        }
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl DerefMut for Config {
    fn deref_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}
