//! The offers of an ACCEPT.

use std::collections::BTreeSet;

use tepui_model::FrameworkId;
use tepui_wire_mesos::v1::OfferId;

use super::{Invalid, invalid};
use crate::{Master, books::Offer};

/// They are there, are this framework's, and are all of one agent and one role.
pub(crate) fn check(master: &Master, framework: &FrameworkId, ids: &[OfferId]) -> Result<(), Invalid> {
    if ids.is_empty() {
        return invalid("No offers specified");
    }
    check_unique(ids)?;
    let mut offers: Vec<&Offer> = Vec::with_capacity(ids.len());
    for id in ids {
        match master.books.offers().get(id.value.as_str()) {
            Some(offer) => offers.push(offer),
            None => return invalid(format!("Offer {} is no longer valid", id.value)),
        }
    }
    check_framework(framework, &offers)?;
    check_agent(&offers)?;
    check_role(&offers)
}

fn check_unique(ids: &[OfferId]) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    match ids.iter().find(|id| !seen.insert(id.value.as_str())) {
        Some(twice) => invalid(format!("Duplicate offer {} in offer list", twice.value)),
        None => Ok(()),
    }
}

fn check_framework(framework: &FrameworkId, offers: &[&Offer]) -> Result<(), Invalid> {
    match offers.iter().find(|offer| offer.framework_id != *framework) {
        Some(foreign) => invalid(format!(
            "Offer {} has invalid framework {} while framework {framework} is expected",
            foreign.id, foreign.framework_id
        )),
        None => Ok(()),
    }
}

fn check_agent(offers: &[&Offer]) -> Result<(), Invalid> {
    let Some(first) = offers.first() else { return Ok(()) };
    match offers.iter().find(|offer| offer.agent_id != first.agent_id) {
        Some(other) => invalid(format!(
            "Aggregated offers must belong to one single agent. Offer {} uses agent {} and agent {}",
            other.id, first.agent_id, other.agent_id
        )),
        None => Ok(()),
    }
}

fn check_role(offers: &[&Offer]) -> Result<(), Invalid> {
    let Some(first) = offers.first() else { return Ok(()) };
    match offers.iter().find(|offer| offer.role != first.role) {
        Some(other) => invalid(format!(
            "Aggregated offers must be allocated to the same role. Offer {} uses role '{}' but another is using role '{}'",
            other.id, other.role, first.role
        )),
        None => Ok(()),
    }
}
