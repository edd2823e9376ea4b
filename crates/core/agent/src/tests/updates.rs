use std::time::Duration;

use tepui_core_kit::Core as _;
use tepui_model::TaskState;
use tepui_wire_mesos::{internal, v1, v1::executor::event::Type as Event};

use super::{
    FRAMEWORK, Rig, aware, checkpoints, event_types, executor_task, master, states, status, updates,
};
use crate::{Checkpoint, Effect};

#[test]
fn nothing_is_promised_before_it_is_written() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    rig.durable = false;
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    assert!(matches!(checkpoints(&effects)[..], [Checkpoint::UpdateAppended { .. }]));
    assert!(event_types(&effects).is_empty() && updates(&effects).is_empty());
    let effects = rig.persist();
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    let update = updates(&effects).remove(0);
    // The next update may not go before the acknowledgement of this one is written.
    rig.update("e", status("t", TaskState::Finished, 2));
    rig.persist();
    let effects = rig.acknowledge(&update);
    assert!(updates(&effects).is_empty());
    assert_eq!(checkpoints(&effects).len(), 1);
    assert!(rig.acknowledge(&update).is_empty(), "that is being written already");
    assert_eq!(states(&rig.persist()), [TaskState::Finished]);
}

#[test]
fn writes_of_several_events_are_one_batch() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    for n in 1..4 {
        let update = Some(v1::executor::call::Update { status: status("t", TaskState::Running, n) });
        let call = v1::executor::Call { update, ..super::call(v1::executor::call::Type::Update, "e") };
        rig.agent.handle(
            rig.now,
            crate::Event::Called {
                from: tepui_model::ConnectionId(100 + u64::from(n)),
                caller: None,
                call: Box::new(call),
            },
        );
    }
    let effects = rig.effects();
    let writes = effects.iter().filter(|effect| matches!(effect, Effect::Persist(_))).count();
    assert_eq!((writes, checkpoints(&effects).len()), (1, 3));
    assert_eq!(event_types(&effects), [Event::Acknowledged; 3]);
    assert_eq!(states(&effects).len(), 1, "one in flight");
}

#[test]
fn retries_double_up_to_ten_minutes() {
    let mut rig = Rig::registered();
    // No pings in this test: keep the master by other means.
    rig.agent.registration = crate::registration::Registration::new(&super::config(), bytes::Bytes::new());
    rig.with_executor(aware());
    let first = updates(&rig.update("e", status("t", TaskState::Running, 1))).remove(0);
    let observer = super::upid("slave-observer(1)@10.0.0.1:5050");
    let mut waits = Vec::new();
    let mut waited = 0;
    while waits.len() < 8 {
        waited += 5;
        let ping = internal::PingSlaveMessage { connected: true };
        rig.agent.handle(rig.now, crate::Event::Message { from: observer.clone(), message: ping.into() });
        rig.effects();
        let again = updates(&rig.pass(Duration::from_secs(5)));
        if let [update] = &again[..] {
            assert_eq!(update, &first);
            waits.push(std::mem::take(&mut waited));
        }
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
    assert_eq!(rig.agent.current_stats(rig.now).status_update_retries, 8);
    assert_eq!(rig.acknowledge_all(&[]).len(), 0);
    rig.acknowledge(&first);
    assert!(rig.agent.updates.has(&FRAMEWORK.into(), &"t".into()), "the task goes on");
}

#[test]
fn streams_rest_without_a_master_and_go_on_with_one() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    assert_eq!(states(&effects), [TaskState::Running]);
    rig.agent.handle(rig.now, crate::Event::MasterDetected(None));
    assert!(updates(&rig.pass(Duration::from_secs(100))).is_empty());
    let effects = rig.update("e", status("t", TaskState::Finished, 2));
    assert_eq!(event_types(&effects), [Event::Acknowledged], "the executor need not wait");
    assert!(updates(&effects).is_empty());
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.effects();
    let effects = rig.message(internal::SlaveReregisteredMessage {
        slave_id: v1::AgentId { value: super::AGENT.to_owned() },
        ..internal::SlaveReregisteredMessage::default()
    });
    let update = updates(&effects).remove(0);
    assert_eq!(update.status.state(), v1::TaskState::TaskRunning);
    assert_eq!(update.latest_state(), v1::TaskState::TaskFinished);
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Running, TaskState::Finished]);
}

#[test]
fn repeated_updates_are_acknowledged_and_not_repeated() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let first = rig.update("e", status("t", TaskState::Running, 1));
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    assert!(checkpoints(&effects).is_empty() && updates(&effects).is_empty());
    rig.acknowledge_all(&first);
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    assert!(updates(&effects).is_empty());
}

#[test]
fn nothing_follows_a_terminal_state() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let first = rig.update("e", status("t", TaskState::Failed, 1));
    let effects = rig.update("e", status("t", TaskState::Running, 2));
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    assert_eq!(rig.acknowledge_all(&first), [TaskState::Failed]);
}

#[test]
fn wrong_acknowledgements_change_nothing() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let update = updates(&rig.update("e", status("t", TaskState::Running, 1))).remove(0);
    let wrong = |change: fn(&mut internal::StatusUpdate)| {
        let mut update = update.clone();
        change(&mut update);
        update
    };
    for update in [
        wrong(|update| update.uuid = Some(super::uuid(9))),
        wrong(|update| update.status.task_id.value = "nope".to_owned()),
        wrong(|update| update.framework_id.value = "nope".to_owned()),
    ] {
        assert!(rig.acknowledge(&update).is_empty());
    }
    assert!(!rig.acknowledge(&update).is_empty());
    assert!(rig.acknowledge(&update).is_empty(), "twice is once");
}

/// And they do not take the room of those that the agent knows.
#[test]
fn unknown_tasks_do_not_fill_the_memory() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let known = ["t", "u", "v", "w"];
    for id in &known[1..] {
        rig.run(aware(), executor_task(id, "e"));
    }
    for n in 0..1500 {
        rig.update("e", status(&format!("unknown-{n}"), TaskState::Running, 1));
    }
    assert_eq!(rig.agent.updates.count(&FRAMEWORK.into()), 1000 + known.len());
    assert_eq!(rig.agent.current_stats(rig.now).invalid_status_updates, 500 - known.len() as u64);
    for id in known {
        assert_eq!(states(&rig.update("e", status(id, TaskState::Running, 1))), [TaskState::Running]);
    }
    assert_eq!(rig.agent.updates.count(&FRAMEWORK.into()), 1000 + 2 * known.len());
}

/// By the state that the task has come to.
#[test]
fn ends_are_counted() {
    for (state, counted) in [
        (TaskState::Finished, "finished"),
        (TaskState::Failed, "failed"),
        (TaskState::Killed, "killed"),
        (TaskState::Gone, "gone"),
        (TaskState::Lost, "lost"),
        (TaskState::Dropped, "lost"),
        (TaskState::Error, "lost"),
    ] {
        let mut rig = Rig::registered();
        rig.with_executor(aware());
        rig.run(aware(), executor_task("u", "e"));
        for (n, task, state) in [(1, "t", TaskState::Running), (2, "t", state), (3, "u", state)] {
            let effects = rig.update("e", status(task, state, n));
            rig.acknowledge_all(&effects);
        }
        let metrics = rig.agent.current_stats(rig.now).metrics();
        for name in ["finished", "failed", "killed", "gone", "lost"] {
            let count = if name == counted { 2.0 } else { 0.0 };
            assert!((metrics[&format!("slave/tasks_{name}")] - count).abs() < 1e-9, "{state:?}: {name}");
        }
        assert!((metrics["slave/valid_status_updates"] - 3.0).abs() < 1e-9);
    }
}

/// What is dropped is counted: it is the only trace of a master, or an executor, that is confused.
#[test]
fn what_is_dropped_is_counted() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let update = updates(&rig.update("e", status("t", TaskState::Running, 1))).remove(0);
    let dropped = |rig: &Rig| rig.agent.current_stats(rig.now).dropped_messages;
    let other = internal::StatusUpdate {
        status: v1::TaskStatus { task_id: v1::TaskId { value: "other".to_owned() }, ..update.status.clone() },
        ..update.clone()
    };
    rig.acknowledge(&other);
    assert_eq!(dropped(&rig), 1, "no such task");
    rig.acknowledge(&internal::StatusUpdate { uuid: Some(super::uuid(9)), ..update.clone() });
    assert_eq!(dropped(&rig), 2, "no such update");
    let acknowledgement = internal::StatusUpdateAcknowledgementMessage {
        slave_id: v1::AgentId { value: "another".to_owned() },
        framework_id: update.framework_id.clone(),
        task_id: update.status.task_id.clone(),
        uuid: super::uuid(1),
    };
    rig.message(acknowledgement);
    assert_eq!(dropped(&rig), 3, "for another agent");
    rig.message(internal::KillTaskMessage {
        framework_id: v1::FrameworkId { value: "nope".to_owned() },
        task_id: update.status.task_id.clone(),
        kill_policy: None,
    });
    assert_eq!(dropped(&rig), 4, "no such framework");
    let invalid = |rig: &Rig| rig.agent.current_stats(rig.now).invalid_status_updates;
    let agent_id = Some(v1::AgentId { value: "other".to_owned() });
    rig.update("e", v1::TaskStatus { agent_id, ..status("t", TaskState::Finished, 2) });
    assert_eq!(invalid(&rig), 1, "of another agent");
    rig.message(internal::ShutdownFrameworkMessage { framework_id: update.framework_id });
    rig.update("e", status("t", TaskState::Finished, 2));
    assert_eq!(invalid(&rig), 2, "of a framework that is being ended");
}
