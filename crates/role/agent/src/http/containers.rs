//! Operators' calls about containers: launch, wait, kill, remove, and being attached.

use http::StatusCode;
use tepui_core_agent::ContainerCall;
use tepui_transport::{Request, Response, UploadError, UploadRecords, negotiate::Media};
use tepui_wire_mesos::{
    ContentType,
    v1::agent::{
        Call, ProcessIo,
        call::{Type, attach_container_input},
    },
};
use tokio::sync::oneshot;

use super::{
    Context,
    operator::{invalid, validate},
};
use crate::{
    shell::Input,
    switchboard::{self, InputError},
};

/// What a call is answered with that asks for a stream where there is none.
pub(super) fn no_stream(kind: Type) -> Response {
    let text = format!("Streaming response is not supported for {} call", kind.as_str_name());
    Response::text(StatusCode::NOT_ACCEPTABLE, text)
}

/// Answers a call whose body is one message.
pub(super) async fn call(
    context: &Context,
    kind: Type,
    call: Call,
    accept: Media,
) -> Result<Response, Response> {
    let Some(call) = ContainerCall::read(call).map_err(invalid)? else {
        return Err(Response::plain_status(StatusCode::NOT_IMPLEMENTED));
    };
    let streams = matches!(kind, Type::LaunchNestedContainerSession | Type::AttachContainerOutput);
    match accept {
        Media::RecordIo(_) if !streams => return Err(no_stream(kind)),
        Media::Message(_) if streams => {
            let text = "Expecting 'Accept' to allow application/recordio";
            return Err(Response::text(StatusCode::NOT_ACCEPTABLE, text));
        }
        _ => {}
    }
    if kind == Type::AttachContainerInput {
        let text = "Expecting 'Content-Type' of application/recordio";
        return Err(Response::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let input = |from, caller| Input::Container { from, caller, call, attach: None };
    Ok(context.call(accept.content(), input).await)
}

/// Longest record that is taken, in bytes.
const RECORD_MAX: usize = 1 << 20;

/// Answers a call whose body is a stream of records: the first says into which container the others go.
pub(super) async fn input(
    context: &Context,
    request: &Request,
    content: ContentType,
    accept: Media,
) -> Result<Response, Response> {
    let mut records = request.upload.clone().ok_or_else(no_record)?.records(RECORD_MAX);
    let first = records.next().await.map_err(broken)?.ok_or_else(no_record)?;
    let call: Call = content.decode(first).map_err(|error| Response::bad_request(error.agent_text()))?;
    let kind = validate(&call).map_err(invalid)?;
    if kind != Type::AttachContainerInput {
        let text = format!(
            "Streaming 'Content-Type' application/recordio is not supported for {} call",
            kind.as_str_name()
        );
        return Err(Response::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let Some(call) = ContainerCall::read(call).map_err(invalid)? else { return Err(no_record()) };
    if matches!(accept, Media::RecordIo(_)) {
        return Err(no_stream(kind));
    }
    let (attach, mut attached) = oneshot::channel();
    let input = |from, caller| Input::Container { from, caller, call, attach: Some(attach) };
    let response = context.call(accept.content(), input).await;
    match attached.try_recv() {
        Ok(input) => pour(input, records, content).await,
        Err(_) => Ok(response),
    }
}

/// Hands everything that comes on to the container, until either has ended.
async fn pour(
    mut input: switchboard::Input,
    mut records: UploadRecords,
    content: ContentType,
) -> Result<Response, Response> {
    let ended = input.until_ended();
    tokio::pin!(ended);
    loop {
        let record = tokio::select! {
            record = records.next() => record.map_err(broken)?,
            () = &mut ended => return Ok(Response::new(StatusCode::OK)),
        };
        let Some(record) = record else { return Ok(Response::new(StatusCode::OK)) };
        let call: Call = content.decode(record).map_err(|error| Response::bad_request(error.agent_text()))?;
        match input.take(process_io(call)?).await {
            Ok(()) => {}
            Err(InputError::Gone) => {
                // It may have closed its input and still run: what comes is of no interest any more.
                while let Ok(Some(_)) = records.next().await {}
                return Ok(Response::new(StatusCode::OK));
            }
            Err(InputError::Invalid(words)) => return Err(Response::bad_request(words)),
        }
    }
}

#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn process_io(call: Call) -> Result<ProcessIo, Response> {
    let absent = |field: &str| invalid(format!("Expecting '{field}' to be present"));
    let attach = call.attach_container_input.ok_or_else(|| absent("attach_container_input"))?;
    if attach.r#type != Some(attach_container_input::Type::ProcessIo.into()) {
        let text = "Received 'attach_container_input' of type other than PROCESS_IO after the first record";
        return Err(Response::bad_request(text));
    }
    attach.process_io.ok_or_else(|| absent("attach_container_input.process_io"))
}

fn no_record() -> Response {
    Response::bad_request("Received EOF while reading request body")
}

fn broken(error: UploadError) -> Response {
    Response::bad_request(error.to_string())
}
