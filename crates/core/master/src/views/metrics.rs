//! Metrics: the counters, and what can be counted now. Names are Mesos's.

use std::collections::BTreeMap;

use tepui_model::{Resources, TaskState};

use super::agents_used;
use crate::Snapshot;

/// Everything that the master itself measures, by name. The shell adds what it measures.
pub fn metrics(snapshot: &Snapshot) -> BTreeMap<String, f64> {
    let mut metrics: BTreeMap<String, f64> =
        snapshot.counters.iter().map(|(name, count)| (name.into_owned(), number(count))).collect();
    let mut set = |name: &str, value: f64| {
        metrics.insert(format!("master/{name}"), value);
    };
    let count = |count: usize| number(u64::try_from(count).unwrap_or(u64::MAX));

    set("elected", 1.0);
    set("uptime_secs", snapshot.now.since(snapshot.started).as_secs_f64());
    set("outstanding_offers", count(snapshot.offers.len()));
    let connected = snapshot.frameworks.values().filter(|framework| framework.is_connected()).count();
    let away = snapshot.frameworks.len() - connected;
    set("frameworks_active", count(connected));
    set("frameworks_connected", count(connected));
    set("frameworks_disconnected", count(away));
    set("frameworks_inactive", count(away));
    let agents = snapshot.agents.len();
    let active = snapshot.agents.values().filter(|agent| snapshot.is_active(agent)).count();
    let connected = snapshot.agents.values().filter(|agent| agent.is_connected()).count();
    set("slaves_active", count(active));
    set("slaves_connected", count(connected));
    set("slaves_disconnected", count(agents - connected));
    set("slaves_inactive", count(agents - active));
    set("slaves_unreachable", count(snapshot.unreachable_agents.len()));
    set("operator_event_stream_subscribers", count(snapshot.operator_subscribers));
    for (state, tasks) in live_tasks(snapshot) {
        set(state, count(tasks));
    }
    resources(snapshot, &mut set);
    metrics
}

/// Live tasks by state.
fn live_tasks(snapshot: &Snapshot) -> BTreeMap<&'static str, usize> {
    let mut tasks = BTreeMap::from([
        ("tasks_staging", 0),
        ("tasks_starting", 0),
        ("tasks_running", 0),
        ("tasks_killing", 0),
        ("tasks_unreachable", 0),
    ]);
    for framework in snapshot.frameworks.values() {
        for task in framework.tasks.values() {
            let name = match task.state {
                TaskState::Staging => "tasks_staging",
                TaskState::Starting => "tasks_starting",
                TaskState::Running => "tasks_running",
                TaskState::Killing => "tasks_killing",
                _ => continue,
            };
            *tasks.entry(name).or_default() += 1;
        }
        *tasks.entry("tasks_unreachable").or_default() += framework.unreachable_tasks.len();
    }
    tasks
}

/// Totals and use of each countable resource, on all agents together.
fn resources(snapshot: &Snapshot, set: &mut impl FnMut(&str, f64)) {
    let mut total = Resources::new();
    for agent in snapshot.agents.values() {
        total += &agent.total;
    }
    let mut used = Resources::new();
    for resources in agents_used(snapshot).values().flat_map(BTreeMap::values) {
        used += resources;
    }
    for name in ["cpus", "gpus", "mem", "disk"] {
        for (suffix, revocable) in [("", false), ("_revocable", true)] {
            let sum = |resources: &Resources| {
                let part = resources.filter(|resource| resource.revocable == revocable);
                part.scalar(name).unwrap_or_default().to_f64()
            };
            let (total, used) = (sum(&total), sum(&used));
            set(&format!("{name}{suffix}_total"), total);
            set(&format!("{name}{suffix}_used"), used);
            set(&format!("{name}{suffix}_percent"), if total > 0.0 { used / total } else { 0.0 });
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
fn number(count: u64) -> f64 {
    count as f64
}
