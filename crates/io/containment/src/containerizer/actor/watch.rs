//! What is looked at from time to time: logs and disk; and what everything uses, when somebody asks.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, Interval, MissedTickBehavior},
};

use super::{Actor, Done};
use crate::{
    cgroup::Cgroup,
    containerizer::{Limitation, Measured, limitation},
    sandbox, sys, usage,
};

/// How often logs and disks are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// When to look.
pub(super) fn interval() -> Interval {
    let mut watch = tokio::time::interval(WATCH_INTERVAL);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    watch
}

impl Actor {
    pub(super) fn has_to_watch(&self) -> bool {
        !self.containers.is_empty()
            && (self.options.rotation.is_some() || self.held.disk || self.memory.has_unheard())
    }

    /// Looks at everything once.
    pub(super) fn look(&mut self) {
        self.rotate();
        self.listen_to_unheard();
        if self.held.disk && Instant::now() >= self.disk_due {
            self.disk_due = Instant::now() + self.options.containment.container_disk_watch_interval;
            self.look_at_disk();
        }
    }

    fn rotate(&mut self) {
        let Some(rotation) = self.options.rotation else { return };
        let sandboxes: Vec<PathBuf> = self.containers.sandboxes().cloned().collect();
        if sandboxes.is_empty() {
            return;
        }
        self.work.spawn_blocking(move || {
            for log in sandboxes.iter().flat_map(|sandbox| sandbox::LOGS.map(|log| sandbox.join(log))) {
                if let Err(error) = rotation.rotate(&log) {
                    tracing::warn!("cannot rotate {}: {error}", log.display());
                }
            }
            Done::Nothing
        });
    }

    fn look_at_disk(&mut self) {
        let enforce = self.options.containment.enforce_container_disk_quota;
        let sandboxes: Vec<(String, PathBuf, Option<u64>)> = self
            .containers
            .running()
            .filter_map(|(id, _, container)| {
                let quota = container.quota.filter(|_| enforce);
                Some((id.clone(), container.sandbox.clone()?, quota))
            })
            .collect();
        self.work.spawn_blocking(move || {
            let measure = |(id, sandbox, quota): (String, PathBuf, Option<u64>)| {
                let (used, limitation) = limitation::of_disk(&sandbox, quota);
                (id, used, limitation)
            };
            Done::Measured(sandboxes.into_iter().map(measure).collect())
        });
    }

    pub(super) fn measured(&mut self, measured: Vec<(String, u64, Option<Limitation>)>) {
        for (id, used, limitation) in measured {
            let Some(container) = self.containers.get_mut(&id) else { continue };
            container.disk_used = Some(used);
            if let Some(limitation) = limitation
                && let Some(container) = self.containers.running_mut(&id)
            {
                container.limitation = Some(limitation);
                self.destroy(id);
            }
        }
    }

    /// Tells what all running containers use.
    pub(super) fn measure(&mut self, answer: oneshot::Sender<BTreeMap<String, Measured>>) {
        let measures_disk = self.held.disk;
        let running: Vec<(String, i32, Cgroup, Measured)> = self
            .containers
            .running()
            .map(|(id, pid, container)| {
                let disk = Measured {
                    disk_used_bytes: container.disk_used,
                    disk_limit_bytes: container.quota.filter(|_| measures_disk),
                    ..Measured::default()
                };
                (id.clone(), pid, container.cgroup.clone(), disk)
            })
            .collect();
        self.work.spawn_blocking(move || {
            let sessions = usage::by_session();
            let measure = |(id, pid, cgroup, disk): (String, i32, Cgroup, Measured)| {
                // Its process may have ended meanwhile, and its number may be another's.
                let processes = sys::session(pid).ok().and_then(|session| sessions.get(&session));
                let measured = Measured {
                    cgroup: cgroup.exists().then(|| cgroup.measure()),
                    processes: processes.copied().unwrap_or_default(),
                    ..disk
                };
                (id, measured)
            };
            let _ = answer.send(running.into_iter().map(measure).collect());
            Done::Nothing
        });
    }
}
