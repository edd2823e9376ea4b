//! Frameworks: subscribing, failing over, going away, ending; and that nothing is promised too early.

use std::time::Duration;

use super::cluster::{AWARE, Cluster, PLAIN, accept, task};

const AGAIN: &str = r#"{"user":"root","name":"test","id":{"value":"M-0000"},"roles":["role"],"failover_timeout":100.0,
    "checkpoint":true,"capabilities":[{"type":"MULTI_ROLE"},{"type":"PARTITION_AWARE"}]}"#;
const TEARDOWN: &str = r#"{"type":"TEARDOWN","framework_id":{"value":"M-0000"}}"#;

fn subscribe(info: &str) -> String {
    format!(
        r#"{{"type":"SUBSCRIBE","framework_id":{{"value":"M-0000"}},"subscribe":{{"framework_info":{info}}}}}"#
    )
}

#[test]
fn subscribed_then_heartbeats_then_offers() {
    let mut cluster = Cluster::new();
    let _agent = cluster.agent(5051);
    let stream = cluster.begin(
        None,
        None,
        &format!(r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{AWARE}}}}}"#),
    );
    assert_eq!(
        cluster.next(stream),
        r#"{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"M-0000"},"heartbeat_interval_seconds":15.0,"master_info":{"id":"M","ip":16777343,"port":5050,"pid":"master@127.0.0.1:5050","hostname":"127.0.0.1","version":"1.11.0"}}}"#
    );
    assert_eq!(cluster.next(stream), r#"{"type":"HEARTBEAT"}"#);
    assert_eq!(
        cluster.next(stream),
        r#"{"type":"OFFERS","offers":{"offers":[{"id":{"value":"M-O0"},"framework_id":{"value":"M-0000"},"agent_id":{"value":"M-S0"},"hostname":"127.0.0.1","url":{"scheme":"http","address":{"hostname":"127.0.0.1","ip":"127.0.0.1","port":5051},"path":"/slave(1)"},"resources":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000}]},"role":"*","allocation_info":{"role":"role"}},{"name":"cpus","type":"SCALAR","scalar":{"value":8.0},"role":"*","allocation_info":{"role":"role"}},{"name":"mem","type":"SCALAR","scalar":{"value":1024.0},"role":"*","allocation_info":{"role":"role"}}],"allocation_info":{"role":"role"}}]}}"#
    );
    cluster.pass_with_pongs(Duration::from_secs(31));
    assert_eq!(cluster.drain(stream), [r#"{"type":"HEARTBEAT"}"#; 2]);
}

#[test]
fn nothing_is_promised_before_it_is_written() {
    let mut cluster = Cluster::new();
    cluster.hold = true;
    let stream = cluster.begin(
        None,
        None,
        &format!(r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{AWARE}}}}}"#),
    );
    assert!(!cluster.streams.contains_key(&stream));
    assert!(cluster.snapshot().frameworks.is_empty());
    cluster.write();
    assert!(cluster.next(stream).contains("SUBSCRIBED"));

    let id = cluster.streams[&stream].id.clone();
    let teardown = cluster.begin(id.as_deref(), None, TEARDOWN);
    assert!(!cluster.replies.contains_key(&teardown));
    assert!(!cluster.streams[&stream].closed);
    cluster.write();
    assert_eq!(cluster.reply(teardown).0, 202);
    assert!(cluster.streams[&stream].closed);
}

#[test]
fn a_scheduler_that_goes_before_it_is_subscribed() {
    let mut cluster = Cluster::new();
    cluster.hold = true;
    let stream = cluster.begin(
        None,
        None,
        &format!(r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{AWARE}}}}}"#),
    );
    cluster.close(stream);
    cluster.write();
    assert!(!cluster.streams.contains_key(&stream));
    assert!(!cluster.snapshot().frameworks["M-0000"].is_connected());
    cluster.hold = false;
    while !cluster.held.is_empty() {
        cluster.write();
    }
    cluster.pass(Duration::from_secs(101));
    assert!(cluster.snapshot().frameworks.is_empty());
}

#[test]
fn failover_takes_the_stream_over() {
    let mut cluster = Cluster::new();
    let _agent = cluster.agent(5051);
    let first = cluster.subscribe(AWARE);
    let old = cluster.streams[&first].id.clone();
    cluster.drain(first);
    let second = cluster.subscribe(AGAIN);
    assert_eq!(cluster.next(first), r#"{"type":"ERROR","error":{"message":"Framework failed over"}}"#);
    assert!(cluster.streams[&first].closed);
    // The offers of before are gone without a word; there are new ones.
    assert_eq!(cluster.offers(), ["M-O1"]);
    assert!(cluster.next(second).contains("M-O1"));
    let (status, text) =
        cluster.ask(old.as_deref(), r#"{"type":"REVIVE","framework_id":{"value":"M-0000"}}"#);
    assert_eq!(status, 400);
    assert!(
        text.contains("didn't match the stream ID currently associated with framework ID M-0000"),
        "{text}"
    );
    // The end of the old connection is not the end of the framework.
    cluster.close(first);
    assert!(cluster.snapshot().frameworks["M-0000"].is_connected());
}

#[test]
fn a_disconnected_framework_has_its_failover_timeout() {
    let mut cluster = Cluster::new();
    let _agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.take_sent();
    cluster.close(stream);
    assert!(cluster.offers().is_empty());
    cluster.pass_with_pongs(Duration::from_secs(99));
    let stream = cluster.subscribe(AGAIN);
    assert!(cluster.snapshot().frameworks["M-0000"].tasks.contains_key("t"));
    cluster.close(stream);
    cluster.sent_names();
    cluster.pass_with_pongs(Duration::from_secs(101));
    assert!(cluster.snapshot().frameworks.is_empty());
    assert_eq!(cluster.sent_names(), ["ShutdownFramework"]);
    let from = cluster.begin(None, None, &subscribe(AGAIN));
    assert_eq!(cluster.next(from), r#"{"type":"ERROR","error":{"message":"Framework has been removed"}}"#);
    assert!(cluster.streams[&from].closed);
}

#[test]
fn without_a_failover_timeout_it_ends_at_once() {
    let mut cluster = Cluster::new();
    let stream = cluster.subscribe(r#"{"user":"u","name":"f0"}"#);
    cluster.close(stream);
    cluster.pass(Duration::ZERO);
    assert!(cluster.snapshot().frameworks.is_empty());
    assert_eq!(cluster.snapshot().completed_frameworks.len(), 1);
}

#[test]
fn teardown_ends_everything() {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.sent_names();
    cluster.drain(stream);
    cluster.call(stream, TEARDOWN);
    assert_eq!(cluster.drain(stream), Vec::<String>::new());
    assert!(cluster.streams[&stream].closed);
    assert_eq!(cluster.sent_names(), ["ShutdownFramework"]);
    let id = cluster.streams[&stream].id.clone();
    assert_eq!(cluster.ask(id.as_deref(), TEARDOWN), (400, "Framework cannot be found".to_owned()));
    let completed = cluster.snapshot().completed_frameworks[0].clone();
    assert_eq!(completed.completed_tasks[0].state, tepui_model::TaskState::Killed);

    // The agent did not hear of it: it hears of it again.
    let mut left = completed.completed_tasks[0].to_wire();
    left.state = tepui_model::TaskState::Running.number();
    cluster.lose(&agent);
    cluster.message(&agent, super::cluster::reregister("M-S0", &[&completed.info], vec![left]));
    assert_eq!(cluster.sent_names(), ["SlaveReregistered", "ShutdownFramework"]);
}

#[test]
fn what_may_change_and_what_not() {
    let mut cluster = Cluster::new();
    let stream = cluster.subscribe(AWARE);
    let id = cluster.streams[&stream].id.clone();
    let update = |info: String| {
        format!(
            r#"{{"type":"UPDATE_FRAMEWORK","framework_id":{{"value":"M-0000"}},"update_framework":{{"framework_info":{info}}}}}"#
        )
    };
    let renamed = AGAIN.replace(r#""test""#, r#""renamed""#);
    assert_eq!(cluster.ask(id.as_deref(), &update(renamed)), (200, String::new()));
    assert_eq!(cluster.snapshot().frameworks["M-0000"].info.name, "renamed");
    for changed in [
        AGAIN.replace(r#""checkpoint":true"#, r#""checkpoint":false"#),
        AGAIN.replace(r#""root""#, r#""other""#),
        AGAIN.replace(r#""user""#, r#""principal":"p","user""#),
    ] {
        assert_eq!(cluster.ask(id.as_deref(), &update(changed)).0, 400);
    }
    // A new subscription keeps user and checkpoint silently, and does not get away with another principal.
    let second = cluster.subscribe(&AGAIN.replace(r#""root""#, r#""other""#));
    assert_eq!(cluster.snapshot().frameworks["M-0000"].info.user, "root");
    let from =
        cluster.begin(None, None, &subscribe(&AGAIN.replace(r#""user""#, r#""principal":"p","user""#)));
    assert!(cluster.next(from).contains("Changing framework's principal is not allowed."));
    assert!(!cluster.streams[&second].closed);
}

#[test]
fn a_new_master_knows_the_frameworks_of_the_old_one() {
    let mut cluster = Cluster::new();
    let stays = cluster.subscribe(PLAIN);
    let goes = cluster.subscribe(AWARE);
    let ends = cluster.subscribe(AWARE);
    cluster.close(goes);
    cluster.call(ends, r#"{"type":"TEARDOWN","framework_id":{"value":"M-0002"}}"#);
    let _ = stays;
    cluster.pass(Duration::from_secs(60));
    cluster.restart("N");

    let from =
        cluster.begin(None, None, &subscribe(&AGAIN.replace("M-0000", "M-0002")).replace("M-0000", "M-0002"));
    assert!(cluster.next(from).contains("Framework has been removed"));
    // 60 of the 100 seconds of the one that was away are over; the other's begin now, and are at least as long
    // as agents have.
    cluster.pass(Duration::from_secs(41));
    assert_eq!(cluster.snapshot().frameworks.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["M-0000"]);
    let stream = cluster.subscribe(&AGAIN.replace(r#""checkpoint":true"#, r#""checkpoint":false"#));
    assert!(cluster.streams[&stream].id.is_some());
    // Ids begin with the new master's.
    cluster.subscribe(AWARE);
    assert!(cluster.snapshot().frameworks.contains_key("N-0000"));
}

#[test]
fn only_so_many_ended_frameworks_are_remembered() {
    let mut config = super::cluster::config();
    config.max_completed_frameworks = 2;
    let mut cluster = Cluster::with(config);
    for number in 0..4 {
        let stream = cluster.subscribe(AWARE);
        cluster.call(stream, &format!(r#"{{"type":"TEARDOWN","framework_id":{{"value":"M-000{number}"}}}}"#));
    }
    assert_eq!(cluster.disk.keys().collect::<Vec<_>>(), ["frameworks/M-0002", "frameworks/M-0003", "master"]);
}

/// Whatever happens while the end of a framework is being written, it stays ended.
#[test]
fn an_end_under_way_is_an_end() {
    let mut cluster = Cluster::new();
    let stream = cluster.subscribe(AWARE);
    let id = cluster.streams[&stream].id.clone();
    cluster.hold = true;
    cluster.begin(id.as_deref(), None, TEARDOWN);
    let update = format!(
        r#"{{"type":"UPDATE_FRAMEWORK","framework_id":{{"value":"M-0000"}},"update_framework":{{"framework_info":{AGAIN}}}}}"#
    );
    assert_eq!(cluster.ask(id.as_deref(), &update), (400, "Framework cannot be found".to_owned()));
    let from = cluster.begin(None, None, &subscribe(AGAIN));
    assert!(cluster.next(from).contains("Framework has been removed"));
    cluster.close(stream);
    assert_eq!(cluster.held.len(), 1, "nothing is written after the end");
    cluster.write();
    cluster.restart("N");
    let from = cluster.begin(None, None, &subscribe(AGAIN));
    assert!(cluster.next(from).contains("Framework has been removed"));
}

/// The old scheduler goes while the new one is being written: the framework is not taken for abandoned.
#[test]
fn a_failover_that_crosses_a_disconnection() {
    let mut cluster = Cluster::new();
    let first = cluster.subscribe(AWARE);
    cluster.hold = true;
    let second = cluster.begin(None, None, &subscribe(AGAIN));
    cluster.close(first);
    while !cluster.held.is_empty() {
        cluster.write();
    }
    assert!(cluster.next(second).contains("SUBSCRIBED"));
    cluster.hold = false;
    cluster.pass(Duration::from_secs(200));
    cluster.restart("N");
    cluster.pass(Duration::from_secs(60));
    assert!(cluster.snapshot().frameworks.contains_key("M-0000"), "its time begins with the new master");
}
