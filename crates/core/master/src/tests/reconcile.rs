//! RECONCILE and KILL: what the master knows, in the order in which it looks.

use std::time::Duration;

use tepui_wire_mesos::{Message, v1::TaskState};

use super::cluster::{AWARE, Cluster, PLAIN, accept, task, update};

fn reconcile(task: &str, agent: Option<&str>) -> String {
    let agent = agent.map_or(String::new(), |agent| format!(r#","agent_id":{{"value":"{agent}"}}"#));
    format!(
        r#"{{"type":"RECONCILE","framework_id":{{"value":"M-0000"}},"reconcile":{{"tasks":[{{"task_id":{{"value":"{task}"}}{agent}}}]}}}}"#
    )
}

fn kill(task: &str, agent: Option<&str>) -> String {
    let agent = agent.map_or(String::new(), |agent| format!(r#","agent_id":{{"value":"{agent}"}}"#));
    format!(
        r#"{{"type":"KILL","framework_id":{{"value":"M-0000"}},"kill":{{"task_id":{{"value":"{task}"}}{agent}}}}}"#
    )
}

#[test]
fn unknown_tasks() {
    let table = [
        (None, "TASK_UNKNOWN", "Task is unknown"),
        (Some("M-S0"), "TASK_GONE", "Task is unknown to the agent"),
        (Some("ghost-agent"), "TASK_UNKNOWN", "Task is unknown"),
    ];
    for (info, aware) in [(AWARE, true), (PLAIN, false)] {
        let mut cluster = Cluster::new();
        let _agent = cluster.agent(5051);
        let stream = cluster.subscribe(info);
        for (agent, state, text) in table {
            let state = if aware { state } else { "TASK_LOST" };
            let shown = agent.map_or(String::new(), |agent| format!(r#","agent_id":{{"value":"{agent}"}}"#));
            let expected = format!(
                r#"{{"type":"UPDATE","update":{{"status":{{"task_id":{{"value":"ghost"}},"state":"{state}","message":"Reconciliation: {text}","source":"SOURCE_MASTER","reason":"REASON_RECONCILIATION"{shown},"timestamp":1000.0}}}}}}"#
            );
            // A KILL of an unknown task is a question.
            for call in [reconcile("ghost", agent), kill("ghost", agent)] {
                cluster.drain(stream);
                cluster.call(stream, &call);
                assert_eq!(cluster.next(stream), expected);
            }
        }
    }
}

#[test]
fn known_tasks() {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(PLAIN);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.message(&agent, update("t", TaskState::TaskRunning, Some(1)));
    let latest = |state: &str| {
        format!(
            r#"{{"type":"UPDATE","update":{{"status":{{"task_id":{{"value":"t"}},"state":"{state}","message":"Reconciliation: Latest task state","source":"SOURCE_MASTER","reason":"REASON_RECONCILIATION","agent_id":{{"value":"M-S0"}},"timestamp":1000.0}}}}}}"#
        )
    };
    let implicit = r#"{"type":"RECONCILE","framework_id":{"value":"M-0000"},"reconcile":{}}"#;
    for call in [reconcile("t", None), reconcile("t", Some("wherever")), implicit.to_owned()] {
        cluster.drain(stream);
        cluster.call(stream, &call);
        assert_eq!(cluster.next(stream), latest("TASK_RUNNING"));
    }
    // Ended, not acknowledged: still known. Acknowledged: not any more.
    cluster.message(&agent, update("t", TaskState::TaskFinished, Some(2)));
    cluster.drain(stream);
    cluster.call(stream, &reconcile("t", None));
    assert_eq!(cluster.next(stream), latest("TASK_FINISHED"));
    let uuid = "QEBAQEBAQECAQEBAQEBAAg==";
    cluster.call(
        stream,
        &format!(
            r#"{{"type":"ACKNOWLEDGE","framework_id":{{"value":"M-0000"}},"acknowledge":{{"agent_id":{{"value":"M-S0"}},"task_id":{{"value":"t"}},"uuid":"{uuid}"}}}}"#
        ),
    );
    cluster.call(stream, &reconcile("t", None));
    let event = cluster.next(stream);
    assert!(event.contains(r#""TASK_LOST","message":"Reconciliation: Task is unknown""#), "{event}");
}

#[test]
fn nothing_is_said_of_agents_that_may_come_back() {
    let mut cluster = Cluster::new();
    let _agent = cluster.agent(5051);
    cluster.restart("N");
    let stream = cluster.subscribe(AWARE);
    let ask = |cluster: &mut Cluster, agent: Option<&str>| {
        cluster.drain(stream);
        cluster.call(stream, &reconcile("t", agent).replace("M-0000", "N-0000"));
        cluster.drain(stream)
    };
    assert!(ask(&mut cluster, None).is_empty());
    assert!(ask(&mut cluster, Some("M-S0")).is_empty());
    assert!(ask(&mut cluster, Some("other"))[0].contains("TASK_UNKNOWN"));
    cluster.pass(Duration::from_secs(601));
    let told = ask(&mut cluster, Some("M-S0"));
    assert!(told[0].contains("TASK_UNREACHABLE") && told[0].contains("unreachable_time"), "{told:?}");
    assert!(ask(&mut cluster, None)[0].contains("TASK_UNKNOWN"));
}

#[test]
fn a_kill_is_not_lost_with_the_link() {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.message(&agent, update("t", TaskState::TaskRunning, Some(1)));
    cluster.take_sent();
    cluster.call(stream, &kill("t", Some("elsewhere")));
    assert!(cluster.take_sent().is_empty(), "the task is not there");
    let policy = r#","kill_policy":{"grace_period":{"nanoseconds":7}}}}"#;
    cluster
        .call(stream, &format!("{}{policy}", kill("t", None).trim_end_matches("}}")).replace("}}}", "}}}"));
    assert_eq!(cluster.sent_names(), ["KillTask"]);
    let running = cluster.snapshot().frameworks["M-0000"].tasks["t"].to_wire();
    let info = cluster.snapshot().frameworks["M-0000"].info.clone();
    cluster.lose(&agent);
    cluster.take_sent();
    cluster.message(&agent, super::cluster::reregister("M-S0", &[&info], vec![running]));
    let sent = cluster.take_sent();
    let again = sent.iter().find_map(|message| match message {
        Message::KillTask(kill) => Some(kill.clone()),
        _ => None,
    });
    assert_eq!(again.unwrap().kill_policy.unwrap().grace_period.unwrap().nanoseconds, 7);
}
