//! Containers that are launched through the agent's own API, with real processes.

use std::{net::SocketAddr, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};
use tepui_agent::AgentServer;
use tepui_transport::{
    Call, Client, ClientError, ClientOptions, RecordStream, client::Records, client::Uploaded,
};
use tepui_wire_mesos::{
    ContentType,
    v1::{
        TaskState,
        agent::{ProcessIo, process_io::data},
    },
};

use crate::harness::{
    Answer, Executor, Master, PATIENCE, Work, command, executor, get, is_alive, kill, post, spawn_agent,
    until, url,
};

/// An id with its parents, from its flat form.
fn id(flat: &str) -> Value {
    flat.split('.').fold(Value::Null, |parent, id| match parent {
        Value::Null => json!({ "value": id }),
        parent => json!({ "value": id, "parent": parent }),
    })
}

/// A call about a container.
fn call(kind: &str, flat: &str, fields: Value) -> Value {
    let mut about = json!({ "container_id": id(flat) });
    about.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap_or_default());
    json!({ "type": kind, kind.to_ascii_lowercase(): about })
}

async fn ask(agent: SocketAddr, call: &Value) -> Answer {
    post(agent, "/api/v1", call.to_string()).await
}

/// Launches `sh -c LINE`; it runs when this returns.
async fn launch(agent: SocketAddr, flat: &str, line: &str) {
    let launch = call("LAUNCH_CONTAINER", flat, json!({ "command": { "value": line } }));
    let answer = ask(agent, &launch).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, ""), "{flat}");
}

/// The raw status of a container, when it has ended.
async fn status(agent: SocketAddr, flat: &str) -> i64 {
    let answer = ask(agent, &call("WAIT_CONTAINER", flat, json!({}))).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["wait_container"]["exit_status"].as_i64().unwrap()
}

/// The container of the only task.
async fn root(master: &mut Master) -> String {
    master.update(TaskState::TaskStarting).await;
    let running = master.update(TaskState::TaskRunning).await;
    running.status.container_status.unwrap().container_id.unwrap().value
}

async fn with_task(work: &Work, line: &str, checkpoint: bool) -> (Master, AgentServer, String) {
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    let mut task = command("t", line);
    let variable = tepui_wire_mesos::v1::environment::Variable {
        name: "OF_THE_TASK".to_owned(),
        value: Some("yes".to_owned()),
        ..Default::default()
    };
    let environment = tepui_wire_mesos::v1::Environment { variables: vec![variable] };
    task.command.as_mut().unwrap().environment = Some(environment);
    master.run(task, checkpoint);
    let root = root(&mut master).await;
    (master, agent, root)
}

pub async fn containers_in_a_task() {
    let work = Work::new();
    let (mut master, agent, root) = with_task(&work, "echo $$ > pid; exec sleep 1000", false).await;
    let at = agent.address();
    let [one, two] = ["one", "two"].map(|child| format!("{root}.{child}"));
    launch(at, &one, "echo out; echo err >&2; env > env; exit 5").await;
    assert_eq!(status(at, &one).await, 5 << 8);
    let sandbox = work.latest("t").join("containers/one");
    assert_eq!(std::fs::read_to_string(sandbox.join("stdout")).unwrap(), "out\n");
    assert_eq!(std::fs::read_to_string(sandbox.join("stderr")).unwrap(), "err\n");
    let environment = std::fs::read_to_string(sandbox.join("env")).unwrap();
    assert!(environment.contains("MESOS_SANDBOX="), "{environment}");
    assert!(!environment.contains("OF_THE_TASK"), "{environment}");
    // Its files are seen where the task's are.
    let path = "/frameworks/F/executors/t/runs/latest/containers/one/stdout";
    assert_eq!(get(at, &format!("/files/read?path={path}&offset=0")).await.json()["data"], "out\n");

    launch(at, &two, "echo $$ > pid; exec sleep 1000").await;
    let shown = json!({ "type": "GET_CONTAINERS", "get_containers": { "show_nested": true } });
    let shown = ask(at, &shown).await.json();
    let shown = &shown["get_containers"]["containers"][1];
    assert_eq!((&shown["container_id"], &shown["executor_id"]), (&json!({ "value": "two" }), &Value::Null));
    assert_eq!(shown["container_status"]["container_id"], id(&two));
    let pid = shown["container_status"]["executor_pid"].as_i64().unwrap();
    assert!(shown["resource_statistics"]["timestamp"].is_number(), "{shown}");
    assert_eq!(get(at, "/containers").await.json().as_array().unwrap().len(), 1);
    let legacy = get(at, "/containers?show_nested=true").await.json();
    assert_eq!(legacy[1]["container_id"], "two", "{legacy}");

    // The task ends: nothing of it stays.
    let waiting = tokio::spawn(async move { status(at, &two).await });
    master.kill("t");
    master.update(TaskState::TaskKilled).await;
    assert_eq!(waiting.await.unwrap(), 9);
    assert!(!is_alive(i32::try_from(pid).unwrap()));
    let gone = ask(at, &call("WAIT_NESTED_CONTAINER", &one, json!({}))).await;
    assert_eq!((gone.status(), gone.text()), (404, format!("Container {one} cannot be found")));
    agent.stop().await;
}

pub async fn containers_that_stand_alone() {
    let work = Work::new();
    let master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    let at = agent.address();
    launch(at, "alone", "echo hello; exec sleep 1000").await;
    launch(at, "alone.inner", "exec sleep 1000").await;
    let shown = json!({ "type": "GET_CONTAINERS", "get_containers": { "show_nested": true, "show_standalone": true } });
    let shown = ask(at, &shown).await.json();
    assert_eq!(shown["get_containers"]["containers"].as_array().unwrap().len(), 2, "{shown}");
    let killed = ask(at, &call("KILL_CONTAINER", "alone", json!({ "signal": 15 }))).await;
    assert_eq!(killed.status(), 200);
    assert_eq!((status(at, "alone").await, status(at, "alone.inner").await), (15, 9));
    let sandbox = work.path().join("work/containers/alone");
    assert_eq!(std::fs::read_to_string(sandbox.join("stdout")).unwrap(), "hello\n");
    let path = sandbox.canonicalize().unwrap().join("stdout");
    let read = get(at, &format!("/files/read?path={}&offset=0", path.display())).await;
    assert_eq!(read.json()["data"], "hello\n");
    for _ in 0..2 {
        assert_eq!(ask(at, &call("REMOVE_CONTAINER", "alone", json!({}))).await.status(), 200);
    }
    until("its sandbox to be gone", || !sandbox.exists()).await;
    agent.stop().await;
}

pub async fn containers_outlive_a_killed_agent() {
    let work = Work::new();
    let mut master = Master::start().await;
    let mut first = spawn_agent(&work, &master);
    master.register("S0").await;
    let at = master.agent_address();
    let mut info = executor("e", "exec sleep 1000");
    info.command.as_mut().unwrap().shell = Some(true);
    let mut task = command("t", "");
    task.command = None;
    task.executor = Some(Box::new(info));
    master.run(task, true);
    let mut speaker = Executor::subscribe(at, "e").await;
    let root = speaker.event().await.subscribed.unwrap().container_id.unwrap().value;
    let [a, b, c] = ["a", "b", "c"].map(|child| format!("{root}.{child}"));
    let gate = work.path().join("gate");
    let wait = format!("while [ ! -e {} ]; do sleep 0.05; done; exit 7", gate.display());
    launch(at, &a, &wait).await;
    launch(at, &b, "exit 3").await;
    launch(at, &c, "echo $$ > pid; exec sleep 1000").await;
    assert_eq!(status(at, &b).await, 3 << 8);
    launch(at, "alone", &wait).await;
    kill(i32::try_from(first.id()).unwrap());
    first.wait().unwrap();
    std::fs::write(&gate, "").unwrap();

    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    let at = agent.address();
    let early = ask(at, &call("WAIT_CONTAINER", &a, json!({}))).await;
    assert_eq!((early.status(), early.text().as_str()), (503, "Agent has not finished recovery"));
    let _speaker = Executor::subscribe(at, "e").await;
    master.reregister().await;
    for (flat, expected) in [(&a, 7 << 8), (&b, 3 << 8), (&"alone".to_owned(), 7 << 8)] {
        assert_eq!(status(at, flat).await, expected, "{flat}");
    }
    let killed = ask(at, &call("KILL_NESTED_CONTAINER", &c, json!({ "signal": 15 }))).await;
    assert_eq!(killed.status(), 200);
    assert_eq!(status(at, &c).await, 15);
    agent.stop().await;
}

/// The headers of a call with a stream on either side.
fn streaming(request: bool) -> Call {
    let json = HeaderValue::from_static("application/json");
    let recordio = HeaderValue::from_static("application/recordio");
    let name = HeaderName::from_static;
    let mut headers = HeaderMap::new();
    if request {
        headers.insert(header::CONTENT_TYPE, recordio);
        headers.insert(name("message-content-type"), json.clone());
        headers.insert(header::ACCEPT, json);
    } else {
        headers.insert(header::CONTENT_TYPE, json.clone());
        headers.insert(header::ACCEPT, recordio);
        headers.insert(name("message-accept"), json);
    }
    Call { headers, ..Call::default() }
}

async fn output(agent: SocketAddr, call: &Value) -> Result<RecordStream, ClientError> {
    let client = Client::new(ClientOptions::default());
    client.post_stream(&url(agent, "/api/v1"), streaming(false).body(call.to_string().into_bytes())).await
}

async fn session(agent: SocketAddr, flat: &str, line: &str, tty: bool) -> RecordStream {
    let mut fields = json!({ "command": { "value": line } });
    if tty {
        fields["container"] =
            json!({ "type": "MESOS", "tty_info": { "window_size": { "rows": 11, "columns": 22 } } });
    }
    let stream = output(agent, &call("LAUNCH_NESTED_CONTAINER_SESSION", flat, fields)).await.unwrap();
    assert_eq!(stream.content_type(), Some("application/recordio"));
    assert_eq!(stream.headers()["message-content-type"], "application/json");
    stream
}

/// The next piece of output.
async fn piece(stream: &mut RecordStream) -> Option<(data::Type, Vec<u8>)> {
    loop {
        let record = tokio::time::timeout(PATIENCE, stream.next()).await.expect("a record").unwrap()?;
        let io: ProcessIo = ContentType::Json.decode(record).unwrap();
        if let Some(piece) = io.data {
            return Some((piece.r#type(), piece.data.unwrap().to_vec()));
        }
    }
}

/// All that comes on one output, until the end or until `enough`.
async fn read(stream: &mut RecordStream, kind: data::Type, enough: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    while !enough(&text)
        && let Some((of, piece)) = piece(stream).await
    {
        if of == kind {
            text.push_str(&String::from_utf8_lossy(&piece));
        }
    }
    text
}

struct Input(Records, Uploaded);

impl Input {
    async fn attach(agent: SocketAddr, flat: &str) -> Self {
        let client = Client::new(ClientOptions::default());
        let (records, answer) = client.post_records(&url(agent, "/api/v1"), streaming(true)).await.unwrap();
        let input = Self(records, answer);
        input.record(json!({ "type": "CONTAINER_ID", "container_id": id(flat) })).await;
        input
    }

    async fn record(&self, fields: Value) {
        let call = json!({ "type": "ATTACH_CONTAINER_INPUT", "attach_container_input": fields });
        self.0.send(call.to_string().as_bytes()).await;
    }

    async fn io(&self, io: Value) {
        self.record(json!({ "type": "PROCESS_IO", "process_io": io })).await;
    }

    async fn write(&self, bytes: &[u8]) {
        let io = ProcessIo {
            r#type: Some(tepui_wire_mesos::v1::agent::process_io::Type::Data.into()),
            data: Some(tepui_wire_mesos::v1::agent::process_io::Data {
                r#type: Some(data::Type::Stdin.into()),
                data: Some(bytes.to_vec().into()),
            }),
            control: None,
        };
        self.io(serde_json::from_slice(&ContentType::Json.encode(&io)).unwrap()).await;
    }

    async fn resize(&self, rows: u32, columns: u32) {
        let window_size = json!({ "rows": rows, "columns": columns });
        let control = json!({ "type": "TTY_INFO", "tty_info": { "window_size": window_size } });
        self.io(json!({ "type": "CONTROL", "control": control })).await;
    }

    /// What the agent says in the end.
    async fn answer(self) -> (u16, String) {
        drop(self.0);
        let answer = tokio::time::timeout(PATIENCE, self.1.answer()).await.expect("an answer").unwrap();
        (answer.status.as_u16(), answer.text().into_owned())
    }
}

pub async fn sessions_with_pipes() {
    let work = Work::new();
    let (_master, agent, root) = with_task(&work, "exec sleep 1000", false).await;
    let at = agent.address();
    let first = format!("{root}.first");
    let line = "pwd > where; read line; echo \"$OF_THE_TASK, got $line\" >&2; cat | wc -c; exit 4";
    let mut stream = session(at, &first, line, false).await;
    let input = Input::attach(at, &first).await;
    input.write(b"some line\n").await;
    let got = read(&mut stream, data::Type::Stderr, |text| text.ends_with('\n')).await;
    assert_eq!(got, "yes, got some line\n");
    // Only one at a time.
    let words = "Multiple input connections are not allowed";
    assert_eq!(Input::attach(at, &first).await.answer().await, (409, words.to_owned()));
    input.io(json!({ "type": "CONTROL", "control": { "type": "HEARTBEAT", "heartbeat": {} } })).await;
    for piece in vec![b'x'; 300_000].chunks(60_000) {
        input.write(piece).await;
    }
    input.write(b"").await;
    let out = read(&mut stream, data::Type::Stdout, |_| false).await;
    let sandbox = work.latest("t").canonicalize().unwrap();
    assert_eq!(out, "300000\n");
    assert_eq!(std::fs::read_to_string(sandbox.join("where")).unwrap().trim(), sandbox.to_str().unwrap());
    assert_eq!(input.answer().await, (200, String::new()));
    assert_eq!(status(at, &first).await, 4 << 8);

    // One that has nothing more to say may still have something to do.
    let silent = format!("{root}.silent");
    let mut stream = session(at, &silent, "exec >&- 2>&-; sleep 0.3; exit 6", false).await;
    assert_eq!(piece(&mut stream).await, None);
    assert_eq!(status(at, &silent).await, 6 << 8);

    // Whoever leaves a session ends it.
    let second = format!("{root}.second");
    let mut stream = session(at, &second, "echo $$; exec sleep 1000", false).await;
    let pid = read(&mut stream, data::Type::Stdout, |text| text.ends_with('\n')).await;
    drop(stream);
    assert_eq!(status(at, &second).await, 9);
    assert!(!is_alive(pid.trim().parse().unwrap()));
    agent.stop().await;
}

pub async fn a_slow_reader_slows_its_session_down() {
    let work = Work::new();
    let (_master, agent, root) = with_task(&work, "exec sleep 1000", false).await;
    let at = agent.address();
    let flat = format!("{root}.s");
    // More than all buffers on the way have room for.
    let mut stream = session(at, &flat, "head -c 50000000 /dev/zero; echo done > done", false).await;
    let done = work.latest("t").join("done");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!done.exists(), "it waits for its reader");
    let mut length = 0;
    while let Some((_, piece)) = piece(&mut stream).await {
        length += piece.len();
    }
    assert_eq!(length, 50_000_000);
    assert_eq!(status(at, &flat).await, 0);
    // However slow: nothing is lost when the container has long ended.
    let last = format!("{root}.last");
    let mut stream = session(at, &last, "head -c 4000000 /dev/zero; echo done > really; exit 8", false).await;
    let mut length = 0;
    while length < 1_000_000 {
        length += piece(&mut stream).await.unwrap().1.len();
    }
    while !work.latest("t").join("really").exists() {
        length += piece(&mut stream).await.map_or(0, |(_, piece)| piece.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(status(at, &last).await, 8 << 8);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    while let Some((_, piece)) = piece(&mut stream).await {
        length += piece.len();
    }
    assert_eq!(length, 4_000_000);
    agent.stop().await;
}

pub async fn sessions_with_a_terminal() {
    let work = Work::new();
    let (_master, agent, root) = with_task(&work, "exec sleep 1000", false).await;
    let at = agent.address();
    let flat = format!("{root}.s");
    let line = "tty -s && stty size; while read line; do stty size; echo \"<$line>\"; done";
    let mut stream = session(at, &flat, line, true).await;
    let out = data::Type::Stdout;
    read(&mut stream, out, |text| text.contains("11 22")).await;
    // Another one sees what comes out from now on.
    let mut other = output(at, &call("ATTACH_CONTAINER_OUTPUT", &flat, json!({}))).await.unwrap();
    let input = Input::attach(at, &flat).await;
    input.resize(33, 44).await;
    input.write(b"abc\n").await;
    for stream in [&mut stream, &mut other] {
        let text = read(stream, out, |text| text.contains("<abc>")).await;
        assert!(text.contains("33 44\r\n<abc>"), "{text}");
    }
    // Ctrl-C.
    input.write(b"\x03").await;
    for stream in [&mut stream, &mut other] {
        read(stream, out, |_| false).await;
    }
    assert_eq!(status(at, &flat).await & 0x7f, 2);
    agent.stop().await;
}

pub async fn attaching_to_a_task() {
    let work = Work::new();
    let (_master, agent, root) =
        with_task(&work, "echo before; while [ ! -e go ]; do sleep 0.05; done; echo after; exit 0", false)
            .await;
    let at = agent.address();
    until("its first words", || {
        std::fs::read(work.latest("t").join("stdout")).is_ok_and(|text| !text.is_empty())
    })
    .await;
    let mut stream = output(at, &call("ATTACH_CONTAINER_OUTPUT", &root, json!({}))).await.unwrap();
    let refused = Input::attach(at, &root).await.answer().await;
    assert_eq!(refused, (500, "I/O switchboard server was disabled for this container".to_owned()));
    std::fs::write(work.latest("t").join("go"), "").unwrap();
    assert_eq!(read(&mut stream, data::Type::Stdout, |_| false).await, "after\n", "what came before is over");
    agent.stop().await;

    // One with a terminal, alone: it is written down, too, and outlives the agent.
    let work = Work::new();
    let mut master = Master::start().await;
    let mut first = spawn_agent(&work, &master);
    master.register("S0").await;
    let at = master.agent_address();
    let tty = json!({ "command": { "value": "stty -echo; while read line; do echo \"<$line>\"; done" },
        "container": { "type": "MESOS", "tty_info": {} } });
    assert_eq!(ask(at, &call("LAUNCH_CONTAINER", "alone", tty)).await.status(), 200);
    let input = Input::attach(at, "alone").await;
    input.write(b"one\n").await;
    let log = work.path().join("work/containers/alone/stdout");
    until("its words in the log", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("<one>")))
        .await;
    kill(i32::try_from(first.id()).unwrap());
    first.wait().unwrap();
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    let at = agent.address();
    let mut stream = loop {
        match output(at, &call("ATTACH_CONTAINER_OUTPUT", "alone", json!({}))).await {
            Ok(stream) => break stream,
            Err(ClientError::Refused(answer)) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let input = Input::attach(at, "alone").await;
    input.write(b"two\n").await;
    assert!(read(&mut stream, data::Type::Stdout, |text| text.contains("<two>")).await.contains("<two>"));
    input.write(b"").await;
    assert_eq!(status(at, "alone").await, 0, "nothing is the end of input, which Ctrl-D is for a terminal");
    agent.stop().await;
}

pub async fn containers_that_cannot_be_launched() {
    let work = Work::new();
    let (_master, agent, root) = with_task(&work, "exec sleep 1000", true).await;
    let at = agent.address();
    let table = [
        (
            json!({ "command": { "value": "true", "user": "no-such-user-here" } }),
            "No such user 'no-such-user-here'",
        ),
        (json!({ "command": { "value": "true", "uris": [{ "value": "/no/such/file" }] } }), "/no/such/file"),
        (json!({ "command": { "value": "" } }), "must have a value"),
        (json!({}), "must have a value"),
        (
            json!({ "command": { "value": "true" }, "container": { "type": "DOCKER", "docker": { "image": "x" } } }),
            "not supported",
        ),
    ];
    for (fields, words) in table {
        for flat in [format!("{root}.x"), "alone".to_owned()] {
            let answer = ask(at, &call("LAUNCH_CONTAINER", &flat, fields.clone())).await;
            assert_eq!(answer.status(), 400, "{fields}: {}", answer.text());
            assert!(answer.text().contains(words), "{fields}: {}", answer.text());
            // Nothing is left of it: its id is free.
            assert_eq!(ask(at, &call("WAIT_CONTAINER", &flat, json!({}))).await.status(), 404);
        }
    }
    // A program that is not there is an end like any other, as in Mesos.
    let fields = json!({ "command": { "value": "/no/such/program", "shell": false } });
    let flat = format!("{root}.x");
    assert_eq!(ask(at, &call("LAUNCH_CONTAINER", &flat, fields)).await.status(), 200);
    assert_eq!(status(at, &flat).await, 1 << 8);
    agent.stop().await;
}

pub async fn calls_about_containers_that_are_wrong() {
    let work = Work::new();
    let master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    let at = agent.address();
    let wait = call("WAIT_CONTAINER", "ghost", json!({}));
    let refused = |error: ClientError| match error {
        ClientError::Refused(answer) => (answer.status.as_u16(), answer.text().into_owned()),
        error => panic!("{error}"),
    };
    let stream = output(at, &wait).await.map_err(refused).err();
    let words = "Streaming response is not supported for WAIT_CONTAINER call";
    assert_eq!(stream, Some((406, words.to_owned())));
    let missing =
        output(at, &call("ATTACH_CONTAINER_OUTPUT", "ghost", json!({}))).await.map_err(refused).err();
    assert_eq!(missing, Some((404, "Container ghost cannot be found".to_owned())));
    assert_eq!(
        Input::attach(at, "ghost").await.answer().await,
        (404, "Container ghost cannot be found".to_owned())
    );

    let client = Client::new(ClientOptions::default());
    let (records, answer) = client.post_records(&url(at, "/api/v1"), streaming(true)).await.unwrap();
    records.send(wait.to_string().as_bytes()).await;
    let answer = answer.answer().await.unwrap();
    let words = "Streaming 'Content-Type' application/recordio is not supported for WAIT_CONTAINER call";
    assert_eq!((answer.status.as_u16(), answer.text().as_ref()), (415, words));
    let (records, answer) = client.post_records(&url(at, "/api/v1"), streaming(true)).await.unwrap();
    records.send(b"{nonsense").await;
    assert_eq!(answer.answer().await.unwrap().status.as_u16(), 400);
    agent.stop().await;
}
