//! The agent's handle on its containers.
//!
//! One task owns the connection to the supervisor. Requests go to it through a bounded queue that it always
//! drains, events come back through a bounded queue; what does not fit waits inside the task, at most two
//! events per container. So an agent that waits for the one never blocks the other.

mod actor;
mod confine;
mod connect;
mod containers;
mod limitation;
mod link;
mod prepare;

use std::{collections::BTreeMap, ffi::OsString, io, path::PathBuf};

use tokio::sync::{mpsc, oneshot};

use crate::{
    io::ContainerIo,
    isolation::CannotIsolate,
    launch::{Launch, Limits},
    rotation::Rotation,
    settings::Containment,
    usage::Usage,
};

/// How many requests may wait before a caller has to.
pub const REQUESTS_MAX: usize = 1024;
/// How many events may wait in the channel before they are kept inside.
pub const EVENTS_MAX: usize = 1024;

/// How containers are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the supervisor's socket and the exit statuses are (`<runtime_dir>/containers/<id>/...`).
    pub runtime_dir: PathBuf,
    /// Everything ends with the agent: when the agent's connection closes for whatever reason, the
    /// supervisor kills all containers and exits.
    pub ephemeral: bool,
    /// Directories that an ephemeral supervisor removes at its end (the embedded cluster's temporary ones).
    pub remove_at_end: Vec<PathBuf>,
    /// Directories that it then removes if nothing is left in them: what several agents share.
    pub remove_empty_at_end: Vec<PathBuf>,
    /// How to start a supervisor.
    pub supervisor: SupervisorCommand,
    /// How they are made and held.
    pub containment: Containment,
    /// When `stdout` and `stderr` are rotated; `None`: never.
    pub rotation: Option<Rotation>,
}

impl Options {
    /// Defaults: not ephemeral, this very binary as the supervisor, cgroups where possible, no rotation.
    pub fn new(runtime_dir: impl Into<PathBuf>) -> Self {
        Self {
            runtime_dir: runtime_dir.into(),
            ephemeral: false,
            remove_at_end: Vec::new(),
            remove_empty_at_end: Vec::new(),
            supervisor: SupervisorCommand::default(),
            containment: Containment::default(),
            rotation: None,
        }
    }
}

/// The command that runs [`crate::supervisor::main`]; `--runtime-dir DIR` and the rest are appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisorCommand {
    /// Program to execute.
    pub program: PathBuf,
    /// Arguments before ours.
    pub arguments: Vec<OsString>,
}

impl Default for SupervisorCommand {
    /// The running binary with the argument `supervisor`. `/proc/self/exe` also works when the file was
    /// replaced by an upgrade meanwhile.
    fn default() -> Self {
        Self { program: PathBuf::from("/proc/self/exe"), arguments: vec!["supervisor".into()] }
    }
}

/// What happened to a container. After `LaunchFailed` or `Exited` there are no more events of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The process runs.
    Started {
        /// Which container.
        container_id: String,
        /// Process id; also the id of its process group and session.
        pid: i32,
    },
    /// There is no process and there was none.
    LaunchFailed {
        /// Which container.
        container_id: String,
        /// What kind of failure.
        kind: FailureKind,
        /// In words.
        message: String,
    },
    /// The process ended, and what was left of its process group has been killed.
    Exited {
        /// Which container.
        container_id: String,
        /// Raw wait status (`exit 7` is 1792, SIGKILL is 9). `None`: it ended while nobody was its parent.
        status: Option<i32>,
        /// A limit that ended it.
        limitation: Option<Limitation>,
    },
}

/// Why a launch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The user does not exist or may not be switched to.
    User,
    /// The sandbox could not be made.
    Sandbox,
    /// A URI could not be fetched.
    Fetch,
    /// The process could not be started as asked: cgroups, namespaces, limits, working directory.
    Spawn,
    /// The program is not there.
    NoProgram,
    /// What is there is no program, or not one that the user may execute.
    NotExecutable,
    /// The container was destroyed before its process started.
    Destroyed,
}

/// A limit that ended a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limitation {
    /// Of what.
    pub limited: Limited,
    /// In words, with figures.
    pub message: String,
    /// How many bytes it used.
    pub used_bytes: u64,
}

/// What can be limited so that a container ends of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// The kernel killed for it.
    Memory,
    /// The sandbox grew too large.
    Disk,
}

/// What a container uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// By the account of its cgroups, where it has its own.
    pub cgroup: Option<crate::cgroup::Use>,
    /// By /proc: its processes that live.
    pub processes: Usage,
    /// Bytes of disk, where that is measured, as of the last time.
    pub disk_used_bytes: Option<u64>,
    /// Bytes of disk that it may use, where that is measured.
    pub disk_limit_bytes: Option<u64>,
}

/// A container that was found when the agent came (back).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredContainer {
    /// Which container.
    pub container_id: String,
    /// Its process.
    pub pid: i32,
    /// `None`: it runs. `Some(None)`: it ended and nobody knows how. `Some(Some(status))`: raw wait status.
    pub exited: Option<Option<i32>>,
    /// A limit that ended it.
    pub limitation: Option<Limitation>,
}

/// Why containers cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The runtime directory cannot be used.
    #[error("cannot use the runtime directory {}: {source}", path.display())]
    RuntimeDir {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another agent has it.
    #[error("the runtime directory {} belongs to another agent that is running", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// Isolation that was asked for cannot be had.
    #[error(transparent)]
    Isolation(#[from] CannotIsolate),
    /// Nothing could be heard of containers that run out of memory.
    #[error("cannot watch the memory of containers: {0}")]
    Memory(io::Error),
    /// The supervisor does not start or does not answer.
    #[error("cannot start the supervisor {}: {source}", program.display())]
    Supervisor {
        /// What was executed.
        program: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// The containerizer's task ended: the runtime is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the containerizer has been stopped")]
pub struct ContainerizerClosed;

/// A request to the task.
#[derive(Debug)]
pub(crate) enum Request {
    Launch(Box<Launch>),
    Signal { container_id: String, signal: i32, group: bool },
    Destroy { container_id: String },
    Forget { container_id: String },
    Update { container_id: String, limits: Limits },
    Adopt { container_id: String, sandbox: PathBuf },
    Measure { answer: oneshot::Sender<BTreeMap<String, Measured>> },
    TakeIo { container_id: String, answer: oneshot::Sender<Option<ContainerIo>> },
    Resize { container_id: String, rows: u16, columns: u16, answer: oneshot::Sender<io::Result<()>> },
    Stop(oneshot::Sender<()>),
}

/// The handle. Cheap to clone; the containers are left alone when the last one is dropped (unless
/// [`Options::ephemeral`]).
#[derive(Clone, Debug)]
pub struct Containerizer {
    requests: mpsc::Sender<Request>,
}

impl Containerizer {
    /// Finds the runtime directory's supervisor or starts one, and says which containers it has. What they
    /// do from then on arrives as events.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        options: Options,
    ) -> Result<(Self, mpsc::Receiver<Event>, Vec<RecoveredContainer>), StartError> {
        let (requests, request_queue) = mpsc::channel(REQUESTS_MAX);
        let (event_queue, events) = mpsc::channel(EVENTS_MAX);
        let recovered = actor::start(options, request_queue, event_queue).await?;
        Ok((Self { requests }, events, recovered))
    }

    /// Starts a container: sandbox, fetcher, cgroup, process. Answered by [`Event::Started`] or
    /// [`Event::LaunchFailed`].
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn launch(&self, launch: Launch) -> Result<(), ContainerizerClosed> {
        self.send(Request::Launch(Box::new(launch))).await
    }

    /// Signals the container's process, or its whole group. A container that is not there is ignored.
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn signal(
        &self,
        container_id: &str,
        signal: i32,
        group: bool,
    ) -> Result<(), ContainerizerClosed> {
        self.send(Request::Signal { container_id: container_id.to_owned(), signal, group }).await
    }

    /// Ends a container with everything in it, whatever it is doing, also when its launch is still under
    /// way. Answered by [`Event::Exited`] or [`Event::LaunchFailed`].
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn destroy(&self, container_id: &str) -> Result<(), ContainerizerClosed> {
        self.send(Request::Destroy { container_id: container_id.to_owned() }).await
    }

    /// The exit of this container has been dealt with for good: its status file may go.
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn forget(&self, container_id: &str) -> Result<(), ContainerizerClosed> {
        self.send(Request::Forget { container_id: container_id.to_owned() }).await
    }

    /// Changes the limits of a running container. Nothing happens where it is not limited.
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn update(&self, container_id: &str, limits: Limits) -> Result<(), ContainerizerClosed> {
        self.send(Request::Update { container_id: container_id.to_owned(), limits }).await
    }

    /// Says where the sandbox of a recovered container is, so that its logs are rotated and its use of the disk
    /// is measured.
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn adopt(
        &self,
        container_id: &str,
        sandbox: impl Into<PathBuf>,
    ) -> Result<(), ContainerizerClosed> {
        self.send(Request::Adopt { container_id: container_id.to_owned(), sandbox: sandbox.into() }).await
    }

    /// What all running containers use. Looks at every process of the machine.
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn measure(&self) -> Result<BTreeMap<String, Measured>, ContainerizerClosed> {
        let (answer, measured) = oneshot::channel();
        self.send(Request::Measure { answer }).await?;
        measured.await.map_err(|_| ContainerizerClosed)
    }

    /// The agent's ends of the input and output of a container that was launched with
    /// [`Stdio::Pipes`](crate::Stdio::Pipes) (once) or [`Stdio::Tty`](crate::Stdio::Tty) (as often as asked,
    /// also after the agent's restart). They are there from [`Event::Started`] on until
    /// [`Self::forget`]. `None`: the container is not there, has files, or its pipes were taken.
    ///
    /// # Errors
    /// [`ContainerizerClosed`].
    pub async fn take_io(&self, container_id: &str) -> Result<Option<ContainerIo>, ContainerizerClosed> {
        let (answer, taken) = oneshot::channel();
        self.send(Request::TakeIo { container_id: container_id.to_owned(), answer }).await?;
        taken.await.map_err(|_| ContainerizerClosed)
    }

    /// Says how large a container's terminal is.
    ///
    /// # Errors
    /// When the container has no terminal, or its terminal is gone.
    pub async fn resize(&self, container_id: &str, rows: u16, columns: u16) -> io::Result<()> {
        let (answer, resized) = oneshot::channel();
        let container_id = container_id.to_owned();
        let request = Request::Resize { container_id, rows, columns, answer };
        self.send(request).await.map_err(io::Error::other)?;
        resized.await.map_err(|_| io::Error::other(ContainerizerClosed))?
    }

    /// Lets the supervisor go and returns when that is done; an ephemeral one has then ended all containers.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.send(Request::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    async fn send(&self, request: Request) -> Result<(), ContainerizerClosed> {
        self.requests.send(request).await.map_err(|_| ContainerizerClosed)
    }
}
