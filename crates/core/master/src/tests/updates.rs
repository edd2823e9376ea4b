//! Status updates, what executors say, and what goes back to them.

use tepui_wire_mesos::{Message, internal, v1, v1::TaskState};

use super::cluster::{AWARE, Cluster, accept, task, task_with, update};
use crate::Counter;

fn running() -> (Cluster, tepui_wire_libprocess::Upid, u64) {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.drain(stream);
    cluster.take_sent();
    (cluster, agent, stream)
}

fn acknowledge(uuid: &str) -> String {
    format!(
        r#"{{"type":"ACKNOWLEDGE","framework_id":{{"value":"M-0000"}},"acknowledge":{{"agent_id":{{"value":"M-S0"}},"task_id":{{"value":"t"}},"uuid":"{uuid}"}}}}"#
    )
}

#[test]
fn an_update_goes_to_the_scheduler_and_its_acknowledgement_back() {
    let (mut cluster, agent, stream) = running();
    cluster.message(&agent, update("t", TaskState::TaskRunning, Some(1)));
    assert_eq!(
        cluster.next(stream),
        r#"{"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR","agent_id":{"value":"M-S0"},"timestamp":1.5,"uuid":"QEBAQEBAQECAQEBAQEBAAQ=="}}}"#
    );
    cluster.call(stream, &acknowledge("QEBAQEBAQECAQEBAQEBAAQ=="));
    assert_eq!(cluster.sent_names(), ["StatusUpdateAcknowledgement"]);
    assert!(cluster.snapshot().frameworks["M-0000"].tasks.contains_key("t"));
}

/// What a task held is free as soon as it ended, acknowledged or not.
#[test]
fn the_end_of_a_task_frees_its_resources_at_once() {
    let (mut cluster, agent, stream) = running();
    let offer = cluster.offers()[0].clone();
    cluster.message(&agent, update("t", TaskState::TaskFinished, Some(2)));
    assert!(cluster.next(stream).contains("TASK_FINISHED"));
    assert!(cluster.next(stream).contains(r#""scalar":{"value":1.0}"#));
    assert!(cluster.snapshot().frameworks["M-0000"].tasks.contains_key("t"));
    // Another update's acknowledgement does not end it.
    cluster.call(stream, &acknowledge(super::cluster::UUID));
    assert!(cluster.snapshot().frameworks["M-0000"].tasks.contains_key("t"));
    cluster.call(stream, &acknowledge("QEBAQEBAQECAQEBAQEBAAg=="));
    let framework = cluster.snapshot().frameworks["M-0000"].clone();
    assert!(framework.tasks.is_empty() && framework.completed_tasks.len() == 1);
    assert_eq!(cluster.master.counters().get(Counter::TasksFinished), 1);
    assert!(cluster.offers().contains(&offer));
}

/// An end that the scheduler knows of is not made a second time by an agent that has forgotten it.
#[test]
fn an_end_acknowledged_while_its_agent_is_away_is_not_asked_about() {
    for (acknowledged, asked) in [(true, 0), (false, 1)] {
        let (mut cluster, agent, stream) = running();
        cluster.message(&agent, update("t", TaskState::TaskDropped, Some(1)));
        cluster.lose(&agent);
        if acknowledged {
            cluster.call(stream, &acknowledge("QEBAQEBAQECAQEBAQEBAAQ=="));
        }
        assert!(cluster.take_sent().is_empty(), "nobody is there to be told");
        let info = cluster.snapshot().frameworks["M-0000"].info.clone();
        cluster.message(&agent, super::cluster::reregister("M-S0", &[&info], vec![]));
        let told = cluster.take_sent();
        let [Message::SlaveReregistered(told), ..] = &told[..] else { panic!("{told:?}") };
        assert_eq!(told.reconciliations.len(), asked, "acknowledged: {acknowledged}");
    }
}

/// While the agent waits for an acknowledgement, it names the state that the task has come to.
#[test]
fn the_latest_state_counts_but_is_not_told() {
    let (mut cluster, agent, stream) = running();
    let mut first = update("t", TaskState::TaskRunning, Some(1));
    first.update.latest_state = Some(TaskState::TaskFailed as i32);
    cluster.message(&agent, first);
    assert!(cluster.next(stream).contains("TASK_RUNNING"));
    let task = cluster.snapshot().frameworks["M-0000"].tasks["t"].clone();
    assert_eq!(task.state, tepui_model::TaskState::Failed);
    assert_eq!(task.to_wire().status_update_state, Some(TaskState::TaskRunning as i32));
    // A terminal state is terminal.
    cluster.message(&agent, update("t", TaskState::TaskRunning, Some(3)));
    assert_eq!(cluster.snapshot().frameworks["M-0000"].tasks["t"].state, tepui_model::TaskState::Failed);
}

/// By the state that the task has come to, and by who said so and why.
#[test]
fn ends_are_counted() {
    for (state, name) in [
        (TaskState::TaskFinished, "finished"),
        (TaskState::TaskFailed, "failed"),
        (TaskState::TaskKilled, "killed"),
        (TaskState::TaskError, "error"),
        (TaskState::TaskLost, "lost"),
        (TaskState::TaskDropped, "dropped"),
        (TaskState::TaskGone, "gone"),
        (TaskState::TaskGoneByOperator, "gone_by_operator"),
    ] {
        let (mut cluster, agent, _stream) = running();
        cluster.message(&agent, update("t", TaskState::TaskRunning, Some(1)));
        let mut end = update("t", state, Some(2));
        end.update.status.reason = Some(v1::task_status::Reason::CommandExecutorFailed as i32);
        cluster.message(&agent, end.clone());
        cluster.message(&agent, end);
        let ends = cluster.master.counters().iter().filter(|(name, count)| {
            let of_tasks = name.starts_with("master/task_") || name.starts_with("master/tasks_");
            of_tasks && *count > 0
        });
        let reason = format!("master/task_{name}/source_executor/reason_command_executor_failed");
        let all = format!("master/tasks_{name}");
        assert_eq!(ends.collect::<Vec<_>>(), [(all.into(), 1), (reason.into(), 1)]);
    }
}

#[test]
fn updates_that_fit_nothing() {
    let (mut cluster, agent, stream) = running();
    // An unknown task: passed on, so that the scheduler can acknowledge it away.
    cluster.message(&agent, update("no-such-task", TaskState::TaskRunning, Some(1)));
    assert!(cluster.next(stream).contains("no-such-task"));
    assert_eq!(cluster.master.counters().get(Counter::InvalidStatusUpdates), 1);
    // A framework that is not there any more: the agent would repeat this for ever, if it were not told to end it.
    let mut foreign = update("t", TaskState::TaskRunning, Some(1));
    foreign.update.framework_id.value = "nope".to_owned();
    cluster.message(&agent, foreign);
    assert!(cluster.drain(stream).is_empty());
    assert!(
        matches!(&cluster.take_sent()[..], [Message::ShutdownFramework(end)] if end.framework_id.value == "nope")
    );
    // An unknown agent: asked to register again.
    let mut foreign = update("t", TaskState::TaskRunning, Some(1));
    foreign.update.slave_id = Some(v1::AgentId { value: "nope".to_owned() });
    cluster.message(&super::cluster::pid(9), foreign);
    assert!(cluster.drain(stream).is_empty());
    assert!(matches!(&cluster.take_sent()[..], [Message::PingSlave(ping)] if !ping.connected));
    // A state that does not exist.
    let mut odd = update("t", TaskState::TaskRunning, Some(1));
    odd.update.status.state = 99;
    cluster.message(&agent, odd);
}

#[test]
fn an_executor_ends() {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    let executor = r#""executor":{"type":"CUSTOM","executor_id":{"value":"e"},"command":{"value":"x"},"resources":[
        {"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]}"#;
    cluster.call(stream, &accept("M-0000", "M-O0", &[task_with("t", executor)]));
    cluster.drain(stream);
    cluster.message(
        &agent,
        internal::ExitedExecutorMessage {
            slave_id: v1::AgentId { value: "M-S0".to_owned() },
            framework_id: v1::FrameworkId { value: "M-0000".to_owned() },
            executor_id: v1::ExecutorId { value: "e".to_owned() },
            status: 1792,
        },
    );
    assert_eq!(
        cluster.next(stream),
        r#"{"type":"FAILURE","failure":{"agent_id":{"value":"M-S0"},"executor_id":{"value":"e"},"status":1792}}"#
    );
    assert!(cluster.next(stream).contains(r#""scalar":{"value":0.5}"#));
    assert!(cluster.snapshot().frameworks["M-0000"].executors.is_empty());
}

#[test]
fn messages_both_ways() {
    let (mut cluster, agent, stream) = running();
    cluster.call(
        stream,
        r#"{"type":"MESSAGE","framework_id":{"value":"M-0000"},"message":{"agent_id":{"value":"M-S0"},"executor_id":{"value":"e"},"data":"cGluZw=="}}"#,
    );
    assert!(
        matches!(&cluster.take_sent()[..], [Message::FrameworkToExecutor(message)] if &message.data[..] == b"ping")
    );
    cluster.message(
        &agent,
        internal::ExecutorToFrameworkMessage {
            slave_id: v1::AgentId { value: "M-S0".to_owned() },
            framework_id: v1::FrameworkId { value: "M-0000".to_owned() },
            executor_id: v1::ExecutorId { value: "e".to_owned() },
            data: "pong".into(),
        },
    );
    assert_eq!(
        cluster.next(stream),
        r#"{"type":"MESSAGE","message":{"agent_id":{"value":"M-S0"},"executor_id":{"value":"e"},"data":"cG9uZw=="}}"#
    );
    cluster.call(
        stream,
        r#"{"type":"SHUTDOWN","framework_id":{"value":"M-0000"},"shutdown":{"executor_id":{"value":"e"},"agent_id":{"value":"M-S0"}}}"#,
    );
    assert_eq!(cluster.sent_names(), ["ShutdownExecutor"]);
}
