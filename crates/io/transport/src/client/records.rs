//! An event stream, as its reader sees it.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use tepui_wire_recordio::Decoder;
use tokio::io::AsyncReadExt;

use super::{
    ClientError, Url, disconnected,
    parse::{Head, ResponseParser},
    protocol,
    socket::Socket,
};
use crate::{exchange::STREAM_ID, net::ReadSize};

/// The records of an event stream, as they arrive. Dropping it closes the connection.
#[derive(Debug)]
pub struct RecordStream {
    stream: Socket,
    buffer: BytesMut,
    parser: ResponseParser,
    decoder: Decoder,
    body: BytesMut,
    ended: bool,
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
}

impl RecordStream {
    pub(super) fn new(
        stream: Socket,
        buffer: BytesMut,
        parser: ResponseParser,
        head: Head,
        url: Url,
        record_bytes_max: usize,
    ) -> Self {
        let decoder = Decoder::new(record_bytes_max);
        let Head { status, headers, .. } = head;
        Self { stream, buffer, parser, decoder, body: BytesMut::new(), ended: false, status, headers, url }
    }

    /// The status of the answer: 200.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields of the answer.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The id that further calls must name (schedulers' streams only).
    pub fn stream_id(&self) -> Option<&str> {
        self.headers.get(STREAM_ID).and_then(|value| value.to_str().ok())
    }

    /// The encoding of the records.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    }

    /// Where the stream comes from in the end, after redirects.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The next record; `None` when the stream has ended as it should. Nothing is lost when this is dropped
    /// half-way.
    ///
    /// # Errors
    /// [`ClientError::Disconnected`] when the connection breaks; [`ClientError::Protocol`] for what is no record.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(record) = self.take()? {
                return Ok(Some(record));
            }
            if self.ended {
                return Ok(None);
            }
            ReadSize::busy().make_room(&mut self.buffer);
            match self.stream.reader.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(0) if self.parser.ends_with_connection() => self.ended = true,
                _ => return Err(disconnected(&self.url)),
            }
        }
    }

    /// A record that has already arrived, without waiting for one.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] for what is no record.
    pub fn take(&mut self) -> Result<Option<Bytes>, ClientError> {
        let next = |decoder: &mut Decoder, url| {
            decoder.next_record().map_err(|error| protocol(url, error.to_string()))
        };
        if let Some(record) = next(&mut self.decoder, &self.url)? {
            return Ok(Some(record));
        }
        if self.ended || self.buffer.is_empty() {
            return Ok(None);
        }
        let done = self.parser.body(&mut self.buffer, &mut self.body);
        self.ended = done.map_err(|reason| protocol(&self.url, reason))?;
        self.decoder.feed(&self.body);
        self.body.clear();
        next(&mut self.decoder, &self.url)
    }
}
