//! Many queues into one shell.

use std::{
    fmt, future,
    task::{Context, Poll},
};

use tokio::sync::mpsc;

/// A queue, as something that brings inputs.
trait Lane<I>: Send {
    /// The next one; pending for ever when nobody can send any more.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<I>;

    /// One that is here.
    fn take(&mut self) -> Option<I>;
}

struct Queue<T, F> {
    queue: mpsc::Receiver<T>,
    input: F,
}

impl<I, T: Send, F: FnMut(T) -> I + Send> Lane<I> for Queue<T, F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<I> {
        match self.queue.poll_recv(context) {
            Poll::Ready(Some(item)) => Poll::Ready((self.input)(item)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn take(&mut self) -> Option<I> {
        self.queue.try_recv().ok().map(&mut self.input)
    }
}

/// A queue that has its turn.
struct Turn<I> {
    lane: Box<dyn Lane<I>>,
    /// It can be held back.
    yields: bool,
}

/// Bounded queues that are emptied in turns, so that a flood on one of them does not shut out the others; before them come
/// those that do not wait for their turn.
pub struct Lanes<I> {
    urgent: Vec<Box<dyn Lane<I>>>,
    others: Vec<Turn<I>>,
    /// Nothing is taken from the queues that can be held back.
    hold: bool,
    /// Whose turn it is of the others.
    turn: usize,
}

impl<I> Default for Lanes<I> {
    fn default() -> Self {
        Self { urgent: Vec::new(), others: Vec::new(), hold: false, turn: 0 }
    }
}

impl<I> fmt::Debug for Lanes<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lanes({} urgent, {} others)", self.urgent.len(), self.others.len())
    }
}

impl<I: 'static> Lanes<I> {
    /// No queue yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A queue that is emptied before all others that were not named before it: for what others wait for, and what comes
    /// seldom.
    #[must_use]
    pub fn urgent<T: Send + 'static>(
        mut self,
        queue: mpsc::Receiver<T>,
        input: impl FnMut(T) -> I + Send + 'static,
    ) -> Self {
        self.urgent.push(Box::new(Queue { queue, input }));
        self
    }

    /// A queue that has its turn.
    #[must_use]
    pub fn queue<T: Send + 'static>(
        mut self,
        queue: mpsc::Receiver<T>,
        input: impl FnMut(T) -> I + Send + 'static,
    ) -> Self {
        self.others.push(Turn { lane: Box::new(Queue { queue, input }), yields: false });
        self
    }

    /// A queue that has its turn, unless it is [held back](Self::hold).
    #[must_use]
    pub fn yielding<T: Send + 'static>(
        mut self,
        queue: mpsc::Receiver<T>,
        input: impl FnMut(T) -> I + Send + 'static,
    ) -> Self {
        self.others.push(Turn { lane: Box::new(Queue { queue, input }), yields: true });
        self
    }

    /// Leaves what is in the yielding queues where it is, or takes it again: who fills them waits meanwhile.
    pub const fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// The next input; waits for ever when nobody can send any more. Nothing is lost when this is dropped half-way.
    pub async fn next(&mut self) -> I {
        future::poll_fn(|context| {
            self.find(|lane| match lane.poll(context) {
                Poll::Ready(input) => Some(input),
                Poll::Pending => None,
            })
            .map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// An input that is here.
    pub fn next_now(&mut self) -> Option<I> {
        self.find(|lane| lane.take())
    }

    fn find(&mut self, mut take: impl FnMut(&mut dyn Lane<I>) -> Option<I>) -> Option<I> {
        for lane in &mut self.urgent {
            if let Some(input) = take(lane.as_mut()) {
                return Some(input);
            }
        }
        let count = self.others.len();
        for offset in 0..count {
            let at = (self.turn + offset) % count;
            let other = self.others.get_mut(at).filter(|other| !(self.hold && other.yields));
            if let Some(input) = other.and_then(|other| take(other.lane.as_mut())) {
                self.turn = at + 1;
                return Some(input);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_shuts_nobody_out_and_what_is_urgent_comes_first() {
        let (flood, flooded) = mpsc::channel(100);
        let (seldom, seldom_queue) = mpsc::channel(100);
        let (urgent, urgent_queue) = mpsc::channel(100);
        let mut lanes = Lanes::new()
            .urgent(urgent_queue, |number: u32| format!("urgent {number}"))
            .queue(flooded, |number: u32| format!("flood {number}"))
            .queue(seldom_queue, |number: u32| format!("seldom {number}"));
        assert_eq!(lanes.next_now(), None);
        for number in 0..3 {
            flood.try_send(number).unwrap();
        }
        seldom.try_send(0).unwrap();
        urgent.try_send(0).unwrap();
        let mut order = vec![lanes.next().await];
        order.extend(std::iter::from_fn(|| lanes.next_now()));
        assert_eq!(order, ["urgent 0", "flood 0", "seldom 0", "flood 1", "flood 2"]);
    }

    #[tokio::test]
    async fn what_is_held_back_is_not_lost() {
        let (sender, queue) = mpsc::channel::<u32>(1);
        let (other, others) = mpsc::channel::<u32>(1);
        let mut lanes = Lanes::new().yielding(queue, |number| number).queue(others, |number| number);
        lanes.hold(true);
        sender.try_send(1).unwrap();
        assert_eq!(lanes.next_now(), None);
        other.try_send(2).unwrap();
        assert_eq!(lanes.next().await, 2);
        lanes.hold(false);
        assert_eq!(lanes.next().await, 1);
    }

    #[tokio::test]
    async fn a_queue_without_senders_ends_nothing() {
        let (sender, queue) = mpsc::channel::<u32>(1);
        let (gone, empty) = mpsc::channel::<u32>(1);
        drop(gone);
        let mut lanes = Lanes::new().queue(empty, |number| number).queue(queue, |number| number);
        let sending = tokio::spawn(async move { sender.send(7).await });
        assert_eq!(lanes.next().await, 7);
        sending.await.unwrap().unwrap();
    }
}
