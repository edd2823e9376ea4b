//! One task, or the tasks of a group, against its framework, its agent and what is on offer.

use tepui_core_checks::validate;
use tepui_model::{AgentId, ExecutorId, FrameworkId, ResourceName, Resources, validate_id};
use tepui_wire_mesos::v1::{
    self, ExecutorInfo, TaskInfo, agent_info::capability::Type as AgentCapability,
    framework_info::capability::Type as Capability,
};

use super::{Asked, Invalid, executor, invalid};
use crate::{Agent, Framework, Master};

/// What a task is judged against.
pub(crate) struct Context<'a> {
    pub(crate) master: &'a Master,
    pub(crate) framework_id: &'a FrameworkId,
    pub(crate) agent_id: &'a AgentId,
    /// What is left of the offers.
    pub(crate) offered: &'a Resources,
}

impl Context<'_> {
    pub(crate) fn framework(&self) -> Option<&Framework> {
        self.master.books.frameworks().get(self.framework_id).map(|framework| &**framework)
    }

    pub(crate) fn agent(&self) -> Option<&Agent> {
        self.master.books.agents().get(self.agent_id).map(|agent| &**agent)
    }

    /// The executor of this id that is already known on the agent.
    pub(crate) fn executor(&self, id: &str) -> Option<&ExecutorInfo> {
        let key = (self.agent_id.clone(), ExecutorId::new(id));
        self.framework()?.executors.get(&key).map(|executor| &*executor.info)
    }
}

/// A task that may run.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) task_resources: Resources,
    /// What its executor needs, if it has one of its own that is not known yet.
    pub(crate) executor_resources: Option<Resources>,
    /// Whether the agent has to start an executor for it.
    pub(crate) launch_executor: bool,
    /// What it takes from the offers.
    pub(crate) total: Resources,
}

/// All rules for one task, in the order in which they are reported. `asked` is what it asks for, `asked_by_executor` what
/// its executor does.
pub(crate) fn check(
    context: &Context<'_>,
    task: &TaskInfo,
    asked: Asked,
    asked_by_executor: Option<Asked>,
) -> Result<Checked, Invalid> {
    let task_resources = check_itself(context, task, asked)?;
    if task.executor.is_some() == task.command.is_some() {
        return invalid(
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        );
    }
    let (executor_resources, launch_executor) = match task.executor.as_deref().zip(asked_by_executor) {
        Some((executor, asked)) => {
            let resources = executor::check(context, executor, asked)?;
            executor::check_custom(executor)?;
            let new = context.executor(&executor.executor_id.value).is_none();
            (new.then_some(resources), new)
        }
        None => (None, true),
    };
    let mut total = task_resources.clone();
    if let Some(resources) = &executor_resources {
        total += resources;
    }
    if !context.offered.contains(&total) {
        return invalid(format!(
            "Total resources {total} required by task and its executor is more than available {}",
            context.offered
        ));
    }
    if !shares_cgroups(task.container.as_deref()) {
        return invalid("Only tasks in a task group may have 'share_cgroups' set to 'false'");
    }
    Ok(Checked { task_resources, executor_resources, launch_executor, total })
}

/// Whether a task lives in its executor's cgroups, which is what happens unless it is said otherwise.
pub(super) fn shares_cgroups(container: Option<&v1::ContainerInfo>) -> bool {
    container.and_then(|container| container.linux_info.as_ref()).is_none_or(|info| info.share_cgroups())
}

/// The rules that hold for a task alone and in a group.
pub(super) fn check_itself(
    context: &Context<'_>,
    task: &TaskInfo,
    asked: Asked,
) -> Result<Resources, Invalid> {
    check_id(task)?;
    check_unique_id(context, task)?;
    check_agent(context, task)?;
    check_kill_policy(task)?;
    check_max_completion_time(task)?;
    check_check(task)?;
    check_health_check(task)?;
    let resources = check_resources(task, asked)?;
    check_command(task)?;
    check_container(task)?;
    check_limits(context, task, &resources)?;
    Ok(resources)
}

fn check_id(task: &TaskInfo) -> Result<(), Invalid> {
    validate_id(&task.task_id.value).map_err(|error| Invalid(error.to_string()))
}

fn check_unique_id(context: &Context<'_>, task: &TaskInfo) -> Result<(), Invalid> {
    let id = task.task_id.value.as_str();
    let Some(framework) = context.framework() else { return Ok(()) };
    // A framework that was told TASK_LOST takes an unreachable task for ended, and may use its id again.
    let waits = framework.has(Capability::PartitionAware) && framework.unreachable_tasks.contains_key(id);
    if waits || framework.tasks.contains_key(id) {
        return invalid(format!("Task has duplicate ID: {id}"));
    }
    Ok(())
}

fn check_agent(context: &Context<'_>, task: &TaskInfo) -> Result<(), Invalid> {
    if task.agent_id.value != context.agent_id.as_str() {
        return invalid(format!(
            "Task uses invalid agent {} while agent {} is expected",
            task.agent_id.value, context.agent_id
        ));
    }
    Ok(())
}

fn check_kill_policy(task: &TaskInfo) -> Result<(), Invalid> {
    let grace = task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    if grace.is_some_and(|grace| grace.nanoseconds < 0) {
        return invalid("Task's 'kill_policy.grace_period' must be non-negative");
    }
    Ok(())
}

fn check_max_completion_time(task: &TaskInfo) -> Result<(), Invalid> {
    if task.max_completion_time.as_ref().is_some_and(|time| time.nanoseconds < 0) {
        return invalid("Task's `max_completion_time` must be non-negative");
    }
    Ok(())
}

fn check_check(task: &TaskInfo) -> Result<(), Invalid> {
    let checked = task.check.as_deref().map_or(Ok(()), validate::check);
    checked.map_err(|error| Invalid(format!("Task uses invalid check: {error}")))
}

fn check_health_check(task: &TaskInfo) -> Result<(), Invalid> {
    let checked = task.health_check.as_deref().map_or(Ok(()), validate::health_check);
    checked.map_err(|error| Invalid(format!("Task uses invalid health check: {error}")))
}

fn check_resources(task: &TaskInfo, asked: Asked) -> Result<Resources, Invalid> {
    if task.resources.is_empty() {
        return invalid("Task uses no resources");
    }
    let resources = asked.map_err(|error| Invalid(format!("Task uses invalid resources: {error}")))?;
    check_kinds(&resources, "Task")?;
    Ok(resources)
}

/// The rules for what a task or an executor asks for.
pub(crate) fn check_kinds(resources: &Resources, who: &str) -> Result<(), Invalid> {
    if resources.is_empty() {
        return invalid(format!("{who} uses no resources"));
    }
    let roles = resources.by_allocation();
    let mut names = roles.keys();
    if let (Some(one), Some(other)) = (names.next(), names.next()) {
        return invalid(format!(
            "Invalid {} resources: The resources have multiple allocation roles ('{one}' and '{other}') but only one \
             allocation role is allowed",
            who.to_ascii_lowercase()
        ));
    }
    let mut revocable: Vec<&ResourceName> = Vec::new();
    revocable.extend(resources.iter().filter(|resource| resource.revocable).map(|resource| &resource.name));
    if let Some(both) =
        resources.iter().find(|resource| !resource.revocable && revocable.contains(&&resource.name))
    {
        return invalid(format!(
            "Cannot use both revocable and non-revocable '{}' at the same time",
            both.name
        ));
    }
    if resources.gpus().is_some_and(|gpus| gpus.as_millis() % 1000 != 0) {
        return invalid("The 'gpus' resource must be an unsigned integer");
    }
    Ok(())
}

fn check_limits(context: &Context<'_>, task: &TaskInfo, resources: &Resources) -> Result<(), Invalid> {
    if task.limits.is_empty() {
        return Ok(());
    }
    if !context.agent().is_some_and(|agent| agent.has(AgentCapability::TaskResourceLimits)) {
        return invalid("Agent is not capable of handling task resource limits");
    }
    if task.limits.keys().any(|name| name != "cpus" && name != "mem") {
        return invalid("Only cpus and mem may be included in a task's resource limits");
    }
    for (name, long, short) in [("cpus", "CPU", "cpu"), ("mem", "memory", "memory")] {
        let Some(limit) = task.limits.get(name) else { continue };
        let Some(request) = resources.scalar(name) else {
            return invalid(format!(
                "When a {long} limit is specified, a {long} request must also be specified"
            ));
        };
        if limit.value.is_nan() || limit.value < request.to_f64() {
            return invalid(format!(
                "The {short} limit must be greater than or equal to the {short} request"
            ));
        }
    }
    Ok(())
}

fn check_command(task: &TaskInfo) -> Result<(), Invalid> {
    match &task.command {
        Some(command) => executor::check_command(command)
            .map_err(|Invalid(text)| Invalid(format!("Task's `CommandInfo` is invalid: {text}"))),
        None => Ok(()),
    }
}

fn check_container(task: &TaskInfo) -> Result<(), Invalid> {
    match &task.container {
        Some(container) => executor::check_container(container)
            .map_err(|Invalid(text)| Invalid(format!("Task's `ContainerInfo` is invalid: {text}"))),
        None => Ok(()),
    }
}
