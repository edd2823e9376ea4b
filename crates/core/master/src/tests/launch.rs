//! ACCEPT and DECLINE: what is launched, what is refused with which words, and where resources go.

use std::time::Duration;

use tepui_wire_mesos::Message;

use super::cluster::{AWARE, Cluster, PLAIN, accept, task, task_with};
use crate::Counter;

fn cluster(info: &str) -> (Cluster, u64) {
    let mut cluster = Cluster::new();
    let _agent = cluster.agent(5051);
    let stream = cluster.subscribe(info);
    cluster.drain(stream);
    cluster.take_sent();
    (cluster, stream)
}

fn message_of(event: &str) -> String {
    event.split(r#""message":""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn a_task_is_sent_to_its_agent() {
    let (mut cluster, stream) = cluster(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    let sent = cluster.take_sent();
    let [Message::RunTask(run)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(run.pid.as_deref(), Some("@0.0.0.0:0"));
    assert_eq!(run.launch_executor, Some(true));
    let [version] = run.resource_version_uuids.as_slice() else { panic!("{run:?}") };
    assert_eq!((&version.uuid.value[..], &version.resource_provider_id), (&[1; 16][..], &None));
    assert_eq!(run.framework.id.as_ref().unwrap().value, "M-0000");
    let role =
        |resource: &tepui_wire_mesos::v1::Resource| resource.allocation_info.clone().unwrap().role.unwrap();
    assert_eq!(run.task.resources.iter().map(role).collect::<Vec<_>>(), ["role", "role"]);
    // What is left comes back at once, since the scheduler wants it.
    let offers = cluster.next(stream);
    assert!(offers.contains(r#""name":"cpus","type":"SCALAR","scalar":{"value":7.0}"#), "{offers}");
}

#[test]
fn each_bad_task_gets_its_own_update() {
    let command = r#""command":{"value":"true"}"#;
    let big = task("t").replace(r#"{"value":1}"#, r#"{"value":1000}"#);
    let executor = r#""executor":{"executor_id":{"value":"e"},"command":{"value":"true"}}"#;
    let table = [
        (
            big,
            "Total resources cpus(allocated: role):1000; mem(allocated: role):32 required by task and its executor is \
             more than available ports(allocated: role):[31000-32000]; cpus(allocated: role):8; \
             mem(allocated: role):1024",
        ),
        (
            format!(
                r#"{{"name":"t","task_id":{{"value":"t"}},"agent_id":{{"value":"M-S0"}},"resources":[],{command}}}"#
            ),
            "Task uses no resources",
        ),
        (task("bad/id"), "'bad/id' contains invalid characters"),
        (task(""), "ID must not be empty"),
        (
            task_with("t", &format!("{command},{executor}")),
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        ),
        (
            task_with("t", r#""labels":{"labels":[]}"#),
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        ),
        (task("t").replace("M-S0", "M-S9"), "Task uses invalid agent M-S9 while agent M-S0 is expected"),
        (
            task_with("t", &format!(r#"{command},"kill_policy":{{"grace_period":{{"nanoseconds":-1}}}}"#)),
            "Task's 'kill_policy.grace_period' must be non-negative",
        ),
        (
            task_with("t", r#""executor":{"executor_id":{"value":"e"}}"#),
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor",
        ),
        (
            task_with("t", r#""executor":{"executor_id":{"value":"e/"},"command":{"value":"true"}}"#),
            "'e/' contains invalid characters",
        ),
        (
            task_with(
                "t",
                r#""executor":{"executor_id":{"value":"e"},"framework_id":{"value":"other"},"command":{"value":"x"}}"#,
            ),
            "ExecutorInfo has an invalid FrameworkID (Actual: other vs Expected: M-0000)",
        ),
        (
            task("t").replace(r#"{"value":1}"#, r#"{"value":-1}"#),
            "Task uses invalid resources: Resource 'cpus(allocated: role):-1' is invalid: Invalid scalar resource: \
             value <= 0",
        ),
    ];
    for (task, text) in table {
        let (mut cluster, stream) = cluster(AWARE);
        cluster.call(stream, &accept("M-0000", "M-O0", std::slice::from_ref(&task)));
        let event = cluster.next_but_offers(stream);
        assert!(event.contains(r#""state":"TASK_ERROR""#), "{event}");
        assert!(event.contains(r#""source":"SOURCE_MASTER","reason":"REASON_TASK_INVALID""#), "{event}");
        assert!(!event.contains("uuid"), "it must not be acknowledged: {event}");
        assert_eq!(message_of(&event), text, "{task}");
        assert!(cluster.take_sent().is_empty());
        assert_eq!(cluster.master.counters().get(Counter::TasksError), 1);
    }
}

/// The first of two tasks with one id runs.
#[test]
fn a_task_id_is_used_once() {
    let (mut cluster, stream) = cluster(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("dup"), task("dup"), task("other")]));
    assert_eq!(cluster.sent_names(), ["RunTask", "RunTask"]);
    assert_eq!(
        cluster.next_but_offers(stream),
        r#"{"type":"UPDATE","update":{"status":{"task_id":{"value":"dup"},"state":"TASK_ERROR","message":"Task has duplicate ID: dup","source":"SOURCE_MASTER","reason":"REASON_TASK_INVALID","agent_id":{"value":"M-S0"},"timestamp":1000.0}}}"#
    );
}

#[test]
fn offers_are_used_once() {
    for (info, state) in [(AWARE, "TASK_DROPPED"), (PLAIN, "TASK_LOST")] {
        let (mut cluster, stream) = cluster(info);
        cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
        cluster.drain(stream);
        cluster.take_sent();
        cluster.call(stream, &accept("M-0000", "M-O0", &[task("stale")]));
        assert_eq!(
            cluster.next_but_offers(stream),
            format!(
                r#"{{"type":"UPDATE","update":{{"status":{{"task_id":{{"value":"stale"}},"state":"{state}","message":"Task launched with invalid offers: Offer M-O0 is no longer valid","source":"SOURCE_MASTER","reason":"REASON_INVALID_OFFERS","agent_id":{{"value":"M-S0"}},"timestamp":1000.0}}}}}}"#
            )
        );
        assert!(cluster.take_sent().is_empty());
    }
}

#[test]
fn offers_must_fit_together() {
    let (mut cluster, stream) = cluster(AWARE);
    let _second = cluster.agent(5052);
    let two = |one: &str, other: &str| {
        accept("M-0000", one, &[task("t")]).replace(
            &format!(r#"[{{"value":"{one}"}}]"#),
            &format!(r#"[{{"value":"{one}"}},{{"value":"{other}"}}]"#),
        )
    };
    cluster.drain(stream);
    cluster.call(stream, &two("M-O0", "M-O0"));
    let event = cluster.next_but_offers(stream);
    assert_eq!(message_of(&event), "Task launched with invalid offers: Duplicate offer M-O0 in offer list");
    cluster.drain(stream);
    let offers = cluster.offers();
    cluster.call(stream, &two(&offers[0], &offers[1]));
    let event = cluster.next_but_offers(stream);
    assert!(message_of(&event).contains("Aggregated offers must belong to one single agent."), "{event}");
    cluster.call(stream, &accept("M-0000", "x", &[task("t")]).replace(r#"[{"value":"x"}]"#, "[]"));
    let event = cluster.next_but_offers(stream);
    assert_eq!(message_of(&event), "Task launched with invalid offers: No offers specified");
}

#[test]
fn nobody_accepts_the_offers_of_another() {
    let (mut cluster, _first) = cluster(AWARE);
    let second = cluster.subscribe(AWARE);
    cluster.call(second, &accept("M-0001", "M-O0", &[task("t")]));
    let event = cluster.next_but_offers(second);
    assert_eq!(
        message_of(&event),
        "Task launched with invalid offers: Offer M-O0 has invalid framework M-0000 while framework M-0001 is expected"
    );
    assert_eq!(cluster.offers(), ["M-O0"]);
}

#[test]
fn an_executor_is_counted_once() {
    let (mut cluster, stream) = cluster(AWARE);
    let executor = r#""executor":{"type":"CUSTOM","executor_id":{"value":"e"},"command":{"value":"x"},"resources":[
        {"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]}"#;
    cluster.call(stream, &accept("M-0000", "M-O0", &[task_with("a", executor), task_with("b", executor)]));
    let launch: Vec<_> = cluster
        .take_sent()
        .into_iter()
        .map(|message| match message {
            Message::RunTask(run) => run.launch_executor,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(launch, [Some(true), Some(false)]);
    let offers = cluster.next(stream);
    assert!(offers.contains(r#""scalar":{"value":5.5}"#), "{offers}");
    assert!(offers.contains(r#""executor_ids":[{"value":"e"}]"#), "{offers}");
    // Another executor of the same id is refused.
    let offer = cluster.offers()[0].clone();
    let other = executor.replace(r#""value":"x""#, r#""value":"y""#);
    cluster.call(stream, &accept("M-0000", &offer, &[task_with("c", &other)]));
    assert!(message_of(&cluster.next_but_offers(stream)).starts_with("ExecutorInfo is not compatible"));
}

/// Each task holds what it asked for itself.
#[test]
fn tasks_that_are_not_alike() {
    let (mut cluster, stream) = cluster(AWARE);
    let big = task("big").replace(r#"{"value":1}"#, r#"{"value":3}"#);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("a"), big, task("b")]));
    let framework = cluster.snapshot().frameworks["M-0000"].clone();
    let cpus = framework.tasks.values().map(|task| (task.id.as_str(), task.resources.to_string()));
    let of = |cpus: u8| format!("cpus(allocated: role):{cpus}; mem(allocated: role):32");
    assert!(cpus.eq([("a", of(1)), ("b", of(1)), ("big", of(3))]), "{framework:?}");
    assert!(cluster.next(stream).contains(r#""scalar":{"value":3.0}"#), "and three are left");
}

/// A scheduler that gave its operation an id is told what became of it.
#[test]
fn operations_that_are_not_done_are_reported() {
    let accept = |offer: &str, operation: &str| {
        format!(
            r#"{{"type":"ACCEPT","framework_id":{{"value":"M-0000"}},"accept":{{"offer_ids":[{{"value":"{offer}"}}],
               "operations":[{{"id":{{"value":"op"}},{operation}}}],"filters":{{"refuse_seconds":0}}}}}}"#
        )
    };
    let reserve = r#""type":"RESERVE","reserve":{"resources":[]}"#;
    for (offer, operation, state, words) in [
        ("M-O0", reserve, "OPERATION_ERROR", "Operation RESERVE is not supported by this master"),
        ("M-O0", r#""type":"LAUNCH""#, "OPERATION_ERROR", "Operation LAUNCH is not supported by this master"),
        (
            "M-O0",
            r#""type":"LAUNCH_GROUP""#,
            "OPERATION_ERROR",
            "Operation LAUNCH_GROUP is not supported by this master",
        ),
        (
            "x",
            reserve,
            "OPERATION_DROPPED",
            "Operation attempted with invalid offers: Offer x is no longer valid",
        ),
    ] {
        let (mut cluster, stream) = cluster(AWARE);
        cluster.call(stream, &accept(offer, operation));
        assert_eq!(
            cluster.next_but_offers(stream),
            format!(
                r#"{{"type":"UPDATE_OPERATION_STATUS","update_operation_status":{{"status":{{"operation_id":{{"value":"op"}},"state":"{state}","message":"{words}"}}}}}}"#
            )
        );
    }
    // Tasks are told of one by one, and their operation is not.
    let (mut cluster, stream) = cluster(AWARE);
    let launch = format!(r#""type":"LAUNCH","launch":{{"task_infos":[{}]}}"#, task("t"));
    cluster.call(stream, &accept("x", &launch));
    let events = cluster.drain(stream);
    assert!(matches!(&events[..], [event] if event.contains("TASK_DROPPED")), "{events:?}");
}

#[test]
fn a_declined_offer_comes_back_after_its_filter() {
    let decline = |offer: &str, filters: &str| {
        format!(
            r#"{{"type":"DECLINE","framework_id":{{"value":"M-0000"}},"decline":{{"offer_ids":[{{"value":"{offer}"}}]{filters}}}}}"#
        )
    };
    // The default is 5 s; nothing is shorter than the allocation interval; nonsense is the default.
    for (filters, seconds) in [
        ("", 5.0),
        (r#","filters":{}"#, 5.0),
        (r#","filters":{"refuse_seconds":0}"#, 1.0),
        (r#","filters":{"refuse_seconds":-3}"#, 5.0),
        (r#","filters":{"refuse_seconds":20}"#, 20.0),
    ] {
        let (mut cluster, stream) = cluster(AWARE);
        cluster.call(stream, &decline("M-O0", filters));
        cluster.pass_with_pongs(Duration::from_secs_f64(seconds - 0.1));
        assert!(cluster.offers().is_empty(), "{filters}");
        cluster.pass_with_pongs(Duration::from_secs_f64(0.2));
        assert_eq!(cluster.offers(), ["M-O1"], "{filters}");
    }
    // REVIVE brings it back at once; SUPPRESS keeps it away.
    let (mut cluster, stream) = cluster(AWARE);
    cluster.call(stream, &decline("M-O0", r#","filters":{"refuse_seconds":3600}"#));
    cluster.call(stream, r#"{"type":"REVIVE","framework_id":{"value":"M-0000"}}"#);
    assert_eq!(cluster.offers(), ["M-O1"]);
    cluster.call(stream, r#"{"type":"SUPPRESS","framework_id":{"value":"M-0000"}}"#);
    cluster.call(stream, &decline("M-O1", r#","filters":{"refuse_seconds":0}"#));
    cluster.pass_with_pongs(Duration::from_secs(10));
    assert!(cluster.offers().is_empty());
    let why = cluster.master.explain_framework("M-0000").unwrap().to_string();
    assert!(why.contains("suppressed"), "{why}");
}

#[test]
fn an_offer_may_time_out() {
    let mut config = super::cluster::config();
    config.offer_timeout = Some(Duration::from_secs(3));
    let mut cluster = Cluster::with(config);
    let _agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.drain(stream);
    cluster.pass(Duration::from_secs(3));
    assert_eq!(cluster.next(stream), r#"{"type":"RESCIND","rescind":{"offer_id":{"value":"M-O0"}}}"#);
}
