//! Calls, events and messages in a few words, for the trace.

use tepui_wire_mesos::{Message, v1};

use crate::trace::Kind;

/// What a message is about.
pub(super) fn kind_of_message(message: &Message) -> Kind {
    match message {
        Message::PingSlave(_)
        | Message::PongSlave(_)
        | Message::UpdateSlave(_)
        | Message::UpdateFramework(_) => Kind::Noise,
        Message::RegisterSlave(_)
        | Message::ReregisterSlave(_)
        | Message::SlaveRegistered(_)
        | Message::SlaveReregistered(_)
        | Message::ShutdownFramework(_)
        | Message::Shutdown(_) => Kind::Life,
        _ => Kind::Talk,
    }
}

/// What a scheduler's call is about.
pub(super) fn kind_of_call(call: &v1::scheduler::Call) -> Kind {
    use v1::scheduler::call::Type;
    match call.r#type() {
        Type::Subscribe | Type::Teardown => Kind::Life,
        Type::Accept | Type::Kill | Type::Acknowledge | Type::Shutdown | Type::Message => Kind::Talk,
        _ => Kind::Noise,
    }
}

/// What an event for a scheduler is about.
pub(super) fn kind_of_event(event: &v1::scheduler::Event) -> Kind {
    use v1::scheduler::event::Type;
    match event.r#type() {
        Type::Subscribed | Type::Error | Type::Failure => Kind::Life,
        Type::Update | Type::Message => Kind::Talk,
        _ => Kind::Noise,
    }
}

fn state_name(state: i32) -> &'static str {
    v1::TaskState::try_from(state).map_or("TASK_?", |state| state.as_str_name())
}

fn short(uuid: Option<&[u8]>) -> String {
    uuid.map_or_else(
        || "no uuid".to_owned(),
        |uuid| uuid.iter().take(3).map(|byte| format!("{byte:02x}")).collect(),
    )
}

pub(super) fn describe_status(status: &v1::TaskStatus) -> String {
    let message = status.message.as_deref().unwrap_or_default();
    let uuid = short(status.uuid.as_deref());
    format!("{} {} ({uuid}) {message}", status.task_id.value, state_name(status.state))
}

/// A message in a few words.
pub(super) fn describe(message: &Message) -> String {
    let name = message.name().trim_start_matches("mesos.internal.").trim_end_matches("Message");
    match message {
        Message::RunTask(run) => format!("{name} {}", run.task.task_id.value),
        Message::KillTask(kill) => format!("{name} {}", kill.task_id.value),
        Message::StatusUpdate(update) => format!("{name} {}", describe_status(&update.update.status)),
        Message::StatusUpdateAcknowledgement(ack) => {
            format!("{name} {} ({})", ack.task_id.value, short(Some(&ack.uuid)))
        }
        Message::SlaveRegistered(registered) => format!("{name} {}", registered.slave_id.value),
        Message::SlaveReregistered(registered) => format!("{name} {}", registered.slave_id.value),
        Message::ReregisterSlave(agent) => format!(
            "{name} with {} tasks",
            agent.tasks.iter().map(|task| task.task_id.value.as_str()).collect::<Vec<_>>().join(" ")
        ),
        _ => name.to_owned(),
    }
}

pub(super) fn describe_call(call: &v1::scheduler::Call) -> String {
    let name = call.r#type().as_str_name();
    let accepted = call
        .accept
        .iter()
        .flat_map(|accept| &accept.operations)
        .filter_map(|operation| operation.launch.as_ref());
    let mut subjects: Vec<String> =
        accepted.flat_map(|launch| &launch.task_infos).map(|task| task.task_id.value.clone()).collect();
    subjects.extend(call.kill.iter().map(|kill| kill.task_id.value.clone()));
    subjects.extend(
        call.acknowledge.iter().map(|ack| format!("{} ({})", ack.task_id.value, short(Some(&ack.uuid)))),
    );
    format!("{name} {}", subjects.join(" "))
}

pub(super) fn describe_event(event: &v1::scheduler::Event) -> String {
    let name = event.r#type().as_str_name();
    match (&event.update, &event.offers) {
        (Some(update), _) => format!("{name} {}", describe_status(&update.status)),
        (_, Some(offers)) => format!("{name} of {}", offers.offers.len()),
        _ => {
            event.error.as_ref().map_or_else(|| name.to_owned(), |error| format!("{name} {}", error.message))
        }
    }
}

pub(super) fn describe_executor_call(call: &v1::executor::Call) -> String {
    let name = call.r#type().as_str_name();
    call.update
        .as_ref()
        .map_or_else(|| name.to_owned(), |update| format!("{name} {}", describe_status(&update.status)))
}

pub(super) fn describe_executor_event(event: &v1::executor::Event) -> String {
    let name = event.r#type().as_str_name();
    let task = event
        .launch
        .as_ref()
        .map(|launch| launch.task.task_id.value.clone())
        .or_else(|| event.kill.as_ref().map(|kill| kill.task_id.value.clone()))
        .or_else(|| {
            event
                .acknowledged
                .as_ref()
                .map(|ack| format!("{} ({})", ack.task_id.value, short(Some(&ack.uuid))))
        });
    format!("{name} {}", task.unwrap_or_default())
}
