//! The containers of an agent, and how far each has come.
//!
//! A table that is told what happened and says what follows. What does not live here: doing it.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Limitation, RecoveredContainer};
use crate::{
    cgroup::{Cgroup, Figures},
    launch::Launch,
};

/// Figures of a container's memory when it ran out of it, as soon as they have been read.
pub(super) type Noted = Arc<OnceLock<Figures>>;

/// A container on its way:
///
/// ```text
/// Preparing -> Starting -> Running -> Emptying -> Ending -> (ended)
///     \___________\_________________________________/
/// ```
#[derive(Debug)]
enum Phase {
    /// The flag stops its fetcher.
    Preparing(Arc<AtomicBool>),
    /// Its process was asked for; destroyed as soon as it runs, when true.
    Starting(bool),
    Running(i32),
    /// Its process is gone with this status; those nested in it are ending.
    Emptying(Option<i32>),
    /// Its process is gone; what is left in its cgroup is being dealt with.
    Ending,
}

/// One container.
#[derive(Debug)]
pub(super) struct Container {
    phase: Phase,
    /// Its own; none when it is in its parent's, and while it is being prepared.
    pub(super) cgroup: Cgroup,
    pub(super) sandbox: Option<PathBuf>,
    /// Bytes of disk that it may use.
    pub(super) quota: Option<u64>,
    /// Bytes of disk that it used when they were last counted.
    pub(super) disk_used: Option<u64>,
    /// Why it is being ended.
    pub(super) limitation: Option<Limitation>,
    /// Of the last time that it ran out of memory.
    pub(super) noted: Noted,
    parent: Option<String>,
    /// How many are nested in it.
    nested: usize,
}

impl Container {
    fn new(phase: Phase, parent: Option<String>) -> Self {
        Self {
            phase,
            cgroup: Cgroup::default(),
            sandbox: None,
            quota: None,
            disk_used: None,
            limitation: None,
            noted: Noted::default(),
            parent,
            nested: 0,
        }
    }
}

/// Where a new container comes to.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) parents_cgroup: Option<Cgroup>,
    /// Becomes true when the container is destroyed before it is prepared.
    pub(super) cancelled: Arc<AtomicBool>,
}

/// What follows from the end of a preparation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparation {
    /// Its process is to be asked for.
    Wanted,
    /// It was destroyed meanwhile.
    Destroyed,
    /// Nobody knows it.
    Unknown,
}

/// What follows from the end of a container's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nothing is nested in it: see [`Containers::emptied`].
    Empty,
    /// These are to be destroyed first.
    Nested(Vec<String>),
    /// It did not run.
    Unknown,
}

/// What is left of a container without processes of its own.
#[derive(Debug)]
pub(super) struct Remains {
    pub(super) cgroup: Cgroup,
    pub(super) limitation: Option<Limitation>,
    pub(super) noted: Noted,
}

/// What happened to a container between two supervisors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// Its process was started.
    Started(String, i32),
    /// Its process has ended.
    Exited(String, Option<i32>),
    /// Its process was never started.
    Lost(String),
}

/// All containers that are not over.
#[derive(Debug, Default)]
pub(super) struct Containers(BTreeMap<String, Container>);

impl Containers {
    /// Takes what a supervisor has as it is: running containers are ours now.
    pub(super) fn take_over(listed: &[RecoveredContainer], cgroup_of: impl Fn(&str) -> Cgroup) -> Self {
        let running = listed.iter().filter(|container| container.exited.is_none()).map(|container| {
            let id = container.container_id.clone();
            let parent = id.rsplit_once('.').map(|(parent, _)| parent.to_owned());
            let cgroup = cgroup_of(&id);
            (id, Container { cgroup, ..Container::new(Phase::Running(container.pid), parent) })
        });
        let mut containers = Self(running.collect());
        let parents: Vec<String> =
            containers.0.values().filter_map(|container| container.parent.clone()).collect();
        for parent in parents {
            if let Some(parent) = containers.0.get_mut(&parent) {
                parent.nested += 1;
            }
        }
        containers
    }

    /// Notes a new container, which is to be prepared.
    ///
    /// # Errors
    /// Why it cannot be, in words.
    pub(super) fn admit(&mut self, launch: &Launch) -> Result<Place, String> {
        let id = &launch.container_id;
        if self.0.contains_key(id) {
            return Err(format!("Container '{id}' exists already"));
        }
        let mut parents_cgroup = None;
        if let Some(parent) = &launch.parent {
            match self.0.get_mut(parent) {
                Some(Container { phase: Phase::Running(_), cgroup, nested, .. }) => {
                    *nested += 1;
                    parents_cgroup = Some(cgroup.clone());
                }
                _ => return Err(format!("The parent container '{parent}' is not running")),
            }
        }
        let cancelled = Arc::new(AtomicBool::new(false));
        let container = Container {
            sandbox: Some(launch.sandbox.clone()),
            quota: launch.limits.disk_bytes,
            ..Container::new(Phase::Preparing(Arc::clone(&cancelled)), launch.parent.clone())
        };
        self.0.insert(id.clone(), container);
        Ok(Place { parents_cgroup, cancelled })
    }

    /// A preparation is over, and this cgroup was made.
    pub(super) fn prepared(&mut self, id: &str, made: Cgroup) -> Preparation {
        let Some(Container { phase, cgroup, .. }) = self.0.get_mut(id) else { return Preparation::Unknown };
        let Phase::Preparing(cancelled) = &*phase else { return Preparation::Unknown };
        let is_cancelled = cancelled.load(Ordering::Relaxed);
        *phase = Phase::Starting(false);
        *cgroup = made;
        if is_cancelled { Preparation::Destroyed } else { Preparation::Wanted }
    }

    /// It has a process. True: it was destroyed meanwhile. `None`: nobody asked for it.
    pub(super) fn started(&mut self, id: &str, pid: i32) -> Option<bool> {
        let container = self.0.get_mut(id)?;
        let Phase::Starting(destroyed) = container.phase else { return None };
        container.phase = Phase::Running(pid);
        Some(destroyed)
    }

    /// It will have no process. Gives what is to be cleared away before [`Self::ended`].
    pub(super) fn failed(&mut self, id: &str) -> Option<Cgroup> {
        let container = self.0.get_mut(id)?;
        container.phase = Phase::Ending;
        Some(std::mem::take(&mut container.cgroup))
    }

    /// It is to end. Of a running one this gives the cgroup, in which everything is to be killed.
    pub(super) fn destroy(&mut self, id: &str) -> Option<Cgroup> {
        let container = self.0.get_mut(id)?;
        match &mut container.phase {
            Phase::Preparing(cancelled) => cancelled.store(true, Ordering::Relaxed),
            Phase::Starting(destroyed) => *destroyed = true,
            Phase::Running(_) => return Some(container.cgroup.clone()),
            Phase::Emptying(_) | Phase::Ending => {}
        }
        None
    }

    /// Its process has ended.
    pub(super) fn exited(&mut self, id: &str, status: Option<i32>) -> Exit {
        let Some(container) = self.0.get_mut(id) else { return Exit::Unknown };
        if !matches!(container.phase, Phase::Starting(_) | Phase::Running(_)) {
            return Exit::Unknown;
        }
        container.phase = Phase::Emptying(status);
        if container.nested == 0 {
            return Exit::Empty;
        }
        let is_inside = |(nested, container): (&String, &Container)| {
            (container.parent.as_deref() == Some(id)).then(|| nested.clone())
        };
        Exit::Nested(self.0.iter().filter_map(is_inside).collect())
    }

    /// Nothing is nested in it any more. Gives what is to be cleared away before [`Self::ended`].
    pub(super) fn emptied(&mut self, id: &str) -> Option<Remains> {
        let container = self.0.get_mut(id)?;
        container.phase = Phase::Ending;
        Some(Remains {
            cgroup: std::mem::take(&mut container.cgroup),
            limitation: container.limitation.take(),
            noted: std::mem::take(&mut container.noted),
        })
    }

    /// It is over with it. Gives its parent, and how that exited, when it was the last that its parent waited
    /// for: see [`Self::emptied`].
    pub(super) fn ended(&mut self, id: &str) -> Option<(String, Option<i32>)> {
        let name = self.0.remove(id)?.parent?;
        let parent = self.0.get_mut(&name)?;
        parent.nested = parent.nested.saturating_sub(1);
        match parent.phase {
            Phase::Emptying(status) if parent.nested == 0 => Some((name, status)),
            _ => None,
        }
    }

    /// Learns from a new supervisor's list what happened between two supervisors.
    pub(super) fn compare(&self, listed: &[RecoveredContainer]) -> Vec<Between> {
        let listed: HashMap<&str, &RecoveredContainer> =
            listed.iter().map(|container| (container.container_id.as_str(), container)).collect();
        let mut between = Vec::new();
        for (id, container) in &self.0 {
            let starting = match container.phase {
                Phase::Starting(_) => true,
                Phase::Running(_) => false,
                Phase::Preparing(_) | Phase::Emptying(_) | Phase::Ending => continue,
            };
            let found = listed.get(id.as_str());
            if let (true, Some(container)) = (starting, found) {
                between.push(Between::Started(id.clone(), container.pid));
            }
            match found.map(|container| container.exited) {
                Some(None) => {}
                Some(Some(status)) => between.push(Between::Exited(id.clone(), status)),
                None if starting => between.push(Between::Lost(id.clone())),
                None => between.push(Between::Exited(id.clone(), None)),
            }
        }
        between
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Container> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Container> {
        self.0.get_mut(id)
    }

    /// One that runs.
    pub(super) fn running_mut(&mut self, id: &str) -> Option<&mut Container> {
        self.0.get_mut(id).filter(|container| matches!(container.phase, Phase::Running(_)))
    }

    /// Those that run, with their processes.
    pub(super) fn running(&self) -> impl Iterator<Item = (&String, i32, &Container)> {
        self.0.iter().filter_map(|(id, container)| match container.phase {
            Phase::Running(pid) => Some((id, pid, container)),
            _ => None,
        })
    }

    /// Sandboxes of all.
    pub(super) fn sandboxes(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.values().filter_map(|container| container.sandbox.as_ref())
    }
}

#[cfg(test)]
mod tests;
