//! What happens to the core, and how the requests get there.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::StatusCode;
use tepui_core_master::{Event, Explanation, Snapshot};
use tepui_model::ConnectionId;
use tepui_transport::Response;
use tepui_wire_mesos::ContentType;
use tokio::sync::{mpsc, oneshot};

/// Who waits for the answer to a call, and in which encoding an event stream would be.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) answer: oneshot::Sender<Response>,
    pub(crate) content: ContentType,
}

/// Something for the core, or a question to it, that came over HTTP.
#[derive(Debug)]
pub(crate) enum Input {
    /// A call that is answered to `waiter`.
    Call { waiter: Waiter, from: ConnectionId, event: Event },
    /// A request's or stream's other side has gone.
    Closed(ConnectionId),
    /// Somebody wants to read.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Somebody wants to know why a framework or a task is as it is; nothing if there is none of that id.
    Explain { what: String, answer: oneshot::Sender<Option<Explanation>> },
}

/// The way to the core for the HTTP handlers. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    queue: mpsc::Sender<Input>,
    connections: Arc<AtomicU64>,
}

/// Calls that may wait for the core. More of them wait on their connections, which are then not read.
const QUEUE_MAX: usize = 4096;

impl Inputs {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Input>) {
        let (queue, inputs) = mpsc::channel(QUEUE_MAX);
        (Self { queue, connections: Arc::default() }, inputs)
    }

    /// Has the core answer a call, which `event` makes of where it is to be answered. If the caller goes before it is
    /// answered, the core is told.
    pub(crate) async fn ask(
        &self,
        content: ContentType,
        event: impl FnOnce(ConnectionId) -> Event,
    ) -> Response {
        let from = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        let mut gone = Gone { queue: Some(self.queue.clone()), from };
        let stopping = || Response::text(StatusCode::SERVICE_UNAVAILABLE, "The master is shutting down");
        let input = Input::Call { waiter: Waiter { answer, content }, from, event: event(from) };
        if self.queue.send(input).await.is_err() {
            gone.queue = None;
            return stopping();
        }
        let answer = answered.await;
        gone.queue = None;
        answer.unwrap_or_else(|_| stopping())
    }

    /// The state, for a reader.
    pub(crate) async fn snapshot(&self) -> Option<Snapshot> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Input::Snapshot(answer)).await.ok()?;
        answered.await.ok()
    }

    /// Why the framework, or else the task, called `what` is as it is.
    pub(crate) async fn explain(&self, what: String) -> Option<Explanation> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Input::Explain { what, answer }).await.ok()?;
        answered.await.ok()?
    }

    /// Reports the end of a stream.
    pub(crate) async fn closed(&self, connection: ConnectionId) {
        // If the core is gone, it does not matter to it.
        let _ = self.queue.send(Input::Closed(connection)).await;
    }
}

/// Tells the core, when dropped, that a request's other side has gone.
struct Gone {
    queue: Option<mpsc::Sender<Input>>,
    from: ConnectionId,
}

impl Drop for Gone {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else { return };
        let from = self.from;
        // A drop happens within the runtime, unless the runtime itself is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { queue.send(Input::Closed(from)).await });
        }
    }
}
