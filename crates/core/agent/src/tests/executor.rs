use std::time::Duration;

use tepui_core_kit::Core as _;
use tepui_model::TaskState;
use tepui_wire_mesos::v1::{
    self,
    executor::{Call, call, event::Type as Event},
    task_status::Reason,
};

use super::{
    FRAMEWORK, Rig, aware, call as call_of, event_types, events, executor_task, launch, replies, sent,
    states, status, updates, uuid,
};
use crate::Effect;

fn update(status: v1::TaskStatus) -> Call {
    Call { update: Some(call::Update { status }), ..call_of(call::Type::Update, "e") }
}

#[test]
fn wrong_calls_and_what_they_are_told() {
    let good = || status("t", TaskState::Running, 1);
    let unsubscribed: Vec<(Call, u16, String)> = vec![
        (update(good()), 403, "Executor is not subscribed".to_owned()),
        (
            Call { r#type: None, ..update(good()) },
            400,
            "Failed to validate Executor::Call: Expecting 'type' to be present".to_owned(),
        ),
        (
            Call { r#type: Some(77), ..update(good()) },
            400,
            "Failed to validate Executor::Call: Expecting 'type' to be present".to_owned(),
        ),
        (
            call_of(call::Type::Subscribe, "e"),
            400,
            "Failed to validate Executor::Call: Expecting 'subscribe' to be present".to_owned(),
        ),
        (
            call_of(call::Type::Message, "e"),
            400,
            "Failed to validate Executor::Call: Expecting 'message' to be present".to_owned(),
        ),
        (
            call_of(call::Type::Update, "e"),
            400,
            "Failed to validate Executor::Call: Expecting 'update' to be present".to_owned(),
        ),
        (call_of(call::Type::Unknown, "e"), 501, String::new()),
        (call_of(call::Type::Heartbeat, "nobody"), 202, String::new()),
        (
            Call { framework_id: v1::FrameworkId { value: "nope".to_owned() }, ..update(good()) },
            400,
            "Framework cannot be found".to_owned(),
        ),
        (
            Call { executor_id: v1::ExecutorId { value: "nope".to_owned() }, ..update(good()) },
            400,
            "Executor cannot be found".to_owned(),
        ),
    ];
    let mut rig = Rig::registered();
    rig.run(aware(), executor_task("t", "e"));
    for (call, code, words) in unsubscribed {
        let (_, effects) = rig.call(call);
        assert_eq!(replies(&effects), [(code, words.as_str())]);
    }
    let id = format!("executor e of framework {FRAMEWORK}");
    let statuses = [
        (v1::TaskStatus { uuid: None, ..good() }, "Expecting 'uuid' to be present".to_owned()),
        (v1::TaskStatus { uuid: Some(vec![1; 15].into()), ..good() }, "Not a valid UUID".to_owned()),
        (v1::TaskStatus { uuid: Some(vec![0xff; 16].into()), ..good() }, "Not a valid UUID".to_owned()),
        (
            v1::TaskStatus { source: Some(0), ..good() },
            format!("Received Call from {id} with invalid source, expecting 'SOURCE_EXECUTOR'"),
        ),
        (
            v1::TaskStatus { state: TaskState::Staging.number(), ..good() },
            format!("Received TASK_STAGING from {id} which is not allowed"),
        ),
        (
            v1::TaskStatus { check_status: Some(v1::CheckStatusInfo::default()), ..good() },
            "CheckStatusInfo must specify 'type'".to_owned(),
        ),
        (
            v1::TaskStatus { executor_id: Some(v1::ExecutorId { value: "x".to_owned() }), ..good() },
            "ExecutorID in Call: e does not match ExecutorID in TaskStatus: x".to_owned(),
        ),
    ];
    for (status, words) in statuses {
        let (_, effects) = rig.call(update(status));
        assert_eq!(
            replies(&effects),
            [(400, format!("Failed to validate Executor::Call: {words}").as_str())]
        );
    }
}

#[test]
fn a_command_tasks_executor_cannot_be_impersonated() {
    let mut rig = Rig::registered();
    rig.run(aware(), super::command_task("t", "true"));
    let (_, effects) = rig.subscribe("t");
    assert_eq!(replies(&effects), [(400, "Executor cannot be found")]);
}

#[test]
fn subscription_and_updates() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    let (stream, effects) = rig.subscribe("e");
    assert!(effects.contains(&Effect::OpenStream { to: stream }));
    let subscribed = events(&effects)[0].subscribed.clone().unwrap_or_default();
    assert_eq!(subscribed.container_id, Some((&container).into()));
    assert_eq!(subscribed.executor_info.framework_id.map(|id| id.value).as_deref(), Some(FRAMEWORK));
    assert_eq!(subscribed.agent_info.id.map(|id| id.value).as_deref(), Some(super::AGENT));
    #[expect(deprecated, reason = "the wire still speaks it")]
    let role = subscribed.agent_info.resources[0].role.clone();
    assert_eq!(role, None, "v1 has the newer format");
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    assert_eq!(replies(&effects), [(202, "")]);
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    let update = updates(&effects).remove(0);
    assert_eq!((update.executor_id, update.status.executor_id), (None, None), "as it came");
    assert_eq!(update.status.container_status.clone().unwrap_or_default().executor_pid, Some(42));
    assert!((update.timestamp - 7.0).abs() < f64::EPSILON);
    // Another agent's update is taken for none.
    let agent_id = Some(v1::AgentId { value: "other".to_owned() });
    let effects = rig.update("e", v1::TaskStatus { agent_id, ..status("t", TaskState::Finished, 2) });
    assert_eq!(replies(&effects), [(202, "")]);
    assert!(updates(&effects).is_empty());
    // A task that nobody knows is forwarded, without a place and without an acknowledgement to the executor.
    let effects = rig.update("e", status("unknown", TaskState::Running, 3));
    assert!(events(&effects).is_empty());
    let unknown = updates(&effects).remove(0);
    assert_eq!(unknown.status.container_status, None);
    rig.acknowledge(&unknown);
    assert_eq!(rig.agent.updates.count(&FRAMEWORK.into()), 1, "nothing stays of it");
}

#[test]
fn a_second_subscription_replaces_the_first() {
    let mut rig = Rig::registered();
    let (_, first) = rig.with_executor(aware());
    rig.update("e", status("t", TaskState::Running, 1));
    let (second, effects) = rig.subscribe("e");
    assert!(effects.contains(&Effect::CloseStream { to: first }));
    assert_eq!(event_types(&effects), [Event::Subscribed]);
    rig.agent.handle(rig.now, crate::Event::StreamClosed(first));
    let effects = rig.run(aware(), executor_task("u", "e"));
    assert!(matches!(&effects[..], [.., Effect::SendEvent { to, .. }] if *to == second));
}

#[test]
fn a_lost_stream_is_no_death_and_tasks_wait_for_the_next() {
    let mut rig = Rig::registered();
    let (_, stream) = rig.with_executor(aware());
    rig.update("e", status("t", TaskState::Running, 1));
    rig.agent.handle(rig.now, crate::Event::StreamClosed(stream));
    assert!(rig.effects().is_empty());
    assert!(event_types(&rig.run(aware(), executor_task("u", "e"))).is_empty());
    assert!(events(&rig.kill("t")).is_empty());
    let (_, effects) = rig.subscribe("e");
    assert_eq!(event_types(&effects), [Event::Subscribed, Event::Launch, Event::Kill]);
}

#[test]
fn a_task_that_was_lost_on_the_way_is_dropped() {
    let mut rig = Rig::registered();
    let (_, stream) = rig.with_executor(aware());
    rig.run(aware(), executor_task("kept", "e"));
    rig.agent.handle(rig.now, crate::Event::StreamClosed(stream));
    let subscribe = call::Subscribe {
        unacknowledged_tasks: vec![executor_task("kept", "e")],
        unacknowledged_updates: Vec::new(),
    };
    let (_, effects) = rig.call(Call { subscribe: Some(subscribe), ..call_of(call::Type::Subscribe, "e") });
    let [update] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(update.status.task_id.value, "t");
    assert_eq!(update.status.state(), v1::TaskState::TaskDropped);
    assert_eq!(update.status.reason(), Reason::AgentRestarted);
}

#[test]
fn updates_that_were_not_acknowledged_come_again_with_the_subscription() {
    let mut rig = Rig::registered();
    let (_, stream) = rig.with_executor(aware());
    rig.agent.handle(rig.now, crate::Event::StreamClosed(stream));
    let resent = call::Subscribe {
        unacknowledged_tasks: Vec::new(),
        unacknowledged_updates: vec![
            call::Update { status: status("t", TaskState::Running, 1) },
            call::Update { status: v1::TaskStatus { uuid: None, ..status("t", TaskState::Running, 2) } },
        ],
    };
    let again = Call { subscribe: Some(resent), ..call_of(call::Type::Subscribe, "e") };
    let (_, effects) = rig.call(again.clone());
    assert_eq!(event_types(&effects), [Event::Subscribed, Event::Acknowledged]);
    assert_eq!(states(&effects), [TaskState::Running]);
    let (_, effects) = rig.call(again);
    assert_eq!(event_types(&effects), [Event::Subscribed, Event::Acknowledged], "known already, said again");
    assert!(states(&effects).is_empty());
}

#[test]
fn an_executor_that_does_not_subscribe_is_ended() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    assert!(rig.pass(Duration::from_secs(59)).is_empty());
    let effects = rig.pass(Duration::from_secs(1));
    assert_eq!(effects, vec![Effect::Destroy { container: container.clone() }]);
    let (stream, effects) = rig.subscribe("e");
    assert_eq!(event_types(&effects), [Event::Shutdown], "too late");
    assert!(effects.contains(&Effect::CloseStream { to: stream }));
    let effects = rig.exited(&container, 9);
    let update = updates(&effects).remove(0);
    assert_eq!(update.status.state(), v1::TaskState::TaskFailed);
    assert_eq!(update.status.reason(), Reason::ExecutorRegistrationTimeout);
    assert_eq!(update.status.message.as_deref(), Some("Executor did not register within 1mins"));
}

#[test]
fn an_executors_end_is_the_end_of_its_tasks() {
    let mut rig = Rig::registered();
    let (container, stream) = rig.with_executor(aware());
    let effects = rig.update("e", status("t", TaskState::Running, 1));
    rig.acknowledge_all(&effects);
    let effects = rig.exited(&container, 7 << 8);
    assert!(effects.contains(&Effect::CloseStream { to: stream }));
    let update = updates(&effects).remove(0);
    assert_eq!(update.status.state(), v1::TaskState::TaskFailed);
    assert_eq!(update.status.message.as_deref(), Some("Executor terminated"));
    assert_eq!(update.status.reason(), Reason::ExecutorTerminated);
    assert_eq!(update.status.source(), v1::task_status::Source::Agent);
    assert_eq!(update.status.executor_id.as_ref().map(|id| id.value.as_str()), Some("e"));
    assert_eq!(update.status.container_status, None);
    let exited = sent(&effects).into_iter().find_map(|message| match message {
        tepui_wire_mesos::Message::ExitedExecutor(message) => Some(message.status),
        _ => None,
    });
    assert_eq!(exited, Some(1792));
    assert_eq!(rig.agent.executors.iter().count(), 1, "kept until the update is acknowledged");
    rig.acknowledge(&update);
    assert!(rig.agent.executors.is_empty());
}

#[test]
fn streams_have_a_heartbeat() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let effects = rig.pass(Duration::from_secs(1800));
    assert_eq!(event_types(&effects), [Event::Heartbeat]);
}

#[test]
fn the_end_of_a_task_that_is_over_is_only_acknowledged() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let effects = rig.update("e", status("t", TaskState::Finished, 1));
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Finished]);
    let effects = rig.update("e", status("t", TaskState::Finished, 1));
    assert_eq!(event_types(&effects), [Event::Acknowledged]);
    assert!(updates(&effects).is_empty());
    assert_eq!(events(&effects)[0].acknowledged.clone().unwrap_or_default().uuid, uuid(1));
}

#[test]
fn a_token_is_given_at_the_start_and_must_be_the_executors_own() {
    use crate::{Claims, Recovered};

    let mut config = super::config();
    config.authenticate_http_executors = true;
    config.domain_socket = Some("/run/agent.sock".to_owned());
    let mut rig = Rig::with(config, Recovered::default());
    rig.register();
    let effects = rig.run(aware(), executor_task("t", "e"));
    let launch = launch(&effects).clone();
    let variable = |name: &str| {
        launch.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    assert_eq!(variable("MESOS_DOMAIN_SOCKET").as_deref(), Some("/run/agent.sock"));
    assert_eq!(variable(crate::TOKEN).as_deref(), Some(""), "whoever has the key puts it in");
    let own = launch.token.clone().unwrap();
    assert_eq!((own.framework.as_str(), own.executor.as_str()), (FRAMEWORK, "e"));
    assert_eq!(own.container, launch.container_id.as_str());
    rig.launched(&launch.container_id);
    let subscribe =
        Call { subscribe: Some(call::Subscribe::default()), ..call_of(call::Type::Subscribe, "e") };
    let stale = Claims { container: "another run".to_owned(), ..own.clone() };
    for (claims, code) in [(stale, Some(403)), (own, None)] {
        let connection = tepui_model::ConnectionId(99);
        rig.agent.handle(
            rig.now,
            crate::Event::Called {
                from: connection,
                caller: Some(claims.clone()),
                call: Box::new(subscribe.clone()),
            },
        );
        let effects = rig.effects();
        assert_eq!(replies(&effects).first().map(|(code, _)| *code), code);
    }
    let effects = rig.run(aware(), super::command_task("c", "env"));
    let environment = &super::launch(&effects).environment;
    assert!(environment.iter().all(|(name, _)| name != crate::TOKEN));
}
