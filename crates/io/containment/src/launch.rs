//! What a container is started from.

use std::path::PathBuf;

use crate::capabilities::CapabilitySet;

/// Everything needed to start one container. Nothing is looked up later: the agent's core decided all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Launch {
    /// Name of the container; also the name of its directory under the runtime directory, so it must be a
    /// single path component. A nested container's begins with its parent's and a dot: `parent.child`.
    pub container_id: String,
    /// The container that this one is nested in: it must run, and this one ends with it.
    pub parent: Option<String>,
    /// What a nested container shares with its parent.
    pub class: Class,
    /// A nested container gets a cgroup of its own below its parent's, with [`Launch::limits`]; without it,
    /// it is in its parent's (Mesos: `share_cgroups` is false).
    pub own_limits: bool,
    /// Where its standard input comes from and its output goes to.
    pub stdio: Stdio,
    /// What to run.
    pub program: Program,
    /// The whole environment: nothing is inherited. `PATH` gets a default when it is missing.
    pub environment: Vec<(String, String)>,
    /// The sandbox. It is made when it is not there (mode 0750, owned by [`Launch::user`]); the process
    /// starts in it and its `stdout` and `stderr` are files in it, opened for appending.
    pub sandbox: PathBuf,
    /// Where the process starts, if not in the sandbox.
    pub directory: Option<PathBuf>,
    /// Directory that gets a symbolic link `latest` to the sandbox (Mesos: the `runs` directory).
    pub latest_link_in: Option<PathBuf>,
    /// User to switch to. `None`, or the agent's own user: no switch.
    pub user: Option<String>,
    /// Cpu and memory.
    pub limits: Limits,
    /// POSIX limits to set before the program starts.
    pub rlimits: Vec<Rlimit>,
    /// What it asks for of Linux.
    pub linux: Linux,
    /// What to bring into the sandbox first.
    pub uris: Vec<Uri>,
}

/// What a nested container shares with its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// What its parent's container shares with all in it.
    #[default]
    Default,
    /// Everything, so that it sees what its parent sees.
    Debug,
}

/// What a container asks for of Linux (Mesos's LinuxInfo). It gets what the agent's isolators hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linux {
    /// Capabilities to have from the start.
    pub effective_capabilities: Option<CapabilitySet>,
    /// The most capabilities to have ever.
    pub bounding_capabilities: Option<CapabilitySet>,
    /// The process ids of its parent, or of the agent.
    pub share_pid_namespace: bool,
    /// Whose System V and POSIX communication.
    pub ipc_mode: IpcMode,
    /// Bytes of its own `/dev/shm`.
    pub shm_bytes: Option<u64>,
}

/// Whose System V and POSIX communication a container has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpcMode {
    /// Its own, but the agent's `/dev/shm`; a nested one its parent's.
    #[default]
    Default,
    /// Its own, with a `/dev/shm` of its own.
    Private,
    /// Its parent's, or the agent's.
    ShareParent,
}

/// Where a container's standard input comes from and its output goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdio {
    /// Nothing comes in; `stdout` and `stderr` are files in the sandbox, which outlive everything.
    #[default]
    Files,
    /// Three pipes, given to the agent. They break when the agent ends.
    Pipes,
    /// A terminal, which the container's session is controlled by; its master is given to the agent, and
    /// again to the agent after its restart. What comes out is written nowhere else.
    Tty {
        /// Height in characters; 0: not known.
        rows: u16,
        /// Width in characters; 0: not known.
        columns: u16,
    },
}

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// `sh -c <line>`.
    Shell(String),
    /// A program and its whole argument vector, the zeroth included. A name without a slash is searched in
    /// the `PATH` of the container's environment.
    Exec {
        /// What to execute.
        path: String,
        /// `argv`, with `argv[0]`; empty means just the path.
        arguments: Vec<String>,
    },
}

impl Default for Program {
    fn default() -> Self {
        Self::Exec { path: String::new(), arguments: Vec::new() }
    }
}

/// Cpu and memory of a container; applied by cgroup where the agent may.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Cpus promised: a share under contention.
    pub cpus: f64,
    /// Cpus never exceeded (a CFS quota); infinite: no quota, whatever the agent's default is. `None`: idle
    /// cpus may be used, unless the agent says otherwise.
    pub cpus_hard: Option<f64>,
    /// Bytes of memory; exceeding them ends the container; `u64::MAX`: no limit. `None`: not limited.
    pub memory_bytes: Option<u64>,
    /// Bytes of memory that are promised; by default what may be used.
    pub memory_soft_bytes: Option<u64>,
    /// Memory and swap together are limited to [`Self::memory_bytes`]; the agent says.
    pub memory_with_swap: bool,
    /// Bytes of disk for the sandbox.
    pub disk_bytes: Option<u64>,
}

/// One POSIX resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// The `RLIMIT_*` number of this machine.
    pub resource: u32,
    /// Soft limit; `u64::MAX` is unlimited.
    pub soft: u64,
    /// Hard limit; `u64::MAX` is unlimited.
    pub hard: u64,
}

/// One thing to fetch into the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// `http://`, `file://`, or a path.
    pub value: String,
    /// Make it executable instead of extracting it.
    pub executable: bool,
    /// Extract it when its name says that it is an archive.
    pub extract: bool,
    /// Name in the sandbox (may have directories below it); by default the last part of the URI.
    pub output_file: Option<String>,
}

impl Uri {
    /// A URI with Mesos's defaults: not executable, extracted.
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), executable: false, extract: true, output_file: None }
    }
}

/// The number of a POSIX limit by its name without prefix (`NOFILE`), where this machine has it.
pub fn rlimit_number(name: &str) -> Option<u32> {
    Some(match name {
        "AS" => libc::RLIMIT_AS,
        "CORE" => libc::RLIMIT_CORE,
        "CPU" => libc::RLIMIT_CPU,
        "DATA" => libc::RLIMIT_DATA,
        "FSIZE" => libc::RLIMIT_FSIZE,
        "MEMLOCK" => libc::RLIMIT_MEMLOCK,
        "MSGQUEUE" => libc::RLIMIT_MSGQUEUE,
        "NICE" => libc::RLIMIT_NICE,
        "NOFILE" => libc::RLIMIT_NOFILE,
        "NPROC" => libc::RLIMIT_NPROC,
        "RSS" => libc::RLIMIT_RSS,
        "RTPRIO" => libc::RLIMIT_RTPRIO,
        "RTTIME" => libc::RLIMIT_RTTIME,
        "SIGPENDING" => libc::RLIMIT_SIGPENDING,
        "STACK" => libc::RLIMIT_STACK,
        _ => return None,
    })
}
