//! Between a driver's shell and its user: what was decided for him, and the end.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, PoisonError},
};

use tokio::sync::{mpsc, watch};

/// What a core has decided and the user has not taken yet. The user's queue is bounded; what does not fit in
/// waits here, and whoever fills it looks at [`has_room`](Self::has_room) before he takes more from his peer.
#[derive(Debug)]
pub struct Backlog<T> {
    queue: mpsc::Sender<T>,
    waiting: VecDeque<T>,
}

impl<T> Backlog<T> {
    /// How much may wait before the peer is not read any further.
    const MAX: usize = 256;

    /// Before this queue.
    pub const fn new(queue: mpsc::Sender<T>) -> Self {
        Self { queue, waiting: VecDeque::new() }
    }

    /// Adds something behind all others.
    pub fn push(&mut self, item: T) {
        self.waiting.push_back(item);
    }

    /// Whether more may be taken from the peer.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < Self::MAX
    }

    /// Moves what it can into the queue. Answers whether all is there (or nobody listens).
    pub fn flush(&mut self) -> bool {
        while let Some(item) = self.waiting.pop_front() {
            match self.queue.try_send(item) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(item)) => {
                    self.waiting.push_front(item);
                    return false;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
        true
    }

    /// Waits until [`flush`](Self::flush) has something to do.
    pub async fn room(&self) {
        // An error means that nobody listens; `flush` sees that, too.
        let _ = self.queue.reserve().await;
    }
}

/// The end of something, to be waited for with and without a runtime.
#[derive(Debug)]
pub struct Ended {
    told: watch::Sender<bool>,
    blocking: (Mutex<bool>, Condvar),
}

impl Default for Ended {
    fn default() -> Self {
        Self { told: watch::Sender::new(false), blocking: (Mutex::new(false), Condvar::new()) }
    }
}

impl Ended {
    /// It has ended.
    pub fn set(&self) {
        *self.blocking.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.blocking.1.notify_all();
        self.told.send_replace(true);
    }

    /// Waits for it, blocking the thread.
    pub fn wait_blocking(&self) {
        let (ended, changed) = &self.blocking;
        let guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(guard, |ended| !*ended).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for it.
    pub async fn wait(&self) {
        // Cannot fail: the sender is in `self`.
        let _ = self.told.subscribe().wait_for(|ended| *ended).await;
    }
}
