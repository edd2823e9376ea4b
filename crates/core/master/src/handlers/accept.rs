//! ACCEPT: what a scheduler does with offers.
//!
//! The resources of the offers are one pool. Each operation takes from it in turn; each task is judged by
//! itself, and a task that cannot run gets its own update. What is left goes back.

use std::sync::Arc;

use tepui_model::{AgentId, ExecutorId, FrameworkId, Reason, Resources, Role, TaskState};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    convert::{self, Format},
    internal,
    v1::{
        self, ExecutorInfo, TaskInfo,
        framework_info::capability::Type as Capability,
        offer::{Operation, operation::Type},
        scheduler::{Event, call, event},
    },
};

use super::{
    executors,
    offers::{self, refusal},
    tasks,
};
use crate::{
    Counter, Master, Task,
    allocation::{self, Refusal},
    publish,
    schedulers::{self, send_event, typed},
    status,
    validate::{self, Asked, Invalid, task::Context},
};

/// What an ACCEPT works on.
struct Pool {
    framework_id: FrameworkId,
    agent_id: AgentId,
    role: Role,
    /// What is still there.
    left: Resources,
    /// The resources of the task before: tasks of one ACCEPT are often alike, and share them then.
    alike: Option<Arc<Resources>>,
}

/// ACCEPT.
pub(crate) fn accept(master: &mut Master, id: &FrameworkId, accept: call::Accept) {
    if accept.operations.is_empty() {
        master.counters.add(Counter::MessagesDeclineOffers);
    }
    let checked = validate::offers::check(master, id, &accept.offer_ids);
    let mut taken = Vec::new();
    for offer_id in &accept.offer_ids {
        taken.extend(offers::take(master, id, &offer_id.value));
    }
    if let Err(Invalid(reason)) = checked {
        for offer in taken {
            allocation::recover(
                master,
                &offer.framework_id,
                &offer.agent_id,
                &offer.resources,
                Refusal::None,
            );
        }
        let text = format!("invalid offers: {reason}");
        return drop_all(master, id, accept.operations, Reason::InvalidOffers, &text);
    }
    let Some(first) = taken.first() else { return };
    let mut pool = Pool {
        framework_id: id.clone(),
        agent_id: first.agent_id.clone(),
        role: first.role.clone(),
        left: Resources::new(),
        alike: None,
    };
    for offer in &taken {
        pool.left += &offer.resources;
    }
    if !master.books.agents().get(&pool.agent_id).is_some_and(|agent| agent.is_connected()) {
        // Offers of such an agent are rescinded, so this is only a second line of defence.
        allocation::recover(master, id, &pool.agent_id, &pool.left, Refusal::None);
        let text = format!("agent {} that is not connected", pool.agent_id);
        return drop_all(master, id, accept.operations, Reason::AgentDisconnected, &text);
    }
    let used = !accept.operations.is_empty();
    for operation in accept.operations {
        apply(master, &mut pool, operation);
    }
    let refusal = refusal(accept.filters.as_ref());
    // Without an operation this is a DECLINE.
    let refusal = if used { Refusal::Left(refusal) } else { Refusal::Declined(refusal) };
    allocation::recover(master, id, &pool.agent_id, &pool.left, refusal);
}

fn apply(master: &mut Master, pool: &mut Pool, operation: Operation) {
    match operation.r#type.map(Type::try_from) {
        Some(Ok(Type::Launch)) if operation.launch.is_some() => {
            master.counters.add(Counter::MessagesLaunchTasks);
            for task in operation.launch.into_iter().flat_map(|launch| launch.task_infos) {
                launch(master, pool, task);
            }
        }
        Some(Ok(Type::LaunchGroup)) if operation.launch_group.is_some() => {
            if let Some(group) = operation.launch_group {
                launch_group(master, pool, group.executor, group.task_group.tasks);
            }
        }
        other => {
            let name = other.and_then(Result::ok).map_or("UNKNOWN", |kind| kind.as_str_name());
            let text = format!("Operation {name} is not supported by this master");
            operation_error(master, &pool.framework_id, &operation, v1::OperationState::OperationError, text);
        }
    }
}

/// Launches one task, or tells why not.
fn launch(master: &mut Master, pool: &mut Pool, mut task: TaskInfo) {
    let role = pool.role.clone();
    let asked = allocate(&mut task.resources, &role);
    let executor = task.executor.as_deref_mut();
    let asked_by_executor = executor.map(|executor| complete_executor(executor, &pool.framework_id, &role));
    let context =
        Context { master, framework_id: &pool.framework_id, agent_id: &pool.agent_id, offered: &pool.left };
    let checked = match validate::task::check(&context, &task, asked, asked_by_executor) {
        Ok(checked) => checked,
        Err(Invalid(text)) => {
            let state = TaskState::Error;
            return refuse(master, &pool.framework_id, &task, state, Reason::TaskInvalid, text);
        }
    };
    pool.left -= &checked.total;
    let executor_id =
        task.executor.as_ref().map(|executor| ExecutorId::new(executor.executor_id.value.as_str()));
    let launch_executor = checked.launch_executor;
    if let (Some(executor), Some(resources)) = (&task.executor, checked.executor_resources) {
        executors::add(master, &pool.framework_id, &pool.agent_id, executor.as_ref().clone(), resources);
    }
    add_task(master, pool, &task, executor_id, checked.task_resources);
    let (Some(framework), Some(agent)) =
        (master.books.frameworks().get(&pool.framework_id), master.books.agents().get(&pool.agent_id))
    else {
        return;
    };
    let message = internal::RunTaskMessage {
        framework: (*framework.info).clone(),
        task,
        resource_version_uuids: resource_versions(agent),
        pid: Some(Upid::NOBODY.to_owned()),
        launch_executor: Some(launch_executor),
        ..internal::RunTaskMessage::default()
    };
    let pid = agent.pid.clone();
    master.send(pid, message);
}

fn resource_versions(agent: &crate::Agent) -> Vec<internal::ResourceVersionUuid> {
    let version =
        |uuid: &v1::Uuid| internal::ResourceVersionUuid { resource_provider_id: None, uuid: uuid.clone() };
    agent.resource_version.iter().map(version).collect()
}

fn add_task(
    master: &mut Master,
    pool: &mut Pool,
    info: &TaskInfo,
    executor_id: Option<ExecutorId>,
    resources: Resources,
) {
    let resources = match &pool.alike {
        Some(alike) if **alike == resources => Arc::clone(alike),
        _ => {
            let resources = Arc::new(resources);
            pool.alike = Some(Arc::clone(&resources));
            resources
        }
    };
    let task = Task::launched(pool.framework_id.clone(), pool.agent_id.clone(), info, executor_id, resources);
    publish::task_added(master, &task);
    master.books.add_task(task);
}

/// Launches all tasks of a group, or none.
fn launch_group(master: &mut Master, pool: &mut Pool, mut executor: ExecutorInfo, mut tasks: Vec<TaskInfo>) {
    let role = pool.role.clone();
    let asked_by_executor = complete_executor(&mut executor, &pool.framework_id, &role);
    let asked = tasks.iter_mut().map(|task| allocate(&mut task.resources, &role)).collect();
    let context =
        Context { master, framework_id: &pool.framework_id, agent_id: &pool.agent_id, offered: &pool.left };
    let checked = match validate::group::check(&context, &executor, asked_by_executor, &tasks, asked) {
        Ok(checked) => checked,
        Err(Invalid(text)) => {
            for task in &tasks {
                let (state, reason) = (TaskState::Error, Reason::TaskGroupInvalid);
                refuse(master, &pool.framework_id, task, state, reason, text.clone());
            }
            return;
        }
    };
    pool.left -= &checked.total;
    if let Some(resources) = checked.executor_resources {
        executors::add(master, &pool.framework_id, &pool.agent_id, executor.clone(), resources);
    }
    let executor_id = ExecutorId::new(executor.executor_id.value.as_str());
    for (task, resources) in tasks.iter_mut().zip(checked.task_resources) {
        add_task(master, pool, task, Some(executor_id.clone()), resources);
        task.executor = Some(Box::new(executor.clone()));
    }
    let (Some(framework), Some(agent)) =
        (master.books.frameworks().get(&pool.framework_id), master.books.agents().get(&pool.agent_id))
    else {
        return;
    };
    let message = internal::RunTaskGroupMessage {
        framework: (*framework.info).clone(),
        executor,
        task_group: v1::TaskGroupInfo { tasks },
        resource_version_uuids: resource_versions(agent),
        launch_executor: Some(checked.launch_executor),
    };
    let pid = agent.pid.clone();
    master.send(pid, message);
}

/// Tasks rarely say for which role their resources are held: it is the offer's. Reads the resources on the way.
fn allocate(resources: &mut [v1::Resource], role: &Role) -> Asked {
    let mut asked = Ok(Resources::new());
    for resource in resources {
        let info = resource.allocation_info.get_or_insert_with(v1::resource::AllocationInfo::default);
        info.role.get_or_insert_with(|| role.as_str().to_owned());
        match tepui_model::Resource::try_from(&*resource) {
            Ok(read) => {
                // The agent knows reservations only as a stack.
                convert::set_format(resource, Format::Refined);
                if let Ok(sum) = &mut asked {
                    sum.add_one(read);
                }
            }
            // What is invalid stays as it is, to be refused for the first of it.
            Err(error) => asked = asked.and(Err(error)),
        }
    }
    asked
}

fn complete_executor(executor: &mut ExecutorInfo, framework_id: &FrameworkId, role: &Role) -> Asked {
    let asked = allocate(&mut executor.resources, role);
    executor.framework_id.get_or_insert_with(|| v1::FrameworkId { value: framework_id.as_str().to_owned() });
    if executor.r#type.is_none() && executor.command.is_some() {
        executor.r#type = Some(v1::executor_info::Type::Custom as i32);
    }
    asked
}

/// A task that does not start: its scheduler is told, and nothing of it is kept.
fn refuse(
    master: &mut Master,
    id: &FrameworkId,
    task: &TaskInfo,
    state: TaskState,
    reason: Reason,
    message: String,
) {
    let agent = Some(AgentId::new(task.agent_id.value.as_str())).filter(|agent| !agent.as_str().is_empty());
    let task_id = tepui_model::TaskId::new(task.task_id.value.as_str());
    let status = status::from_master(&task_id, agent.as_ref(), state, reason, message, master.now);
    tasks::count_end(master, &status);
    schedulers::send_status(master, id, status);
}

/// No operation of an ACCEPT can be done: every task of it is reported.
fn drop_all(master: &mut Master, id: &FrameworkId, operations: Vec<Operation>, reason: Reason, with: &str) {
    let aware =
        master.books.frameworks().get(id).is_some_and(|framework| framework.has(Capability::PartitionAware));
    let state = TaskState::Dropped.as_seen_by(aware);
    for operation in operations {
        let text = format!("Operation attempted with {with}");
        let launched = operation.launch.as_ref().map(|launch| launch.task_infos.as_slice());
        let group = operation.launch_group.as_ref().map(|group| group.task_group.tasks.as_slice());
        let mut any = false;
        for task in launched.into_iter().chain(group).flatten() {
            any = true;
            refuse(master, id, task, state, reason, format!("Task launched with {with}"));
        }
        if !any {
            operation_error(master, id, &operation, v1::OperationState::OperationDropped, text);
        }
    }
}

/// An operation that is not done: the scheduler is told if it gave it an id.
fn operation_error(
    master: &mut Master,
    id: &FrameworkId,
    operation: &Operation,
    state: v1::OperationState,
    message: String,
) {
    master.warn(format!("Dropping an operation of framework {id}: {message}"));
    if let Some(operation_id) = &operation.id {
        let status = v1::OperationStatus {
            operation_id: Some(operation_id.clone()),
            state: state as i32,
            message: Some(message),
            ..v1::OperationStatus::default()
        };
        let update = event::UpdateOperationStatus { status };
        let event =
            Event { update_operation_status: Some(update), ..typed(event::Type::UpdateOperationStatus) };
        send_event(master, id, event);
    }
}
