//! `/api/v1/scheduler`.

use std::sync::Arc;

use tepui_core_master::Event;
use tepui_model::Caller;
use tepui_transport::{
    Request, Response,
    negotiate::{self, Api},
};
use tepui_wire_mesos::{
    ContentType,
    v1::scheduler::{Call, call::Type},
};

use crate::routes::Context;

/// A scheduler's call. What is wrong with its encoding is said here, at once so that what waits is small; what is wrong
/// with its meaning is said by the core.
pub(crate) fn call(context: Arc<Context>, request: Request) -> impl Future<Output = Response> + Send {
    let read = read(&request);
    let stream_id = request.stream_id().map(str::to_owned);
    async move {
        let (call, accepted) = match read {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        let event = |connection| {
            let caller = Caller { connection, stream_id, principal: None };
            Event::SchedulerCall { caller, call }
        };
        context.inputs.ask(accepted, event).await
    }
}

#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn read(request: &Request) -> Result<(Box<Call>, ContentType), Response> {
    let content = negotiate::content_type(Api::Scheduler, &request.headers)?.content();
    let call: Box<Call> = content
        .decode(request.body.clone())
        .map(Box::new)
        .map_err(|error| Response::bad_request(error.to_string()))?;
    // Only the answer to SUBSCRIBE has a body worth negotiating.
    let accepted = if call.r#type == Some(Type::Subscribe as i32) {
        negotiate::accept(Api::Scheduler, &request.headers)?.content()
    } else {
        ContentType::Json
    };
    Ok((call, accepted))
}
