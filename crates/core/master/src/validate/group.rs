//! The tasks of a group with their executor: all of them may run, or none.

use std::collections::BTreeSet;

use tepui_model::{ExecutorId, Resources, Scalar};
use tepui_wire_mesos::v1::{
    ContainerInfo, ExecutorInfo, TaskInfo, container_info, executor_info, health_check,
};

use super::{
    Asked, Invalid, executor, invalid,
    task::{Context, check_itself, check_kinds, shares_cgroups},
};

/// The least that the executor of a group needs for itself.
const MIN_CPUS: &str = "0.01";
const MIN_MEM_MB: f64 = 32.0;

/// A group that may run.
#[derive(Debug)]
pub(crate) struct CheckedGroup {
    /// In the order of the tasks.
    pub(crate) task_resources: Vec<Resources>,
    pub(crate) executor_resources: Option<Resources>,
    pub(crate) launch_executor: bool,
    pub(crate) total: Resources,
}

/// All rules for a group and its executor, in the order in which they are reported. `asked` is what the tasks ask for, in
/// their order.
pub(crate) fn check(
    context: &Context<'_>,
    executor: &ExecutorInfo,
    asked_by_executor: Asked,
    tasks: &[TaskInfo],
    asked: Vec<Asked>,
) -> Result<CheckedGroup, Invalid> {
    if tasks.is_empty() {
        return invalid("Task group is invalid: it must not be empty");
    }
    let mut task_resources = Vec::with_capacity(tasks.len());
    let mut seen = BTreeSet::new();
    for (task, asked) in tasks.iter().zip(asked) {
        let id = &task.task_id.value;
        let resources = check_member(context, task, asked, seen.insert(id))
            .map_err(|Invalid(text)| Invalid(format!("Task '{id}' is invalid: {text}")))?;
        task_resources.push(resources);
    }
    let own = check_executor(context, executor, asked_by_executor, tasks)?;
    let mut all = own.clone();
    task_resources.iter().for_each(|resources| all += resources);
    check_kinds(&all, "Task group and executor")
        .map_err(|Invalid(text)| Invalid(format!("Task group and executor use invalid resources: {text}")))?;
    let launch_executor = context.executor(&executor.executor_id.value).is_none();
    let mut total = if launch_executor { own.clone() } else { Resources::new() };
    task_resources.iter().for_each(|resources| total += resources);
    if !context.offered.contains(&total) {
        return invalid(format!(
            "Total resources {total} required by task group and its executor are more than available {}",
            context.offered
        ));
    }
    check_cgroups(context, executor, tasks)?;
    Ok(CheckedGroup {
        task_resources,
        executor_resources: launch_executor.then_some(own),
        launch_executor,
        total,
    })
}

/// One task of a group.
fn check_member(
    context: &Context<'_>,
    task: &TaskInfo,
    asked: Asked,
    first: bool,
) -> Result<Resources, Invalid> {
    let resources = check_itself(context, task, asked)?;
    if !first {
        return invalid(format!("Task has duplicate ID: {}", task.task_id.value));
    }
    if let Some(container) = &task.container {
        use health_check::Type;
        let over_network =
            task.health_check.as_ref().is_some_and(|check| matches!(check.r#type(), Type::Http | Type::Tcp));
        if over_network && !container.network_infos.is_empty() {
            return invalid(
                "HTTP and TCP health checks are not supported for nested containers not joining parent's network",
            );
        }
        if is_docker(container) {
            return invalid("Docker ContainerInfo is not supported on the task");
        }
    }
    if !task.limits.is_empty() && shares_cgroups(task.container.as_deref()) {
        return invalid(
            "Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is set to \
             'false'.",
        );
    }
    Ok(resources)
}

fn is_docker(container: &ContainerInfo) -> bool {
    container.r#type == container_info::Type::Docker as i32
}

/// The executor of a group; what it holds besides its tasks.
fn check_executor(
    context: &Context<'_>,
    info: &ExecutorInfo,
    asked: Asked,
    tasks: &[TaskInfo],
) -> Result<Resources, Invalid> {
    let resources = executor::check(context, info, asked)?;
    if info.r#type.is_none() {
        return invalid("'ExecutorInfo.type' must be set");
    }
    if info.r#type() == executor_info::Type::Unknown {
        return invalid("Unknown executor type");
    }
    if info.container.as_deref().is_some_and(is_docker) {
        return invalid("Docker ContainerInfo is not supported on the executor");
    }
    let id = &info.executor_id.value;
    let differs = |task: &&TaskInfo| {
        task.executor.as_deref().is_some_and(|executor| !executor::is_same(executor, info))
    };
    if let Some(task) = tasks.iter().find(differs) {
        return invalid(format!(
            "The `ExecutorInfo` of task '{}' is different from executor '{id}'",
            task.task_id.value
        ));
    }
    let less = |what: &str, has: Option<String>, least: &str| {
        let has = has.unwrap_or_else(|| "None".to_owned());
        invalid(format!("Executor '{id}' uses less {what} ({has}) than the minimum required ({least})"))
    };
    match resources.cpus() {
        Some(cpus) if cpus >= Scalar::from_f64(0.01) => {}
        cpus => return less("CPUs", cpus.map(|cpus| cpus.to_string()), MIN_CPUS),
    }
    match resources.mem() {
        Some(mem) if mem.to_f64() >= MIN_MEM_MB => {}
        mem => return less("memory", mem.map(|mem| format!("{mem}MB")), "32MB"),
    }
    if resources.disk().is_none() {
        return invalid(format!("Executor '{id}' uses no disk"));
    }
    Ok(resources)
}

/// All tasks under one executor share its cgroups, or none does.
fn check_cgroups(context: &Context<'_>, info: &ExecutorInfo, tasks: &[TaskInfo]) -> Result<(), Invalid> {
    executor::check_cgroups(info)?;
    let shares = tasks.iter().map(|task| shares_cgroups(task.container.as_deref()));
    let mut all = shares.chain(shares_already(context, info));
    let first = all.next();
    if all.any(|shares| Some(shares) != first) {
        return invalid(
            "If set, the value of 'share_cgroups' must be the same for all tasks in each task group and under a \
             single executor",
        );
    }
    Ok(())
}

/// How it is with the tasks that the executor has already: one of them speaks for all.
fn shares_already(context: &Context<'_>, info: &ExecutorInfo) -> Option<bool> {
    let id = ExecutorId::new(info.executor_id.value.as_str());
    context.executor(id.as_str())?;
    let framework = context.framework()?;
    let mut tasks = framework.tasks.values().chain(framework.unreachable_tasks.values());
    let task =
        tasks.find(|task| task.executor_id.as_ref() == Some(&id) && task.agent_id == *context.agent_id)?;
    Some(shares_cgroups(task.to_wire().container.as_deref()))
}
