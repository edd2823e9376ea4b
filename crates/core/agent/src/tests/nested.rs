//! Containers that are launched through the agent's own API.

use std::collections::{BTreeMap, BTreeSet};

use assert_matches::assert_matches;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use tepui_core_kit::Core as _;
use tepui_model::{ConnectionId, ContainerId, TaskState};
use tepui_wire_mesos::{
    ContentType,
    v1::{self, agent},
};

use super::{
    AGENT, FRAMEWORK, Rig, aware, checkpoints, command_task, disk::Disk, executor_task, framework, launch,
    replies, states, status, updates,
};
use crate::{
    Checkpoint, ContainerCall, ContainerClass, ContainerState, Effect, Exit, Launch, LaunchFailure,
    LaunchFailureReason, LaunchKind, Limitation, Recovered, Removal, Stdio,
};

/// A call, as it comes over the wire.
fn read(json: &str) -> Result<Option<ContainerCall>, String> {
    let call: agent::Call = ContentType::Json.decode(json.as_bytes().to_vec().into()).unwrap();
    ContainerCall::read(call)
}

fn id_json(flat: &str) -> String {
    let mut ids = flat.split('.');
    let first = format!("{{\"value\":\"{}\"}}", ids.next().unwrap());
    ids.fold(first, |parent, id| format!("{{\"value\":\"{id}\",\"parent\":{parent}}}"))
}

/// `{"type": KIND, kind: {"container_id": ..., FIELDS}}`.
fn text(kind: &str, flat: &str, fields: &str) -> String {
    let (id, member) = (id_json(flat), kind.to_ascii_lowercase());
    format!("{{\"type\":\"{kind}\",\"{member}\":{{\"container_id\":{id}{fields}}}}}")
}

const SLEEP: &str = ",\"command\":{\"value\":\"sleep 100\"}";

impl Rig {
    fn ask(&mut self, json: &str) -> (ConnectionId, Vec<Effect>) {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let call = read(json).unwrap().unwrap();
        self.agent.handle(self.now, crate::Event::ContainerCalled { from: connection, call });
        (connection, self.effects())
    }

    fn on(&mut self, kind: &str, flat: &str) -> Vec<Effect> {
        self.ask(&text(kind, flat, "")).1
    }

    /// A container that runs.
    fn nest(&mut self, flat: &str) -> Launch {
        let effects = self.ask(&text("LAUNCH_CONTAINER", flat, SLEEP)).1;
        let launch = launch(&effects).clone();
        assert_eq!(replies(&self.launched(&ContainerId::parse(flat))), [(200, "")]);
        launch
    }

    fn session(&mut self, flat: &str) -> (ConnectionId, Launch) {
        let (connection, effects) = self.ask(&text("LAUNCH_NESTED_CONTAINER_SESSION", flat, SLEEP));
        (connection, launch(&effects).clone())
    }

    fn ends(&mut self, flat: &str, wait_status: i32) -> Vec<Effect> {
        self.exited(&ContainerId::parse(flat), wait_status)
    }
}

/// An agent with a custom executor; its container's id.
fn with_executor() -> (Rig, String) {
    let mut rig = Rig::registered();
    let (container, _) = rig.with_executor(aware());
    (rig, container.to_string())
}

fn destroyed(effects: &[Effect]) -> Vec<String> {
    let destroyed = effects.iter().filter_map(|effect| match effect {
        Effect::Destroy { container } => Some(container.to_string()),
        _ => None,
    });
    destroyed.collect()
}

fn answers(effects: &[Effect]) -> Vec<&agent::Response> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Answer { response, .. } => Some(&**response),
        _ => None,
    });
    answers.collect()
}

fn waited(effects: &[Effect]) -> Vec<Option<i32>> {
    answers(effects).iter().map(|answer| answer.wait_container.as_ref().unwrap().exit_status).collect()
}

#[test]
fn flat_ids_go_both_ways() {
    for flat in ["a", "a.b", "a.b.c"] {
        assert_eq!(ContainerId::parse(flat).to_string(), flat);
    }
}

#[test]
fn calls_that_are_not_well_formed() {
    let launch = |id: &str| text("LAUNCH_CONTAINER", id, SLEEP);
    let long = "x".repeat(120);
    let table = [
        (
            text("LAUNCH_NESTED_CONTAINER", "x", SLEEP),
            "Expecting 'launch_nested_container.container_id.parent' to be present",
        ),
        (
            text("LAUNCH_NESTED_CONTAINER_SESSION", "x", SLEEP),
            "Expecting 'launch_nested_container_session.container_id.parent' to be present",
        ),
        (
            text("WAIT_NESTED_CONTAINER", "x", ""),
            "Expecting 'wait_nested_container.container_id.parent' to be present",
        ),
        (r#"{"type":"WAIT_CONTAINER"}"#.to_owned(), "Expecting 'wait_container' to be present"),
        (r#"{"type":"LAUNCH_CONTAINER"}"#.to_owned(), "Expecting 'launch_container' to be present"),
        (
            launch(&format!("{long}.{long}.{long}")),
            "'launch_container.container_id' is invalid: with those of its parents it has 362 characters, more \
             than 242",
        ),
        (
            launch("a b"),
            "'launch_container.container_id' is invalid: 'ContainerID.value' 'a b' contains invalid characters",
        ),
        (launch("a/b"), "'launch_container.container_id' is invalid: 'a/b' contains invalid characters"),
        (
            launch("a b.c"),
            "'launch_container.container_id' is invalid: 'ContainerID.parent' is invalid: 'ContainerID.value' \
             'a b' contains invalid characters",
        ),
        (
            r#"{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"a.b"}}}"#.to_owned(),
            "'kill_container.container_id' is invalid: 'ContainerID.value' 'a.b' contains invalid characters",
        ),
        (
            r#"{"type":"REMOVE_CONTAINER","remove_container":{"container_id":{"value":""}}}"#.to_owned(),
            "'remove_container.container_id' is invalid: ID must not be empty",
        ),
        (
            text("KILL_CONTAINER", "a", ",\"signal\":0"),
            "'kill_container.signal' is invalid: there is no signal 0",
        ),
        (
            r#"{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{}}"#.to_owned(),
            "Expecting 'attach_container_input.type' to be present",
        ),
        (
            r#"{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"CONTAINER_ID"}}"#
                .to_owned(),
            "Expecting 'attach_container_input.container_id' to be present",
        ),
    ];
    for (call, error) in table {
        assert_eq!(read(&call), Err(error.to_owned()), "{call}");
    }
    assert_eq!(read(r#"{"type":"GET_STATE"}"#), Ok(None), "not about containers");
}

#[test]
fn what_is_not_there() {
    let (mut rig, root) = with_executor();
    let ghost = format!("{root}.ghost");
    let table = [
        ("LAUNCH_CONTAINER", "ghost.x", 400, "Parent container ghost does not exist".to_owned()),
        ("WAIT_CONTAINER", "ghost", 404, "Container ghost cannot be found".to_owned()),
        ("WAIT_NESTED_CONTAINER", "ghost.x", 404, "Container ghost.x cannot be found".to_owned()),
        ("WAIT_CONTAINER", &ghost, 404, format!("Container {ghost} cannot be found")),
        (
            "KILL_CONTAINER",
            "ghost",
            404,
            "Container 'ghost' cannot be found (or is already killed)".to_owned(),
        ),
        ("ATTACH_CONTAINER_OUTPUT", "ghost.x", 404, "Container ghost.x cannot be found".to_owned()),
        ("REMOVE_CONTAINER", "ghost", 200, String::new()),
        ("REMOVE_NESTED_CONTAINER", &ghost, 200, String::new()),
    ];
    for (kind, flat, status, words) in table {
        let effects = rig.on(kind, flat);
        assert_eq!(replies(&effects), [(status, words.as_str())], "{kind} {flat}");
        assert_eq!(effects.len(), 1);
    }
}

#[test]
fn a_nested_container_lives_in_its_parents_sandbox() {
    let (mut rig, root) = with_executor();
    let flat = format!("{root}.a");
    let command = r#","command":{"value":"true","environment":{"variables":[{"name":"A","value":"b"}]}}"#;
    let (_, effects) = rig.ask(&text("LAUNCH_NESTED_CONTAINER", &flat, command));
    let launch = launch(&effects).clone();
    let sandbox = format!("/w/slaves/{AGENT}/frameworks/{FRAMEWORK}/executors/e/runs/{root}/containers/a");
    assert_eq!(launch.container_id, ContainerId::parse(&flat));
    assert_eq!((launch.kind, launch.class), (LaunchKind::Nested, ContainerClass::Default));
    assert_eq!((launch.stdio, launch.own_limits, launch.checkpoint), (Stdio::Files, false, true));
    assert_eq!((launch.sandbox.as_str(), launch.user.as_deref()), (sandbox.as_str(), Some("root")));
    assert_eq!(launch.directory, None);
    let environment: Vec<_> =
        launch.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(
        environment,
        [
            ("MESOS_SANDBOX", sandbox.as_str()),
            ("MESOS_CONTAINER_IP", "127.0.0.1"),
            ("A", "b"),
            ("PATH", path)
        ]
    );
    // It is written down before it is begun, and answered when it runs.
    assert_matches!(&effects[0], Effect::Persist(tepui_core_kit::Persist { writes: checkpoints, .. })
        if matches!(&checkpoints[..], [Checkpoint::Container { container, .. }] if container.to_string() == flat));
    assert!(replies(&effects).is_empty());
    assert_eq!(replies(&rig.launched(&ContainerId::parse(&flat))), [(200, "")]);
    assert_eq!(replies(&rig.ask(&text("LAUNCH_NESTED_CONTAINER", &flat, SLEEP)).1), [(202, "")]);
    // Its id is still taken when it has ended.
    rig.ends(&flat, 0);
    assert_eq!(replies(&rig.ask(&text("LAUNCH_CONTAINER", &flat, SLEEP)).1), [(202, "")]);
}

#[test]
fn nothing_is_begun_before_it_is_written_down() {
    let (mut rig, root) = with_executor();
    rig.durable = false;
    let flat = format!("{root}.a");
    let effects = rig.ask(&text("LAUNCH_CONTAINER", &flat, SLEEP)).1;
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Launch(_))));
    launch(&rig.persist());
    // One that is killed meanwhile is never begun.
    let other = format!("{root}.b");
    rig.ask(&text("LAUNCH_CONTAINER", &other, SLEEP));
    let effects = rig.on("KILL_CONTAINER", &other);
    let words = format!("Container {other} was destroyed while it was being launched");
    assert_eq!(replies(&effects), [(200, ""), (400, words.as_str())]);
    assert!(!rig.persist().iter().any(|effect| matches!(effect, Effect::Launch(_))));
}

#[test]
fn an_executor_may_ask_before_its_own_start_is_told() {
    let mut rig = Rig::registered();
    let root = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
    rig.subscribe("e");
    let [a, b] = ["a", "a.b"].map(|child| format!("{}.{child}", root.as_str()));
    for flat in [&a, &b] {
        let effects = rig.ask(&text("LAUNCH_CONTAINER", flat, SLEEP)).1;
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Launch(_))), "{effects:?}");
    }
    assert_eq!(launch(&rig.launched(&root)).container_id, ContainerId::parse(&a));
    let effects = rig.launched(&ContainerId::parse(&a));
    assert_eq!(
        (launch(&effects).container_id.clone(), replies(&effects)),
        (ContainerId::parse(&b), vec![(200, "")])
    );
}

#[test]
fn resources_are_the_parents_unless_it_says_otherwise() {
    let (mut rig, root) = with_executor();
    let resources = r#","resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}},
        {"name":"mem","type":"SCALAR","scalar":{"value":32}}],"limits":{"cpus":{"value":2}}"#;
    let apart = r#","container":{"type":"MESOS","linux_info":{"share_cgroups":false}}"#;
    for (flat, fields, own) in [
        (format!("{root}.a"), String::new(), false),
        (format!("{root}.b"), apart.to_owned(), true),
        ("alone".to_owned(), String::new(), true),
    ] {
        let (_, effects) = rig.ask(&text("LAUNCH_CONTAINER", &flat, &format!("{SLEEP}{resources}{fields}")));
        let launch = launch(&effects);
        assert_eq!(launch.own_limits, own, "{flat}");
        assert_eq!((launch.limits.cpus_milli, launch.limits.mem_bytes), (500, 32 << 20));
        assert_eq!(launch.limits.cpus_limit_milli, Some(2000));
    }
}

/// A status of a task in a nested container says that container's process, any other the executor's.
#[test]
fn a_status_names_the_process_of_its_container() {
    let (mut rig, root) = with_executor();
    let child = format!("{root}.task");
    let started = rig.ask(&text("LAUNCH_CONTAINER", &child, SLEEP)).1;
    assert_eq!(launch(&started).container_id, ContainerId::parse(&child));
    rig.agent
        .handle(rig.now, crate::Event::Launched { container: ContainerId::parse(&child), outcome: Ok(43) });
    rig.effects();
    let cases = [(None, Some(42)), (Some(&root), Some(42)), (Some(&child), Some(43))];
    for (n, (container, pid)) in (1..).zip(cases) {
        let container_id = container.map(|flat| (&ContainerId::parse(flat)).into());
        let container_status =
            container.map(|_| v1::ContainerStatus { container_id, ..v1::ContainerStatus::default() });
        let status = v1::TaskStatus { container_status, ..status("t", TaskState::Running, n) };
        let effects = rig.update("e", status);
        let told = updates(&effects)[0].status.container_status.clone().unwrap_or_default();
        assert_eq!(told.executor_pid, pid, "{container:?}");
        assert_eq!(told.container_id, Some((&ContainerId::parse(container.unwrap_or(&root))).into()));
        rig.acknowledge_all(&effects);
    }
    let gone = v1::ContainerStatus {
        container_id: Some((&ContainerId::parse(&format!("{root}.gone"))).into()),
        ..v1::ContainerStatus::default()
    };
    let status =
        v1::TaskStatus { container_status: Some(gone.clone()), ..status("t", TaskState::Running, 4) };
    let told = updates(&rig.update("e", status))[0].status.container_status.clone();
    assert_eq!(told, Some(gone), "of one that is not there nothing is known");
}

#[test]
fn one_that_stands_alone() {
    let mut rig = Rig::new();
    rig.pass(std::time::Duration::from_secs(3));
    let launch = rig.nest("alone");
    assert_eq!(
        (launch.sandbox.as_str(), launch.user, launch.checkpoint),
        ("/w/containers/alone", None, true)
    );
    let inner = rig.nest("alone.inner");
    assert_eq!(inner.sandbox, "/w/containers/alone/containers/inner");
    assert_eq!(
        replies(&rig.on("REMOVE_CONTAINER", "alone")),
        [(500, "Nested container has not terminated yet")]
    );
    rig.ends("alone", 0);
    rig.ends("alone.inner", 9);
    let effects = rig.on("REMOVE_CONTAINER", "alone");
    assert!(
        effects.contains(&Effect::RemoveSandbox { path: "/w/containers/alone".to_owned() }),
        "{effects:?}"
    );
    for container in ["alone", "alone.inner"] {
        let container = ContainerId::parse(container);
        assert!(effects.contains(&Effect::RemoveCheckpoint(Removal::Container { container })));
    }
    assert_eq!(replies(&rig.on("WAIT_CONTAINER", "alone")), [(404, "Container alone cannot be found")]);
}

#[test]
fn everyone_who_waits_is_told_the_end() {
    let (mut rig, root) = with_executor();
    let flat = format!("{root}.a");
    rig.nest(&flat);
    assert!(rig.on("WAIT_NESTED_CONTAINER", &flat).is_empty());
    assert!(rig.on("WAIT_CONTAINER", &flat).is_empty());
    let effects = rig.ends(&flat, 1280);
    let told = answers(&effects);
    assert_eq!(told[0].r#type, Some(agent::response::Type::WaitNestedContainer.into()));
    assert_eq!(told[0].wait_nested_container.as_ref().unwrap().exit_status, Some(1280));
    assert_eq!(told[1].r#type, Some(agent::response::Type::WaitContainer.into()));
    assert_eq!(told[1].wait_container.as_ref().unwrap().exit_status, Some(1280));
    assert_matches!(&checkpoints(&effects)[..], [Checkpoint::ContainerEnded { .. }]);
    // Who asks later is told the same, until it is removed.
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", &flat)), [Some(1280)]);
    assert_eq!(replies(&rig.on("KILL_CONTAINER", &flat))[0].0, 404);
    rig.on("REMOVE_CONTAINER", &flat);
    assert_eq!(replies(&rig.on("WAIT_CONTAINER", &flat))[0].0, 404);
}

#[test]
fn a_limit_is_told_with_its_reason() {
    let (mut rig, root) = with_executor();
    let flat = format!("{root}.a");
    rig.nest(&flat);
    rig.on("WAIT_CONTAINER", &flat);
    let reason = tepui_model::Reason::ContainerLimitationMemory;
    let limitation = Limitation { reason, message: "too much".to_owned(), resources: Vec::new() };
    let exit = Exit { wait_status: Some(9), limitation: Some(limitation) };
    rig.agent.handle(rig.now, crate::Event::ContainerExited { container: ContainerId::parse(&flat), exit });
    let effects = rig.effects();
    let told = answers(&effects)[0].wait_container.clone().unwrap();
    assert_eq!((told.exit_status, told.state), (Some(9), Some(v1::TaskState::TaskFailed.into())));
    assert_eq!((told.reason, told.message.as_deref()), (Some(reason.number()), Some("too much")));
    assert!(told.limitation.is_some());
}

#[test]
fn no_more_wait_than_may() {
    let (mut rig, root) = with_executor();
    for _ in 0..crate::nested::WAITING_MAX {
        assert!(rig.on("WAIT_CONTAINER", &root).is_empty());
    }
    let words = format!("Too many calls wait for container {root}");
    assert_eq!(replies(&rig.on("WAIT_CONTAINER", &root)), [(503, words.as_str())]);
}

#[test]
fn a_signal_goes_to_the_process_that_was_launched() {
    let (mut rig, root) = with_executor();
    let flat = format!("{root}.a");
    rig.nest(&flat);
    for (fields, signal) in [("", 9), (",\"signal\":15", 15)] {
        let container = ContainerId::parse(&flat);
        let expected = Effect::Signal { container, signal, whole_group: false };
        let effects = rig.ask(&text("KILL_CONTAINER", &flat, fields)).1;
        assert!(effects.contains(&expected), "{effects:?}");
        assert_eq!(replies(&effects), [(200, "")]);
    }
}

#[test]
fn failures_to_launch() {
    let (mut rig, root) = with_executor();
    let flat = format!("{root}.a");
    let fail = |rig: &mut Rig, reason| {
        let failure = LaunchFailure { reason, message: "no such thing".to_owned() };
        rig.agent.handle(
            rig.now,
            crate::Event::Launched { container: ContainerId::parse(&flat), outcome: Err(failure) },
        );
        rig.effects()
    };
    for reason in [LaunchFailureReason::Sandbox, LaunchFailureReason::Fetch, LaunchFailureReason::Other] {
        rig.ask(&text("LAUNCH_CONTAINER", &flat, SLEEP));
        assert_eq!(replies(&fail(&mut rig, reason)), [(400, "no such thing")]);
        assert_eq!(replies(&rig.on("WAIT_CONTAINER", &flat))[0].0, 404, "nothing is left of it");
    }
    for reason in [LaunchFailureReason::NoProgram, LaunchFailureReason::NotExecutable] {
        // Who sits at a session is told at once, and what it was.
        let (to, _) = rig.session(&flat);
        let failure = LaunchFailure { reason, message: "no such thing".to_owned() };
        let refused = Effect::RefuseLaunch { to, failure };
        assert!(fail(&mut rig, reason).contains(&refused));
        // Mesos starts a helper first: a program that is not there is an end like any other.
        rig.ask(&text("LAUNCH_CONTAINER", &flat, SLEEP));
        assert_eq!(replies(&fail(&mut rig, reason)), [(200, "")]);
        assert_eq!(waited(&rig.on("WAIT_CONTAINER", &flat)), [Some(256)]);
        rig.on("REMOVE_CONTAINER", &flat);
    }
}

#[test]
fn children_end_before_their_parent_does() {
    let (mut rig, root) = with_executor();
    let [a, ab, c] = ["a", "a.b", "c"].map(|child| format!("{root}.{child}"));
    for flat in [&a, &ab, &c] {
        rig.nest(flat);
        rig.on("WAIT_CONTAINER", flat);
    }
    // One in the middle: its end is told when its child has ended.
    let effects = rig.ends(&a, 256);
    assert_eq!((destroyed(&effects), waited(&effects)), (vec![ab.clone()], vec![]));
    let refused = rig.ask(&text("LAUNCH_CONTAINER", &format!("{a}.d"), SLEEP)).1;
    let words = format!("Parent container {a} is in 'DESTROYING' state");
    assert_eq!(replies(&refused), [(400, words.as_str())]);
    assert_eq!(waited(&rig.ends(&ab, 9)), [Some(9), Some(256)]);
    // The executor: the task ends when nothing is left of its container.
    rig.on("WAIT_CONTAINER", &root);
    let effects = rig.ends(&root, 0);
    assert_eq!((destroyed(&effects), states(&effects)), (vec![c.clone()], vec![]));
    let effects = rig.ends(&c, 9);
    assert_eq!((waited(&effects), states(&effects)), (vec![Some(9), Some(0)], vec![TaskState::Failed]));
    // With the executor everything about its containers is forgotten.
    for flat in [&a, &ab, &c] {
        assert_eq!(replies(&rig.on("WAIT_CONTAINER", flat))[0].0, 404);
        assert!(
            effects.contains(&Effect::RemoveCheckpoint(Removal::Container {
                container: ContainerId::parse(flat)
            }))
        );
    }
}

#[test]
fn killed_while_it_is_being_launched() {
    let (mut rig, root) = with_executor();
    let flat = format!("{root}.a");
    rig.ask(&text("LAUNCH_CONTAINER", &flat, SLEEP));
    let effects = rig.on("KILL_CONTAINER", &flat);
    assert_eq!((destroyed(&effects), replies(&effects)), (vec![flat.clone()], vec![(200, "")]));
    rig.launched(&ContainerId::parse(&flat));
    let words = format!("Container {flat} was destroyed while it was being launched");
    assert_eq!(replies(&rig.ends(&flat, 9)), [(400, words.as_str())]);
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", &flat)), [Some(9)]);
}

/// A command task with a user and a variable of its own.
fn particular_task() -> v1::TaskInfo {
    let mut task = command_task("t", "sleep 1000");
    let variable =
        v1::environment::Variable { name: "A".to_owned(), value: Some("b".to_owned()), ..Default::default() };
    let command = task.command.as_mut().unwrap();
    command.environment = Some(v1::Environment { variables: vec![variable] });
    command.user = Some("nobody".to_owned());
    task
}

#[test]
fn the_next_agents_sessions_see_what_their_task_sees() {
    for task in [particular_task(), command_task("t", "sleep 1000")] {
        let mut rig = Rig::new();
        rig.disk = Some(Disk::default());
        rig.register();
        let task = launch(&rig.run(aware(), task)).clone();
        rig.launched(&task.container_id);
        let mut disk = rig.disk.take().unwrap();

        let mut rig = recovered(&mut disk, &ContainerState::Alive, &ContainerState::Alive);
        rig.effects();
        let session = rig.session(&format!("{}.s", task.container_id.as_str())).1;
        assert_eq!((session.environment, session.user), (task.environment, task.user));
        // Readers see of its executor what they saw before.
        let info = &rig.agent.executor_mut(&super::FRAMEWORK.into(), &"t".into()).unwrap().info;
        assert_eq!(info.command.as_ref().unwrap().environment, None);
    }
}

#[test]
fn a_session_sees_what_its_task_sees_and_ends_with_its_connection() {
    let mut rig = Rig::registered();
    let task = particular_task();
    let task = launch(&rig.run(aware(), task)).clone();
    let root = task.container_id.to_string();
    rig.launched(&task.container_id);

    let flat = format!("{root}.s");
    let (connection, launch) = rig.session(&flat);
    assert_eq!((launch.class, launch.stdio), (ContainerClass::Debug, Stdio::Pipes));
    assert_eq!((launch.environment, launch.user), (task.environment, Some("nobody".to_owned())));
    assert_eq!((launch.directory.as_deref(), launch.checkpoint), (Some(task.sandbox.as_str()), false));
    let container = ContainerId::parse(&flat);
    let attached = Effect::AttachOutput { to: connection, container: container.clone() };
    assert_eq!(rig.launched(&container), [attached]);
    let effects = rig.on("ATTACH_CONTAINER_OUTPUT", &flat);
    assert_matches!(&effects[..], [Effect::AttachOutput { to, .. }] if *to != connection);
    let input = format!(
        r#"{{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{{"type":"CONTAINER_ID","container_id":{}}}}}"#,
        id_json(&flat)
    );
    assert_matches!(&rig.ask(&input).1[..], [Effect::AttachInput { .. }]);

    rig.on("WAIT_NESTED_CONTAINER", &flat);
    rig.agent.handle(rig.now, crate::Event::StreamClosed(connection));
    assert_eq!(destroyed(&rig.effects()), [flat.as_str()]);
    let effects = rig.ends(&flat, 9);
    assert_eq!(answers(&effects)[0].wait_nested_container.as_ref().unwrap().exit_status, Some(9));
    let effects = rig.on("REMOVE_NESTED_CONTAINER", &flat);
    assert!(effects.contains(&Effect::RemoveSandbox { path: launch.sandbox }), "{effects:?}");
}

#[test]
fn a_terminal_has_the_size_that_was_asked_for() {
    let (mut rig, root) = with_executor();
    let tty = r#","container":{"type":"MESOS","tty_info":{"window_size":{"rows":30,"columns":100}}}"#;
    let flat = format!("{root}.s");
    let call = text("LAUNCH_NESTED_CONTAINER_SESSION", &flat, &format!("{SLEEP}{tty}"));
    assert_eq!(launch(&rig.ask(&call).1).stdio, Stdio::Tty { rows: 30, columns: 100 });
}

/// What the next agent finds of executors' containers and of others.
fn recovered(disk: &mut Disk, root: &ContainerState, others: &ContainerState) -> Rig {
    let mut recovered: Recovered = disk.containers(root);
    for container in &mut recovered.containers {
        container.container = others.clone();
    }
    Rig::recovered(recovered)
}

#[test]
fn they_outlive_the_agent_with_their_executor() {
    let mut rig = Rig::new();
    rig.disk = Some(Disk::default());
    rig.register();
    let (root, _) = rig.with_executor(aware());
    let root = root.as_str();
    let [a, b] = ["a", "b"].map(|child| format!("{root}.{child}"));
    for flat in [&a, &b, &"alone".to_owned()] {
        rig.nest(flat);
    }
    rig.ends(&b, 1280);
    let session = format!("{root}.s");
    rig.session(&session);
    let mut disk = rig.disk.take().unwrap();

    let mut rig = recovered(&mut disk, &ContainerState::Alive, &ContainerState::Alive);
    rig.effects();
    let refused = rig.on("WAIT_CONTAINER", &a);
    assert_eq!(replies(&refused), [(503, "Agent has not finished recovery")]);
    rig.subscribe("e");
    assert!(rig.on("WAIT_CONTAINER", &a).is_empty());
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", &b)), [Some(1280)]);
    assert_eq!(replies(&rig.on("WAIT_CONTAINER", &session))[0].0, 404, "a session dies with its agent");
    assert_eq!(waited(&rig.ends(&a, 15)), [Some(15)]);
    let inner = rig.nest("alone.inner");
    assert_eq!(inner.sandbox, "/w/containers/alone/containers/inner");

    // What ended while nobody looked.
    let exited = ContainerState::Exited(Exit { wait_status: Some(256), limitation: None });
    let mut rig = recovered(&mut disk, &ContainerState::Alive, &exited);
    rig.subscribe("e");
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", &a)), [Some(256)]);
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", &b)), [Some(1280)], "what was written down is right");
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", "alone")), [Some(256)]);

    // Nobody knows how it ended.
    let mut rig = recovered(&mut disk, &ContainerState::Alive, &ContainerState::Unknown);
    rig.subscribe("e");
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", &a)), [None]);

    // Their executor is gone: so are they.
    let mut rig = recovered(&mut disk, &ContainerState::Unknown, &ContainerState::Alive);
    assert_eq!(destroyed(&rig.effects()), [a.as_str()]);
    assert_eq!(replies(&rig.on("WAIT_CONTAINER", &a))[0].0, 404);
    assert!(rig.on("WAIT_CONTAINER", "alone").is_empty());
}

#[test]
fn without_checkpointing_nothing_is_written() {
    let mut rig = Rig::registered();
    let framework = v1::FrameworkInfo { checkpoint: Some(false), ..framework(&[]) };
    let container = launch(&rig.run(framework, executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    let effects = rig.ask(&text("LAUNCH_CONTAINER", &format!("{}.a", container.as_str()), SLEEP)).1;
    assert!(!launch(&effects).checkpoint);
    assert!(checkpoints(&effects).is_empty());
}

#[test]
fn only_so_many_ended_ones_are_remembered() {
    let (mut rig, root) = with_executor();
    for n in 0..=crate::nested::ENDED_MAX {
        let flat = format!("{root}.{n}");
        rig.nest(&flat);
        rig.ends(&flat, 0);
    }
    assert_eq!(replies(&rig.on("WAIT_CONTAINER", &format!("{root}.0")))[0].0, 404);
    assert_eq!(waited(&rig.on("WAIT_CONTAINER", &format!("{root}.1"))), [Some(0)]);
}

/// A walk through everything that can come, in any order.
struct Walk {
    rig: Rig,
    rng: ChaCha8Rng,
    root: String,
    /// Calls that were not answered yet.
    open: BTreeSet<ConnectionId>,
    /// What the containerizer has: asked for, or running.
    processes: BTreeMap<String, bool>,
    streams: BTreeSet<ConnectionId>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut rig = Rig::new();
        rig.disk = Some(Disk::default());
        rig.register();
        let (root, _) = rig.with_executor(aware());
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let (open, processes, streams) = Default::default();
        Self { rig, rng, root: root.to_string(), open, processes, streams }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.next_u64() % n.max(1) as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let index = self.below(from.len());
        from.get(index).cloned()
    }

    fn name(&mut self) -> String {
        let root = self.root.clone();
        let top = self.pick(&[root, "alone".to_owned()]).unwrap();
        match self.below(4) {
            0 => top,
            1 | 2 => format!("{top}.{}", self.below(3)),
            _ => format!("{top}.{}.{}", self.below(3), self.below(2)),
        }
    }

    fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Launch(launch) => {
                    let flat = launch.container_id.to_string();
                    if let Some((parent, _)) =
                        flat.rsplit_once('.').filter(|(parent, _)| *parent != self.root)
                    {
                        assert_eq!(self.processes.get(parent), Some(&true), "{flat} before its parent");
                    }
                    assert!(self.processes.insert(flat, false).is_none(), "launched twice");
                }
                Effect::Reply { to, .. }
                | Effect::RefuseLaunch { to, .. }
                | Effect::Answer { to, .. }
                | Effect::AttachInput { to, .. } => {
                    assert!(self.open.remove(to), "{to} is answered again");
                }
                Effect::AttachOutput { to, .. } => {
                    assert!(self.open.remove(to), "{to} is answered again");
                    self.streams.insert(*to);
                }
                _ => {}
            }
        }
    }

    fn step(&mut self) {
        let processes: Vec<(String, bool)> =
            self.processes.iter().map(|(flat, runs)| (flat.clone(), *runs)).collect();
        let effects = match self.below(12) {
            0..=2 => self.call(&["LAUNCH_CONTAINER"], SLEEP),
            3 => self.call(&["LAUNCH_NESTED_CONTAINER_SESSION"], SLEEP),
            4 => self.call(
                &["KILL_CONTAINER", "REMOVE_CONTAINER", "WAIT_CONTAINER", "ATTACH_CONTAINER_OUTPUT"],
                "",
            ),
            5..=7 => match self.pick(&processes) {
                Some((flat, false)) if self.below(4) > 0 => {
                    self.processes.insert(flat.clone(), true);
                    self.rig.launched(&ContainerId::parse(&flat))
                }
                Some((flat, false)) => {
                    self.processes.remove(&flat);
                    let failure =
                        LaunchFailure { reason: LaunchFailureReason::Other, message: String::new() };
                    self.rig.agent.handle(
                        self.rig.now,
                        crate::Event::Launched {
                            container: ContainerId::parse(&flat),
                            outcome: Err(failure),
                        },
                    );
                    self.rig.effects()
                }
                Some((flat, true)) => {
                    self.processes.remove(&flat);
                    self.rig.ends(&flat, 9)
                }
                None => Vec::new(),
            },
            8 => {
                let streams: Vec<ConnectionId> = self.streams.iter().copied().collect();
                let Some(stream) = self.pick(&streams) else { return };
                self.streams.remove(&stream);
                self.rig.agent.handle(self.rig.now, crate::Event::StreamClosed(stream));
                self.rig.effects()
            }
            9 => {
                self.rig.durable = !self.rig.durable;
                self.rig.persist()
            }
            _ => Vec::new(),
        };
        self.take(&effects);
    }

    fn call(&mut self, kinds: &[&str], fields: &str) -> Vec<Effect> {
        let (kind, flat) = (self.pick(kinds).unwrap(), self.name());
        let Ok(Some(call)) = read(&text(kind, &flat, fields)) else { return Vec::new() };
        self.rig.connections += 1;
        let connection = ConnectionId(self.rig.connections);
        self.open.insert(connection);
        self.rig.agent.handle(self.rig.now, crate::Event::ContainerCalled { from: connection, call });
        self.rig.effects()
    }

    /// Everything ends: every call has its answer then, and the task its end.
    fn finish(mut self) {
        self.rig.durable = true;
        let effects = self.rig.persist();
        self.take(&effects);
        let mut effects = self.rig.ends(&self.root.clone(), 0);
        let mut told = states(&effects);
        effects.extend(self.call(&["KILL_CONTAINER"], ""));
        self.take(&effects);
        while let Some((flat, _)) = self.processes.pop_last() {
            let effects = self.rig.ends(&flat, 9);
            told.extend(states(&effects));
            self.take(&effects);
        }
        assert_eq!(told, [TaskState::Failed]);
        assert!(self.open.is_empty(), "{:?} were not answered", self.open);
        // And the next agent agrees.
        let mut disk = self.rig.disk.take().unwrap();
        let gone = ContainerState::Unknown;
        let mut rig = recovered(&mut disk, &gone, &gone);
        assert!(!rig.effects().iter().any(|effect| matches!(effect, Effect::Launch(_))));
    }
}

#[test]
fn a_random_walk() {
    for seed in 0..60 {
        let mut walk = Walk::new(seed);
        for _ in 0..200 {
            walk.step();
        }
        walk.finish();
    }
}
