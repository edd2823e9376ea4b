use std::time::Duration;

use tepui_model::{ContainerId, TaskState};
use tepui_wire_mesos::{
    internal,
    v1::{self, executor::event::Type as Event, task_status::Reason},
};

use super::{
    FRAMEWORK, Rig, aware, command_task, event_types, events, executor_info, executor_task, framework,
    launch, states, status, task, updates,
};
use crate::{Effect, Removal};

fn signal(container: &ContainerId, signal: i32) -> Effect {
    Effect::Signal { container: container.clone(), signal, whole_group: true }
}

/// A command that runs, everything acknowledged.
fn running(rig: &mut Rig, info: v1::FrameworkInfo) -> ContainerId {
    let container = launch(&rig.run(info, command_task("t", "sleep 100"))).container_id.clone();
    let effects = rig.launched(&container);
    rig.acknowledge_all(&effects);
    container
}

#[test]
fn term_then_kill() {
    for (info, announced) in [(aware(), vec![TaskState::Killing]), (framework(&[]), vec![])] {
        let mut rig = Rig::registered();
        let container = running(&mut rig, info);
        let effects = rig.kill("t");
        assert!(effects.contains(&signal(&container, 15)));
        assert_eq!(rig.acknowledge_all(&effects), announced);
        assert!(rig.pass(Duration::from_millis(2900)).is_empty());
        assert_eq!(rig.pass(Duration::from_millis(100)), vec![signal(&container, 9)]);
        let effects = rig.exited(&container, 9);
        let update = updates(&effects).remove(0);
        assert_eq!(update.status.state(), v1::TaskState::TaskKilled);
        assert_eq!(update.status.message.as_deref(), Some("Command terminated with signal Killed"));
        assert_eq!(update.status.reason, None);
    }
}

/// Or an agent that is killed at this moment would be followed by one that takes the end for the command's own.
#[test]
fn a_command_is_not_signalled_before_it_is_written_why() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, aware());
    rig.durable = false;
    let effects = rig.kill("t");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Persist(_))));
    assert!(!effects.contains(&signal(&container, 15)), "{effects:?}");
    assert!(rig.persist().contains(&signal(&container, 15)));
    // Nothing is written for a framework that does not want it.
    let mut rig = Rig::registered();
    let mut info = aware();
    info.checkpoint = Some(false);
    let container = running(&mut rig, info);
    rig.durable = false;
    assert!(rig.kill("t").contains(&signal(&container, 15)));
}

#[test]
fn a_second_kill_can_only_shorten_the_grace() {
    let secs = Duration::from_secs;
    for (first, second, after) in [(Some(10), Some(1), 1), (Some(2), Some(60), 2), (None, None, 3)] {
        let mut rig = Rig::registered();
        let container = running(&mut rig, aware());
        rig.kill_with("t", first.map(secs));
        let effects = rig.kill_with("t", second.map(secs));
        assert!(!effects.contains(&signal(&container, 15)), "asked once");
        assert!(!rig.pass(secs(after) - Duration::from_millis(1)).contains(&signal(&container, 9)));
        assert!(rig.pass(Duration::from_millis(1)).contains(&signal(&container, 9)));
    }
}

#[test]
fn the_tasks_own_kill_policy() {
    let mut rig = Rig::registered();
    let mut task = command_task("t", "sleep 100");
    let grace_period = Some(v1::DurationInfo { nanoseconds: 20_000_000_000 });
    task.kill_policy = Some(v1::KillPolicy { grace_period });
    let launch = launch(&rig.run(aware(), task)).clone();
    assert_eq!(launch.shutdown_grace_period, Duration::from_secs(22));
    rig.launched(&launch.container_id);
    rig.kill("t");
    assert!(!rig.pass(Duration::from_secs(19)).contains(&signal(&launch.container_id, 9)));
    assert!(rig.pass(Duration::from_secs(1)).contains(&signal(&launch.container_id, 9)));
}

#[test]
fn a_command_that_ends_well_in_time_has_finished() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, framework(&[]));
    rig.kill("t");
    assert_eq!(states(&rig.exited(&container, 0)), [TaskState::Finished]);
    assert!(rig.pass(Duration::from_secs(5)).iter().all(|effect| !matches!(effect, Effect::Signal { .. })));
}

#[test]
fn a_kill_during_the_launch() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("t", "x"))).container_id.clone();
    let effects = rig.kill("t");
    assert!(effects.contains(&Effect::Destroy { container: container.clone() }));
    let update = updates(&effects).remove(0);
    assert_eq!(update.status.state(), v1::TaskState::TaskKilled);
    assert_eq!(update.status.reason(), Reason::TaskKilledDuringLaunch);
    assert!(rig.launched(&container).contains(&Effect::Destroy { container: container.clone() }));
    assert!(updates(&rig.exited(&container, 9)).is_empty());
    assert_eq!(rig.acknowledge_all(&effects).len(), 1);
    assert!(rig.agent.executors.is_empty());
}

#[test]
fn a_kill_of_what_is_not_there() {
    for (info, state) in [(aware(), TaskState::Dropped), (framework(&[]), TaskState::Lost)] {
        let mut rig = Rig::registered();
        assert!(rig.kill("t").is_empty(), "an unknown framework has no capabilities to go by");
        rig.run(info, command_task("other", "x"));
        let effects = rig.kill("t");
        assert_eq!(states(&effects), [state]);
        assert_eq!(updates(&effects)[0].status.reason(), Reason::ExecutorTerminated);
        assert!(rig.kill("t").is_empty(), "said already");
    }
}

/// What has ended and was acknowledged is not ended a second time, whether or not its executor is still there.
#[test]
fn a_kill_of_what_is_over() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let effects = rig.update("e", status("t", TaskState::Finished, 1));
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Finished]);
    assert!(rig.kill("t").is_empty(), "its executor remembers it");
    assert_eq!(states(&rig.kill("other")), [TaskState::Dropped], "and only it");

    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let container = launch(&rig.run(aware(), command_task("c", "true"))).container_id.clone();
    let mut effects = rig.launched(&container);
    effects.extend(rig.exited(&container, 0));
    assert_eq!(rig.acknowledge_all(&effects).last(), Some(&TaskState::Finished));
    assert!(rig.kill("c").is_empty(), "its framework remembers it");
    assert_eq!(states(&rig.kill("other")), [TaskState::Dropped]);
}

#[test]
fn custom_executors_are_asked() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let effects = rig.kill_with("t", Some(Duration::from_secs(8)));
    assert_eq!(event_types(&effects), [Event::Kill]);
    let kill = events(&effects)[0].kill.clone().unwrap_or_default();
    let grace = kill.kill_policy.and_then(|policy| policy.grace_period).unwrap_or_default();
    assert_eq!(grace.nanoseconds, 8_000_000_000);
}

#[test]
fn a_queued_task_is_killed_here_and_a_useless_executor_with_it() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), executor_task("a", "e"))).container_id.clone();
    rig.launched(&container);
    rig.run(aware(), executor_task("b", "e"));
    let effects = rig.kill("a");
    assert_eq!(states(&effects), [TaskState::Killed]);
    assert_eq!(updates(&effects)[0].status.reason(), Reason::TaskKilledDuringLaunch);
    assert!(!effects.contains(&Effect::Destroy { container: container.clone() }));
    assert!(rig.kill("b").contains(&Effect::Destroy { container }));
}

#[test]
fn a_queued_group_dies_as_one() {
    let mut rig = Rig::registered();
    for group in [["a", "b"], ["c", "d"], ["e", "f"]] {
        rig.message(internal::RunTaskGroupMessage {
            framework: aware(),
            executor: executor_info("pod"),
            task_group: v1::TaskGroupInfo { tasks: group.map(task).to_vec() },
            ..internal::RunTaskGroupMessage::default()
        });
    }
    for (killed, group) in [("d", ["c", "d"]), ("a", ["a", "b"]), ("e", ["e", "f"])] {
        let updates = updates(&rig.kill(killed));
        let ids = updates.iter().map(|update| update.status.task_id.value.as_str());
        assert_eq!(ids.collect::<Vec<_>>(), group);
        assert!(updates.iter().all(|update| update.status.state() == v1::TaskState::TaskKilled));
    }
}

#[test]
fn shutdown_of_an_executor_has_a_grace() {
    let mut rig = Rig::registered();
    let (container, _) = rig.with_executor(aware());
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    rig.acknowledge_all(&effects);
    let shutdown = internal::ShutdownExecutorMessage {
        executor_id: Some(v1::ExecutorId { value: "e".to_owned() }),
        framework_id: Some(v1::FrameworkId { value: FRAMEWORK.to_owned() }),
    };
    assert_eq!(event_types(&rig.message(shutdown.clone())), [Event::Shutdown]);
    assert!(rig.message(shutdown).is_empty());
    assert!(rig.pass(Duration::from_millis(4999)).is_empty());
    assert_eq!(rig.pass(Duration::from_millis(1)), vec![Effect::Destroy { container: container.clone() }]);
    assert_eq!(states(&rig.exited(&container, 9)), [TaskState::Failed]);
}

#[test]
fn a_framework_that_is_over_is_not_reported_on() {
    let mut rig = Rig::registered();
    let (container, _) = rig.with_executor(aware());
    rig.update("e", status("t", TaskState::Running, 1));
    let command = launch(&rig.run(aware(), command_task("c", "sleep 9"))).container_id.clone();
    rig.launched(&command);
    let framework_id = v1::FrameworkId { value: FRAMEWORK.to_owned() };
    let effects = rig.message(internal::ShutdownFrameworkMessage { framework_id });
    assert_eq!(event_types(&effects), [Event::Shutdown]);
    assert!(effects.contains(&signal(&command, 15)));
    assert!(updates(&effects).is_empty());
    let late = rig.update("e", status("t", TaskState::Killed, 2));
    assert!(updates(&late).is_empty());
    assert!(rig.run(aware(), command_task("new", "true")).is_empty());
    assert!(updates(&rig.exited(&command, 15)).is_empty());
    let effects = rig.exited(&container, 0);
    assert!(updates(&effects).is_empty());
    let gone = Removal::Framework { framework_id: FRAMEWORK.into() };
    assert!(effects.contains(&Effect::RemoveCheckpoint(gone)));
    assert!(rig.agent.executors.is_empty() && rig.agent.updates.is_empty());
    assert!(updates(&rig.pass(Duration::from_secs(60))).is_empty());
}

#[test]
fn a_shutdown_ends_everything_and_then_the_process() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, aware());
    let effects = rig.message(internal::ShutdownMessage { message: None });
    assert!(effects.contains(&Effect::RemoveCheckpoint(Removal::Agent)));
    assert!(effects.contains(&signal(&container, 15)));
    assert!(!effects.contains(&Effect::Shutdown));
    assert!(rig.exited(&container, 15).contains(&Effect::Shutdown));
    let mut idle = Rig::registered();
    assert!(idle.message(internal::ShutdownMessage { message: None }).contains(&Effect::Shutdown));
}
