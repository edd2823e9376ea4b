//! A whole master between a scheduler and an agent that this test plays.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says why")]

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tepui_libprocess::{Exited, IncomingMessage, LinkOptions, Links, Messages};
use tepui_master::{MasterServer, Options};
use tepui_transport::{Call, Client, RecordStream, Router, ServerOptions, Url, serve};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    ContentType, Message,
    internal::{self, RegisterSlaveMessage, SlaveInfo},
    v1::{self, agent_info::capability::Type as Capability, value::Type},
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(10);

struct Agent {
    links: Links,
    master: Upid,
    messages: mpsc::Receiver<IncomingMessage>,
    _exited: mpsc::Receiver<Exited>,
    shutdown: CancellationToken,
    port: u16,
}

impl Agent {
    async fn start(master: &MasterServer) -> Self {
        let (inbox, messages) = mpsc::channel(100);
        let inbox = move |id: &str| (id == "slave(1)").then(|| inbox.clone());
        let handler = Messages::new(inbox, Arc::new(Router::new("slave(1)")));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listener, ServerOptions::default(), Arc::new(handler), shutdown.clone()));
        let (exited, ended) = mpsc::channel(10);
        let links = Links::new(address, exited, LinkOptions::default());
        let master = Upid { id: "master".to_owned(), address: master.address() };
        Self { links, master, messages, _exited: ended, shutdown, port: address.port() }
    }

    fn send(&self, message: impl Into<Message>) {
        self.links.send("slave(1)", &self.master, message.into());
    }

    /// The next message that is not a ping; pings are answered.
    async fn receive(&mut self) -> Message {
        loop {
            let IncomingMessage { from, message, .. } =
                timeout(SOON, self.messages.recv()).await.unwrap().expect("the master goes on");
            match message {
                Message::PingSlave(_) => {
                    self.links.send("slave(1)", &from, internal::PongSlaveMessage::default().into());
                }
                other => return other,
            }
        }
    }

    fn register(&self) {
        let scalar = |name: &str, value: f64| v1::Resource {
            name: name.to_owned(),
            r#type: Type::Scalar as i32,
            scalar: Some(v1::value::Scalar { value }),
            ..v1::Resource::default()
        };
        let ports = v1::Resource {
            name: "ports".to_owned(),
            r#type: Type::Ranges as i32,
            ranges: Some(v1::value::Ranges { range: vec![v1::value::Range { begin: 31000, end: 32000 }] }),
            ..v1::Resource::default()
        };
        let rack = v1::Attribute {
            name: "rack".to_owned(),
            r#type: Type::Text as i32,
            text: Some(v1::value::Text { value: "r1".to_owned() }),
            ..v1::Attribute::default()
        };
        // Without these it would not be offered to frameworks with roles of their own.
        let capabilities = [
            Capability::MultiRole,
            Capability::HierarchicalRole,
            Capability::ReservationRefinement,
            Capability::AgentDraining,
        ];
        let capability = |kind: Capability| v1::agent_info::Capability { r#type: Some(kind as i32) };
        self.send(RegisterSlaveMessage {
            agent_capabilities: capabilities.into_iter().map(capability).collect(),
            slave: SlaveInfo {
                hostname: "127.0.0.1".to_owned(),
                port: Some(i32::from(self.port)),
                resources: vec![scalar("cpus", 8.0), scalar("mem", 16384.0), scalar("disk", 10240.0), ports],
                attributes: vec![rack],
                checkpoint: Some(true),
                ..SlaveInfo::default()
            },
            version: Some("1.11.0".to_owned()),
            ..RegisterSlaveMessage::default()
        });
    }
}

struct Scheduler {
    stream: RecordStream,
    url: Url,
    framework: String,
}

impl Scheduler {
    async fn start(master: &MasterServer) -> Self {
        let url = Url::new("127.0.0.1", master.address().port(), "/api/v1/scheduler");
        let info = json!({ "user": "root", "name": "test", "roles": ["test"], "capabilities": [{"type": "MULTI_ROLE"}] });
        let subscribe = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info } });
        let call = Call::message(ContentType::Json, subscribe.to_string());
        let stream = Client::default().post_stream(&url, call).await.unwrap();
        let mut scheduler = Self { stream, url, framework: String::new() };
        let subscribed = scheduler.event("SUBSCRIBED").await;
        scheduler.framework = subscribed["framework_id"]["value"].as_str().unwrap().to_owned();
        scheduler
    }

    /// The payload of the next event of this type; heartbeats are passed over.
    async fn event(&mut self, kind: &str) -> Value {
        loop {
            let record =
                timeout(SOON, self.stream.next()).await.expect(kind).unwrap().expect("the stream goes on");
            let mut event: Value = serde_json::from_slice(&record).unwrap();
            match event["type"].as_str().unwrap() {
                "HEARTBEAT" => {}
                found => {
                    assert_eq!(found, kind, "{event}");
                    return event[kind.to_lowercase()].take();
                }
            }
        }
    }

    async fn call(&self, kind: &str, payload: Value) {
        let mut call = json!({ "type": kind, "framework_id": { "value": self.framework } });
        call[kind.to_lowercase()] = payload;
        let call = Call::message(ContentType::Json, call.to_string());
        let id = self.stream.stream_id().unwrap();
        let answer = Client::default().post(&self.url, call.stream_id(id)).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text().as_ref()), (202, ""));
    }
}

async fn get(master: &MasterServer, path: &str) -> Value {
    let url = Url::new("127.0.0.1", master.address().port(), path);
    let answer = Client::default().get(&url).await.unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

fn members(value: &Value) -> String {
    value.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_task_goes_its_way() {
    let master = MasterServer::start(Options::ephemeral()).await.unwrap();
    let mut agent = Agent::start(&master).await;
    agent.register();
    let Message::SlaveRegistered(registered) = agent.receive().await else { panic!("not registered") };
    let agent_id = registered.slave_id.value.clone();
    assert_eq!(agent_id, format!("{}-S0", master.info().id));

    let mut scheduler = Scheduler::start(&master).await;
    let offers = scheduler.event("OFFERS").await;
    let offer = &offers["offers"][0];
    assert_eq!(offer["agent_id"]["value"], agent_id);
    assert_eq!(offer["url"]["path"], "/slave(1)");
    let scalar =
        |name: &str, value: f64| json!({ "name": name, "type": "SCALAR", "scalar": { "value": value } });
    let task = json!({
        "name": "t", "task_id": { "value": "t" }, "agent_id": { "value": agent_id },
        "resources": [scalar("cpus", 0.5), scalar("mem", 64.0)], "command": { "value": "true" },
    });
    let operations = json!([{ "type": "LAUNCH", "launch": { "task_infos": [task] } }]);
    scheduler.call("ACCEPT", json!({ "offer_ids": [offer["id"]], "operations": operations })).await;
    let Message::RunTask(run) = agent.receive().await else { panic!("no task") };
    assert_eq!(run.task.task_id.value, "t");

    let uuid = vec![1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16];
    agent.send(internal::StatusUpdateMessage {
        update: internal::StatusUpdate {
            framework_id: v1::FrameworkId { value: scheduler.framework.clone() },
            slave_id: Some(v1::AgentId { value: agent_id.clone() }),
            status: v1::TaskStatus {
                task_id: v1::TaskId { value: "t".to_owned() },
                state: v1::TaskState::TaskRunning as i32,
                source: Some(v1::task_status::Source::Executor as i32),
                agent_id: Some(v1::AgentId { value: agent_id.clone() }),
                timestamp: Some(1.5),
                uuid: Some(uuid.clone().into()),
                ..v1::TaskStatus::default()
            },
            timestamp: 1.5,
            uuid: Some(uuid.clone().into()),
            latest_state: Some(v1::TaskState::TaskRunning as i32),
            ..internal::StatusUpdate::default()
        },
        pid: Some(format!("slave(1)@127.0.0.1:{}", agent.port)),
    });
    let update = scheduler.event("UPDATE").await;
    assert_eq!(update["status"]["state"], "TASK_RUNNING");
    let acknowledge = json!({
        "agent_id": { "value": agent_id }, "task_id": { "value": "t" }, "uuid": update["status"]["uuid"],
    });
    scheduler.call("ACKNOWLEDGE", acknowledge).await;
    let Message::StatusUpdateAcknowledgement(acknowledged) = agent.receive().await else {
        panic!("not acknowledged")
    };
    assert_eq!(acknowledged.uuid, uuid);

    shows(&master, &agent_id, &scheduler.framework).await;

    // An agent whose connection breaks is not offered any more.
    agent.shutdown.cancel();
    drop(agent);
    timeout(SOON, async {
        while get(&master, "/slaves").await["slaves"][0]["active"] == true {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the end of the agent is noticed");
    master.shutdown().await.unwrap();
}

/// As it was recorded of a Mesos master: the same call, and what it showed after that.
#[tokio::test]
async fn a_drained_agent_is_shown() {
    let master = MasterServer::start(Options::ephemeral()).await.unwrap();
    let mut agent = Agent::start(&master).await;
    agent.register();
    let Message::SlaveRegistered(registered) = agent.receive().await else { panic!("not registered") };
    let id = json!({ "value": registered.slave_id.value });
    let url = Url::new("127.0.0.1", master.address().port(), "/api/v1");
    let operate = async |call: Value| {
        Client::default().post(&url, Call::message(ContentType::Json, call.to_string())).await.unwrap()
    };
    // Not a field of that message: Mesos takes it for nothing.
    let drain = json!({ "agent_id": id, "max_grace_period": { "nanoseconds": 1_000_000_000 } });
    let answer = operate(json!({ "type": "DRAIN_AGENT", "drain_agent": drain })).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_ref()), (200, ""));
    let Message::DrainSlave(drain) = agent.receive().await else { panic!("not drained") };
    assert_eq!(drain.config.max_grace_period.unwrap().nanoseconds, 0);

    let info = json!({ "state": "DRAINED", "config": { "max_grace_period": { "nanoseconds": 0 }, "mark_gone": false } });
    let slave = timeout(SOON, async {
        loop {
            let slave = get(&master, "/slaves").await["slaves"][0].take();
            if slave["drain_info"] == info {
                return slave;
            }
        }
    });
    let slave = slave.await.expect("nothing runs there");
    assert!(
        members(&slave)
            .contains("capabilities drain_info estimated_drain_start_time_seconds reserved_resources_full"),
        "{slave}"
    );
    assert_eq!((&slave["active"], &slave["deactivated"]), (&json!(false), &json!(true)));
    let answer = operate(json!({ "type": "GET_AGENTS" })).await;
    let agents: Value = serde_json::from_str(&answer.text()).unwrap();
    let shown = &agents["get_agents"]["agents"][0];
    assert_eq!((&shown["drain_info"], &shown["deactivated"]), (&info, &json!(true)));
    let started = shown["estimated_drain_start_time"]["nanoseconds"].as_u64().unwrap();
    assert_eq!(started % 1_000_000_000, 0);
    let seconds = slave["estimated_drain_start_time_seconds"].as_f64().unwrap();
    assert_eq!(Duration::from_secs_f64(seconds).as_secs(), started / 1_000_000_000);

    let answer = operate(json!({ "type": "REACTIVATE_AGENT", "reactivate_agent": { "agent_id": id } })).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_ref()), (200, ""));
    let slave = get(&master, "/slaves").await["slaves"][0].take();
    assert_eq!((&slave["active"], &slave["drain_info"]), (&json!(true), &Value::Null));
    master.shutdown().await.unwrap();
}

/// The old endpoints show the agent, the framework and the task, field by field.
async fn shows(master: &MasterServer, agent_id: &str, framework: &str) {
    let used = json!({ "disk": 0.0, "mem": 64.0, "gpus": 0.0, "cpus": 0.5 });
    let total =
        json!({ "disk": 10240.0, "mem": 16384.0, "gpus": 0.0, "cpus": 8.0, "ports": "[31000-32000]" });
    let state = get(master, "/state").await;
    let slave = &state["slaves"][0];
    assert_eq!(
        members(slave),
        "id hostname port attributes pid registered_time resources used_resources offered_resources \
         reserved_resources unreserved_resources active deactivated version capabilities"
    );
    assert_eq!((&slave["id"], &slave["resources"]), (&json!(agent_id), &total));
    assert_eq!((&slave["used_resources"], &slave["unreserved_resources"]), (&used, &total));
    assert_eq!(slave["attributes"], json!({ "rack": "r1" }));
    let shown = &state["frameworks"][0];
    assert_eq!((&shown["id"], &shown["used_resources"]), (&json!(framework), &used));
    assert_eq!(shown["roles"], json!(["test"]));
    let task = &shown["tasks"][0];
    assert_eq!(members(task), "id name framework_id executor_id slave_id state resources role statuses");
    assert_eq!(
        (&task["executor_id"], &task["state"], &task["role"]),
        (&json!(""), &json!("TASK_RUNNING"), &json!("test"))
    );
    assert_eq!(task["statuses"], json!([{ "state": "TASK_RUNNING", "timestamp": 1.5 }]));
    assert_eq!(state["activated_slaves"], 1.0);

    let slaves = get(master, &format!("/slaves?slave_id={agent_id}")).await;
    let full = members(&slaves["slaves"][0]);
    assert!(
        full.ends_with(
            "reserved_resources_full unreserved_resources_full used_resources_full offered_resources_full"
        ),
        "{full}"
    );
    let cpus = json!({
        "name": "cpus", "type": "SCALAR", "scalar": { "value": 0.5 }, "role": "*", "allocation_info": { "role": "test" },
    });
    assert_eq!(slaves["slaves"][0]["used_resources_full"][0], cpus);
    assert_eq!(get(master, "/slaves?slave_id=ghost").await["slaves"], json!([]));

    let summary = get(master, "/state-summary").await;
    assert_eq!(
        (&summary["slaves"][0]["TASK_RUNNING"], &summary["frameworks"][0]["TASK_RUNNING"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(summary["slaves"][0]["framework_ids"], json!([framework]));
    assert_eq!(summary["frameworks"][0]["slave_ids"], json!([agent_id]));
    let roles = get(master, "/roles").await;
    assert_eq!(roles["roles"][0]["allocated"], json!({ "cpus": 0.5, "mem": 64.0 }));
    let tasks = get(master, "/tasks?task_id=t").await;
    assert_eq!(tasks["tasks"][0]["id"], "t");
    assert_eq!(get(master, "/tasks?framework_id=ghost").await["tasks"], json!([]));
    assert_eq!(get(master, "/metrics/snapshot").await["master/tasks_running"], 1.0);
}
