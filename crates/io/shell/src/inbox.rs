//! How everybody else comes to a shell: with questions about its core, and with calls that wait for an answer.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tepui_model::{ConnectionId, Tick};
use tepui_transport::Response;
use tepui_wire_mesos::ContentType;
use tokio::sync::{mpsc, oneshot};

use crate::Caller;

type Ask<C> = Box<dyn FnOnce(&C, Tick) + Send>;

/// A question about a core, which is not changed by it.
pub struct Question<C>(Ask<C>);

impl<C> fmt::Debug for Question<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question")
    }
}

impl<C> Question<C> {
    /// A question, and where its answer comes. Nothing is looked up for somebody who waits no more.
    pub fn new<T: Send + 'static>(
        ask: impl FnOnce(&C, Tick) -> T + Send + 'static,
    ) -> (Self, oneshot::Receiver<T>) {
        let (answer, answered) = oneshot::channel();
        let ask: Ask<C> = Box::new(move |core, now| {
            if !answer.is_closed() {
                // Whoever asked may go at any moment.
                let _ = answer.send(ask(core, now));
            }
        });
        (Self(ask), answered)
    }

    /// Answers it.
    pub fn answer(self, core: &C, now: Tick) {
        (self.0)(core, now);
    }
}

/// The other side of a call or an event stream has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone(pub ConnectionId);

/// The way to a shell for everybody else: its queue. Clones share it.
pub struct Inbox<I> {
    queue: mpsc::Sender<I>,
    connections: Arc<AtomicU64>,
}

impl<I> Clone for Inbox<I> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), connections: self.connections.clone() }
    }
}

impl<I> fmt::Debug for Inbox<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

impl<I: Send + 'static> Inbox<I> {
    /// An inbox in which this many inputs may wait; more wait where they come from.
    pub fn new(room: usize) -> (Self, mpsc::Receiver<I>) {
        let (queue, inputs) = mpsc::channel(room);
        (Self { queue, connections: Arc::default() }, inputs)
    }

    /// The queue itself, which this does not keep open.
    pub fn downgrade(&self) -> mpsc::WeakSender<I> {
        self.queue.downgrade()
    }

    /// Puts something before the shell. False: it is gone.
    pub async fn tell(&self, input: I) -> bool {
        self.queue.send(input).await.is_ok()
    }

    /// Asks about the core; `None` when the shell is gone.
    pub async fn ask<C, T>(&self, ask: impl FnOnce(&C, Tick) -> T + Send + 'static) -> Option<T>
    where
        I: From<Question<C>>,
        T: Send + 'static,
    {
        let (question, answered) = Question::new(ask);
        self.queue.send(question.into()).await.ok()?;
        answered.await.ok()
    }

    /// Has a call answered; `None` when the shell is gone. If the caller goes before that (this is dropped), the shell is
    /// told.
    pub async fn call(
        &self,
        content: ContentType,
        input: impl FnOnce(ConnectionId, Caller) -> I,
    ) -> Option<Response>
    where
        I: From<Gone>,
    {
        let from = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        let mut leaving = Leaving { queue: None, from };
        self.queue.send(input(from, Caller { answer, content })).await.ok()?;
        leaving.queue = Some(self.queue.clone());
        let answer = answered.await;
        leaving.queue = None;
        answer.ok()
    }
}

/// Tells the shell, when dropped, that a caller has gone.
struct Leaving<I: From<Gone> + Send + 'static> {
    queue: Option<mpsc::Sender<I>>,
    from: ConnectionId,
}

impl<I: From<Gone> + Send + 'static> Drop for Leaving<I> {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else { return };
        let from = self.from;
        // A drop happens within the runtime, unless the runtime itself is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { queue.send(Gone(from).into()).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Input {
        Question(Question<u32>),
        Call(ConnectionId, Caller),
        Gone(ConnectionId),
    }

    impl From<Question<u32>> for Input {
        fn from(question: Question<u32>) -> Self {
            Self::Question(question)
        }
    }

    impl From<Gone> for Input {
        fn from(Gone(connection): Gone) -> Self {
            Self::Gone(connection)
        }
    }

    #[tokio::test]
    async fn questions_are_answered_for_those_who_wait() {
        let (inbox, mut inputs) = Inbox::<Input>::new(1);
        let asking = tokio::spawn(async move { inbox.ask(|core: &u32, _| core + 1).await });
        let Some(Input::Question(question)) = inputs.recv().await else { panic!("no question") };
        question.answer(&41, Tick::ZERO);
        assert_eq!(asking.await.unwrap(), Some(42));
    }

    #[test]
    fn nothing_is_looked_up_for_those_who_have_gone() {
        let (question, answered) = Question::new(|_: &u32, _| panic!("it was looked up"));
        drop(answered);
        question.answer(&1, Tick::ZERO);
    }

    #[tokio::test]
    async fn who_comes_to_a_shell_that_is_gone_is_told() {
        let (inbox, inputs) = Inbox::<Input>::new(1);
        drop(inputs);
        assert_eq!(inbox.ask(|core: &u32, _| *core).await, None);
        assert!(inbox.call(ContentType::Json, Input::Call).await.is_none());
        assert!(!inbox.tell(Gone(ConnectionId(1)).into()).await);
    }

    #[tokio::test]
    async fn a_caller_who_goes_is_noticed_and_one_who_was_answered_is_not_missed() {
        let (inbox, mut inputs) = Inbox::<Input>::new(1);
        let calling = tokio::spawn({
            let inbox = inbox.clone();
            async move { inbox.call(ContentType::Json, Input::Call).await }
        });
        let Some(Input::Call(first, _caller)) = inputs.recv().await else { panic!("no call") };
        calling.abort();
        let Some(Input::Gone(gone)) = inputs.recv().await else { panic!("nobody noticed") };
        assert_eq!(gone, first);

        let calling = tokio::spawn(async move { inbox.call(ContentType::Json, Input::Call).await });
        let Some(Input::Call(second, caller)) = inputs.recv().await else { panic!("no call") };
        assert_ne!(first, second);
        caller.answer(Response::accepted());
        assert!(calling.await.unwrap().is_some());
        assert!(inputs.recv().await.is_none(), "the queue is closed without another word");
    }
}
