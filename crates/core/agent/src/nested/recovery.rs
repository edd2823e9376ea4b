//! Containers of this kind that the last agent left. Must not live here: reading them from disk.

use tepui_model::{ContainerId, Tick};

use super::book::{Life, answer};
use crate::{
    agent::Agent,
    effect::{Effect, Exit, Removal},
    recovered::{ContainerState, RecoveredContainer},
};

impl Agent {
    /// Takes them up, parents first. To be called when the executors are known.
    pub(crate) fn recover_containers(
        &mut self,
        now: Tick,
        mut containers: Vec<RecoveredContainer>,
        rebooted: bool,
    ) {
        containers.sort_by_cached_key(|container| ContainerId::from(&container.launch.container_id));
        for RecoveredContainer { launch, container, ended, pid } in containers {
            let id = ContainerId::from(&launch.container_id);
            let runs = container == ContainerState::Alive && ended.is_none() && !rebooted;
            let exit = match container {
                _ if ended.is_some() => ended,
                ContainerState::Exited(exit) if !rebooted => Some(exit),
                _ => None,
            };
            let life = if runs { Life::Running } else { Life::Ended(exit.clone().unwrap_or_default()) };
            if !self.is_around(&id, runs) || !self.readopt(&id, launch, pid, life) {
                if runs {
                    self.out.push(Effect::Destroy { container: id.clone() });
                }
                self.out.remove(Removal::Container { container: id });
            } else if !runs {
                self.ended_meanwhile(now, &id, exit.unwrap_or_default());
            }
        }
    }

    /// Whether what a container is nested in is still there.
    fn is_around(&self, id: &ContainerId, runs: bool) -> bool {
        match id.parent() {
            None => true,
            Some(parent) if self.is_executor_container(parent) => true,
            Some(parent) => self
                .nested
                .containers
                .get(parent)
                .is_some_and(|parent| !runs || matches!(parent.life, Life::Running)),
        }
    }

    /// Writes down what nobody was there to write down.
    fn ended_meanwhile(&mut self, _now: Tick, id: &ContainerId, exit: Exit) {
        let exit = Box::new(answer(&exit));
        self.out.write(crate::effect::Checkpoint::ContainerEnded { container: id.clone(), exit });
        self.remember_ended(id);
    }
}
