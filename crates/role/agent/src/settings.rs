//! What an operator may say to an agent: one declaration, from which flags, keys of the file, variables of the
//! environment, `/flags` and the reference come. Must not live here: what comes of it.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use tepui_containment::Containment;
use tepui_core_settings::{check, settings};

settings! {
    /// The settings of an agent. Names and defaults are those of Mesos's flags where Mesos has one.
    #[derive(Clone, Debug)]
    pub struct Settings {
        /// The master's address; tepui's or a Mesos master's. A name is looked up again whenever the connection is lost.
        master: String = String::new(), short('m'), placeholder("HOST:PORT"), check(|text| check::given(text));
        /// Address to listen on. Loopback unless you say otherwise.
        ip: IpAddr = Ipv4Addr::LOCALHOST.into();
        /// Port to listen on; 0 for any free one.
        port: u16 = 5051, short('p');
        /// Address that others reach this agent at, if it is not --ip. Without it, and listening on all addresses, it is
        /// the one that the master is reached from.
        advertise_ip: Option<IpAddr> = None;
        /// Host name to show (default: the machine's own).
        hostname: Option<String> = None;
        /// Directory for sandboxes and checkpoints.
        work_dir: PathBuf = "/var/lib/tepui/agent".into();
        /// Directory for what lives as long as the machine is up: the supervisor's socket, pids, exit statuses
        /// (default: `runtime` in the work directory).
        runtime_dir: Option<PathBuf> = None;
        /// What this machine offers, as `cpus:4;mem:8192;disk:10240;ports:[31000-32000]` or JSON; what is left out
        /// is detected.
        resources: Option<String> = None, short('r');
        /// Attributes of this machine, as `rack:r1;zone:z1`.
        attributes: Option<String> = None;
        /// A file that is shown as `/slave/log`: what somebody keeps of this agent's output.
        external_log_file: Option<PathBuf> = None, placeholder("FILE");
        /// Role of resources that name none.
        default_role: String = "*".to_owned(), placeholder("ROLE");
        /// How often the disk is looked at.
        disk_watch_interval: Duration = Duration::from_secs(60), check(check::positive);
        /// Force every checkpoint to the disk before anything relies on it, so that it survives the machine and not only
        /// the agent. Slower.
        checkpoint_to_disk: bool = false, ours();
        /// File with the key that executors' tokens are signed with.
        jwt_secret_key: Option<PathBuf> = None, placeholder("FILE");
        /// Let executors reach the agent through a domain socket as well.
        http_executor_domain_sockets: bool = false;
        /// Where the domain socket is (default: `agent.sock` in the runtime directory).
        domain_socket_location: Option<PathBuf> = None;
        ..containment: Containment;
        ..recording: tepui_recorder::Recording;
        ..core: tepui_core_agent::Settings;
    }
}

impl Settings {
    /// The runtime directory.
    pub(crate) fn runtime_dir(&self) -> PathBuf {
        self.runtime_dir.clone().unwrap_or_else(|| self.work_dir.join("runtime"))
    }

    /// The domain socket for executors, if there is to be one.
    pub(crate) fn domain_socket(&self) -> Option<PathBuf> {
        let default = || self.runtime_dir().join("agent.sock");
        let path = self.domain_socket_location.clone().unwrap_or_else(default);
        // Executors have a directory of their own.
        self.http_executor_domain_sockets.then(|| std::path::absolute(&path).unwrap_or(path))
    }
}
