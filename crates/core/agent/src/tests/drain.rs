//! The master empties the agent.

use std::time::Duration;

use tepui_model::{ContainerId, TaskState};
use tepui_wire_mesos::{
    internal,
    v1::{self, executor::event::Type as Event, task_status::Reason},
};

use super::{
    Rig, aware, command_task, event_types, events, executor_task, framework, launch, states, status, updates,
};
use crate::Effect;

fn secs(seconds: u64) -> v1::DurationInfo {
    v1::DurationInfo { nanoseconds: i64::try_from(seconds).unwrap() * 1_000_000_000 }
}

fn drain(grace: Option<u64>, mark_gone: bool) -> internal::DrainSlaveMessage {
    let config = v1::DrainConfig { max_grace_period: grace.map(secs), mark_gone: Some(mark_gone) };
    internal::DrainSlaveMessage { config }
}

fn signal(container: &ContainerId, signal: i32) -> Effect {
    Effect::Signal { container: container.clone(), signal, whole_group: true }
}

/// A command that runs, with a kill policy or none; everything is acknowledged.
fn running(rig: &mut Rig, info: v1::FrameworkInfo, own: Option<u64>) -> ContainerId {
    let mut task = command_task("t", "sleep 100");
    task.kill_policy = own.map(|grace| v1::KillPolicy { grace_period: Some(secs(grace)) });
    let container = launch(&rig.run(info, task)).container_id.clone();
    let effects = rig.launched(&container);
    rig.acknowledge_all(&effects);
    container
}

#[test]
fn a_drain_kills_and_says_why_until_all_is_acknowledged() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, aware(), None);
    let effects = rig.message(drain(Some(1), false));
    assert!(effects.contains(&signal(&container, 15)));
    assert_eq!(updates(&effects)[0].status.reason(), Reason::AgentDraining);
    rig.acknowledge_all(&effects);
    assert!(rig.pass(Duration::from_secs(1)).contains(&signal(&container, 9)));
    let effects = rig.run(aware(), command_task("new", "true"));
    assert_eq!(states(&effects), [TaskState::Dropped]);
    rig.acknowledge_all(&effects);
    let effects = rig.exited(&container, 9);
    assert_eq!(updates(&effects)[0].status.reason(), Reason::AgentDraining);
    rig.acknowledge_all(&effects);
    assert!(rig.agent.drain.is_none());
    let effects = rig.run(aware(), command_task("later", "true"));
    assert_eq!(launch(&effects).executor_id.as_str(), "later");
}

/// A task's own grace, the drain's, and what it gets: the shorter one, the one that there is, the agent's.
#[test]
fn the_shorter_grace_counts() {
    let table = [
        (Some(60), Some(2), 2),
        (Some(1), Some(20), 1),
        (None, Some(20), 20),
        (Some(7), None, 7),
        (None, None, 3),
        (Some(60), Some(0), 0),
    ];
    for (own, max, granted) in table {
        let mut rig = Rig::registered();
        let container = running(&mut rig, aware(), own);
        let mut effects = rig.message(drain(max, false));
        assert!(effects.contains(&signal(&container, 15)));
        // Said again, as to an agent that was away, it changes nothing.
        effects.extend(rig.message(drain(max, false)));
        if granted > 0 {
            effects.extend(rig.pass(Duration::from_secs(granted) - Duration::from_millis(1)));
            assert!(!effects.contains(&signal(&container, 9)), "{own:?} {max:?}");
        }
        assert!(rig.pass(Duration::from_millis(1)).contains(&signal(&container, 9)), "{own:?} {max:?}");
    }
}

/// If the agent is not to come back, those who know the word are told so.
#[test]
fn tasks_of_an_agent_that_is_given_up() {
    for (info, end) in [(aware(), TaskState::GoneByOperator), (framework(&[]), TaskState::Killed)] {
        let mut rig = Rig::registered();
        let container = running(&mut rig, info, None);
        let effects = rig.message(drain(None, true));
        rig.acknowledge_all(&effects);
        let update = updates(&rig.exited(&container, 15)).remove(0);
        assert_eq!(TaskState::from_number(update.status.state), Some(end));
        assert_eq!(update.status.reason(), Reason::AgentDraining);
    }
}

/// An executor is asked for its tasks' ends; that it stays itself does not keep the next task away.
#[test]
fn executors_may_stay() {
    let mut rig = Rig::registered();
    let (_, stream) = rig.with_executor(aware());
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    rig.acknowledge_all(&effects);
    let effects = rig.message(drain(Some(5), false));
    let kill = events(&effects)[0].kill.clone().unwrap();
    assert_eq!(kill.kill_policy.unwrap().grace_period, Some(secs(5)));
    assert_eq!(states(&rig.run(aware(), executor_task("u", "e"))), [TaskState::Dropped]);
    let effects = rig.update("e", status("t", TaskState::Killed, 2));
    assert_eq!(updates(&effects)[0].status.reason(), Reason::AgentDraining);
    rig.acknowledge_all(&effects);
    // The end of what was refused wants to be acknowledged, too.
    assert!(rig.agent.drain.is_some());
    let dropped = rig.agent.updates.iter().next().unwrap().2.check_head();
    rig.acknowledge(&dropped);
    assert!(rig.agent.drain.is_none());
    assert_eq!(event_types(&rig.run(aware(), executor_task("v", "e"))), [Event::Launch]);
    let _ = stream;
}

/// The master counts an end as soon as it is acknowledged; the next task may be here before that is written down.
#[test]
fn a_slow_disk_does_not_prolong_it() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, aware(), None);
    let effects = rig.message(drain(None, false));
    rig.acknowledge_all(&effects);
    let end = updates(&rig.exited(&container, 15)).remove(0);
    rig.durable = false;
    rig.acknowledge(&end);
    assert_eq!(states(&rig.run(aware(), command_task("next", "true"))), []);
    assert_eq!(launch(&rig.persist()).executor_id.as_str(), "next");
}
