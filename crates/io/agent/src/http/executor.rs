//! `POST /api/v1/executor`.

use http::StatusCode;
use tepui_transport::{
    Request, Response,
    negotiate::{self, Api},
};
use tepui_wire_mesos::{ContentType, v1::executor};
use tokio::sync::oneshot;

use super::Context;
use crate::shell::{Call, Input};

/// Reads the call and lets the core answer it.
pub(super) async fn call(context: Context, request: Request) -> Response {
    let (call, accept) = match read(&request) {
        Ok(read) => read,
        Err(refusal) => return refusal,
    };
    let (answer, response) = oneshot::channel();
    let gone = || Response::plain_status(StatusCode::SERVICE_UNAVAILABLE);
    if !context.tell(Input::Call(Box::new(Call { call, accept, answer }))).await {
        return gone();
    }
    response.await.unwrap_or_else(|_| gone())
}

#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn read(request: &Request) -> Result<(executor::Call, ContentType), Response> {
    let content = negotiate::content_type(Api::Executor, &request.headers)?.content();
    let call: executor::Call =
        content.decode(request.body.clone()).map_err(|error| Response::bad_request(error.to_string()))?;
    // Only a stream has an encoding of its own to be asked for.
    let accept = if call.r#type == Some(executor::call::Type::Subscribe.into()) {
        negotiate::accept(Api::Executor, &request.headers)?.content()
    } else {
        content
    };
    Ok((call, accept))
}
