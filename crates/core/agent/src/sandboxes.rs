//! Sandboxes that nobody uses are deleted in time. Must not live here: how long they are kept (see `gc`), deleting them.

use tepui_model::Tick;

use crate::{agent::Agent, effect::Effect, timers::Timer};

impl Agent {
    /// Puts a sandbox on the list; its age counts from `since`.
    pub(crate) fn schedule_gc(&mut self, since: Tick, path: String) {
        self.gc.add(since, path);
        self.plan_gc();
    }

    fn plan_gc(&mut self) {
        match self.gc.due() {
            Some(due) => self.timers.set(Timer::Gc, due),
            None => drop(self.timers.cancel(&Timer::Gc)),
        }
    }

    pub(crate) fn disk_usage(&mut self, now: Tick, fraction: f64) {
        self.gc.set_usage(fraction);
        self.stats.executor_directory_max_allowed_age_secs = self.gc.allowed_age().as_secs_f64();
        self.collect_garbage(now);
    }

    /// Deletes what is older than it may be.
    pub(crate) fn collect_garbage(&mut self, now: Tick) {
        while let Some(path) = self.gc.take(now) {
            self.stats.gc_path_removals_succeeded += 1;
            self.out.push(Effect::RemoveSandbox { path });
        }
        self.plan_gc();
    }
}
