//! Tasks with more updates than there is room for.

use bytes::Bytes;
use tepui_core_kit::Core as _;
use tepui_model::{ConnectionId, TaskState};
use tepui_wire_mesos::{Message, internal, v1};

use super::{
    AGENT, FRAMEWORK, Rig, aware, event_types, executor_task, launch, replies, sent, status, updates, upid,
};
use crate::{
    Effect, Event,
    update_stream::{BLOCKED_MAX, PENDING_MAX},
};

fn uuid(n: usize) -> Bytes {
    let bytes = u128::try_from(n).unwrap().to_le_bytes();
    Bytes::copy_from_slice(uuid::Builder::from_random_bytes(bytes).into_uuid().as_bytes())
}

fn running(n: usize) -> v1::TaskStatus {
    v1::TaskStatus { uuid: Some(uuid(n)), ..status("t", TaskState::Running, 1) }
}

fn call_of(status: v1::TaskStatus) -> v1::executor::Call {
    let update = Some(v1::executor::call::Update { status });
    v1::executor::Call { update, ..super::call(v1::executor::call::Type::Update, "e") }
}

/// A task with as many updates as there is room for; the first of them.
fn full() -> (Rig, internal::StatusUpdate) {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let mut first = None;
    for n in 0..PENDING_MAX {
        let effects = rig.update("e", running(n));
        assert_eq!(replies(&effects), [(202, "")], "{n}");
        first = first.or_else(|| updates(&effects).pop());
    }
    (rig, first.unwrap())
}

#[test]
fn a_call_waits_for_room_and_is_answered_when_there_is_some() {
    let (mut rig, first) = full();
    let (waiting, effects) = rig.call(call_of(running(PENDING_MAX)));
    assert_eq!(effects, [], "neither answered nor written");
    let (next, effects) = rig.call(call_of(running(PENDING_MAX + 1)));
    assert_eq!(effects, [], "and none overtakes it");
    // One that was taken before needs no room.
    assert_eq!(replies(&rig.update("e", running(3))), [(202, "")]);

    let effects = rig.acknowledge(&first);
    let answered = |effects: &[Effect]| -> Vec<ConnectionId> {
        effects
            .iter()
            .filter_map(|it| if let Effect::Reply { to, .. } = it { Some(*to) } else { None })
            .collect()
    };
    assert_eq!(answered(&effects), [waiting]);
    assert_eq!(event_types(&effects).len(), 1, "the executor hears that it is taken");
    let second = updates(&effects).remove(0);
    assert_eq!(answered(&rig.acknowledge(&second)), [next]);
}

#[test]
fn calls_that_wait_are_bounded_and_are_answered_when_the_framework_ends() {
    let (mut rig, _) = full();
    for n in 0..BLOCKED_MAX {
        assert_eq!(rig.call(call_of(running(PENDING_MAX + n))).1, []);
    }
    let (_, effects) = rig.call(call_of(running(PENDING_MAX + BLOCKED_MAX)));
    assert_eq!(replies(&effects), [(503, "Too many updates of task 't' wait to be acknowledged")]);
    let framework_id = v1::FrameworkId { value: FRAMEWORK.to_owned() };
    let effects = rig.message(internal::ShutdownFrameworkMessage { framework_id });
    assert_eq!(replies(&effects), vec![(202, ""); BLOCKED_MAX]);
}

#[test]
fn everything_comes_through_in_order() {
    let (mut rig, first) = full();
    for n in 0..BLOCKED_MAX {
        rig.call(call_of(running(PENDING_MAX + n)));
    }
    let mut open = vec![first];
    let mut seen = 0;
    while let Some(update) = open.pop() {
        assert_eq!(update.uuid, Some(uuid(seen)));
        seen += 1;
        open.extend(updates(&rig.acknowledge(&update)));
    }
    assert_eq!(seen, PENDING_MAX + BLOCKED_MAX);
}

#[test]
fn an_executor_of_the_older_kind_is_asked_for_what_it_could_not_get_rid_of() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), executor_task("t", "e"))).container_id.clone();
    rig.launched(&container);
    let process = upid("executor(1)@10.0.0.9:1234");
    let tell = |rig: &mut Rig, message: Message| {
        rig.agent.handle(rig.now, Event::Message { from: process.clone(), message });
        rig.effects()
    };
    let register = internal::RegisterExecutorMessage {
        framework_id: v1::FrameworkId { value: FRAMEWORK.to_owned() },
        executor_id: v1::ExecutorId { value: "e".to_owned() },
    };
    tell(&mut rig, register.into());
    let update = |n: usize| internal::StatusUpdateMessage {
        update: internal::StatusUpdate {
            framework_id: v1::FrameworkId { value: FRAMEWORK.to_owned() },
            executor_id: Some(v1::ExecutorId { value: "e".to_owned() }),
            slave_id: Some(v1::AgentId { value: AGENT.to_owned() }),
            status: running(n),
            timestamp: 7.0,
            uuid: Some(uuid(n)),
            latest_state: None,
        },
        pid: None,
    };
    let mut first = None;
    for n in 0..PENDING_MAX {
        let effects = tell(&mut rig, update(n).into());
        first = first.or_else(|| updates(&effects).pop());
    }
    assert_eq!(tell(&mut rig, update(PENDING_MAX).into()), [], "not acknowledged: it keeps it");
    let effects = rig.acknowledge(&first.unwrap());
    assert!(
        sent(&effects).iter().any(|message| matches!(message, Message::ReconnectExecutor(_))),
        "{effects:?}"
    );
}
