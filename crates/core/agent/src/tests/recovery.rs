use std::time::Duration;

use assert_matches::assert_matches;
use tepui_core_kit::Core as _;
use tepui_model::{ContainerId, TaskState};
use tepui_wire_mesos::{
    Message, internal,
    v1::{self, executor::event::Type as Event, task_status::Reason},
};

use super::{
    AGENT, FRAMEWORK, Rig, aware, checkpoints, command_task, disk::Disk, event_types, executor_task, launch,
    master, replies, sent, states, status, updates,
};
use crate::{ContainerState, Effect, Exit, Phase, Recovered, Removal};

/// An agent that runs one command and whose disk is watched. The updates were acknowledged if `acknowledged`.
fn command(acknowledged: bool) -> (Disk, ContainerId) {
    let mut rig = Rig::new();
    let mut disk = Disk::default();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    disk.take(&rig.message(internal::SlaveRegisteredMessage { slave_id, connection: None }));
    let effects = rig.run(aware(), command_task("t", "sleep 9"));
    disk.take(&effects);
    let container = launch(&effects).container_id.clone();
    let mut effects = rig.launched(&container);
    disk.take(&effects);
    while acknowledged && !updates(&effects).is_empty() {
        effects = rig.acknowledge(&updates(&effects)[0]);
        disk.take(&effects);
    }
    (disk, container)
}

/// An agent with a custom executor that has one running task and one that it never spoke of.
fn custom() -> (Disk, ContainerId) {
    let mut rig = Rig::new();
    let mut disk = Disk::default();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    disk.take(&rig.message(internal::SlaveRegisteredMessage { slave_id, connection: None }));
    let effects = rig.run(aware(), executor_task("t", "e"));
    disk.take(&effects);
    let container = launch(&effects).container_id.clone();
    disk.take(&rig.launched(&container));
    disk.take(&rig.subscribe("e").1);
    disk.take(&rig.run(aware(), executor_task("silent", "e")));
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    disk.take(&effects);
    disk.take(&rig.acknowledge(&updates(&effects)[0]));
    (disk, container)
}

#[test]
fn a_running_command_is_simply_watched_on() {
    let (mut disk, container) = command(true);
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    assert_eq!(rig.agent.phase(), Phase::Disconnected, "nobody to wait for");
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let effects = rig.effects();
    let [Message::ReregisterSlave(message)] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(message.tasks.len(), 1);
    assert_eq!(message.tasks[0].state(), v1::TaskState::TaskRunning);
    assert_eq!(message.tasks[0].statuses.len(), 2);
    rig.register();
    let effects = rig.exited(&container, 0);
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Finished]);
}

#[test]
fn limits_of_what_still_runs_are_said_again() {
    for (mut disk, container) in [command(true), custom()] {
        let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
        let effects = rig.effects();
        let limits = effects.iter().find_map(|effect| match effect {
            Effect::UpdateLimits { container: of, limits } if *of == container => Some(limits),
            _ => None,
        });
        assert!(limits.is_some_and(|limits| limits.cpus_milli > 0 && limits.mem_bytes > 0), "{effects:?}");
    }
}

#[test]
fn updates_that_were_not_acknowledged_are_sent_again() {
    let (mut disk, _) = command(false);
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.effects();
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    let effects = rig.message(internal::SlaveReregisteredMessage { slave_id, ..Default::default() });
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Starting, TaskState::Running]);
}

#[test]
fn a_command_that_ended_meanwhile() {
    for (container, rebooted, state, reason) in [
        (
            ContainerState::Exited(Exit { wait_status: Some(3 << 8), limitation: None }),
            false,
            TaskState::Failed,
            None,
        ),
        (
            ContainerState::Exited(Exit { wait_status: Some(0), limitation: None }),
            false,
            TaskState::Finished,
            None,
        ),
        (ContainerState::Unknown, false, TaskState::Gone, Some(Reason::ExecutorTerminated)),
        (ContainerState::Alive, true, TaskState::Gone, Some(Reason::AgentRestarted)),
    ] {
        let (mut disk, _) = command(true);
        let recovered = Recovered { rebooted, ..disk.containers(&container) };
        let mut rig = Rig::recovered(recovered);
        disk.take(&rig.effects());
        rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
        rig.effects();
        let slave_id = v1::AgentId { value: AGENT.to_owned() };
        let effects = rig
            .message(internal::SlaveReregisteredMessage { slave_id: slave_id.clone(), ..Default::default() });
        let update = updates(&effects).remove(0);
        assert_eq!(update.status.state, state.number());
        assert_eq!(update.status.reason, reason.map(Into::into));
        // And once more: it died before the acknowledgement came.
        let mut rig = Rig::recovered(disk.containers(&ContainerState::Unknown));
        rig.register_quietly();
        let again = rig.agent.updates.iter().count();
        assert_eq!(again, 1, "the same update, not another");
        assert_eq!(rig.reregister_states(), [state]);
    }
}

/// The last agent died between writing a task down and starting anything for it: nobody else can tell of it.
#[test]
fn what_was_written_down_and_never_launched_is_reported() {
    for task in [command_task("t", "sleep 9"), executor_task("t", "e")] {
        let mut rig = Rig::new();
        rig.disk = Some(Disk::default());
        rig.register();
        launch(&rig.run(aware(), task));
        let mut disk = rig.disk.take().unwrap();
        let mut rig = Rig::recovered(disk.containers(&ContainerState::Unknown));
        rig.register_quietly();
        assert_eq!(rig.reregister_states(), [TaskState::Gone]);
        assert!(rig.agent.executors.is_empty(), "nothing is left of it");
    }
}

/// An update that was refused would be overtaken by one right behind it, if recovery ends between the two.
#[test]
fn who_is_back_need_not_wait_for_the_others_with_its_updates() {
    let mut rig = Rig::new();
    rig.disk = Some(Disk::default());
    rig.register();
    for (task, executor) in [("t", "e"), ("u", "late")] {
        let container = launch(&rig.run(aware(), executor_task(task, executor))).container_id.clone();
        rig.launched(&container);
        rig.subscribe(executor);
    }
    rig.update("e", status("t", TaskState::Running, 1));
    let mut disk = rig.disk.take().unwrap();
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    rig.effects();
    rig.subscribe("e");
    assert_eq!(rig.agent.phase(), Phase::Recovering, "one is missing");
    let effects = rig.update("e", status("t", TaskState::Finished, 2));
    assert_eq!(replies(&effects)[0].0, 202);
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    let effects = rig.update("late", status("u", TaskState::Running, 3));
    assert_eq!(replies(&effects), [(503, "Agent has not finished recovery")]);
}

#[test]
fn executors_come_back_and_recovery_goes_on_at_once() {
    let (mut disk, _) = custom();
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    assert_eq!(rig.agent.phase(), Phase::Recovering);
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    assert!(sent(&rig.effects()).is_empty(), "not before the executors had their time");
    let early = rig.update("e", status("t", TaskState::Finished, 2));
    assert_eq!(replies(&early), [(503, "Agent has not finished recovery")]);
    let (_, effects) = rig.subscribe("e");
    assert_eq!(event_types(&effects), [Event::Subscribed]);
    assert!(sent(&effects).iter().any(|message| matches!(message, Message::ReregisterSlave(_))));
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    let effects = rig.message(internal::SlaveReregisteredMessage { slave_id, ..Default::default() });
    let [update] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(update.status.task_id.value, "silent");
    assert_eq!(update.status.state(), v1::TaskState::TaskDropped);
    assert_eq!(update.status.reason(), Reason::AgentRestarted);
    let effects = rig.update("e", status("t", TaskState::Finished, 2));
    assert_eq!(states(&effects), [TaskState::Finished]);
}

/// An executor does not hear of an acknowledgement that the last agent got: it says the same again.
#[test]
fn what_was_acknowledged_before_is_not_told_again() {
    let (mut disk, _) = custom();
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    rig.effects();
    assert_eq!(
        rig.agent.updates.iter().map(|(_, task, _)| task.as_str()).collect::<Vec<_>>(),
        ["t"],
        "nothing was said of the other"
    );
    rig.subscribe("e");
    rig.register();
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    assert!(updates(&effects).is_empty());
    let effects = rig.update("e", status("t", TaskState::Finished, 2));
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Finished]);
}

/// An executor is of no use if nobody ever gave it a task. Whether it is idle at the moment says nothing about that.
#[test]
fn an_idle_executor_stays() {
    let process = || Some(super::upid("executor(1)@127.0.0.1:7777"));
    for (words, subscribed, process, tasks, events) in [
        ("it subscribed", true, None, false, &[Event::Subscribed][..]),
        ("it registered", false, process(), false, &[Event::Subscribed]),
        ("it was given a task", false, None, true, &[Event::Subscribed]),
        ("nothing is known of it", false, None, false, &[Event::Subscribed, Event::Shutdown]),
    ] {
        let (mut disk, _) = custom();
        let mut recovered = disk.containers(&ContainerState::Alive);
        let executor = &mut recovered.frameworks[0].executors[0];
        (executor.subscribed, executor.process) = (subscribed, process);
        if !tasks {
            executor.tasks.clear();
        }
        let mut rig = Rig::recovered(recovered);
        rig.effects();
        assert_eq!(event_types(&rig.subscribe("e").1), events, "{words}");
    }
}

/// The end of an executor that the last agent dealt with is not told a second time.
#[test]
fn an_executor_that_had_ended_is_not_ended_again() {
    let mut rig = Rig::new();
    rig.disk = Some(Disk::default());
    rig.register();
    let (container, _) = rig.with_executor(aware());
    let exits = |effects: &[Effect]| {
        sent(effects).iter().filter(|message| matches!(message, Message::ExitedExecutor(_))).count()
    };
    assert_eq!(exits(&rig.exited(&container, 9)), 1);
    let mut disk = rig.disk.take().unwrap();
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Unknown));
    rig.register_quietly();
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    let effects = rig.message(internal::SlaveReregisteredMessage { slave_id, ..Default::default() });
    assert_eq!(exits(&effects), 0);
    assert_eq!(rig.agent.current_stats(rig.now).executors_terminated, 0);
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Failed]);
    assert!(rig.agent.executors.is_empty());
}

/// A task's record says each state once, the last word of it, without the scheduler's data; also after a restart.
#[test]
fn a_record_is_short() {
    let mut rig = Rig::new();
    rig.disk = Some(Disk::default());
    rig.register();
    rig.with_executor(aware());
    for (n, state) in [(1, TaskState::Starting), (2, TaskState::Running), (3, TaskState::Running)] {
        let data = Some("much".into());
        let message = Some(format!("update {n}"));
        let effects = rig.update("e", v1::TaskStatus { data, message, ..status("t", state, n) });
        assert_eq!(updates(&effects)[0].status.data.as_deref(), Some(&b"much"[..]), "but it is passed on");
        rig.acknowledge_all(&effects);
    }
    let mut disk = rig.disk.take().unwrap();
    let mut next = Rig::recovered(disk.containers(&ContainerState::Alive));
    next.subscribe("e");
    for mut rig in [rig, next] {
        rig.agent.handle(rig.now, crate::Event::MasterDetected(None));
        rig.effects();
        rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
        let effects = rig.effects();
        let [Message::ReregisterSlave(message)] = sent(&effects)[..] else { panic!("{effects:?}") };
        let statuses = message.tasks[0].statuses.iter();
        let said: Vec<_> = statuses
            .map(|status| (status.message.clone().unwrap_or_default(), status.data.clone()))
            .collect();
        assert_eq!(said, [("update 1".to_owned(), None), ("update 3".to_owned(), None)]);
    }
}

#[test]
fn executors_that_do_not_come_back_are_ended() {
    let (mut disk, container) = custom();
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.effects();
    assert!(rig.pass(Duration::from_millis(1999)).is_empty());
    let effects = rig.pass(Duration::from_millis(1));
    assert!(effects.contains(&Effect::Destroy { container: container.clone() }));
    assert_matches!(sent(&effects)[..], [Message::ReregisterSlave(_)]);
    rig.register();
    let effects = rig.exited(&container, 9);
    assert_eq!(states(&effects), [TaskState::Gone, TaskState::Gone]);
    let status = &updates(&effects)[0].status;
    assert_eq!(status.reason(), Reason::ExecutorReregistrationTimeout);
    assert_eq!(status.message.as_deref(), Some("Executor did not reregister within 2secs"));
}

#[test]
fn containers_of_nobody_are_destroyed() {
    let orphan = ContainerId::new("orphan".to_owned());
    let mut rig = Rig::recovered(Recovered { orphans: vec![orphan.clone()], ..Recovered::default() });
    assert_eq!(rig.effects(), vec![Effect::Destroy { container: orphan }]);
}

#[test]
fn a_crash_at_every_write_loses_no_terminal_state() {
    // The whole life of a command, as a list of what was written; the agent dies after each of them.
    let (mut disk, _) = command(true);
    let recovered = disk.containers(&ContainerState::Exited(Exit { wait_status: Some(0), limitation: None }));
    let records = recovered.frameworks[0].executors[0].tasks[0].records.clone();
    for kept in 0..=records.len() {
        let mut recovered = recovered.clone();
        recovered.frameworks[0].executors[0].tasks[0].records.truncate(kept);
        let mut rig = Rig::recovered(recovered);
        rig.effects();
        rig.register_quietly();
        let states = rig.reregister_states();
        // What was acknowledged is over; what was never said is said first.
        let whole = [TaskState::Starting, TaskState::Running, TaskState::Finished];
        let acknowledged = records[..kept].iter().filter(|record| record.update.is_none()).count();
        assert_eq!(states, whole[acknowledged..], "after {kept} records");
        assert!(rig.agent.executors.is_empty());
    }
}

#[test]
fn a_kill_goes_on_after_the_restart() {
    let (mut disk, container) = command(true);
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    rig.register();
    disk.take(&rig.kill("t"));
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    let effects = rig.pass(Duration::from_secs(4));
    assert!(effects.contains(&Effect::Signal { container: container.clone(), signal: 9, whole_group: true }));
    rig.register_quietly();
    rig.exited(&container, 9);
    assert_eq!(rig.reregister_states(), [TaskState::Killing, TaskState::Killed]);
}

impl Rig {
    /// Learns of the master without being registered yet.
    fn register_quietly(&mut self) {
        self.agent.handle(self.now, crate::Event::MasterDetected(Some(master())));
        self.effects();
    }

    /// Registers again and acknowledges whatever comes.
    fn reregister_states(&mut self) -> Vec<TaskState> {
        let slave_id = v1::AgentId { value: AGENT.to_owned() };
        let effects = self.message(internal::SlaveReregisteredMessage { slave_id, ..Default::default() });
        self.acknowledge_all(&effects)
    }
}

/// Of a framework that was torn down nothing is said. If the agent dies before it has forgotten that framework, the next
/// one does not know that it was.
#[test]
fn an_ended_executor_whose_task_never_ended_is_reported() {
    let (mut disk, _) = command(true);
    let mut recovered = disk.containers(&ContainerState::Unknown);
    for executor in recovered.frameworks.iter_mut().flat_map(|framework| &mut framework.executors) {
        executor.completed = true;
    }
    let mut rig = Rig::recovered(recovered);
    rig.effects();
    rig.register();
    assert!(rig.agent.updates.has(&FRAMEWORK.into(), &"t".into()));
    assert_eq!(rig.agent.updates.get(&FRAMEWORK.into(), &"t".into()).unwrap().latest(), TaskState::Gone);
}

#[test]
fn what_has_not_changed_is_not_written_again() {
    let (mut disk, _) = command(true);
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    assert!(checkpoints(&rig.effects()).is_empty());
}

/// The last agent died between the end of an executor and the removal of what it left.
#[test]
fn what_is_over_is_tidied_up() {
    let (mut disk, container) = command(true);
    let mut recovered = disk.containers(&ContainerState::Unknown);
    let executor = &mut recovered.frameworks[0].executors[0];
    executor.completed = true;
    executor.tasks.clear();
    let mut rig = Rig::recovered(recovered);
    let removed = rig.effects().into_iter().any(|effect| {
        matches!(effect, Effect::RemoveCheckpoint(Removal::Run(run)) if run.container_id == container)
    });
    assert!(removed && rig.agent.executors.is_empty());
}

/// As many tasks of an executor are remembered as the flag says, also of those that ended before the restart.
#[test]
fn only_so_many_completed_tasks_come_back() {
    for (keep, remembered) in
        [(0, &[][..]), (1, &["c"]), (2, &["b", "c"]), (3, &["a", "b", "c"]), (9, &["a", "b", "c"])]
    {
        let mut rig = Rig::new();
        rig.disk = Some(Disk::default());
        rig.register();
        rig.with_executor(aware());
        for (n, id) in (1..).zip(["a", "b", "c"]) {
            rig.run(aware(), executor_task(id, "e"));
            let effects = rig.update("e", status(id, TaskState::Finished, n));
            rig.acknowledge_all(&effects);
        }
        let mut config = super::config();
        config.max_completed_tasks_per_executor = keep;
        let mut disk = rig.disk.take().unwrap();
        let rig = Rig::with(config, disk.containers(&ContainerState::Alive));
        let snapshot = rig.agent.snapshot(rig.now);
        let completed = snapshot.frameworks[0].executors[0].completed_tasks.iter();
        let completed: Vec<&str> = completed.map(|task| task.task_id.value.as_str()).collect();
        assert_eq!(completed, remembered, "{keep}");
    }
}
