//! Performing what the core decided, in the order in which it decided it.

use tepui_core_agent::{Effect, Event, LaunchFailureReason, TOKEN};
use tepui_core_kit::Core as _;
use tepui_model::ConnectionId;
use tepui_transport::{Response, StreamLimit, negotiate, stream};
use tepui_wire_mesos::{answer, v1};
use tokio::sync::mpsc;

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
            Effect::Reply { to, outcome } => {
                let reply = answer(outcome);
                match self.calls.remove(&to) {
                    // A client that did not wait for its answer is no concern of ours.
                    Some((answer, _)) => drop(answer.send(reply.into())),
                    None => self.containers.reply(to, reply),
                }
            }
            Effect::OpenStream { to } => self.open_stream(to),
            Effect::RefuseLaunch { to, failure } => self.containers.refuse_launch(to, failure),
            Effect::Answer { to, response } => self.containers.answer(to, &response),
            Effect::AttachOutput { to, container } => self.attach_output(to, &container.to_string()),
            Effect::AttachInput { to, container } => self.containers.attach_input(to, &container.to_string()),
            Effect::SendEvent { to, event } => self.send_event(to, &event),
            Effect::CloseStream { to } => {
                if let Some(stream) = self.streams.remove(&to) {
                    stream.sender.finish();
                }
            }
            Effect::Send { to, message } => self.links.send(PROCESS, &to, message),
            Effect::Link { to } => self.links.link(&to),
            Effect::Persist(persist) => self.writer.push(Job::Persist(persist)),
            Effect::RemoveCheckpoint(removal) => self.writer.push(Job::Remove(removal)),
            Effect::RemoveSandbox { path } => self.writer.push(Job::RemoveSandbox(path.into())),
            Effect::Launch(launch) => self.launch(*launch).await,
            Effect::UpdateLimits { container, limits } => {
                let _ = self.containerizer.update(&container.to_string(), launch::limits(&limits)).await;
            }
            Effect::Signal { container, signal, whole_group } => {
                let _ = self.containerizer.signal(&container.to_string(), signal, whole_group).await;
            }
            Effect::Destroy { container } => {
                let _ = self.containerizer.destroy(&container.to_string()).await;
            }
            Effect::Probe { container, id, probe } => self.probes.begin(container, id, probe, &self.inputs),
            Effect::CancelProbe { container, id } => self.probes.end(&container, id),
            Effect::Log(text) => tracing::info!("{text}"),
            Effect::Shutdown => self.shutdown.cancel(),
        }
    }

    /// Makes the token of an executor, and puts it where the core kept a place for it.
    fn put_token(&self, launch: &mut tepui_core_agent::Launch) {
        let (Some(key), Some(claims)) = (&self.secret_key, launch.token.take()) else { return };
        if let Some((_, value)) = launch.environment.iter_mut().find(|(name, _)| name == TOKEN) {
            *value = key.token(&claims);
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
            tell_closed(&inputs, to).await;
        });
    }

    fn send_event(&mut self, to: ConnectionId, event: &v1::executor::Event) {
        if let Some(stream) = self.streams.get(&to) {
            // A stream that is full closes itself, and the watch tells us.
            let _ = stream.sender.try_send_record(&stream.content.encode(event));
        }
    }

    async fn launch(&mut self, mut launch: tepui_core_agent::Launch) {
        self.put_token(&mut launch);
        let container = launch.container_id.clone();
        let durable = launch.checkpoint;
        self.containers.launched(&container.to_string(), &launch);
        match launch::convert(launch) {
            Ok(launch) => {
                if durable {
                    self.durable.insert(container.to_string());
                }
                let _ = self.containerizer.launch(launch).await;
            }
            Err(message) => {
                self.containers.ended(&container.to_string());
                let failure = tepui_core_agent::LaunchFailure { reason: LaunchFailureReason::Other, message };
                self.core.handle(
                    self.clock.now(),
                    Event::Launched { container: container.clone(), outcome: Err(failure) },
                );
            }
        }
    }
}

/// Tells the core that a stream is gone.
pub(super) async fn tell_closed(inputs: &mpsc::WeakSender<Input>, stream: ConnectionId) {
    if let Some(inputs) = inputs.upgrade() {
        let _ = inputs.send(Input::StreamClosed(stream)).await;
    }
}
