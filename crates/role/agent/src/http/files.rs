//! `/files/browse`, `/files/read`, `/files/download`, `/files/debug`.

use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tepui_transport::{Request, Response};
use tepui_wire_legacy::{put, to_bytes};

use super::{
    Context,
    operator::{blocking, refusal},
};
use crate::files::{self, Attached};

/// What of all that can be read at this moment is needed for `asked`: the log, and the sandboxes of the executor
/// that the path names. Reading a file costs the same however many executors there are.
pub(super) async fn attached(context: &Context, asked: &str) -> Result<Attached, Response> {
    let mut attached = Attached::default();
    attach_log(context, &mut attached);
    attach_standalone(context, &mut attached);
    for (framework_id, executor_id) in executors_in(asked) {
        for directory in context.sandboxes(framework_id, executor_id).await? {
            attach(&mut attached, framework_id, executor_id, &directory);
        }
    }
    Ok(attached)
}

/// Everything that can be read at this moment.
async fn all_attached(context: &Context) -> Result<Attached, Response> {
    let snapshot = context.snapshot().await?;
    let mut attached = Attached::default();
    attach_log(context, &mut attached);
    for framework in snapshot.frameworks.iter().chain(snapshot.completed_frameworks.iter().map(AsRef::as_ref))
    {
        let id = framework.info.id.as_ref().map_or("", |id| id.value.as_str());
        // The live ones last: their runs are the latest.
        for executor in framework.completed_executors.iter().chain(&framework.executors) {
            attach(&mut attached, id, &executor.info.executor_id.value, &executor.directory);
        }
    }
    Ok(attached)
}

fn attach_log(context: &Context, attached: &mut Attached) {
    if let Some(log) = &context.shared.log_file {
        attached.add("/slave/log", log.clone());
    }
}

/// Containers that stand alone have their sandboxes side by side, and only their real names.
fn attach_standalone(context: &Context, attached: &mut Attached) {
    let directory = context.shared.work_dir.join("containers");
    if let Some(name) = directory.to_str() {
        attached.add(name, directory.clone());
    }
}

/// A sandbox has two names: the virtual one of the latest, and where it really is.
fn attach(attached: &mut Attached, framework_id: &str, executor_id: &str, directory: &str) {
    attached.add(format!("/frameworks/{framework_id}/executors/{executor_id}/runs/latest"), directory.into());
    attached.add(directory, directory.into());
}

/// The frameworks and executors that a path names, virtual or real: both have `frameworks/F/executors/E`, and a
/// work directory or a sandbox may have directories called like that too.
fn executors_in(path: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = path.split('/').collect();
    let named = parts.windows(4).filter_map(|part| match part {
        ["frameworks", framework, "executors", executor] => Some((*framework, *executor)),
        _ => None,
    });
    named.collect()
}

fn json(request: &Request, value: &Value) -> Response {
    Response::legacy_json(request.query_parameter("jsonp").as_deref(), to_bytes(value))
}

#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn path(request: &Request) -> Result<String, Response> {
    let path = request.query_parameter("path").filter(|path| !path.is_empty());
    path.ok_or_else(|| Response::bad_request("Expecting 'path=value' in query.\n"))
}

/// A number that may be negative (`-1`: not said), as the endpoint has always taken it.
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn number(request: &Request, name: &str) -> Result<Option<u64>, Response> {
    let Some(text) = request.query_parameter(name) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(value) => u64::try_from(value)
            .map(Some)
            .map_err(|_| Response::bad_request(format!("Negative {name} provided: {value}.\n"))),
        Err(_) => Err(Response::bad_request(format!("Failed to parse {name}: '{text}' is not a number.\n"))),
    }
}

/// `/files/browse?path=`.
pub(super) async fn browse(context: Context, request: Request) -> Response {
    let browse = async {
        let path = path(&request)?;
        let attached = attached(&context, &path).await?;
        let entries = blocking(move || files::list(&attached, &path)).await.map_err(refusal)?;
        let entries: Vec<Value> = entries.iter().map(files::Entry::legacy).collect();
        Ok::<_, Response>(json(&request, &entries.into()))
    };
    browse.await.unwrap_or_else(|response| response)
}

/// `/files/read?path=&offset=&length=`.
pub(super) async fn read(context: Context, request: Request) -> Response {
    let read = async {
        let path = path(&request)?;
        let (offset, length) = (number(&request, "offset")?, number(&request, "length")?);
        let attached = attached(&context, &path).await?;
        let piece = blocking(move || files::read(&attached, &path, offset, length)).await.map_err(refusal)?;
        let mut object = Map::new();
        put(&mut object, "data", String::from_utf8_lossy(&piece.data).into_owned());
        put(&mut object, "offset", offset.unwrap_or(piece.size));
        Ok::<_, Response>(json(&request, &object.into()))
    };
    read.await.unwrap_or_else(|response| response)
}

/// `/files/download?path=`.
pub(super) async fn download(context: Context, request: Request) -> Response {
    let download = async {
        let path = path(&request)?;
        let attached = attached(&context, &path).await?;
        let (name, data) = blocking(move || files::download(&attached, &path)).await.map_err(refusal)?;
        let disposition = HeaderValue::from_bytes(format!("attachment; filename={name}").as_bytes())
            .unwrap_or_else(|_| HeaderValue::from_static("attachment"));
        Ok::<_, Response>(
            Response::new(StatusCode::OK)
                .header(header::CONTENT_LENGTH, HeaderValue::from_static("0"))
                .header(header::CONTENT_DISPOSITION, disposition)
                .header(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
                .body(data),
        )
    };
    download.await.unwrap_or_else(|response| response)
}

/// `/files/debug`: what is attached, and where.
pub(super) async fn debug(context: Context, request: Request) -> Response {
    match all_attached(&context).await {
        Ok(attached) => {
            let paths =
                attached.iter().map(|(name, path)| (name.to_owned(), path.display().to_string().into()));
            json(&request, &paths.collect::<Map<_, _>>().into())
        }
        Err(response) => response,
    }
}
