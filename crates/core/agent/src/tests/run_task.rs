use tepui_core_kit::Core as _;
use tepui_model::TaskState;
use tepui_wire_mesos::{
    Message, internal,
    v1::{self, executor::event::Type as Event, task_status::Reason},
};

use super::{
    AGENT, FRAMEWORK, Rig, aware, checkpoints, command_task, event_types, executor_info, executor_task,
    framework, launch, run_task, sent, states, task, updates, upid,
};
use crate::{Effect, LaunchKind};

#[test]
fn tasks_wait_for_their_executor_and_then_go_straight_through() {
    let mut rig = Rig::registered();
    let effects = rig.run(aware(), executor_task("a", "e"));
    let first = launch(&effects).clone();
    assert_eq!(first.kind, LaunchKind::Executor);
    assert_eq!(first.executor_id.as_str(), "e");
    assert!(!first.environment.iter().any(|(name, _)| name == "MESOS_ALLOCATION_ROLE"));
    let effects = rig.run(aware(), executor_task("b", "e"));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Launch(_))), "one executor for both");
    rig.launched(&first.container_id);
    let (_, effects) = rig.subscribe("e");
    assert_eq!(event_types(&effects), [Event::Subscribed, Event::Launch, Event::Launch]);
    let effects = rig.run(aware(), executor_task("c", "e"));
    assert_eq!(event_types(&effects), [Event::Launch]);
    assert!(
        matches!(effects[0], Effect::UpdateLimits { limits, .. } if limits.cpus_milli == 1600),
        "{effects:?}"
    );
}

#[test]
fn without_checkpointing_nothing_is_written() {
    let mut rig = Rig::registered();
    let info = v1::FrameworkInfo { checkpoint: None, ..aware() };
    let effects = rig.run(info, command_task("t", "true"));
    assert!(checkpoints(&effects).is_empty());
    let launch = launch(&effects);
    assert!(!launch.checkpoint);
    assert!(launch.environment.contains(&("MESOS_CHECKPOINT".to_owned(), "0".to_owned())));
    assert!(!launch.environment.iter().any(|(name, _)| name == "MESOS_RECOVERY_TIMEOUT"));
    let container = launch.container_id.clone();
    rig.durable = false;
    let effects = rig.launched(&container);
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Starting, TaskState::Running]);
}

#[test]
fn refusals() {
    let aware_states = (v1::TaskState::TaskDropped, v1::TaskState::TaskLost);
    for (what, message, reason) in [
        (
            "no executor expected",
            internal::RunTaskMessage {
                launch_executor: Some(false),
                ..run_task(aware(), executor_task("t", "new"))
            },
            Reason::ExecutorTerminated,
        ),
        ("executor is ending", run_task(aware(), executor_task("t", "ending")), Reason::ExecutorTerminated),
    ] {
        for (info, expected) in [(aware(), aware_states.0), (framework(&[]), aware_states.1)] {
            let mut rig = Rig::registered();
            rig.run(info.clone(), executor_task("other", "ending"));
            rig.message(internal::ShutdownExecutorMessage {
                executor_id: Some(v1::ExecutorId { value: "ending".to_owned() }),
                framework_id: Some(v1::FrameworkId { value: FRAMEWORK.to_owned() }),
            });
            let effects = rig.message(internal::RunTaskMessage { framework: info, ..message.clone() });
            let update = updates(&effects).remove(0);
            assert_eq!(update.status.state(), expected, "{what}");
            assert_eq!(update.status.reason(), reason, "{what}");
            assert!(update.uuid.is_some());
        }
    }
}

#[test]
fn a_bad_id_is_an_error_and_no_path() {
    let mut rig = Rig::registered();
    for task in [
        executor_task("t1", ".."),
        executor_task("t2", "a/../../b"),
        command_task("../t3", "true"),
        command_task("", "true"),
    ] {
        let effects = rig.run(aware(), task);
        assert_eq!(states(&effects), [TaskState::Error]);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Launch(_))));
        rig.acknowledge_all(&effects);
    }
    let nameless = v1::FrameworkInfo { id: None, ..aware() };
    assert!(rig.run(nameless, command_task("t", "true")).is_empty());
    let crooked = v1::FrameworkInfo { id: Some(v1::FrameworkId { value: "../..".to_owned() }), ..aware() };
    let effects = rig.run(crooked, command_task("t", "true"));
    assert_eq!(states(&effects), [TaskState::Error]);
    assert!(checkpoints(&effects).is_empty());
}

#[test]
fn what_is_not_for_us_or_comes_twice_is_dropped() {
    let mut rig = Rig::registered();
    let other =
        v1::TaskInfo { agent_id: v1::AgentId { value: "other".to_owned() }, ..command_task("t", "true") };
    assert!(rig.run(aware(), other).is_empty());
    let stranger = upid("master@10.9.9.9:5050");
    rig.agent.handle(
        rig.now,
        crate::Event::Message {
            from: stranger,
            message: run_task(aware(), command_task("t", "true")).into(),
        },
    );
    assert!(rig.effects().is_empty());
    rig.run(aware(), command_task("t", "true"));
    assert!(rig.run(aware(), command_task("t", "true")).is_empty());
    assert_eq!(rig.agent.current_stats(rig.now).dropped_messages, 3);
}

#[test]
fn an_id_may_be_used_again_once_its_end_is_acknowledged() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("t", "true"))).container_id.clone();
    rig.launched(&container);
    let effects = rig.exited(&container, 0);
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Launch(_))));
    // Acknowledge up to the last, whose record is still being written.
    let mut open = rig.agent.updates.get(&FRAMEWORK.into(), &"t".into()).unwrap().check_head();
    for last in [false, false, true] {
        rig.durable = !last;
        let effects = rig.acknowledge(&open);
        if let Some(next) = updates(&effects).pop() {
            open = next;
        }
    }
    rig.run(aware(), command_task("t", "true"));
    assert_ne!(launch(&rig.persist()).container_id, container);
}

/// If the agent forgot a task that has begun, it would call it dropped.
#[test]
fn nothing_of_a_task_runs_before_it_is_written() {
    let mut rig = Rig::registered();
    let begins = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Launch(_)));
    rig.durable = false;
    assert!(!begins(&rig.run(aware(), command_task("c", "true"))));
    assert!(begins(&rig.persist()));
    // Killed meanwhile: it never begins, and its executor is over.
    rig.run(aware(), command_task("k", "true"));
    let killed = rig.kill("k");
    assert!(!begins(&killed));
    let effects = rig.persist();
    assert!(!begins(&effects) && states(&effects).contains(&TaskState::Killed), "{effects:?}");
    rig.durable = true;
    rig.acknowledge_all(&effects);
    assert!(rig.agent.executors.executor(&FRAMEWORK.into(), &"k".into()).is_none());
    // An executor that runs is not given a task before that is written.
    rig.with_executor(aware());
    rig.durable = false;
    assert_eq!(event_types(&rig.run(aware(), executor_task("late", "e"))), []);
    assert_eq!(event_types(&rig.persist()), [Event::Launch]);
}

#[test]
fn a_group_is_delivered_as_one() {
    let mut rig = Rig::registered();
    let mut executor = executor_info("pod");
    executor.framework_id = None;
    executor.r#type = Some(v1::executor_info::Type::Default.into());
    executor.command = None;
    let group = internal::RunTaskGroupMessage {
        framework: aware(),
        executor,
        task_group: v1::TaskGroupInfo { tasks: vec![task("a"), task("b")] },
        ..internal::RunTaskGroupMessage::default()
    };
    let effects = rig.message(group);
    let launch = launch(&effects);
    assert_eq!(launch.kind, LaunchKind::Executor);
    assert_eq!(launch.limits.cpus_milli, 1100);
    assert_eq!(launch.command.arguments, ["tepui", "executor", "default"]);
    let (_, effects) = rig.subscribe("pod");
    let subscribed = super::events(&effects)[0].subscribed.clone().unwrap_or_default();
    assert_eq!(subscribed.executor_info.command, None, "nobody is told how it is done");
    assert_eq!(event_types(&effects), [Event::Subscribed, Event::LaunchGroup]);
    let group = super::events(&effects)[1].launch_group.clone().unwrap_or_default();
    assert_eq!(group.task_group.tasks.len(), 2);
}

#[test]
fn messages_travel_both_ways() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let message = Some(v1::executor::call::Message { data: "hi".into() });
    let call = v1::executor::Call { message, ..super::call(v1::executor::call::Type::Message, "e") };
    let (_, effects) = rig.call(call.clone());
    let [Message::ExecutorToFramework(up)] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((&up.data[..], up.slave_id.value.as_str()), (&b"hi"[..], AGENT));
    let down = |executor: &str| internal::FrameworkToExecutorMessage {
        slave_id: v1::AgentId { value: AGENT.to_owned() },
        framework_id: v1::FrameworkId { value: FRAMEWORK.to_owned() },
        executor_id: v1::ExecutorId { value: executor.to_owned() },
        data: "ping".into(),
    };
    assert_eq!(event_types(&rig.message(down("e"))), [Event::Message]);
    assert!(rig.message(down("nobody")).is_empty());
    let stats = rig.agent.current_stats(rig.now);
    assert_eq!((stats.valid_framework_messages, stats.invalid_framework_messages), (2, 1));
    // A scheduler of the older kind gets it directly.
    rig.message(internal::UpdateFrameworkMessage {
        framework_id: v1::FrameworkId { value: FRAMEWORK.to_owned() },
        pid: Some("scheduler-1@10.0.0.9:7000".to_owned()),
        framework_info: None,
    });
    let (_, effects) = rig.call(call);
    assert!(
        effects.iter().any(
            |effect| matches!(effect, Effect::Send { to, .. } if *to == upid("scheduler-1@10.0.0.9:7000"))
        )
    );
}

#[test]
fn a_framework_is_written_once() {
    let mut rig = Rig::registered();
    for n in 0..3 {
        let effects = rig.run(aware(), command_task(&format!("t{n}"), "true"));
        let written = checkpoints(&effects)
            .iter()
            .filter(|checkpoint| matches!(checkpoint, crate::Checkpoint::Framework { .. }))
            .count();
        assert_eq!(written, usize::from(n == 0));
        let container = launch(&effects).container_id.clone();
        let effects = rig.launched(&container);
        rig.acknowledge_all(&effects);
        let effects = rig.exited(&container, 0);
        rig.acknowledge_all(&effects);
        assert!(rig.agent.executors.is_empty());
    }
    let snapshot = rig.agent.snapshot(rig.now);
    assert_eq!(snapshot.completed_frameworks.len(), 1, "its history goes on");
    assert_eq!(snapshot.completed_frameworks[0].completed_executors.len(), 3);
}
