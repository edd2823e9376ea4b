//! The receiving side: messages go to the inboxes of their processes, other requests to another handler.

use std::{fmt, sync::Arc};

use http::StatusCode;
use tepui_transport::{Answer, Handler, Request, Response};
use tepui_wire_libprocess::{Incoming, Refusal, Upid, recognise, sender_field};
use tepui_wire_mesos::Message;
use tokio::sync::mpsc;
use tracing::warn;

/// A message that has arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingMessage {
    /// Who sent it, as it says itself. Answers go to this address on a connection of our own.
    pub from: Upid,
    /// The process it is for: `master`, `slave(1)`, ...
    pub to: String,
    /// What it says.
    pub message: Message,
}

/// Puts messages into the inboxes of the processes that they are for, and has everything else handled by another.
///
/// When an inbox is full, the connection that the message came on is not read any further until there is room.
pub struct Messages<F> {
    inbox: F,
    others: Arc<dyn Handler>,
}

impl<F> fmt::Debug for Messages<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages")
    }
}

impl<F> Messages<F>
where
    F: Fn(&str) -> Option<mpsc::Sender<IncomingMessage>> + Send + Sync + 'static,
{
    /// `inbox` knows where the messages for a process go, by its id; `None` if there is no such process (404).
    /// `others` has the requests that are no messages.
    pub fn new(inbox: F, others: Arc<dyn Handler>) -> Self {
        Self { inbox, others }
    }
}

impl<F> Handler for Messages<F>
where
    F: Fn(&str) -> Option<mpsc::Sender<IncomingMessage>> + Send + Sync + 'static,
{
    fn handle(&self, request: Request) -> Answer {
        self.others.handle(request)
    }

    fn is_message(&self, head: &Request) -> bool {
        sender_field(head.method.as_str(), fields(head)).is_some()
    }

    fn receive(&self, message: Request) -> Answer {
        let answer = |refusal| -> Answer { Box::pin(std::future::ready(refused(&refusal))) };
        let Incoming { sender, target, name } =
            match recognise(message.method.as_str(), &message.path, fields(&message)) {
                Ok(Some(incoming)) => incoming,
                Ok(None) => return self.others.handle(message),
                Err(refusal) => return answer(refusal),
            };
        match (self.inbox)(&target) {
            Some(inbox) => Box::pin(deliver(inbox, sender, target, name, message)),
            None => answer(Refusal::NoProcess(target)),
        }
    }
}

fn fields(request: &Request) -> impl Iterator<Item = (&str, &[u8])> {
    request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// A message that does not decode is dropped with a word in the log; its sender gets the same 202 as for any other.
async fn deliver(
    inbox: mpsc::Sender<IncomingMessage>,
    from: Upid,
    to: String,
    name: String,
    request: Request,
) -> Response {
    match Message::decode(&name, request.body) {
        Ok(message) => {
            if let Err(unsent) = inbox.send(IncomingMessage { from, to, message }).await {
                return refused(&Refusal::NoProcess(unsent.0.to));
            }
        }
        Err(error) => warn!(%from, to, %error, "dropping a message"),
    }
    Response::accepted()
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::NOT_FOUND {
        return Response::not_found();
    }
    Response::text(status, refusal.to_string())
}
