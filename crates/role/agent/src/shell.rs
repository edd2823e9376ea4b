//! The task that owns the core: it waits for whatever happens, tells the core, and performs the effects.

pub(crate) mod containers;
pub(crate) mod disk;
mod effects;
pub(crate) mod launch;
pub(crate) mod master;
mod probes;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use tepui_containment::{Containerizer, Event as ContainerEvent};
use tepui_core_agent::{Agent, Claims, Event, Exit, Outcome, ProbeId, Snapshot, Upid};
use tepui_core_kit::Core as _;
use tepui_libprocess::{Exited, IncomingMessage, Links};
use tepui_model::{ConnectionId, ContainerId, ExecutorId, FrameworkId};
use tepui_shell::Clock;
use tepui_transport::{Response, StreamSender};
use tepui_wire_mesos::{ContentType, v1};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use probes::Probes;

use crate::{
    checkpoint::write::{Writer, Written},
    token::SecretKey,
};

/// Events of one kind that the core is told between two rounds of effects.
const BATCH: usize = 256;

/// How long the last checkpoints may take.
const LAST_WRITES_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// What others ask the task.
#[derive(Debug)]
pub(crate) enum Input {
    /// An executor's call.
    Call(Box<Call>),
    /// An operator's call about containers.
    Container(Box<containers::Ask>),
    /// An executor's stream, or an operator's session, is gone.
    StreamClosed(ConnectionId),
    /// The master was found, or is not to be found.
    MasterDetected(Option<Upid>),
    /// Somebody wants to see the agent.
    Snapshot(oneshot::Sender<Arc<Snapshot>>),
    /// Where the sandboxes of an executor are.
    Sandboxes { framework_id: FrameworkId, executor_id: ExecutorId, answer: oneshot::Sender<Vec<String>> },
    /// How full the disk is.
    DiskUsage(f64),
    /// What a probe of a task has shown.
    Probed { container: ContainerId, id: ProbeId, outcome: Outcome },
    /// The process is going down.
    Stop(oneshot::Sender<()>),
}

/// An executor's call and where its answer goes.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) call: v1::executor::Call,
    /// Whose token it showed, where one has to be shown.
    pub(crate) caller: Option<Claims>,
    /// How its events are to be written, if it becomes a stream.
    pub(crate) accept: ContentType,
    pub(crate) answer: oneshot::Sender<Response>,
}

/// Where things come in.
pub(crate) struct Inboxes {
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) messages: mpsc::Receiver<IncomingMessage>,
    pub(crate) containers: mpsc::Receiver<ContainerEvent>,
    pub(crate) exits: mpsc::Receiver<Exited>,
}

/// An open event stream.
struct Stream {
    sender: StreamSender,
    content: ContentType,
}

/// The task's state.
pub(crate) struct Shell {
    core: Agent,
    clock: Clock,
    containerizer: Containerizer,
    links: Links,
    writer: Writer,
    /// For the tasks that watch streams. Weak: the agent ends when nobody else can ask it anything.
    inputs: mpsc::WeakSender<Input>,
    shutdown: CancellationToken,
    connections: u64,
    calls: BTreeMap<ConnectionId, (oneshot::Sender<Response>, ContentType)>,
    streams: BTreeMap<ConnectionId, Stream>,
    containers: containers::Containers,
    /// Containers whose exit is kept until it is written down that it was dealt with.
    durable: BTreeSet<String>,
    stopping: Option<oneshot::Sender<()>>,
    probes: Probes,
    /// What executors' tokens are made with, if they get one.
    secret_key: Option<SecretKey>,
}

impl Shell {
    pub(crate) fn new(
        core: Agent,
        clock: Clock,
        containerizer: Containerizer,
        links: Links,
        writer: Writer,
        inputs: mpsc::WeakSender<Input>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            core,
            clock,
            containerizer,
            links,
            writer,
            inputs,
            shutdown,
            connections: 0,
            calls: BTreeMap::new(),
            streams: BTreeMap::new(),
            containers: containers::Containers::default(),
            durable: BTreeSet::new(),
            stopping: None,
            probes: Probes::default(),
            secret_key: None,
        }
    }

    /// Signs the tokens of executors.
    pub(crate) fn sign_with(mut self, secret_key: Option<SecretKey>) -> Self {
        self.secret_key = secret_key;
        self
    }

    /// Takes over containers from the last agent.
    pub(crate) async fn adopt(
        &mut self,
        durable: BTreeSet<String>,
        forget: Vec<String>,
        running: Vec<(String, PathBuf)>,
    ) {
        self.durable = durable;
        for container in forget {
            let _ = self.containerizer.forget(&container).await;
        }
        for (container, sandbox) in running {
            let _ = self.containerizer.adopt(&container, sandbox.clone()).await;
            self.adopt_container(&container, sandbox).await;
        }
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(mut self, mut inboxes: Inboxes) {
        let (mut inputs, mut messages, mut events) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.perform().await;
            if self.stopping.is_some() || self.shutdown.is_cancelled() {
                break;
            }
            // What is written for calls is bounded by tasks and connections; who sends messages waits until the disk has
            // caught up.
            let room = self.writer.has_room();
            let due = self.core.poll_timeout().map(|tick| self.clock.instant(tick));
            tokio::select! {
                count = inboxes.inputs.recv_many(&mut inputs, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    for input in inputs.drain(..) {
                        self.handle_input(input);
                    }
                }
                _ = inboxes.messages.recv_many(&mut messages, BATCH), if room => {
                    for IncomingMessage { from, message, .. } in messages.drain(..) {
                        self.core.handle(self.clock.now(), Event::Message { from, message });
                    }
                }
                _ = inboxes.containers.recv_many(&mut events, BATCH) => {
                    for event in events.drain(..) {
                        self.handle_container(event).await;
                    }
                }
                Some(Exited { pid }) = inboxes.exits.recv() => {
                    self.core.handle(self.clock.now(), Event::Exited(pid));
                }
                written = self.writer.written() => self.handle_written(written).await,
                () = sleep_until(due) => self.core.handle_timeout(self.clock.now()),
                () = self.shutdown.cancelled() => {}
            }
        }
        self.end().await;
    }

    /// What was begun is written before the end, unless the disk does not let it: then nothing was promised.
    async fn end(mut self) {
        let until = tokio::time::Instant::now() + LAST_WRITES_MAX;
        while !self.writer.is_idle() {
            match tokio::time::timeout_at(until, self.writer.written()).await {
                Ok(written) => {
                    self.handle_written(written).await;
                    self.perform().await;
                }
                Err(_) => {
                    tracing::error!("leaving with checkpoints that could not be written");
                    break;
                }
            }
        }
        self.containerizer.stop().await;
        if let Some(stopping) = self.stopping.take() {
            let _ = stopping.send(());
        }
        self.shutdown.cancel();
    }

    fn handle_input(&mut self, input: Input) {
        let now = self.clock.now();
        match input {
            Input::Call(call) => {
                let Call { call, caller, accept, answer } = *call;
                self.connections += 1;
                let connection = ConnectionId(self.connections);
                self.calls.insert(connection, (answer, accept));
                let call = Box::new(call);
                self.core.handle(now, Event::Called { from: connection, caller, call });
            }
            Input::StreamClosed(connection) => {
                self.streams.remove(&connection);
                self.core.handle(now, Event::StreamClosed(connection));
            }
            Input::Container(ask) => self.ask_about_container(now, *ask),
            Input::MasterDetected(master) => self.core.handle(now, Event::MasterDetected(master)),
            Input::Snapshot(answer) => {
                let _ = answer.send(self.core.snapshot(now));
            }
            Input::Sandboxes { framework_id, executor_id, answer } => {
                let _ = answer.send(self.core.sandboxes(&framework_id, &executor_id));
            }
            Input::Probed { container, id, outcome } => {
                self.probes.end(&container, id);
                self.core.handle(now, Event::Probed { container, id, outcome });
            }
            Input::DiskUsage(fraction) => self.core.handle(now, Event::DiskUsage(fraction)),
            Input::Stop(done) => self.stopping = Some(done),
        }
    }

    async fn handle_container(&mut self, event: ContainerEvent) {
        let now = self.clock.now();
        let id = |flat: &String| ContainerId::parse(flat);
        match event {
            ContainerEvent::Started { container_id, pid } => {
                let pid = u32::try_from(pid).unwrap_or_default();
                let interactive = self.is_interactive(&container_id);
                if interactive {
                    self.open_switchboard(&container_id).await;
                }
                self.core.handle(now, Event::Launched { container: id(&container_id), outcome: Ok(pid) });
                if interactive {
                    // Whoever asked for it has to be attached before it ends.
                    self.perform().await;
                }
            }
            ContainerEvent::LaunchFailed { container_id, kind, message } => {
                self.durable.remove(&container_id);
                self.containers.ended(&container_id);
                let failure = launch::failure(kind, message);
                self.core
                    .handle(now, Event::Launched { container: id(&container_id), outcome: Err(failure) });
            }
            ContainerEvent::Exited { container_id, status, limitation } => {
                self.containers.ended(&container_id);
                let limitation = limitation.map(launch::limitation);
                self.core.handle(
                    now,
                    Event::ContainerExited {
                        container: id(&container_id),
                        exit: Exit { wait_status: status, limitation },
                    },
                );
                if !self.durable.contains(&container_id) {
                    let _ = self.containerizer.forget(&container_id).await;
                }
            }
        }
    }

    async fn handle_written(&mut self, written: Written) {
        let now = self.clock.now();
        for token in written.tokens {
            self.core.handle(now, Event::Persisted(token));
        }
        for container in written.ended {
            if self.durable.remove(&container) {
                let _ = self.containerizer.forget(&container).await;
            }
        }
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
