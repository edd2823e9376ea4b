//! How an executor is spoken to: events on its stream, or messages to its process.
//! Must not live here: what it is told, and when.

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ConnectionId, ExecutorId, FrameworkId};
use tepui_wire_mesos::{
    Message, internal,
    v1::{self, executor::Event},
};

use crate::{Upid, outbox::Outbox};

/// Who listens for an executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Contact {
    /// An open event stream (v1).
    Stream(ConnectionId),
    /// A process at the other end of a link (v0).
    Process(Upid),
}

/// What messages to a process say about where they come from.
#[derive(Debug)]
pub(crate) struct Speaker<'a> {
    pub(crate) agent: Option<&'a AgentId>,
    pub(crate) framework: &'a FrameworkId,
    pub(crate) info: &'a v1::FrameworkInfo,
    pub(crate) scheduler: &'a str,
}

impl Contact {
    /// Tells an executor something.
    pub(crate) fn tell(&self, out: &mut Outbox, speaker: &Speaker<'_>, executor: &ExecutorId, event: Event) {
        match self {
            Self::Stream(stream) => out.event(*stream, event),
            Self::Process(process) => {
                if let Some(message) = message(speaker, executor, event) {
                    out.send(process, message);
                }
            }
        }
    }
}

/// An event in the older protocol's words; `None` for what has none there.
fn message(speaker: &Speaker<'_>, executor: &ExecutorId, event: Event) -> Option<Message> {
    let agent_id = || speaker.agent.map(v1::AgentId::from);
    let framework_id = || speaker.framework.into();
    if let Some(launch) = event.launch {
        let scheduler = if speaker.scheduler.is_empty() { Upid::NOBODY } else { speaker.scheduler };
        let message = internal::RunTaskMessage {
            framework: speaker.info.clone(),
            task: launch.task,
            pid: Some(scheduler.to_owned()),
            ..internal::RunTaskMessage::default()
        };
        return Some(message.into());
    }
    if let Some(v1::executor::event::Kill { task_id, kill_policy }) = event.kill {
        return Some(internal::KillTaskMessage { framework_id: framework_id(), task_id, kill_policy }.into());
    }
    if let Some(v1::executor::event::Acknowledged { task_id, uuid }) = event.acknowledged {
        let (slave_id, framework_id) = (agent_id()?, framework_id());
        let message = internal::StatusUpdateAcknowledgementMessage { slave_id, framework_id, task_id, uuid };
        return Some(message.into());
    }
    if let Some(v1::executor::event::Message { data }) = event.message {
        let executor_id = executor.into();
        let (slave_id, framework_id) = (agent_id()?, framework_id());
        let message = internal::FrameworkToExecutorMessage { slave_id, framework_id, executor_id, data };
        return Some(message.into());
    }
    let shutdown = event.r#type == Some(v1::executor::event::Type::Shutdown.into());
    shutdown.then(|| internal::ShutdownExecutorMessage::default().into())
}
