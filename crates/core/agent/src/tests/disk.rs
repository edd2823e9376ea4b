//! A disk that is a value. Must not live here: files.

use tepui_model::ContainerId;

use crate::{
    Checkpoint, ContainerState, Effect, Exit, Recovered, RecoveredContainer, RecoveredExecutor,
    RecoveredFramework, RecoveredTask, Removal,
};

/// A disk: what an agent wrote, as the next one finds it.
#[derive(Default)]
pub(super) struct Disk(pub(super) Recovered);

impl Disk {
    pub(super) fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Persist(persist) => {
                    persist.writes.iter().for_each(|checkpoint| self.write(checkpoint))
                }
                Effect::RemoveCheckpoint(Removal::Run(run)) => {
                    for framework in &mut self.0.frameworks {
                        framework.executors.retain(|executor| executor.container_id != run.container_id);
                    }
                }
                Effect::RemoveCheckpoint(Removal::Framework { framework_id }) => {
                    self.0.frameworks.retain(|known| {
                        known.info.id.as_ref().map(|id| id.value.as_str()) != Some(framework_id.as_str())
                    });
                }
                Effect::RemoveCheckpoint(Removal::Task { run, task_id }) => {
                    self.executor(run).tasks.retain(|task| task.task.task_id.value != task_id.as_str());
                }
                Effect::RemoveCheckpoint(Removal::Container { container }) => {
                    self.0
                        .containers
                        .retain(|known| ContainerId::from(&known.launch.container_id) != *container);
                }
                Effect::RemoveCheckpoint(Removal::Agent) => self.0 = Recovered::default(),
                _ => {}
            }
        }
    }

    fn executor(&mut self, run: &crate::Run) -> &mut RecoveredExecutor {
        self.0
            .frameworks
            .iter_mut()
            .flat_map(|framework| &mut framework.executors)
            .find(|executor| executor.container_id == run.container_id)
            .unwrap()
    }

    fn write(&mut self, checkpoint: &Checkpoint) {
        match checkpoint.clone() {
            Checkpoint::Agent(info) => self.0.agent = Some(*info),
            Checkpoint::Framework { info, pid } => {
                match self.0.frameworks.iter_mut().find(|framework| framework.info.id == info.id) {
                    Some(framework) => framework.info = *info,
                    None => {
                        self.0.frameworks.push(RecoveredFramework { info: *info, pid, executors: Vec::new() })
                    }
                }
            }
            Checkpoint::Executor { run, info, command_task } => {
                self.0.frameworks[0].executors.push(RecoveredExecutor {
                    info: *info,
                    command_task,
                    container_id: run.container_id,
                    container: ContainerState::Alive,
                    subscribed: false,
                    process: None,
                    completed: false,
                    pid: None,
                    tasks: Vec::new(),
                });
            }
            Checkpoint::Subscribed { run } => self.executor(&run).subscribed = true,
            Checkpoint::Registered { run, process } => self.executor(&run).process = Some(process),
            Checkpoint::ForkedPid { run, pid } => self.executor(&run).pid = Some(pid),
            Checkpoint::Task { run, task, deadline, check } => {
                let tasks = &mut self.executor(&run).tasks;
                let known = tasks.iter().position(|known| known.task.task_id == task.task_id);
                let records = known.map(|known| tasks.remove(known).records).unwrap_or_default();
                tasks.push(RecoveredTask { task: *task, deadline, check, records });
            }
            Checkpoint::UpdateAppended { run, task_id, record } => {
                let tasks = &mut self.executor(&run).tasks;
                tasks
                    .iter_mut()
                    .find(|task| task.task.task_id.value == task_id.as_str())
                    .unwrap()
                    .records
                    .push(*record);
            }
            Checkpoint::Sentinel { run } => self.executor(&run).completed = true,
            Checkpoint::Drain(drain) => self.0.drain = drain,
            Checkpoint::Container { launch, .. } => self.0.containers.push(RecoveredContainer {
                launch: *launch,
                container: ContainerState::Alive,
                ended: None,
                pid: Some(43),
            }),
            Checkpoint::ContainerEnded { container, exit } => {
                let known = &mut self.0.containers;
                let known =
                    known.iter_mut().find(|known| ContainerId::from(&known.launch.container_id) == container);
                known.unwrap().ended = Some(Exit { wait_status: exit.exit_status, limitation: None });
            }
        }
    }

    pub(super) fn containers(&mut self, state: &ContainerState) -> Recovered {
        for executor in self.0.frameworks.iter_mut().flat_map(|framework| &mut framework.executors) {
            executor.container = state.clone();
        }
        self.0.clone()
    }
}
