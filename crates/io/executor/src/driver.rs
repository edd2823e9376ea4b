//! The handle that users hold.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use bytes::Bytes;
use tepui_core_driver::{
    DriverEnv, DriverStatus, InvalidEnv, env::Token, executor as core, executor::Config,
};
use tepui_model::Tick;
use tepui_wire_mesos::{ContentType, v1};
use tokio::sync::{Notify, mpsc, watch};

use crate::{Executor, callbacks, clock::Clock, shell};

/// Why a driver could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The environment is not that of an executor.
    #[error(transparent)]
    Env(#[from] InvalidEnv),
    /// The agent wants TLS, which this library does not speak yet.
    #[error("the agent at {0} wants TLS, which is not supported yet")]
    Tls(String),
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
}

/// How the driver talks to the agent.
#[derive(Clone, Debug)]
pub struct Options {
    /// The encoding of calls and events. Default: protobuf.
    pub content_type: ContentType,
    /// Goes as `Authorization: Bearer ...` with every request.
    pub authentication_token: Option<Token>,
    /// Callbacks that may wait for the running one. When there are more, the agent's stream is not read until
    /// there is room. Default: 1,024.
    pub callbacks_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { content_type: ContentType::Protobuf, authentication_token: None, callbacks_max: 1_024 }
    }
}

/// What `start` needs, once.
struct Prepared {
    executor: Box<dyn Executor>,
    options: Options,
    agent: tepui_core_driver::Address,
}

pub(crate) struct Shared {
    core: Mutex<core::ExecutorDriver>,
    prepared: Mutex<Option<Prepared>>,
    pub(crate) clock: Clock,
    /// The shell has something to do.
    pub(crate) wake: Notify,
    finished: watch::Sender<bool>,
    joined: (Mutex<bool>, Condvar),
    callback_thread: Mutex<Option<ThreadId>>,
}

impl Shared {
    pub(crate) fn core(&self) -> MutexGuard<'_, core::ExecutorDriver> {
        lock(&self.core)
    }

    pub(crate) fn finish(&self) {
        *lock(&self.joined.0) = true;
        self.joined.1.notify_all();
        self.finished.send_replace(true);
    }
}

/// A panic while a lock is held leaves nothing half-done that matters here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects an [`Executor`] to its agent. Clones are handles of the same driver.
///
/// The methods answer with the driver's status, as Mesos's do; see the table in
/// [`tepui_core_driver::executor`].
#[derive(Clone)]
pub struct ExecutorDriver(Arc<Shared>);

impl fmt::Debug for ExecutorDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExecutorDriver").field(&self.status()).finish()
    }
}

/// What the agent put into this process's environment.
///
/// # Errors
/// [`InvalidEnv`] with every variable that is missing or unreadable.
pub fn environment() -> Result<DriverEnv, InvalidEnv> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let env: BTreeMap<_, _> = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    DriverEnv::parse(&env)
}

impl ExecutorDriver {
    /// A driver for the agent that started this process.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn from_env(executor: impl Executor + 'static) -> Result<Self, StartError> {
        Self::new(executor, environment()?)
    }

    /// A driver for the agent that `env` names.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn new(executor: impl Executor + 'static, env: DriverEnv) -> Result<Self, StartError> {
        if let Some(socket) = &env.domain_socket {
            tracing::warn!(socket, agent = %env.agent, "domain sockets are not supported yet: using the agent's address");
        }
        let config = Config::from_env(&env);
        let options = Options { authentication_token: env.authentication_token, ..Options::default() };
        Self::with_config(executor, config, options)
    }

    /// A driver with other timeouts or another encoding.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn with_config(
        executor: impl Executor + 'static,
        config: Config,
        options: Options,
    ) -> Result<Self, StartError> {
        if config.agent.tls {
            return Err(StartError::Tls(config.agent.to_string()));
        }
        let seed = getrandom::u64().map_err(|error| StartError::Random(error.to_string()))?;
        let agent = config.agent.clone();
        Ok(Self(Arc::new(Shared {
            core: Mutex::new(core::ExecutorDriver::new(config, seed)),
            prepared: Mutex::new(Some(Prepared { executor: Box::new(executor), options, agent })),
            clock: Clock::new(),
            wake: Notify::new(),
            finished: watch::Sender::new(false),
            joined: (Mutex::new(false), Condvar::new()),
            callback_thread: Mutex::new(None),
        })))
    }

    /// Where the driver is in its life.
    pub fn status(&self) -> DriverStatus {
        self.0.core().status()
    }

    /// Begins to subscribe and returns. If the threads for it cannot be started, the driver is aborted.
    pub fn start(&self) -> DriverStatus {
        let status = self.command(core::ExecutorDriver::start);
        let Some(prepared) = lock(&self.0.prepared).take() else { return status };
        if let Err(error) = self.spawn(prepared) {
            tracing::error!(%error, "cannot start the driver's threads");
            self.0.finish();
            return self.abort();
        }
        status
    }

    /// Ends the driver and returns; [`join`](Self::join) waits until the updates already given have left.
    pub fn stop(&self) -> DriverStatus {
        self.command(core::ExecutorDriver::stop)
    }

    /// Ends the driver at once. At most the callback that is running now still comes to its end.
    pub fn abort(&self) -> DriverStatus {
        self.command(core::ExecutorDriver::abort)
    }

    /// Waits for the end of a running driver, blocking the thread; answers with its last status. From within a
    /// callback it does not wait, because it would wait for itself.
    pub fn join(&self) -> DriverStatus {
        let own = *lock(&self.0.callback_thread) == Some(thread::current().id());
        if self.is_started() && !own {
            let (finished, changed) = &self.0.joined;
            let guard = changed.wait_while(lock(finished), |finished| !*finished);
            drop(guard.unwrap_or_else(PoisonError::into_inner));
        }
        self.status()
    }

    /// [`join`](Self::join) for async code.
    pub async fn joined(&self) -> DriverStatus {
        if self.is_started() {
            // Cannot fail: the sender is in `self`.
            let _ = self.0.finished.subscribe().wait_for(|finished| *finished).await;
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
        self.command(|core, now| core.send_status_update(now, status))
    }

    /// Sends a message to the scheduler; best effort. Dropped while there is no subscription, and when more than
    /// 1,024 wait for the agent.
    pub fn send_framework_message(&self, data: impl Into<Bytes>) -> DriverStatus {
        self.command(|core, now| core.send_framework_message(now, data.into()))
    }

    /// Updates that the agent has not acknowledged yet.
    pub fn updates_waiting(&self) -> usize {
        self.0.core().updates_waiting()
    }

    fn is_started(&self) -> bool {
        self.status() != DriverStatus::NotStarted
    }

    fn command(&self, command: impl FnOnce(&mut core::ExecutorDriver, Tick) -> DriverStatus) -> DriverStatus {
        let status = command(&mut self.0.core(), self.0.clock.now());
        self.0.wake.notify_one();
        status
    }

    /// One thread that waits for sockets and timers, one that runs the user's callbacks.
    fn spawn(&self, prepared: Prepared) -> io::Result<()> {
        let Prepared { executor, options, agent } = prepared;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = mpsc::channel(options.callbacks_max.max(1));
        let driver = self.clone();
        let callbacks = thread::Builder::new().name("tepui-executor".to_owned()).spawn(move || {
            *lock(&driver.0.callback_thread) = Some(thread::current().id());
            callbacks::run(executor, &driver, receiver);
        })?;
        let shared = self.0.clone();
        thread::Builder::new().name("tepui-executor-io".to_owned()).spawn(move || {
            let failed = runtime.block_on(shell::run(&shared, &options, agent, sender));
            // After an error the user is told first, so that his process does not end before he knows why.
            if failed {
                let _ = callbacks.join();
            }
            shared.finish();
        })?;
        Ok(())
    }
}
