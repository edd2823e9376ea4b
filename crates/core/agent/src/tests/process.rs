//! Executors that speak libprocess.

use std::time::Duration;

use assert_matches::assert_matches;
use tepui_core_kit::Core as _;
use tepui_model::{ContainerId, TaskState};
use tepui_wire_mesos::{
    Message, internal,
    v1::{self, task_status::Reason},
};

use super::{
    AGENT, FRAMEWORK, Rig, aware, checkpoints, command_task, disk::Disk, events, executor_info,
    executor_task, launch, master, sent, states, status, task, updates, upid, uuid,
};
use crate::{Checkpoint, ContainerState, Effect, Phase, Upid};

fn process() -> Upid {
    upid("executor(1)@127.0.0.1:7777")
}

fn framework_id(value: &str) -> v1::FrameworkId {
    v1::FrameworkId { value: value.to_owned() }
}

fn executor_id(value: &str) -> v1::ExecutorId {
    v1::ExecutorId { value: value.to_owned() }
}

fn register(framework: &str, executor: &str) -> internal::RegisterExecutorMessage {
    internal::RegisterExecutorMessage {
        framework_id: framework_id(framework),
        executor_id: executor_id(executor),
    }
}

fn update(status: v1::TaskStatus) -> internal::StatusUpdate {
    internal::StatusUpdate {
        framework_id: framework_id(FRAMEWORK),
        executor_id: Some(executor_id("e")),
        slave_id: Some(v1::AgentId { value: AGENT.to_owned() }),
        timestamp: 7.0,
        uuid: status.uuid.clone(),
        latest_state: None,
        status: v1::TaskStatus { uuid: None, source: None, ..status },
    }
}

fn update_message(update: internal::StatusUpdate) -> internal::StatusUpdateMessage {
    internal::StatusUpdateMessage { update, pid: Some(process().to_string()) }
}

fn reregister(tasks: &[&str], updates: Vec<internal::StatusUpdate>) -> internal::ReregisterExecutorMessage {
    internal::ReregisterExecutorMessage {
        executor_id: executor_id("e"),
        framework_id: framework_id(FRAMEWORK),
        tasks: tasks.iter().map(|id| executor_task(id, "e")).collect(),
        updates,
    }
}

/// Whom a message goes to, and which one.
fn said(effects: &[Effect]) -> Vec<(String, &'static str)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { to, message } => {
                let name = message.name().trim_start_matches("mesos.internal.").trim_end_matches("Message");
                Some((to.id.clone(), name))
            }
            _ => None,
        })
        .collect()
}

fn to_executor(effects: &[Effect]) -> Vec<&'static str> {
    let said = said(effects).into_iter().filter(|(to, _)| to.starts_with("executor"));
    said.map(|(_, name)| name).collect()
}

impl Rig {
    fn from(&mut self, from: &Upid, message: impl Into<Message>) -> Vec<Effect> {
        self.agent.handle(self.now, crate::Event::Message { from: from.clone(), message: message.into() });
        self.effects()
    }

    /// A custom executor that has registered over libprocess, with one task delivered to it.
    fn with_process(&mut self) -> (ContainerId, Vec<Effect>) {
        let container = launch(&self.run(aware(), executor_task("t", "e"))).container_id.clone();
        self.launched(&container);
        let effects = self.from(&process(), register(FRAMEWORK, "e"));
        (container, effects)
    }
}

/// An agent that was killed before would not find an executor again that has something to do.
#[test]
fn nothing_is_to_do_before_it_is_written_down_where() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    rig.durable = false;
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert_matches!(checkpoints(&effects)[..], [Checkpoint::Registered { .. }]);
    assert_eq!(to_executor(&effects), [] as [&str; 0]);
    assert_eq!(to_executor(&rig.from(&process(), register(FRAMEWORK, "e"))), [] as [&str; 0], "again");
    assert_eq!(to_executor(&rig.persist()), ["ExecutorRegistered", "RunTask"]);
    rig.durable = true;

    // Its end is asked for meanwhile, or its link breaks.
    for (broken, expected) in [(false, vec!["ShutdownExecutor"]), (true, vec![])] {
        let mut rig = Rig::registered();
        let container = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
        rig.launched(&container);
        rig.durable = false;
        rig.from(&process(), register(FRAMEWORK, "e"));
        if broken {
            rig.agent.handle(rig.now, crate::Event::Exited(process()));
        } else {
            rig.kill("t");
        }
        assert_eq!(to_executor(&rig.persist()), expected);
        if broken {
            assert_eq!(to_executor(&rig.pass(Duration::from_secs(1))), ["ReconnectExecutor"]);
            let effects = rig.from(&process(), reregister(&[], vec![]));
            assert_eq!(to_executor(&effects), ["ExecutorReregistered", "RunTask"]);
        }
    }
}

#[test]
fn registration_and_a_tasks_life() {
    let mut rig = Rig::registered();
    let (container, effects) = rig.with_process();
    assert!(effects.contains(&Effect::Link { to: process() }));
    assert_matches!(checkpoints(&effects)[..], [Checkpoint::Registered { process: address, .. }] if *address == process());
    let [Message::ExecutorRegistered(registered), Message::RunTask(run)] = sent(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(registered.executor_info.framework_id, Some(framework_id(FRAMEWORK)));
    assert_eq!(registered.slave_id.value, AGENT);
    assert_eq!(run.pid.as_deref(), Some("@0.0.0.0:0"));
    assert_eq!(run.task.task_id.value, "t");
    assert!(rig.pass(Duration::from_secs(61)).is_empty(), "no timer of its registration is left");

    let effects = rig.from(&process(), update_message(update(status("t", TaskState::Running, 1))));
    assert_eq!(to_executor(&effects), ["StatusUpdateAcknowledgement"]);
    let [forwarded] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(forwarded.status.uuid, Some(uuid(1)), "the outer one, in both places");
    assert_eq!(forwarded.status.source(), v1::task_status::Source::Executor);
    assert_eq!(forwarded.status.executor_id, Some(executor_id("e")));
    assert_eq!(forwarded.status.container_status.clone().unwrap().container_id, Some((&container).into()));
    rig.acknowledge(forwarded);

    let data = bytes::Bytes::from_static(b"hello");
    let words = internal::FrameworkToExecutorMessage {
        slave_id: v1::AgentId { value: AGENT.to_owned() },
        framework_id: framework_id(FRAMEWORK),
        executor_id: executor_id("e"),
        data: data.clone(),
    };
    assert_eq!(sent(&rig.message(words.clone())), [&Message::from(words)]);
    let words = internal::ExecutorToFrameworkMessage {
        slave_id: v1::AgentId { value: AGENT.to_owned() },
        framework_id: framework_id(FRAMEWORK),
        executor_id: executor_id("e"),
        data,
    };
    let effects = rig.from(&process(), words.clone());
    assert_eq!(sent(&effects), [&Message::from(words)]);
    assert_eq!(said(&effects), [("master".to_owned(), "ExecutorToFramework")]);

    assert_eq!(to_executor(&rig.run(aware(), executor_task("u", "e"))), ["RunTask"]);
    let effects = rig.kill_with("u", Some(Duration::from_secs(9)));
    let [Message::KillTask(kill)] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(kill.kill_policy.unwrap().grace_period.unwrap().nanoseconds, 9_000_000_000);
    let effects = rig.message(internal::ShutdownExecutorMessage {
        executor_id: Some(executor_id("e")),
        framework_id: Some(framework_id(FRAMEWORK)),
    });
    assert_eq!(to_executor(&effects), ["ShutdownExecutor"]);
    assert!(rig.pass(Duration::from_secs(5)).contains(&Effect::Destroy { container: container.clone() }));
    assert_eq!(states(&rig.exited(&container, 9)), [TaskState::Failed, TaskState::Failed]);
}

#[test]
fn who_is_not_expected_is_shut_down() {
    let mut rig = Rig::registered();
    let refused = |rig: &mut Rig, what: &str, message: Message| {
        let effects = rig.from(&upid("executor(1)@127.0.0.1:9"), message);
        assert_eq!(to_executor(&effects), ["ShutdownExecutor"], "{what}");
        assert_eq!(effects.len(), 1, "{what}: {effects:?}");
    };
    refused(&mut rig, "unknown framework", register("nope", "e").into());
    refused(&mut rig, "unknown framework", reregister(&[], Vec::new()).into());
    rig.run(aware(), command_task("c", "true"));
    refused(&mut rig, "unknown executor", register(FRAMEWORK, "e").into());
    refused(&mut rig, "unknown executor", reregister(&[], Vec::new()).into());
    refused(&mut rig, "the agent itself is its executor", register(FRAMEWORK, "c").into());
    let (container, _) = rig.with_process();
    refused(&mut rig, "it has one already", register(FRAMEWORK, "e").into());
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert_eq!(to_executor(&effects), ["ExecutorRegistered"], "the one it has did not hear it");
    refused(&mut rig, "it never lost the one it has", reregister(&[], Vec::new()).into());
    rig.message(internal::ShutdownExecutorMessage {
        executor_id: Some(executor_id("e")),
        framework_id: Some(framework_id(FRAMEWORK)),
    });
    refused(&mut rig, "it is being ended", register(FRAMEWORK, "e").into());
    refused(&mut rig, "it is being ended", reregister(&[], Vec::new()).into());
    rig.message(internal::ShutdownFrameworkMessage { framework_id: framework_id(FRAMEWORK) });
    refused(&mut rig, "its framework is being ended", register(FRAMEWORK, "e").into());
    rig.exited(&container, 9);
    refused(&mut rig, "it has ended", register(FRAMEWORK, "e").into());
}

#[test]
fn an_executor_without_a_task_is_shut_down_when_it_comes() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    assert_eq!(states(&rig.kill("t")), [TaskState::Killed], "before the executor was there");
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert_eq!(to_executor(&effects), ["ShutdownExecutor"]);
}

#[test]
fn wrong_updates_are_dropped_and_only_the_right_sender_is_believed() {
    let good = || update(status("t", TaskState::Running, 1));
    let other = Some(v1::AgentId { value: "other".to_owned() });
    let wrong: Vec<(&str, Upid, internal::StatusUpdate)> = vec![
        ("another's", upid("executor(1)@127.0.0.1:1"), good()),
        (
            "another framework's",
            process(),
            internal::StatusUpdate { framework_id: framework_id("x"), ..good() },
        ),
        ("another agent's", process(), internal::StatusUpdate { slave_id: other.clone(), ..good() }),
        ("no uuid", process(), internal::StatusUpdate { uuid: None, ..good() }),
        ("a short uuid", process(), internal::StatusUpdate { uuid: Some(vec![1; 15].into()), ..good() }),
        ("no version", process(), internal::StatusUpdate { uuid: Some(vec![0xff; 16].into()), ..good() }),
        (
            "another agent's inside",
            process(),
            internal::StatusUpdate { status: v1::TaskStatus { agent_id: other, ..good().status }, ..good() },
        ),
    ];
    let mut rig = Rig::registered();
    rig.with_process();
    let count = wrong.len();
    for (what, from, update) in wrong {
        let effects = rig.from(&from, update_message(update));
        assert!(effects.is_empty(), "{what}: {effects:?}");
    }
    assert_eq!(rig.agent.stats.invalid_status_updates, count as u64);
    let effects = rig.from(&process(), update_message(good()));
    assert_eq!(states(&effects), [TaskState::Running]);
    // A task of nobody is forwarded, and one that goes back to its beginning ends the executor.
    let effects = rig.from(&process(), update_message(update(status("nobodys", TaskState::Running, 2))));
    assert_eq!(states(&effects), [TaskState::Running]);
    let effects = rig.from(&process(), update_message(update(status("t", TaskState::Staging, 3))));
    assert_eq!(to_executor(&effects), ["ShutdownExecutor"]);
}

#[test]
fn an_end_is_said_once() {
    let mut rig = Rig::registered();
    let (container, _) = rig.with_process();
    let end = |n| update_message(update(status("t", TaskState::Finished, n)));
    let effects = rig.from(&process(), end(1));
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Finished]);
    for n in [1, 2] {
        let effects = rig.from(&process(), end(n));
        assert_eq!(said(&effects), [("executor(1)".to_owned(), "StatusUpdateAcknowledgement")]);
    }
    assert!(updates(&rig.exited(&container, 0)).is_empty());
}

#[test]
fn task_groups_need_the_newer_protocol() {
    let group = |rig: &mut Rig, tasks: &[&str]| {
        let tasks = tasks.iter().map(|id| task(id)).collect();
        rig.message(internal::RunTaskGroupMessage {
            framework: aware(),
            executor: executor_info("e"),
            task_group: v1::TaskGroupInfo { tasks },
            launch_executor: Some(true),
            ..internal::RunTaskGroupMessage::default()
        })
    };
    let refused = |effects: &[Effect]| {
        let words = "Executor 'e' does not speak the v1 API, which task groups need";
        for update in updates(effects) {
            assert_eq!(update.status.state(), v1::TaskState::TaskError);
            assert_eq!(update.status.reason(), Reason::TaskGroupInvalid);
            assert_eq!(update.status.message.as_deref(), Some(words));
        }
        updates(effects).len()
    };
    // Before it is known how the executor speaks.
    let mut rig = Rig::registered();
    let container = launch(&group(&mut rig, &["a", "b"])).container_id.clone();
    rig.launched(&container);
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert_eq!(refused(&effects), 2);
    assert_eq!(to_executor(&effects), ["ExecutorRegistered", "ShutdownExecutor"], "nothing is left to do");
    // And after.
    let mut rig = Rig::registered();
    rig.with_process();
    let effects = group(&mut rig, &["a", "b"]);
    assert_eq!(refused(&effects), 2);
    assert!(to_executor(&effects).is_empty());
}

#[test]
fn a_broken_link_is_mended_and_what_was_lost_on_it_is_told() {
    let mut rig = Rig::registered();
    rig.with_process();
    assert_eq!(to_executor(&rig.run(aware(), executor_task("lost", "e"))), ["RunTask"]);
    rig.from(&process(), update_message(update(status("t", TaskState::Running, 1))));
    rig.agent.handle(rig.now, crate::Event::Exited(process()));
    assert!(rig.effects().is_empty());
    assert!(to_executor(&rig.run(aware(), executor_task("late", "e"))).is_empty());
    assert!(to_executor(&rig.kill("t")).is_empty());
    let effects = rig.pass(Duration::from_secs(1));
    assert!(effects.contains(&Effect::Link { to: process() }));
    assert_eq!(to_executor(&effects), ["ReconnectExecutor"]);
    assert_eq!(to_executor(&rig.pass(Duration::from_secs(1))), ["ReconnectExecutor"], "until it answers");
    let resent = vec![update(status("t", TaskState::Running, 1))];
    let effects = rig.from(&process(), reregister(&["t"], resent.clone()));
    assert_eq!(
        to_executor(&effects),
        ["ExecutorReregistered", "StatusUpdateAcknowledgement", "RunTask", "KillTask"]
    );
    let [dropped] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(dropped.status.task_id.value, "lost");
    assert_eq!(dropped.status.state(), v1::TaskState::TaskDropped);
    // It had been asked twice: what it answers the second time is older than the task that it got since.
    let effects = rig.from(&process(), reregister(&["t"], resent));
    assert_eq!(to_executor(&effects), ["ExecutorReregistered", "StatusUpdateAcknowledgement"]);
    assert!(updates(&effects).is_empty());
    assert!(rig.pass(Duration::from_secs(3)).iter().all(|effect| !matches!(effect, Effect::Link { .. })));
}

#[test]
fn who_ended_with_its_link_is_not_called_back() {
    let mut rig = Rig::registered();
    let (container, _) = rig.with_process();
    rig.agent.handle(rig.now, crate::Event::Exited(process()));
    assert_eq!(states(&rig.exited(&container, 1 << 8)), [TaskState::Failed]);
    assert!(to_executor(&rig.pass(Duration::from_secs(5))).is_empty());
}

/// The disk of an agent with one executor that has registered over libprocess, one task of which runs.
fn left_behind() -> (Disk, ContainerId) {
    let mut rig = Rig::new();
    let mut disk = Disk::default();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    disk.take(&rig.message(internal::SlaveRegisteredMessage { slave_id, connection: None }));
    let effects = rig.run(aware(), executor_task("t", "e"));
    disk.take(&effects);
    let container = launch(&effects).container_id.clone();
    disk.take(&rig.launched(&container));
    disk.take(&rig.from(&process(), register(FRAMEWORK, "e")));
    disk.take(&rig.run(aware(), executor_task("silent", "e")));
    let effects = rig.from(&process(), update_message(update(status("t", TaskState::Running, 1))));
    disk.take(&effects);
    disk.take(&rig.acknowledge(&updates(&effects)[0]));
    (disk, container)
}

#[test]
fn it_is_called_back_after_the_agents_restart() {
    let (mut disk, _) = left_behind();
    let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let effects = rig.effects();
    assert!(effects.contains(&Effect::Link { to: process() }));
    assert_eq!(said(&effects), [("executor(1)".to_owned(), "ReconnectExecutor")]);
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert_eq!(to_executor(&effects), ["ShutdownExecutor"], "nobody new while the old ones are awaited");
    let end = vec![update(status("t", TaskState::Finished, 2))];
    let early = rig.from(&process(), update_message(end[0].clone()));
    assert_eq!(to_executor(&early), [] as [&str; 0], "others may have to come before it");
    let effects = rig.from(&process(), reregister(&["t"], end));
    assert_eq!(to_executor(&effects), ["ExecutorReregistered", "StatusUpdateAcknowledgement"]);
    assert!(sent(&effects).iter().any(|message| matches!(message, Message::ReregisterSlave(_))), "at once");
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    let effects = rig.message(internal::SlaveReregisteredMessage { slave_id, ..Default::default() });
    let ends: Vec<_> =
        updates(&effects).iter().map(|u| (u.status.task_id.value.clone(), u.status.state())).collect();
    assert_eq!(
        ends,
        [("silent".to_owned(), v1::TaskState::TaskDropped), ("t".to_owned(), v1::TaskState::TaskFinished)]
    );
}

#[test]
fn it_is_asked_once_or_as_often_as_the_flag_says() {
    for (interval, asked) in [(None, 0), (Some(Duration::from_millis(500)), 3)] {
        let (mut disk, container) = left_behind();
        let mut config = super::config();
        config.executor_reregistration_retry_interval = interval;
        let mut rig = Rig::with(config, disk.containers(&ContainerState::Alive));
        assert_eq!(to_executor(&rig.effects()), ["ReconnectExecutor"]);
        let effects = rig.pass(Duration::from_millis(1999));
        assert_eq!(to_executor(&effects).len(), asked, "{interval:?}");
        let effects = rig.pass(Duration::from_millis(1));
        assert!(effects.contains(&Effect::Destroy { container: container.clone() }));
        assert!(to_executor(&rig.pass(Duration::from_secs(60))).is_empty());
        rig.register();
        let effects = rig.exited(&container, 9);
        let reasons: Vec<_> = updates(&effects).iter().map(|update| update.status.reason()).collect();
        assert_eq!(reasons, [Reason::ExecutorReregistrationTimeout; 2]);
        assert_eq!(states(&effects), [TaskState::Gone, TaskState::Gone]);
    }
}

#[test]
fn a_second_executor_of_the_other_kind() {
    // The newer kind takes over; what the older one says counts no more.
    let mut rig = Rig::registered();
    rig.with_process();
    let (_, effects) = rig.subscribe("e");
    assert_matches!(checkpoints(&effects)[0], Checkpoint::Subscribed { .. });
    let effects = rig.from(&process(), update_message(update(status("t", TaskState::Running, 1))));
    assert!(effects.is_empty(), "{effects:?}");
    rig.agent.handle(rig.now, crate::Event::Exited(process()));
    assert!(rig.pass(Duration::from_secs(5)).is_empty(), "nobody asks for it");
    // The older kind does not.
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert_eq!(to_executor(&effects), ["ShutdownExecutor"]);
    let effects = rig.run(aware(), executor_task("u", "e"));
    assert_eq!(events(&effects).len(), 1);
}

#[test]
fn without_checkpoints_nothing_is_written() {
    let mut rig = Rig::registered();
    let framework = v1::FrameworkInfo { checkpoint: Some(false), ..aware() };
    let container = launch(&rig.run(framework, executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert!(checkpoints(&effects).is_empty());
    assert_eq!(to_executor(&effects), ["ExecutorRegistered", "RunTask"]);
}

#[test]
fn an_agent_that_ends_takes_nobody() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    rig.message(internal::ShutdownMessage { message: None });
    assert_eq!(rig.agent.phase(), Phase::Terminating);
    let effects = rig.from(&process(), register(FRAMEWORK, "e"));
    assert_eq!(to_executor(&effects), ["ShutdownExecutor"]);
}

#[test]
fn an_executor_that_reconnects_all_the_time_gets_nothing_twice() {
    let mut rig = Rig::registered();
    rig.with_process();
    let effects = rig.from(&process(), update_message(update(status("t", TaskState::Running, 1))));
    rig.acknowledge_all(&effects);
    let mut again = Vec::new();
    for _ in 0..50 {
        rig.agent.handle(rig.now, crate::Event::Exited(process()));
        again.extend(rig.from(&process(), reregister(&[], vec![update(status("t", TaskState::Running, 1))])));
        again.extend(rig.pass(Duration::from_millis(100)));
    }
    assert!(updates(&again).is_empty(), "{again:?}");
    let count = |name| to_executor(&again).iter().filter(|said| **said == name).count();
    assert_eq!((count("ExecutorReregistered"), count("StatusUpdateAcknowledgement")), (50, 50));
    assert_eq!(count("RunTask") + count("ReconnectExecutor"), 0);
    // And of the newer kind.
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    rig.acknowledge_all(&effects);
    for _ in 0..50 {
        let (stream, effects) = rig.subscribe("e");
        assert_eq!(super::event_types(&effects), [v1::executor::event::Type::Subscribed]);
        assert!(updates(&effects).is_empty());
        rig.agent.handle(rig.now, crate::Event::StreamClosed(stream));
    }
    assert_eq!(rig.agent.executors.streams().count(), 0);
}

/// Everything that waits for a time happens at once, and each task still ends once.
#[test]
fn a_clock_that_jumps() {
    let mut rig = Rig::registered();
    let (container, _) = rig.with_process();
    let starting = launch(&rig.run(aware(), executor_task("never", "late"))).container_id.clone();
    rig.launched(&starting);
    rig.agent.handle(rig.now, crate::Event::Exited(process()));
    rig.now = rig.now + Duration::from_secs(10 * 365 * 24 * 3600);
    rig.agent.handle_timeout(rig.now);
    let effects = rig.effects();
    assert!(
        effects.contains(&Effect::Destroy { container: starting.clone() }),
        "it did not register in time"
    );
    assert_eq!(to_executor(&effects), ["ReconnectExecutor"]);
    assert!(rig.agent.poll_timeout().is_none_or(|next| next > rig.now), "nothing is due any more");
    rig.register();
    let mut ends = rig.exited(&starting, 9);
    ends.extend(rig.exited(&container, 9));
    assert_eq!(states(&ends), [TaskState::Failed, TaskState::Failed]);
    assert_eq!(updates(&ends)[0].status.reason(), Reason::ExecutorRegistrationTimeout);
}

/// Killing is the executor's business; ending the executor is the agent's.
#[test]
fn an_executor_that_does_not_listen_to_kills() {
    let mut rig = Rig::registered();
    let (container, _) = rig.with_process();
    for _ in 0..3 {
        assert_eq!(to_executor(&rig.kill("t")), ["KillTask"]);
        assert!(rig.pass(Duration::from_secs(10)).is_empty());
    }
    rig.message(internal::ShutdownExecutorMessage {
        executor_id: Some(executor_id("e")),
        framework_id: Some(framework_id(FRAMEWORK)),
    });
    assert_eq!(rig.pass(Duration::from_secs(5)), [Effect::Destroy { container: container.clone() }]);
    assert_eq!(states(&rig.exited(&container, 9)), [TaskState::Failed]);
}
