//! An executor, alone and against the one of the same id that is already there.

use std::collections::BTreeMap;

use tepui_model::{Resources, validate_id};
use tepui_wire_mesos::v1::{CommandInfo, ContainerInfo, ExecutorInfo, container_info, executor_info::Type};

use super::{
    Asked, Invalid, invalid,
    task::{Context, check_kinds},
};
use tepui_wire_mesos::convert;

/// All rules; what it holds besides its tasks.
pub(crate) fn check(
    context: &Context<'_>,
    executor: &ExecutorInfo,
    asked: Asked,
) -> Result<Resources, Invalid> {
    check_type(executor)?;
    validate_id(&executor.executor_id.value).map_err(|error| Invalid(error.to_string()))?;
    check_framework(context, executor)?;
    check_grace_period(executor)?;
    let resources = check_resources(asked)?;
    if let Some(command) = &executor.command {
        check_command(command)
            .map_err(|Invalid(text)| Invalid(format!("Executor's `CommandInfo` is invalid: {text}")))?;
    }
    if let Some(container) = &executor.container {
        check_container(container)
            .map_err(|Invalid(text)| Invalid(format!("Executor's `ContainerInfo` is invalid: {text}")))?;
    }
    check_compatible(context, executor)?;
    Ok(resources)
}

fn check_type(executor: &ExecutorInfo) -> Result<(), Invalid> {
    match executor.r#type.map(Type::try_from) {
        Some(Ok(Type::Default)) => {
            if executor.command.is_some() {
                return invalid("'ExecutorInfo.command' must not be set for 'DEFAULT' executor");
            }
            let docker = container_info::Type::Docker as i32;
            if executor.container.as_ref().is_some_and(|container| container.r#type == docker) {
                return invalid("'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor");
            }
            Ok(())
        }
        Some(Ok(Type::Custom)) if executor.command.is_none() => {
            invalid("'ExecutorInfo.command' must be set for 'CUSTOM' executor")
        }
        None | Some(Err(_)) if executor.command.is_none() => {
            invalid("'ExecutorInfo.command' must be set for 'CUSTOM' executor")
        }
        Some(Ok(Type::Unknown)) => invalid("Unknown executor type"),
        _ => Ok(()),
    }
}

/// What holds in addition for the executor of a task that is launched alone.
pub(crate) fn check_custom(executor: &ExecutorInfo) -> Result<(), Invalid> {
    if executor.r#type.is_some_and(|kind| kind != Type::Custom as i32) {
        return invalid("'ExecutorInfo.type' must be 'CUSTOM'");
    }
    if executor.command.is_none() {
        return invalid("'ExecutorInfo.command' must be set");
    }
    check_cgroups(executor)
}

/// An executor has no one to share cgroups with.
pub(crate) fn check_cgroups(executor: &ExecutorInfo) -> Result<(), Invalid> {
    let linux = executor.container.as_ref().and_then(|container| container.linux_info.as_ref());
    if linux.is_some_and(|linux| linux.share_cgroups == Some(true)) {
        return invalid("The 'share_cgroups' field cannot be set to 'true' on executor containers");
    }
    Ok(())
}

fn check_framework(context: &Context<'_>, executor: &ExecutorInfo) -> Result<(), Invalid> {
    match &executor.framework_id {
        Some(id) if id.value != context.framework_id.as_str() => invalid(format!(
            "ExecutorInfo has an invalid FrameworkID (Actual: {} vs Expected: {})",
            id.value, context.framework_id
        )),
        _ => Ok(()),
    }
}

fn check_grace_period(executor: &ExecutorInfo) -> Result<(), Invalid> {
    if executor.shutdown_grace_period.as_ref().is_some_and(|grace| grace.nanoseconds < 0) {
        return invalid("ExecutorInfo's 'shutdown_grace_period' must be non-negative");
    }
    Ok(())
}

fn check_resources(asked: Asked) -> Result<Resources, Invalid> {
    let resources = asked.map_err(|error| Invalid(format!("Executor uses invalid resources: {error}")))?;
    // Unlike a task, an executor may hold nothing of its own.
    if !resources.is_empty() {
        check_kinds(&resources, "Executor")?;
    }
    Ok(resources)
}

fn check_compatible(context: &Context<'_>, executor: &ExecutorInfo) -> Result<(), Invalid> {
    let Some(known) = context.executor(&executor.executor_id.value) else { return Ok(()) };
    if is_same(known, executor) {
        return Ok(());
    }
    invalid(format!(
        "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID '{}'",
        executor.executor_id.value
    ))
}

/// Whether two descriptions are of one executor; the order of variables and URIs does not count.
pub(crate) fn is_same(one: &ExecutorInfo, other: &ExecutorInfo) -> bool {
    let plain = |info: &ExecutorInfo| {
        let mut info = info.clone();
        info.resources.clear();
        if info.r#type.is_none() {
            info.r#type = Some(Type::Custom as i32);
        }
        if let Some(command) = &mut info.command {
            command.uris.sort_by(|a, b| a.value.cmp(&b.value));
            if let Some(environment) = &mut command.environment {
                environment.variables.sort_by(|a, b| a.name.cmp(&b.name));
            }
        }
        info
    };
    // The usual case is that nothing differs at all.
    one == other
        || (plain(one) == plain(other)
            && convert::resources(&one.resources).ok() == convert::resources(&other.resources).ok())
}

/// The environment of a command.
pub(crate) fn check_command(command: &CommandInfo) -> Result<(), Invalid> {
    tepui_core_checks::validate::command(command).map_err(|error| Invalid(error.to_string()))
}

/// The form of a container.
pub(crate) fn check_container(container: &ContainerInfo) -> Result<(), Invalid> {
    if container.r#type == container_info::Type::Docker as i32 && container.docker.is_none() {
        return invalid("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo");
    }
    let limits: BTreeMap<i32, ()> = container
        .rlimit_info
        .iter()
        .flat_map(|info| &info.rlimits)
        .filter_map(|limit| Some((limit.r#type?, ())))
        .collect();
    let count = container.rlimit_info.as_ref().map_or(0, |info| info.rlimits.len());
    if limits.len() < count {
        return invalid("Invalid RLimitInfo: a limit is without a type or given twice");
    }
    Ok(())
}
