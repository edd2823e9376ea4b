//! What containers use, for those who ask.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use tepui_containment::usage::{self, Usage};
use tepui_core_agent::{ExecutorState, ExecutorView, FrameworkView, Snapshot, flat_id, views};
use tepui_wire_mesos::v1::{
    self,
    agent::{Response as Message, call::GetContainers},
};

use crate::clock;

/// GET_CONTAINERS with its statistics.
pub(super) async fn get_containers(snapshot: Arc<Snapshot>, asked: GetContainers) -> Message {
    let sessions = sessions().await;
    let mut message = views::get_containers(&snapshot, asked);
    let statistics: BTreeMap<&str, v1::ResourceStatistics> = running(&snapshot)
        .filter_map(|(_, executor)| Some((executor.container_id.value.as_str(), of(executor, &sessions)?)))
        .collect();
    let nested: BTreeMap<String, v1::ResourceStatistics> = views::shown_containers(&snapshot, asked)
        .filter_map(|view| {
            Some((flat_id(&view.container_id), measured(view.pid?, &view.resources, &sessions)?))
        })
        .collect();
    for container in message.get_containers.iter_mut().flat_map(|containers| &mut containers.containers) {
        let whole = container.container_status.as_ref().and_then(|status| status.container_id.as_ref());
        let flat = flat_id(whole.unwrap_or(&container.container_id));
        container.resource_statistics = statistics.get(flat.as_str()).or_else(|| nested.get(&flat)).cloned();
    }
    message
}

/// Looks at all processes, where that may take its time.
pub(super) async fn sessions() -> BTreeMap<i32, Usage> {
    tokio::task::spawn_blocking(usage::by_session).await.unwrap_or_default()
}

/// Executors that have a container, with their frameworks.
pub(super) fn running(snapshot: &Snapshot) -> impl Iterator<Item = (&FrameworkView, &ExecutorView)> {
    let all = snapshot
        .frameworks
        .iter()
        .flat_map(|framework| framework.executors.iter().map(move |executor| (framework, executor.as_ref())));
    all.filter(|(_, executor)| executor.state != ExecutorState::Terminated)
}

/// What one executor's container uses and may use; `None` while it has no process.
pub(super) fn of(executor: &ExecutorView, sessions: &BTreeMap<i32, Usage>) -> Option<v1::ResourceStatistics> {
    let resources: Vec<v1::Resource> = resources(executor).cloned().collect();
    measured(executor.pid?, &resources, sessions)
}

fn measured(
    pid: u32,
    resources: &[v1::Resource],
    sessions: &BTreeMap<i32, Usage>,
) -> Option<v1::ResourceStatistics> {
    let session = i32::try_from(pid).ok()?;
    let usage = sessions.get(&session).copied().unwrap_or_default();
    let memory = bytes(sum(resources, "mem"));
    Some(v1::ResourceStatistics {
        timestamp: clock::tick_of(SystemTime::now()).as_secs_f64(),
        cpus_user_time_secs: Some(usage.user_secs),
        cpus_system_time_secs: Some(usage.system_secs),
        cpus_soft_limit: Some(sum(resources, "cpus")),
        mem_limit_bytes: Some(memory),
        mem_soft_limit_bytes: Some(memory),
        mem_rss_bytes: Some(usage.rss_bytes),
        ..v1::ResourceStatistics::default()
    })
}

/// How much there is of a scalar resource.
fn sum(resources: &[v1::Resource], name: &str) -> f64 {
    let total: f64 = resources
        .iter()
        .filter(|resource| resource.name == name)
        .filter_map(|resource| resource.scalar.as_ref())
        .map(|scalar| scalar.value)
        .fold(0.0, |sum, value| sum + value);
    // Sums of thousandths stay thousandths.
    (total * 1000.0).round() / 1000.0
}

/// The resources of an executor and of its living tasks.
pub(super) fn resources(executor: &ExecutorView) -> impl Iterator<Item = &v1::Resource> {
    let tasks = executor.queued_tasks.iter().chain(&executor.launched_tasks);
    executor.info.resources.iter().chain(tasks.flat_map(|task| &task.resources))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "megabytes of one machine")]
fn bytes(megabytes: f64) -> u64 {
    (megabytes.max(0.0) * 1024.0 * 1024.0).round() as u64
}
