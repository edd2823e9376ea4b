//! The end of containers: children before their parents. Must not live here: who asks for it.

use tepui_model::{ConnectionId, ContainerId, RefusalKind, Tick};

use super::book::{Container, ENDED_MAX, Life, answer};
use crate::{
    agent::Agent,
    effect::{Checkpoint, Effect, Exit, Removal},
    environment::Environment,
};

impl Agent {
    /// A container's processes are gone. Its end counts once its children have ended.
    pub(crate) fn container_exited(&mut self, now: Tick, id: &ContainerId, exit: Exit) {
        let Some(container) = self.nested.containers.get_mut(id).filter(|known| known.is_live()) else {
            return;
        };
        container.life = Life::Ending(Some(exit));
        self.destroy_below(now, id);
        self.end_if_alone(now, id);
    }

    /// An executor's container is gone. False: its end waits for that of its children.
    pub(crate) fn children_are_over(&mut self, now: Tick, root: &ContainerId, exit: &Exit) -> bool {
        if !self.nested.has_live_below(root) {
            return true;
        }
        self.nested.root_exits.insert(root.clone(), exit.clone());
        self.destroy_below(now, root);
        // Some may have ended by that alone.
        false
    }

    /// Ends a container and all below it.
    pub(crate) fn destroy_container_tree(&mut self, now: Tick, id: &ContainerId) {
        self.destroy_below(now, id);
        self.destroy_one(now, id);
    }

    fn destroy_below(&mut self, now: Tick, id: &ContainerId) {
        let children: Vec<_> = self.nested.below(id).map(|(id, _)| id.clone()).collect();
        for child in children.into_iter().rev() {
            self.destroy_one(now, &child);
        }
    }

    fn destroy_one(&mut self, now: Tick, id: &ContainerId) {
        let Some(container) = self.nested.containers.get_mut(id) else { return };
        match container.life {
            // Nothing was begun.
            Life::Held(_) => {
                container.life = Life::Ending(Some(Exit::default()));
                self.end_if_alone(now, id);
            }
            Life::Launching | Life::Running => {
                container.life = Life::Ending(None);
                self.out.push(Effect::Destroy { container: id.clone() });
            }
            Life::Ending(_) | Life::Ended(_) => {}
        }
    }

    /// Brings an end to its end when nothing is left below it, and then perhaps that of the parent.
    fn end_if_alone(&mut self, now: Tick, id: &ContainerId) {
        if self.nested.has_live_below(id) {
            return;
        }
        let Some(container) = self.nested.containers.get_mut(id) else { return };
        let Life::Ending(Some(exit)) = &container.life else { return };
        let exit = exit.clone();
        container.life = Life::Ended(exit.clone());
        container.pid = None;
        container.environment = Environment::default();
        let checkpoint = container.checkpoint;
        if let Some(from) = container.launcher.take() {
            let words = format!("Container {id} was destroyed while it was being launched");
            self.out.reply(from, RefusalKind::Invalid.because(words));
        }
        if checkpoint {
            let exit = Box::new(answer(&exit));
            self.out.write(Checkpoint::ContainerEnded { container: id.clone(), exit });
        }
        self.nested.sessions.retain(|_, of| of != id);
        self.answer_waiters(id, &exit);
        self.remember_ended(id);
        self.check_ended(now, id, &exit);
        if let Some(parent) = id.parent() {
            self.child_ended(now, parent);
        }
    }

    fn child_ended(&mut self, now: Tick, parent: &ContainerId) {
        if !self.is_executor_container(parent) {
            return self.end_if_alone(now, parent);
        }
        if self.nested.root_exits.contains_key(parent)
            && !self.nested.has_live_below(parent)
            && let Some(exit) = self.nested.root_exits.remove(parent)
        {
            self.container_gone(now, parent, exit);
        }
    }

    pub(crate) fn answer_waiters(&mut self, id: &ContainerId, exit: &Exit) {
        for waiter in self.nested.waiters.remove(id).unwrap_or_default() {
            self.tell_end(waiter, exit);
        }
    }

    pub(super) fn remember_ended(&mut self, id: &ContainerId) {
        self.nested.ended.push_back(id.clone());
        while self.nested.ended.len() > ENDED_MAX {
            let Some(oldest) = self.nested.ended.pop_front() else { return };
            if self.nested.containers.get(&oldest).is_some_and(|oldest| !oldest.is_live()) {
                self.forget_container(&oldest);
            }
        }
    }

    /// Forgets a container in which a check's command ran.
    pub(crate) fn forget_check(&mut self, id: &ContainerId) {
        self.forget_container(id);
    }

    /// Forgets a container that has ended.
    pub(super) fn forget_container(&mut self, id: &ContainerId) -> Option<Container> {
        let container = self.nested.containers.remove(id)?;
        if container.checkpoint {
            self.out.remove(Removal::Container { container: id.clone() });
        }
        if container.debug {
            // What came out of a session went to whoever asked for it.
            self.out.push(Effect::RemoveSandbox { path: container.sandbox.clone() });
        }
        Some(container)
    }

    /// An executor's container is over, and with it everything below.
    pub(crate) fn forget_children(&mut self, root: &ContainerId, exit: &Exit) {
        self.nested.root_exits.remove(root);
        let children: Vec<_> = self.nested.below(root).map(|(id, _)| id.clone()).collect();
        for child in children.into_iter().rev() {
            let live = self.nested.containers.get(&child).is_some_and(Container::is_live);
            if live {
                self.out.push(Effect::Destroy { container: child.clone() });
            }
            self.answer_waiters(&child, &Exit::default());
            self.nested.sessions.retain(|_, of| *of != child);
            let launcher = self.forget_container(&child).and_then(|container| container.launcher);
            if let Some(from) = launcher {
                let words = format!("Parent container {root} does not exist");
                self.out.reply(from, RefusalKind::Invalid.because(words));
            }
        }
        self.answer_waiters(root, exit);
    }

    /// A session's connection is gone: so is its container.
    pub(crate) fn session_closed(&mut self, now: Tick, connection: ConnectionId) {
        if let Some(id) = self.nested.sessions.remove(&connection) {
            self.destroy_container_tree(now, &id);
        }
    }
}
