//! What must always hold in the agent's books. Must not live here: rules that span several parties (the simulator has them).

use crate::{
    agent::Agent,
    executors::{Executor, Stage},
    snapshot::{ExecutorState, Phase},
    timers::Timer,
};

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
        for (container, (framework, executor)) in &self.containers {
            let owner = self.frameworks.get(framework).and_then(|known| known.executors.get(executor));
            if owner.is_none_or(|owner| owner.container_id != *container) {
                return Err(format!("container {container} belongs to nobody"));
            }
        }
        for (stream, (framework, executor)) in &self.connections {
            let owner = self.frameworks.get(framework).and_then(|known| known.executors.get(executor));
            if owner.and_then(Executor::stream) != Some(*stream) {
                return Err(format!("{stream} is nobody's stream"));
            }
        }
        for (id, framework) in &self.frameworks {
            for (task, executor) in &framework.tasks {
                if !framework.executors.get(executor).is_some_and(|owner| owner.tasks.contains_key(task)) {
                    return Err(format!("task {task} of framework {id} is not with its executor {executor}"));
                }
            }
            for (name, executor) in &framework.executors {
                let alive = self.containers.contains_key(&executor.container_id);
                if alive == (executor.state() == ExecutorState::Terminated) {
                    return Err(format!("executor {name} of framework {id}: state and container disagree"));
                }
                for task in executor.tasks.keys() {
                    if framework.tasks.get(task) != Some(name) {
                        return Err(format!("task {task} of framework {id} is not in the index"));
                    }
                }
                check_executor(executor)
                    .map_err(|what| format!("executor {name} of framework {id}: {what}"))?;
            }
        }
        Ok(())
    }
}

fn check_executor(executor: &Executor) -> Result<(), String> {
    let mut usage = crate::resources::Sum::of(&executor.info.resources);
    for (id, task) in &executor.tasks {
        if task.state().is_terminal() != (task.stage == Stage::Terminated) {
            return Err(format!("task {id}: state and stage disagree"));
        }
        if task.is_live() {
            usage.add(&task.usage);
            if executor.state() == ExecutorState::Terminated {
                return Err(format!("task {id} outlives its executor"));
            }
        }
    }
    if usage != executor.usage {
        return Err("the sum of its resources is wrong".to_owned());
    }
    Ok(())
}
