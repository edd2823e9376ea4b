//! An agent's machine: its core, its checkpoints on disk, and the containers that outlive it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use tepui_core_agent::{
    Agent, Checkpoint, Config, ContainerState, Exit, Recovered, RecoveredExecutor, RecoveredFramework,
    RecoveredTask, Removal, Run, Snapshot, Start, Upid,
};
use tepui_core_kit::{Persist, Seed};
use tepui_model::{ContainerId, FrameworkId, TaskId, Tick, Token};
use tepui_wire_mesos::{internal, v1};

use crate::{
    host::Host,
    network::{Node, agent_upid},
    work::Work,
};

/// What an agent's machine has to offer.
pub const CPUS: f64 = 4.0;
/// In MB.
pub const MEM: f64 = 4096.0;
/// Of that, what some agents keep for [`RESERVED_ROLE`].
pub const RESERVED_CPUS: f64 = 1.5;
/// In MB.
pub const RESERVED_MEM: f64 = 1024.0;
/// The role that some agents have reservations for.
pub const RESERVED_ROLE: &str = "east";

/// An agent's machine.
#[derive(Debug)]
pub struct AgentNode {
    /// Its number.
    pub number: usize,
    /// Keeps some of its resources for one role.
    pub reserved: bool,
    /// The machine was started anew and its agent has not seen that yet.
    pub rebooted: bool,
    /// The process.
    pub host: Host<Agent>,
    /// What is durable.
    pub disk: Disk,
    /// Writes and removals under way, in order.
    pub writing: VecDeque<Job>,
    /// What the supervisor holds, by container id; it survives the agent.
    pub containers: BTreeMap<String, Container>,
    /// Containers whose process was not asked for yet, by id.
    pub preparing: BTreeSet<String>,
}

/// Something for the disk to do.
#[derive(Debug)]
pub enum Job {
    /// To write these, and then to say so.
    Write(Persist<Checkpoint>),
    /// To forget something.
    Remove(Removal),
}

/// A container as the supervisor sees it.
#[derive(Debug)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Whose it is.
    pub framework: String,
    /// The task of a command task; none for an executor.
    pub task: Option<String>,
    /// What a command task does.
    pub work: Option<Work>,
    /// How it ended, once it has.
    pub exit: Option<Exit>,
    /// The agent has been told of its end.
    pub told: bool,
}

impl AgentNode {
    /// A machine with an empty disk; nothing runs yet.
    pub fn new(number: usize, rng: &mut ChaCha8Rng) -> Self {
        Self {
            number,
            reserved: rng.next_u32().is_multiple_of(2),
            rebooted: false,
            host: Host::default(),
            disk: Disk::default(),
            writing: VecDeque::new(),
            containers: BTreeMap::new(),
            preparing: BTreeSet::new(),
        }
    }

    /// Its name in the network.
    pub const fn node(&self) -> Node {
        Node::Agent(self.number)
    }

    /// Starts the process on what is on disk and among the containers. A task on disk that it knows nothing of, if there
    /// is one.
    pub fn start(&mut self, rng: &mut ChaCha8Rng, now: Tick) -> Option<String> {
        let upid = agent_upid(self.number);
        let mut config = Config::new(upid.clone(), upid.address.ip().to_string(), upid.address.port());
        config.resources = self.resources();
        let mut recovered = self.recover();
        recovered.rebooted = std::mem::take(&mut self.rebooted);
        let core = self.host.start(now, Start { config, seed: Seed::from(rng.next_u64()), recovered });
        self.disk.unknown_to(&core.snapshot(now))
    }

    fn resources(&self) -> Vec<v1::Resource> {
        let (cpus, mem) = if self.reserved { (RESERVED_CPUS, RESERVED_MEM) } else { (0.0, 0.0) };
        let mut resources = vec![scalar("cpus", CPUS - cpus), scalar("mem", MEM - mem)];
        if self.reserved {
            let reservation = v1::resource::ReservationInfo {
                r#type: Some(v1::resource::reservation_info::Type::Static.into()),
                role: Some(RESERVED_ROLE.to_owned()),
                ..v1::resource::ReservationInfo::default()
            };
            for (name, value) in [("cpus", cpus), ("mem", mem)] {
                resources
                    .push(v1::Resource { reservations: vec![reservation.clone()], ..scalar(name, value) });
            }
        }
        resources
    }

    /// The machine is started anew: nothing that ran on it is there any more.
    pub fn reboot(&mut self, rng: &mut ChaCha8Rng) {
        self.crash(rng);
        self.containers.clear();
        self.rebooted = true;
    }

    /// Ends the process in the middle of whatever it does; containers go on.
    pub fn crash(&mut self, rng: &mut ChaCha8Rng) {
        self.host.stop();
        self.preparing.clear();
        let mut under_way: Vec<Job> = Vec::new();
        for job in std::mem::take(&mut self.writing) {
            match job {
                // A batch may be cut anywhere.
                Job::Write(Persist { token, writes }) => {
                    let one = |write| Job::Write(Persist { token, writes: vec![write] });
                    under_way.extend(writes.into_iter().map(one));
                }
                Job::Remove(_) => under_way.push(job),
            }
        }
        let reached = if under_way.is_empty() { 0 } else { rng.next_u64() as usize % (under_way.len() + 1) };
        under_way.truncate(reached);
        for job in under_way {
            self.disk.perform(job);
        }
        // Who exited before now is found in the recovered state, not told again.
        for container in self.containers.values_mut() {
            container.told = container.exit.is_some();
        }
    }

    /// The oldest job of the disk is done. The token of a write.
    pub fn written(&mut self) -> Option<Token> {
        let job = self.writing.pop_front()?;
        let token = match &job {
            Job::Write(persist) => Some(persist.token),
            Job::Remove(_) => None,
        };
        self.disk.perform(job);
        token
    }

    fn recover(&self) -> Recovered {
        let mut recovered = self.disk.recover(|container| match self.containers.get(container) {
            Some(Container { exit: Some(exit), .. }) => ContainerState::Exited(exit.clone()),
            Some(_) => ContainerState::Alive,
            None => ContainerState::Unknown,
        });
        let executors = recovered.frameworks.iter().flat_map(|framework| &framework.executors);
        let known: Vec<&ContainerId> = executors.map(|executor| &executor.container_id).collect();
        let orphans = self
            .containers
            .values()
            .filter(|container| container.exit.is_none() && !known.contains(&&container.id))
            .map(|container| container.id.clone())
            .collect();
        recovered.orphans = orphans;
        recovered
    }
}

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..v1::Resource::default()
    }
}

/// Checkpoints as they lie on disk.
#[derive(Debug, Default)]
pub struct Disk {
    agent: Option<internal::SlaveInfo>,
    frameworks: BTreeMap<FrameworkId, (v1::FrameworkInfo, String)>,
    executors: BTreeMap<Run, ExecutorFiles>,
    drain: Option<v1::DrainConfig>,
}

#[derive(Debug, Default)]
struct ExecutorFiles {
    info: Option<v1::ExecutorInfo>,
    command_task: bool,
    subscribed: bool,
    process: Option<Upid>,
    completed: bool,
    pid: Option<u32>,
    tasks: BTreeMap<TaskId, TaskFiles>,
}

#[derive(Debug, Default)]
struct TaskFiles {
    task: Option<v1::Task>,
    deadline: Option<Tick>,
    check: Option<Box<v1::CheckInfo>>,
    records: Vec<internal::StatusUpdateRecord>,
}

impl Disk {
    /// The agent's id, if one is written down.
    pub fn agent_id(&self) -> Option<&str> {
        Some(self.agent.as_ref()?.id.as_ref()?.value.as_str())
    }

    /// Whether a framework asked for checkpoints: only then are its updates on disk.
    pub fn checkpoints(&self, framework: &str) -> bool {
        self.frameworks.get(framework).is_some_and(|(info, _)| info.checkpoint())
    }

    /// Whether a task was written down: one that the agent never took has no log.
    pub fn has_task(&self, task: &str) -> bool {
        self.executors.values().any(|files| files.tasks.contains_key(task))
    }

    /// A task on disk that an agent does not know, neither as one that runs nor as one that is over.
    fn unknown_to(&self, snapshot: &Snapshot) -> Option<String> {
        let completed = snapshot.completed_frameworks.iter().map(AsRef::as_ref);
        let executors = snapshot
            .frameworks
            .iter()
            .chain(completed)
            .flat_map(|framework| framework.executors.iter().chain(&framework.completed_executors));
        let known: BTreeSet<&str> = executors
            .flat_map(|executor| {
                let live = executor.queued_tasks.iter().chain(&executor.launched_tasks);
                live.chain(&executor.terminated_tasks).chain(&executor.completed_tasks)
            })
            .map(|task| task.task_id.value.as_str())
            .collect();
        let written = self.executors.iter().filter(|(run, files)| {
            files.info.is_some() && self.agent.is_some() && self.frameworks.contains_key(&run.framework_id)
        });
        let mut tasks = written.flat_map(|(_, files)| &files.tasks).filter(|(_, task)| task.task.is_some());
        tasks.find(|(id, _)| !known.contains(id.as_str())).map(|(id, _)| id.to_string())
    }

    /// Whether the update with this uuid is on disk.
    pub fn has_update(&self, uuid: &[u8]) -> bool {
        self.executors
            .values()
            .flat_map(|files| files.tasks.values())
            .flat_map(|task| &task.records)
            .any(|record| record.update.as_ref().and_then(|update| update.uuid.as_deref()) == Some(uuid))
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::Write(persist) => {
                for checkpoint in persist.writes {
                    self.apply(checkpoint);
                }
            }
            Job::Remove(removal) => self.remove(removal),
        }
    }

    fn apply(&mut self, checkpoint: Checkpoint) {
        match checkpoint {
            Checkpoint::Agent(info) => self.agent = Some(*info),
            Checkpoint::Framework { info, pid } => {
                let id = info.id.clone().unwrap_or_default().into();
                self.frameworks.insert(id, (*info, pid));
            }
            Checkpoint::Executor { run, info, command_task } => {
                let files = self.executors.entry(run).or_default();
                files.info = Some(*info);
                files.command_task = command_task;
            }
            Checkpoint::Subscribed { run } => self.executors.entry(run).or_default().subscribed = true,
            Checkpoint::Registered { run, process } => {
                self.executors.entry(run).or_default().process = Some(process);
            }
            Checkpoint::ForkedPid { run, pid } => self.executors.entry(run).or_default().pid = Some(pid),
            Checkpoint::Task { run, task, deadline, check } => {
                let id = TaskId::from(&task.task_id);
                let files = self.executors.entry(run).or_default().tasks.entry(id).or_default();
                files.task = Some(*task);
                files.deadline = deadline;
                files.check = check;
            }
            Checkpoint::UpdateAppended { run, task_id, record } => {
                self.executors
                    .entry(run)
                    .or_default()
                    .tasks
                    .entry(task_id)
                    .or_default()
                    .records
                    .push(*record);
            }
            Checkpoint::Sentinel { run } => self.executors.entry(run).or_default().completed = true,
            Checkpoint::Drain(drain) => self.drain = drain,
            // Nobody here asks an agent about containers.
            Checkpoint::Container { .. } | Checkpoint::ContainerEnded { .. } => {}
        }
    }

    fn remove(&mut self, removal: Removal) {
        match removal {
            Removal::Container { .. } => {}
            // What lies below an agent's id is not found without it.
            Removal::Agent => *self = Self::default(),
            Removal::Framework { framework_id } => {
                self.frameworks.remove(&framework_id);
                self.executors.retain(|run, _| run.framework_id != framework_id);
            }
            Removal::Run(run) => {
                self.executors.remove(&run);
            }
            Removal::Task { run, task_id } => {
                if let Some(files) = self.executors.get_mut(&run) {
                    files.tasks.remove(&task_id);
                }
            }
        }
    }

    fn recover(&self, container: impl Fn(&str) -> ContainerState) -> Recovered {
        let frameworks = self.frameworks.iter().map(|(id, (info, pid))| RecoveredFramework {
            info: info.clone(),
            pid: pid.clone(),
            executors: self
                .executors
                .iter()
                .filter(|(run, _)| run.framework_id == *id)
                .filter_map(|(run, files)| files.recover(run, &container))
                .collect(),
        });
        Recovered {
            agent: self.agent.clone(),
            frameworks: frameworks.collect(),
            drain: self.drain,
            ..Recovered::default()
        }
    }
}

impl ExecutorFiles {
    fn recover(&self, run: &Run, container: impl Fn(&str) -> ContainerState) -> Option<RecoveredExecutor> {
        let tasks = self.tasks.values().filter_map(|files| {
            Some(RecoveredTask {
                task: files.task.clone()?,
                deadline: files.deadline,
                check: files.check.clone(),
                records: files.records.clone(),
            })
        });
        Some(RecoveredExecutor {
            info: self.info.clone()?,
            command_task: self.command_task,
            container_id: run.container_id.clone(),
            container: container(run.container_id.as_str()),
            subscribed: self.subscribed,
            process: self.process.clone(),
            completed: self.completed,
            pid: self.pid,
            tasks: tasks.collect(),
        })
    }
}
