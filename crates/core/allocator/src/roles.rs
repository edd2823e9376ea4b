//! The tree of roles with the frameworks in them: who has how much, and so who comes next.
//!
//! A role's share is that of everything below it. A role that has both frameworks of its own and roles below
//! it competes with the latter as one more child, of weight 1.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tepui_model::{FrameworkId, ResourceName, ResourceQuantities, Resources, Role, Tick};

use crate::allocator::AgentKey;

/// One framework in one role.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Client {
    /// Whether the framework has this role now. One that left may still hold resources.
    pub(crate) subscribed: bool,
    /// Whether it asked for no more offers.
    pub(crate) suppressed: bool,
    /// Subscribed, not suppressed, and its framework active.
    pub(crate) eligible: bool,
    /// What it refused, by agent.
    pub(crate) filters: BTreeMap<AgentKey, Vec<Filter>>,
    /// When it was last granted something.
    pub(crate) last_grant: Option<Tick>,
    allocated: ResourceQuantities,
    grants: u64,
}

/// Resources that were refused; hides what is no more than them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Filter {
    pub(crate) until: Tick,
    pub(crate) resources: Resources,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Node {
    clients: BTreeMap<FrameworkId, Client>,
    children: BTreeSet<Role>,
    /// Held by this role's own frameworks.
    own: Holding,
    /// Held by it and all below.
    subtree: Holding,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Holding {
    allocated: ResourceQuantities,
    grants: u64,
}

/// The roles, their frameworks and weights.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct RoleTree {
    nodes: BTreeMap<Role, Node>,
    roots: BTreeSet<Role>,
    weights: BTreeMap<Role, f64>,
}

/// What shares are measured against.
#[derive(Clone, Copy)]
pub(crate) struct Measure<'a> {
    pub(crate) total: &'a ResourceQuantities,
    pub(crate) excluded: &'a BTreeSet<ResourceName>,
}

impl Measure<'_> {
    /// The largest part that it has of any kind of resource.
    #[expect(clippy::cast_precision_loss, reason = "a share is a fraction; only its order matters")]
    pub(crate) fn dominant_share(self, allocated: &ResourceQuantities) -> f64 {
        allocated
            .iter()
            .filter(|(name, _)| !self.excluded.contains(*name))
            .filter_map(|(name, amount)| {
                let total = self.total.get(name.as_str()).as_millis();
                (total > 0).then(|| amount.as_millis() as f64 / total as f64)
            })
            .fold(0.0, f64::max)
    }
}

impl RoleTree {
    pub(crate) fn set_weight(&mut self, role: Role, weight: f64) {
        self.weights.insert(role, weight);
    }

    fn weight(&self, role: &Role) -> f64 {
        self.weights.get(role).copied().filter(|weight| *weight > 0.0).unwrap_or(1.0)
    }

    pub(crate) fn client(&self, role: &Role, framework: &FrameworkId) -> Option<&Client> {
        self.nodes.get(role)?.clients.get(framework)
    }

    pub(crate) fn client_mut(&mut self, role: &Role, framework: &FrameworkId) -> Option<&mut Client> {
        self.nodes.get_mut(role)?.clients.get_mut(framework)
    }

    /// The client, made if it is not there.
    pub(crate) fn ensure_client(&mut self, role: &Role, framework: &FrameworkId) -> &mut Client {
        if !self.nodes.contains_key(role) {
            self.add_node(role);
        }
        self.nodes.entry(role.clone()).or_default().clients.entry(framework.clone()).or_default()
    }

    fn add_node(&mut self, role: &Role) {
        let mut child = role.clone();
        self.nodes.entry(child.clone()).or_default();
        while let Some(parent) = child.parent() {
            self.nodes.entry(parent.clone()).or_default().children.insert(child);
            child = parent;
        }
        self.roots.insert(child);
    }

    /// Forgets a client that has left and holds nothing, and the roles that this leaves empty.
    pub(crate) fn forget_if_idle(&mut self, role: &Role, framework: &FrameworkId) {
        let Some(node) = self.nodes.get_mut(role) else { return };
        if !node
            .clients
            .get(framework)
            .is_some_and(|client| !client.subscribed && client.allocated.is_empty())
        {
            return;
        }
        node.clients.remove(framework);
        let mut current = Some(role.clone());
        while let Some(role) = current {
            let empty =
                self.nodes.get(&role).is_some_and(|node| node.clients.is_empty() && node.children.is_empty());
            if !empty {
                return;
            }
            self.nodes.remove(&role);
            current = role.parent();
            match current.as_ref().and_then(|parent| self.nodes.get_mut(parent)) {
                Some(parent) => {
                    parent.children.remove(&role);
                }
                None => {
                    self.roots.remove(&role);
                }
            }
        }
    }

    pub(crate) fn allocated(
        &mut self,
        role: &Role,
        framework: &FrameworkId,
        quantities: &ResourceQuantities,
    ) {
        let client = self.ensure_client(role, framework);
        client.allocated.add(quantities);
        client.grants += 1;
        if let Some(node) = self.nodes.get_mut(role) {
            node.own.allocated.add(quantities);
            node.own.grants += 1;
        }
        self.each_upwards(role, |holding| {
            holding.allocated.add(quantities);
            holding.grants += 1;
        });
    }

    pub(crate) fn unallocated(
        &mut self,
        role: &Role,
        framework: &FrameworkId,
        quantities: &ResourceQuantities,
    ) {
        let Some(node) = self.nodes.get_mut(role) else { return };
        if let Some(client) = node.clients.get_mut(framework) {
            client.allocated.subtract(quantities);
        }
        node.own.allocated.subtract(quantities);
        self.each_upwards(role, |holding| holding.allocated.subtract(quantities));
        self.forget_if_idle(role, framework);
    }

    fn each_upwards(&mut self, role: &Role, mut change: impl FnMut(&mut Holding)) {
        let mut current = Some(role.clone());
        while let Some(role) = current {
            if let Some(node) = self.nodes.get_mut(&role) {
                change(&mut node.subtree);
            }
            current = role.parent();
        }
    }

    /// The roles with frameworks that want offers, the one that has least first.
    pub(crate) fn role_order(&self, measure: Measure<'_>) -> Vec<Role> {
        let mut order = Vec::new();
        self.order_level(None, &self.roots, measure, &mut order);
        order
    }

    fn order_level(
        &self,
        parent: Option<&Role>,
        children: &BTreeSet<Role>,
        measure: Measure<'_>,
        order: &mut Vec<Role>,
    ) {
        // The parent's own frameworks stand among its children, as `.` would.
        let mut level: Vec<(f64, u64, &str, &Role)> = Vec::with_capacity(children.len() + 1);
        if let Some((role, node)) = parent.and_then(|role| Some((role, self.nodes.get(role)?)))
            && node.wants_offers()
        {
            level.push((measure.dominant_share(&node.own.allocated), node.own.grants, ".", role));
        }
        for role in children {
            if let Some(node) = self.nodes.get(role) {
                let share = measure.dominant_share(&node.subtree.allocated) / self.weight(role);
                level.push((share, node.subtree.grants, role.as_str(), role));
            }
        }
        level.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(b.2)));
        for (_, _, name, role) in level {
            match self.nodes.get(role) {
                Some(node) if name != "." && !node.children.is_empty() => {
                    self.order_level(Some(role), &node.children, measure, order);
                }
                Some(node) if node.wants_offers() => order.push(role.clone()),
                _ => {}
            }
        }
    }

    /// Those frameworks of a role that want offers and are meant, the one that has least first.
    pub(crate) fn framework_order(
        &self,
        role: &Role,
        measure: Measure<'_>,
        meant: impl Fn(&FrameworkId) -> bool,
    ) -> Vec<FrameworkId> {
        let Some(node) = self.nodes.get(role) else { return Vec::new() };
        let mut order: Vec<(f64, u64, &FrameworkId)> = node
            .clients
            .iter()
            .filter(|(id, client)| client.eligible && meant(id))
            .map(|(id, client)| (measure.dominant_share(&client.allocated), client.grants, id))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(b.2)));
        order.into_iter().map(|(_, _, id)| id.clone()).collect()
    }

    /// All clients, with their roles.
    pub(crate) fn clients_mut(&mut self) -> impl Iterator<Item = (&Role, &FrameworkId, &mut Client)> {
        self.nodes
            .iter_mut()
            .flat_map(|(role, node)| node.clients.iter_mut().map(move |(id, client)| (role, id, client)))
    }

    /// The frameworks that want offers in a top-level role and below it.
    pub(crate) fn eligible_within(&self, top: &Role) -> Vec<(Role, FrameworkId)> {
        self.nodes
            .iter()
            .filter(|(role, _)| role.is_within(top))
            .flat_map(|(role, node)| {
                node.clients
                    .iter()
                    .filter(|(_, client)| client.eligible)
                    .map(move |(id, _)| (role.clone(), id.clone()))
            })
            .collect()
    }

    /// Whether nothing is left of anybody.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.roots.is_empty()
    }

    /// What the frameworks of a role and of all roles below it hold.
    #[cfg(test)]
    pub(crate) fn subtree_allocation(&self, role: &Role) -> ResourceQuantities {
        self.nodes.get(role).map(|node| node.subtree.allocated.clone()).unwrap_or_default()
    }

    /// What one framework holds in one role.
    #[cfg(test)]
    pub(crate) fn client_allocation(&self, role: &Role, framework: &FrameworkId) -> ResourceQuantities {
        self.client(role, framework).map(|client| client.allocated.clone()).unwrap_or_default()
    }
}

impl Node {
    fn wants_offers(&self) -> bool {
        self.clients.values().any(|client| client.eligible)
    }
}
