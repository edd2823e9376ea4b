//! Agents that an operator empties, takes out of use, and into use again.

use std::time::Duration;

use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, json, v1};

use super::cluster::{AWARE, Cluster, PLAIN, UUID, accept, pid, reregister, task, update};
use crate::views;

const DRAIN: &str = r#"{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"M-S0"},
    "max_grace_period":{"seconds":30,"nanos":5}}}"#;
const DRAIN_FOR_GOOD: &str =
    r#"{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"M-S0"},"mark_gone":true}}"#;
const DEACTIVATE: &str = r#"{"type":"DEACTIVATE_AGENT","deactivate_agent":{"agent_id":{"value":"M-S0"}}}"#;
const REACTIVATE: &str = r#"{"type":"REACTIVATE_AGENT","reactivate_agent":{"agent_id":{"value":"M-S0"}}}"#;

/// One task runs on the only agent, and the rest is on offer.
fn running(info: &str) -> (Cluster, Upid, u64) {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(info);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.message(&agent, update("t", v1::TaskState::TaskRunning, Some(1)));
    assert_eq!(cluster.offers().len(), 1);
    cluster.drain(stream);
    cluster.take_sent();
    (cluster, agent, stream)
}

fn answer(cluster: &mut Cluster, call: &str) -> (u16, String) {
    let from = cluster.operator(call);
    cluster.reply(from)
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn bad(words: &str) -> (u16, String) {
    (400, words.to_owned())
}

/// The task's end comes and is acknowledged.
fn end(cluster: &mut Cluster, agent: &Upid, stream: u64) {
    let mut killed = update("t", v1::TaskState::TaskKilled, Some(2));
    killed.update.uuid =
        Some(json::from_slice::<v1::Uuid>(format!(r#"{{"value":"{UUID}"}}"#).as_bytes()).unwrap().value);
    cluster.message(agent, killed);
    acknowledge(cluster, stream);
}

fn acknowledge(cluster: &mut Cluster, stream: u64) {
    let call = format!(
        r#"{{"type":"ACKNOWLEDGE","framework_id":{{"value":"M-0000"}},"acknowledge":{{"agent_id":{{"value":"M-S0"}},
           "task_id":{{"value":"t"}},"uuid":"{UUID}"}}}}"#
    );
    cluster.call(stream, &call);
}

/// `active`, `deactivated` and the drain's state, as GET_AGENTS shows them.
fn shown(cluster: &Cluster) -> (bool, bool, Option<&'static str>) {
    let agents = views::agents(&cluster.snapshot()).agents;
    let agent = agents.first().expect("the agent");
    let state = agent.drain_info.map(|info| v1::DrainState::try_from(info.state).unwrap().as_str_name());
    (agent.active, agent.deactivated(), state)
}

const ACTIVE: (bool, bool, Option<&str>) = (true, false, None);
const DEACTIVATED: (bool, bool, Option<&str>) = (false, true, None);
const DRAINING: (bool, bool, Option<&str>) = (false, true, Some("DRAINING"));
const DRAINED: (bool, bool, Option<&str>) = (false, true, Some("DRAINED"));

#[test]
fn calls_that_cannot_be_followed() {
    let unknown = |call: &str| call.replace("M-S0", "x");
    let mut cluster = Cluster::new();
    let table = [
        (
            r#"{"type":"DRAIN_AGENT"}"#.to_owned(),
            "Failed to validate master::Call: Expecting 'drain_agent' to be present",
        ),
        (unknown(DRAIN), "Unknown agent"),
        (unknown(DEACTIVATE), "Unknown agent"),
        (unknown(REACTIVATE), "Agent is not deactivated"),
        (REACTIVATE.to_owned(), "Agent is not deactivated"),
    ];
    cluster.agent(5051);
    for (call, words) in table {
        assert_eq!(answer(&mut cluster, &call), bad(words), "{call}");
    }
    let mut old = super::cluster::register();
    old.agent_capabilities.clear();
    cluster.message(&pid(5052), old);
    let call = DRAIN.replace("M-S0", "M-S1");
    assert_eq!(answer(&mut cluster, &call), bad("Agent M-S1 is not capable of draining"));
    cluster.hold = true;
    cluster.operator(r#"{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"M-S0"}}}"#);
    let going = (409, "Agent is currently being marked gone".to_owned());
    assert_eq!(answer(&mut cluster, DRAIN), going);
    cluster.write();
    assert_eq!(answer(&mut cluster, DRAIN), bad("Unknown agent"));
}

#[test]
fn a_drain_is_written_told_and_over_when_the_last_end_is_acknowledged() {
    let (mut cluster, agent, stream) = running(AWARE);
    cluster.hold = true;
    let from = cluster.operator(DRAIN);
    assert!(cluster.replies.is_empty() && cluster.take_sent().is_empty(), "nothing before it is written");
    assert_eq!(shown(&cluster), ACTIVE);
    cluster.write();
    cluster.hold = false;
    assert_eq!(cluster.reply(from).0, 200);
    assert!(cluster.next(stream).contains("RESCIND"));
    let sent = cluster.take_sent();
    let [Message::DrainSlave(drain)] = sent.as_slice() else { panic!("{sent:?}") };
    let grace = drain.config.max_grace_period.unwrap();
    assert_eq!((grace.nanoseconds, drain.config.mark_gone()), (30_000_000_005, false));
    assert_eq!(shown(&cluster), DRAINING);
    let metrics = views::metrics(&cluster.snapshot());
    for (name, value) in [("active", 0.0), ("inactive", 1.0), ("connected", 1.0), ("disconnected", 0.0)] {
        assert_eq!(metrics[&format!("master/slaves_{name}")].to_bits(), f64::to_bits(value), "{name}");
    }
    let why = cluster.master.explain_framework("M-0000").unwrap().to_string();
    assert!(why.contains("1 agent is draining: it is not offered"), "{why}");
    let why = cluster.master.explain_task(None, "t").unwrap().to_string();
    assert!(why.contains("agent M-S0 is draining"), "{why}");
    assert_eq!(answer(&mut cluster, REACTIVATE), bad("Agent is still in the DRAINING state"));

    cluster.pass_with_pongs(Duration::from_secs(20));
    cluster.drain(stream);
    cluster.hold = true;
    end(&mut cluster, &agent, stream);
    assert_eq!(shown(&cluster), DRAINING, "until that is written");
    cluster.write();
    cluster.hold = false;
    assert_eq!(shown(&cluster), DRAINED);
    let state = json::to_string(&views::get_agents(&cluster.snapshot()));
    let info = r#""drain_info":{"state":"DRAINED","config":{"max_grace_period":{"nanoseconds":30000000005},"mark_gone":false}},"estimated_drain_start_time":{"nanoseconds":1000000000000}"#;
    assert!(state.contains(info), "{state}");
    cluster.pass_with_pongs(Duration::from_secs(20));
    assert!(!cluster.drain(stream).iter().any(|event| event.contains("OFFERS")));

    assert_eq!(answer(&mut cluster, REACTIVATE), ok());
    assert_eq!(shown(&cluster), ACTIVE);
    assert!(cluster.next(stream).contains("OFFERS"));
    assert_eq!(answer(&mut cluster, REACTIVATE), bad("Agent is not deactivated"));
    assert!(
        !cluster.disk.keys().any(|key| key.starts_with("dr") || key.starts_with("de")),
        "{:?}",
        cluster.disk
    );
}

#[test]
fn an_agent_without_tasks_is_drained_at_once() {
    let mut cluster = Cluster::new();
    cluster.agent(5051);
    assert_eq!(answer(&mut cluster, DRAIN), ok());
    assert_eq!(shown(&cluster), DRAINED);
}

#[test]
fn a_deactivated_agent_keeps_its_tasks_and_gets_no_offers() {
    let (mut cluster, _agent, stream) = running(AWARE);
    assert_eq!(answer(&mut cluster, DEACTIVATE), ok());
    assert!(cluster.next(stream).contains("RESCIND"));
    assert!(cluster.take_sent().is_empty());
    assert_eq!(shown(&cluster), DEACTIVATED);
    assert!(cluster.offers().is_empty());
    // A drain on top of it; another word of the first kind does not undo that.
    assert_eq!(answer(&mut cluster, DRAIN), ok());
    assert_eq!(answer(&mut cluster, DEACTIVATE), ok());
    assert_eq!(shown(&cluster), DRAINING);
}

#[test]
fn reactivation_of_a_deactivated_agent() {
    let (mut cluster, agent, stream) = running(AWARE);
    assert_eq!(answer(&mut cluster, DEACTIVATE), ok());
    cluster.drain(stream);
    // Not while it is away.
    cluster.lose(&agent);
    assert_eq!(answer(&mut cluster, REACTIVATE), ok());
    assert!(cluster.drain(stream).is_empty());
    let framework = (*cluster.snapshot().frameworks["M-0000"].info).clone();
    let running = cluster.snapshot().frameworks["M-0000"].tasks["t"].to_wire();
    cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
    assert!(cluster.next(stream).contains("OFFERS"));
}

#[test]
fn mark_gone_ends_the_agent_when_it_is_empty() {
    for (info, hold) in [(AWARE, false), (PLAIN, true)] {
        let (mut cluster, agent, stream) = running(info);
        assert_eq!(answer(&mut cluster, DRAIN_FOR_GOOD), ok());
        assert_eq!(cluster.sent_names(), ["DrainSlave"]);
        assert_eq!(shown(&cluster), DRAINING);
        cluster.hold = hold;
        end(&mut cluster, &agent, stream);
        if hold {
            assert_eq!(cluster.sent_names(), ["StatusUpdateAcknowledgement"], "nothing before it is written");
            // The acknowledgement repeated does not end it twice.
            acknowledge(&mut cluster, stream);
            assert_eq!(cluster.held.len(), 1);
            cluster.write();
        }
        assert!(cluster.sent_names().contains(&"Shutdown".to_owned()));
        assert!(cluster.snapshot().agents.is_empty());
        assert_eq!(cluster.disk.keys().filter(|key| key.contains("M-S0")).collect::<Vec<_>>(), ["gone/M-S0"]);
        assert_eq!(answer(&mut cluster, REACTIVATE), bad("Agent is not deactivated"));
    }
}

/// Whoever comes next goes on with it.
#[test]
fn a_drain_outlives_the_master() {
    let (mut cluster, agent, _stream) = running(AWARE);
    let framework = (*cluster.snapshot().frameworks["M-0000"].info).clone();
    let running = cluster.snapshot().frameworks["M-0000"].tasks["t"].to_wire();
    assert_eq!(answer(&mut cluster, DRAIN), ok());
    cluster.restart("N");
    assert_eq!(answer(&mut cluster, REACTIVATE), bad("Agent is still in the DRAINING state"));
    cluster.take_sent();
    cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
    assert_eq!(cluster.sent_names(), ["SlaveReregistered", "UpdateFramework", "DrainSlave"]);
    let stream = cluster.subscribe(&AWARE.replace(r#""name""#, r#""id":{"value":"M-0000"},"name""#));
    assert_eq!(shown(&cluster), DRAINING);
    end(&mut cluster, &agent, stream);
    assert_eq!(shown(&cluster), DRAINED);
    cluster.restart("O");
    cluster.message(&agent, reregister("M-S0", &[], Vec::new()));
    assert_eq!(shown(&cluster), DRAINED);
    assert!(cluster.offers().is_empty());
    assert_eq!(answer(&mut cluster, REACTIVATE), ok());
    assert_eq!(shown(&cluster), ACTIVE);
}

/// A drain waits for an agent that is out of reach, and ends there in its time.
#[test]
fn a_drain_outlives_the_agents_absence() {
    let (mut cluster, agent, stream) = running(AWARE);
    let framework = (*cluster.snapshot().frameworks["M-0000"].info).clone();
    let running = cluster.snapshot().frameworks["M-0000"].tasks["t"].to_wire();
    cluster.pass(Duration::from_secs(75));
    assert_eq!(cluster.snapshot().unreachable_agents.len(), 1);
    assert_eq!(answer(&mut cluster, DRAIN), ok());
    cluster.take_sent();
    cluster.message(&agent, reregister("M-S0", &[&framework], vec![running]));
    assert_eq!(cluster.sent_names(), ["SlaveReregistered", "UpdateFramework", "DrainSlave"]);
    assert_eq!(shown(&cluster), DRAINING);
    cluster.drain(stream);
    // The link breaks; the task ends meanwhile, and the agent comes back with nothing.
    cluster.lose(&agent);
    end(&mut cluster, &agent, stream);
    assert_eq!(shown(&cluster), DRAINING, "who knows what is there");
    cluster.message(&agent, reregister("M-S0", &[], Vec::new()));
    assert_eq!(shown(&cluster), DRAINED);
}

#[test]
fn the_end_of_its_framework_ends_a_drain() {
    let (mut cluster, _agent, _stream) = running(AWARE);
    assert_eq!(answer(&mut cluster, DRAIN), ok());
    let teardown = r#"{"type":"TEARDOWN","teardown":{"framework_id":{"value":"M-0000"}}}"#;
    assert_eq!(answer(&mut cluster, teardown), ok());
    assert_eq!(shown(&cluster), DRAINED);
}

/// Words about one agent that overtake each other on their way to the disk: the last one counts, on the disk too.
#[test]
fn the_last_word_counts() {
    let (mut cluster, agent, stream) = running(AWARE);
    assert_eq!(answer(&mut cluster, DRAIN), ok());
    cluster.hold = true;
    cluster.operator(DRAIN_FOR_GOOD);
    end(&mut cluster, &agent, stream);
    assert_eq!(cluster.held.len(), 1, "it is drained as the last word says");
    cluster.write();
    cluster.write();
    assert!(cluster.disk.contains_key("gone/M-S0") && !cluster.disk.contains_key("draining/M-S0"));

    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    cluster.hold = true;
    let id = v1::AgentId { value: "M-S0".to_owned() };
    cluster.message(&agent, tepui_wire_mesos::internal::UnregisterSlaveMessage { slave_id: id });
    let from = cluster.operator(DRAIN);
    cluster.write();
    cluster.write();
    assert_eq!(cluster.reply(from).0, 409);
    cluster.write();
    assert_eq!(cluster.disk.keys().collect::<Vec<_>>(), ["master"]);
}
