//! When sandboxes that nobody uses are deleted. Must not live here: deleting them.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

use tepui_model::Tick;

use crate::config::Config;

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

    /// Puts a sandbox on the list; its age counts from `since`.
    pub(crate) fn add(&mut self, since: Tick, path: String) {
        self.paths.insert((since, path));
    }

    /// How much of the disk is used.
    pub(crate) fn set_usage(&mut self, fraction: f64) {
        self.usage = if fraction.is_nan() { 0.0 } else { fraction };
    }

    /// When the oldest may go.
    pub(crate) fn due(&self) -> Option<Tick> {
        self.paths.first().map(|(since, _)| *since + self.allowed_age())
    }

    /// Takes the oldest, if it may go.
    pub(crate) fn take(&mut self, now: Tick) -> Option<String> {
        self.due().filter(|due| *due <= now)?;
        self.paths.pop_first().map(|(_, path)| path)
    }
}
