//! The containers in which checks' commands run. Must not live here: what a check is (see `checks`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tepui_core_checks::ProbeId;
use tepui_model::ContainerId;

/// Those that run, by flat id.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probes(BTreeMap<ContainerId, Probe>);

/// What one is for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Probe {
    /// The task's container.
    task: ContainerId,
    id: ProbeId,
    /// Somebody wants to know how it ends.
    wanted: bool,
}

impl Probes {
    /// The container `own` was asked for.
    pub(crate) fn begin(&mut self, own: ContainerId, task: ContainerId, id: ProbeId) {
        self.0.insert(own, Probe { task, id, wanted: true });
    }

    /// Nobody wants to know any more. Answers with the container that can end now.
    pub(crate) fn cancel(&mut self, task: &ContainerId, id: ProbeId) -> Option<ContainerId> {
        let (own, probe) = self.0.iter_mut().find(|(_, probe)| probe.task == *task && probe.id == id)?;
        probe.wanted = false;
        Some(own.clone())
    }

    /// A container has ended. If it was one of these: the task's container and the probe, if its outcome is wanted.
    pub(crate) fn end(&mut self, own: &ContainerId) -> Option<Option<(ContainerId, ProbeId)>> {
        let Probe { task, id, wanted } = self.0.remove(own)?;
        Some(wanted.then_some((task, id)))
    }
}
