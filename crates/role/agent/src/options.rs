//! What an agent is told on its command line.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use tepui_containment::{Isolation, SupervisorCommand, capabilities::CapabilitySet, rotation::Rotation};
use tepui_core_agent::{ReconfigurationPolicy, Recover};
use tepui_model::format_duration;

mod check;

pub use check::InvalidOption;

/// An agent's settings. Names and defaults are those of Mesos's flags where Mesos has one.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that others are told, when it is another one (`--advertise_ip`, `--advertise_port`).
    /// Without it, and listening on all addresses, it is the one that the master is reached from.
    pub advertise: Option<SocketAddr>,
    /// The master, `host:port`. A name is looked up again whenever the connection is lost.
    pub master: String,
    /// Where sandboxes and what must survive are.
    pub work_dir: PathBuf,
    /// Where the supervisor's socket and exit statuses are. It must survive the agent, not the machine.
    pub runtime_dir: PathBuf,
    /// Resources as text or JSON; what is not mentioned is detected.
    pub resources: Option<String>,
    /// Role of resources that do not name one.
    pub default_role: String,
    /// Attributes as text.
    pub attributes: Option<String>,
    /// Name to be known by; by default the machine's own.
    pub hostname: Option<String>,
    /// Version to show. Clients want three numbers with dots.
    pub version: String,
    /// Whether processes run as the framework's user.
    pub switch_user: bool,
    /// How containers are held.
    pub isolation: Isolation,
    /// Name of the cgroup that all containers are under.
    pub cgroups_root: String,
    /// Without a byte for this long a fetch has failed.
    pub fetcher_stall_timeout: Duration,
    /// Rotation of `stdout` and `stderr`; `None`: never.
    pub rotation: Option<Rotation>,
    /// What becomes of the executors of the last agent.
    pub recover: Recover,
    /// What may differ from the last agent's settings.
    pub reconfiguration_policy: ReconfigurationPolicy,
    /// Whether it refuses to start when it cannot read all that the last agent wrote.
    pub strict: bool,
    /// Force every checkpoint to the disk before anything relies on it: then it survives the machine as well.
    pub checkpoint_to_disk: bool,
    /// Only executors that show the token which they were started with may use the executor API
    /// (`--authenticate_http_executors`).
    pub authenticate_http_executors: bool,
    /// The file with the key that those tokens are signed with.
    pub jwt_secret_key: Option<PathBuf>,
    /// Executors reach the agent through a domain socket.
    pub http_executor_domain_sockets: bool,
    /// Where that is; by default `agent.sock` in the runtime directory.
    pub domain_socket_location: Option<PathBuf>,
    /// How long an executor may take to subscribe once it was started.
    pub executor_registration_timeout: Duration,
    /// How long executors have to subscribe again after the agent's restart.
    pub executor_reregistration_timeout: Duration,
    /// How often executors that speak libprocess are asked again meanwhile.
    pub executor_reregistration_retry_interval: Option<Duration>,
    /// Between SHUTDOWN and the end of the container.
    pub executor_shutdown_grace_period: Duration,
    /// How long checkpointed executors wait for the agent.
    pub recovery_timeout: Duration,
    /// First upper bound of the wait between registration attempts.
    pub registration_backoff_factor: Duration,
    /// The first wait for a scheduler's acknowledgement of an update; each next one is twice as long.
    pub status_update_retry_interval_min: Duration,
    /// The longest wait for it.
    pub status_update_retry_interval_max: Duration,
    /// How long a finished sandbox is kept on an empty disk.
    pub gc_delay: Duration,
    /// Part of the disk that is meant to stay free.
    pub gc_disk_headroom: f64,
    /// How often the disk is looked at.
    pub disk_watch_interval: Duration,
    /// Finished executors that are remembered for each framework.
    pub max_completed_executors_per_framework: usize,
    /// Variables for every executor (`--executor_environment_variables`).
    pub executor_environment_variables: Vec<(String, String)>,
    /// A file that is shown as `/slave/log`.
    pub log_file: Option<PathBuf>,
    /// Everything ends with this agent: the supervisor kills all containers when the agent is gone.
    pub ephemeral: bool,
    /// Directories that the ephemeral supervisor removes at its end.
    pub remove_at_end: Vec<PathBuf>,
    /// Directories that it then removes if nothing is left in them: what several agents share.
    pub remove_empty_at_end: Vec<PathBuf>,
    /// How to start the supervisor.
    pub supervisor: SupervisorCommand,
    /// What `/flags` shows besides, or instead.
    pub flags: BTreeMap<String, String>,
}

impl Options {
    /// Defaults for an agent of `master` that keeps its things in `work_dir`, on Mesos's port on all
    /// addresses.
    pub fn new(master: impl Into<String>, work_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5051),
            advertise: None,
            master: master.into(),
            work_dir: work_dir.into(),
            runtime_dir: default_runtime_dir(),
            resources: None,
            default_role: "*".to_owned(),
            attributes: None,
            hostname: None,
            version: "1.11.0".to_owned(),
            switch_user: true,
            isolation: Isolation::default(),
            cgroups_root: "mesos".to_owned(),
            fetcher_stall_timeout: Duration::from_secs(60),
            rotation: None,
            recover: Recover::default(),
            reconfiguration_policy: ReconfigurationPolicy::default(),
            strict: true,
            checkpoint_to_disk: false,
            authenticate_http_executors: false,
            jwt_secret_key: None,
            http_executor_domain_sockets: false,
            domain_socket_location: None,
            executor_registration_timeout: Duration::from_secs(60),
            executor_reregistration_timeout: Duration::from_secs(2),
            executor_reregistration_retry_interval: None,
            executor_shutdown_grace_period: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(15 * 60),
            registration_backoff_factor: Duration::from_secs(1),
            status_update_retry_interval_min: Duration::from_secs(10),
            status_update_retry_interval_max: Duration::from_secs(10 * 60),
            gc_delay: Duration::from_secs(7 * 24 * 60 * 60),
            gc_disk_headroom: 0.1,
            disk_watch_interval: Duration::from_secs(60),
            max_completed_executors_per_framework: 150,
            executor_environment_variables: Vec::new(),
            log_file: None,
            ephemeral: false,
            remove_at_end: Vec::new(),
            remove_empty_at_end: Vec::new(),
            supervisor: SupervisorCommand::default(),
            flags: BTreeMap::new(),
        }
    }

    /// The domain socket for executors, if there is to be one.
    pub(crate) fn domain_socket(&self) -> Option<PathBuf> {
        let default = || self.runtime_dir.join("agent.sock");
        let path = self.domain_socket_location.clone().unwrap_or_else(default);
        // Executors have a directory of their own.
        self.http_executor_domain_sockets.then(|| std::path::absolute(&path).unwrap_or(path))
    }

    /// Everything that `/flags` shows, by Mesos's names. `address` is where the agent listens.
    pub(crate) fn shown_flags(&self, address: SocketAddr, hostname: &str) -> BTreeMap<String, String> {
        let duration = format_duration;
        let mut flags: BTreeMap<String, String> =
            FIXED_FLAGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let isolation = &self.isolation;
        let capabilities = |set: Option<CapabilitySet>| {
            set.map(|set| format!(r#"{{"capabilities":[{}]}}"#, quoted(&set.to_string()))).unwrap_or_default()
        };
        for (name, value) in [
            ("authenticate_http_executors", self.authenticate_http_executors.to_string()),
            ("attributes", self.attributes.clone().unwrap_or_default()),
            ("cgroups_root", self.cgroups_root.clone()),
            ("default_role", self.default_role.clone()),
            ("disk_watch_interval", duration(self.disk_watch_interval)),
            ("executor_registration_timeout", duration(self.executor_registration_timeout)),
            ("executor_reregistration_timeout", duration(self.executor_reregistration_timeout)),
            (
                "executor_reregistration_retry_interval",
                self.executor_reregistration_retry_interval.map(duration).unwrap_or_default(),
            ),
            ("executor_shutdown_grace_period", duration(self.executor_shutdown_grace_period)),
            ("fetcher_stall_timeout", duration(self.fetcher_stall_timeout)),
            ("gc_delay", duration(self.gc_delay)),
            ("gc_disk_headroom", self.gc_disk_headroom.to_string()),
            ("http_executor_domain_sockets", self.http_executor_domain_sockets.to_string()),
            (
                "domain_socket_location",
                self.domain_socket().map(|path| path.display().to_string()).unwrap_or_default(),
            ),
            // Where the key is, not what.
            (
                "jwt_secret_key",
                self.jwt_secret_key.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            ),
            ("hostname", hostname.to_owned()),
            ("ip", address.ip().to_string()),
            ("isolation", isolation.names()),
            ("launcher", isolation.launcher().to_string()),
            ("bounding_capabilities", capabilities(isolation.bounding_capabilities)),
            ("cgroups_enable_cfs", isolation.enable_cfs.to_string()),
            ("cgroups_limit_swap", isolation.limit_swap.to_string()),
            ("container_disk_watch_interval", duration(isolation.disk_watch_interval)),
            ("effective_capabilities", capabilities(isolation.effective_capabilities)),
            ("enforce_container_disk_quota", isolation.enforce_disk_quota.to_string()),
            ("master", self.master.clone()),
            ("max_completed_executors_per_framework", self.max_completed_executors_per_framework.to_string()),
            ("port", address.port().to_string()),
            ("reconfiguration_policy", check::policy_name(self.reconfiguration_policy).to_owned()),
            ("recover", check::recover_name(self.recover).to_owned()),
            ("strict", self.strict.to_string()),
            ("recovery_timeout", duration(self.recovery_timeout)),
            ("registration_backoff_factor", duration(self.registration_backoff_factor)),
            ("resources", self.resources.clone().unwrap_or_default()),
            ("runtime_dir", self.runtime_dir.display().to_string()),
            ("switch_user", self.switch_user.to_string()),
            ("work_dir", self.work_dir.display().to_string()),
        ] {
            if !value.is_empty() {
                flags.insert(name.to_owned(), value);
            }
        }
        flags.extend(self.flags.clone());
        flags
    }
}

/// Names with commas between them as elements of a JSON array.
fn quoted(names: &str) -> String {
    names
        .split(", ")
        .filter(|name| !name.is_empty())
        .map(|name| format!("\"{name}\""))
        .collect::<Vec<_>>()
        .join(",")
}

/// Flags of Mesos that are no settings here, with the values that describe what this agent does.
const FIXED_FLAGS: [(&str, &str); 19] = [
    ("authenticate_http_readonly", "false"),
    ("authenticate_http_readwrite", "false"),
    ("cgroups_destroy_timeout", "1mins"),
    ("cgroups_hierarchy", "/sys/fs/cgroup"),
    ("containerizers", "mesos"),
    ("frameworks_home", ""),
    ("gc_non_executor_container_sandboxes", "false"),
    ("help", "false"),
    ("hostname_lookup", "true"),
    ("http_command_executor", "false"),
    ("http_heartbeat_interval", "30secs"),
    ("logging_level", "INFO"),
    ("memory_profiling", "false"),
    ("oversubscribed_resources_interval", "15secs"),
    ("quiet", "false"),
    ("sandbox_directory", "/mnt/mesos/sandbox"),
    ("systemd_enable_support", "false"),
    ("version", "false"),
    ("zk_session_timeout", "10secs"),
];

/// Mesos's: `/var/run/mesos` for root, something below the temporary directory for others.
fn default_runtime_dir() -> PathBuf {
    if tepui_containment::user::is_root() {
        PathBuf::from("/var/run/mesos")
    } else {
        std::env::temp_dir().join("mesos").join("runtime")
    }
}
