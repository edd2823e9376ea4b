//! `/api/v1`: reads are answered from a snapshot; the core answers the rest.

use std::sync::Arc;

use http::StatusCode;
use tepui_core_master::{Event, Snapshot, views};
use tepui_model::Caller;
use tepui_telemetry::logging;
use tepui_transport::{
    Request, Response,
    negotiate::{self, Api},
};
use tepui_wire_legacy::version_info;
use tepui_wire_mesos::{
    ContentType,
    v1::{
        self,
        master::{Call, call::Type, response},
    },
};

use crate::{
    MESOS_VERSION,
    routes::{Context, blocking},
};

/// An operator's call.
pub(crate) async fn call(context: Arc<Context>, request: Request) -> Response {
    let content = match negotiate::content_type(Api::Master, &request.headers) {
        Ok(media) => media.content(),
        Err(refusal) => return refusal,
    };
    let call: Call = match content.decode(request.body.clone()) {
        Ok(call) => call,
        Err(error) => return Response::bad_request(error.to_string()),
    };
    let kind = match validate(&call) {
        Ok(kind) => kind,
        Err(reason) => return Response::bad_request(format!("Failed to validate master::Call: {reason}")),
    };
    let accepted = match negotiate::accept(Api::Master, &request.headers) {
        Ok(media) => media.content(),
        Err(refusal) => return refusal,
    };
    answer(&context, kind, call, accepted).await
}

/// Which call it is, if it has what such a call needs.
fn validate(call: &Call) -> Result<Type, String> {
    // An unknown number reads as an unset field, as with every proto2 enum.
    let kind = call.r#type.and_then(|kind| Type::try_from(kind).ok());
    let Some(kind) = kind else { return Err("Expecting 'type' to be present".to_owned()) };
    let (field, present) = match kind {
        Type::GetMetrics => ("get_metrics", call.get_metrics.is_some()),
        Type::SetLoggingLevel => ("set_logging_level", call.set_logging_level.is_some()),
        Type::ListFiles => ("list_files", call.list_files.is_some()),
        Type::ReadFile => ("read_file", call.read_file.is_some()),
        Type::UpdateWeights => ("update_weights", call.update_weights.is_some()),
        Type::ReserveResources => ("reserve_resources", call.reserve_resources.is_some()),
        Type::UnreserveResources => ("unreserve_resources", call.unreserve_resources.is_some()),
        Type::CreateVolumes => ("create_volumes", call.create_volumes.is_some()),
        Type::DestroyVolumes => ("destroy_volumes", call.destroy_volumes.is_some()),
        Type::GrowVolume => ("grow_volume", call.grow_volume.is_some()),
        Type::ShrinkVolume => ("shrink_volume", call.shrink_volume.is_some()),
        Type::UpdateMaintenanceSchedule => {
            ("update_maintenance_schedule", call.update_maintenance_schedule.is_some())
        }
        Type::StartMaintenance => ("start_maintenance", call.start_maintenance.is_some()),
        Type::StopMaintenance => ("stop_maintenance", call.stop_maintenance.is_some()),
        Type::DrainAgent => ("drain_agent", call.drain_agent.is_some()),
        Type::DeactivateAgent => ("deactivate_agent", call.deactivate_agent.is_some()),
        Type::ReactivateAgent => ("reactivate_agent", call.reactivate_agent.is_some()),
        Type::UpdateQuota => ("update_quota", call.update_quota.is_some()),
        Type::Teardown => ("teardown", call.teardown.is_some()),
        Type::MarkAgentGone => ("mark_agent_gone", call.mark_agent_gone.is_some()),
        _ => ("", true),
    };
    if present { Ok(kind) } else { Err(format!("Expecting '{field}' to be present")) }
}

async fn answer(context: &Arc<Context>, kind: Type, call: Call, content: ContentType) -> Response {
    match kind {
        Type::Unknown => Response::plain_status(StatusCode::NOT_IMPLEMENTED),
        Type::SetLoggingLevel => {
            if let Some(set) = call.set_logging_level {
                context.toggle_logging(set.level, set.duration.nanoseconds);
            }
            Response::new(StatusCode::OK)
        }
        // Nothing is attached here: the master's log goes to stderr.
        Type::ListFiles | Type::ReadFile => Response::text(StatusCode::NOT_FOUND, ""),
        Type::GetHealth
        | Type::GetFlags
        | Type::GetVersion
        | Type::GetLoggingLevel
        | Type::GetQuota
        | Type::GetMaintenanceStatus
        | Type::GetMaintenanceSchedule => message(content, &simple(context, kind)),
        Type::GetMetrics
        | Type::GetState
        | Type::GetAgents
        | Type::GetFrameworks
        | Type::GetExecutors
        | Type::GetTasks
        | Type::GetRoles
        | Type::GetWeights
        | Type::GetOperations
        | Type::GetMaster => {
            let Some(snapshot) = context.inputs.snapshot().await else {
                return Response::plain_status(StatusCode::SERVICE_UNAVAILABLE);
            };
            let context = context.clone();
            blocking(move || message(content, &read(&context, kind, &snapshot))).await
        }
        _ => {
            let call = Box::new(call);
            let event = |from| Event::OperatorCall { caller: Caller::anonymous(from), call };
            context.inputs.ask(content, event).await
        }
    }
}

fn message(content: ContentType, response: &v1::master::Response) -> Response {
    Response::message(negotiate::content_type_value(content), content.encode(response))
}

/// What does not depend on the state of the cluster.
fn simple(context: &Context, kind: Type) -> v1::master::Response {
    let mut answer = v1::master::Response::default();
    let mut typed = |kind: response::Type| answer.r#type = Some(kind as i32);
    match kind {
        Type::GetHealth => {
            typed(response::Type::GetHealth);
            answer.get_health = Some(response::GetHealth { healthy: true });
        }
        Type::GetFlags => {
            typed(response::Type::GetFlags);
            let flag = |(name, value): &(String, String)| v1::Flag {
                name: name.clone(),
                value: Some(value.clone()),
            };
            answer.get_flags = Some(response::GetFlags { flags: context.flags.iter().map(flag).collect() });
        }
        Type::GetVersion => {
            typed(response::Type::GetVersion);
            answer.get_version = Some(response::GetVersion { version_info: version_info(MESOS_VERSION) });
        }
        Type::GetLoggingLevel => {
            typed(response::Type::GetLoggingLevel);
            answer.get_logging_level = Some(response::GetLoggingLevel { level: logging::verbosity() });
        }
        Type::GetQuota => {
            typed(response::Type::GetQuota);
            answer.get_quota = Some(response::GetQuota::default());
        }
        Type::GetMaintenanceStatus => {
            typed(response::Type::GetMaintenanceStatus);
            answer.get_maintenance_status = Some(response::GetMaintenanceStatus::default());
        }
        _ => {
            typed(response::Type::GetMaintenanceSchedule);
            answer.get_maintenance_schedule = Some(response::GetMaintenanceSchedule::default());
        }
    }
    answer
}

/// What a snapshot shows.
fn read(context: &Context, kind: Type, snapshot: &Snapshot) -> v1::master::Response {
    match kind {
        Type::GetState => views::get_state(snapshot),
        Type::GetAgents => views::get_agents(snapshot),
        Type::GetFrameworks => views::get_frameworks(snapshot),
        Type::GetExecutors => views::get_executors(snapshot),
        Type::GetTasks => views::get_tasks(snapshot),
        Type::GetRoles => views::get_roles(snapshot),
        Type::GetWeights => views::get_weights(snapshot),
        Type::GetOperations => views::get_operations(snapshot),
        Type::GetMaster => views::get_master(snapshot),
        _ => {
            let metric =
                |sample: tepui_telemetry::Sample| v1::Metric { name: sample.key, value: Some(sample.value) };
            let metrics = context.samples(snapshot).into_iter().map(metric).collect();
            v1::master::Response {
                r#type: Some(response::Type::GetMetrics as i32),
                get_metrics: Some(response::GetMetrics { metrics }),
                ..v1::master::Response::default()
            }
        }
    }
}
