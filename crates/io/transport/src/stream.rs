//! The body of an event stream: a bounded queue between the one who has news and the one who reads them.
//!
//! The queue never blocks its writer. A reader that is too slow loses its stream, with an error in the log;
//! it never costs more memory than the bound.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::Notify;
use tracing::error;

/// How much may wait for a reader before it loses its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimit {
    /// Chunks waiting.
    pub chunks: usize,
    /// Bytes waiting. One chunk may be larger, if nothing else waits: a snapshot of a large cluster is one record.
    pub bytes: usize,
}

impl Default for StreamLimit {
    /// Room for the answer to a reconciliation of half a million tasks.
    fn default() -> Self {
        Self { chunks: 1_000_000, bytes: 256 << 20 }
    }
}

/// Why a chunk was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The reader was too slow; its stream has just been closed.
    #[error("the reader of the event stream is too slow")]
    Full,
    /// The stream was closed before.
    #[error("the event stream is closed")]
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Both ends are there.
    Open,
    /// The writer is done: what waits is still sent, then the last chunk.
    Finished,
    /// One end has given up: nothing more is sent.
    Broken,
}

struct Queue {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    state: State,
}

struct Shared {
    queue: Mutex<Queue>,
    limit: StreamLimit,
    senders: AtomicUsize,
    /// News for the reading end: a chunk, the end, or the break.
    ready: Notify,
    /// News for the writing end: the stream is broken.
    gone: Notify,
    /// News for the writing end: something was taken out, or the stream has ended.
    taken: Notify,
    label: String,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn broken(&self) {
        loop {
            let gone = self.gone.notified();
            tokio::pin!(gone);
            // Armed before the look, so that a break in between is not missed.
            gone.as_mut().enable();
            if self.queue().state == State::Broken {
                return;
            }
            gone.await;
        }
    }

    fn end(&self, state: State) {
        let mut queue = self.queue();
        match (queue.state, state) {
            (State::Broken, _) | (State::Finished, State::Finished) => return,
            _ => queue.state = state,
        }
        if state == State::Broken {
            queue.chunks = VecDeque::new();
            queue.bytes = 0;
        }
        drop(queue);
        self.ready.notify_one();
        self.taken.notify_waiters();
        if state == State::Broken {
            self.gone.notify_waiters();
        }
    }
}

/// Makes a stream. `label` says in the log whose it is.
pub fn stream(label: impl Into<String>, limit: StreamLimit) -> (StreamSender, StreamBody) {
    let shared = Arc::new(Shared {
        queue: Mutex::new(Queue { chunks: VecDeque::new(), bytes: 0, state: State::Open }),
        limit,
        senders: AtomicUsize::new(1),
        ready: Notify::new(),
        gone: Notify::new(),
        taken: Notify::new(),
        label: label.into(),
    });
    (StreamSender { shared: shared.clone() }, StreamBody { shared })
}

/// The writing end. When the last clone is dropped, the stream ends as it should, with its last chunk.
pub struct StreamSender {
    shared: Arc<Shared>,
}

impl StreamSender {
    /// Puts one chunk behind those that wait; it becomes one HTTP chunk. Never waits.
    ///
    /// # Errors
    /// [`StreamError::Full`] closes the stream and logs it; [`StreamError::Closed`] if it was closed before.
    pub fn try_send(&self, chunk: Bytes) -> Result<(), StreamError> {
        if chunk.is_empty() {
            // An empty chunk is how HTTP says that the body ends.
            return Ok(());
        }
        let mut queue = self.shared.queue();
        if queue.state != State::Open {
            return Err(StreamError::Closed);
        }
        let limit = self.shared.limit;
        let too_much = queue.bytes.saturating_add(chunk.len()) > limit.bytes && queue.bytes > 0;
        if too_much || queue.chunks.len() >= limit.chunks {
            let (chunks, bytes) = (queue.chunks.len(), queue.bytes);
            drop(queue);
            self.shared.end(State::Broken);
            error!(
                stream = self.shared.label,
                chunks, bytes, "closing an event stream: its reader does not keep up"
            );
            return Err(StreamError::Full);
        }
        queue.bytes += chunk.len();
        let first = queue.chunks.is_empty();
        queue.chunks.push_back(chunk);
        drop(queue);
        if first {
            self.shared.ready.notify_one();
        }
        Ok(())
    }

    /// Frames `record` as RecordIO and sends it as one chunk.
    ///
    /// # Errors
    /// As [`Self::try_send`].
    pub fn try_send_record(&self, record: &[u8]) -> Result<(), StreamError> {
        self.try_send(tepui_wire_recordio::encode(record))
    }

    /// Waits until no more than half of what may wait does, or the stream has ended. A writer that does this before
    /// each small chunk never loses its reader.
    pub async fn room(&self) {
        loop {
            let taken = self.shared.taken.notified();
            tokio::pin!(taken);
            // Armed before the look, so that what is taken in between is not missed.
            taken.as_mut().enable();
            {
                let (queue, limit) = (self.shared.queue(), self.shared.limit);
                let room = queue.bytes <= limit.bytes / 2 && queue.chunks.len() <= limit.chunks / 2;
                if room || queue.state != State::Open {
                    return;
                }
            }
            taken.await;
        }
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.shared.queue().state == State::Broken
    }

    /// Waits until the reader is gone: it went away, was too slow, has read everything, or the server stops.
    pub async fn closed(&self) {
        self.shared.broken().await;
    }

    /// Something that waits for the reader to go without keeping the stream open.
    pub fn watch(&self) -> StreamWatch {
        StreamWatch { shared: self.shared.clone() }
    }

    /// Ends the stream: what waits is still sent, then the last chunk.
    pub fn finish(&self) {
        self.shared.end(State::Finished);
    }

    /// Breaks the stream: nothing more is sent, and the connection is closed.
    pub fn abort(&self) {
        self.shared.end(State::Broken);
    }
}

impl Clone for StreamSender {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: self.shared.clone() }
    }
}

impl Drop for StreamSender {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish();
        }
    }
}

impl fmt::Debug for StreamSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").field("label", &self.shared.label).finish_non_exhaustive()
    }
}

/// Waits for the end of a stream; see [`StreamSender::watch`].
pub struct StreamWatch {
    shared: Arc<Shared>,
}

impl StreamWatch {
    /// As [`StreamSender::closed`].
    pub async fn closed(&self) {
        self.shared.broken().await;
    }
}

impl fmt::Debug for StreamWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWatch").field("label", &self.shared.label).finish_non_exhaustive()
    }
}

/// What the reading end found.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Chunks, in order.
    Chunks(Vec<Bytes>),
    /// The writer is done, and everything was handed out.
    Finished,
    /// The stream was broken.
    Broken,
}

/// The reading end: what the server sends. Dropping it tells the writer.
pub struct StreamBody {
    shared: Arc<Shared>,
}

impl StreamBody {
    /// Waits for what is next: at most about `bytes` bytes of chunks at once.
    ///
    /// Nothing is lost when this is dropped half-way.
    pub async fn next(&mut self, bytes: usize) -> Next {
        loop {
            {
                let mut queue = self.shared.queue();
                if queue.state == State::Broken {
                    return Next::Broken;
                }
                if !queue.chunks.is_empty() {
                    let mut chunks = Vec::new();
                    let mut taken = 0;
                    while taken < bytes
                        && let Some(chunk) = queue.chunks.pop_front()
                    {
                        taken += chunk.len();
                        chunks.push(chunk);
                    }
                    queue.bytes -= taken;
                    self.shared.taken.notify_waiters();
                    if !queue.chunks.is_empty() {
                        self.shared.ready.notify_one();
                    }
                    return Next::Chunks(chunks);
                }
                if queue.state == State::Finished {
                    return Next::Finished;
                }
            }
            self.shared.ready.notified().await;
        }
    }

    /// Waits until the stream is broken.
    pub async fn broken(&self) {
        self.shared.broken().await;
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.shared.end(State::Broken);
    }
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBody").field("label", &self.shared.label).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(chunks: usize, bytes: usize) -> (StreamSender, StreamBody) {
        stream("test", StreamLimit { chunks, bytes })
    }

    #[tokio::test]
    async fn chunks_come_in_order_and_the_end_comes_last() {
        let (sender, mut body) = small(10, 100);
        sender.try_send(Bytes::from_static(b"one")).unwrap();
        sender.try_send_record(b"two").unwrap();
        drop(sender);
        let chunks = vec![Bytes::from_static(b"one"), Bytes::from_static(b"3\ntwo")];
        assert_eq!(body.next(1000).await, Next::Chunks(chunks));
        assert_eq!(body.next(1000).await, Next::Finished);
    }

    #[tokio::test]
    async fn a_slow_reader_loses_its_stream_and_its_memory() {
        let (sender, mut body) = small(10, 5);
        sender.try_send(Bytes::from_static(b"a record larger than the bound")).unwrap();
        assert_eq!(sender.try_send(Bytes::from_static(b"x")), Err(StreamError::Full));
        assert_eq!(sender.try_send(Bytes::from_static(b"x")), Err(StreamError::Closed));
        sender.closed().await;
        assert_eq!(body.shared.queue().chunks.capacity(), 0);
        assert_eq!(body.next(1000).await, Next::Broken);
    }

    #[tokio::test]
    async fn a_writer_that_waits_for_room_never_loses_its_reader() {
        let (sender, mut body) = small(4, 4);
        let writer = tokio::spawn(async move {
            for _ in 0..100 {
                sender.room().await;
                sender.try_send(Bytes::from_static(b"xy")).unwrap();
            }
        });
        let mut bytes = 0;
        while let Next::Chunks(chunks) = body.next(1).await {
            bytes += chunks.iter().map(Bytes::len).sum::<usize>();
        }
        assert_eq!(bytes, 200);
        writer.await.unwrap();
        let (sender, body) = small(1, 1);
        sender.try_send(Bytes::from_static(b"x")).unwrap();
        drop(body);
        sender.room().await;
    }

    #[tokio::test]
    async fn the_number_of_chunks_is_bounded_too() {
        let (sender, _body) = small(2, 1000);
        sender.try_send(Bytes::from_static(b"1")).unwrap();
        sender.try_send(Bytes::from_static(b"2")).unwrap();
        assert_eq!(sender.try_send(Bytes::from_static(b"3")), Err(StreamError::Full));
    }

    #[tokio::test]
    async fn the_writer_learns_that_the_reader_left() {
        let (sender, body) = small(2, 1000);
        let waiting = tokio::spawn({
            let sender = sender.clone();
            async move { sender.closed().await }
        });
        drop(body);
        waiting.await.unwrap();
        assert_eq!(sender.try_send(Bytes::from_static(b"1")), Err(StreamError::Closed));
    }

    #[tokio::test]
    async fn a_clone_keeps_the_stream_open() {
        let (sender, mut body) = small(2, 1000);
        let clone = sender.clone();
        drop(sender);
        clone.try_send(Bytes::from_static(b"1")).unwrap();
        assert_eq!(body.next(10).await, Next::Chunks(vec![Bytes::from_static(b"1")]));
        drop(clone);
        assert_eq!(body.next(10).await, Next::Finished);
    }
}
