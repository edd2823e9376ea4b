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
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tepui_model::{ConnectionId, Reply, Tick};
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
    snapshot::{ContainerView, ExecutorState, Phase},
};

/// Ended containers that are remembered for those who ask late; the oldest goes first.
pub(crate) const ENDED_MAX: usize = 1024;
/// Calls that may wait for the end of one container; the one that has waited longest gives way.
pub(crate) const WAITING_MAX: usize = 64;

/// The name of a container as texts and processes have it: all ids from the root on, joined with dots.
pub fn flat_id(container: &v1::ContainerId) -> String {
    match &container.parent {
        Some(parent) => format!("{}.{}", flat_id(parent), container.value),
        None => container.value.clone(),
    }
}

/// The id that a name made by [`flat_id`] stands for. No id has a dot in it.
pub fn container_id(flat: &str) -> v1::ContainerId {
    let mut ids = flat.split('.');
    let first = v1::ContainerId { value: ids.next().unwrap_or_default().to_owned(), parent: None };
    ids.fold(first, |parent, id| v1::ContainerId { value: id.to_owned(), parent: Some(Box::new(parent)) })
}

/// The flat id of the outermost container around this one.
fn root(flat: &str) -> &str {
    flat.split_once('.').map_or(flat, |(root, _)| root)
}

/// The flat id of the container around this one.
fn parent(flat: &str) -> Option<&str> {
    flat.rsplit_once('.').map(|(parent, _)| parent)
}

/// One container.
#[derive(Debug, Serialize, Deserialize)]
struct Container {
    id: v1::ContainerId,
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

/// All of them, by flat id: so a container comes before its children, and they are side by side.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Nested {
    containers: BTreeMap<String, Container>,
    /// The ended ones, the oldest first. May name some that were removed.
    ended: VecDeque<String>,
    waiters: BTreeMap<String, Vec<Waiter>>,
    /// Open sessions and the containers that end with them.
    sessions: BTreeMap<ConnectionId, String>,
    /// Ends of executors' containers that wait for their children's.
    root_exits: BTreeMap<String, Exit>,
}

impl Nested {
    /// Whether a container is one of these.
    pub(crate) fn knows(&self, flat: &str) -> bool {
        self.containers.contains_key(flat)
    }

    /// The first process of a container that runs.
    pub(crate) fn pid(&self, flat: &str) -> Option<u32> {
        self.containers.get(flat).filter(|known| known.is_live()).and_then(|known| known.pid)
    }

    /// The containers below one, each before its own children.
    fn below(&self, flat: &str) -> impl DoubleEndedIterator<Item = (&String, &Container)> {
        // No id has a dot in it, and a slash is what comes right after a dot.
        self.containers.range(format!("{flat}.")..format!("{flat}/"))
    }

    fn has_live_below(&self, flat: &str) -> bool {
        self.below(flat).any(|(_, container)| container.is_live())
    }

    /// Finds contradictions.
    pub(crate) fn check(&self) -> Result<(), String> {
        let live_sessions: BTreeSet<&String> = self.sessions.values().collect();
        for (flat, container) in &self.containers {
            if flat_id(&container.id) != *flat {
                return Err(format!("container {flat} has another's id"));
            }
            let above = parent(flat).and_then(|above| self.containers.get(above));
            if container.is_live() && above.is_some_and(|above| !above.is_live()) {
                return Err(format!("container {flat} outlives its parent"));
            }
        }
        match live_sessions.into_iter().find(|flat| !self.containers.contains_key(*flat)) {
            Some(flat) => Err(format!("a session of container {flat}, which is not there")),
            None => Ok(()),
        }
    }
}

impl Agent {
    /// A call about containers.
    pub(crate) fn container_call(&mut self, now: Tick, from: ConnectionId, call: ContainerCall) {
        if self.phase == Phase::Recovering {
            return self.out.reply(from, Reply::error(503, "Agent has not finished recovery"));
        }
        match call {
            ContainerCall::Launch(request) => self.launch_container(from, *request),
            ContainerCall::Wait { container, nested } => {
                self.wait_for_container(&flat_id(&container), Waiter { from, nested });
            }
            ContainerCall::Kill { container, signal } => self.kill_container(now, from, container, signal),
            ContainerCall::Remove { container } => self.remove_container(from, &flat_id(&container)),
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
    fn is_executor_container(&self, flat: &str) -> bool {
        self.containers.contains_key(flat)
    }

    fn may_attach(&mut self, from: ConnectionId, container: &v1::ContainerId) -> bool {
        let flat = flat_id(container);
        let known = self.is_executor_container(&flat)
            || self.nested.containers.get(&flat).is_some_and(|known| matches!(known.life, Life::Running));
        if !known {
            let words = format!("Container {flat} cannot be found");
            self.out.reply(from, Reply::error(404, words));
        }
        known
    }

    fn wait_for_container(&mut self, flat: &str, waiter: Waiter) {
        match self.nested.containers.get(flat).map(|known| &known.life) {
            Some(Life::Ended(exit)) => {
                let exit = exit.clone();
                return self.tell_end(waiter, &exit);
            }
            Some(_) => {}
            None if self.is_executor_container(flat) => {}
            None => {
                let words = format!("Container {flat} cannot be found");
                return self.out.reply(waiter.from, Reply::error(404, words));
            }
        }
        let waiters = self.nested.waiters.entry(flat.to_owned()).or_default();
        waiters.push(waiter);
        if waiters.len() > WAITING_MAX {
            let oldest = waiters.remove(0);
            let words = format!("Too many calls wait for container {flat}");
            self.out.reply(oldest.from, Reply::error(503, words));
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

    fn kill_container(&mut self, now: Tick, from: ConnectionId, container: v1::ContainerId, signal: i32) {
        let flat = flat_id(&container);
        let runs = match self.nested.containers.get(&flat).map(|known| &known.life) {
            Some(Life::Running) => true,
            Some(Life::Held(_) | Life::Launching | Life::Ending(_)) => false,
            None if self.is_executor_container(&flat) => true,
            Some(Life::Ended(_)) | None => {
                let words = format!("Container '{flat}' cannot be found (or is already killed)");
                return self.out.reply(from, Reply::error(404, words));
            }
        };
        self.out.reply(from, Reply::ok());
        if runs {
            self.out.push(Effect::Signal { container, signal, whole_group: false });
        } else {
            self.destroy_container_tree(now, &flat);
        }
    }

    fn remove_container(&mut self, from: ConnectionId, flat: &str) {
        let live = self.nested.containers.get(flat).is_some_and(Container::is_live);
        if live || self.is_executor_container(flat) {
            let words = "Nested container has not terminated yet";
            return self.out.reply(from, Reply::error(500, words));
        }
        let removed: Vec<String> = self.nested.below(flat).map(|(flat, _)| flat.clone()).collect();
        for child in removed {
            self.forget_container(&child);
        }
        if let Some(container) = self.forget_container(flat).filter(|container| !container.debug) {
            self.out.push(Effect::RemoveSandbox { path: container.sandbox });
        }
        self.out.reply(from, Reply::ok());
    }

    /// The containers of this kind, for readers.
    pub(crate) fn container_views(&self) -> Vec<ContainerView> {
        let views = self.nested.containers.iter().filter(|(_, container)| {
            !matches!(container.life, Life::Held(_) | Life::Launching | Life::Ended(_))
        });
        views
            .map(|(_, container)| ContainerView {
                container_id: container.id.clone(),
                pid: container.pid,
                directory: container.sandbox.clone(),
                resources: container.resources.clone(),
            })
            .collect()
    }

    /// Whether something may be nested in an executor's container now.
    fn executor_takes_children(&self, root: &str) -> bool {
        let Some((framework, executor)) = self.containers.get(root) else { return false };
        let executor = self.frameworks.get(framework).and_then(|known| known.executors.get(executor));
        executor.is_some_and(|executor| {
            executor.state != ExecutorState::Terminated && !self.nested.root_exits.contains_key(root)
        })
    }

    /// Whether a container has the one around it to be begun in. An executor may ask for it before its own start is told.
    fn can_begin(&self, flat: &str) -> bool {
        let Some(parent) = parent(flat) else { return true };
        if let Some(container) = self.nested.containers.get(parent) {
            return matches!(container.life, Life::Running);
        }
        let executor = self.containers.get(parent).and_then(|(framework, executor)| {
            self.frameworks.get(framework).and_then(|known| known.executors.get(executor))
        });
        executor.is_some_and(|executor| !executor.held && !executor.launching)
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
