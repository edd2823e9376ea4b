//! What a role is sure to get, and what it never exceeds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tepui_model::{Resource, ResourceLimits, ResourceQuantities, Resources, Role};

/// What a top-level role, with everything below it, is sure to get and never exceeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// So much is kept free for it as long as it has less.
    pub guarantees: ResourceQuantities,
    /// It gets no more than so much.
    pub limits: ResourceLimits,
}

/// Quotas, and what counts towards them: everything reserved for a role (used or not), and what it holds of
/// the unreserved and not revocable.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Quotas {
    quotas: BTreeMap<Role, Quota>,
    consumed: BTreeMap<Role, ResourceQuantities>,
}

impl Quotas {
    pub(crate) fn set(&mut self, role: Role, quota: Quota) {
        self.quotas.insert(role, quota);
    }

    pub(crate) fn remove(&mut self, role: &Role) {
        self.quotas.remove(role);
    }

    /// The quota that rules a role: its top-level role's.
    pub(crate) fn of(&self, role: &Role) -> Option<&Quota> {
        self.quotas.get(top(role))
    }

    pub(crate) fn has_limits(&self, role: &Role) -> bool {
        self.of(role).is_some_and(|quota| !quota.limits.is_empty())
    }

    pub(crate) fn any_limit(&self) -> bool {
        self.quotas.values().any(|quota| !quota.limits.is_empty())
    }

    pub(crate) fn any_guarantee(&self) -> bool {
        self.quotas.values().any(|quota| !quota.guarantees.is_empty())
    }

    /// What counts towards the quota of a role.
    pub(crate) fn consumed(&self, role: &Role) -> ResourceQuantities {
        self.consumed.get(top(role)).cloned().unwrap_or_default()
    }

    /// What a role is still owed.
    pub(crate) fn owed(&self, role: &Role) -> ResourceQuantities {
        let mut owed = self.of(role).map(|quota| quota.guarantees.clone()).unwrap_or_default();
        if let Some(consumed) = self.consumed.get(top(role)) {
            owed.subtract(consumed);
        }
        owed
    }

    /// What all roles together are still owed.
    pub(crate) fn owed_to_all(&self) -> ResourceQuantities {
        let mut sum = ResourceQuantities::new();
        for role in self.quotas.keys() {
            sum.add(&self.owed(role));
        }
        sum
    }

    /// A role got some of the unreserved.
    pub(crate) fn allocated(&mut self, role: &Role, resources: &Resources) {
        self.entry(role).add(&countable(resources));
    }

    /// A role gave back some of the unreserved.
    pub(crate) fn unallocated(&mut self, role: &Role, resources: &Resources) {
        self.take(role, &countable(resources));
    }

    /// An agent came with these resources.
    pub(crate) fn agent_added(&mut self, total: &Resources) {
        for (role, reserved) in total.by_reservation() {
            self.entry(&role).add(&reserved.to_quantities());
        }
    }

    /// An agent with these resources went.
    pub(crate) fn agent_removed(&mut self, total: &Resources) {
        for (role, reserved) in total.by_reservation() {
            self.take(&role, &reserved.to_quantities());
        }
    }

    fn entry(&mut self, role: &Role) -> &mut ResourceQuantities {
        self.consumed.entry(role.top()).or_default()
    }

    fn take(&mut self, role: &Role, quantities: &ResourceQuantities) {
        if let Some(consumed) = self.consumed.get_mut(top(role)) {
            consumed.subtract(quantities);
            if consumed.is_empty() {
                self.consumed.remove(top(role));
            }
        }
    }
}

/// Whether a resource is given out by amount and counts towards quota: unreserved, countable, not revocable,
/// not shared.
pub(crate) fn is_countable(resource: &Resource) -> bool {
    resource.is_unreserved() && !resource.revocable && !resource.shared && resource.as_scalar().is_some()
}

/// How much there is of what counts towards quota.
pub(crate) fn countable(resources: &Resources) -> ResourceQuantities {
    resources
        .iter()
        .filter(|resource| is_countable(resource))
        .filter_map(|resource| Some((&resource.name, resource.as_scalar()?)))
        .collect()
}

fn top(role: &Role) -> &str {
    role.components().next().unwrap_or_default()
}
