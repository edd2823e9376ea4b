//! Starting one child: finding its program, choosing the way to spawn, and putting failures into words.

use std::{
    ffi::{CString, NulError},
    io,
    path::{Path, PathBuf},
};

use super::protocol::Spawn;
use crate::{launch::Stdio, sys};

/// Where programs are searched when the container's environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A launch that did not happen.
#[derive(Debug)]
pub(crate) struct SpawnFailure {
    pub(crate) errno: i32,
    pub(crate) what: String,
}

impl SpawnFailure {
    pub(crate) fn new(errno: i32, what: impl Into<String>) -> Self {
        Self { errno, what: what.into() }
    }
}

/// A child that was started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: i32,
    /// What the agent gets of its input and output.
    pub(crate) agent_ends: sys::AgentEnds,
}

/// Starts the child.
pub(crate) fn spawn(spawn: &Spawn) -> Result<Started, SpawnFailure> {
    let path = find_program(spawn)?;
    let invalid = |_: NulError| SpawnFailure::new(libc::EINVAL, "The command has a NUL byte in it");
    let strings = |texts: &[String]| -> Result<Vec<CString>, SpawnFailure> {
        texts.iter().map(|text| CString::new(text.as_str()).map_err(invalid)).collect()
    };
    let program = CString::new(path.clone()).map_err(invalid)?;
    let mut arguments = strings(&spawn.arguments)?;
    if arguments.is_empty() {
        arguments.push(CString::new(spawn.path.as_str()).map_err(invalid)?);
    }
    let environment = strings(&spawn.environment)?;
    let cgroup_procs = strings(&spawn.cgroup_procs)?;
    let directory = CString::new(spawn.directory.as_str()).map_err(invalid)?;
    let stdout = CString::new(spawn.stdout.as_str()).map_err(invalid)?;
    let stderr = CString::new(spawn.stderr.as_str()).map_err(invalid)?;
    let child = sys::Child {
        path: &program,
        arguments: &arguments,
        environment: &environment,
        directory: &directory,
        stdout: &stdout,
        stderr: &stderr,
    };
    let plain = spawn.credentials.is_none()
        && spawn.rlimits.is_empty()
        && cgroup_procs.is_empty()
        && spawn.stdio == Stdio::Files;
    if plain {
        let pid = sys::spawn(&child).map_err(|error| explain(&error, spawn, &path))?;
        return Ok(Started { pid, agent_ends: sys::AgentEnds::None });
    }
    let credentials = spawn.credentials.as_ref();
    let (agent_ends, child_ends) = sys::stdio(spawn.stdio, credentials).map_err(|error| {
        let what = match spawn.stdio {
            Stdio::Tty { .. } => "a terminal",
            Stdio::Files | Stdio::Pipes => "pipes",
        };
        SpawnFailure::new(error.raw_os_error().unwrap_or_default(), format!("Failed to make {what}: {error}"))
    })?;
    let preparation = sys::Preparation { credentials, rlimits: &spawn.rlimits, cgroup_procs: &cgroup_procs };
    let pid = sys::spawn_prepared(&child, &preparation, child_ends)
        .map_err(|error| explain(&error, spawn, &path))?;
    Ok(Started { pid, agent_ends })
}

/// The system only gives a number for several possible causes: look which one it was.
fn explain(error: &io::Error, spawn: &Spawn, path: &str) -> SpawnFailure {
    let what = if !Path::new(&spawn.directory).is_dir() {
        format!("The working directory '{}' is not there: {error}", spawn.directory)
    } else {
        format!("Failed to execute '{path}': {error}")
    };
    SpawnFailure::new(error.raw_os_error().unwrap_or_default(), what)
}

/// A name without a slash is searched as a shell would; anything else is taken as it is.
fn find_program(spawn: &Spawn) -> Result<String, SpawnFailure> {
    if spawn.path.is_empty() {
        return Err(SpawnFailure::new(libc::EINVAL, "There is no command to execute"));
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
    Err(SpawnFailure::new(libc::ENOENT, what))
}
