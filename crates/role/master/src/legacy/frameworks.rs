//! Frameworks with their tasks, executors and offers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tepui_wire_mesos::v1::{
    self, framework_info::capability::Type as Capability, master::response::get_frameworks::Framework,
};

use super::{Phase, Source, labels, put, resources, seconds, tasks, verbatim};

impl Source<'_> {
    pub(super) fn framework_slices(&self) -> (&[Framework], &[Framework]) {
        self.state
            .get_frameworks
            .as_ref()
            .map_or((&[], &[]), |found| (&found.frameworks, &found.completed_frameworks))
    }

    /// Frameworks and completed frameworks; only the one with this id, if one is given.
    pub(super) fn framework_lists(&self, id: Option<&str>) -> (Vec<Value>, Vec<Value>) {
        let (active, completed) = self.framework_slices();
        let mut tasks = self.tasks_by_framework();
        let mut list = |frameworks: &[Framework]| {
            let wanted =
                frameworks.iter().filter(|framework| id.is_none_or(|id| id == framework_id(framework)));
            wanted.map(|framework| self.framework(framework, &mut tasks)).collect()
        };
        (list(active), list(completed))
    }

    fn framework(&self, framework: &Framework, tasks: &mut BTreeMap<&str, Vec<(Phase, &v1::Task)>>) -> Value {
        let info = &framework.framework_info;
        let mut object = summary(framework);
        put(&mut object, "user", info.user.as_str());
        put(&mut object, "failover_timeout", info.failover_timeout.unwrap_or(0.0));
        put(&mut object, "checkpoint", info.checkpoint.unwrap_or(false));
        let registered = seconds(framework.registered_time.as_ref());
        put(&mut object, "registered_time", registered);
        put(&mut object, "unregistered_time", seconds(framework.unregistered_time.as_ref()));
        let both = framework.allocated_resources.iter().chain(&framework.offered_resources);
        put(&mut object, "resources", resources::summary(both));
        let reregistered = seconds(framework.reregistered_time.as_ref());
        if framework.reregistered_time.is_some() && reregistered.total_cmp(&registered).is_ne() {
            put(&mut object, "reregistered_time", reregistered);
        }
        if let Some(principal) = &info.principal {
            put(&mut object, "principal", principal.as_str());
        }
        tepui_wire_legacy::put_roles(&mut object, info);
        let own = tasks.remove(framework_id(framework)).unwrap_or_default();
        let list = |phase: Phase| {
            own.iter()
                .filter(|(of, _)| *of == phase)
                .map(|(_, task)| tepui_wire_legacy::task(task))
                .collect::<Vec<Value>>()
        };
        put(&mut object, "tasks", list(Phase::Active));
        put(&mut object, "unreachable_tasks", list(Phase::Unreachable));
        put(&mut object, "completed_tasks", list(Phase::Completed));
        put(&mut object, "offers", framework.offers.iter().map(offer).collect::<Vec<Value>>());
        put(&mut object, "executors", self.executors(framework_id(framework)));
        let constraints = framework.offer_constraints.as_ref().map_or_else(|| Map::new().into(), verbatim);
        put(&mut object, "offer_constraints", constraints);
        if let Some(found) = &info.labels {
            put(&mut object, "labels", labels(found));
        }
        object.into()
    }

    fn executors(&self, framework: &str) -> Vec<Value> {
        let executors = self.state.get_executors.iter().flat_map(|found| &found.executors);
        executors
            .filter(|one| one.executor_info.framework_id.as_ref().is_some_and(|id| id.value == framework))
            .map(|one| tasks::executor(&one.executor_info, &one.agent_id.value))
            .collect()
    }
}

pub(super) fn framework_id(framework: &Framework) -> &str {
    framework.framework_info.id.as_ref().map_or("", |id| id.value.as_str())
}

/// What `/state` and `/state-summary` have in common.
pub(super) fn summary(framework: &Framework) -> Map<String, Value> {
    let info = &framework.framework_info;
    let mut object = Map::new();
    put(&mut object, "id", framework_id(framework));
    put(&mut object, "name", info.name.as_str());
    put(&mut object, "used_resources", resources::summary(&framework.allocated_resources));
    put(&mut object, "offered_resources", resources::summary(&framework.offered_resources));
    let capabilities = info.capabilities.iter().filter_map(|has| Capability::try_from(has.r#type?).ok());
    let names: Vec<Value> = capabilities.map(|capability| capability.as_str_name().into()).collect();
    put(&mut object, "capabilities", names);
    put(&mut object, "hostname", info.hostname.as_deref().unwrap_or_default());
    put(&mut object, "webui_url", info.webui_url.as_deref().unwrap_or_default());
    put(&mut object, "active", framework.active);
    put(&mut object, "connected", framework.connected);
    put(&mut object, "recovered", framework.recovered);
    object
}

fn offer(offer: &v1::Offer) -> Value {
    let mut object = Map::new();
    put(&mut object, "id", offer.id.value.as_str());
    put(&mut object, "framework_id", offer.framework_id.value.as_str());
    if let Some(allocation) = &offer.allocation_info {
        put(&mut object, "allocation_info", verbatim(allocation));
    }
    put(&mut object, "slave_id", offer.agent_id.value.as_str());
    put(&mut object, "resources", resources::summary(&offer.resources));
    object.into()
}
