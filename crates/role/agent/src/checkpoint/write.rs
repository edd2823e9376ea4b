//! The thread that writes: batches of checkpoints and removals, in order.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tepui_core_agent::{Checkpoint, Removal, Run};
use tepui_core_kit::Persist;
use tepui_model::Token;
use tokio::sync::mpsc;

use super::{
    disk,
    layout::{self, InvalidName, Layout, RunFiles},
    record,
};

/// How long to wait before a write that failed is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Jobs that may wait while a batch is written, before no more messages are taken: a disk that does not keep up makes the
/// master wait, and then executors, whose updates have no room until they are acknowledged.
const WAITING_MAX: usize = 16_384;

/// Something for the thread to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Write these, then say so.
    Persist(Persist<Checkpoint>),
    /// Delete these.
    Remove(Removal),
    /// Delete a sandbox.
    RemoveSandbox(PathBuf),
}

/// A batch that is done.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// What is durable now.
    pub(crate) tokens: Vec<Token>,
    /// Containers whose end need not be remembered elsewhere any more, by flat id.
    pub(crate) ended: Vec<String>,
}

/// The handle on the thread: one batch at a time, and the next one collects meanwhile.
#[derive(Debug)]
pub(crate) struct Writer {
    batches: std::sync::mpsc::Sender<Vec<Job>>,
    written: mpsc::Receiver<Written>,
    waiting: Vec<Job>,
    busy: bool,
}

impl Writer {
    /// Starts the thread. `agent_id` is the id that is known already; `to_disk`: what is written survives the machine.
    pub(crate) fn start(work_dir: &Path, agent_id: Option<String>, to_disk: bool) -> io::Result<Self> {
        let (batches, queue) = std::sync::mpsc::channel::<Vec<Job>>();
        let (done, written) = mpsc::channel(1);
        let mut files = Files { layout: Layout::new(work_dir), agent_id, to_disk };
        std::thread::Builder::new().name("checkpoints".to_owned()).stack_size(256 << 10).spawn(
            move || {
                while let Ok(batch) = queue.recv() {
                    let mut result = Written::default();
                    for job in batch {
                        files.perform_until_done(job, &mut result, || done.is_closed());
                    }
                    if done.blocking_send(result).is_err() {
                        return;
                    }
                }
            },
        )?;
        Ok(Self { batches, written, waiting: Vec::new(), busy: false })
    }

    /// Takes a job. It is begun with [`Self::flush`].
    pub(crate) fn push(&mut self, job: Job) {
        self.waiting.push(job);
    }

    /// Whether more should be begun. What was begun is always taken, so that nothing is lost.
    pub(crate) const fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Whether nothing is under way or waits.
    pub(crate) fn is_idle(&self) -> bool {
        !self.busy && self.waiting.is_empty()
    }

    /// Hands the thread what waits, unless it is busy.
    pub(crate) fn flush(&mut self) {
        if !self.busy && !self.waiting.is_empty() {
            self.busy = self.batches.send(std::mem::take(&mut self.waiting)).is_ok();
        }
    }

    /// A batch that is done already.
    pub(crate) fn written_now(&mut self) -> Option<Written> {
        let written = self.written.try_recv().ok()?;
        self.busy = false;
        Some(written)
    }

    /// Waits for a batch to be done. For ever, when none is under way.
    pub(crate) async fn written(&mut self) -> Written {
        match self.written.recv().await {
            Some(written) => {
                self.busy = false;
                written
            }
            None => std::future::pending().await,
        }
    }
}

/// What the thread has.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) layout: Layout,
    pub(crate) agent_id: Option<String>,
    /// Everything is forced to the disk before anything relies on it.
    pub(crate) to_disk: bool,
}

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Name(#[from] InvalidName),
    #[error("the agent has no id yet")]
    NoAgent,
}

impl Files {
    /// A full disk is waited for: nothing is promised before it is written. What can never be written is
    /// told and left.
    fn perform_until_done(&mut self, job: Job, result: &mut Written, stopped: impl Fn() -> bool) {
        match job {
            Job::Persist(Persist { token, writes }) => {
                for checkpoint in writes {
                    loop {
                        match self.write(&checkpoint) {
                            Ok(()) => break,
                            Err(WriteError::Io(error)) if !stopped() => {
                                tracing::error!("cannot write a checkpoint, trying again: {error}");
                                std::thread::sleep(RETRY_INTERVAL);
                            }
                            // The agent ends for good, or is not registered yet: nothing is kept.
                            Err(WriteError::NoAgent) => break,
                            Err(error) => {
                                tracing::error!("cannot write a checkpoint: {error}");
                                break;
                            }
                        }
                    }
                    match checkpoint {
                        Checkpoint::Sentinel { run } => result.ended.push(run.container_id.to_string()),
                        Checkpoint::ContainerEnded { container, .. } => {
                            result.ended.push(container.to_string())
                        }
                        _ => {}
                    }
                }
                result.tokens.push(token);
            }
            Job::Remove(removal) => {
                match self.remove(&removal) {
                    // Everything below the agent's own directory went with it.
                    Ok(()) | Err(WriteError::NoAgent) => {}
                    Err(error) => tracing::warn!("cannot remove a checkpoint: {error}"),
                }
                match removal {
                    Removal::Run(run) => result.ended.push(run.container_id.to_string()),
                    Removal::Container { container } => result.ended.push(container.to_string()),
                    _ => {}
                }
            }
            Job::RemoveSandbox(path) => {
                if let Err(error) = self.remove_sandbox(&path) {
                    tracing::warn!("cannot remove the sandbox {}: {error}", path.display());
                }
            }
        }
    }

    fn agent(&self) -> Result<layout::Agent, WriteError> {
        Ok(self.layout.agent(self.agent_id.as_deref().ok_or(WriteError::NoAgent)?)?)
    }

    fn run(&self, run: &Run) -> Result<RunFiles, WriteError> {
        Ok(self.agent()?.run(run)?)
    }

    /// Writes one checkpoint.
    pub(crate) fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), WriteError> {
        let top = self.layout.work_dir().to_owned();
        let always = Some(top.as_path());
        let on_disk = always.filter(|_| self.to_disk);
        match checkpoint {
            Checkpoint::Agent(info) => {
                let id = info.id.as_ref().ok_or(WriteError::NoAgent)?.value.clone();
                let agent = self.layout.agent(&id)?;
                record::replace(&agent.info(), &record::encode(info.as_ref()), always)?;
                record::link(&self.layout.latest_agent(), &agent.directory, always)?;
                self.agent_id = Some(id);
            }
            Checkpoint::Framework { info, pid } => {
                let id = info.id.as_ref().map(|id| id.value.as_str()).unwrap_or_default();
                let framework = self.agent()?.framework(id)?;
                record::replace(&framework.info(), &record::encode(info.as_ref()), on_disk)?;
                record::replace(&framework.pid(), pid.as_bytes(), on_disk)?;
            }
            Checkpoint::Executor { run, info, command_task } => {
                let run = self.run(run)?;
                record::replace(&run.executor.info(), &record::encode(info.as_ref()), on_disk)?;
                let flag: &[u8] = if *command_task { b"1" } else { b"0" };
                record::replace(&run.executor.command_task(), flag, on_disk)?;
                disk::create_dir_all(&run.directory)?;
                record::link(&run.executor.latest_run(), &run.directory, on_disk)?;
            }
            Checkpoint::Subscribed { run } => record::replace(&self.run(run)?.http_marker(), b"", on_disk)?,
            Checkpoint::Registered { run, process } => {
                record::replace(&self.run(run)?.libprocess_pid(), process.to_string().as_bytes(), on_disk)?;
            }
            Checkpoint::ForkedPid { run, pid } => {
                record::replace(&self.run(run)?.forked_pid(), pid.to_string().as_bytes(), on_disk)?;
            }
            Checkpoint::Task { run, task, deadline, check } => {
                let files = self.run(run)?.task(&task.task_id.value)?;
                // First the deadline: a task without it would never be ended.
                if let Some(deadline) = deadline {
                    record::replace(&files.deadline(), deadline.as_nanos().to_string().as_bytes(), on_disk)?;
                }
                if let Some(check) = check {
                    record::replace(&files.check(), &record::encode(check.as_ref()), on_disk)?;
                }
                record::replace(&files.info(), &record::encode(task.as_ref()), on_disk)?;
            }
            Checkpoint::UpdateAppended { run, task_id, record } => {
                let files = self.run(run)?.task(task_id.as_str())?;
                record::append(&files.updates(), &record::encode(record.as_ref()), on_disk)?;
            }
            Checkpoint::Sentinel { run } => record::replace(&self.run(run)?.sentinel(), b"", on_disk)?,
            Checkpoint::Drain(Some(config)) => {
                record::replace(&self.agent()?.drain(), &record::encode(config), always)?;
            }
            Checkpoint::Drain(None) => disk::remove_file(&self.agent()?.drain())?,
            Checkpoint::Container { container, launch } => {
                let container = self.layout.container(&container.to_string())?;
                record::replace(&container.launch(), &record::encode(launch.as_ref()), on_disk)?;
            }
            Checkpoint::ContainerEnded { container, exit } => {
                let container = self.layout.container(&container.to_string())?;
                record::replace(&container.termination(), &record::encode(exit.as_ref()), on_disk)?;
            }
        }
        Ok(())
    }

    /// Deletes what need not be remembered: first that without which the rest is not read.
    pub(crate) fn remove(&mut self, removal: &Removal) -> Result<(), WriteError> {
        match removal {
            Removal::Agent => {
                disk::remove_file(&self.layout.latest_agent())?;
                if let Ok(agent) = self.agent() {
                    disk::remove_all(&agent.directory)?;
                }
                self.agent_id = None;
            }
            Removal::Framework { framework_id } => {
                let framework = self.agent()?.framework(framework_id.as_str())?;
                disk::remove_file(&framework.info())?;
                disk::remove_all(&framework.directory)?;
            }
            Removal::Run(run) => {
                let run = self.run(run)?;
                if fs::read_link(run.executor.latest_run()).is_ok_and(|latest| latest == run.directory) {
                    disk::remove_file(&run.executor.latest_run())?;
                }
                disk::remove_all(&run.directory)?;
                if disk::remove_empty(&run.executor.runs())? {
                    disk::remove_all(&run.executor.directory)?;
                }
            }
            Removal::Task { run, task_id } => {
                let task = self.run(run)?.task(task_id.as_str())?;
                disk::remove_file(&task.info())?;
                disk::remove_all(&task.directory)?;
            }
            Removal::Container { container } => {
                let container = self.layout.container(&container.to_string())?;
                disk::remove_file(&container.launch())?;
                disk::remove_all(&container.directory)?;
            }
        }
        Ok(())
    }

    /// Deletes a sandbox, the link that points at it, and the directories that it leaves empty.
    pub(crate) fn remove_sandbox(&self, path: &Path) -> io::Result<()> {
        let top = self.layout.sandboxes();
        let depth = |top: &Path| {
            let rest = path.strip_prefix(top).ok()?;
            let names = rest.components().all(|part| matches!(part, std::path::Component::Normal(_)));
            names.then(|| rest.components().count())
        };
        let standalone = depth(&self.layout.standalone_sandboxes()).is_some_and(|depth| depth > 0);
        if !standalone && depth(&top).is_none_or(|depth| depth <= 1) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not below the work directory"));
        }
        disk::remove_all(path)?;
        if let Some(containers) = path.parent().filter(|parent| parent.ends_with("containers")) {
            // Above it is the sandbox of another.
            let _ = fs::remove_dir(containers);
            return Ok(());
        }
        let mut directory = path.parent();
        while let Some(empty) = directory.filter(|directory| *directory != top && directory.starts_with(&top))
        {
            let latest = empty.join("latest");
            if latest.is_symlink() && !latest.exists() {
                disk::remove_file(&latest)?;
            }
            if fs::remove_dir(empty).is_err() {
                break;
            }
            directory = empty.parent();
        }
        Ok(())
    }
}
