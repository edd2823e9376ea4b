//! All executors: whose they are, and who owns which container and which stream. Must not live here: what events do to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tepui_model::{ConnectionId, ContainerId, ExecutorId, FrameworkId};

use super::{Executor, Framework, Stage};
use crate::{contact::Contact, resources::Sum, snapshot::ExecutorState};

/// Framework and executor.
type Owner = (FrameworkId, ExecutorId);

/// Frameworks with their executors and tasks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Executors {
    frameworks: BTreeMap<FrameworkId, Framework>,
    /// Whose a container is that has not ended.
    containers: BTreeMap<ContainerId, Owner>,
    /// Whose an event stream is.
    streams: BTreeMap<ConnectionId, Owner>,
}

impl Executors {
    pub(crate) fn get(&self, framework: &FrameworkId) -> Option<&Framework> {
        self.frameworks.get(framework)
    }

    pub(crate) fn get_mut(&mut self, framework: &FrameworkId) -> Option<&mut Framework> {
        self.frameworks.get_mut(framework)
    }

    pub(crate) fn contains_key(&self, framework: &FrameworkId) -> bool {
        self.frameworks.contains_key(framework)
    }

    /// The frameworks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FrameworkId, &Framework)> {
        self.frameworks.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Framework> {
        self.frameworks.values()
    }

    /// Every executor of every framework.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Executor> {
        self.frameworks.values_mut().flat_map(|framework| framework.executors.values_mut())
    }

    pub(crate) fn executor(&self, framework: &FrameworkId, executor: &ExecutorId) -> Option<&Executor> {
        self.frameworks.get(framework)?.executors.get(executor)
    }

    pub(crate) fn executor_mut(
        &mut self,
        framework: &FrameworkId,
        executor: &ExecutorId,
    ) -> Option<&mut Executor> {
        self.frameworks.get_mut(framework)?.executors.get_mut(executor)
    }

    /// A framework that is new here.
    pub(crate) fn add_framework(&mut self, framework: Framework) {
        self.frameworks.insert(framework.id.clone(), framework);
    }

    /// Takes out a framework of which nothing is left.
    pub(crate) fn take_framework(&mut self, id: &FrameworkId) -> Option<Framework> {
        if self.frameworks.get(id)?.executors.is_empty() { self.frameworks.remove(id) } else { None }
    }

    /// An executor that is new here, with the tasks that it has.
    pub(crate) fn add(&mut self, framework: &FrameworkId, executor: Executor) {
        let Some(framework) = self.frameworks.get_mut(framework) else { return };
        let id = executor.id.clone();
        framework.tasks.extend(executor.tasks.keys().map(|task| (task.clone(), id.clone())));
        self.containers.insert(executor.container_id.clone(), (framework.id.clone(), id.clone()));
        framework.executors.insert(id, executor);
    }

    /// Whose a container is.
    pub(crate) fn owner(&self, container: &ContainerId) -> Option<&Owner> {
        self.containers.get(container)
    }

    pub(crate) fn has_container(&self, container: &ContainerId) -> bool {
        self.containers.contains_key(container)
    }

    /// A container is gone.
    pub(crate) fn forget_container(&mut self, container: &ContainerId) {
        self.containers.remove(container);
    }

    /// The open event streams.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &ConnectionId> {
        self.streams.keys()
    }

    /// An executor listens on a stream now. Answers with who listened for it before.
    pub(crate) fn attach(
        &mut self,
        framework: &FrameworkId,
        executor: &ExecutorId,
        stream: ConnectionId,
    ) -> Option<Contact> {
        let known = self.frameworks.get_mut(framework)?.executors.get_mut(executor)?;
        let earlier = known.contact.replace(Contact::Stream(stream));
        if let Some(Contact::Stream(earlier)) = &earlier {
            self.streams.remove(earlier);
        }
        self.streams.insert(stream, (framework.clone(), executor.clone()));
        earlier
    }

    /// An executor listens no more. Answers with who did for it.
    pub(crate) fn detach(&mut self, framework: &FrameworkId, executor: &ExecutorId) -> Option<Contact> {
        let contact = self.executor_mut(framework, executor)?.contact.take();
        if let Some(Contact::Stream(stream)) = &contact {
            self.streams.remove(stream);
        }
        contact
    }

    /// A stream is closed.
    pub(crate) fn stream_closed(&mut self, stream: ConnectionId) {
        let Some((framework, executor)) = self.streams.remove(&stream) else { return };
        if let Some(executor) = self.executor_mut(&framework, &executor)
            && executor.stream() == Some(stream)
        {
            executor.contact = None;
        }
    }

    /// Finds contradictions.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (container, (framework, executor)) in &self.containers {
            let owner = self.executor(framework, executor);
            if owner.is_none_or(|owner| owner.container_id != *container) {
                return Err(format!("container {container} belongs to nobody"));
            }
        }
        for (stream, (framework, executor)) in &self.streams {
            if self.executor(framework, executor).and_then(Executor::stream) != Some(*stream) {
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
                if executor.stream().is_some_and(|stream| !self.streams.contains_key(&stream)) {
                    return Err(format!("executor {name} of framework {id}: its stream is not in the index"));
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

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.frameworks.is_empty()
    }
}

fn check_executor(executor: &Executor) -> Result<(), String> {
    let mut usage = Sum::of(&executor.info.resources);
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
