//! What happens to the core, and how the requests get there.

use http::StatusCode;
use tepui_core_master::{Event, Explanation, Master, Snapshot};
use tepui_libprocess::{Exited, IncomingMessage};
use tepui_model::ConnectionId;
use tepui_shell::{Caller, Gone, Inbox, Question};
use tepui_transport::Response;
use tepui_wire_mesos::ContentType;
use tokio::sync::mpsc;

/// Something for the core, or a question about it.
#[derive(Debug)]
pub(crate) enum Input {
    /// A call that is answered to `caller`.
    Call { caller: Caller, from: ConnectionId, event: Event },
    /// A request's or stream's other side has gone.
    Gone(ConnectionId),
    /// Somebody wants to know something.
    Question(Question<Master>),
    /// A libprocess message.
    Message(IncomingMessage),
    /// A linked process has gone.
    Exited(Exited),
}

impl From<Question<Master>> for Input {
    fn from(question: Question<Master>) -> Self {
        Self::Question(question)
    }
}

impl From<Gone> for Input {
    fn from(Gone(connection): Gone) -> Self {
        Self::Gone(connection)
    }
}

/// The way to the core for the HTTP handlers. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Inputs(Inbox<Input>);

/// Calls that may wait for the core. More of them wait on their connections, which are then not read.
const QUEUE_MAX: usize = 4096;

impl Inputs {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Input>) {
        let (inbox, inputs) = Inbox::new(QUEUE_MAX);
        (Self(inbox), inputs)
    }

    /// The queue, which this does not keep open.
    pub(crate) fn downgrade(&self) -> mpsc::WeakSender<Input> {
        self.0.downgrade()
    }

    /// Has the core answer a call, which `event` makes of where it is to be answered. If the caller goes before it is
    /// answered, the core is told.
    pub(crate) async fn ask(
        &self,
        content: ContentType,
        event: impl FnOnce(ConnectionId) -> Event,
    ) -> Response {
        let call = |from, caller| Input::Call { caller, from, event: event(from) };
        let answer = self.0.call(content, call).await;
        answer
            .unwrap_or_else(|| Response::text(StatusCode::SERVICE_UNAVAILABLE, "The master is shutting down"))
    }

    /// The state, for a reader.
    pub(crate) async fn snapshot(&self) -> Option<Snapshot> {
        self.0.ask(|core: &Master, _| core.snapshot()).await
    }

    /// Why the framework, or else the task, called `what` is as it is.
    pub(crate) async fn explain(&self, what: String) -> Option<Explanation> {
        let explain = move |core: &Master, _| core.explain(&what);
        self.0.ask(explain).await?
    }
}
