//! `POST /api/v1`: operators' calls.

use http::StatusCode;
use tepui_core_agent::{Snapshot, views};
use tepui_telemetry::logging;
use tepui_transport::{
    Request, Response,
    negotiate::{self, Api, Media},
};
use tepui_wire_legacy::version_info;
use tepui_wire_mesos::{
    ContentType,
    v1::{
        self,
        agent::{Call, Response as Message, call::Type, response},
    },
};

use super::{Context, containers, statistics};
use crate::files::{self, FilesError};

/// Answers an operator's call.
pub(super) async fn call(context: Context, request: Request) -> Response {
    // Messages are large: not on the stack of every waiting task.
    match Box::pin(answer(&context, &request)).await {
        Ok(response) | Err(response) => response,
    }
}

async fn answer(context: &Context, request: &Request) -> Result<Response, Response> {
    let content = negotiate::content_type(Api::Agent, &request.headers)?;
    let accept = negotiate::accept(Api::Agent, &request.headers)?;
    let content = match content {
        Media::Message(content) => content,
        Media::RecordIo(content) => return containers::input(context, request, content, accept).await,
    };
    let call: Call =
        content.decode(request.body.clone()).map_err(|error| Response::bad_request(error.agent_text()))?;
    let kind = validate(&call).map_err(invalid)?;
    if is_about_containers(kind) {
        return containers::call(context, kind, call, accept).await;
    }
    let Media::Message(accept) = accept else { return Err(containers::no_stream(kind)) };
    let message = Box::pin(perform(context, kind, call)).await?;
    Ok(match message {
        Some(message) => Response::message(negotiate::content_type_value(accept), encode(accept, &message)),
        None => Response::accepted(),
    })
}

/// What a call that is not well formed is answered with.
pub(super) fn invalid(words: String) -> Response {
    Response::bad_request(format!("Failed to validate agent::Call: {words}"))
}

fn encode(accept: ContentType, message: &Message) -> bytes::Bytes {
    accept.encode(message)
}

/// Checks that a call has what its type needs.
pub(super) fn validate(call: &Call) -> Result<Type, String> {
    let needs = |present: bool, field: &str| {
        if present { Ok(()) } else { Err(format!("Expecting '{field}' to be present")) }
    };
    let kind = call.r#type.and_then(|kind| Type::try_from(kind).ok());
    let kind = kind.ok_or_else(|| "Expecting 'type' to be present".to_owned())?;
    match kind {
        Type::GetMetrics => needs(call.get_metrics.is_some(), "get_metrics")?,
        Type::SetLoggingLevel => needs(call.set_logging_level.is_some(), "set_logging_level")?,
        Type::ListFiles => needs(call.list_files.is_some(), "list_files")?,
        Type::ReadFile => needs(call.read_file.is_some(), "read_file")?,
        _ => {}
    }
    Ok(kind)
}

/// Whether the core has to be asked.
const fn is_about_containers(kind: Type) -> bool {
    matches!(
        kind,
        Type::LaunchNestedContainer
            | Type::WaitNestedContainer
            | Type::KillNestedContainer
            | Type::RemoveNestedContainer
            | Type::LaunchNestedContainerSession
            | Type::AttachContainerInput
            | Type::AttachContainerOutput
            | Type::LaunchContainer
            | Type::WaitContainer
            | Type::KillContainer
            | Type::RemoveContainer
    )
}

async fn perform(context: &Context, kind: Type, call: Call) -> Result<Option<Message>, Response> {
    let of = |kind: response::Type| Message { r#type: Some(kind.into()), ..Message::default() };
    let message = match kind {
        Type::GetHealth => Message {
            get_health: Some(response::GetHealth { healthy: true }),
            ..of(response::Type::GetHealth)
        },
        Type::GetFlags => {
            let flags = context.shared.flags.iter();
            let flags =
                flags.map(|(name, value)| v1::Flag { name: name.clone(), value: Some(value.clone()) });
            let get_flags = response::GetFlags { flags: flags.collect() };
            Message { get_flags: Some(get_flags), ..of(response::Type::GetFlags) }
        }
        Type::GetVersion => {
            let get_version = response::GetVersion { version_info: version_info(&context.shared.version) };
            Message { get_version: Some(get_version), ..of(response::Type::GetVersion) }
        }
        Type::GetMetrics => metrics(&*context.snapshot().await?, of(response::Type::GetMetrics)),
        Type::GetLoggingLevel => Message {
            get_logging_level: Some(response::GetLoggingLevel { level: 0 }),
            ..of(response::Type::GetLoggingLevel)
        },
        Type::SetLoggingLevel => {
            if let Some(set) = call.set_logging_level {
                set_logging_level(set.level, set.duration.nanoseconds);
            }
            return Ok(None);
        }
        Type::ListFiles => list_files(context, call, of(response::Type::ListFiles)).await?,
        Type::ReadFile => read_file(context, call, of(response::Type::ReadFile)).await?,
        Type::GetState => views::get_state(&*context.snapshot().await?),
        Type::GetContainers => {
            let snapshot = context.snapshot().await?;
            let asked = call.get_containers.unwrap_or_default();
            statistics::get_containers(&snapshot, asked, &context.measure().await)
        }
        Type::GetFrameworks => views::get_frameworks(&*context.snapshot().await?),
        Type::GetExecutors => views::get_executors(&*context.snapshot().await?),
        Type::GetTasks => views::get_tasks(&*context.snapshot().await?),
        Type::GetAgent => views::get_agent(&*context.snapshot().await?),
        Type::GetOperations => Message {
            get_operations: Some(response::GetOperations::default()),
            ..of(response::Type::GetOperations)
        },
        Type::GetResourceProviders => Message {
            get_resource_providers: Some(response::GetResourceProviders::default()),
            ..of(response::Type::GetResourceProviders)
        },
        _ => return Err(Response::plain_status(StatusCode::NOT_IMPLEMENTED)),
    };
    Ok(Some(message))
}

fn metrics(snapshot: &Snapshot, message: Message) -> Message {
    let mut samples = Context::samples(snapshot);
    samples.sort_by(|one, other| one.key.cmp(&other.key));
    let metrics =
        samples.into_iter().map(|sample| v1::Metric { name: sample.key, value: Some(sample.value) });
    Message { get_metrics: Some(response::GetMetrics { metrics: metrics.collect() }), ..message }
}

/// For a while, then back to the usual.
fn set_logging_level(level: u32, nanoseconds: i64) {
    logging::set_verbosity(level);
    let duration = std::time::Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
    tokio::spawn(async move {
        tokio::time::sleep(duration).await;
        logging::set_verbosity(0);
    });
}

async fn list_files(context: &Context, call: Call, message: Message) -> Result<Message, Response> {
    let path = call.list_files.map(|list| list.path).unwrap_or_default();
    let attached = super::files::attached(context, &path).await?;
    let entries = blocking(move || files::list(&attached, &path)).await.map_err(refusal)?;
    let file_infos = entries.into_iter().map(Into::into).collect();
    Ok(Message { list_files: Some(response::ListFiles { file_infos }), ..message })
}

async fn read_file(context: &Context, call: Call, message: Message) -> Result<Message, Response> {
    let read = call.read_file.unwrap_or_default();
    let attached = super::files::attached(context, &read.path).await?;
    let piece = blocking(move || files::read(&attached, &read.path, Some(read.offset), read.length))
        .await
        .map_err(refusal)?;
    let read_file = response::ReadFile { size: piece.size, data: piece.data.into() };
    Ok(Message { read_file: Some(read_file), ..message })
}

/// Runs something that looks at files where that may take its time.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, FilesError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(FilesError::NotFound))
}

/// What a failure to read files is answered with.
pub(super) fn refusal(error: FilesError) -> Response {
    match error {
        FilesError::NotFound => Response::text(StatusCode::NOT_FOUND, ""),
        FilesError::Directory => Response::bad_request(error.to_string()),
        FilesError::Io(_) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
