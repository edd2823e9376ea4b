//! The books of frameworks.

use std::{collections::BTreeSet, sync::Arc};

use tepui_model::{ConnectionId, FrameworkId, Role, Tick};
use tepui_wire_mesos::v1::{FrameworkInfo, scheduler::OfferConstraints};
use uuid::Uuid;

use super::Books;
use crate::{Framework, FrameworkState, framework::roles};

/// What a scheduler says about its framework.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) info: FrameworkInfo,
    pub(crate) suppressed: BTreeSet<Role>,
    pub(crate) constraints: Option<OfferConstraints>,
}

impl Books {
    /// A framework is known from now on.
    pub(crate) fn add_framework(&mut self, framework: Framework) {
        self.frameworks.insert(framework.id.clone(), Arc::new(framework));
    }

    /// A framework ended in the time of an earlier master; to be told of in the order in which they did.
    pub(crate) fn add_completed_framework(&mut self, framework: Framework) {
        self.completed_frameworks.push_back(Arc::new(framework));
    }

    /// A framework ends; of those that ended, so many are kept. Gives it, and who is forgotten.
    pub(crate) fn end_framework(
        &mut self,
        id: &FrameworkId,
        now: Tick,
        limit: usize,
    ) -> Option<(Arc<Framework>, Vec<FrameworkId>)> {
        let mut framework = self.frameworks.remove(id)?;
        let ended = Arc::make_mut(&mut framework);
        ended.state = FrameworkState::Completed;
        ended.unregistered = Some(now);
        self.completed_frameworks.push_back(Arc::clone(&framework));
        let excess = self.completed_frameworks.len().saturating_sub(limit);
        let forgotten = self.completed_frameworks.drain(..excess).map(|oldest| oldest.id.clone()).collect();
        Some((framework, forgotten))
    }

    /// A framework's scheduler is there.
    pub(crate) fn connect_framework(
        &mut self,
        id: &FrameworkId,
        connection: ConnectionId,
        stream_id: Uuid,
        reregistered: Option<Tick>,
    ) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            let framework = Arc::make_mut(framework);
            framework.reregistered = reregistered;
            framework.state = FrameworkState::Active;
            framework.disconnected = None;
            framework.connection = Some(connection);
            framework.stream_id = Some(stream_id);
        }
    }

    /// A framework's scheduler has gone.
    pub(crate) fn disconnect_framework(&mut self, id: &FrameworkId, now: Tick) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            let framework = Arc::make_mut(framework);
            framework.state = FrameworkState::Disconnected;
            framework.disconnected = Some(now);
            framework.connection = None;
            framework.stream_id = None;
        }
    }

    /// A framework's stream is to end; which that is.
    pub(crate) fn leave_stream(&mut self, id: &FrameworkId) -> Option<ConnectionId> {
        let framework = self.frameworks.get_mut(id)?;
        let connection = framework.connection?;
        let framework = Arc::make_mut(framework);
        framework.connection = None;
        framework.stream_id = None;
        Some(connection)
    }

    /// A scheduler describes its framework anew.
    pub(crate) fn describe_framework(&mut self, id: &FrameworkId, description: Description) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            let framework = Arc::make_mut(framework);
            framework.roles = roles(&description.info);
            framework.info = Arc::new(description.info);
            framework.suppressed = description.suppressed;
            framework.offer_constraints = description.constraints.map(Arc::new);
        }
    }

    /// A framework wants no offers in these roles.
    pub(crate) fn suppress(&mut self, id: &FrameworkId, roles: &[Role]) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            Arc::make_mut(framework).suppressed.extend(roles.iter().cloned());
        }
    }

    /// A framework wants offers in these roles.
    pub(crate) fn revive(&mut self, id: &FrameworkId, roles: &[Role]) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            Arc::make_mut(framework).suppressed.retain(|role| !roles.contains(role));
        }
    }
}
