//! `/api/v1/scheduler`.

use std::sync::Arc;

use tepui_transport::{
    Request, Response,
    negotiate::{self, Api},
};
use tepui_wire_mesos::{
    ContentType,
    v1::scheduler::{Call, call::Type},
};

use crate::{inputs::Input, routes::Context};

/// A scheduler's call. What is wrong with its encoding is said here, what is wrong with its meaning by the core.
pub(crate) async fn call(context: Arc<Context>, request: Request) -> Response {
    let content = match negotiate::content_type(Api::Scheduler, &request.headers) {
        Ok(media) => media.content(),
        Err(refusal) => return refusal,
    };
    let call: Call = match content.decode(request.body.clone()) {
        Ok(call) => call,
        Err(error) => return Response::bad_request(error.to_string()),
    };
    // Only the answer to SUBSCRIBE has a body worth negotiating.
    let accepted = if call.r#type == Some(Type::Subscribe as i32) {
        match negotiate::accept(Api::Scheduler, &request.headers) {
            Ok(media) => media.content(),
            Err(refusal) => return refusal,
        }
    } else {
        ContentType::Json
    };
    let stream_id = request.stream_id().map(str::to_owned);
    let call = Box::new(call);
    context
        .inputs
        .ask(accepted, |from, waiter| Input::Scheduler { from, waiter, stream_id, principal: None, call })
        .await
}
