//! The agent's operator API as far as the core knows the answers. Must not live here: flags, files, versions, measurements.

use std::sync::Arc;
use tepui_model::ContainerId;

use tepui_wire_mesos::v1::{
    self,
    agent::{Response, call, response, response::Type},
};

use crate::snapshot::{ContainerView, ExecutorState, ExecutorView, FrameworkView, Snapshot};

fn of(kind: Type) -> Response {
    Response { r#type: Some(kind.into()), ..Response::default() }
}

/// GET_AGENT.
pub fn get_agent(snapshot: &Snapshot) -> Response {
    let estimated_drain_start_time = snapshot
        .drain_started
        .map(|at| v1::TimeInfo { nanoseconds: i64::try_from(at.as_nanos()).unwrap_or(i64::MAX) });
    let get_agent = response::GetAgent {
        agent_info: Some(snapshot.agent_info.clone()),
        drain_config: snapshot.drain,
        estimated_drain_start_time,
    };
    Response { get_agent: Some(get_agent), ..of(Type::GetAgent) }
}

/// GET_STATE: tasks, executors and frameworks in one.
pub fn get_state(snapshot: &Snapshot) -> Response {
    let get_state = response::GetState {
        get_tasks: Some(tasks(snapshot)),
        get_executors: Some(executors(snapshot)),
        get_frameworks: Some(frameworks(snapshot)),
    };
    Response { get_state: Some(get_state), ..of(Type::GetState) }
}

/// GET_TASKS.
pub fn get_tasks(snapshot: &Snapshot) -> Response {
    Response { get_tasks: Some(tasks(snapshot)), ..of(Type::GetTasks) }
}

/// GET_EXECUTORS.
pub fn get_executors(snapshot: &Snapshot) -> Response {
    Response { get_executors: Some(executors(snapshot)), ..of(Type::GetExecutors) }
}

/// GET_FRAMEWORKS.
pub fn get_frameworks(snapshot: &Snapshot) -> Response {
    Response { get_frameworks: Some(frameworks(snapshot)), ..of(Type::GetFrameworks) }
}

/// GET_CONTAINERS: without `resource_statistics`, which only the one who measures can add. Without
/// containers the member is left out.
pub fn get_containers(snapshot: &Snapshot, asked: call::GetContainers) -> Response {
    let executors = snapshot
        .frameworks
        .iter()
        .flat_map(|framework| framework.executors.iter().map(move |executor| (framework, executor)))
        .filter(|(_, executor)| executor.state != ExecutorState::Terminated)
        .map(|(framework, executor)| response::get_containers::Container {
            framework_id: framework.info.id.clone(),
            executor_id: Some(executor.info.executor_id.clone()),
            executor_name: Some(executor.info.name.clone().unwrap_or_default()),
            container_id: (&executor.container_id).into(),
            container_status: Some(v1::ContainerStatus {
                container_id: Some((&executor.container_id).into()),
                executor_pid: executor.pid,
                ..v1::ContainerStatus::default()
            }),
            resource_statistics: None,
        });
    let containers = executors.chain(shown_containers(snapshot, asked).map(container)).collect();
    let get_containers = Some(response::GetContainers { containers });
    Response {
        get_containers: get_containers.filter(|found| !found.containers.is_empty()),
        ..of(Type::GetContainers)
    }
}

/// Containers that were launched through the agent's own API, as far as the call asks for them.
pub fn shown_containers(
    snapshot: &Snapshot,
    asked: call::GetContainers,
) -> impl Iterator<Item = &ContainerView> {
    let standalone = |id: &ContainerId| {
        let root = id.root();
        snapshot.containers.iter().any(|container| container.container_id == *root)
    };
    snapshot.containers.iter().filter(move |container| {
        let nested = container.container_id.parent().is_some();
        (asked.show_nested.unwrap_or(false) || !nested)
            && (asked.show_standalone.unwrap_or(false) || !standalone(&container.container_id))
    })
}

/// One of them. The parents are in its status only, as Mesos shows it.
fn container(view: &ContainerView) -> response::get_containers::Container {
    response::get_containers::Container {
        framework_id: None,
        executor_id: None,
        executor_name: None,
        container_id: v1::ContainerId { value: view.container_id.as_str().to_owned(), parent: None },
        container_status: Some(v1::ContainerStatus {
            container_id: Some((&view.container_id).into()),
            executor_pid: view.pid,
            ..v1::ContainerStatus::default()
        }),
        resource_statistics: None,
    }
}

/// Every framework that is remembered, live ones first.
fn all(snapshot: &Snapshot) -> impl Iterator<Item = &FrameworkView> {
    snapshot.frameworks.iter().chain(snapshot.completed_frameworks.iter().map(Arc::as_ref))
}

fn tasks(snapshot: &Snapshot) -> response::GetTasks {
    let mut answer = response::GetTasks::default();
    let copy = |tasks: &[Arc<v1::Task>]| tasks.iter().map(|task| (**task).clone()).collect::<Vec<_>>();
    for framework in all(snapshot) {
        for executor in &framework.executors {
            answer.queued_tasks.extend(copy(&executor.queued_tasks));
            answer.launched_tasks.extend(copy(&executor.launched_tasks));
            answer.terminated_tasks.extend(copy(&executor.terminated_tasks));
            answer.completed_tasks.extend(copy(&executor.completed_tasks));
        }
        for executor in &framework.completed_executors {
            answer.completed_tasks.extend(copy(&executor.completed_tasks));
        }
    }
    answer
}

fn executors(snapshot: &Snapshot) -> response::GetExecutors {
    let info = |executor: &Arc<ExecutorView>| response::get_executors::Executor {
        executor_info: (*executor.info).clone(),
    };
    let mut answer = response::GetExecutors::default();
    for framework in all(snapshot) {
        answer.executors.extend(framework.executors.iter().map(info));
        answer.completed_executors.extend(framework.completed_executors.iter().map(info));
    }
    answer
}

fn frameworks(snapshot: &Snapshot) -> response::GetFrameworks {
    let info = |framework: &FrameworkView| response::get_frameworks::Framework {
        framework_info: (*framework.info).clone(),
    };
    response::GetFrameworks {
        frameworks: snapshot.frameworks.iter().map(info).collect(),
        completed_frameworks: snapshot.completed_frameworks.iter().map(|framework| info(framework)).collect(),
    }
}
