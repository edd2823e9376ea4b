//! The endpoints that are older than the v1 API. Members and their order are those of a Mesos agent.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tepui_core_agent::{ContainerView, ExecutorState, ExecutorView, FrameworkView, Snapshot, views};
use tepui_telemetry::{metrics as samples, system as machine};
use tepui_transport::{Request, Response};
use tepui_wire_legacy::{
    flags as flags_object, labels, put, put_roles, resources, sorted, task, to_bytes, verbatim, version_info,
};
use tepui_wire_mesos::{
    convert::{self, Format},
    v1::{self, agent::call::GetContainers},
};

use super::{
    Context, METRICS_WAIT_MAX,
    statistics::{self, Uses},
};

fn json(request: &Request, body: impl Into<Bytes>) -> Response {
    Response::legacy_json(request.query_parameter("jsonp").as_deref(), body)
}

/// `/version`.
pub(super) fn version(context: &Context, request: &Request) -> Response {
    json(request, to_bytes(&sorted(&version_info(&context.shared.version))))
}

/// `/flags`.
pub(super) fn flags(context: &Context, request: &Request) -> Response {
    let mut object = Map::new();
    put(&mut object, "flags", flags_object(&context.shared.flags));
    json(request, to_bytes(&object.into()))
}

/// `/system/stats.json`.
pub(super) fn system(request: &Request) -> Response {
    json(request, machine::stats().json())
}

/// `/metrics/snapshot`.
pub(super) async fn metrics(context: Context, request: Request) -> Response {
    if !context.shared.pacer.turn(METRICS_WAIT_MAX).await {
        return Response::plain_status(StatusCode::SERVICE_UNAVAILABLE);
    }
    match context.snapshot().await {
        Ok(snapshot) => json(&request, samples::snapshot(&mut Context::samples(&snapshot))),
        Err(response) => response,
    }
}

/// `/metrics`, for Prometheus.
pub(super) async fn prometheus(context: Context) -> Response {
    let snapshot = match context.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(response) => return response,
    };
    match samples::open_metrics(Context::samples(&snapshot)) {
        Ok(text) => Response::new(StatusCode::OK)
            .header(header::CONTENT_TYPE, HeaderValue::from_static(samples::OPEN_METRICS))
            .body(text),
        Err(error) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// `/containers`.
pub(super) async fn containers(context: Context, request: Request) -> Response {
    list_containers(context, request, true).await
}

/// `/monitor/statistics`.
pub(super) async fn statistics(context: Context, request: Request) -> Response {
    list_containers(context, request, false).await
}

async fn list_containers(context: Context, request: Request, with_status: bool) -> Response {
    let snapshot = match context.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(response) => return response,
    };
    let uses = context.measure().await;
    let asks = |name: &str| request.query_parameter(name).is_some_and(|value| value == "true");
    let asked = GetContainers {
        show_nested: Some(with_status && asks("show_nested")),
        show_standalone: Some(with_status && asks("show_standalone")),
    };
    let others = views::shown_containers(&snapshot, asked).filter_map(|view| other(view, &uses));
    let containers: Vec<Value> = statistics::running(&snapshot)
        .filter_map(|(framework, executor)| {
            let usage = statistics::of(executor, &uses)?;
            let mut object = Map::new();
            if with_status {
                put(&mut object, "container_id", executor.container_id.as_str());
            }
            put(&mut object, "executor_id", executor.info.executor_id.value.as_str());
            put(&mut object, "executor_name", executor.info.name.as_deref().unwrap_or_default());
            put(&mut object, "framework_id", framework_id(framework));
            put(&mut object, "source", source(executor));
            put(&mut object, "statistics", sorted(&usage));
            if with_status {
                let status = v1::ContainerStatus {
                    container_id: Some((&executor.container_id).into()),
                    executor_pid: executor.pid,
                    ..v1::ContainerStatus::default()
                };
                put(&mut object, "status", sorted(&status));
            }
            Some(object.into())
        })
        .chain(others)
        .collect();
    json(&request, to_bytes(&containers.into()))
}

/// A container that has no executor of its own.
fn other(view: &ContainerView, uses: &Uses) -> Option<Value> {
    view.pid?;
    let usage = statistics::measured(&view.resources, uses.get(&view.container_id.to_string()));
    let status = v1::ContainerStatus {
        container_id: Some((&view.container_id).into()),
        executor_pid: view.pid,
        ..v1::ContainerStatus::default()
    };
    let mut object = Map::new();
    put(&mut object, "container_id", view.container_id.as_str());
    put(&mut object, "statistics", sorted(&usage));
    put(&mut object, "status", sorted(&status));
    Some(object.into())
}

/// `/state`.
pub(super) async fn state(context: Context, request: Request) -> Response {
    let snapshot = match context.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(response) => return response,
    };
    let master = context.master_name(&snapshot).await;
    // Thousands of tasks take a while to write.
    let body =
        tokio::task::spawn_blocking(move || to_bytes(&state_object(&context, &snapshot, master))).await;
    match body {
        Ok(body) => json(&request, body),
        Err(_) => Response::plain_status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn state_object(context: &Context, snapshot: &Snapshot, master: Option<String>) -> Value {
    let mut object = Map::new();
    let version = version_info(&context.shared.version);
    put(&mut object, "version", version.version);
    put(&mut object, "build_date", version.build_date);
    put(&mut object, "build_time", version.build_time);
    put(&mut object, "build_user", "");
    put(&mut object, "start_time", snapshot.started.as_secs_f64());
    let info = &snapshot.agent_info;
    put(&mut object, "id", info.id.as_ref().map_or("", |id| id.value.as_str()));
    put(&mut object, "pid", snapshot.pid.to_string());
    put(&mut object, "hostname", info.hostname.as_str());
    put(&mut object, "capabilities", CAPABILITIES.map(Value::from).to_vec());
    put_resources(&mut object, snapshot);
    put(&mut object, "resource_providers", Vec::<Value>::new());
    put(&mut object, "attributes", resources::attributes(&info.attributes));
    if let Some(master) = master {
        put(&mut object, "master_hostname", master);
    }
    if let Some(log) = &context.shared.log_file {
        put(&mut object, "external_log_file", log.display().to_string());
    }
    if let Some(domain) = &info.domain {
        put(&mut object, "domain", verbatim(domain));
    }
    if let Some(drain) = &snapshot.drain {
        put(&mut object, "drain_config", verbatim(drain));
    }
    put(&mut object, "flags", flags_object(&context.shared.flags));
    put(&mut object, "frameworks", snapshot.frameworks.iter().map(framework).collect::<Vec<Value>>());
    let completed = snapshot.completed_frameworks.iter().map(|one| framework(one));
    put(&mut object, "completed_frameworks", completed.collect::<Vec<Value>>());
    object.into()
}

/// What the agent tells the master that it can do.
const CAPABILITIES: [&str; 8] = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
];

fn put_resources(object: &mut Map<String, Value>, snapshot: &Snapshot) {
    let all = &snapshot.agent_info.resources;
    put(object, "resources", resources::summary(all));
    let (reserved, unreserved) = resources::by_reservation(all);
    let full = |resources: &[&v1::Resource]| resources.iter().map(|one| full(one)).collect::<Vec<Value>>();
    put(object, "reserved_resources", resources::summary_by_role(&reserved));
    put(object, "unreserved_resources", resources::summary(unreserved.iter().copied()));
    let reserved_full = reserved.iter().map(|(role, resources)| ((*role).to_owned(), full(resources).into()));
    put(object, "reserved_resources_full", reserved_full.collect::<Map<_, _>>());
    put(object, "unreserved_resources_full", full(&unreserved));
    let used = snapshot.frameworks.iter().flat_map(|framework| &framework.executors);
    let used = used
        .filter(|executor| executor.state != ExecutorState::Terminated)
        .flat_map(|executor| statistics::resources(executor));
    let (reserved, unreserved) = resources::by_reservation(used);
    put(object, "reserved_resources_allocated", resources::summary_by_role(&reserved));
    put(object, "unreserved_resources_allocated", resources::summary(unreserved));
}

/// One resource in all its parts, in both formats at once.
fn full(resource: &v1::Resource) -> Value {
    let mut resource = resource.clone();
    convert::set_format(&mut resource, Format::Both);
    verbatim(&resource)
}

fn framework_id(framework: &FrameworkView) -> &str {
    framework.info.id.as_ref().map_or("", |id| id.value.as_str())
}

#[expect(deprecated, reason = "the endpoints still show it")]
fn source(executor: &ExecutorView) -> &str {
    executor.info.source.as_deref().unwrap_or_default()
}

fn framework(framework: &FrameworkView) -> Value {
    let info = &framework.info;
    let mut object = Map::new();
    put(&mut object, "id", framework_id(framework));
    put(&mut object, "name", info.name.as_str());
    put(&mut object, "user", info.user.as_str());
    put(&mut object, "failover_timeout", info.failover_timeout.unwrap_or(0.0));
    put(&mut object, "checkpoint", info.checkpoint.unwrap_or(false));
    put(&mut object, "hostname", info.hostname.as_deref().unwrap_or_default());
    if let Some(principal) = &info.principal {
        put(&mut object, "principal", principal.as_str());
    }
    put_roles(&mut object, info);
    let list =
        |executors: &[Arc<ExecutorView>]| executors.iter().map(|one| executor(one)).collect::<Vec<Value>>();
    put(&mut object, "executors", list(&framework.executors));
    put(&mut object, "completed_executors", list(&framework.completed_executors));
    object.into()
}

fn executor(executor: &ExecutorView) -> Value {
    let info = &executor.info;
    let mut object = Map::new();
    put(&mut object, "id", info.executor_id.value.as_str());
    put(&mut object, "name", info.name.as_deref().unwrap_or_default());
    put(&mut object, "source", source(executor));
    put(&mut object, "container", executor.container_id.as_str());
    put(&mut object, "directory", executor.directory.as_str());
    put(&mut object, "resources", resources::summary(statistics::resources(executor)));
    if let Some(role) = info.resources.iter().find_map(resources::allocated_to) {
        put(&mut object, "role", role);
    }
    if let Some(found) = &info.labels {
        put(&mut object, "labels", labels(found));
    }
    if let Some(kind) = info.r#type.and_then(|kind| v1::executor_info::Type::try_from(kind).ok()) {
        put(&mut object, "type", kind.as_str_name());
    }
    let list =
        |tasks: &mut dyn Iterator<Item = &Arc<v1::Task>>| tasks.map(|one| task(one)).collect::<Vec<Value>>();
    put(&mut object, "tasks", list(&mut executor.launched_tasks.iter()));
    put(&mut object, "queued_tasks", list(&mut executor.queued_tasks.iter()));
    // Tasks that have ended but were not acknowledged are shown with the completed ones.
    let completed = &mut executor.terminated_tasks.iter().chain(&executor.completed_tasks);
    put(&mut object, "completed_tasks", list(completed));
    object.into()
}
