//! Calls of the agent's API. The `_NESTED_` ones are those that Mesos's default executor makes.

#![expect(deprecated, reason = "agents answer them, and older ones nothing else")]

use tepui_wire_mesos::v1::{
    ContainerId, ContainerInfo, TaskInfo, Volume, agent, agent::call, container_info, environment, volume,
};

fn call(kind: call::Type) -> agent::Call {
    agent::Call { r#type: Some(kind.into()), ..agent::Call::default() }
}

/// Starts a task's container. What the task does not say, it has from the executor's container.
pub(crate) fn launch(id: &ContainerId, task: &TaskInfo, container_ip: &str) -> agent::Call {
    let mut command = task.command.clone().unwrap_or_default();
    let role = task.resources.iter().find_map(|resource| resource.allocation_info.as_ref()?.role.clone());
    let variable = |name: &str, value: String| environment::Variable {
        name: name.to_owned(),
        value: Some(value),
        ..environment::Variable::default()
    };
    let variables = &mut command.environment.get_or_insert_default().variables;
    variables.push(variable("MESOS_CONTAINER_IP", container_ip.to_owned()));
    variables.extend(role.map(|role| variable("MESOS_ALLOCATION_ROLE", role)));
    let launch = call::LaunchContainer {
        container_id: id.clone(),
        command: Some(command),
        resources: task.resources.clone(),
        container: container(task),
        limits: task.limits.clone(),
    };
    agent::Call { launch_container: Some(launch), ..call(call::Type::LaunchContainer) }
}

/// Volumes of disks are mounted in the executor's container; the task's has to be led to them.
fn container(task: &TaskInfo) -> Option<ContainerInfo> {
    let mut container = task.container.as_deref().cloned();
    let volumes = task.resources.iter().filter_map(|resource| resource.disk.as_ref()?.volume.as_ref());
    for theirs in volumes {
        let path = volume::source::SandboxPath {
            r#type: Some(volume::source::sandbox_path::Type::Parent.into()),
            path: theirs.container_path.clone(),
        };
        let source = volume::Source {
            r#type: Some(volume::source::Type::SandboxPath.into()),
            sandbox_path: Some(path),
            ..volume::Source::default()
        };
        let container = container.get_or_insert_with(|| ContainerInfo {
            r#type: container_info::Type::Mesos.into(),
            ..ContainerInfo::default()
        });
        container.volumes.push(Volume {
            mode: theirs.mode,
            container_path: theirs.container_path.clone(),
            source: Some(source),
            ..Volume::default()
        });
    }
    container
}

/// Waits for a container's end.
pub(crate) fn wait(id: &ContainerId) -> agent::Call {
    let wait = call::WaitNestedContainer { container_id: id.clone() };
    agent::Call { wait_nested_container: Some(wait), ..call(call::Type::WaitNestedContainer) }
}

/// Signals a container.
pub(crate) fn kill(id: &ContainerId, signal: i32) -> agent::Call {
    let kill = call::KillNestedContainer { container_id: id.clone(), signal: Some(signal) };
    agent::Call { kill_nested_container: Some(kill), ..call(call::Type::KillNestedContainer) }
}

/// Runs a check's command beside its task.
pub(crate) fn session(id: &ContainerId, command: &tepui_wire_mesos::v1::CommandInfo) -> agent::Call {
    let session = call::LaunchNestedContainerSession {
        container_id: id.clone(),
        command: Some(command.clone()),
        container: None,
    };
    agent::Call {
        launch_nested_container_session: Some(session),
        ..call(call::Type::LaunchNestedContainerSession)
    }
}

/// Forgets a container that has ended.
pub(crate) fn remove(id: &ContainerId) -> agent::Call {
    let remove = call::RemoveNestedContainer { container_id: id.clone() };
    agent::Call { remove_nested_container: Some(remove), ..call(call::Type::RemoveNestedContainer) }
}
