//! Performing what the core decided, in the order in which it decided it.

use tepui_core_agent::{Effect, LaunchFailureReason};
use tepui_model::ConnectionId;
use tepui_transport::{Response, StreamLimit, negotiate, stream};
use tepui_wire_mesos::v1;

use super::{Input, Shell, Stream, launch};
use crate::{checkpoint::write::Job, server::PROCESS};

impl Shell {
    /// Performs all effects, and begins to write what is to be written.
    pub(super) async fn perform(&mut self) {
        while let Some(effect) = self.core.poll_effect() {
            self.perform_one(effect).await;
        }
        self.writer.flush();
    }

    async fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { to, reply } => {
                if let Some((answer, _)) = self.calls.remove(&to) {
                    // A client that did not wait for its answer is no concern of ours.
                    let _ = answer.send(reply.into());
                }
            }
            Effect::OpenStream { to } => self.open_stream(to),
            Effect::SendEvent { to, event } => self.send_event(to, &event),
            Effect::CloseStream { to } => {
                if let Some(stream) = self.streams.remove(&to) {
                    stream.sender.finish();
                }
            }
            Effect::Send { to, message } => self.links.send(PROCESS, &to, *message),
            Effect::Link { to } => self.links.link(&to),
            Effect::Persist { token, checkpoints } => self.writer.push(Job::Persist(token, checkpoints)),
            Effect::RemoveCheckpoint(removal) => self.writer.push(Job::Remove(removal)),
            Effect::RemoveSandbox { path } => self.writer.push(Job::RemoveSandbox(path.into())),
            Effect::Launch(launch) => self.launch(*launch).await,
            Effect::UpdateLimits { container, limits } => {
                let _ = self.containerizer.update(&container.value, launch::limits(&limits)).await;
            }
            Effect::Signal { container, signal, whole_group } => {
                let _ = self.containerizer.signal(&container.value, signal, whole_group).await;
            }
            Effect::Destroy { container } => {
                let _ = self.containerizer.destroy(&container.value).await;
            }
            Effect::Probe { container, id, probe } => self.probes.begin(container, id, probe, &self.inputs),
            Effect::CancelProbe { container, id } => self.probes.end(&container, id),
            Effect::Shutdown => self.shutdown.cancel(),
        }
    }

    fn open_stream(&mut self, to: ConnectionId) {
        let Some((answer, content)) = self.calls.remove(&to) else { return };
        let (sender, body) = stream(format!("executor {to}"), StreamLimit::default());
        let response = Response::stream(negotiate::content_type_value(content), None, body);
        // If the client has gone, the body is dropped here and the watch below reports it.
        let _ = answer.send(response);
        self.streams.insert(to, Stream { sender: sender.clone(), content });
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            sender.closed().await;
            if let Some(inputs) = inputs.upgrade() {
                let _ = inputs.send(Input::StreamClosed(to)).await;
            }
        });
    }

    fn send_event(&mut self, to: ConnectionId, event: &v1::executor::Event) {
        if let Some(stream) = self.streams.get(&to) {
            // A stream that is full closes itself, and the watch tells us.
            let _ = stream.sender.try_send_record(&stream.content.encode(event));
        }
    }

    async fn launch(&mut self, launch: tepui_core_agent::Launch) {
        let container = launch.container_id.clone();
        let durable = launch.checkpoint;
        match launch::convert(launch) {
            Ok(launch) => {
                if durable {
                    self.durable.insert(container.value);
                }
                let _ = self.containerizer.launch(launch).await;
            }
            Err(message) => {
                let failure = tepui_core_agent::LaunchFailure { reason: LaunchFailureReason::Other, message };
                self.core.handle_launched(self.clock.now(), &container, Err(failure));
            }
        }
    }
}
