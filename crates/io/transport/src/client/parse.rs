//! Answers, out of the bytes that have arrived.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::h1::ChunkedDecoder;

const FIELDS_MAX: usize = 128;
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Status and header fields of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) keep_alive: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Length(usize),
    Chunked(ChunkedDecoder),
    UntilEnd,
}

/// Reads one answer after the other.
#[derive(Debug)]
pub(super) struct ResponseParser {
    state: State,
    head_only: bool,
}

impl ResponseParser {
    pub(super) const fn new(head_only: bool) -> Self {
        Self { state: State::Head, head_only }
    }

    /// Whether the body ends only when the connection does.
    pub(super) const fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilEnd)
    }

    /// Whether the next thing to come is a head.
    pub(super) const fn at_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// The head of the next answer, if it is all there. Interim answers (1xx) are passed over.
    pub(super) fn head(&mut self, buffer: &mut BytesMut) -> Result<Option<Head>, String> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let mut parsed = httparse::Response::new(&mut fields);
            let length = match parsed.parse(buffer) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if buffer.len() <= HEAD_BYTES_MAX => return Ok(None),
                Ok(httparse::Status::Partial) => return Err("a head that does not end".to_owned()),
                Err(error) => return Err(format!("no HTTP answer: {error}")),
            };
            let status = StatusCode::from_u16(parsed.code.unwrap_or(0)).map_err(|error| error.to_string())?;
            let mut headers = HeaderMap::with_capacity(parsed.headers.len());
            for field in parsed.headers.iter() {
                let name =
                    HeaderName::from_bytes(field.name.as_bytes()).map_err(|error| error.to_string())?;
                let value = HeaderValue::from_bytes(field.value).map_err(|error| error.to_string())?;
                headers.append(name, value);
            }
            let http11 = parsed.version == Some(1);
            let _ = buffer.split_to(length);
            if status.is_informational() {
                continue;
            }
            self.state = self.coding(status, &headers)?;
            let connection = headers.get(header::CONNECTION).map_or(&b""[..], HeaderValue::as_bytes);
            let keep_alive = if http11 {
                !connection.eq_ignore_ascii_case(b"close")
            } else {
                connection.eq_ignore_ascii_case(b"keep-alive")
            };
            return Ok(Some(Head { status, headers, keep_alive }));
        }
    }

    fn coding(&self, status: StatusCode, headers: &HeaderMap) -> Result<State, String> {
        if self.head_only || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
            return Ok(State::Length(0));
        }
        if headers
            .get(header::TRANSFER_ENCODING)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"))
        {
            return Ok(State::Chunked(ChunkedDecoder::default()));
        }
        match headers.get(header::CONTENT_LENGTH) {
            Some(value) => value
                .to_str()
                .ok()
                .and_then(|digits| digits.parse().ok())
                .map(State::Length)
                .ok_or_else(|| "a Content-Length that is no number".to_owned()),
            None => Ok(State::UntilEnd),
        }
    }

    /// Moves what there is of the body to `sink`; true when it is complete.
    pub(super) fn body(&mut self, buffer: &mut BytesMut, sink: &mut BytesMut) -> Result<bool, String> {
        let done = match &mut self.state {
            State::Head => true,
            State::Length(left) => {
                let take = (*left).min(buffer.len());
                sink.unsplit(buffer.split_to(take));
                *left -= take;
                *left == 0
            }
            State::Chunked(decoder) => {
                decoder.decode(buffer, sink).map_err(|error| error.to_string())?;
                decoder.is_done()
            }
            State::UntilEnd => {
                sink.unsplit(buffer.split());
                false
            }
        };
        if done {
            self.state = State::Head;
        }
        Ok(done)
    }
}
