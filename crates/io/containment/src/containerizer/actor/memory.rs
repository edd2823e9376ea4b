//! Ending a container as a whole when the kernel has killed a part of it for its memory.
//!
//! A container is listened to once it has lived for a moment, so that short ones cost nothing. What happened
//! before is then looked for once.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use tokio::time::{Interval, MissedTickBehavior};

use super::{Actor, Done};
use crate::{
    cgroup::{Alarm, Alarms, Cgroup, Hierarchies},
    containerizer::containers::{Containers, Noted},
};

/// A container is listened to when it has lived for this long, or for twice as long.
const LISTEN_DELAY: Duration = Duration::from_millis(50);

/// Who is listened to, and who will be.
#[derive(Debug)]
pub(super) struct Memory {
    alarms: Alarms,
    /// Started since the last tick, and before.
    young: Vec<String>,
    grown: Vec<String>,
    tick: Interval,
    /// Those to listen to with the next look at everything.
    unheard: Vec<String>,
    /// Those that are being looked at. True: they rang again meanwhile.
    looking: HashMap<String, bool>,
}

impl Memory {
    /// Those that run already are to be listened to first thing. Needs the runtime's reactor.
    pub(super) fn new(hierarchies: &Hierarchies, containers: &Containers) -> io::Result<Self> {
        let limited = containers.running().filter(|(_, _, container)| container.cgroup.limits_memory());
        let mut tick = tokio::time::interval(LISTEN_DELAY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            alarms: Alarms::new(hierarchies)?,
            young: Vec::new(),
            grown: Vec::new(),
            tick,
            unheard: limited.map(|(id, ..)| id.clone()).collect(),
            looking: HashMap::new(),
        })
    }

    /// A container runs.
    pub(super) fn started(&mut self, container_id: &str, cgroup: &Cgroup) {
        if cgroup.limits_memory() {
            self.young.push(container_id.to_owned());
        }
    }

    /// Its process has ended.
    pub(super) fn ended(&mut self, container_id: &str) {
        self.alarms.remove(container_id);
    }

    /// Waits for something to do. Nothing is lost when this is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Heard {
        let grows = !(self.young.is_empty() && self.grown.is_empty());
        tokio::select! {
            rung = self.alarms.rung() => Heard::Rung(rung),
            _ = self.tick.tick(), if grows => Heard::Grown,
        }
    }

    pub(super) fn has_unheard(&self) -> bool {
        !self.unheard.is_empty()
    }
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Heard {
    /// These rang.
    Rung(Vec<String>),
    /// Some have lived for long enough to be listened to.
    Grown,
}

impl Actor {
    pub(super) fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Rung(containers) => self.rung(containers),
            Heard::Grown => self.listen_to_grown(),
        }
    }

    /// Listens to those that have lived for long enough.
    fn listen_to_grown(&mut self) {
        let young = std::mem::take(&mut self.memory.young);
        let grown = std::mem::replace(&mut self.memory.grown, young);
        self.listen(grown);
    }

    /// Listens to those that were found, and to those that could not be listened to.
    pub(super) fn listen_to_unheard(&mut self) {
        let unheard = std::mem::take(&mut self.memory.unheard);
        self.listen(unheard);
    }

    fn listen(&mut self, containers: Vec<String>) {
        let running = self.running(containers);
        if running.is_empty() {
            return;
        }
        let listener = self.memory.alarms.listener();
        self.work.spawn_blocking(move || {
            let listen = |(id, cgroup): (String, Cgroup)| (id, listener.listen(&cgroup));
            Done::Listening(running.into_iter().map(listen).collect())
        });
    }

    /// Those of them that run, and their cgroups.
    fn running(&mut self, containers: Vec<String>) -> Vec<(String, Cgroup)> {
        let with_cgroup = |id: String| {
            let cgroup = self.containers.running_mut(&id)?.cgroup.clone();
            Some((id, cgroup))
        };
        containers.into_iter().filter_map(with_cgroup).collect()
    }

    /// Looks once for what happened before anybody listened.
    pub(super) fn listening(&mut self, alarms: Vec<(String, io::Result<Alarm>)>) {
        let mut containers = Vec::new();
        for (id, alarm) in alarms {
            if self.containers.running_mut(&id).is_none() {
                continue;
            }
            if let Err(error) = alarm.and_then(|alarm| self.memory.alarms.insert(&id, alarm)) {
                tracing::warn!(container = id, "cannot hear of it when it runs out of memory: {error}");
                self.memory.unheard.push(id.clone());
            }
            containers.push(id);
        }
        let running = self.running(containers);
        self.work.spawn_blocking(move || {
            let killed = running.into_iter().filter(|(_, cgroup)| cgroup.memory_kills() > 0);
            Done::OutOfMemory(killed.map(|(id, _)| id).collect())
        });
    }

    /// The kernel has killed in these, or is about to, or only says that they have little left.
    fn rung(&mut self, containers: Vec<String>) {
        for (id, cgroup) in self.running(containers) {
            if let Some(again) = self.memory.looking.get_mut(&id) {
                *again = true;
                continue;
            }
            self.memory.looking.insert(id.clone(), false);
            let noted = Noted::default();
            if let Some(container) = self.containers.get_mut(&id) {
                container.noted = Arc::clone(&noted);
            }
            self.work.spawn_blocking(move || {
                let killed = cgroup.has_killed(|figures| {
                    let _ = noted.set(figures);
                });
                Done::Looked(id, killed)
            });
        }
    }

    pub(super) fn looked(&mut self, container_id: String, killed: bool) {
        let again = self.memory.looking.remove(&container_id).unwrap_or_default();
        if killed {
            self.destroy(container_id);
        } else if again {
            self.rung(vec![container_id]);
        }
    }
}
