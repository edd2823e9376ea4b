//! What can be chosen before a driver is made.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use tepui_core_driver::{
    DriverEnv, Protocol,
    executor::{Config, Transport},
};
use tepui_wire_mesos::ContentType;
use tokio::sync::mpsc;

use crate::{
    Events, Executor, ExecutorDriver, StartError, carrier, driver::Prepared, environment::environment_for,
    metrics::MetricsFile,
};

enum Source {
    Process,
    Map(BTreeMap<String, String>),
    Read(Box<DriverEnv>),
}

type Configure = Box<dyn FnOnce(&mut Config) + Send>;

/// Makes an [`ExecutorDriver`]: [`ExecutorDriver::builder`], what differs from the default, and then
/// [`build`](Self::build) or [`events`](Self::events).
pub struct Builder {
    source: Source,
    protocol: Protocol,
    content_type: ContentType,
    callbacks_max: usize,
    metrics_directory: Option<PathBuf>,
    configure: Option<Configure>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            source: Source::Process,
            protocol: Protocol::Http,
            content_type: ContentType::Protobuf,
            callbacks_max: 1_024,
            metrics_directory: None,
            configure: None,
        }
    }

    /// The protocol. Default: the executor API over HTTP (v1), which every agent since Mesos 0.28 serves.
    /// [`Protocol::Libprocess`] (v0) is the older one: the driver listens on a port of its own
    /// (`LIBPROCESS_IP`, `LIBPROCESS_PORT`, `LIBPROCESS_ADVERTISE_IP`, `LIBPROCESS_ADVERTISE_PORT`), there are
    /// no task groups, and there is no TLS.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The encoding of calls and events over HTTP. Default: protobuf.
    #[must_use]
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = content_type;
        self
    }

    /// The environment, from a map instead of this process, which keeps what it has.
    #[must_use]
    pub fn environment(mut self, environment: BTreeMap<String, String>) -> Self {
        self.source = Source::Map(environment);
        self
    }

    /// The environment, read already (for the right protocol).
    #[must_use]
    pub fn env(mut self, env: DriverEnv) -> Self {
        self.source = Source::Read(Box::new(env));
        self
    }

    /// Callbacks or events that may wait for the one that is handled. When there are more, the agent's stream is not
    /// read until there is room. Default: 1,024.
    #[must_use]
    pub fn callbacks_max(mut self, callbacks_max: usize) -> Self {
        self.callbacks_max = callbacks_max;
        self
    }

    /// Keeps `<directory>/<executor id>.prom` for the textfile collector of Prometheus's node_exporter, while the
    /// driver runs. Default: none.
    #[must_use]
    pub fn metrics_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.metrics_directory = Some(directory.into());
        self
    }

    /// Changes timeouts and bounds.
    #[must_use]
    pub fn configure(mut self, configure: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// A driver that calls `executor` back, on a thread of its own.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn build(self, executor: impl Executor + 'static) -> Result<ExecutorDriver, StartError> {
        let (mut prepared, queue) = self.prepare()?;
        prepared.callbacks = Some((Box::new(executor), queue));
        ExecutorDriver::prepared(prepared)
    }

    /// A driver whose events are taken one by one instead, by async code; see [`crate::blocking`] for other code.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn events(self) -> Result<(ExecutorDriver, Events), StartError> {
        let (prepared, queue) = self.prepare()?;
        let driver = ExecutorDriver::prepared(prepared)?;
        let events = Events::new(driver.own(), queue);
        Ok((driver, events))
    }

    fn prepare(self) -> Result<(Prepared, mpsc::Receiver<crate::Event>), StartError> {
        let env = match self.source {
            Source::Process => environment_for(self.protocol)?,
            Source::Map(map) => DriverEnv::parse_for(&map, self.protocol)?,
            Source::Read(env) => *env,
        };
        let mut config = Config::from_env(&env);
        let carrier = match self.protocol {
            Protocol::Http => carrier::http(&env)?,
            Protocol::Libprocess => {
                let (carrier, own, agent) = carrier::libprocess(&env)?;
                config.transport = Transport::Libprocess { own, agent };
                carrier
            }
        };
        if let Some(configure) = self.configure {
            configure(&mut config);
        }
        let (sender, queue) = mpsc::channel(self.callbacks_max.max(1));
        let executor = config.executor_id.value.clone();
        let metrics = self.metrics_directory.map(|directory| MetricsFile::new(directory, executor));
        let content = self.content_type;
        Ok((Prepared { carrier, config, content, metrics, sender, callbacks: None }, queue))
    }
}
