//! The books of offers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, FrameworkId, OfferId, Resources, Role};
use tepui_wire_mesos::v1;

use super::{Books, unlist};

/// Resources of one agent held for one framework, in one of its roles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) id: OfferId,
    pub(crate) framework_id: FrameworkId,
    pub(crate) agent_id: AgentId,
    pub(crate) role: Role,
    /// Allocated to `role`.
    pub(crate) resources: Resources,
    /// As the scheduler got it.
    pub(crate) wire: Arc<v1::Offer>,
}

impl Books {
    /// Offers of a framework.
    pub(crate) fn offers_for(&self, framework: &FrameworkId) -> Vec<OfferId> {
        self.frameworks.get(framework).map_or_else(Vec::new, |it| it.offers.iter().cloned().collect())
    }

    /// Offers of what an agent has.
    pub(crate) fn offers_on(&self, agent: &AgentId) -> Vec<OfferId> {
        self.agent_offers.get(agent).map_or_else(Vec::new, |offers| offers.iter().cloned().collect())
    }

    /// An offer is made.
    pub(crate) fn add_offer(&mut self, offer: Offer) {
        if let Some(framework) = self.frameworks.get_mut(&offer.framework_id) {
            Arc::make_mut(framework).offers.insert(offer.id.clone());
        }
        self.agent_offers.entry(offer.agent_id.clone()).or_default().insert(offer.id.clone());
        self.offers.insert(offer.id.clone(), offer);
    }

    /// An offer is over.
    pub(crate) fn remove_offer(&mut self, id: &str) -> Option<Offer> {
        let offer = self.offers.remove(id)?;
        if let Some(framework) = self.frameworks.get_mut(&offer.framework_id) {
            Arc::make_mut(framework).offers.remove(id);
        }
        unlist(&mut self.agent_offers, &offer.agent_id, &offer.id);
        Some(offer)
    }
}
