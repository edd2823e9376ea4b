//! The body of a request that is handled while it arrives: a stream of records from a client.
//!
//! The queue between the connection and the handler is bounded: a connection whose handler does not read is not read
//! any further.

use std::sync::Arc;

use bytes::Bytes;
use tepui_wire_recordio::{Decoder, InvalidRecord};
use tokio::sync::{Mutex, mpsc};

/// Pieces that may wait for the handler.
const PIECES_MAX: usize = 16;

/// A body that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The connection ended first.
    #[error("the connection ended in the middle of the request")]
    Disconnected,
    /// It breaks the rules of its coding.
    #[error("Malformed request body: {0}")]
    Malformed(String),
    /// It is not made of records.
    #[error(transparent)]
    Record(#[from] InvalidRecord),
}

/// What the connection has brought.
pub(crate) type Piece = Result<Bytes, UploadError>;

/// A body on its way. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct Upload {
    pieces: Arc<Mutex<mpsc::Receiver<Piece>>>,
}

impl Upload {
    /// The handler's end, and the connection's.
    pub(crate) fn new() -> (mpsc::Sender<Piece>, Self) {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        (sender, Self { pieces: Arc::new(Mutex::new(pieces)) })
    }

    /// The body as records of at most `max` bytes.
    pub fn records(self, max: usize) -> UploadRecords {
        UploadRecords { upload: self, decoder: Decoder::new(max) }
    }

    /// The next piece as it came; `None` at the end.
    async fn next(&self) -> Option<Piece> {
        self.pieces.lock().await.recv().await
    }
}

/// The records of a body.
#[derive(Debug)]
pub struct UploadRecords {
    upload: Upload,
    decoder: Decoder,
}

impl UploadRecords {
    /// The next record; `None` at the end. Nothing is lost when this is dropped half-way.
    ///
    /// # Errors
    /// [`UploadError`]; nothing follows then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        loop {
            if let Some(record) = self.decoder.next_record()? {
                return Ok(Some(record));
            }
            match self.upload.next().await {
                Some(piece) => self.decoder.feed(&piece?),
                None if self.decoder.is_idle() => return Ok(None),
                None => return Err(UploadError::Disconnected),
            }
        }
    }
}
