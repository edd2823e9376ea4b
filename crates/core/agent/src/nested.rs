//! Containers that are launched through the agent's own API: nested in an executor's (or in another such container), or
//! standing alone. Must not live here: executors' containers, and what a session's bytes are.
//!
//! The life of one:
//!
//! ```text
//! Held -> Launching -> Running -> Ending -> Ended -> (removed)
//!    \________\__________________________/
//! ```
//!
//! A parent's end is told only after its children have ended, which its own end brings about.

mod book;
mod call;
mod end;
mod launch;
mod recovery;

use tepui_model::{ConnectionId, ContainerId, Outcome, RefusalKind, Tick};
use tepui_wire_mesos::v1::agent::{self, response};

#[cfg(test)]
pub(crate) use self::book::ENDED_MAX;
pub(crate) use self::book::Nested;
use self::book::{Container, Life, Waiter, answer};
pub use self::call::{ContainerCall, LaunchRequest};
pub(crate) use self::launch::stdio;
use crate::{
    agent::Agent,
    effect::{Effect, Exit},
    life::Start,
    snapshot::{ContainerView, ExecutorState, Phase},
};

/// Calls that may wait for the end of one container; the one that has waited longest gives way.
pub(crate) const WAITING_MAX: usize = 64;

impl Agent {
    /// A call about containers.
    pub(crate) fn container_call(&mut self, now: Tick, from: ConnectionId, call: ContainerCall) {
        if self.phase == Phase::Recovering {
            return self.out.reply(from, RefusalKind::Unavailable.because("Agent has not finished recovery"));
        }
        match call {
            ContainerCall::Launch(request) => self.launch_container(from, *request),
            ContainerCall::Wait { container, nested } => {
                self.wait_for_container(&container, Waiter { from, nested });
            }
            ContainerCall::Kill { container, signal } => self.kill_container(now, from, container, signal),
            ContainerCall::Remove { container } => self.remove_container(from, &container),
            ContainerCall::AttachOutput { container } => {
                if self.may_attach(from, &container) {
                    self.out.push(Effect::AttachOutput { to: from, container });
                }
            }
            ContainerCall::AttachInput { container } => {
                if self.may_attach(from, &container) {
                    self.out.push(Effect::AttachInput { to: from, container });
                }
            }
        }
    }

    /// Whether a root is an executor's container that has not ended.
    fn is_executor_container(&self, id: &ContainerId) -> bool {
        self.executors.has_container(id)
    }

    fn may_attach(&mut self, from: ConnectionId, container: &ContainerId) -> bool {
        let id = container;
        let known = self.is_executor_container(id)
            || self.nested.containers.get(id).is_some_and(|known| matches!(known.life, Life::Running));
        if !known {
            let words = format!("Container {id} cannot be found");
            self.out.reply(from, RefusalKind::NotFound.because(words));
        }
        known
    }

    fn wait_for_container(&mut self, id: &ContainerId, waiter: Waiter) {
        match self.nested.containers.get(id).map(|known| &known.life) {
            Some(Life::Ended(exit)) => {
                let exit = exit.clone();
                return self.tell_end(waiter, &exit);
            }
            Some(_) => {}
            None if self.is_executor_container(id) => {}
            None => {
                let words = format!("Container {id} cannot be found");
                return self.out.reply(waiter.from, RefusalKind::NotFound.because(words));
            }
        }
        let waiters = self.nested.waiters.entry(id.clone()).or_default();
        waiters.push(waiter);
        if waiters.len() > WAITING_MAX {
            let oldest = waiters.remove(0);
            let words = format!("Too many calls wait for container {id}");
            self.out.reply(oldest.from, RefusalKind::Unavailable.because(words));
        }
    }

    fn tell_end(&mut self, waiter: Waiter, exit: &Exit) {
        let wait = answer(exit);
        let response = if waiter.nested {
            let response::WaitContainer { exit_status, state, reason, limitation, message } = wait;
            agent::Response {
                r#type: Some(response::Type::WaitNestedContainer.into()),
                wait_nested_container: Some(response::WaitNestedContainer {
                    exit_status,
                    state,
                    reason,
                    limitation,
                    message,
                }),
                ..agent::Response::default()
            }
        } else {
            agent::Response {
                r#type: Some(response::Type::WaitContainer.into()),
                wait_container: Some(wait),
                ..agent::Response::default()
            }
        };
        self.out.push(Effect::Answer { to: waiter.from, response: Box::new(response) });
    }

    fn kill_container(&mut self, now: Tick, from: ConnectionId, container: ContainerId, signal: i32) {
        let id = &container;
        let runs = match self.nested.containers.get(id).map(|known| &known.life) {
            Some(Life::Running) => true,
            Some(Life::Held(_) | Life::Launching | Life::Ending(_)) => false,
            None if self.is_executor_container(id) => true,
            Some(Life::Ended(_)) | None => {
                let words = format!("Container '{id}' cannot be found (or is already killed)");
                return self.out.reply(from, RefusalKind::NotFound.because(words));
            }
        };
        self.out.reply(from, Outcome::Done);
        if runs {
            self.out.push(Effect::Signal { container, signal, whole_group: false });
        } else {
            self.destroy_container_tree(now, id);
        }
    }

    fn remove_container(&mut self, from: ConnectionId, id: &ContainerId) {
        let live = self.nested.containers.get(id).is_some_and(Container::is_live);
        if live || self.is_executor_container(id) {
            let words = "Nested container has not terminated yet";
            return self.out.reply(from, RefusalKind::Failed.because(words));
        }
        let removed: Vec<_> = self.nested.below(id).map(|(id, _)| id.clone()).collect();
        for child in removed {
            self.forget_container(&child);
        }
        if let Some(container) = self.forget_container(id).filter(|container| !container.debug) {
            self.out.push(Effect::RemoveSandbox { path: container.sandbox });
        }
        self.out.reply(from, Outcome::Done);
    }

    /// The containers of this kind, for readers.
    pub(crate) fn container_views(&self) -> Vec<ContainerView> {
        let views = self.nested.containers.iter().filter(|(_, container)| {
            !matches!(container.life, Life::Held(_) | Life::Launching | Life::Ended(_))
        });
        views
            .map(|(id, container)| ContainerView {
                container_id: id.clone(),
                pid: container.pid,
                directory: container.sandbox.clone(),
                resources: container.resources.clone(),
            })
            .collect()
    }

    /// Whether something may be nested in an executor's container now.
    fn executor_takes_children(&self, root: &ContainerId) -> bool {
        let Some((framework, executor)) = self.executors.owner(root) else { return false };
        let executor = self.executors.get(framework).and_then(|known| known.executor(executor));
        executor.is_some_and(|executor| {
            executor.state() != ExecutorState::Terminated && !self.nested.root_exits.contains_key(root)
        })
    }

    /// Whether a container has the one around it to be begun in. An executor may ask for it before its own start is told.
    fn can_begin(&self, id: &ContainerId) -> bool {
        let Some(parent) = id.parent() else { return true };
        if let Some(container) = self.nested.containers.get(parent) {
            return matches!(container.life, Life::Running);
        }
        let executor = self.executors.owner(parent).and_then(|(framework, executor)| {
            self.executors.get(framework).and_then(|known| known.executor(executor))
        });
        executor.is_some_and(|executor| executor.life.container() == Some(Start::There))
    }
}
