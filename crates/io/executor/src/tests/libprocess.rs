//! The driver over libprocess, against an agent's process made of our own parts.

use std::{net::SocketAddr, sync::Arc};

use tepui_libprocess::{Exited, IncomingMessage, LinkOptions, Links, Messages};
use tepui_transport::{Router, serve};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, internal};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;

/// `slave(1)` on a port of loopback.
struct Agent {
    address: SocketAddr,
    messages: mpsc::Receiver<IncomingMessage>,
    exited: mpsc::Receiver<Exited>,
    links: Links,
    death: CancellationToken,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.death.cancel();
    }
}

impl Agent {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, messages) = mpsc::channel(100);
        let (exited_sender, exited) = mpsc::channel(100);
        let links = Links::new(address, exited_sender, LinkOptions::default());
        let death = CancellationToken::new();
        let inbox = move |id: &str| (id == "slave(1)").then(|| sender.clone());
        let handler = Messages::new(inbox, Arc::new(Router::new("slave(1)")));
        tokio::spawn(serve(listener, Default::default(), Arc::new(handler), death.clone()));
        Self { address, messages, exited, links, death }
    }

    async fn message(&mut self) -> (Upid, Message) {
        let message = soon(self.messages.recv()).await.unwrap();
        (message.from, message.message)
    }

    fn send(&self, to: &Upid, message: impl Into<Message>) {
        self.links.send("slave(1)", to, message.into());
    }

    /// Takes the registration and confirms it. Answers who the executor is.
    async fn register(&mut self) -> Upid {
        let (executor, message) = self.message().await;
        let Message::RegisterExecutor(message) = message else { panic!("{message:?}") };
        assert_eq!((message.framework_id.value.as_str(), message.executor_id.value.as_str()), ("F", "E"));
        assert_eq!((executor.id.as_str(), executor.address.ip()), ("executor(1)", self.address.ip()));
        self.links.link(&executor);
        self.send(&executor, registered());
        executor
    }

    async fn update(&mut self) -> internal::StatusUpdate {
        match self.message().await.1 {
            Message::StatusUpdate(message) => message.update,
            other => panic!("{other:?}"),
        }
    }
}

fn agent_id() -> v1::AgentId {
    v1::AgentId { value: "A".to_owned() }
}

fn framework_id() -> v1::FrameworkId {
    v1::FrameworkId { value: "F".to_owned() }
}

fn slave_info() -> internal::SlaveInfo {
    internal::SlaveInfo { hostname: "host".to_owned(), ..Default::default() }
}

fn registered() -> internal::ExecutorRegisteredMessage {
    let event = super::subscribed().subscribed.unwrap();
    internal::ExecutorRegisteredMessage {
        executor_info: event.executor_info,
        framework_id: framework_id(),
        framework_info: event.framework_info,
        slave_id: agent_id(),
        slave_info: slave_info(),
    }
}

fn run_task(name: &str) -> internal::RunTaskMessage {
    let launch = super::launch(name).launch.unwrap();
    internal::RunTaskMessage { task: launch.task, ..Default::default() }
}

fn acknowledgement(update: &internal::StatusUpdate) -> internal::StatusUpdateAcknowledgementMessage {
    internal::StatusUpdateAcknowledgementMessage {
        slave_id: agent_id(),
        framework_id: framework_id(),
        task_id: update.status.task_id.clone(),
        uuid: update.uuid.clone().unwrap(),
    }
}

struct Bench {
    agent: Agent,
    driver: ExecutorDriver,
    notes: mpsc::Receiver<String>,
}

impl Bench {
    async fn new(checkpoint: &str) -> Self {
        let agent = Agent::new().await;
        let (sender, notes) = mpsc::channel(100);
        let env = env(agent.address.port(), &[("MESOS_CHECKPOINT", checkpoint)]);
        let builder = ExecutorDriver::builder().protocol(Protocol::Libprocess).environment(env);
        let driver = builder.build(Recorder(sender)).unwrap();
        assert_eq!(driver.start(), DriverStatus::Running);
        Self { agent, driver, notes }
    }

    async fn note(&mut self) -> String {
        soon(self.notes.recv()).await.unwrap_or_default()
    }
}

#[tokio::test]
async fn a_task_from_registration_to_shutdown() {
    let mut bench = Bench::new("0").await;
    let executor = bench.agent.register().await;
    bench.agent.send(&executor, run_task("t"));
    assert_eq!(bench.note().await, "registered E test host");
    assert_eq!(bench.note().await, "launch t");
    let (from, message) = bench.agent.message().await;
    let Message::StatusUpdate(message) = message else { panic!("{message:?}") };
    assert_eq!((message.pid, &from), (Some(executor.to_string()), &executor));
    assert_eq!(message.update.status.state(), v1::TaskState::TaskFinished);
    bench.agent.send(&executor, acknowledgement(&message.update));
    assert_eq!(bench.note().await, "acknowledged t");

    let data = Bytes::from_static(b"\x00ping");
    let executor_id = v1::ExecutorId { value: "E".to_owned() };
    bench.agent.send(
        &executor,
        internal::FrameworkToExecutorMessage {
            slave_id: agent_id(),
            framework_id: framework_id(),
            executor_id: executor_id.clone(),
            data: data.clone(),
        },
    );
    assert_eq!(bench.note().await, "message b\"\\0ping\"");
    let (_, message) = bench.agent.message().await;
    let Message::ExecutorToFramework(message) = message else { panic!("{message:?}") };
    assert_eq!((message.slave_id, message.executor_id, message.data), (agent_id(), executor_id, data));

    let task_id = v1::TaskId { value: "t".to_owned() };
    let kill = internal::KillTaskMessage { framework_id: framework_id(), task_id, kill_policy: None };
    bench.agent.send(&executor, kill);
    assert_eq!(bench.note().await, "kill t");
    bench.agent.send(&executor, internal::ShutdownExecutorMessage::default());
    assert_eq!(bench.note().await, "shutdown");
    assert_eq!(soon(bench.driver.joined()).await, DriverStatus::Stopped);
    assert_eq!(soon(bench.agent.exited.recv()).await.unwrap().pid, executor, "it listens no more");
}

#[tokio::test]
async fn an_agent_that_was_restarted_calls_its_executor() {
    let mut bench = Bench::new("1").await;
    let executor = bench.agent.register().await;
    for name in ["t", "u"] {
        bench.agent.send(&executor, run_task(name));
    }
    let (of_t, _) = (bench.agent.update().await, bench.agent.update().await);
    bench.agent.send(&executor, acknowledgement(&of_t));
    for expected in ["registered E test host", "launch t", "launch u", "acknowledged t"] {
        assert_eq!(bench.note().await, expected);
    }
    // Another process, at another port.
    bench.agent = Agent::new().await;
    assert_eq!(bench.note().await, "disconnected");
    bench.agent.send(&executor, internal::ReconnectExecutorMessage { slave_id: agent_id() });
    let (_, message) = bench.agent.message().await;
    let Message::ReregisterExecutor(message) = message else { panic!("{message:?}") };
    let tasks: Vec<_> = message.tasks.iter().map(|task| task.task_id.value.as_str()).collect();
    let updates: Vec<_> = message.updates.iter().map(|update| update.status.task_id.value.as_str()).collect();
    assert_eq!((&tasks[..], &updates[..]), (&["u"][..], &["u"][..]));
    let reregistered =
        internal::ExecutorReregisteredMessage { slave_id: agent_id(), slave_info: slave_info() };
    bench.agent.send(&executor, reregistered);
    bench.agent.send(&executor, acknowledgement(&message.updates[0]));
    assert_eq!(bench.note().await, "reregistered host");
    assert_eq!(bench.note().await, "acknowledged u");
    // The new connection is watched as the old one was.
    bench.agent.death.cancel();
    assert_eq!(bench.note().await, "disconnected");
}

#[tokio::test]
async fn without_checkpointing_the_end_of_the_link_means_shutdown() {
    let mut bench = Bench::new("0").await;
    bench.agent.register().await;
    assert_eq!(bench.note().await, "registered E test host");
    bench.agent.death.cancel();
    assert_eq!(bench.note().await, "disconnected");
    assert_eq!(bench.note().await, "shutdown");
    assert_eq!(soon(bench.driver.joined()).await, DriverStatus::Stopped);
}

#[tokio::test]
async fn what_was_given_before_stop_still_arrives() {
    let mut bench = Bench::new("0").await;
    let executor = bench.agent.register().await;
    assert_eq!(bench.note().await, "registered E test host");
    for number in 0..500 {
        let task_id = v1::TaskId { value: number.to_string() };
        let state = v1::TaskState::TaskFinished.into();
        bench.driver.send_status_update(v1::TaskStatus { task_id, state, ..Default::default() });
    }
    assert_eq!(bench.driver.stop(), DriverStatus::Stopped);
    for number in 0..500 {
        let update = bench.agent.update().await;
        assert_eq!(update.status.task_id.value, number.to_string());
        bench.agent.send(&executor, acknowledgement(&update));
    }
    assert_eq!(soon(bench.driver.joined()).await, DriverStatus::Stopped);
    assert_eq!(bench.driver.updates_waiting(), 0);
}

#[tokio::test]
async fn what_is_no_message_for_it_disturbs_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut bench = Bench::new("0").await;
    let executor = bench.agent.register().await;
    assert_eq!(bench.note().await, "registered E test host");
    let from = "Libprocess-From: slave(1)@127.0.0.1:1\r\n";
    for (request, status) in [
        (format!("POST /executor(1)/mesos.internal.RunTaskMessage HTTP/1.1\r\n{from}\r\n"), "202"),
        (format!("POST /executor(1)/mesos.internal.Unheard HTTP/1.1\r\n{from}\r\n"), "202"),
        (format!("POST /executor(2)/mesos.internal.ShutdownExecutorMessage HTTP/1.1\r\n{from}\r\n"), "404"),
        ("GET /executor(1)/state HTTP/1.1\r\n\r\n".to_owned(), "404"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(executor.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        soon(stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{request}");
    }
    bench.agent.send(&executor, run_task("t"));
    assert_eq!(bench.note().await, "launch t");
}
