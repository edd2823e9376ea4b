//! The end of containers: children before their parents. Must not live here: who asks for it.

use tepui_model::{ConnectionId, Reply, Tick};
use tepui_wire_mesos::v1;

use super::{Container, ENDED_MAX, Life, answer, container_id, parent};
use crate::{
    agent::Agent,
    effect::{Checkpoint, Effect, Exit, Removal},
    environment::Environment,
};

impl Agent {
    /// A container's processes are gone. Its end counts once its children have ended.
    pub(crate) fn container_exited(&mut self, now: Tick, flat: &str, exit: Exit) {
        let Some(container) = self.nested.containers.get_mut(flat).filter(|known| known.is_live()) else {
            return;
        };
        container.life = Life::Ending(Some(exit));
        self.destroy_below(now, flat);
        self.end_if_alone(now, flat);
    }

    /// An executor's container is gone. False: its end waits for that of its children.
    pub(crate) fn children_are_over(&mut self, now: Tick, root: &str, exit: &Exit) -> bool {
        if !self.nested.has_live_below(root) {
            return true;
        }
        self.nested.root_exits.insert(root.to_owned(), exit.clone());
        self.destroy_below(now, root);
        // Some may have ended by that alone.
        false
    }

    /// Ends a container and all below it.
    pub(crate) fn destroy_container_tree(&mut self, now: Tick, flat: &str) {
        self.destroy_below(now, flat);
        self.destroy_one(now, flat);
    }

    fn destroy_below(&mut self, now: Tick, flat: &str) {
        let children: Vec<String> = self.nested.below(flat).rev().map(|(flat, _)| flat.clone()).collect();
        for child in children {
            self.destroy_one(now, &child);
        }
    }

    fn destroy_one(&mut self, now: Tick, flat: &str) {
        let Some(container) = self.nested.containers.get_mut(flat) else { return };
        match container.life {
            // Nothing was begun.
            Life::Held(_) => {
                container.life = Life::Ending(Some(Exit::default()));
                self.end_if_alone(now, flat);
            }
            Life::Launching | Life::Running => {
                container.life = Life::Ending(None);
                self.out.push(Effect::Destroy { container: container.id.clone() });
            }
            Life::Ending(_) | Life::Ended(_) => {}
        }
    }

    /// Brings an end to its end when nothing is left below it, and then perhaps that of the parent.
    fn end_if_alone(&mut self, now: Tick, flat: &str) {
        if self.nested.has_live_below(flat) {
            return;
        }
        let Some(container) = self.nested.containers.get_mut(flat) else { return };
        let Life::Ending(Some(exit)) = &container.life else { return };
        let exit = exit.clone();
        container.life = Life::Ended(exit.clone());
        container.pid = None;
        container.environment = Environment::default();
        let checkpoint = container.checkpoint;
        if let Some(from) = container.launcher.take() {
            let words = format!("Container {flat} was destroyed while it was being launched");
            self.out.reply(from, Reply::error(400, words));
        }
        if checkpoint {
            let exit = Box::new(answer(&exit));
            self.out.write(Checkpoint::ContainerEnded { container: flat.to_owned(), exit });
        }
        self.nested.sessions.retain(|_, of| of != flat);
        self.answer_waiters(flat, &exit);
        self.remember_ended(flat);
        self.check_ended(now, flat, &exit);
        if let Some(parent) = parent(flat).map(str::to_owned) {
            self.child_ended(now, &parent);
        }
    }

    fn child_ended(&mut self, now: Tick, parent: &str) {
        if !self.is_executor_container(parent) {
            return self.end_if_alone(now, parent);
        }
        if self.nested.root_exits.contains_key(parent)
            && !self.nested.has_live_below(parent)
            && let Some(exit) = self.nested.root_exits.remove(parent)
        {
            let root = v1::ContainerId { value: parent.to_owned(), parent: None };
            self.container_gone(now, &root, exit);
        }
    }

    pub(crate) fn answer_waiters(&mut self, flat: &str, exit: &Exit) {
        for waiter in self.nested.waiters.remove(flat).unwrap_or_default() {
            self.tell_end(waiter, exit);
        }
    }

    pub(super) fn remember_ended(&mut self, flat: &str) {
        self.nested.ended.push_back(flat.to_owned());
        while self.nested.ended.len() > ENDED_MAX {
            let Some(oldest) = self.nested.ended.pop_front() else { return };
            if self.nested.containers.get(&oldest).is_some_and(|oldest| !oldest.is_live()) {
                self.forget_container(&oldest);
            }
        }
    }

    /// Forgets a container in which a check's command ran.
    pub(crate) fn forget_check(&mut self, flat: &str) {
        self.forget_container(flat);
    }

    /// Forgets a container that has ended.
    pub(super) fn forget_container(&mut self, flat: &str) -> Option<Container> {
        let container = self.nested.containers.remove(flat)?;
        if container.checkpoint {
            self.out.remove(Removal::Container { container: flat.to_owned() });
        }
        if container.debug {
            // What came out of a session went to whoever asked for it.
            self.out.push(Effect::RemoveSandbox { path: container.sandbox.clone() });
        }
        Some(container)
    }

    /// An executor's container is over, and with it everything below.
    pub(crate) fn forget_children(&mut self, root: &str, exit: &Exit) {
        self.nested.root_exits.remove(root);
        let children: Vec<String> = self.nested.below(root).rev().map(|(flat, _)| flat.clone()).collect();
        for child in children {
            let live = self.nested.containers.get(&child).is_some_and(Container::is_live);
            if live {
                self.out.push(Effect::Destroy { container: container_id(&child) });
            }
            self.answer_waiters(&child, &Exit::default());
            self.nested.sessions.retain(|_, of| *of != child);
            let launcher = self.forget_container(&child).and_then(|container| container.launcher);
            if let Some(from) = launcher {
                let words = format!("Parent container {root} does not exist");
                self.out.reply(from, Reply::error(400, words));
            }
        }
        self.answer_waiters(root, exit);
    }

    /// A session's connection is gone: so is its container.
    pub(crate) fn session_closed(&mut self, now: Tick, connection: ConnectionId) {
        if let Some(flat) = self.nested.sessions.remove(&connection) {
            self.destroy_container_tree(now, &flat);
        }
    }
}
