//! Starting one child: finding its program, choosing the way to spawn, and putting failures into words.

use std::{
    ffi::{CString, NulError},
    io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

use super::{
    namespaces::{self, OwnPids},
    protocol::Spawn,
};
use crate::{
    capabilities::CapabilitySet,
    launch::Stdio,
    sys::{self, ChildEnds, spawn::Step},
};

/// Where programs are searched when the container's environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A launch that did not happen.
#[derive(Debug)]
pub(crate) struct SpawnFailure {
    /// The system's error of executing the program; 0 when it did not come to that.
    pub(crate) errno: i32,
    pub(crate) what: String,
}

impl SpawnFailure {
    /// There is nothing to execute.
    fn no_program(errno: i32, what: impl Into<String>) -> Self {
        Self { errno, what: what.into() }
    }

    /// It did not come to executing.
    pub(crate) fn before(what: impl Into<String>) -> Self {
        Self { errno: 0, what: what.into() }
    }
}

/// A child that was started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: i32,
    /// The first process of its pid namespace.
    pub(crate) init: Option<i32>,
    /// What the agent gets of its input and output.
    pub(crate) agent_ends: sys::AgentEnds,
}

/// Starts the child. `parent` is the process of its parent container.
pub(crate) fn spawn(spawn: &Spawn, parent: Option<i32>, own_pids: &OwnPids) -> Result<Started, SpawnFailure> {
    let path = find_program(spawn)?;
    let strings = Strings::new(spawn, &path)?;
    let credentials = spawn.credentials.as_ref();
    let (agent_ends, child_ends) = sys::stdio(spawn.stdio, credentials).map_err(|error| {
        let what = match spawn.stdio {
            Stdio::Tty { .. } => "a terminal",
            Stdio::Files | Stdio::Pipes => "pipes",
        };
        SpawnFailure::before(format!("Failed to make {what}: {error}"))
    })?;
    let confinement = &spawn.confinement;
    let joined = namespaces::of_parent(confinement.join, parent).map_err(|error| {
        SpawnFailure::before(format!("Failed to enter the namespaces of the parent container: {error}"))
    })?;
    let joined: Vec<BorrowedFd<'_>> = joined.iter().map(AsFd::as_fd).collect();
    let child = sys::spawn::Child {
        path: &strings.program,
        arguments: &strings.arguments,
        environment: &strings.environment,
        directory: &strings.directory,
        stdio: match &child_ends {
            ChildEnds::Files => sys::spawn::Stdio::Files { stdout: &strings.stdout, stderr: &strings.stderr },
            ChildEnds::Pipes([stdin, stdout, stderr]) => {
                sys::spawn::Stdio::Pipes([stdin.as_fd(), stdout.as_fd(), stderr.as_fd()])
            }
            ChildEnds::Tty(slave) => sys::spawn::Stdio::Tty(slave.as_fd()),
        },
        credentials,
        rlimits: &spawn.rlimits,
        cgroup_procs: &strings.cgroup_procs,
        enter: &joined,
        unshare: namespaces::flags(confinement.make),
        mount_proc: confinement.make.pid && confinement.make.mount,
        mount_shm: (confinement.shm_bytes > 0).then_some(strings.shm.as_c_str()),
        capabilities: confinement.capabilities,
        no_new_privileges: confinement.no_new_privileges,
    };
    let failed = |error: io::Error| {
        SpawnFailure::before(format!("Failed to make a namespace of process ids: {error}"))
    };
    let pids_of = parent.filter(|_| confinement.join.pid || confinement.make.pid);
    let (pid, init) = own_pids.child_in(confinement.make.pid, pids_of, failed, || {
        sys::spawn::spawn(&child).map_err(|failure| explain(&failure, spawn, &path))
    })?;
    Ok(Started { pid, init, agent_ends })
}

/// What is said to the system.
struct Strings {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    cgroup_procs: Vec<CString>,
    directory: CString,
    stdout: CString,
    stderr: CString,
    /// Options of its /dev/shm.
    shm: CString,
}

impl Strings {
    fn new(spawn: &Spawn, path: &str) -> Result<Self, SpawnFailure> {
        let invalid =
            |_: NulError| SpawnFailure::no_program(libc::EINVAL, "The command has a NUL byte in it");
        let string = |text: &str| CString::new(text).map_err(invalid);
        let strings = |texts: &[String]| texts.iter().map(|text| string(text)).collect::<Result<Vec<_>, _>>();
        let mut arguments = strings(&spawn.arguments)?;
        if arguments.is_empty() {
            arguments.push(string(&spawn.path)?);
        }
        Ok(Self {
            program: string(path)?,
            arguments,
            environment: strings(&spawn.environment)?,
            cgroup_procs: strings(&spawn.cgroup_procs)?,
            directory: string(&spawn.directory)?,
            stdout: string(&spawn.stdout)?,
            stderr: string(&spawn.stderr)?,
            shm: string(&format!("mode=1777,size={}", spawn.confinement.shm_bytes))?,
        })
    }
}

/// What a step that failed means to the person who wanted the container.
fn explain(failure: &sys::spawn::Failure, spawn: &Spawn, path: &str) -> SpawnFailure {
    let error = &failure.error;
    let what = match failure.step {
        Step::Clone => "Failed to make a process".to_owned(),
        Step::Session => "Failed to make a session".to_owned(),
        Step::Stdio => {
            format!("Failed to open the files '{}' and '{}' for its output", spawn.stdout, spawn.stderr)
        }
        Step::Terminal => "Failed to take control of its terminal".to_owned(),
        Step::Cgroup => format!("Failed to join the cgroups {}", spawn.cgroup_procs.join(", ")),
        Step::Namespaces => "Failed to make or enter namespaces".to_owned(),
        Step::Mounts => "Failed to mount its own /proc or /dev/shm".to_owned(),
        Step::Rlimits => "Failed to set its rlimits".to_owned(),
        Step::User => format!(
            "Failed to become the user with the number {}",
            spawn.credentials.as_ref().map_or(0, |credentials| credentials.uid)
        ),
        Step::Capabilities => match spawn.confinement.capabilities {
            Some(wanted) => {
                format!("Failed to set its capabilities to '{}'", CapabilitySet(wanted.effective))
            }
            None => "Failed to set its capabilities".to_owned(),
        },
        Step::Privileges => "Failed to set no_new_privs".to_owned(),
        Step::Directory if error.raw_os_error() == Some(libc::ENOENT) => {
            format!("The working directory '{}' is not there", spawn.directory)
        }
        Step::Directory => format!("Failed to enter the working directory '{}'", spawn.directory),
        Step::Execute => {
            let errno = error.raw_os_error().unwrap_or(libc::ENOEXEC);
            return SpawnFailure::no_program(errno, format!("Failed to execute '{path}': {error}"));
        }
    };
    SpawnFailure::before(format!("{what}: {error}"))
}

/// A name without a slash is searched as a shell would; anything else is taken as it is.
fn find_program(spawn: &Spawn) -> Result<String, SpawnFailure> {
    if spawn.path.is_empty() {
        return Err(SpawnFailure::no_program(libc::EINVAL, "There is no command to execute"));
    }
    if spawn.path.contains('/') {
        return Ok(spawn.path.clone());
    }
    let search = spawn
        .environment
        .iter()
        .find_map(|variable| variable.strip_prefix("PATH="))
        .filter(|path| !path.is_empty())
        .unwrap_or(DEFAULT_PATH);
    for directory in search.split(':') {
        let candidate = match directory {
            "" => Path::new(&spawn.directory).join(&spawn.path),
            relative if !relative.starts_with('/') => {
                [spawn.directory.as_str(), relative, &spawn.path].iter().collect::<PathBuf>()
            }
            absolute => Path::new(absolute).join(&spawn.path),
        };
        if sys::is_executable(&candidate)
            && let Ok(path) = candidate.into_os_string().into_string()
        {
            return Ok(path);
        }
    }
    let what =
        format!("Failed to execute '{}': it is in none of the directories of PATH ({search})", spawn.path);
    Err(SpawnFailure::no_program(libc::ENOENT, what))
}
