//! What there is outside the agent's core: where everything that happens comes from, and how what the core wants is done.

pub(crate) mod containers;
pub(crate) mod disk;
mod effects;
pub(crate) mod launch;
pub(crate) mod master;
mod probes;

use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
    time::Duration,
};

use tepui_containment::{Containerizer, Event as ContainerEvent};
use tepui_core_agent::{Agent, Claims, ContainerCall, Effect, Event, Exit, Outcome, ProbeId, Upid};
use tepui_libprocess::{Exited, IncomingMessage, Links};
use tepui_model::{ConnectionId, ContainerId, Tick};
use tepui_recorder::Recorded;
use tepui_shell::{Caller, Callers, Clock, Flow, Gone, Lanes, Question, World};
use tepui_transport::StreamLimit;
use tepui_wire_mesos::v1;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use containers::Containers;
use probes::Probes;

use crate::{
    checkpoint::write::{Writer, Written},
    switchboard,
    token::SecretKey,
};

/// How long the last checkpoints may take.
const LAST_WRITES_MAX: Duration = Duration::from_secs(5);

/// What others have for the core, or want of it.
#[derive(Debug)]
pub(crate) enum Input {
    /// An executor's call. `claims`: whose token it showed, where one has to be shown.
    Call { from: ConnectionId, caller: Caller, claims: Option<Claims>, call: Box<v1::executor::Call> },
    /// An operator's call about containers. `attach`: where the way into the container goes, if it is wanted.
    Container {
        from: ConnectionId,
        caller: Caller,
        call: ContainerCall,
        attach: Option<oneshot::Sender<switchboard::Input>>,
    },
    /// The other side of a call or a stream has gone.
    Gone(ConnectionId),
    /// Somebody wants to know something.
    Question(Question<Agent>),
    /// The master was found, or is not to be found.
    MasterDetected(Option<Upid>),
    /// How full the disk is.
    DiskUsage(f64),
    /// What a probe of a task has shown.
    Probed { container: ContainerId, id: ProbeId, outcome: Outcome },
    /// The process is going down.
    Stop(oneshot::Sender<()>),
}

impl From<Question<Agent>> for Input {
    fn from(question: Question<Agent>) -> Self {
        Self::Question(question)
    }
}

impl From<Gone> for Input {
    fn from(Gone(connection): Gone) -> Self {
        Self::Gone(connection)
    }
}

/// Something that happened.
pub(crate) enum Happened {
    Input(Input),
    Message(IncomingMessage),
    Container(ContainerEvent),
    Exited(Exited),
    Written(Written),
    Shutdown,
}

/// Where things come in.
pub(crate) struct Inboxes {
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) messages: mpsc::Receiver<IncomingMessage>,
    pub(crate) containers: mpsc::Receiver<ContainerEvent>,
    pub(crate) exits: mpsc::Receiver<Exited>,
}

/// The world of the core's task.
pub(crate) struct Shell {
    lanes: Lanes<Happened>,
    /// What came of an effect while it was performed: it comes before all else.
    pending: VecDeque<Happened>,
    containerizer: Containerizer,
    links: Links,
    writer: Writer,
    callers: Callers<Input>,
    /// For probes. Weak: what is in here does not keep the queue open.
    inputs: mpsc::WeakSender<Input>,
    shutdown: CancellationToken,
    containers: Containers,
    /// Containers whose exit is kept until it is written down that it was dealt with.
    durable: BTreeSet<String>,
    stopping: Option<oneshot::Sender<()>>,
    probes: Probes,
    /// What executors' tokens are made with, if they get one.
    secret_key: Option<SecretKey>,
}

impl Shell {
    pub(crate) fn new(
        inboxes: Inboxes,
        containerizer: Containerizer,
        links: Links,
        writer: Writer,
        inputs: mpsc::WeakSender<Input>,
        shutdown: CancellationToken,
    ) -> Self {
        // Before messages: a peer that comes back has gone first. Who sends messages waits while the disk is behind; what is
        // written for calls is bounded by tasks and connections.
        let lanes = Lanes::new()
            .urgent(inboxes.exits, Happened::Exited)
            .queue(inboxes.inputs, Happened::Input)
            .queue(inboxes.containers, Happened::Container)
            .yielding(inboxes.messages, Happened::Message);
        Self {
            lanes,
            pending: VecDeque::new(),
            containerizer,
            links,
            writer,
            callers: Callers::new(inputs.clone(), StreamLimit::default()),
            inputs,
            shutdown,
            containers: Containers::default(),
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
    pub(crate) async fn run(mut self, mut core: Recorded<Agent>, clock: Clock) {
        tepui_shell::run(&mut self, &mut core, clock).await;
        self.finish_writes(&mut core, clock).await;
        self.containerizer.stop().await;
        if let Some(stopping) = self.stopping.take() {
            let _ = stopping.send(());
        }
        self.shutdown.cancel();
    }

    /// What was begun is written before the end, unless the disk does not let it: then nothing was promised.
    async fn finish_writes(&mut self, core: &mut Recorded<Agent>, clock: Clock) {
        let until = Instant::now() + LAST_WRITES_MAX;
        while !self.writer.is_idle() {
            let Ok(written) = timeout_at(until, self.writer.written()).await else {
                return tracing::error!("leaving with checkpoints that could not be written");
            };
            self.written(core, clock.now(), written).await;
            tepui_shell::perform(self, core).await;
            self.writer.flush();
        }
    }

    fn take(&mut self, core: &mut Recorded<Agent>, now: Tick, input: Input) -> Flow {
        let event = match input {
            Input::Call { from, caller, claims, call } => {
                self.callers.add(from, caller);
                Event::Called { from, caller: claims, call }
            }
            Input::Container { from, caller, call, attach } => {
                self.callers.add(from, caller);
                self.called_for_container(from, &call, attach);
                Event::ContainerCalled { from, call }
            }
            Input::Gone(connection) => {
                self.callers.remove(connection);
                self.containers.forget_call(connection);
                Event::StreamClosed(connection)
            }
            Input::Question(question) => {
                question.answer(core.core(), now);
                return Flow::GoOn;
            }
            Input::MasterDetected(master) => Event::MasterDetected(master),
            Input::Probed { container, id, outcome } => {
                self.probes.end(&container, id);
                Event::Probed { container, id, outcome }
            }
            Input::DiskUsage(fraction) => Event::DiskUsage(fraction),
            Input::Stop(done) => {
                self.stopping = Some(done);
                return Flow::Perform;
            }
        };
        core.handle(now, event);
        Flow::GoOn
    }

    async fn container_event(
        &mut self,
        core: &mut Recorded<Agent>,
        now: Tick,
        event: ContainerEvent,
    ) -> Flow {
        match event {
            ContainerEvent::Started { container_id, pid } => {
                let pid = u32::try_from(pid).unwrap_or_default();
                let interactive = self.is_interactive(&container_id);
                if interactive {
                    self.open_switchboard(&container_id).await;
                }
                let container = ContainerId::parse(&container_id);
                core.handle(now, Event::Launched { container, outcome: Ok(pid) });
                if interactive {
                    // Whoever asked for it has to be attached before it ends.
                    return Flow::Perform;
                }
            }
            ContainerEvent::LaunchFailed { container_id, kind, message } => {
                self.durable.remove(&container_id);
                self.containers.ended(&container_id);
                let outcome = Err(launch::failure(kind, message));
                core.handle(now, Event::Launched { container: ContainerId::parse(&container_id), outcome });
            }
            ContainerEvent::Exited { container_id, status, limitation } => {
                self.containers.ended(&container_id);
                let exit = Exit { wait_status: status, limitation: limitation.map(launch::limitation) };
                let container = ContainerId::parse(&container_id);
                core.handle(now, Event::ContainerExited { container, exit });
                if !self.durable.contains(&container_id) {
                    let _ = self.containerizer.forget(&container_id).await;
                }
            }
        }
        Flow::GoOn
    }

    async fn written(&mut self, core: &mut Recorded<Agent>, now: Tick, written: Written) {
        for token in written.tokens {
            core.handle(now, Event::Persisted(token));
        }
        for container in written.ended {
            if self.durable.remove(&container) {
                let _ = self.containerizer.forget(&container).await;
            }
        }
    }
}

impl World for Shell {
    type Heart = Recorded<Agent>;
    type Input = Happened;

    async fn next(&mut self) -> Happened {
        if let Some(happened) = self.pending.pop_front() {
            return happened;
        }
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Happened::Shutdown,
            written = self.writer.written() => Happened::Written(written),
            happened = self.lanes.next() => happened,
        }
    }

    fn next_now(&mut self) -> Option<Happened> {
        let pending = self.pending.pop_front();
        let first = pending.or_else(|| self.writer.written_now().map(Happened::Written));
        first.or_else(|| self.lanes.next_now())
    }

    async fn enter(&mut self, core: &mut Recorded<Agent>, now: Tick, happened: Happened) -> Flow {
        match happened {
            Happened::Input(input) => return self.take(core, now, input),
            Happened::Container(event) => return self.container_event(core, now, event).await,
            Happened::Message(IncomingMessage { from, message, .. }) => {
                core.handle(now, Event::Message { from, message });
            }
            Happened::Exited(Exited { pid }) => core.handle(now, Event::Exited(pid)),
            Happened::Written(written) => self.written(core, now, written).await,
            Happened::Shutdown => return Flow::Perform,
        }
        Flow::GoOn
    }

    async fn perform(&mut self, _: &mut Recorded<Agent>, effect: Effect) {
        self.perform_one(effect).await;
    }

    /// Begins to write what is to be written.
    async fn settled(&mut self, _: &mut Recorded<Agent>) -> Flow {
        self.writer.flush();
        self.lanes.hold(!self.writer.has_room());
        if self.stopping.is_some() || self.shutdown.is_cancelled() { Flow::End } else { Flow::GoOn }
    }
}
