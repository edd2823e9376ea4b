//! Starting and ending a master.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use tepui_core_kit::Seed;
use tepui_core_master::{Config, InvalidRegistry, Master, Registry, Snapshot, Start};
use tepui_core_settings::{Problem, Settings as _};
use tepui_libprocess::{Links, Messages};
use tepui_model::Token;
use tepui_recorder::{RecordError, Recorded};
use tepui_shell::{Clock, Lanes};
use tepui_store::{EmbeddedStore, MemoryStore, Store, StoreError, Writer};
use tepui_telemetry::Pacer;
use tepui_transport::serve;
use tepui_wire_mesos::v1::{self, MasterInfo, master_info::capability::Type as Capability};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    MESOS_VERSION, Options,
    flags::flags,
    inputs::{Input, Inputs},
    performer::Performer,
    pump::Outside,
    routes::{Context, router},
};

/// Name of the registry's file in the work directory.
const REGISTRY_FILE: &str = "registry.redb";
/// libprocess messages that may wait for the core. More of them wait on their connections.
const MESSAGES_MAX: usize = 4096;
/// Batches of work that may wait for the performer. Then the core waits.
const WORK_MAX: usize = 64;

/// Why a master does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is in use, or the address is none of ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A setting that cannot be.
    #[error(transparent)]
    Setting(#[from] Problem),
    /// The registry cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in the registry is not a master's.
    #[error("the registry does not make sense: {0}")]
    Registry(#[from] InvalidRegistry),
    /// The start cannot be written into the recording.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The kernel gave no random bytes.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// A master that runs. Dropped without [`MasterServer::shutdown`], it stops soon after.
#[derive(Debug)]
pub struct MasterServer {
    address: SocketAddr,
    info: MasterInfo,
    inputs: Inputs,
    shutdown: CancellationToken,
    /// Ends with the core, and with the reason if there is one; then the registry can be opened again.
    core: Option<JoinHandle<Result<(), StoreError>>>,
    server: Option<JoinHandle<()>>,
}

impl MasterServer {
    /// Starts a master: its registry is read and it listens when this returns.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(options: Options) -> Result<Self, StartError> {
        options.settings.check()?;
        let listen = |source| StartError::Listen { address: options.listen(), source };
        let listener = TcpListener::bind(options.listen()).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let settings = &options.settings;
        let (store, term, registry) = open(&options)?;

        let advertised = SocketAddr::new(
            settings.advertise_ip.unwrap_or_else(|| reachable(address.ip())),
            settings.advertise_port.unwrap_or(address.port()),
        );
        let hostname = settings.hostname.clone().unwrap_or_else(|| advertised.ip().to_string());
        let mut random = [0; 48];
        getrandom::fill(&mut random)?;
        let (id, seed) = random.split_at(16);
        let info = master_info(id, advertised, &hostname);
        let config = Config { settings: settings.core.clone(), ..Config::new(info.clone()) };
        let mut core_seed = [0; 32];
        core_seed.copy_from_slice(seed);

        let clock = Clock::new();
        let shutdown = CancellationToken::new();
        let (inputs, input_queue) = Inputs::new();
        let (message_sender, messages) = mpsc::channel(MESSAGES_MAX);
        let (exited_sender, exited) = mpsc::channel(MESSAGES_MAX);
        let (work_sender, work) = mpsc::channel(WORK_MAX);
        let links = Links::new(advertised, exited_sender, options.links.clone());
        let (writer, durable) = Writer::<Token>::start(store, term)?;

        let context = Arc::new(Context {
            inputs: inputs.clone(),
            flags: flags(settings, address, &hostname),
            leader: format!("{hostname}:{}", advertised.port()),
            snapshot_pacer: Pacer::new(2, Duration::from_secs(1)),
        });
        let performer = Performer::new(&inputs, links, writer, options.stream);
        let start = Start { config, seed: Seed(core_seed), restored: registry };
        let core = Recorded::<Master>::start(clock.now(), start, settings.recording.recorder()?)?;
        // Before messages: an agent that comes back has gone first. Agents and schedulers take turns.
        let lanes = Lanes::new()
            .urgent(exited, Input::Exited)
            .queue(messages, Input::Message)
            .queue(input_queue, |input| input);
        let outside = Outside::new(lanes, durable, work_sender, shutdown.clone());
        // Agents answer to whoever pings them: a process per agent, all of which are us.
        let inbox = move |id: &str| {
            (id == "master" || id.starts_with("slave-observer(")).then(|| message_sender.clone())
        };
        let handler = Arc::new(Messages::new(inbox, Arc::new(router(context))));
        let server = tokio::spawn(serve(listener, options.server, handler, shutdown.clone()));
        let performing = tokio::spawn(performer.run(work));
        let core = tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                let (result, mut durable) = outside.run(core, clock).await;
                if let Err(failure) = &result {
                    error!(%failure, "the master cannot go on");
                }
                shutdown.cancel();
                // It ends by itself, since nobody gives it work any more.
                let _ = performing.await;
                while durable.recv().await.is_some() {}
                result
            }
        });
        info!(id = info.id, address = %advertised, "master started");
        Ok(Self { address, info, inputs, shutdown, core: Some(core), server: Some(server) })
    }

    /// The address at which it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who it is: id, pid, advertised address.
    pub const fn info(&self) -> &MasterInfo {
        &self.info
    }

    /// The state at this moment; `None` if the master has stopped.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        self.inputs.snapshot().await
    }

    /// Waits until the master stops by itself, which it does only when it cannot write its registry.
    ///
    /// # Errors
    /// The reason.
    pub async fn stopped(&mut self) -> Result<(), StoreError> {
        let result = match &mut self.core {
            Some(core) => core.await.unwrap_or_else(|panic| Err(StoreError::Failed(panic.to_string()))),
            None => Ok(()),
        };
        self.core = None;
        result
    }

    /// Stops: connections are closed, and the registry can be opened by somebody else when this returns.
    ///
    /// # Errors
    /// The reason, if the master had stopped by itself before.
    pub async fn shutdown(mut self) -> Result<(), StoreError> {
        self.shutdown.cancel();
        let result = self.stopped().await;
        if let Some(server) = self.server.take() {
            // It can only have ended.
            let _ = server.await;
        }
        result
    }
}

impl Drop for MasterServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn open(options: &Options) -> Result<(Arc<dyn Store>, u64, Registry), StartError> {
    let store: Arc<dyn Store> = match &options.settings.work_dir {
        Some(directory) => Arc::new(EmbeddedStore::open(directory.join(REGISTRY_FILE), options.durability)?),
        None => Arc::new(MemoryStore::new()),
    };
    let term = store.begin_term()?;
    let registry = Registry::decode(store.scan("")?)?;
    Ok((store, term, registry))
}

fn master_info(id: &[u8], address: SocketAddr, hostname: &str) -> MasterInfo {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(id);
    let ip = match address.ip() {
        // As it lies in memory in network order, read as a little-endian number: so did Mesos on every machine there is.
        IpAddr::V4(ip) => u32::from_le_bytes(ip.octets()),
        IpAddr::V6(_) => 0,
    };
    let capability = |kind: Capability| v1::master_info::Capability { r#type: Some(kind as i32) };
    MasterInfo {
        id: uuid::Builder::from_random_bytes(bytes).into_uuid().to_string(),
        ip,
        port: u32::from(address.port()),
        pid: Some(format!("master@{address}")),
        hostname: Some(hostname.to_owned()),
        version: Some(MESOS_VERSION.to_owned()),
        address: Some(v1::Address {
            hostname: Some(hostname.to_owned()),
            ip: Some(address.ip().to_string()),
            port: i32::from(address.port()),
        }),
        capabilities: [Capability::AgentUpdate, Capability::AgentDraining, Capability::QuotaV2]
            .into_iter()
            .map(capability)
            .collect(),
        ..MasterInfo::default()
    }
}

/// An address of ours that others can use, where we listen at all of them.
fn reachable(ip: IpAddr) -> IpAddr {
    if !ip.is_unspecified() {
        return ip;
    }
    // Nothing is sent: the kernel only says which address it would send from.
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| {
            socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
            socket.local_addr()
        })
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}
