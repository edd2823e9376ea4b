//! What must always hold in the agent's books. Must not live here: rules that span several parties (the simulator has them).

use crate::{agent::Agent, snapshot::Phase, timers::Timer};

impl Agent {
    /// Looks for streams that contradict themselves.
    pub(crate) fn check_streams(&self) -> Result<(), String> {
        for (framework, task, stream) in self.updates.iter() {
            let timer = Timer::Retry { framework: framework.clone(), task: task.clone() };
            stream
                .check(self.timers.at(&timer).is_some())
                .map_err(|what| format!("stream of task {task} of framework {framework}: {what}"))?;
        }
        Ok(())
    }

    pub(crate) fn check_books(&self) -> Result<(), String> {
        if self.phase == Phase::Running && (self.master.is_none() || self.agent_id.is_none()) {
            return Err("registered without a master or without an id".to_owned());
        }
        self.executors.check()
    }
}
