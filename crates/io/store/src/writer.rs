//! Writes on a thread of their own: what is queued becomes one transaction.

use std::{sync::Arc, thread};

use tepui_core_kit::Write;
use tokio::sync::mpsc;
use tracing::error;

use crate::{Store, StoreError};

/// Writes that may wait. Who writes more waits for the disk.
const QUEUE_MAX: usize = 1024;

/// The writing side of a store, for one term.
///
/// Writes become durable in the order in which they were given. The token of each write is reported once it is
/// durable. After the first failure nothing more is written: the failure is reported and the channel ends, since a
/// leader that cannot write must not go on.
#[derive(Clone, Debug)]
pub struct Writer<T> {
    queue: mpsc::Sender<(T, Vec<Write>)>,
}

impl<T: Send + 'static> Writer<T> {
    /// Starts the thread, which ends with the last clone of the writer, or when the reports are no longer read.
    /// It lets go of the store before the channel of the reports ends.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when there is no thread to be had.
    pub fn start(
        store: Arc<dyn Store>,
        term: u64,
    ) -> Result<(Self, mpsc::Receiver<Result<T, StoreError>>), StoreError> {
        let (queue, writes) = mpsc::channel(QUEUE_MAX);
        let (reports, durable) = mpsc::channel(QUEUE_MAX);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                work(store.as_ref(), term, writes, &reports);
                // The store first: whoever sees the channel end may open its file again.
                drop(store);
                drop(reports);
            })
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok((Self { queue }, durable))
    }

    /// Queues a write; waits only if very many are queued already.
    ///
    /// # Errors
    /// [`StoreError::Closed`] after a failure.
    pub async fn write(&self, token: T, writes: Vec<Write>) -> Result<(), StoreError> {
        self.queue.send((token, writes)).await.map_err(|_| StoreError::Closed)
    }
}

fn work<T>(
    store: &dyn Store,
    term: u64,
    mut queue: mpsc::Receiver<(T, Vec<Write>)>,
    reports: &mpsc::Sender<Result<T, StoreError>>,
) {
    let mut batch = Vec::new();
    while queue.blocking_recv_many(&mut batch, QUEUE_MAX) > 0 {
        let (tokens, writes): (Vec<T>, Vec<Vec<Write>>) = batch.drain(..).unzip();
        let writes = writes.concat();
        if let Err(failure) = store.commit(term, &writes) {
            error!(%failure, "cannot write to the store");
            // If nobody listens any more, nobody needs to know.
            let _ = reports.blocking_send(Err(failure));
            return;
        }
        for token in tokens {
            if reports.blocking_send(Ok(token)).is_err() {
                return;
            }
        }
    }
}
