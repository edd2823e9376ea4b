//! Containers of this kind that the last agent left. Must not live here: reading them from disk.

use tepui_model::Tick;

use super::{Life, container_id, flat_id, parent};
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
        containers.sort_by_cached_key(|container| flat_id(&container.launch.container_id));
        for RecoveredContainer { launch, container, ended, pid } in containers {
            let flat = flat_id(&launch.container_id);
            let runs = container == ContainerState::Alive && ended.is_none() && !rebooted;
            let exit = match container {
                _ if ended.is_some() => ended,
                ContainerState::Exited(exit) if !rebooted => Some(exit),
                _ => None,
            };
            let life = if runs { Life::Running } else { Life::Ended(exit.clone().unwrap_or_default()) };
            if !self.is_around(&flat, runs) || !self.readopt(&flat, launch, pid, life) {
                if runs {
                    self.out.push(Effect::Destroy { container: container_id(&flat) });
                }
                self.out.remove(Removal::Container { container: flat });
            } else if !runs {
                self.ended_meanwhile(now, &flat, exit.unwrap_or_default());
            }
        }
    }

    /// Whether what a container is nested in is still there.
    fn is_around(&self, flat: &str, runs: bool) -> bool {
        match parent(flat) {
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
    fn ended_meanwhile(&mut self, _now: Tick, flat: &str, exit: Exit) {
        let exit = Box::new(super::answer(&exit));
        self.out.write(crate::effect::Checkpoint::ContainerEnded { container: flat.to_owned(), exit });
        self.remember_ended(flat);
    }
}
