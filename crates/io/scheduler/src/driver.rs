//! The handles that users hold: the driver for calls, the events for what happens.

use std::{fmt, io, sync::Arc, thread};

use bytes::Bytes;
use tepui_core_driver::{
    CallToken, DriverStatus,
    scheduler::{self as core, Callback, Config, Event, Receipt, Refused, calls},
};
use tepui_core_kit::{Core as _, Seed};
use tepui_shell::Common;
use tepui_wire_libprocess::{Address, InvalidAddress};
use tepui_wire_mesos::{
    ContentType,
    v1::{
        AgentId, ExecutorId, Filters, FrameworkId, FrameworkInfo, KillPolicy, OfferId, TaskId, TaskStatus,
        offer::Operation, scheduler::Call,
    },
};
use tokio::sync::mpsc;

use crate::shell;

/// Why a driver could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The master's address cannot be read.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// No master was named.
    #[error("no master is configured")]
    NoMaster,
    /// A master wants TLS, which this library does not speak yet.
    #[error("the master at {0} wants TLS, which is not supported yet")]
    Tls(String),
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
    /// The operating system gives no thread.
    #[error("cannot start the driver's thread: {0}")]
    Thread(#[from] io::Error),
}

/// Who the framework is, for masters that ask (HTTP Basic).
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The principal.
    pub principal: String,
    /// Its secret.
    pub secret: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, ..)", self.principal)
    }
}

/// How the driver talks to the master.
#[derive(Clone, Debug)]
pub struct Options {
    /// The encoding of calls and events. Default: protobuf.
    pub content_type: ContentType,
    /// Sent with every request.
    pub credential: Option<Credential>,
    /// Events that may wait for [`Events::next`]. When there are more, the master's stream is not read until
    /// there is room. Default: 1,024.
    pub events_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { content_type: ContentType::Protobuf, credential: None, events_max: 1_024 }
    }
}

/// A user's method: tells the core, and has the answer.
fn tell(common: &Common<core::SchedulerDriver>, event: Event) -> DriverStatus {
    common.tell(|core, now| {
        let before = core.status();
        core.handle(now, event);
        before.answer(core.status())
    })
}

/// A framework's calls. Clones are handles of the same driver; none of the methods waits but
/// [`join`](Self::join).
///
/// Every call answers with its number, under which [`Event::CallFailed`](crate::Event::CallFailed) tells of a failure, or with [`Refused`]
/// if it was not sent.
#[derive(Clone)]
pub struct SchedulerDriver(Arc<Common<core::SchedulerDriver>>);

impl fmt::Debug for SchedulerDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SchedulerDriver").field(&self.status()).finish()
    }
}

impl SchedulerDriver {
    /// Begins to subscribe to `master`: `host:port` or `http://host:port`, of any master of the cluster; without
    /// a port, 5050.
    ///
    /// # Errors
    /// [`StartError`]. That a master cannot be reached is none: the driver keeps trying.
    pub fn connect(framework: FrameworkInfo, master: &str) -> Result<(Self, Events), StartError> {
        let config = Config::new(framework, Address::parse(master, 5050)?);
        Self::start(config, Options::default())
    }

    /// Begins to subscribe, with everything to choose.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(config: Config, options: Options) -> Result<(Self, Events), StartError> {
        if config.masters.is_empty() {
            return Err(StartError::NoMaster);
        }
        if let Some(master) = config.masters.iter().find(|master| master.tls) {
            return Err(StartError::Tls(master.to_string()));
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| StartError::Random(error.to_string()))?;
        let start = core::Start { config, seed: Seed(seed) };
        let common = Arc::new(Common::start(start));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, queue) = mpsc::channel(options.events_max.max(1));
        tell(&common, Event::Start);
        let of_thread = common.clone();
        thread::Builder::new().name("tepui-scheduler".to_owned()).spawn(move || {
            runtime.block_on(shell::run(&of_thread, &options, sender));
            of_thread.ended.set();
        })?;
        let driver = Self(common);
        Ok((driver.clone(), Events { driver, queue, receipt: None }))
    }

    /// Where the driver is in its life.
    pub fn status(&self) -> DriverStatus {
        self.0.core().status()
    }

    /// Whether calls are taken now.
    pub fn is_subscribed(&self) -> bool {
        self.0.core().is_subscribed()
    }

    /// The framework's id, once a master gave one.
    pub fn framework_id(&self) -> Option<FrameworkId> {
        self.0.core().framework_id().cloned()
    }

    /// Uses offers of one agent and one role. What the operations leave over is declined with `filters`.
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn accept(
        &self,
        offers: impl IntoIterator<Item = OfferId>,
        operations: impl IntoIterator<Item = Operation>,
        filters: Option<Filters>,
    ) -> Result<CallToken, Refused> {
        self.call(calls::accept(offers.into_iter().collect(), operations.into_iter().collect(), filters))
    }

    /// Gives offers back and hides their resources for `filters.refuse_seconds` (5 s when not given).
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn decline(
        &self,
        offers: impl IntoIterator<Item = OfferId>,
        filters: Option<Filters>,
    ) -> Result<CallToken, Refused> {
        self.call(calls::decline(offers.into_iter().collect(), filters))
    }

    /// Drops the filters of these roles (of all, if empty) and ends their suppression.
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn revive(&self, roles: impl IntoIterator<Item = String>) -> Result<CallToken, Refused> {
        self.call(calls::revive(roles.into_iter().collect()))
    }

    /// No more offers for these roles (for all, if empty) until [`revive`](Self::revive).
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn suppress(&self, roles: impl IntoIterator<Item = String>) -> Result<CallToken, Refused> {
        self.call(calls::suppress(roles.into_iter().collect()))
    }

    /// Ends a task. Of one that the master does not know it answers as to [`reconcile`](Self::reconcile).
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn kill(
        &self,
        task: impl Into<String>,
        agent: Option<AgentId>,
        policy: Option<KillPolicy>,
    ) -> Result<CallToken, Refused> {
        self.call(calls::kill(TaskId { value: task.into() }, agent, policy))
    }

    /// Asks an executor to end, and its agent to see to it.
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn shutdown(&self, executor: ExecutorId, agent: AgentId) -> Result<CallToken, Refused> {
        self.call(calls::shutdown(executor, agent))
    }

    /// Acknowledges an update, with [`Acknowledgement::Explicit`](crate::Acknowledgement::Explicit). Nothing
    /// happens if the update must not be acknowledged.
    ///
    /// # Errors
    /// [`Refused`]: not sent; the update will come again.
    pub fn acknowledge(&self, status: &TaskStatus) -> Result<(), Refused> {
        let Some(receipt) = Receipt::of(status) else { return Ok(()) };
        self.call(calls::acknowledge(receipt)).map(|_| ())
    }

    /// Asks for the state of these tasks, each with its agent if that is known; of every task that the master
    /// knows, if there are none.
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn reconcile<'a>(
        &self,
        tasks: impl IntoIterator<Item = (&'a str, Option<AgentId>)>,
    ) -> Result<CallToken, Refused> {
        self.call(calls::reconcile(tasks))
    }

    /// Sends a message to an executor; best effort.
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn message(
        &self,
        agent: AgentId,
        executor: ExecutorId,
        data: impl Into<Bytes>,
    ) -> Result<CallToken, Refused> {
        self.call(calls::message(agent, executor, data.into()))
    }

    /// Any other call. The framework id is filled in.
    ///
    /// # Errors
    /// [`Refused`]: not sent.
    pub fn call(&self, call: Call) -> Result<CallToken, Refused> {
        self.0.tell(|core, now| {
            let token = core.next_call()?;
            core.handle(now, Event::Call { token, call: Box::new(call) });
            Ok(token)
        })
    }

    /// Ends the framework with all its tasks, and the driver. [`joined`](Self::joined) waits for the master's
    /// answer.
    pub fn teardown(&self) -> DriverStatus {
        tell(&self.0, Event::Stop { failover: false })
    }

    /// Ends the driver, not the framework: within its failover timeout it can be continued.
    pub fn stop(&self) -> DriverStatus {
        tell(&self.0, Event::Stop { failover: true })
    }

    /// Ends the driver at once; no event follows.
    pub fn abort(&self) -> DriverStatus {
        tell(&self.0, Event::Abort)
    }

    /// Waits until the driver has ended and its last calls have left, blocking the thread.
    pub fn join(&self) -> DriverStatus {
        self.0.ended.wait_blocking();
        self.status()
    }

    /// [`join`](Self::join) for async code.
    pub async fn joined(&self) -> DriverStatus {
        self.0.ended.wait().await;
        self.status()
    }
}

/// What happens to a framework, in order. Dropping it stops the driver, because nobody listens any more.
#[derive(Debug)]
pub struct Events {
    driver: SchedulerDriver,
    queue: mpsc::Receiver<Callback>,
    /// Of the update last handed out.
    receipt: Option<Receipt>,
}

impl Events {
    /// The next event; `None` when the driver has ended. With automatic acknowledgement, asking for the next
    /// event acknowledges the update before it. Nothing is lost when this is dropped half-way.
    pub async fn next(&mut self) -> Option<Callback> {
        self.processed();
        let event = self.queue.recv().await;
        self.hand_out(event)
    }

    /// [`next`](Self::next), blocking the thread.
    ///
    /// # Panics
    /// When called from async code.
    pub fn blocking_next(&mut self) -> Option<Callback> {
        self.processed();
        let event = self.queue.blocking_recv();
        self.hand_out(event)
    }

    /// An event that is here already, without waiting.
    pub fn try_next(&mut self) -> Option<Callback> {
        self.processed();
        let event = self.queue.try_recv().ok();
        self.hand_out(event)
    }

    fn processed(&mut self) {
        if let Some(receipt) = self.receipt.take() {
            tell(&self.driver.0, Event::Processed(receipt));
        }
    }

    fn hand_out(&mut self, event: Option<Callback>) -> Option<Callback> {
        let event = event?;
        if self.driver.status() != DriverStatus::Running && !matches!(event, Callback::Error { .. }) {
            // Stopped: what was under way is not delivered. The reason of an abort may still be behind it.
            while let Ok(later) = self.queue.try_recv() {
                if matches!(later, Callback::Error { .. }) {
                    return Some(later);
                }
            }
            return None;
        }
        if let Callback::Update(status) = &event {
            self.receipt = Receipt::of(status);
        }
        Some(event)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.processed();
        self.driver.stop();
    }
}
