//! Performing what the core decided.

use tepui_containment::{Event as ContainerEvent, FailureKind};
use tepui_core_agent::{Effect, Launch, TOKEN};
use tepui_wire_mesos::answer;

use super::{Happened, Shell, launch};
use crate::{checkpoint::write::Job, server::PROCESS};

impl Shell {
    /// Performs one effect. What is to be written is begun with all of its kind.
    pub(super) async fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { to, outcome } => self.answer(to, answer(outcome)),
            Effect::OpenStream { to } => {
                self.callers.open(to, None);
            }
            Effect::RefuseLaunch { to, failure } => self.refuse_launch(to, failure),
            Effect::Answer { to, response } => self.answer_message(to, &response),
            Effect::AttachOutput { to, container } => self.attach_output(to, &container.to_string()),
            Effect::AttachInput { to, container } => self.attach_input(to, &container.to_string()),
            Effect::SendEvent { to, event } => self.callers.send(to, &*event),
            Effect::CloseStream { to } => self.callers.remove(to),
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
    fn put_token(&self, launch: &mut Launch) {
        let (Some(key), Some(claims)) = (&self.secret_key, launch.token.take()) else { return };
        if let Some((_, value)) = launch.environment.iter_mut().find(|(name, _)| name == TOKEN) {
            *value = key.token(&claims);
        }
    }

    async fn launch(&mut self, mut launch: Launch) {
        self.put_token(&mut launch);
        let container_id = launch.container_id.to_string();
        let durable = launch.checkpoint;
        self.containers.launched(&container_id, &launch);
        match launch::convert(launch) {
            Ok(launch) => {
                if durable {
                    self.durable.insert(container_id);
                }
                let _ = self.containerizer.launch(launch).await;
            }
            Err(message) => {
                let failed = ContainerEvent::LaunchFailed { container_id, kind: FailureKind::Spawn, message };
                self.pending.push_back(Happened::Container(failed));
            }
        }
    }
}
