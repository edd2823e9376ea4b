//! The operator's calls and events.

use tepui_wire_mesos::{json, v1};

use super::cluster::{AWARE, Cluster, accept, task, update};
use crate::views;

#[test]
fn an_operator_watches() {
    let mut cluster = Cluster::new();
    let watch = cluster.operator(r#"{"type":"SUBSCRIBE"}"#);
    assert_eq!(
        cluster.next(watch),
        r#"{"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[],"unreachable_tasks":[],"completed_tasks":[]},"get_executors":{"executors":[]},"get_frameworks":{"frameworks":[],"completed_frameworks":[]},"get_agents":{"agents":[],"recovered_agents":[]}},"heartbeat_interval_seconds":15.0}}"#
    );
    assert_eq!(cluster.next(watch), r#"{"type":"HEARTBEAT"}"#);
    let agent = cluster.agent(5051);
    assert!(cluster.next(watch).starts_with(r#"{"type":"AGENT_ADDED","agent_added":{"agent":{"agent_info""#));
    let stream = cluster.subscribe(AWARE);
    let added = cluster.next(watch);
    assert!(added.starts_with(r#"{"type":"FRAMEWORK_ADDED""#), "{added}");
    assert!(added.ends_with(
        r#""active":true,"connected":true,"recovered":false,"registered_time":{"nanoseconds":1000000000000},"reregistered_time":{"nanoseconds":1000000000000},"unregistered_time":{"nanoseconds":0}}}}"#
    ), "{added}");
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    assert_eq!(
        cluster.next(watch),
        r#"{"type":"TASK_ADDED","task_added":{"task":{"name":"t","task_id":{"value":"t"},"framework_id":{"value":"M-0000"},"agent_id":{"value":"M-S0"},"state":"TASK_STAGING","resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0},"allocation_info":{"role":"role"}},{"name":"mem","type":"SCALAR","scalar":{"value":32.0},"allocation_info":{"role":"role"}}]}}}"#
    );
    let mut first = update("t", v1::TaskState::TaskRunning, Some(1));
    first.update.latest_state = Some(v1::TaskState::TaskFinished as i32);
    cluster.message(&agent, first.clone());
    let updated = cluster.next(watch);
    // Sent again, it is no news.
    cluster.message(&agent, first);
    assert_eq!(cluster.drain(watch), Vec::<String>::new());
    assert!(updated.contains(r#""state":"TASK_RUNNING""#), "{updated}");
    assert!(updated.ends_with(r#""state":"TASK_FINISHED"}}"#), "{updated}");
    cluster.call(stream, r#"{"type":"TEARDOWN","framework_id":{"value":"M-0000"}}"#);
    assert!(cluster.next(watch).contains("FRAMEWORK_REMOVED"));
    let from =
        cluster.operator(r#"{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"M-S0"}}}"#);
    assert_eq!(cluster.reply(from).0, 200);
    assert_eq!(
        cluster.next(watch),
        r#"{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"M-S0"}}}"#
    );
    cluster.pass(std::time::Duration::from_secs(15));
    assert_eq!(cluster.next(watch), r#"{"type":"HEARTBEAT"}"#);
    cluster.close(watch);
    cluster.pass(std::time::Duration::from_secs(60));
}

#[test]
fn one_operator_too_many_costs_the_oldest() {
    let mut config = super::cluster::config();
    config.max_operator_event_stream_subscribers = 2;
    let mut cluster = Cluster::with(config);
    let streams: Vec<u64> = (0..3).map(|_| cluster.operator(r#"{"type":"SUBSCRIBE"}"#)).collect();
    let closed: Vec<bool> = streams.iter().map(|stream| cluster.streams[stream].closed).collect();
    assert_eq!(closed, [true, false, false]);
}

#[test]
fn calls_that_write() {
    let mut cluster = Cluster::new();
    let stream = cluster.subscribe(AWARE);
    let table = [
        ("{}", 400, "Failed to validate master::Call: Expecting 'type' to be present"),
        (
            r#"{"type":"TEARDOWN"}"#,
            400,
            "Failed to validate master::Call: Expecting 'teardown' to be present",
        ),
        (
            r#"{"type":"TEARDOWN","teardown":{"framework_id":{"value":"x"}}}"#,
            400,
            "No framework found with specified ID",
        ),
        (
            r#"{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"x"}}}"#,
            404,
            "Agent not found",
        ),
        (r#"{"type":"UNKNOWN"}"#, 501, "501 Not Implemented."),
        (r#"{"type":"STOP_MAINTENANCE"}"#, 501, "STOP_MAINTENANCE is not implemented"),
        (r#"{"type":"TEARDOWN","teardown":{"framework_id":{"value":"M-0000"}}}"#, 200, ""),
    ];
    for (call, status, body) in table {
        let from = cluster.operator(call);
        assert_eq!(cluster.reply(from), (status, body.to_owned()), "{call}");
    }
    assert!(cluster.streams[&stream].closed);
}

/// A reader keeps what it has while the master goes on.
#[test]
fn snapshots_do_not_change() {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    let before = cluster.snapshot();
    cluster.message(&agent, update("t", v1::TaskState::TaskRunning, Some(1)));
    assert_eq!(before.frameworks["M-0000"].tasks["t"].state, tepui_model::TaskState::Staging);
    let state = json::to_string(&views::get_state(&cluster.snapshot()));
    assert!(state.contains(
        r#""allocated_resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0},"role":"*","allocation_info":{"role":"role"}}"#
    ), "{state}");
    assert!(state.contains(r#""status_update_state":"TASK_RUNNING""#), "{state}");
    assert!(state.contains(r#""id":{"value":"M-S0"},"checkpoint":"#), "{state}");
    assert_eq!(
        json::to_string(&views::get_roles(&cluster.snapshot())),
        r#"{"type":"GET_ROLES","get_roles":{"roles":[{"name":"role","weight":1.0,"frameworks":[{"value":"M-0000"}],"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":8.0}},{"name":"mem","type":"SCALAR","scalar":{"value":1024.0}}]}]}}"#
    );
    let metrics = views::metrics(&cluster.snapshot());
    assert!((metrics["master/tasks_running"] - 1.0).abs() < 1e-9);
    assert!((metrics["master/cpus_percent"] - 0.125).abs() < 1e-9);
    let why = cluster.master.explain_task(None, "t").unwrap();
    assert_eq!(why.lines().next().unwrap(), "task 't' of framework M-0000 is TASK_RUNNING on agent M-S0");
    assert_eq!(cluster.master.explain_task(None, "x"), None);
}

#[test]
fn an_operator_ends_a_task() {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.take_sent();
    let table = [
        ("M-0000", "t", 202, ""),
        ("M-0000", "x", 404, "Framework 'M-0000' has no task 'x' that could be killed"),
        ("M-0009", "t", 404, "Framework 'M-0009' has no task 't' that could be killed"),
    ];
    for (framework, id, status, words) in table {
        assert_eq!(cluster.kill_task(framework, id), (status, words.to_owned()));
    }
    assert_eq!(cluster.sent_names(), ["KillTask"], "and only for the task that lives");
    cluster.message(&agent, update("t", v1::TaskState::TaskKilled, Some(1)));
    assert_eq!(cluster.kill_task("M-0000", "t").0, 404, "it has ended");
}
