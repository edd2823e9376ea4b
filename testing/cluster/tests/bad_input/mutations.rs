//! Valid messages, changed at random: whatever they say now, master and agent live on and answer.

use std::time::Duration;

use cluster::{dice::Dice, mutation};
use conformance::{
    Outcome,
    http::Connection,
    process::{in_yard, remark},
};
use serde_json::{Value, json};
use tepui_wire_mesos::{ContentType, Message, internal, json as mesos_json, v1};
use tepui_wire_protobuf::Described;

use crate::harness::{Framework, LIMIT, Site, raw_post, subscribe_call};

/// How many: 1,000, or what `CLUSTER_MUTATIONS` says. `CLUSTER_SEED` repeats them.
fn mutations() -> usize {
    std::env::var("CLUSTER_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000)
}

/// A valid request, before it is changed.
struct Sample {
    port: u16,
    path: String,
    headers: String,
    body: Body,
}

enum Body {
    Json(Value),
    Protobuf(Vec<u8>),
}

/// Both encodings of a call.
fn both<M: Described>(port: u16, path: &str, headers: &str, call: Value) -> Outcome<[Sample; 2]> {
    let message: M = mesos_json::from_slice(call.to_string().as_bytes())
        .map_err(|error| format!("a sample that is not valid: {error} in {call}"))?;
    let binary = ContentType::Protobuf.encode(&message).to_vec();
    let sample = |body| Sample { port, path: path.to_owned(), headers: headers.to_owned(), body };
    Ok([sample(Body::Json(call)), sample(Body::Protobuf(binary))])
}

fn scheduler_calls(framework: &Framework, agent: &str, offer: &str) -> Vec<Value> {
    let id = json!({"value": framework.id});
    let task = json!({
        "name": "t", "task_id": {"value": "t"}, "agent_id": {"value": agent},
        "labels": {"labels": [{"key": "k", "value": "v"}]},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}, "allocation_info": {"role": "*"}},
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}]}}],
        // Nothing may run: what this command is changed into is anybody's guess.
        "executor": {"type": "CUSTOM", "executor_id": {"value": "e"}, "framework_id": {"value": "another"},
            "command": {"value": "true"}}
    });
    vec![
        subscribe_call("mutant"),
        json!({"type": "ACCEPT", "framework_id": id, "accept": {"offer_ids": [{"value": "no such offer"}],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
            "filters": {"refuse_seconds": 1.5}}}),
        json!({"type": "DECLINE", "framework_id": id, "decline": {"offer_ids": [{"value": offer}],
            "filters": {"refuse_seconds": 0.1}}}),
        json!({"type": "REVIVE", "framework_id": id, "revive": {"roles": ["*"]}}),
        json!({"type": "SUPPRESS", "framework_id": id, "suppress": {"roles": ["*"]}}),
        json!({"type": "KILL", "framework_id": id, "kill": {"task_id": {"value": "t"}, "agent_id": {"value": agent},
            "kill_policy": {"grace_period": {"nanoseconds": 1_000_000}}}}),
        json!({"type": "SHUTDOWN", "framework_id": id,
            "shutdown": {"executor_id": {"value": "e"}, "agent_id": {"value": agent}}}),
        json!({"type": "ACKNOWLEDGE", "framework_id": id, "acknowledge": {"agent_id": {"value": agent},
            "task_id": {"value": "t"}, "uuid": "AAECAwQFBgcICQoLDA0ODw=="}}),
        json!({"type": "RECONCILE", "framework_id": id, "reconcile": {"tasks": [{"task_id": {"value": "t"}}]}}),
        json!({"type": "MESSAGE", "framework_id": id, "message": {"agent_id": {"value": agent},
            "executor_id": {"value": "e"}, "data": "aGVsbG8="}}),
        json!({"type": "REQUEST", "framework_id": id, "request": {"requests": [{"agent_id": {"value": agent}}]}}),
    ]
}

fn executor_calls() -> Vec<Value> {
    let (framework, executor) = (json!({"value": "f"}), json!({"value": "e"}));
    let status = json!({"task_id": {"value": "t"}, "state": "TASK_RUNNING", "source": "SOURCE_EXECUTOR",
        "uuid": "AAECAwQFBgcICQoLDA0ODw==", "timestamp": 1.5});
    vec![
        json!({"type": "SUBSCRIBE", "framework_id": framework, "executor_id": executor,
            "subscribe": {"unacknowledged_tasks": [], "unacknowledged_updates": [{"status": status}]}}),
        json!({"type": "UPDATE", "framework_id": framework, "executor_id": executor, "update": {"status": status}}),
        json!({"type": "MESSAGE", "framework_id": framework, "executor_id": executor,
            "message": {"data": "aGVsbG8="}}),
    ]
}

/// Messages as from a master that is not the agent's own, and from an agent that there is not: to be ignored.
fn agent_protocol(site: &Site) -> Outcome<Vec<Sample>> {
    fn message<M: Described + Into<Message>>(port: u16, to: &str, body: Value) -> Outcome<Sample> {
        let message: M = mesos_json::from_slice(body.to_string().as_bytes())
            .map_err(|error| format!("a sample that is not valid: {error} in {body}"))?;
        let message: Message = message.into();
        let path = format!("/{to}/{}", message.name());
        let headers = "Libprocess-From: somebody@127.0.0.1:1\r\n".to_owned();
        Ok(Sample { port, path, headers, body: Body::Protobuf(message.encode().to_vec()) })
    }
    let (master, agent) = (site.master.port, site.agent.port);
    let status = json!({"framework_id": {"value": "f"}, "status": {"task_id": {"value": "t"},
        "state": "TASK_RUNNING"}, "timestamp": 1.0, "uuid": "AAECAwQFBgcICQoLDA0ODw=="});
    let to_master = "master";
    let to_agent = "slave(1)";
    Ok(vec![
        message::<internal::RegisterSlaveMessage>(
            master,
            to_master,
            json!({"slave": {"hostname": "nobody", "resources": [{"name": "cpus", "type": "SCALAR",
                "scalar": {"value": 1.0}, "role": "*"}]}, "version": "1.11.0"}),
        )?,
        message::<internal::StatusUpdateMessage>(master, to_master, json!({"update": status, "pid": ""}))?,
        message::<internal::PingSlaveMessage>(agent, to_agent, json!({"connected": true}))?,
        message::<internal::KillTaskMessage>(
            agent,
            to_agent,
            json!({"framework_id": {"value": "f"}, "task_id": {"value": "t"}}),
        )?,
        message::<internal::StatusUpdateAcknowledgementMessage>(
            agent,
            to_agent,
            json!({"slave_id": {"value": "s"}, "framework_id": {"value": "f"}, "task_id": {"value": "t"},
                "uuid": "AAECAwQFBgcICQoLDA0ODw=="}),
        )?,
    ])
}

fn samples(site: &Site, framework: &Framework, agent: &str, offer: &str) -> Outcome<Vec<Sample>> {
    let (master, port) = (site.master.port, site.agent.port);
    let mut samples = agent_protocol(site)?;
    let stream = format!("Mesos-Stream-Id: {}\r\n", framework.stream_id);
    for call in scheduler_calls(framework, agent, offer) {
        let headers = if call["type"] == "SUBSCRIBE" { "" } else { &stream };
        samples.extend(both::<v1::scheduler::Call>(master, "/api/v1/scheduler", headers, call)?);
    }
    for call in executor_calls() {
        samples.extend(both::<v1::executor::Call>(port, "/slave(1)/api/v1/executor", "", call)?);
    }
    for kind in ["GET_HEALTH", "GET_FLAGS", "GET_STATE", "GET_METRICS", "GET_AGENTS", "SUBSCRIBE"] {
        let call = json!({"type": kind, "get_metrics": {"timeout": {"nanoseconds": 5}}});
        samples.extend(both::<v1::master::Call>(master, "/api/v1", "", call)?);
    }
    let teardown = json!({"type": "TEARDOWN", "teardown": {"framework_id": {"value": "nobody"}}});
    samples.extend(both::<v1::master::Call>(master, "/api/v1", "", teardown)?);
    for call in [
        json!({"type": "GET_STATE"}),
        json!({"type": "GET_CONTAINERS", "get_containers": {"show_nested": true}}),
        json!({"type": "LIST_FILES", "list_files": {"path": "/slave/log"}}),
        json!({"type": "READ_FILE", "read_file": {"path": "/slave/log", "offset": 3, "length": 9}}),
    ] {
        samples.extend(both::<v1::agent::Call>(port, "/api/v1", "", call)?);
    }
    Ok(samples)
}

/// Sends a changed sample; gives the status code of the answer, which there must be.
fn send(dice: &mut Dice, sample: &Sample) -> Outcome<u16> {
    let (mime, body) = match &sample.body {
        Body::Json(value) if dice.below(2) == 0 => {
            ("application/json", mutation::of_json(dice, value).to_string().into_bytes())
        }
        Body::Json(value) => ("application/json", mutation::of_bytes(dice, value.to_string().as_bytes())),
        Body::Protobuf(bytes) => ("application/x-protobuf", mutation::of_bytes(dice, bytes)),
    };
    let mut connection = Connection::open(sample.port)?;
    connection.send(&raw_post(&sample.path, Some(mime), &sample.headers, &body))?;
    let what = || format!("{} {:?}", sample.path, String::from_utf8_lossy(&body));
    let head = match connection.into_stream(LIMIT).map_err(|error| format!("{}: {error}", what()))? {
        Ok(stream) => stream.head,
        Err(response) => response,
    };
    match head.code() {
        code @ (200..=299 | 400..=499 | 501 | 503) => Ok(code),
        _ => Err(format!("{} was answered with {head:?}", what()).into()),
    }
}

#[test]
fn a_thousand_mutated_messages_do_no_harm() {
    in_yard(|yard| {
        let mut dice = Dice::for_test("mutations");
        let mut site = Site::start(yard)?;
        let mut framework = Framework::subscribe(site.master.port, "victim")?;
        let offer = framework.event("OFFERS")?["offers"]["offers"][0].clone();
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let samples = samples(&site, &framework, &text(&offer["agent_id"]), &text(&offer["id"]))?;
        let mut codes = std::collections::BTreeMap::new();
        for round in 0..mutations() {
            let sample = dice.pick(&samples).ok_or("no samples")?;
            *codes.entry(send(&mut dice, sample)?).or_insert(0) += 1;
            if round % 50 == 0 {
                site.is_well()?;
            }
        }
        remark(&format!("answers: {codes:?}"));
        assert!(codes.get(&400).is_some_and(|count| *count > mutations() / 10), "few were wrong: {codes:?}");
        drop(framework);
        // Nothing that was said may keep the next framework from its work.
        site.works()?;
        // The stream of a subscription that went well ends with its connection, not some time later.
        let _ = Framework::subscribe(site.master.port, "the last")?.stream.next(Duration::from_millis(1))?;
        site.is_well()
    });
}
