//! What is done before a process can start: user, sandbox, files, cgroup. Runs where blocking is allowed.

use std::sync::atomic::AtomicBool;

use crate::{
    cgroup::Cgroup,
    containerizer::{FailureKind, confine},
    fetcher::{self, Patience},
    isolation::Held,
    launch::{Launch, Limits, Program},
    sandbox,
    settings::Containment,
    supervisor::protocol::{Confinement, Spawn},
    user::Credentials,
};

/// Where programs are searched when the container's environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A container that is ready for its process.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) spawn: Spawn,
    pub(crate) cgroup: Cgroup,
}

/// Why it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrepareError {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl PrepareError {
    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// What a container is put into.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) held: &'a Held,
    pub(crate) containment: &'a Containment,
    /// Of a nested container.
    pub(crate) parents_cgroup: Option<&'a Cgroup>,
}

/// Prepares a container. Fetching stops when `cancelled` becomes true.
pub(crate) fn prepare(
    launch: Launch,
    surroundings: &Surroundings<'_>,
    cancelled: &AtomicBool,
) -> Result<Prepared, PrepareError> {
    let confinement = confine::confinement(&launch, surroundings.held, surroundings.containment)
        .map_err(|message| PrepareError::new(FailureKind::Spawn, message))?;
    let credentials = match &launch.user {
        Some(user) => Credentials::switch_to(user)
            .map_err(|error| PrepareError::new(FailureKind::User, error.to_string()))?,
        None => None,
    };
    let owner = credentials.as_ref().map(|credentials| (credentials.uid, credentials.gid));
    sandbox::create(&launch.sandbox, owner).map_err(|error| {
        let message = format!("Failed to create the sandbox '{}': {error}", launch.sandbox.display());
        PrepareError::new(FailureKind::Sandbox, message)
    })?;
    if let Some(directory) = &launch.latest_link_in
        && let Err(error) = sandbox::link_latest(directory, &launch.sandbox)
    {
        let message = format!("Failed to link 'latest' in '{}': {error}", directory.display());
        return Err(PrepareError::new(FailureKind::Sandbox, message));
    }
    if !launch.uris.is_empty() {
        let patience = Patience { stall: surroundings.containment.fetcher_stall_timeout, cancelled };
        fetcher::fetch_all(&launch.uris, &launch.sandbox, credentials.as_ref(), patience)
            .map_err(|error| PrepareError::new(FailureKind::Fetch, error.to_string()))?;
    }
    let (cgroup, cgroup_procs) = cgroups(&launch, surroundings)?;
    match to_spawn(launch, credentials, cgroup_procs, confinement) {
        Ok(spawn) => Ok(Prepared { spawn, cgroup }),
        Err(error) => {
            cgroup.destroy();
            Err(error)
        }
    }
}

/// Its own cgroups, and the files to join.
fn cgroups(launch: &Launch, surroundings: &Surroundings<'_>) -> Result<(Cgroup, Vec<String>), PrepareError> {
    if let Some(parent) = surroundings.parents_cgroup
        && !launch.own_limits
    {
        return Ok((Cgroup::default(), parent.procs()));
    }
    let limits = with_defaults(launch.limits, surroundings.containment);
    let hierarchies = &surroundings.held.hierarchies;
    match hierarchies.create(&launch.container_id, surroundings.parents_cgroup, &limits) {
        Ok(cgroup) => {
            let procs = cgroup.procs();
            Ok((cgroup, procs))
        }
        // Where limits were not asked for, a container without them is better than none.
        Err(error) if surroundings.containment.isolation.is_none() => {
            tracing::warn!(container = launch.container_id, "cannot limit the container: {error}");
            Ok((Cgroup::default(), surroundings.parents_cgroup.map(Cgroup::procs).unwrap_or_default()))
        }
        Err(error) => {
            Err(PrepareError::new(FailureKind::Spawn, format!("Failed to make its cgroups: {error}")))
        }
    }
}

/// Limits with what the agent says of those that do not say it.
pub(crate) fn with_defaults(limits: Limits, containment: &Containment) -> Limits {
    Limits {
        cpus_hard: limits.cpus_hard.or_else(|| containment.cgroups_enable_cfs.then_some(limits.cpus)),
        memory_with_swap: containment.cgroups_limit_swap,
        ..limits
    }
}

fn to_spawn(
    launch: Launch,
    credentials: Option<Credentials>,
    cgroup_procs: Vec<String>,
    confinement: Confinement,
) -> Result<Spawn, PrepareError> {
    let (path, arguments) = match launch.program {
        Program::Shell(line) => ("/bin/sh".to_owned(), vec!["sh".to_owned(), "-c".to_owned(), line]),
        Program::Exec { path, arguments } => (path, arguments),
    };
    let has_path = launch.environment.iter().any(|(name, _)| name == "PATH");
    let mut environment: Vec<String> =
        launch.environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !has_path {
        environment.push(format!("PATH={DEFAULT_PATH}"));
    }
    let text = |path: std::path::PathBuf| {
        path.into_os_string().into_string().map_err(|path| {
            let message = format!("The sandbox '{}' has a name that is not UTF-8", path.display());
            PrepareError::new(FailureKind::Sandbox, message)
        })
    };
    let [stdout, stderr] = sandbox::LOGS.map(|log| launch.sandbox.join(log));
    Ok(Spawn {
        container_id: launch.container_id,
        path,
        arguments,
        environment,
        stdout: text(stdout)?,
        stderr: text(stderr)?,
        directory: text(launch.directory.unwrap_or(launch.sandbox))?,
        credentials,
        rlimits: launch.rlimits,
        cgroup_procs,
        parent: launch.parent,
        stdio: launch.stdio,
        confinement,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(sandbox: &std::path::Path) -> Launch {
        Launch {
            container_id: "c".to_owned(),
            program: Program::Shell("true".to_owned()),
            environment: vec![("A".to_owned(), "b".to_owned())],
            sandbox: sandbox.to_owned(),
            ..Launch::default()
        }
    }

    #[test]
    fn gives_what_the_supervisor_needs() {
        let work = tempfile::tempdir().unwrap();
        let sandbox = work.path().join("runs/c");
        let mut launch = launch(&sandbox);
        launch.latest_link_in = Some(work.path().join("runs"));
        let (held, containment) = (Held::default(), Containment::posix());
        let surroundings = Surroundings { held: &held, containment: &containment, parents_cgroup: None };
        let prepared = prepare(launch, &surroundings, &AtomicBool::new(false)).unwrap();
        assert_eq!(prepared.spawn.arguments, ["sh", "-c", "true"]);
        assert_eq!(prepared.spawn.environment, ["A=b".to_owned(), format!("PATH={DEFAULT_PATH}")]);
        assert_eq!(std::fs::read_link(work.path().join("runs/latest")).unwrap(), sandbox);
    }

    #[test]
    fn says_what_went_wrong() {
        let work = tempfile::tempdir().unwrap();
        let (held, containment) = (Held::default(), Containment::posix());
        let surroundings = Surroundings { held: &held, containment: &containment, parents_cgroup: None };
        let prepare = |launch| prepare(launch, &surroundings, &AtomicBool::new(false)).unwrap_err();
        let mut no_user = launch(&work.path().join("a"));
        no_user.user = Some("no-such-user-here".to_owned());
        assert_eq!(prepare(no_user).kind, FailureKind::User);
        std::fs::write(work.path().join("file"), "").unwrap();
        assert_eq!(prepare(launch(&work.path().join("file/b"))).kind, FailureKind::Sandbox);
        let mut no_file = launch(&work.path().join("c"));
        no_file.uris = vec![crate::Uri::new("/no/such/file")];
        assert_eq!(prepare(no_file).kind, FailureKind::Fetch);
    }
}
