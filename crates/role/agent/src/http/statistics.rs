//! What containers use, for those who ask.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use tepui_containment::Measured;
use tepui_core_agent::{ExecutorState, ExecutorView, FrameworkView, Snapshot, views};
use tepui_model::ContainerId;
use tepui_wire_mesos::v1::{
    self,
    agent::{Response as Message, call::GetContainers},
};

/// What containers use, by their flat ids.
pub(super) type Uses = BTreeMap<String, Measured>;

/// GET_CONTAINERS with its statistics.
pub(super) fn get_containers(snapshot: &Arc<Snapshot>, asked: GetContainers, uses: &Uses) -> Message {
    let mut message = views::get_containers(snapshot, asked);
    let statistics: BTreeMap<&str, v1::ResourceStatistics> = running(snapshot)
        .filter_map(|(_, executor)| Some((executor.container_id.as_str(), of(executor, uses)?)))
        .collect();
    let nested: BTreeMap<String, v1::ResourceStatistics> = views::shown_containers(snapshot, asked)
        .filter_map(|view| {
            view.pid?;
            let flat = view.container_id.to_string();
            let used = measured(&view.resources, uses.get(&flat));
            Some((flat, used))
        })
        .collect();
    for container in message.get_containers.iter_mut().flat_map(|containers| &mut containers.containers) {
        let whole = container.container_status.as_ref().and_then(|status| status.container_id.as_ref());
        let flat = ContainerId::from(whole.unwrap_or(&container.container_id)).to_string();
        container.resource_statistics = statistics.get(flat.as_str()).or_else(|| nested.get(&flat)).cloned();
    }
    message
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
pub(super) fn of(executor: &ExecutorView, uses: &Uses) -> Option<v1::ResourceStatistics> {
    executor.pid?;
    let resources: Vec<v1::Resource> = resources(executor).cloned().collect();
    Some(measured(&resources, uses.get(executor.container_id.as_str())))
}

/// By the account of its cgroups where it has them, else as /proc has it. What a nested container without
/// cgroups uses is part of what its parent does.
pub(super) fn measured(resources: &[v1::Resource], use_of_it: Option<&Measured>) -> v1::ResourceStatistics {
    let Measured { cgroup, processes, disk_used_bytes, disk_limit_bytes } =
        use_of_it.copied().unwrap_or_default();
    let has_cgroup = cgroup.is_some();
    let cgroup = cgroup.unwrap_or_default();
    let (memory, asked) = (cgroup.memory, bytes(sum(resources, "mem")));
    v1::ResourceStatistics {
        timestamp: tepui_shell::tick_of(SystemTime::now()).as_secs_f64(),
        processes: cgroup.processes.or(has_cgroup.then_some(processes.processes)),
        threads: has_cgroup.then_some(processes.threads),
        cpus_user_time_secs: Some(cgroup.user_secs.unwrap_or(processes.user_secs)),
        cpus_system_time_secs: Some(cgroup.system_secs.unwrap_or(processes.system_secs)),
        cpus_limit: cgroup.cpus_limit,
        cpus_soft_limit: Some(sum(resources, "cpus")),
        cpus_nr_periods: cgroup.periods,
        cpus_nr_throttled: cgroup.throttled_periods,
        cpus_throttled_time_secs: cgroup.throttled_secs,
        mem_total_bytes: memory.total,
        mem_total_memsw_bytes: memory.total_with_swap,
        mem_kmem_usage_bytes: memory.kernel,
        mem_limit_bytes: Some(memory.limit.unwrap_or(asked)),
        mem_soft_limit_bytes: Some(memory.soft_limit.unwrap_or(asked)),
        mem_file_bytes: memory.file,
        mem_anon_bytes: memory.anonymous,
        mem_cache_bytes: memory.file,
        mem_rss_bytes: Some(memory.anonymous.unwrap_or(processes.rss_bytes)),
        mem_mapped_file_bytes: memory.mapped_file,
        mem_swap_bytes: memory.swap,
        mem_unevictable_bytes: memory.unevictable,
        disk_limit_bytes,
        disk_used_bytes,
        ..v1::ResourceStatistics::default()
    }
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
