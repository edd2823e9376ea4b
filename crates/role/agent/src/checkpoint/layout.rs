//! Where every file is.

use std::path::{Path, PathBuf};

use tepui_core_agent::Run;

/// A name that cannot be a file's: it would lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' cannot be the name of a file")]
pub(crate) struct InvalidName(pub(crate) String);

/// The files below a work directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    work_dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self { work_dir: work_dir.into() }
    }

    pub(crate) fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    pub(crate) fn meta(&self) -> PathBuf {
        self.work_dir.join("meta")
    }

    pub(crate) fn boot_id(&self) -> PathBuf {
        self.meta().join("boot_id")
    }

    /// Where the sandboxes of all agents that this directory ever had are.
    pub(crate) fn sandboxes(&self) -> PathBuf {
        self.work_dir.join("slaves")
    }

    pub(crate) fn agents(&self) -> PathBuf {
        self.meta().join("slaves")
    }

    /// Not one of Mesos's directories: containers that were launched through the agent's own API, by flat id.
    pub(crate) fn containers(&self) -> PathBuf {
        self.meta().join("containers")
    }

    pub(crate) fn container(&self, flat: &str) -> Result<Container, InvalidName> {
        Ok(Container { directory: self.containers().join(name(flat)?) })
    }

    /// Where the sandboxes of containers that stand alone are.
    pub(crate) fn standalone_sandboxes(&self) -> PathBuf {
        self.work_dir.join("containers")
    }

    /// A link to the agent that this directory has now.
    pub(crate) fn latest_agent(&self) -> PathBuf {
        self.agents().join("latest")
    }

    pub(crate) fn agent(&self, agent: &str) -> Result<Agent, InvalidName> {
        Ok(Agent { directory: self.agents().join(name(agent)?) })
    }
}

/// The files of one agent.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) directory: PathBuf,
}

impl Agent {
    pub(crate) fn info(&self) -> PathBuf {
        self.directory.join("slave.info")
    }

    pub(crate) fn drain(&self) -> PathBuf {
        self.directory.join("drain.config")
    }

    pub(crate) fn frameworks(&self) -> PathBuf {
        self.directory.join("frameworks")
    }

    pub(crate) fn framework(&self, framework: &str) -> Result<Framework, InvalidName> {
        Ok(Framework { directory: self.frameworks().join(name(framework)?) })
    }

    pub(crate) fn run(&self, run: &Run) -> Result<RunFiles, InvalidName> {
        let framework = self.framework(run.framework_id.as_str())?;
        framework.executor(run.executor_id.as_str())?.run(run.container_id.as_str())
    }
}

/// The files of one framework.
#[derive(Clone, Debug)]
pub(crate) struct Framework {
    pub(crate) directory: PathBuf,
}

impl Framework {
    pub(crate) fn info(&self) -> PathBuf {
        self.directory.join("framework.info")
    }

    pub(crate) fn pid(&self) -> PathBuf {
        self.directory.join("framework.pid")
    }

    pub(crate) fn executors(&self) -> PathBuf {
        self.directory.join("executors")
    }

    pub(crate) fn executor(&self, executor: &str) -> Result<Executor, InvalidName> {
        Ok(Executor { directory: self.executors().join(name(executor)?) })
    }
}

/// The files of one executor.
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    pub(crate) directory: PathBuf,
}

impl Executor {
    pub(crate) fn info(&self) -> PathBuf {
        self.directory.join("executor.info")
    }

    pub(crate) fn command_task(&self) -> PathBuf {
        self.directory.join("executor_generated_for_command_task")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.directory.join("runs")
    }

    pub(crate) fn latest_run(&self) -> PathBuf {
        self.runs().join("latest")
    }

    pub(crate) fn run(&self, container: &str) -> Result<RunFiles, InvalidName> {
        Ok(RunFiles { executor: self.clone(), directory: self.runs().join(name(container)?) })
    }
}

/// The files of one run of an executor.
#[derive(Clone, Debug)]
pub(crate) struct RunFiles {
    pub(crate) executor: Executor,
    pub(crate) directory: PathBuf,
}

impl RunFiles {
    pub(crate) fn sentinel(&self) -> PathBuf {
        self.directory.join("executor.sentinel")
    }

    pub(crate) fn http_marker(&self) -> PathBuf {
        self.directory.join("http.marker")
    }

    pub(crate) fn libprocess_pid(&self) -> PathBuf {
        self.directory.join("pids").join("libprocess.pid")
    }

    pub(crate) fn forked_pid(&self) -> PathBuf {
        self.directory.join("pids").join("forked.pid")
    }

    pub(crate) fn tasks(&self) -> PathBuf {
        self.directory.join("tasks")
    }

    pub(crate) fn task(&self, task: &str) -> Result<Task, InvalidName> {
        Ok(Task { directory: self.tasks().join(name(task)?) })
    }
}

/// The files of one task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) directory: PathBuf,
}

impl Task {
    pub(crate) fn info(&self) -> PathBuf {
        self.directory.join("task.info")
    }

    pub(crate) fn updates(&self) -> PathBuf {
        self.directory.join("task.updates")
    }

    /// Not one of Mesos's files: when the task has to be over, in nanoseconds since 1970.
    pub(crate) fn deadline(&self) -> PathBuf {
        self.directory.join("task.deadline")
    }

    /// Not one of Mesos's files: the check of a command task, which `task.info` has no place for.
    pub(crate) fn check(&self) -> PathBuf {
        self.directory.join("task.check")
    }
}

/// The files of one container that was launched through the agent's own API.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) directory: PathBuf,
}

impl Container {
    pub(crate) fn launch(&self) -> PathBuf {
        self.directory.join("container.launch")
    }

    pub(crate) fn termination(&self) -> PathBuf {
        self.directory.join("container.termination")
    }
}

/// Ids come from the wire: none may lead out of its directory.
fn name(text: &str) -> Result<&str, InvalidName> {
    let is_name = !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\0']);
    is_name.then_some(text).ok_or_else(|| InvalidName(text.to_owned()))
}

/// The last part of a path, as text.
pub(crate) fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}
