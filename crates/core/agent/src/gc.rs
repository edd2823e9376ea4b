//! When sandboxes that nobody uses are deleted. Must not live here: deleting them.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

use tepui_model::Tick;

use crate::{agent::Agent, config::Config, effect::Effect, timers::Timer};

/// Sandboxes that wait to be deleted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Gc {
    delay: Duration,
    headroom: f64,
    usage: f64,
    paths: BTreeSet<(Tick, String)>,
}

impl Gc {
    pub(crate) fn new(config: &Config) -> Self {
        Self { delay: config.gc_delay, headroom: config.gc_disk_headroom, usage: 0.0, paths: BTreeSet::new() }
    }

    pub(crate) fn pending(&self) -> usize {
        self.paths.len()
    }

    /// How old a sandbox may become: the fuller the disk, the less.
    pub(crate) fn allowed_age(&self) -> Duration {
        let share = (1.0 - self.headroom - self.usage).clamp(0.0, 1.0);
        if share.is_nan() { Duration::ZERO } else { self.delay.mul_f64(share) }
    }
}

impl Agent {
    /// Puts a sandbox on the list; its age counts from `since`.
    pub(crate) fn schedule_gc(&mut self, since: Tick, path: String) {
        self.gc.paths.insert((since, path));
        self.plan_gc();
    }

    fn plan_gc(&mut self) {
        match self.gc.paths.first() {
            Some((since, _)) => self.timers.set(Timer::Gc, *since + self.gc.allowed_age()),
            None => drop(self.timers.cancel(&Timer::Gc)),
        }
    }

    pub(crate) fn disk_usage(&mut self, now: Tick, fraction: f64) {
        self.gc.usage = if fraction.is_nan() { 0.0 } else { fraction };
        self.stats.executor_directory_max_allowed_age_secs = self.gc.allowed_age().as_secs_f64();
        self.collect_garbage(now);
    }

    /// Deletes what is older than it may be.
    pub(crate) fn collect_garbage(&mut self, now: Tick) {
        let allowed = self.gc.allowed_age();
        while self.gc.paths.first().is_some_and(|(since, _)| *since + allowed <= now) {
            if let Some((_, path)) = self.gc.paths.pop_first() {
                self.stats.gc_path_removals_succeeded += 1;
                self.out.push(Effect::RemoveSandbox { path });
            }
        }
        self.plan_gc();
    }
}
