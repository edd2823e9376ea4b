//! What is kept of these containers. Must not live here: what happens to them.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
};

use tepui_model::{ConnectionId, ContainerId};
use tepui_wire_mesos::v1::{self, agent::response};

use crate::{
    effect::{Exit, Launch},
    environment::Environment,
};

/// Ended containers that are remembered for those who ask late; the oldest goes first.
pub(crate) const ENDED_MAX: usize = 1024;

/// One container.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Container {
    pub(super) sandbox: String,
    /// Sees what its parent sees.
    pub(super) debug: bool,
    /// It outlives the agent.
    pub(super) checkpoint: bool,
    /// What is to be written down about it is.
    pub(super) durable: bool,
    pub(super) user: Option<String>,
    pub(super) environment: Environment,
    pub(super) resources: Vec<v1::Resource>,
    pub(super) pid: Option<u32>,
    pub(super) life: Life,
    /// The launch that was not answered yet.
    pub(super) launcher: Option<ConnectionId>,
    /// The launch is a session: the container ends with its connection.
    pub(super) session: bool,
}

/// Where a container is in its life.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Life {
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
    pub(super) const fn is_live(&self) -> bool {
        !matches!(self.life, Life::Ended(_))
    }
}

/// A call that waits for a container's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiter {
    pub(super) from: ConnectionId,
    /// It asked in the older form, and is answered in it.
    pub(super) nested: bool,
}

/// All of them, by id id: so a container comes before its children, and they are side by side.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Nested {
    pub(super) containers: BTreeMap<ContainerId, Container>,
    /// The ended ones, the oldest first. May name some that were removed.
    pub(super) ended: VecDeque<ContainerId>,
    pub(super) waiters: BTreeMap<ContainerId, Vec<Waiter>>,
    /// Open sessions and the containers that end with them.
    pub(super) sessions: BTreeMap<ConnectionId, ContainerId>,
    /// Ends of executors' containers that wait for their children's.
    pub(super) root_exits: BTreeMap<ContainerId, Exit>,
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
    pub(super) fn below<'a>(
        &'a self,
        id: &'a ContainerId,
    ) -> impl Iterator<Item = (&'a ContainerId, &'a Container)> {
        let after = (Bound::Excluded(id), Bound::Unbounded);
        self.containers.range::<ContainerId, _>(after).take_while(|(below, _)| below.is_inside(id))
    }

    pub(super) fn has_live_below(&self, id: &ContainerId) -> bool {
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

/// What is told about an end, and what is written down of it.
pub(super) fn answer(exit: &Exit) -> response::WaitContainer {
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
