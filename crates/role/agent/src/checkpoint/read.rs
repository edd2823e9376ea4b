//! Reading everything back at the start of an agent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use tepui_containment::RecoveredContainer;
use tepui_core_agent::{
    ContainerState, Exit, Limitation, Recovered, RecoveredContainer as RecoveredNested, RecoveredExecutor,
    RecoveredFramework, RecoveredSandbox, RecoveredTask,
};
use tepui_model::{ContainerId, Reason, Tick};
use tepui_wire_mesos::{internal, v1};

use super::{
    layout::{self, Layout, file_name},
    record,
};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// For the core.
    pub(crate) recovered: Recovered,
    /// Containers of executors that are checkpointed.
    pub(crate) durable: BTreeSet<String>,
    /// Containers whose exit nobody waits for any more.
    pub(crate) forget: Vec<String>,
    /// Sandboxes of running containers, for log rotation.
    pub(crate) running: Vec<(String, PathBuf)>,
}

/// Reads the work directory. `containers` are those that the supervisor knows, `boot_id` is the machine's.
///
/// What cannot be read is counted, told in the log and left out.
///
/// # Errors
/// Only when the work directory itself cannot be used.
pub(crate) fn recover(
    work_dir: &Path,
    containers: &[RecoveredContainer],
    boot_id: &str,
) -> io::Result<Found> {
    let layout = Layout::new(work_dir);
    fs::create_dir_all(layout.meta())?;
    let last_boot = fs::read_to_string(layout.boot_id()).unwrap_or_default();
    let rebooted = !last_boot.is_empty() && !boot_id.is_empty() && last_boot.trim() != boot_id;
    let mut reader = Reader {
        layout,
        containers: containers.iter().map(|container| (container.container_id.as_str(), container)).collect(),
        found: Found::default(),
        known: BTreeSet::new(),
    };
    reader.found.recovered.rebooted = rebooted;
    reader.agent();
    reader.nested_containers();
    reader.unknown_containers();
    reader.old_sandboxes();
    reader.nested_sandboxes();
    record::replace(&reader.layout.boot_id(), boot_id.as_bytes(), Some(work_dir))?;
    Ok(reader.found)
}

struct Reader<'a> {
    layout: Layout,
    containers: BTreeMap<&'a str, &'a RecoveredContainer>,
    found: Found,
    /// Containers of executors that were found.
    known: BTreeSet<String>,
}

impl Reader<'_> {
    fn agent(&mut self) {
        let Ok(latest) = fs::read_link(self.layout.latest_agent()) else { return };
        let Some(agent) = file_name(&latest).and_then(|id| self.layout.agent(&id).ok()) else { return };
        let Some(info) = self.read::<internal::SlaveInfo>(&agent.info()) else { return };
        if info.id.as_ref().map(|id| &id.value) != file_name(&latest).as_ref() {
            self.skip(&agent.info(), "it belongs to another agent");
            return;
        }
        self.found.recovered.agent = Some(info);
        if agent.drain().exists() {
            self.found.recovered.drain = self.read(&agent.drain());
        }
        for directory in directories(&agent.frameworks()) {
            if let Some(framework) = self.framework(&layout::Framework { directory }) {
                self.found.recovered.frameworks.push(framework);
            }
        }
    }

    fn framework(&mut self, files: &layout::Framework) -> Option<RecoveredFramework> {
        // The last agent was stopped before it had written this, or while it deleted it.
        if !files.info().exists() {
            self.remove_rest(&files.directory);
            return None;
        }
        let name = file_name(&files.directory)?;
        let info = self.read(&files.info()).unwrap_or_else(|| v1::FrameworkInfo {
            name: format!("framework {name}, whose description cannot be read"),
            id: Some(v1::FrameworkId { value: name }),
            checkpoint: Some(true),
            ..v1::FrameworkInfo::default()
        });
        let pid = fs::read_to_string(files.pid()).unwrap_or_default();
        let executors: Vec<RecoveredExecutor> = directories(&files.executors())
            .into_iter()
            .filter_map(|directory| self.executor(&layout::Executor { directory }))
            .collect();
        Some(RecoveredFramework { info, pid, executors })
    }

    fn executor(&mut self, files: &layout::Executor) -> Option<RecoveredExecutor> {
        let latest = fs::read_link(files.latest_run()).ok().and_then(|latest| file_name(&latest));
        let Some(container) = latest.or_else(|| self.run_before_reboot(files)) else {
            self.remove_rest(&files.directory);
            return None;
        };
        let name = file_name(&files.directory)?;
        let info = self.read(&files.info()).unwrap_or_else(|| v1::ExecutorInfo {
            executor_id: v1::ExecutorId { value: name },
            ..v1::ExecutorInfo::default()
        });
        let run = files.run(&container).ok()?;
        for other in directories(&files.runs()) {
            if other != run.directory {
                self.remove_rest(&other);
            }
        }
        let completed = run.sentinel().exists();
        let listed = self.containers.get(container.as_str());
        let state = state_of(listed.copied());
        self.known.insert(container.clone());
        if completed && matches!(state, ContainerState::Exited(_)) {
            self.found.forget.push(container.clone());
        } else if listed.is_some() {
            self.found.durable.insert(container.clone());
        }
        let tasks = directories(&run.tasks())
            .into_iter()
            .filter_map(|directory| self.task(&layout::Task { directory }))
            .collect();
        Some(RecoveredExecutor {
            info,
            command_task: fs::read_to_string(files.command_task()).is_ok_and(|text| text.trim() == "1"),
            container_id: ContainerId::new(container),
            container: state,
            subscribed: run.http_marker().exists(),
            process: fs::read_to_string(run.libprocess_pid()).ok().and_then(|text| text.trim().parse().ok()),
            completed,
            pid: fs::read_to_string(run.forked_pid()).ok().and_then(|text| text.trim().parse().ok()),
            tasks,
        })
    }

    /// The machine may have gone down before the link to a run was on its disk, and after its tasks were.
    fn run_before_reboot(&self, files: &layout::Executor) -> Option<String> {
        let mut runs = directories(&files.runs()).into_iter().filter(|run| run.join("tasks").exists());
        runs.next_back().filter(|_| self.found.recovered.rebooted).and_then(|run| file_name(&run))
    }

    /// Containers that were launched through the agent's own API, nested or standing alone.
    fn nested_containers(&mut self) {
        for directory in directories(&self.layout.containers()) {
            let Some(flat) = file_name(&directory) else { continue };
            let files = layout::Container { directory };
            // The agent was stopped between making the directory and writing the record: nothing was launched.
            if !files.launch().exists() {
                continue;
            }
            let Some(launch) = self.read::<v1::agent::call::LaunchContainer>(&files.launch()) else {
                continue;
            };
            let ended = files.termination().exists().then(|| self.read(&files.termination())).flatten();
            let listed = self.containers.get(flat.as_str()).copied();
            self.known.insert(flat.clone());
            match listed {
                Some(listed) if ended.is_some() && listed.exited.is_some() => {
                    self.found.forget.push(flat.clone());
                }
                Some(_) => {
                    self.found.durable.insert(flat.clone());
                }
                None => {}
            }
            self.found.recovered.containers.push(RecoveredNested {
                launch,
                container: state_of(listed),
                ended: ended.map(exit_of),
                pid: listed.and_then(|listed| u32::try_from(listed.pid).ok()),
            });
        }
    }

    /// Where their logs are: each in its parent's sandbox, parents first.
    fn nested_sandboxes(&mut self) {
        let standalone = self.layout.standalone_sandboxes();
        let mut sandboxes: BTreeMap<String, PathBuf> = self.found.running.iter().cloned().collect();
        for container in &self.found.recovered.containers {
            let flat = ContainerId::from(&container.launch.container_id).to_string();
            if !self.found.durable.contains(&flat) {
                continue;
            }
            let sandbox = match flat.rsplit_once('.') {
                Some((parent, id)) => {
                    sandboxes.get(parent).map(|sandbox| sandbox.join("containers").join(id))
                }
                None => Some(standalone.join(&flat)),
            };
            if let Some(sandbox) = sandbox {
                sandboxes.insert(flat.clone(), sandbox.clone());
                self.found.running.push((flat, sandbox));
            }
        }
    }

    fn task(&mut self, files: &layout::Task) -> Option<RecoveredTask> {
        // The agent was stopped between making the directory and writing the task: it was never launched.
        if !files.info().exists() {
            return None;
        }
        let records = self.updates(&files.updates());
        let task = match self.read(&files.info()) {
            Some(task) => task,
            // Its updates may have been acknowledged to its executor: they must not be lost with the rest.
            None => task_of(records.first()?.update.as_ref()?),
        };
        let deadline = fs::read_to_string(files.deadline())
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .map(Tick::from_nanos);
        let check = if files.check().exists() { self.read(&files.check()).map(Box::new) } else { None };
        Some(RecoveredTask { task, deadline, check, records })
    }

    /// The last record may have been cut off in the middle: it was never promised to anybody. It is taken
    /// away, so that the next one follows a whole one.
    fn updates(&mut self, path: &Path) -> Vec<internal::StatusUpdateRecord> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.skip(path, &error.to_string());
                return Vec::new();
            }
        };
        let (records, whole) = record::decode_all(&bytes);
        if whole < bytes.len() {
            tracing::warn!("{}: cutting off an incomplete record at byte {whole}", path.display());
            let cut = File::options().write(true).open(path).and_then(|file| file.set_len(whole as u64));
            if let Err(error) = cut {
                self.skip(path, &error.to_string());
            }
        }
        records
    }

    /// Containers that belong to no executor: what runs is to be ended, what has ended is to be forgotten.
    fn unknown_containers(&mut self) {
        for (id, container) in &self.containers {
            if self.known.contains(*id) {
                continue;
            }
            if container.exited.is_some() {
                self.found.forget.push((*id).to_owned());
            } else {
                self.found.recovered.orphans.push(ContainerId::parse(id));
            }
        }
    }

    /// Sandboxes on disk of any agent that this directory ever had.
    fn old_sandboxes(&mut self) {
        for agent in directories(&self.layout.sandboxes()) {
            for framework in directories(&agent.join("frameworks")) {
                for executor in directories(&framework.join("executors")) {
                    for run in directories(&executor.join("runs")) {
                        self.sandbox(run);
                    }
                }
            }
        }
    }

    fn sandbox(&mut self, path: PathBuf) {
        let Some(container) = file_name(&path) else { return };
        if self.known.contains(&container) {
            if self.found.durable.contains(&container) {
                self.found.running.push((container, path));
            }
            return;
        }
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).map(tepui_shell::tick_of);
        if let (Ok(modified), Some(path)) = (modified, path.to_str()) {
            self.found.recovered.sandboxes.push(RecoveredSandbox { path: path.to_owned(), modified });
        }
    }

    /// The last agent was stopped while it made this, and had launched nothing yet, or while it deleted it, and had
    /// nothing more to say about it: the link to the latest run comes last and goes first.
    fn remove_rest(&mut self, directory: &Path) {
        if let Err(error) = fs::remove_dir_all(directory) {
            self.skip(directory, &format!("cannot remove it: {error}"));
        }
    }

    fn read<M: prost::Message + Default>(&mut self, path: &Path) -> Option<M> {
        match record::read_one(path) {
            Ok(message) => Some(message),
            Err(error) => {
                self.skip(path, &error.to_string());
                None
            }
        }
    }

    fn skip(&mut self, path: &Path, why: &str) {
        let complaint = format!("cannot recover {}: {why}", path.display());
        tracing::warn!("{complaint}");
        self.found.recovered.errors += 1;
        if self.found.recovered.complaints.is_empty() {
            self.found.recovered.complaints.push(complaint);
        }
    }
}

/// What an update tells of its task.
fn task_of(update: &internal::StatusUpdate) -> v1::Task {
    v1::Task {
        name: update.status.task_id.value.clone(),
        task_id: update.status.task_id.clone(),
        framework_id: update.framework_id.clone(),
        executor_id: update.executor_id.clone(),
        agent_id: update.slave_id.clone().unwrap_or_default(),
        state: v1::TaskState::TaskStaging.into(),
        ..v1::Task::default()
    }
}

/// What the supervisor says of a container.
fn state_of(listed: Option<&RecoveredContainer>) -> ContainerState {
    let Some(listed) = listed else { return ContainerState::Unknown };
    let limitation = listed.limitation.clone().map(crate::shell::launch::limitation);
    match listed.exited {
        None => ContainerState::Alive,
        Some(wait_status) => ContainerState::Exited(Exit { wait_status, limitation }),
    }
}

/// An end as it was written down.
fn exit_of(written: v1::agent::response::WaitContainer) -> Exit {
    let reason = written.reason.and_then(Reason::from_number);
    let limitation = reason.map(|reason| Limitation {
        reason,
        message: written.message.unwrap_or_default(),
        resources: written.limitation.map(|limitation| limitation.resources).unwrap_or_default(),
    });
    Exit { wait_status: written.exit_status, limitation }
}

/// The directories in a directory, ordered by name; links are left out. None if it is not there.
fn directories(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut directories: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    directories.sort_unstable();
    directories
}
