//! Starting and stopping an agent.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use tepui_containment::{Containerizer, RecoveredContainer, StartError as ContainerizerError, machine};
use tepui_core_agent::{Agent, Config, RecoveryRefused, Start, Upid};
use tepui_core_kit::Seed;
use tepui_libprocess::{IncomingMessage, LinkOptions, Links, Messages};
use tepui_model::{Attribute, InvalidAttributes, Resources, Role, detect_resources, parse_attributes};
use tepui_recorder::{RecordError, Recorded};
use tepui_shell::{Clock, Inbox};
use tepui_transport::{Handler, Router, ServerOptions, serve};
use tepui_wire_mesos::{
    convert::{Format, InvalidResourcesText, parse_resources, to_wire},
    v1,
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Options, Settings,
    checkpoint::{read, write::Writer},
    flags::flags,
    http::{
        self,
        domain_socket::{self, ExecutorsOnly},
    },
    options::InvalidOption,
    shell::{Inboxes, Input, Shell},
    token::SecretKey,
};

/// The process id of an agent on the agent protocol.
pub(crate) const PROCESS: &str = "slave(1)";
/// Calls and questions that may wait for the core before their senders have to.
const INPUTS_MAX: usize = 4096;
/// Libprocess messages that may wait before their connections are not read any further.
const MESSAGES_MAX: usize = 4096;

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The work directory cannot be used.
    #[error("cannot use the work directory {}: {source}", path.display())]
    WorkDir {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The master cannot be looked up.
    #[error("cannot find the master '{master}': {source}")]
    Master {
        /// As it was given.
        master: String,
        /// Why not.
        source: io::Error,
    },
    /// `--resources` is wrong.
    #[error(transparent)]
    Resources(#[from] InvalidResourcesText),
    /// `--attributes` is wrong.
    #[error(transparent)]
    Attributes(#[from] InvalidAttributes),
    /// Containers cannot be run.
    #[error(transparent)]
    Containerizer(#[from] ContainerizerError),
    /// A setting that cannot be.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// What the last agent left cannot be taken up.
    #[error(transparent)]
    Recovery(#[from] RecoveryRefused),
    /// The start cannot be written down.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The domain socket cannot be listened on.
    #[error("cannot listen on the domain socket {}: {source}", path.display())]
    DomainSocket {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something that the system always has, it does not.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// A running agent. Dropping it stops the agent as a crash would: containers live on (unless it is ephemeral).
#[derive(Debug)]
pub struct AgentServer {
    address: SocketAddr,
    pid: Upid,
    inputs: Inbox<Input>,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl AgentServer {
    /// Recovers what the last agent left, starts listening, and goes looking for the master.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(mut options: Options) -> Result<Self, StartError> {
        options.check()?;
        let attributes = parse_attributes(options.settings.attributes.as_deref().unwrap_or_default())?;
        let secret_key = secret_key(&options.settings)?;
        make_work_dir(&mut options.settings)?;
        let settings = &options.settings;
        let machine = machine::detect(&settings.work_dir);
        let text = settings.resources.clone().unwrap_or_default();
        let resources = resources(machine, &text, &settings.default_role)?;
        let listen = |source| StartError::Listen { address: options.listen(), source };
        let listener = TcpListener::bind(options.listen()).await.map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let address = advertised(settings, bound)?;
        let (containerizer, container_events, containers) =
            Containerizer::start(containerizer_options(&options)).await?;

        let found = recover(settings.work_dir.clone(), containers).await?;

        let clock = Clock::new();
        let config = core_config(settings, address, &resources, &attributes);
        let agent_id = found.recovered.agent.as_ref().and_then(|info| info.id.as_ref());
        let writer = Writer::start(
            &settings.work_dir,
            agent_id.map(|id| id.value.clone()),
            settings.checkpoint_to_disk,
        )
        .map_err(|source| StartError::System { what: "cannot start a thread", source })?;
        let recovered = found.recovered.admit(&config, clock.now())?;
        let (hostname, version) = (config.hostname.clone(), config.version.clone());
        let seed = random_seed().map_err(|source| StartError::System { what: "no randomness", source })?;
        let start = Start { config, seed, recovered };
        let core = Recorded::<Agent>::start(clock.now(), start, settings.recording.recorder()?)?;

        let domain_socket = settings.domain_socket().map(|path| listen_at(&path)).transpose()?;
        let (exited, exits) = mpsc::channel(1024);
        let links = Links::new(address, exited, LinkOptions::default());
        let (inputs, input_queue) = Inbox::new(INPUTS_MAX);
        let (messages, message_queue) = mpsc::channel(MESSAGES_MAX);
        let shutdown = CancellationToken::new();
        let flags = flags(settings, bound, &hostname);
        let context = http::Context::new(
            inputs.clone(),
            containerizer.clone(),
            flags,
            settings,
            version,
            secret_key.clone(),
        );
        let router = Arc::new(http::router(context));
        let inboxes =
            Inboxes { inputs: input_queue, messages: message_queue, containers: container_events, exits };
        let mut shell =
            Shell::new(inboxes, containerizer, links, writer, inputs.downgrade(), shutdown.clone())
                .sign_with(secret_key);
        shell.adopt(found.durable, found.forget, found.running).await;
        let mut tasks = vec![tokio::spawn(shell.run(core, clock))];
        tasks.extend(listen_with(listener, domain_socket, router, messages, &shutdown));
        tasks.extend(watch(settings, &inputs, &shutdown));
        let pid = Upid::new(PROCESS, address);
        tracing::info!(%pid, master = settings.master, work_dir = %settings.work_dir.display(), "agent started");
        Ok(Self { address, pid, inputs, shutdown, tasks })
    }

    /// Where the agent can be reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The agent's name on the agent protocol.
    pub fn pid(&self) -> &Upid {
        &self.pid
    }

    /// Waits until the agent has ended by itself: the master told it to, after everything of it was stopped.
    pub async fn ended(&self) {
        self.shutdown.cancelled().await;
    }

    /// Stops the agent. Checkpointed containers live on for the next one; those of an ephemeral agent are
    /// ended, all of them, before this returns.
    pub async fn stop(mut self) {
        let (done, stopped) = tokio::sync::oneshot::channel();
        if self.inputs.tell(Input::Stop(done)).await {
            let _ = stopped.await;
        }
        self.shutdown.cancel();
        for task in std::mem::take(&mut self.tasks) {
            let _ = task.await;
        }
    }
}

impl Drop for AgentServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Reads the key that executors' tokens are signed with.
fn secret_key(settings: &Settings) -> Result<Option<SecretKey>, StartError> {
    let Some(path) = settings.jwt_secret_key.as_ref().filter(|_| settings.core.authenticate_http_executors)
    else {
        return Ok(None);
    };
    let fail = |source| InvalidOption::SecretKey { path: path.clone(), source };
    let key = std::fs::read(path).map_err(fail)?;
    let mode = std::fs::metadata(path).map_err(fail)?.permissions().mode();
    if mode & 0o007 != 0 {
        tracing::warn!("the key in {} (--jwt-secret-key) is accessible to everybody", path.display());
    }
    match SecretKey::new(&key) {
        Some(key) => Ok(Some(key)),
        None => Err(InvalidOption::EmptySecretKey(path.clone()).into()),
    }
}

/// What the last agent left.
async fn recover(work_dir: PathBuf, containers: Vec<RecoveredContainer>) -> Result<read::Found, StartError> {
    let path = work_dir.clone();
    tokio::task::spawn_blocking(move || read::recover(&work_dir, &containers, &machine::boot_id()))
        .await
        .map_err(io::Error::other)
        .and_then(|found| found)
        .map_err(|source| StartError::WorkDir { path, source })
}

/// Begins to serve everybody, and executors on their socket.
fn listen_with(
    listener: TcpListener,
    domain_socket: Option<UnixListener>,
    router: Arc<Router>,
    messages: mpsc::Sender<IncomingMessage>,
    shutdown: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let options = ServerOptions::default;
    let handler = with_messages(router.clone(), messages);
    let mut tasks = vec![tokio::spawn(serve(listener, options(), handler, shutdown.clone()))];
    if let Some(socket) = domain_socket {
        tasks.push(tokio::spawn(serve(socket, options(), executors_only(router), shutdown.clone())));
    }
    tasks
}

/// Begins to look for the master and at the disk.
fn watch(settings: &Settings, inputs: &Inbox<Input>, shutdown: &CancellationToken) -> [JoinHandle<()>; 2] {
    let (inputs, shutdown) = (|| inputs.downgrade(), || shutdown.clone());
    let (work_dir, interval) = (settings.work_dir.clone(), settings.disk_watch_interval);
    [
        tokio::spawn(crate::shell::master::watch(settings.master.clone(), inputs(), shutdown())),
        tokio::spawn(crate::shell::disk::watch(work_dir, interval, inputs(), shutdown())),
    ]
}

/// Requests go to the router, messages for the agent's process to `messages`.
fn with_messages(router: Arc<Router>, messages: mpsc::Sender<IncomingMessage>) -> Arc<dyn Handler> {
    Arc::new(Messages::new(move |id: &str| (id == PROCESS).then(|| messages.clone()), router))
}

/// What there is for executors; no process for messages is there.
fn executors_only(router: Arc<Router>) -> Arc<dyn Handler> {
    Arc::new(Messages::new(|_: &str| None, Arc::new(ExecutorsOnly(router))))
}

fn listen_at(path: &Path) -> Result<UnixListener, StartError> {
    domain_socket::listen(path).map_err(|source| StartError::DomainSocket { path: path.to_owned(), source })
}

fn make_work_dir(settings: &mut Settings) -> Result<(), StartError> {
    let path = settings.work_dir.clone();
    let fail = |source| StartError::WorkDir { path: path.clone(), source };
    std::fs::create_dir_all(&path).map_err(fail)?;
    // Where it is without the real path, it stays: others may know it by that.
    settings.runtime_dir = Some(settings.runtime_dir());
    settings.work_dir = path.canonicalize().map_err(fail)?;
    Ok(())
}

/// What `text` says, and what the machine has of the rest.
fn resources(
    machine: tepui_model::Machine,
    text: &str,
    default_role: &str,
) -> Result<Resources, InvalidResourcesText> {
    let mut resources = parse_resources(text, default_role)?;
    let role = Role::try_new(default_role)?;
    if !text.trim_start().starts_with('[') {
        return Ok(detect_resources(machine, Some(text), &role)?);
    }
    // The rules of detection read the short form only: tell them which names are taken.
    let taken: Vec<String> = resources.names().into_iter().map(|name| format!("{name}:0")).collect();
    resources.add_all(&detect_resources(machine, Some(&taken.join(";")), &role)?);
    Ok(resources)
}

fn containerizer_options(options: &Options) -> tepui_containment::Options {
    tepui_containment::Options {
        ephemeral: options.ephemeral,
        remove_at_end: options.remove_at_end.clone(),
        remove_empty_at_end: options.remove_empty_at_end.clone(),
        supervisor: options.supervisor.clone(),
        containment: options.settings.containment.clone(),
        rotation: options.rotation,
        ..tepui_containment::Options::new(options.settings.runtime_dir())
    }
}

fn core_config(
    settings: &Settings,
    address: SocketAddr,
    resources: &Resources,
    attributes: &[Attribute],
) -> Config {
    let mut config = Config::new(Upid::new(PROCESS, address), address.ip().to_string(), address.port());
    config.settings = settings.core.clone();
    config.hostname = settings.hostname.clone().unwrap_or_else(|| machine::hostname(&config.ip));
    config.resources = to_wire(resources, Format::Refined);
    config.attributes = attributes.iter().map(v1::Attribute::from).collect();
    config.work_dir = settings.work_dir.display().to_string();
    config.fixed_port = settings.port != 0;
    config.domain_socket = settings.domain_socket().map(|path| path.display().to_string());
    config
}

/// The address for others: never "all addresses", which means nothing to them.
fn advertised(settings: &Settings, bound: SocketAddr) -> Result<SocketAddr, StartError> {
    if let Some(ip) = settings.advertise_ip {
        return Ok(SocketAddr::new(ip, bound.port()));
    }
    if !bound.ip().is_unspecified() {
        return Ok(bound);
    }
    let fail = |source| StartError::Master { master: settings.master.clone(), source };
    let ip = address_towards(&settings.master).map_err(fail)?;
    Ok(SocketAddr::new(ip, bound.port()))
}

/// The address of ours that the way to `master` begins with. Nothing is sent.
fn address_towards(master: &str) -> io::Result<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(master)?;
    Ok(socket.local_addr()?.ip())
}

fn random_seed() -> io::Result<Seed> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(Seed(seed))
}
