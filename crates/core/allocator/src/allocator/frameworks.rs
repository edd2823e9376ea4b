//! Frameworks come, change and go, and say whether they want offers.

use std::collections::{BTreeMap, BTreeSet};

use tepui_model::{AgentId, FrameworkId, Resources, Role};

use super::{AgentKey, Allocator, Framework};

impl Allocator {
    /// A framework came, perhaps holding resources of agents that are known already (after a failover of the
    /// master). What it holds of agents that are not is told with [`Self::add_agent`].
    pub fn add_framework(
        &mut self,
        id: FrameworkId,
        framework: Framework,
        used: &BTreeMap<AgentId, Resources>,
    ) {
        self.update_framework(&id, framework);
        for (agent, resources) in used {
            self.allocated(&id, agent, resources);
        }
    }

    /// A framework changed: its roles, what it suppresses, its capabilities. What it refused in roles that it
    /// keeps stays refused; it is considered anew for everything else.
    pub fn update_framework(&mut self, id: &FrameworkId, framework: Framework) {
        let left: Vec<Role> = match self.frameworks.get(id) {
            Some(known) => known.roles.difference(&framework.roles).cloned().collect(),
            None => Vec::new(),
        };
        for role in left {
            self.leave_role(&role, id);
        }
        for role in &framework.roles {
            let client = self.roles.ensure_client(role, id);
            client.subscribed = true;
            client.suppressed = framework.suppressed_roles.contains(role);
        }
        self.frameworks.insert(id.clone(), framework);
        self.refresh(id);
    }

    /// A framework went for good. What it still holds is recovered.
    pub fn remove_framework(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.remove(id) else { return };
        for role in &framework.roles {
            self.leave_role(role, id);
        }
        let holding: Vec<(AgentKey, Resources)> = self
            .agents
            .iter()
            .filter_map(|(agent, state)| Some((*agent, state.used.get(id)?.clone())))
            .collect();
        for (agent, resources) in holding {
            self.release(id, agent, &resources);
        }
    }

    /// A framework may be granted resources again.
    pub fn activate_framework(&mut self, id: &FrameworkId) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.active = true;
            self.refresh(id);
        }
    }

    /// A framework may be granted nothing for now; what it refused is forgotten. It keeps what it holds until
    /// that is recovered.
    pub fn deactivate_framework(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.active = false;
        let roles: Vec<Role> = framework.roles.iter().cloned().collect();
        for role in &roles {
            self.clear_filters(role, id);
        }
        self.refresh(id);
    }

    /// A framework wants no offers in these roles; in any of its roles, if there are none given. Roles that
    /// it does not have are ignored.
    pub fn suppress(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        for role in self.roles_meant(id, roles) {
            if let Some(client) = self.roles.client_mut(&role, id) {
                client.suppressed = true;
            }
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.suppressed_roles.insert(role);
            }
        }
        self.refresh(id);
    }

    /// A framework wants offers in these roles, also of what it refused; in all its roles, if there are none
    /// given. Roles that it does not have are ignored.
    pub fn revive(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        for role in self.roles_meant(id, roles) {
            self.clear_filters(&role, id);
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.suppressed_roles.remove(&role);
            }
            if let Some(client) = self.roles.client_mut(&role, id) {
                client.suppressed = false;
                client.eligible = self.frameworks.get(id).is_some_and(|framework| framework.active);
                if client.eligible {
                    self.pending.clients.insert(role, id.clone());
                }
            }
        }
    }

    fn roles_meant(&self, id: &FrameworkId, roles: &BTreeSet<Role>) -> Vec<Role> {
        let Some(framework) = self.frameworks.get(id) else { return Vec::new() };
        framework.roles.iter().filter(|role| roles.is_empty() || roles.contains(*role)).cloned().collect()
    }

    /// Works out who wants offers, and has those that do considered.
    fn refresh(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(id) else { return };
        for role in &framework.roles {
            if let Some(client) = self.roles.client_mut(role, id) {
                client.eligible = framework.active && client.subscribed && !client.suppressed;
                if client.eligible {
                    self.pending.clients.insert(role.clone(), id.clone());
                } else {
                    self.pending.clients.remove(role, id);
                }
            }
        }
    }

    fn leave_role(&mut self, role: &Role, id: &FrameworkId) {
        self.clear_filters(role, id);
        if let Some(client) = self.roles.client_mut(role, id) {
            client.subscribed = false;
            client.eligible = false;
        }
        self.pending.clients.remove(role, id);
        self.roles.forget_if_idle(role, id);
    }
}
