//! The handle that users hold.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, ThreadId},
};

use bytes::Bytes;
use tepui_core_driver::{
    DriverEnv, DriverStatus, executor as core,
    executor::{Callback, Config, Event},
};
use tepui_core_kit::{Core as _, Seed};
use tepui_shell::Common;
use tepui_wire_mesos::{ContentType, v1};
use tokio::sync::mpsc;

use crate::{Builder, Executor, StartError, callbacks, carrier::Carrier, metrics::MetricsFile, shell};

/// Chance for a core.
pub(crate) fn seed() -> Result<Seed, StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::Random(error.to_string()))?;
    Ok(Seed(seed))
}

/// What `start` needs, once.
pub(crate) struct Prepared {
    pub(crate) carrier: Carrier,
    pub(crate) config: Config,
    pub(crate) content: ContentType,
    pub(crate) metrics: Option<MetricsFile>,
    pub(crate) sender: mpsc::Sender<Callback>,
    /// Who is called back; none if the user takes events.
    pub(crate) callbacks: Option<(Box<dyn Executor>, mpsc::Receiver<Callback>)>,
}

pub(crate) struct Shared {
    common: Arc<Common<core::ExecutorDriver>>,
    prepared: Mutex<Option<Prepared>>,
    callback_thread: Mutex<Option<ThreadId>>,
}

impl Shared {
    pub(crate) fn core(&self) -> MutexGuard<'_, core::ExecutorDriver> {
        self.common.core()
    }

    /// A user's method: tells the core, wakes the shell, and has the answer.
    pub(crate) fn tell(&self, event: Event) -> DriverStatus {
        self.common.tell(|core, now| {
            let before = core.status();
            core.handle(now, event);
            before.answer(core.status())
        })
    }
}

/// A panic while a lock is held leaves nothing half-done that matters here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the handles of users have in common. With the last of them goes the driver.
struct Held(Arc<Shared>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.tell(Event::Stop);
    }
}

enum Handle {
    User(Arc<Held>),
    /// The driver's own, which keeps nothing alive.
    Own(Weak<Held>),
}

/// Connects an executor to its agent. Clones are handles of the same driver, to be used from any thread.
///
/// The methods answer with the driver's status, as Mesos's do: `docs/executor-driver.md` has the table.
///
/// **When the last handle is dropped, the driver is stopped**, as by [`stop`](Self::stop): updates already given
/// still leave, nobody waits for that, and no callback follows. The handle that callbacks get does not count, but a
/// clone of it does.
pub struct ExecutorDriver {
    shared: Arc<Shared>,
    handle: Handle,
}

impl Clone for ExecutorDriver {
    fn clone(&self) -> Self {
        let handle = match &self.handle {
            Handle::User(held) => Handle::User(held.clone()),
            Handle::Own(held) => held.upgrade().map_or_else(|| Handle::Own(held.clone()), Handle::User),
        };
        Self { shared: self.shared.clone(), handle }
    }
}

impl fmt::Debug for ExecutorDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExecutorDriver").field(&self.status()).finish()
    }
}

impl ExecutorDriver {
    /// A driver with something to choose: see [`Builder`].
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A driver for the agent that started this process, over HTTP.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn from_env(executor: impl Executor + 'static) -> Result<Self, StartError> {
        Self::builder().build(executor)
    }

    /// A driver for the agent that `env` names, over HTTP.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn new(executor: impl Executor + 'static, env: DriverEnv) -> Result<Self, StartError> {
        Self::builder().env(env).build(executor)
    }

    pub(crate) fn prepared(prepared: Prepared) -> Result<Self, StartError> {
        let start = core::Start { config: prepared.config.clone(), seed: seed()? };
        let shared = Arc::new(Shared {
            common: Arc::new(Common::start(start)),
            prepared: Mutex::new(Some(prepared)),
            callback_thread: Mutex::new(None),
        });
        let handle = Handle::User(Arc::new(Held(shared.clone())));
        Ok(Self { shared, handle })
    }

    /// A handle that keeps nothing alive.
    pub(crate) fn own(&self) -> Self {
        let handle = match &self.handle {
            Handle::User(held) => Handle::Own(Arc::downgrade(held)),
            Handle::Own(held) => Handle::Own(held.clone()),
        };
        Self { shared: self.shared.clone(), handle }
    }

    /// Where the driver is in its life.
    pub fn status(&self) -> DriverStatus {
        self.shared.core().status()
    }

    /// The executor's own id.
    pub fn executor_id(&self) -> String {
        self.shared.core().executor_id().value.clone()
    }

    /// Begins to subscribe and returns. If the threads for it cannot be started, the driver is aborted.
    pub fn start(&self) -> DriverStatus {
        let status = self.shared.tell(Event::Start);
        let Some(prepared) = lock(&self.shared.prepared).take() else { return status };
        if let Err(error) = self.spawn(prepared) {
            tracing::error!(%error, "cannot start the driver's threads");
            self.shared.common.ended.set();
            return self.abort();
        }
        status
    }

    /// Ends the driver and returns; [`join`](Self::join) waits until the updates already given have left.
    pub fn stop(&self) -> DriverStatus {
        self.shared.tell(Event::Stop)
    }

    /// Ends the driver at once. At most the callback that is running now still comes to its end.
    pub fn abort(&self) -> DriverStatus {
        self.shared.tell(Event::Abort)
    }

    /// Waits for the end of a running driver, blocking the thread; answers with its last status. From within a
    /// callback it does not wait, because it would wait for itself.
    pub fn join(&self) -> DriverStatus {
        let own = *lock(&self.shared.callback_thread) == Some(thread::current().id());
        if self.is_started() && !own {
            self.shared.common.ended.wait_blocking();
        }
        self.status()
    }

    /// [`join`](Self::join) for async code.
    pub async fn joined(&self) -> DriverStatus {
        if self.is_started() {
            self.shared.common.ended.wait().await;
        }
        self.status()
    }

    /// [`start`](Self::start), then [`join`](Self::join).
    pub fn run(&self) -> DriverStatus {
        self.start();
        self.join()
    }

    /// Reports a task's state. It needs `task_id` and `state`; framework, executor, agent, source and uuid are
    /// filled in, and the time, if it is not set. Kept and repeated until the agent acknowledges it.
    pub fn send_status_update(&self, status: v1::TaskStatus) -> DriverStatus {
        self.shared.tell(Event::Update(Box::new(status)))
    }

    /// Sends a message to the scheduler; best effort. Dropped while there is no subscription, and when more than
    /// 1,024 wait for the agent.
    pub fn send_framework_message(&self, data: impl Into<Bytes>) -> DriverStatus {
        self.shared.tell(Event::Message(data.into()))
    }

    /// The container that the executor is in, once it is subscribed. Agents before Mesos 1.2, and those that speak
    /// libprocess, do not say.
    pub fn container_id(&self) -> Option<v1::ContainerId> {
        self.shared.core().container_id().cloned()
    }

    /// Updates that the agent has not acknowledged yet.
    pub fn updates_waiting(&self) -> usize {
        self.shared.core().updates_waiting()
    }

    fn is_started(&self) -> bool {
        self.status() != DriverStatus::NotStarted
    }

    /// One thread that waits for sockets and timers, one that runs the user's callbacks if he has any.
    fn spawn(&self, prepared: Prepared) -> io::Result<()> {
        let Prepared { carrier, config, content, metrics, sender, callbacks } = prepared;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let callbacks = callbacks.map(|(executor, queue)| {
            let driver = self.own();
            thread::Builder::new().name("tepui-executor".to_owned()).spawn(move || {
                *lock(&driver.shared.callback_thread) = Some(thread::current().id());
                callbacks::run(executor, &driver, queue);
            })
        });
        let callbacks = callbacks.transpose()?;
        let shared = self.shared.clone();
        thread::Builder::new().name("tepui-executor-io".to_owned()).spawn(move || {
            let work = shell::run(&shared.common, carrier, &config, content, sender, metrics);
            let failed = runtime.block_on(work);
            // After an error the user is told first, so that his process does not end before he knows why.
            if failed && let Some(callbacks) = callbacks {
                let _ = callbacks.join();
            }
            shared.common.ended.set();
        })?;
        Ok(())
    }
}
