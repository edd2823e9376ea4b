//! Agents: registering, pings, breaking links, coming back, and what becomes of their tasks.

use std::time::Duration;

use tepui_model::TaskState;
use tepui_wire_mesos::{Message, internal, v1};

use super::cluster::{AWARE, Cluster, PLAIN, accept, pid, register, reregister, task, update};

fn running(info: &str) -> (Cluster, tepui_wire_libprocess::Upid, u64) {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(info);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.message(&agent, update("t", v1::TaskState::TaskRunning, Some(1)));
    cluster.drain(stream);
    cluster.take_sent();
    (cluster, agent, stream)
}

fn info(cluster: &Cluster) -> v1::FrameworkInfo {
    (*cluster.snapshot().frameworks["M-0000"].info).clone()
}

fn wire_task(cluster: &Cluster) -> v1::Task {
    cluster.snapshot().frameworks["M-0000"].tasks["t"].to_wire()
}

#[test]
fn an_agent_is_written_before_it_is_registered() {
    let mut cluster = Cluster::new();
    cluster.hold = true;
    let agent = cluster.agent(5051);
    assert!(cluster.take_sent().is_empty());
    // It is impatient; that does not make it two.
    cluster.message(&agent, register());
    assert_eq!(cluster.held.len(), 1);
    cluster.write();
    let sent = cluster.take_sent();
    let [Message::SlaveRegistered(registered), Message::PingSlave(ping)] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(registered.slave_id.value, "M-S0");
    assert_eq!(registered.connection.as_ref().unwrap().total_ping_timeout_seconds, Some(75.0));
    assert!(ping.connected);
    assert_eq!(cluster.links, std::slice::from_ref(&agent));
    // It has not heard it: it is told again.
    cluster.message(&agent, register());
    assert_eq!(cluster.sent_names(), ["SlaveRegistered"]);
    assert_eq!(cluster.snapshot().agents.len(), 1);
}

#[test]
fn agents_that_cannot_be_taken() {
    let mut cluster = Cluster::new();
    for version in [None, Some("0.28.1"), Some("x")] {
        let message = internal::RegisterSlaveMessage { version: version.map(str::to_owned), ..register() };
        cluster.message(&pid(5051), message);
    }
    let mut message = register();
    message.slave.resources[0].scalar = None;
    cluster.message(&pid(5051), message);
    assert_eq!(cluster.warnings.len(), 4);
    cluster.message(&pid(5051), reregister("a/b", &[], Vec::new()));
    cluster.message(&pid(5051), reregister("", &[], Vec::new()));
    assert!(cluster.snapshot().agents.is_empty() && cluster.take_sent().is_empty());
    assert_eq!(cluster.disk.len(), 1);
}

#[test]
fn an_agent_that_does_not_answer_is_unreachable() {
    for (info, state) in [(AWARE, "TASK_UNREACHABLE"), (PLAIN, "TASK_LOST")] {
        let (mut cluster, agent, stream) = running(info);
        cluster.pass(Duration::from_secs(74));
        assert_eq!(cluster.snapshot().agents.len(), 1);
        cluster.pass(Duration::from_secs(1));
        cluster.streams.get_mut(&stream).unwrap().events.retain(|event| !event.contains("HEARTBEAT"));
        let update = cluster.next(stream);
        assert!(
            update.contains(&format!(r#""state":"{state}","message":"Agent 127.0.0.1 removed: "#)),
            "{update}"
        );
        assert!(update.contains(r#""reason":"REASON_AGENT_REMOVED""#) && update.contains("unreachable_time"));
        assert!(cluster.next(stream).contains("RESCIND"));
        assert_eq!(cluster.next(stream), r#"{"type":"FAILURE","failure":{"agent_id":{"value":"M-S0"}}}"#);
        assert!(cluster.disk.contains_key("unreachable/M-S0") && !cluster.disk.contains_key("agents/M-S0"));
        let framework = cluster.snapshot().frameworks["M-0000"].clone();
        assert!(framework.tasks.is_empty());
        assert_eq!(framework.unreachable_tasks["t"].state, TaskState::Unreachable);
        // It comes back with the task.
        let mut back = framework.unreachable_tasks["t"].to_wire();
        back.state = TaskState::Running.number();
        cluster.take_sent();
        cluster.message(&agent, reregister("M-S0", &[&framework.info], vec![back]));
        let update = cluster.next(stream);
        assert!(
            update.contains(r#""TASK_RUNNING""#) && update.contains("REASON_AGENT_REREGISTERED"),
            "{update}"
        );
        assert_eq!(cluster.snapshot().frameworks["M-0000"].tasks["t"].state, TaskState::Running);
        assert!(cluster.disk.contains_key("agents/M-S0") && !cluster.disk.contains_key("unreachable/M-S0"));
        assert_eq!(cluster.sent_names(), ["SlaveReregistered", "UpdateFramework"]);
    }
}

#[test]
fn nobody_hears_of_an_unreachable_agent_before_it_is_written() {
    let (mut cluster, _agent, stream) = running(AWARE);
    cluster.hold = true;
    cluster.pass(Duration::from_secs(75));
    cluster.streams.get_mut(&stream).unwrap().events.retain(|event| !event.contains("HEARTBEAT"));
    assert!(cluster.drain(stream).is_empty());
    cluster.write();
    assert!(cluster.next(stream).contains("TASK_UNREACHABLE"));
}

#[test]
fn pongs_keep_an_agent() {
    let (mut cluster, _agent, _stream) = running(AWARE);
    cluster.pass_with_pongs(Duration::from_secs(1000));
    assert_eq!(cluster.snapshot().agents.len(), 1);
}

#[test]
fn a_broken_link_takes_offers_and_what_is_not_checkpointed() {
    for (text, lost) in [(AWARE, None), (PLAIN, Some("TASK_LOST"))] {
        let (mut cluster, agent, stream) = running(text);
        let running = wire_task(&cluster);
        cluster.lose(&agent);
        assert!(cluster.next(stream).contains("RESCIND"));
        match lost {
            Some(state) => {
                let update = cluster.next(stream);
                assert!(
                    update.contains(state) && update.contains("Agent 127.0.0.1 disconnected"),
                    "{update}"
                );
                assert!(update.contains("REASON_AGENT_DISCONNECTED"));
            }
            None => assert!(cluster.drain(stream).is_empty()),
        }
        // It is told that it is not connected, and comes back.
        cluster.pass(Duration::from_secs(15));
        let pings: Vec<_> = cluster.take_sent();
        assert!(matches!(pings.last(), Some(Message::PingSlave(ping)) if !ping.connected));
        cluster.drain(stream);
        let framework = info(&cluster);
        cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
        let names = cluster.sent_names();
        match lost {
            // Its scheduler was told that it is lost: it must not run on.
            Some(_) => assert_eq!(names, ["SlaveReregistered", "KillTask", "UpdateFramework"]),
            None => assert_eq!(names, ["SlaveReregistered", "UpdateFramework"]),
        }
        assert!(cluster.next(stream).contains("OFFERS"));
    }
}

/// The same, when the agent comes back so late that it was out of reach.
#[test]
fn what_was_lost_with_the_link_does_not_come_back_later() {
    for (text, told, runs) in [
        (AWARE, &["SlaveReregistered", "UpdateFramework"][..], true),
        (PLAIN, &["SlaveReregistered", "KillTask", "UpdateFramework"], false),
    ] {
        let (mut cluster, agent, stream) = running(text);
        let (running, framework) = (wire_task(&cluster), info(&cluster));
        cluster.lose(&agent);
        cluster.pass_with_pongs(Duration::from_secs(601));
        assert!(cluster.snapshot().agents.is_empty());
        cluster.drain(stream);
        cluster.take_sent();
        cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
        assert_eq!(cluster.sent_names(), told);
        assert_eq!(cluster.drain(stream).iter().any(|event| event.contains("TASK_RUNNING")), runs);
        assert_eq!(cluster.snapshot().frameworks["M-0000"].tasks.contains_key("t"), runs);
    }
}

/// An executor that the master does not count any more, on an agent whose resources are all on offer.
#[test]
fn an_executor_that_is_not_counted_ends_or_takes_offers_back() {
    for (text, told) in [
        (AWARE, &["SlaveReregistered", "UpdateFramework"][..]),
        (PLAIN, &["SlaveReregistered", "ShutdownExecutor", "UpdateFramework"]),
    ] {
        let mut cluster = Cluster::new();
        let agent = cluster.agent(5051);
        let stream = cluster.subscribe(text);
        assert_eq!(cluster.offers().len(), 1, "everything is on offer");
        cluster.drain(stream);
        cluster.take_sent();
        let framework = info(&cluster);
        let executor = v1::ExecutorInfo {
            executor_id: v1::ExecutorId { value: "e".to_owned() },
            framework_id: framework.id.clone(),
            resources: tepui_wire_mesos::json::list_from_slice(
                br#"[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"allocation_info":{"role":"role"}}]"#,
            )
            .unwrap(),
            ..v1::ExecutorInfo::default()
        };
        let mut message = reregister("M-S0", &[&framework], vec![]);
        message.executor_infos.push(executor);
        cluster.message(&agent, message);
        assert_eq!(cluster.sent_names(), told);
        let counted = cluster.snapshot().frameworks["M-0000"].executors.len();
        assert_eq!(counted, usize::from(text == AWARE));
    }
}

#[test]
fn a_disconnected_agent_has_ten_minutes() {
    let (mut cluster, agent, stream) = running(AWARE);
    cluster.lose(&agent);
    cluster.pass_with_pongs(Duration::from_secs(599));
    assert_eq!(cluster.snapshot().agents.len(), 1);
    cluster.pass_with_pongs(Duration::from_secs(2));
    assert!(cluster.snapshot().agents.is_empty());
    assert!(cluster.drain(stream).iter().any(|event| event.contains("TASK_UNREACHABLE")));
}

/// A task that did not arrive is found when the agent comes back without it.
#[test]
fn a_launch_that_got_lost() {
    let (mut cluster, agent, stream) = running(AWARE);
    let offer = cluster.offers()[0].clone();
    cluster.call(stream, &accept("M-0000", &offer, &[task("lost")]));
    let running = wire_task(&cluster);
    let framework = info(&cluster);
    cluster.lose(&agent);
    cluster.take_sent();
    cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
    let sent = cluster.take_sent();
    let Some(Message::SlaveReregistered(message)) = sent.first() else { panic!("{sent:?}") };
    let [of_framework] = message.reconciliations.as_slice() else { panic!("{message:?}") };
    assert_eq!(of_framework.framework_id.value, "M-0000");
    assert_eq!(of_framework.statuses.len(), 1);
    assert_eq!(of_framework.statuses[0].task_id.value, "lost");
    assert_eq!(of_framework.statuses[0].state, TaskState::Staging.number());
    // The agent's answer ends it.
    cluster.message(&agent, update("lost", v1::TaskState::TaskDropped, Some(9)));
    assert_eq!(cluster.snapshot().frameworks["M-0000"].tasks["lost"].state, TaskState::Dropped);
}

#[test]
fn an_agent_that_goes_for_good() {
    for (info, state) in [(AWARE, "TASK_GONE"), (PLAIN, "TASK_LOST")] {
        let (mut cluster, agent, stream) = running(info);
        let id = v1::AgentId { value: "M-S0".to_owned() };
        cluster.message(&pid(9), internal::UnregisterSlaveMessage { slave_id: id.clone() });
        assert_eq!(cluster.snapshot().agents.len(), 1, "somebody else's word");
        cluster.message(&agent, internal::UnregisterSlaveMessage { slave_id: id });
        assert_eq!(
            cluster.next(stream),
            format!(
                r#"{{"type":"UPDATE","update":{{"status":{{"task_id":{{"value":"t"}},"state":"{state}","message":"Agent 127.0.0.1 removed: the agent unregistered","source":"SOURCE_MASTER","reason":"REASON_AGENT_REMOVED","agent_id":{{"value":"M-S0"}},"timestamp":1000.0}}}}}}"#
            )
        );
        assert!(cluster.next(stream).contains("RESCIND"));
        assert!(cluster.next(stream).contains("FAILURE"));
        assert!(!cluster.disk.contains_key("agents/M-S0"));
    }
}

#[test]
fn an_agent_that_is_marked_gone_never_returns() {
    let (mut cluster, agent, stream) = running(AWARE);
    let from =
        cluster.operator(r#"{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"M-S0"}}}"#);
    assert_eq!(cluster.reply(from).0, 200);
    assert!(cluster.next(stream).contains("TASK_GONE_BY_OPERATOR"));
    assert_eq!(cluster.sent_names(), ["Shutdown"]);
    cluster.restart("N");
    cluster.message(&agent, reregister("M-S0", &[], Vec::new()));
    assert_eq!(cluster.sent_names(), ["Shutdown"]);
    assert!(cluster.snapshot().agents.is_empty());
}

#[test]
fn a_new_master_asks_the_agents_to_come_back() {
    let (mut cluster, agent, _stream) = running(AWARE);
    let (framework, running) = (info(&cluster), wire_task(&cluster));
    cluster.restart("N");
    assert!(
        matches!(cluster.sent.front(), Some((_, to, Message::PingSlave(ping))) if *to == agent && !ping.connected)
    );
    assert_eq!(cluster.snapshot().recovered_agents.len(), 1);
    cluster.take_sent();
    cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
    assert_eq!(cluster.sent_names(), ["SlaveReregistered", "UpdateFramework"]);
    let snapshot = cluster.snapshot();
    assert!(snapshot.recovered_agents.is_empty());
    assert_eq!(snapshot.frameworks["M-0000"].tasks["t"].state, TaskState::Running);
    // The scheduler comes back and is offered the rest.
    let again = AWARE.replace(r#""name""#, r#""id":{"value":"M-0000"},"name""#);
    let stream = cluster.subscribe(&again);
    let offers = cluster.next(stream);
    assert!(offers.contains("N-O0") && offers.contains(r#""scalar":{"value":7.0}"#), "{offers}");
}

/// An agent of which the registry knows nothing brings its frameworks with it.
#[test]
fn an_agent_of_another_masters_time() {
    let (mut cluster, agent, _stream) = running(AWARE);
    let (framework, running) = (info(&cluster), wire_task(&cluster));
    cluster.disk.clear();
    cluster.restart("N");
    cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
    let snapshot = cluster.snapshot();
    assert!(snapshot.agents.contains_key("M-S0"));
    assert_eq!(snapshot.frameworks["M-0000"].state, crate::FrameworkState::Recovered);
    assert!(cluster.disk.contains_key("frameworks/M-0000") && cluster.disk.contains_key("agents/M-S0"));
}

/// The older copy of a task whose id was used again is killed, and its end is not told as the new one's.
#[test]
fn a_task_runs_on_one_agent_only() {
    let (mut cluster, agent, stream) = running(PLAIN);
    let (framework, running) = (info(&cluster), wire_task(&cluster));
    cluster.pass(Duration::from_secs(75));
    let second = cluster.agent(5052);
    let offer = cluster.offers()[0].clone();
    cluster.call(stream, &accept("M-0000", &offer, &[task("t").replace("M-S0", "M-S1")]));
    cluster.take_sent();
    cluster.drain(stream);
    cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
    assert_eq!(cluster.sent_names(), ["SlaveReregistered", "KillTask", "UpdateFramework"]);
    cluster.drain(stream);
    cluster.message(&agent, update("t", v1::TaskState::TaskKilled, Some(5)));
    assert_eq!(cluster.sent_names(), ["StatusUpdateAcknowledgement"]);
    assert!(cluster.drain(stream).is_empty());
    assert_eq!(cluster.snapshot().frameworks["M-0000"].tasks["t"].agent_id.as_str(), "M-S1");
    let _ = second;
}

#[test]
fn old_unreachable_agents_are_forgotten() {
    let mut config = super::cluster::config();
    config.registry_max_agent_count = 1;
    let mut cluster = Cluster::with(config);
    cluster.agent(5051);
    cluster.agent(5052);
    cluster.pass(Duration::from_secs(75));
    assert_eq!(cluster.snapshot().unreachable_agents.len(), 2);
    cluster.pass(Duration::from_secs(15 * 60));
    assert_eq!(cluster.snapshot().unreachable_agents.len(), 1);
    cluster.pass(Duration::from_secs(15 * 24 * 60 * 60));
    assert_eq!(cluster.disk.keys().collect::<Vec<_>>(), ["master"]);
}

#[test]
fn another_agent_at_the_same_address() {
    let (mut cluster, agent, stream) = running(AWARE);
    cluster.lose(&agent);
    cluster.message(&agent, register());
    let snapshot = cluster.snapshot();
    assert_eq!(snapshot.agents.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["M-S1"]);
    let events = cluster.drain(stream);
    assert!(
        events.iter().any(|event| event.contains("TASK_GONE") && event.contains("same address")),
        "{events:?}"
    );
}

/// It was admitted, but its master died before it could say so.
#[test]
fn another_agent_at_the_address_of_one_that_is_expected_back() {
    let (mut cluster, agent, _stream) = running(AWARE);
    cluster.restart("N");
    cluster.message(&agent, register());
    let snapshot = cluster.snapshot();
    assert!(snapshot.recovered_agents.is_empty());
    assert_eq!(snapshot.agents.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["N-S0"]);
    assert!(!cluster.disk.contains_key("agents/M-S0"));
}

#[test]
fn oversubscribed_resources() {
    let (mut cluster, agent, stream) = running(AWARE);
    let mut message = internal::UpdateSlaveMessage {
        slave_id: v1::AgentId { value: "M-S0".to_owned() },
        update_oversubscribed_resources: Some(false),
        ..internal::UpdateSlaveMessage::default()
    };
    cluster.message(&agent, message.clone());
    assert!(cluster.drain(stream).is_empty());
    message.update_oversubscribed_resources = Some(true);
    message.oversubscribed_resources = tepui_wire_mesos::json::list_from_slice(
        br#"[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"revocable":{}}]"#,
    )
    .unwrap();
    cluster.message(&agent, message);
    assert!(cluster.next(stream).contains("RESCIND"));
    assert!(cluster.snapshot().agents["M-S0"].total.revocable().cpus().is_some());
}
