//! What the core asks its shell to do, and the words for the outcome. Must not live here: doing it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tepui_core_checks::{Probe, ProbeId};
use tepui_core_kit::Persist;
use tepui_model::{ConnectionId, ContainerId, ExecutorId, FrameworkId, Outcome, Reason, TaskId, Tick};
use tepui_wire_mesos::{Message, internal, v1};

use crate::{Claims, Upid, failure::LaunchFailure};

/// Something for the shell to do. Effects are to be performed in the order in which they come out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Answer a call and be done with its connection.
    Reply {
        /// The call's connection.
        to: ConnectionId,
        /// What to answer.
        outcome: Outcome,
    },
    /// Answer a SUBSCRIBE with 200 and keep the connection as an event stream.
    OpenStream {
        /// The call's connection.
        to: ConnectionId,
    },
    /// One event on an open stream.
    SendEvent {
        /// The stream.
        to: ConnectionId,
        /// The event.
        event: Box<v1::executor::Event>,
    },
    /// Answer an operator's call for a container with 400, as it could not be started.
    RefuseLaunch {
        /// The call's connection.
        to: ConnectionId,
        /// Why.
        failure: LaunchFailure,
    },
    /// Answer an operator's call with 200 and a message.
    Answer {
        /// The call's connection.
        to: ConnectionId,
        /// What to answer.
        response: Box<v1::agent::Response>,
    },
    /// Answer a call with 200 and a stream of what comes out of a container, from now on. Where the container is the
    /// call's own (a session), [`Event::StreamClosed`](crate::Event::StreamClosed) ends it.
    AttachOutput {
        /// The call's connection.
        to: ConnectionId,
        /// The container.
        container: ContainerId,
    },
    /// Let what the call carries flow into a container. The shell answers the call when that has ended.
    AttachInput {
        /// The call's connection.
        to: ConnectionId,
        /// The container.
        container: ContainerId,
    },
    /// End a stream after what was sent on it. No [`Event::StreamClosed`](crate::Event::StreamClosed) is needed for it, nor does one harm.
    CloseStream {
        /// The stream.
        to: ConnectionId,
    },
    /// A message of the agent protocol; lost silently if the peer cannot be reached.
    Send {
        /// The receiver.
        to: Upid,
        /// The message.
        message: Message,
    },
    /// Keep a connection to the peer and report its end with [`Event::Exited`](crate::Event::Exited); idempotent.
    /// A peer that cannot be connected to is reported in the same way.
    Link {
        /// The peer.
        to: Upid,
    },
    /// Write these, in this order, so that they survive the process, then tell [`Event::Persisted`](crate::Event::Persisted).
    Persist(Persist<Checkpoint>),
    /// Start a container, then tell [`Event::Launched`](crate::Event::Launched), once.
    Launch(Box<Launch>),
    /// Change the limits of a running container; best effort.
    UpdateLimits {
        /// The container.
        container: ContainerId,
        /// Its new limits.
        limits: Limits,
    },
    /// Send a signal to a container's processes.
    Signal {
        /// The container.
        container: ContainerId,
        /// Signal number.
        signal: i32,
        /// Every process of the container (its whole group), not only the first.
        whole_group: bool,
    },
    /// End every process of a container at once. [`Event::ContainerExited`](crate::Event::ContainerExited) follows for every container that
    /// was launched, also for one that has ended already and whose end was not told yet; one that is not known is ignored.
    Destroy {
        /// The container.
        container: ContainerId,
    },
    /// Ask a task over the network of its container, then tell [`Event::Probed`](crate::Event::Probed).
    Probe {
        /// The task's container.
        container: ContainerId,
        /// Number of the probe; unique in the container.
        id: ProbeId,
        /// What to ask.
        probe: Probe,
    },
    /// End a probe; its result is not wanted any more.
    CancelProbe {
        /// The task's container.
        container: ContainerId,
        /// Number of the probe.
        id: ProbeId,
    },
    /// Delete a sandbox and what it leaves empty above it.
    RemoveSandbox {
        /// Absolute path.
        path: String,
    },
    /// Forget what was written.
    RemoveCheckpoint(Removal),
    /// Something for the operator's log.
    Log(String),
    /// End the process: the master said so. Everything is stopped by now.
    Shutdown,
}

impl From<Persist<Checkpoint>> for Effect {
    fn from(persist: Persist<Checkpoint>) -> Self {
        Self::Persist(persist)
    }
}

/// A container to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The container.
    pub container_id: ContainerId,
    /// Whose it is.
    pub framework_id: FrameworkId,
    /// Its executor; of a command task the task's id.
    pub executor_id: ExecutorId,
    /// What runs in it.
    pub kind: LaunchKind,
    /// What it shares with the container that it is nested in, if it is.
    pub class: ContainerClass,
    /// Where its standard input comes from and its output goes to.
    pub stdio: Stdio,
    /// Its limits are its own, and not those of the container that it is nested in.
    pub own_limits: bool,
    /// Where its process starts, if not in its sandbox.
    pub directory: Option<String>,
    /// The command line and the files to fetch. Its environment is already part of [`Launch::environment`].
    pub command: v1::CommandInfo,
    /// The user to run as; `None`: the agent's own.
    pub user: Option<String>,
    /// The whole environment, in the order in which Mesos builds it; every name once.
    #[serde(serialize_with = "crate::settings::names_only")]
    pub environment: Vec<(String, String)>,
    /// Whose token is to be the value of [`crate::TOKEN`] in the environment, if anybody's. Whoever has the key makes it.
    pub token: Option<Claims>,
    /// The sandbox, to be created with mode 0750 for the user, with `latest` beside it pointing at it.
    pub sandbox: String,
    /// Container image and volumes, if any.
    pub container: Option<v1::ContainerInfo>,
    /// Resources of the container.
    pub limits: Limits,
    /// Whether the container outlives the agent.
    pub checkpoint: bool,
    /// Between SHUTDOWN and the end of the container.
    pub shutdown_grace_period: Duration,
}

/// What runs in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaunchKind {
    /// The task's own command; the agent is its executor.
    Command,
    /// An executor, which will subscribe.
    Executor,
    /// What somebody asked for through the agent's own API: nested in another container, or standing alone.
    Nested,
}

/// What a nested container shares with the one around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerClass {
    /// What every container shares with those in it.
    #[default]
    Default,
    /// Everything: it sees what the one around it sees.
    Debug,
}

/// Where a container's standard input comes from and its output goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdio {
    /// Nothing comes in; what comes out goes to files in the sandbox.
    #[default]
    Files,
    /// To those who are attached.
    Pipes,
    /// To those who are attached, through a terminal.
    Tty {
        /// Height in characters; 0: not known.
        rows: u16,
        /// Width in characters; 0: not known.
        columns: u16,
    },
}

/// What a container may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Guaranteed CPUs, in thousandths.
    pub cpus_milli: i64,
    /// Guaranteed memory in bytes.
    pub mem_bytes: i64,
    /// Disk for the sandbox in bytes.
    pub disk_bytes: i64,
    /// The most CPUs, in thousandths, where a task asked for a limit of its own; -1: no limit.
    pub cpus_limit_milli: Option<i64>,
    /// The most memory in bytes, where a task asked for a limit of its own; -1: no limit.
    pub mem_limit_bytes: Option<i64>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// Raw wait status of the first process (`exit 7` is 1792, SIGKILL is 9); `None` when nobody could tell.
    pub wait_status: Option<i32>,
    /// The limit that it ran into, if it was ended for that.
    pub limitation: Option<Limitation>,
}

/// A limit that a container ran into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limitation {
    /// `CONTAINER_LIMITATION_MEMORY` or one of its kin.
    pub reason: Reason,
    /// Words for the scheduler.
    pub message: String,
    /// The resources in question.
    pub resources: Vec<v1::Resource>,
}

/// Which executor run a checkpoint belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Run {
    /// The framework's id.
    pub framework_id: FrameworkId,
    /// The executor's id.
    pub executor_id: ExecutorId,
    /// The container's id.
    pub container_id: ContainerId,
}

/// Something to be written down. The shell knows the layout of the files; what is written again replaces the earlier one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Checkpoint {
    /// The agent's own id and info.
    Agent(Box<internal::SlaveInfo>),
    /// A framework and the address of its scheduler.
    Framework {
        /// Its info, with its id.
        info: Box<v1::FrameworkInfo>,
        /// UPID of its scheduler; empty or of port 0 for one over HTTP.
        pid: String,
    },
    /// An executor and its container.
    Executor {
        /// Which run.
        run: Run,
        /// Its info.
        info: Box<v1::ExecutorInfo>,
        /// Made for a command task: there is no executor process.
        command_task: bool,
    },
    /// The executor spoke over HTTP (`http.marker`).
    Subscribed {
        /// Which run.
        run: Run,
    },
    /// The executor spoke libprocess from this address (`pids/libprocess.pid`).
    Registered {
        /// Which run.
        run: Run,
        /// Where it listens.
        process: Upid,
    },
    /// The container's first process.
    ForkedPid {
        /// Which run.
        run: Run,
        /// Its process id.
        pid: u32,
    },
    /// A task of an executor.
    Task {
        /// Which run.
        run: Run,
        /// The task, without statuses; of a command that is to end, with one that says so.
        task: Box<v1::Task>,
        /// When it has to be over (`max_completion_time`).
        deadline: Option<Tick>,
        /// The check of a command task, which is no part of `task`.
        check: Option<Box<v1::CheckInfo>>,
    },
    /// A record to append to a task's log of updates.
    UpdateAppended {
        /// Which run.
        run: Run,
        /// The task's id.
        task_id: TaskId,
        /// The update, or its acknowledgement.
        record: Box<internal::StatusUpdateRecord>,
    },
    /// The executor has ended, and what had to be said about its tasks is in their logs.
    Sentinel {
        /// Which run.
        run: Run,
    },
    /// The agent is being drained; `None`: no longer.
    Drain(Option<v1::DrainConfig>),
    /// A container that was launched through the agent's own API.
    Container {
        /// Its flat id.
        container: ContainerId,
        /// What was asked for, with what the agent decided for it.
        launch: Box<v1::agent::call::LaunchContainer>,
    },
    /// Such a container has ended.
    ContainerEnded {
        /// Its flat id.
        container: ContainerId,
        /// How.
        exit: Box<v1::agent::response::WaitContainer>,
    },
}

/// What need not be remembered any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removal {
    /// The agent's identity: it shall register as a new one next time.
    Agent,
    /// A framework with everything below it.
    Framework {
        /// The framework's id.
        framework_id: FrameworkId,
    },
    /// One run of an executor with everything below it (and the executor, when it has no other run).
    Run(Run),
    /// A task and its updates.
    Task {
        /// Which run.
        run: Run,
        /// The task's id.
        task_id: TaskId,
    },
    /// A container that was launched through the agent's own API.
    Container {
        /// Its flat id.
        container: ContainerId,
    },
}
