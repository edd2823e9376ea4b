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

mod call;
mod end;
mod launch;
mod recovery;

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
};

use tepui_model::{ConnectionId, ContainerId, Outcome, RefusalKind, Tick};
use tepui_wire_mesos::v1::{
    self,
    agent::{self, response},
};

pub use self::call::{ContainerCall, LaunchRequest};
pub(crate) use self::launch::stdio;
use crate::{
    agent::Agent,
    effect::{Effect, Exit, Launch},
    environment::Environment,
    life::Start,
    snapshot::{ContainerView, ExecutorState, Phase},
};

/// Ended containers that are remembered for those who ask late; the oldest goes first.
pub(crate) const ENDED_MAX: usize = 1024;
/// Calls that may wait for the end of one container; the one that has waited longest gives way.
pub(crate) const WAITING_MAX: usize = 64;

/// One container.
#[derive(Debug, Serialize, Deserialize)]
struct Container {
    sandbox: String,
    /// Sees what its parent sees.
    debug: bool,
    /// It outlives the agent.
    checkpoint: bool,
    /// What is to be written down about it is.
    durable: bool,
    user: Option<String>,
    environment: Environment,
    resources: Vec<v1::Resource>,
    pid: Option<u32>,
    life: Life,
    /// The launch that was not answered yet.
    launcher: Option<ConnectionId>,
    /// The launch is a session: the container ends with its connection.
    session: bool,
}

/// Where a container is in its life.
#[derive(Debug, Serialize, Deserialize)]
enum Life {
    /// Waits until it is written down and the one around it runs.
    Held(Box<Launch>),
    /// The shell was asked to start it.
    Launching,
    Running,
    /// It was destroyed, or its process is gone (then the exit is known) and its children are being ended.
    Ending(Option<Exit>),
    /// It is over; its exit waits for those who ask.
    Ended(Exit),
}

impl Container {
    const fn is_live(&self) -> bool {
        !matches!(self.life, Life::Ended(_))
    }
}

/// A call that waits for a container's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiter {
    from: ConnectionId,
    /// It asked in the older form, and is answered in it.
    nested: bool,
}

/// All of them, by id id: so a container comes before its children, and they are side by side.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Nested {
    containers: BTreeMap<ContainerId, Container>,
    /// The ended ones, the oldest first. May name some that were removed.
    ended: VecDeque<ContainerId>,
    waiters: BTreeMap<ContainerId, Vec<Waiter>>,
    /// Open sessions and the containers that end with them.
    sessions: BTreeMap<ConnectionId, ContainerId>,
    /// Ends of executors' containers that wait for their children's.
    root_exits: BTreeMap<ContainerId, Exit>,
}

impl Nested {
    /// Whether a container is one of these.
    pub(crate) fn knows(&self, id: &ContainerId) -> bool {
        self.containers.contains_key(id)
    }

    /// The first process of a container that runs.
    pub(crate) fn pid(&self, id: &ContainerId) -> Option<u32> {
        self.containers.get(id).filter(|known| known.is_live()).and_then(|known| known.pid)
    }

    /// The containers below one, each before its own children.
    fn below<'a>(&'a self, id: &'a ContainerId) -> impl Iterator<Item = (&'a ContainerId, &'a Container)> {
        let after = (Bound::Excluded(id), Bound::Unbounded);
        self.containers.range::<ContainerId, _>(after).take_while(|(below, _)| below.is_inside(id))
    }

    fn has_live_below(&self, id: &ContainerId) -> bool {
        self.below(id).any(|(_, container)| container.is_live())
    }

    /// Finds contradictions.
    pub(crate) fn check(&self) -> Result<(), String> {
        let live_sessions: BTreeSet<&ContainerId> = self.sessions.values().collect();
        for (id, container) in &self.containers {
            let above = id.parent().and_then(|above| self.containers.get(above));
            if container.is_live() && above.is_some_and(|above| !above.is_live()) {
                return Err(format!("container {id} outlives its parent"));
            }
        }
        match live_sessions.into_iter().find(|id| !self.containers.contains_key(*id)) {
            Some(id) => Err(format!("a session of container {id}, which is not there")),
            None => Ok(()),
        }
    }
}

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
        self.containers.contains_key(id)
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
        let Some((framework, executor)) = self.containers.get(root) else { return false };
        let executor = self.frameworks.get(framework).and_then(|known| known.executors.get(executor));
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
        let executor = self.containers.get(parent).and_then(|(framework, executor)| {
            self.frameworks.get(framework).and_then(|known| known.executors.get(executor))
        });
        executor.is_some_and(|executor| executor.life.container() == Some(Start::There))
    }
}

/// What is told about an end, and what is written down of it.
fn answer(exit: &Exit) -> response::WaitContainer {
    let limitation = exit.limitation.as_ref();
    response::WaitContainer {
        exit_status: exit.wait_status,
        state: limitation.map(|_| v1::TaskState::TaskFailed.into()),
        reason: limitation.map(|limitation| limitation.reason.number()),
        limitation: limitation
            .map(|limitation| v1::TaskResourceLimitation { resources: limitation.resources.clone() }),
        message: limitation.map(|limitation| limitation.message.clone()),
    }
}
