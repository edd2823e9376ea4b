//! `/files/browse`, `/files/read`, `/files/download`, `/files/debug`.

use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tepui_transport::{
    Request, Response,
    legacy::{put, to_bytes},
};

use super::{
    Context,
    operator::{blocking, refusal},
};
use crate::files::{self, Attached};

/// What can be read at this moment: the sandboxes of all executors that are remembered, and the log.
pub(super) async fn attached(context: &Context) -> Result<Attached, Response> {
    let snapshot = context.snapshot().await?;
    let mut attached = Attached::default();
    if let Some(log) = &context.shared.log_file {
        attached.add("/slave/log", log.clone());
    }
    for framework in snapshot.frameworks.iter().chain(snapshot.completed_frameworks.iter().map(AsRef::as_ref))
    {
        let id = framework.info.id.as_ref().map_or("", |id| id.value.as_str());
        // The live ones last: their runs are the latest.
        for executor in framework.completed_executors.iter().chain(&framework.executors) {
            let directory = std::path::PathBuf::from(&executor.directory);
            let name = &executor.info.executor_id.value;
            attached.add(format!("/frameworks/{id}/executors/{name}/runs/latest"), directory.clone());
            attached.add(executor.directory.clone(), directory);
        }
    }
    Ok(attached)
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
        let attached = attached(&context).await?;
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
        let attached = attached(&context).await?;
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
        let attached = attached(&context).await?;
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
    match attached(&context).await {
        Ok(attached) => {
            let paths =
                attached.iter().map(|(name, path)| (name.to_owned(), path.display().to_string().into()));
            json(&request, &paths.collect::<Map<_, _>>().into())
        }
        Err(response) => response,
    }
}
