//! The ids that a master gives out: all begin with its own, which is new at each start.

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, FrameworkId, OfferId};

/// Numbers what is new.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ids {
    master: String,
    frameworks: u64,
    agents: u64,
    offers: u64,
    observers: u64,
}

impl Ids {
    pub(crate) const fn new(master: String) -> Self {
        Self { master, frameworks: 0, agents: 0, offers: 0, observers: 0 }
    }

    pub(crate) fn framework(&mut self) -> FrameworkId {
        let id = FrameworkId::from(format!("{}-{:04}", self.master, self.frameworks));
        self.frameworks += 1;
        id
    }

    pub(crate) fn agent(&mut self) -> AgentId {
        let id = AgentId::from(format!("{}-S{}", self.master, self.agents));
        self.agents += 1;
        id
    }

    pub(crate) fn offer(&mut self) -> OfferId {
        let id = OfferId::from(format!("{}-O{}", self.master, self.offers));
        self.offers += 1;
        id
    }

    /// The libprocess id that pings an agent.
    pub(crate) fn observer(&mut self) -> std::sync::Arc<str> {
        self.observers += 1;
        format!("slave-observer({})", self.observers).into()
    }
}
