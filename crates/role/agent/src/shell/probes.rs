//! Probes of tasks that are under way. Must not live here: when to probe, and what a result means.

use std::collections::BTreeMap;

use tepui_core_agent::{Probe, ProbeId};
use tepui_model::ContainerId;
use tokio::{sync::mpsc, task::AbortHandle};

use super::Input;

/// The probes under way, by container and number: as many as there are checks, at most two for each task.
#[derive(Debug, Default)]
pub(super) struct Probes(BTreeMap<(ContainerId, ProbeId), AbortHandle>);

impl Probes {
    /// Asks, and tells the shell what came of it.
    pub(super) fn begin(
        &mut self,
        container: ContainerId,
        id: ProbeId,
        probe: Probe,
        inputs: &mpsc::WeakSender<Input>,
    ) {
        let (key, inputs) = ((container.clone(), id), inputs.clone());
        let task = tokio::spawn(async move {
            let outcome = tepui_probe::ask(probe).await;
            if let Some(inputs) = inputs.upgrade() {
                let _ = inputs.send(Input::Probed { container, id, outcome }).await;
            }
        });
        self.0.insert(key, task.abort_handle());
    }

    /// Ends a probe, if it is still under way.
    pub(super) fn end(&mut self, container: &ContainerId, id: ProbeId) {
        if let Some(task) = self.0.remove(&(container.clone(), id)) {
            task.abort();
        }
    }
}
