//! Agents that come back: after a new master, from another address, and while something about them is being written.

use tepui_model::TaskState;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::v1;

use super::cluster::{AWARE, Cluster, PLAIN, accept, pid, reregister, task, update};

/// An agent with a task that runs.
fn running(info: &str) -> (Cluster, Upid, u64) {
    let mut cluster = Cluster::new();
    let agent = cluster.agent(5051);
    let stream = cluster.subscribe(info);
    cluster.call(stream, &accept("M-0000", "M-O0", &[task("t")]));
    cluster.message(&agent, update("t", v1::TaskState::TaskRunning, Some(1)));
    cluster.drain(stream);
    cluster.take_sent();
    (cluster, agent, stream)
}

const GONE: &str = r#"{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"M-S0"}}}"#;

/// What is not checkpointed dies with the link to its agent, not with its master.
#[test]
fn tasks_live_through_the_masters_failover() {
    for info in [AWARE, PLAIN] {
        let (mut cluster, agent, _stream) = running(info);
        let framework = cluster.snapshot().frameworks["M-0000"].clone();
        cluster.restart("N");
        cluster.take_sent();
        cluster.message(&agent, reregister("M-S0", &[&framework.info], vec![framework.tasks["t"].to_wire()]));
        assert_eq!(cluster.sent_names(), ["SlaveReregistered", "UpdateFramework"]);
        assert_eq!(cluster.snapshot().frameworks["M-0000"].tasks["t"].state, TaskState::Running);
    }
}

#[test]
fn an_agent_at_another_address() {
    let (mut cluster, old, stream) = running(AWARE);
    let framework = cluster.snapshot().frameworks["M-0000"].clone();
    let back = || reregister("M-S0", &[&framework.info], vec![framework.tasks["t"].to_wire()]);
    let connected = |cluster: &Cluster| cluster.snapshot().agents["M-S0"].is_connected();
    cluster.links.clear();
    // It only repeats itself: the link holds.
    cluster.message(&old, back());
    assert_eq!((&cluster.links[..], &cluster.unlinks[..]), (std::slice::from_ref(&old), &[][..]));
    let new = pid(5052);
    cluster.message(&new, back());
    assert_eq!(
        (&cluster.links[..], &cluster.unlinks[..]),
        (&[old.clone(), new.clone()][..], &[old.clone()][..])
    );
    // What breaks now at the old address is nobody's link.
    cluster.drain(stream);
    cluster.lose(&old);
    assert!(connected(&cluster) && cluster.drain(stream).is_empty());
    cluster.take_sent();
    let offer = cluster.offers()[0].clone();
    cluster.call(stream, &accept("M-0000", &offer, &[task("u")]));
    assert!(cluster.sent.iter().all(|(_, to, _)| *to == new), "{:?}", cluster.sent);
    cluster.lose(&new);
    assert!(!connected(&cluster));
}

/// Another agent has the address by now: what it is linked by stays.
#[test]
fn an_agent_whose_old_address_is_anothers() {
    let (mut cluster, old, _stream) = running(AWARE);
    cluster.lose(&old);
    let second = cluster.agent(5052);
    cluster.message(&old, reregister("M-S1", &[], Vec::new()));
    cluster.unlinks.clear();
    cluster.message(&second, reregister("M-S0", &[], Vec::new()));
    assert_eq!(cluster.unlinks, []);
    assert!(cluster.snapshot().agents.values().all(|agent| agent.is_connected()));
}

/// An impatient agent is worked off once.
#[test]
fn a_readmission_is_written_once() {
    let mut cluster = Cluster::new();
    cluster.hold = true;
    for _ in 0..2 {
        cluster.message(&pid(5051), reregister("M-S0", &[], Vec::new()));
        assert_eq!((cluster.held.len(), cluster.sent.len()), (1, 0));
    }
    cluster.write();
    assert_eq!(cluster.sent_names(), ["SlaveReregistered"]);
}

/// An agent that is being marked gone is not taken back, whichever of the two was there first.
#[test]
fn no_readmission_of_one_that_is_to_go() {
    for gone_first in [true, false] {
        let (mut cluster, agent, _stream) = running(AWARE);
        let framework = cluster.snapshot().frameworks["M-0000"].clone();
        cluster.restart("N");
        cluster.take_sent();
        cluster.hold = true;
        let mut back = reregister("M-S0", &[&framework.info], vec![framework.tasks["t"].to_wire()]);
        back.slave.hostname = "renamed".to_owned();
        if gone_first {
            cluster.operator(GONE);
            cluster.message(&agent, back);
            assert_eq!(cluster.held.len(), 1, "nothing more is written");
        } else {
            cluster.message(&agent, back);
            cluster.operator(GONE);
            cluster.write();
        }
        assert!(cluster.snapshot().agents.is_empty());
        assert!(!cluster.sent_names().contains(&"SlaveReregistered".to_owned()));
        cluster.hold = false;
        cluster.write();
        assert!(cluster.snapshot().agents.is_empty() && cluster.snapshot().recovered_agents.is_empty());
        cluster.message(&agent, reregister("M-S0", &[], Vec::new()));
        assert_eq!(cluster.sent_names(), ["Shutdown"]);
    }
}
