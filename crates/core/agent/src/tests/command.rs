use std::time::Duration;

use assert_matches::assert_matches;
use tepui_core_kit::Core as _;
use tepui_model::{Source, TaskState};
use tepui_wire_mesos::v1::{self, agent::call::GetContainers, task_status::Reason};

use super::{
    AGENT, FRAMEWORK, Rig, aware, checkpoints, command_task, framework, launch, sent, states, updates,
};
use crate::{
    Checkpoint, Effect, Exit, LaunchFailure, LaunchFailureReason, LaunchKind, Limitation, Removal, views,
};

#[test]
fn launch_describes_what_mesos_would_start() {
    let mut rig = Rig::registered();
    let mut task = command_task("t", "echo hello; exit 3");
    let variable = |name: &str, value: &str| v1::environment::Variable {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..v1::environment::Variable::default()
    };
    if let Some(command) = &mut task.command {
        let variables = vec![variable("FOO", "bar"), variable("MESOS_CHECKPOINT", "mine")];
        command.environment = Some(v1::Environment { variables });
    }
    let effects = rig.run(aware(), task);
    assert_matches!(
        checkpoints(&effects)[..],
        [
            Checkpoint::Framework { .. },
            Checkpoint::Executor { command_task: true, .. },
            Checkpoint::Task { .. }
        ]
    );
    let launch = launch(&effects);
    let container = launch.container_id.as_str();
    let sandbox = format!("/w/slaves/{AGENT}/frameworks/{FRAMEWORK}/executors/t/runs/{container}");
    assert_eq!(launch.sandbox, sandbox);
    assert_eq!(launch.kind, LaunchKind::Command);
    assert_eq!(launch.user.as_deref(), Some("root"));
    assert!(launch.checkpoint);
    assert_eq!((launch.limits.cpus_milli, launch.limits.mem_bytes), (600, 96 * 1024 * 1024));
    let environment: Vec<(&str, &str)> =
        launch.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        environment,
        [
            ("LIBPROCESS_IP", "127.0.0.1"),
            ("LIBPROCESS_PORT", "0"),
            ("MESOS_FRAMEWORK_ID", FRAMEWORK),
            ("MESOS_EXECUTOR_ID", "t"),
            ("MESOS_DIRECTORY", &sandbox),
            ("MESOS_SLAVE_ID", AGENT),
            ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5051"),
            ("MESOS_AGENT_ENDPOINT", "127.0.0.1:5051"),
            ("MESOS_CHECKPOINT", "mine"),
            ("MESOS_HTTP_COMMAND_EXECUTOR", "0"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
            ("MESOS_RECOVERY_TIMEOUT", "15mins"),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
            ("MESOS_SANDBOX", &sandbox),
            ("MESOS_ALLOCATION_ROLE", "web"),
            ("FOO", "bar"),
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ]
    );
}

#[test]
fn the_made_up_executor_has_mesos_name() {
    let words = |task: v1::TaskInfo| {
        crate::command::executor_info(&super::config(), &FRAMEWORK.into(), &task).name.unwrap_or_default()
    };
    let shell = |value: &str| words(command_task("t", value));
    assert_eq!(shell("echo quick"), "Command Executor (Task: t) (Command: sh -c 'echo quick')");
    assert_eq!(shell("echo hello; exit 3"), "Command Executor (Task: t) (Command: sh -c 'echo hello; ...')");
    assert_eq!(shell("ééééééééé"), "Command Executor (Task: t) (Command: sh -c 'éééééé...')");
    let mut task = command_task("t", "/bin/ls");
    if let Some(command) = &mut task.command {
        command.shell = Some(false);
        command.arguments = vec!["ls".to_owned(), "-la".to_owned()];
    }
    assert_eq!(words(task), "Command Executor (Task: t) (Command: [/bin/ls, ls,...])");
    let mut task = command_task("t", "");
    task.command = Some(v1::CommandInfo::default());
    assert_eq!(words(task), "Command Executor (Task: t) (Command: NO COMMAND)");
}

#[test]
fn starting_running_and_the_end() {
    for (raw, state, message) in [
        (0, TaskState::Finished, "Command exited with status 0"),
        (3 << 8, TaskState::Failed, "Command exited with status 3"),
        (9, TaskState::Failed, "Command terminated with signal Killed"),
    ] {
        let mut rig = Rig::registered();
        let container = launch(&rig.run(aware(), command_task("t", "x"))).container_id.clone();
        let effects = rig.launched(&container);
        let [starting] = &updates(&effects)[..] else { panic!("{effects:?}") };
        let status = &starting.status;
        assert_eq!(status.state(), v1::TaskState::TaskStarting);
        assert_eq!(starting.latest_state(), v1::TaskState::TaskRunning);
        assert_eq!(status.source, Some(Source::Executor.number()));
        assert_eq!(status.executor_id.as_ref().map(|id| id.value.as_str()), Some("t"));
        assert_eq!(starting.executor_id, status.executor_id);
        assert_eq!(starting.uuid, status.uuid);
        assert_eq!(status.message, None);
        let place = status.container_status.clone().unwrap_or_default();
        assert_eq!(place.executor_pid, Some(42));
        assert_eq!(place.container_id, Some((&container).into()));
        assert_eq!(place.network_infos[0].ip_addresses[0].ip_address.as_deref(), Some("127.0.0.1"));
        let effects = rig.acknowledge(starting);
        assert_eq!(states(&effects), [TaskState::Running]);
        let running = updates(&effects).remove(0);
        assert!(updates(&rig.exited(&container, raw)).is_empty(), "one at a time");
        let effects = rig.acknowledge(&running);
        let end = updates(&effects).remove(0);
        assert_eq!(end.status.state, state.number());
        assert_eq!(end.status.message.as_deref(), Some(message));
        assert_eq!(end.status.reason, None);
        let effects = rig.acknowledge(&end);
        assert_matches!(&effects[..], [Effect::Persist(_), Effect::RemoveCheckpoint(Removal::Run(_))]);
        assert!(rig.agent.executors.is_empty());
    }
}

#[test]
fn no_word_of_an_exited_executor_for_a_command() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("t", "x"))).container_id.clone();
    rig.launched(&container);
    let effects = rig.exited(&container, 0);
    assert!(sent(&effects).is_empty());
}

#[test]
fn an_end_that_overtakes_the_start_is_told_in_order() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("t", "x"))).container_id.clone();
    let effects = rig.exited(&container, 0);
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Starting, TaskState::Running, TaskState::Finished]);
    // The late word of the start is about nobody.
    assert_eq!(rig.launched(&container), vec![Effect::Destroy { container }]);
}

#[test]
fn failed_launches() {
    let directory =
        |container: &str| format!("/w/slaves/{AGENT}/frameworks/{FRAMEWORK}/executors/t/runs/{container}");
    for (reason, info, state, wire_reason, message) in [
        (
            LaunchFailureReason::Sandbox,
            aware(),
            v1::TaskState::TaskDropped,
            Reason::ExecutorTerminated,
            "Failed to create executor directory '{}': oops",
        ),
        (
            LaunchFailureReason::Sandbox,
            framework(&[]),
            v1::TaskState::TaskLost,
            Reason::ExecutorTerminated,
            "Failed to create executor directory '{}': oops",
        ),
        (
            LaunchFailureReason::Fetch,
            aware(),
            v1::TaskState::TaskFailed,
            Reason::ContainerLaunchFailed,
            "Failed to launch container: oops",
        ),
    ] {
        let mut rig = Rig::registered();
        let container = launch(&rig.run(info, command_task("t", "x"))).container_id.clone();
        let failure = LaunchFailure { reason, message: "oops".to_owned() };
        rig.agent
            .handle(rig.now, crate::Event::Launched { container: container.clone(), outcome: Err(failure) });
        let effects = rig.effects();
        let update = updates(&effects).remove(0);
        assert_eq!((update.status.state(), update.status.reason()), (state, wire_reason));
        assert_eq!(update.status.message, Some(message.replace("{}", &directory(container.as_str()))));
        assert_eq!(update.status.source(), v1::task_status::Source::Agent);
        assert_eq!(update.status.container_status, None);
        assert_eq!(rig.acknowledge_all(&effects).len(), 1);
        assert!(rig.agent.executors.is_empty());
    }
}

#[test]
fn a_program_that_is_not_there_exits_with_1() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("t", "x"))).container_id.clone();
    let failure =
        LaunchFailure { reason: LaunchFailureReason::NoProgram, message: "no such file".to_owned() };
    rig.agent.handle(rig.now, crate::Event::Launched { container, outcome: Err(failure) });
    let effects = rig.effects();
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Starting, TaskState::Running, TaskState::Failed]);
    let completed = &rig.agent.snapshot(rig.now).completed_frameworks[0];
    let task = &completed.completed_executors[0].completed_tasks[0];
    assert_eq!(task.statuses[2].message.as_deref(), Some("Command exited with status 1"));
}

#[test]
fn limits_and_completion_time_have_their_reasons() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("t", "x"))).container_id.clone();
    let effects = rig.launched(&container);
    let mut all = rig.acknowledge_all(&effects);
    let limitation = Limitation {
        reason: tepui_model::Reason::ContainerLimitationMemory,
        message: "Memory limit exceeded".to_owned(),
        resources: vec![super::scalar("mem", 64.0)],
    };
    let exit = Exit { wait_status: Some(9), limitation: Some(limitation) };
    rig.agent.handle(rig.now, crate::Event::ContainerExited { container: container.clone(), exit });
    let effects = rig.effects();
    let update = updates(&effects).remove(0);
    assert_eq!(update.status.reason(), Reason::ContainerLimitationMemory);
    assert_eq!(update.status.limitation.map(|limitation| limitation.resources.len()), Some(1));
    all.extend(rig.acknowledge_all(&effects));
    assert_eq!(all, [TaskState::Starting, TaskState::Running, TaskState::Failed]);

    let mut task = command_task("t2", "sleep 100");
    task.max_completion_time = Some(v1::DurationInfo { nanoseconds: 10_000_000_000 });
    let container = launch(&rig.run(aware(), task)).container_id.clone();
    let effects = rig.launched(&container);
    rig.acknowledge_all(&effects);
    let effects = rig.pass(Duration::from_secs(11));
    assert!(effects.contains(&Effect::Signal {
        container: container.clone(),
        signal: 15,
        whole_group: true
    }));
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Killing]);
    let effects = rig.exited(&container, 15);
    let update = updates(&effects).remove(0);
    assert_eq!(update.status.state(), v1::TaskState::TaskFailed);
    assert_eq!(update.status.reason(), Reason::MaxCompletionTimeReached);
}

#[test]
fn readers_see_what_mesos_shows() {
    let mut rig = Rig::registered();
    assert_eq!(
        views::get_containers(&rig.agent.snapshot(rig.now), GetContainers::default()).get_containers,
        None
    );
    let container = launch(&rig.run(aware(), command_task("t", "sleep 100"))).container_id.clone();
    let snapshot = rig.agent.snapshot(rig.now);
    let tasks = views::get_tasks(&snapshot).get_tasks.unwrap_or_default();
    assert_eq!((tasks.queued_tasks.len(), tasks.launched_tasks.len()), (1, 0));
    let effects = rig.launched(&container);
    rig.acknowledge_all(&effects);
    let snapshot = rig.agent.snapshot(rig.now);
    let state = views::get_state(&snapshot).get_state.unwrap_or_default();
    let task = &state.get_tasks.unwrap_or_default().launched_tasks[0];
    assert_eq!(task.state(), v1::TaskState::TaskRunning);
    assert_eq!(task.statuses.len(), 2);
    assert_eq!(task.status_update_state(), v1::TaskState::TaskRunning);
    assert_eq!(task.executor_id, None);
    let executor = &state.get_executors.unwrap_or_default().executors[0].executor_info;
    assert_eq!(executor.name.as_deref(), Some("Command Executor (Task: t) (Command: sh -c 'sleep 100')"));
    let answer = views::get_containers(&snapshot, GetContainers::default());
    let containers = answer.get_containers.unwrap_or_default().containers;
    assert_eq!(containers[0].container_id, (&container).into());
    let metrics = snapshot.stats.metrics();
    assert_eq!(metrics.get("slave/tasks_running"), Some(&1.0));
    assert_eq!(metrics.get("slave/cpus_used"), Some(&0.6));
    assert_eq!(metrics.get("slave/mem_percent"), Some(&(96.0 / 1024.0)));
    assert_eq!(metrics.get("slave/registered"), Some(&1.0));
    assert!(views::get_agent(&snapshot).get_agent.is_some_and(|agent| agent.agent_info.is_some()));
    assert_eq!(views::get_frameworks(&snapshot).get_frameworks.unwrap_or_default().frameworks.len(), 1);
}
