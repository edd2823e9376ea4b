//! A master, an executor and a work directory to test agents with.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
    sync::Arc,
    time::{Duration, Instant},
};

use tepui_agent::{AgentServer, Options};
use tepui_containment::Containment;
use tepui_libprocess::{IncomingMessage, LinkOptions, Links, Messages};
use tepui_transport::{
    Client, ClientOptions, ClientResponse, RecordStream, Router, ServerOptions, Url, serve,
};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    ContentType, Message,
    internal::{
        KillTaskMessage, ReregisterSlaveMessage, RunTaskMessage, SlaveRegisteredMessage,
        SlaveReregisteredMessage, StatusUpdate, StatusUpdateAcknowledgementMessage,
    },
    v1::{self, TaskState},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const RESOURCES: &str = "cpus:8;mem:16384;disk:10240;ports:[31000-32000]";

/// The members of `/state`, as a Mesos agent orders them.
pub const STATE_MEMBERS: [&str; 22] = [
    "version",
    "build_date",
    "build_time",
    "build_user",
    "start_time",
    "id",
    "pid",
    "hostname",
    "capabilities",
    "resources",
    "reserved_resources",
    "unreserved_resources",
    "reserved_resources_full",
    "unreserved_resources_full",
    "reserved_resources_allocated",
    "unreserved_resources_allocated",
    "resource_providers",
    "attributes",
    "master_hostname",
    "flags",
    "frameworks",
    "completed_frameworks",
];

pub struct Work(tempfile::TempDir);

impl Work {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The latest sandbox of an executor.
    pub fn latest(&self, executor: &str) -> PathBuf {
        self.path().join(format!("work/slaves/S0/frameworks/F/executors/{executor}/runs/latest"))
    }

    pub fn options(&self, master: &Master) -> Options {
        options(&master.address().to_string(), self.path())
    }
}

impl Drop for Work {
    /// What the test started ends with it, also when it failed.
    fn drop(&mut self) {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let left = inhabitants(self.path());
            if left.is_empty() || Instant::now() > end {
                return;
            }
            for pid in left {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Processes whose current directory is inside `directory`, or that were told to work there.
fn inhabitants(directory: &Path) -> Vec<rustix::process::Pid> {
    let name = directory.as_os_str().as_encoded_bytes();
    let lives_there = |process: &Path| {
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory))
            || fs::read(process.join("cmdline"))
                .is_ok_and(|arguments| arguments.windows(name.len()).any(|window| window == name))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| lives_there(&entry.path()))
        .filter_map(|entry| rustix::process::Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

fn options(master: &str, directory: &Path) -> Options {
    let mut options = Options::new(master, directory.join("work"));
    let settings = &mut options.settings;
    settings.port = 0;
    settings.runtime_dir = Some(directory.join("run"));
    settings.resources = Some(RESOURCES.to_owned());
    settings.attributes = Some("rack:r1".to_owned());
    settings.containment = Containment::posix();
    settings.core.registration_backoff_factor = Duration::from_millis(50);
    options
}

/// `agent <master> <directory>`: an agent in a process of its own, to be killed.
pub fn agent_process(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let [master, directory] = &arguments[..] else { return ExitCode::FAILURE };
    let options = options(master.to_str().unwrap(), Path::new(directory));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let agent = AgentServer::start(options).await.unwrap();
        agent.ended().await;
    });
    ExitCode::SUCCESS
}

pub fn spawn_agent(work: &Work, master: &Master) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["agent".into(), master.address().to_string().into(), work.path().as_os_str().to_owned()])
        .spawn()
        .unwrap()
}

pub fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}

pub fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The process of the only executor, as soon as the agent knows it.
pub async fn executor_pid(agent: SocketAddr) -> i32 {
    let start = Instant::now();
    loop {
        let containers = get(agent, "/containers").await.json();
        if let Some(pid) = containers[0]["status"]["executor_pid"].as_i64() {
            return i32::try_from(pid).unwrap();
        }
        assert!(start.elapsed() < PATIENCE, "no process: {containers}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Processes end on their own time: looks again until it is so.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A master that does what the test says, for a framework `F`.
pub struct Master {
    pid: Upid,
    links: Links,
    messages: mpsc::Receiver<IncomingMessage>,
    agent: Option<Upid>,
    agent_id: String,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl Master {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (inbox, messages) = mpsc::channel(100_000);
        let inbox = move |id: &str| (id == "master").then(|| inbox.clone());
        let handler = Messages::new(inbox, Arc::new(Router::new("master")));
        let shutdown = CancellationToken::new();
        let server =
            tokio::spawn(serve(listener, ServerOptions::default(), Arc::new(handler), shutdown.clone()));
        let (exited, _) = mpsc::channel(10);
        Self {
            pid: Upid::new("master", address),
            links: Links::new(address, exited, LinkOptions::default()),
            messages,
            agent: None,
            agent_id: "S0".to_owned(),
            shutdown,
            server,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.pid.address
    }

    /// Where the agent that registered listens.
    pub fn agent_address(&self) -> SocketAddr {
        self.agent.as_ref().unwrap().address
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.unwrap();
    }

    async fn next(&mut self) -> IncomingMessage {
        tokio::time::timeout(PATIENCE, self.messages.recv()).await.expect("a message").unwrap()
    }

    fn send(&self, message: impl Into<Message>) {
        self.links.send("master", self.agent.as_ref().unwrap(), message.into());
    }

    /// Registers the agent, and waits until it knows.
    pub async fn register(&mut self, id: &str) {
        loop {
            let IncomingMessage { from, message, .. } = self.next().await;
            if let Message::RegisterSlave(register) = message {
                assert_eq!(register.slave.attributes[0].name, "rack");
                self.agent = Some(from);
                break;
            }
        }
        self.agent_id = id.to_owned();
        let slave_id = v1::AgentId { value: id.to_owned() };
        self.send(SlaveRegisteredMessage { slave_id, connection: None });
        while !matches!(self.next().await.message, Message::UpdateSlave(_)) {}
    }

    /// The agent comes back with the id that it had.
    pub async fn reregister(&mut self) -> Box<ReregisterSlaveMessage> {
        let message = loop {
            let IncomingMessage { from, message, .. } = self.next().await;
            if let Message::ReregisterSlave(message) = message {
                self.agent = Some(from);
                break message;
            }
        };
        let slave_id = message.slave.id.clone().unwrap();
        assert_eq!(slave_id.value, self.agent_id);
        self.send(SlaveReregisteredMessage { slave_id, reconciliations: Vec::new(), connection: None });
        message
    }

    pub fn run(&self, mut task: v1::TaskInfo, checkpoint: bool) {
        task.agent_id.value.clone_from(&self.agent_id);
        let framework = v1::FrameworkInfo {
            name: "test".to_owned(),
            id: Some(v1::FrameworkId { value: "F".to_owned() }),
            user: tepui_containment::user::current(),
            checkpoint: Some(checkpoint),
            ..v1::FrameworkInfo::default()
        };
        self.send(RunTaskMessage {
            framework,
            task,
            pid: Some(String::new()),
            launch_executor: Some(true),
            ..RunTaskMessage::default()
        });
    }

    pub fn kill(&self, task: &str) {
        self.send(KillTaskMessage {
            framework_id: v1::FrameworkId { value: "F".to_owned() },
            task_id: v1::TaskId { value: task.to_owned() },
            kill_policy: None,
        });
    }

    /// The next update, which is acknowledged.
    pub async fn any_update(&mut self) -> StatusUpdate {
        loop {
            let Message::StatusUpdate(message) = self.next().await.message else { continue };
            let update = message.update;
            self.send(StatusUpdateAcknowledgementMessage {
                slave_id: v1::AgentId { value: self.agent_id.clone() },
                framework_id: update.framework_id.clone(),
                task_id: update.status.task_id.clone(),
                uuid: update.uuid.clone().unwrap(),
            });
            return update;
        }
    }

    pub async fn update(&mut self, state: TaskState) -> StatusUpdate {
        let update = self.any_update().await;
        assert_eq!(update.status.state, i32::from(state), "{:?}", update.status);
        update
    }

    /// The next update that says that a task is over.
    pub async fn terminal_update(&mut self) -> StatusUpdate {
        use TaskState::{TaskKilling, TaskRunning, TaskStarting};
        loop {
            let update = self.any_update().await;
            let on_the_way = [TaskStarting, TaskRunning, TaskKilling].map(i32::from);
            if !on_the_way.contains(&update.status.state) {
                return update;
            }
        }
    }
}

pub fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        allocation_info: Some(v1::resource::AllocationInfo { role: Some("*".to_owned()) }),
        ..v1::Resource::default()
    }
}

pub fn command(id: &str, line: &str) -> v1::TaskInfo {
    v1::TaskInfo {
        name: id.to_owned(),
        task_id: v1::TaskId { value: id.to_owned() },
        resources: vec![scalar("cpus", 0.01), scalar("mem", 32.0)],
        command: Some(v1::CommandInfo { value: Some(line.to_owned()), ..v1::CommandInfo::default() }),
        ..v1::TaskInfo::default()
    }
}

pub fn executor(id: &str, line: &str) -> v1::ExecutorInfo {
    v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: id.to_owned() },
        framework_id: Some(v1::FrameworkId { value: "F".to_owned() }),
        command: Some(v1::CommandInfo { value: Some(line.to_owned()), ..v1::CommandInfo::default() }),
        resources: vec![scalar("cpus", 0.1)],
        ..v1::ExecutorInfo::default()
    }
}

/// The HTTP side of an executor, played by the test.
pub struct Executor {
    url: Url,
    id: String,
    stream: RecordStream,
}

impl Executor {
    /// Subscribes, as soon as the agent knows the executor.
    pub async fn subscribe(agent: SocketAddr, id: &str) -> Self {
        let url = Url::new(agent.ip().to_string(), agent.port(), "/api/v1/executor");
        let call = call(id, v1::executor::call::Type::Subscribe, |call| {
            call.subscribe = Some(v1::executor::call::Subscribe::default());
        });
        let start = Instant::now();
        loop {
            let client = Client::new(ClientOptions::default());
            match client.post_stream(&url, call.clone()).await {
                Ok(stream) => return Self { url, id: id.to_owned(), stream },
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn event(&mut self) -> v1::executor::Event {
        let record = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("an event");
        ContentType::Json.decode(record.unwrap().expect("an open stream")).unwrap()
    }

    /// Whether the stream ends now.
    pub async fn ended(&mut self) -> bool {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("the end");
        matches!(next, Ok(None))
    }

    pub async fn update(&self, task: &str, state: TaskState) {
        let call = call(&self.id, v1::executor::call::Type::Update, |call| {
            let status = v1::TaskStatus {
                task_id: v1::TaskId { value: task.to_owned() },
                state: state.into(),
                source: Some(v1::task_status::Source::Executor.into()),
                uuid: Some(b"0123456\x40\x80abcdefg".to_vec().into()),
                ..v1::TaskStatus::default()
            };
            call.update = Some(v1::executor::call::Update { status });
        });
        let answer = Client::new(ClientOptions::default()).post(&self.url, call).await.unwrap();
        assert_eq!(answer.status.as_u16(), 202, "{}", answer.text());
    }
}

fn call(
    executor: &str,
    kind: v1::executor::call::Type,
    fill: impl FnOnce(&mut v1::executor::Call),
) -> tepui_transport::Call {
    let mut call = v1::executor::Call {
        executor_id: v1::ExecutorId { value: executor.to_owned() },
        framework_id: v1::FrameworkId { value: "F".to_owned() },
        r#type: Some(kind.into()),
        ..v1::executor::Call::default()
    };
    fill(&mut call);
    tepui_transport::Call::message(ContentType::Json, ContentType::Json.encode(&call))
}

/// An answer.
pub struct Answer(ClientResponse);

impl Answer {
    pub fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    pub fn text(&self) -> String {
        self.0.text().into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub fn url(agent: SocketAddr, target: &str) -> Url {
    Url::new(agent.ip().to_string(), agent.port(), target)
}

pub async fn get(agent: SocketAddr, target: &str) -> Answer {
    Answer(Client::new(ClientOptions::default()).get(&url(agent, target)).await.unwrap())
}

pub async fn post(agent: SocketAddr, target: &str, body: String) -> Answer {
    let call = tepui_transport::Call::message(ContentType::Json, body);
    Answer(Client::new(ClientOptions::default()).post(&url(agent, target), call).await.unwrap())
}
