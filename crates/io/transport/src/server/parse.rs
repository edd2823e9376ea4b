//! Requests, out of the bytes that have arrived.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::{Handler, ServerOptions};
use crate::{
    exchange::{Request, Response},
    h1::{ChunkedDecoder, InvalidChunk},
    negotiate::RECORDIO,
};

/// More header fields than this are refused.
const FIELDS_MAX: usize = 128;

/// What the bytes so far amount to.
pub(super) enum Parsed {
    /// Not yet a whole request.
    Partial,
    /// The client waits for our consent before it sends the body.
    Continue,
    /// One request.
    Request { request: Request, after: After },
    /// One request whose body is a stream of records: [`Parser::upload`] hands it out piece by piece.
    Streaming { request: Request, after: After },
    /// One message.
    Message { request: Request, after: After },
    /// An answer without asking the handler; the connection ends with it.
    Refused(Response),
    /// No HTTP: the connection ends without an answer.
    Garbage,
}

/// How the answer is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct After {
    pub(super) keep_alive: bool,
    pub(super) gzip: bool,
    pub(super) head_only: bool,
}

/// Why no request can be read.
enum Stop {
    Refused(Box<Response>),
    Garbage,
}

impl From<Stop> for Parsed {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(response) => Self::Refused(*response),
            Stop::Garbage => Self::Garbage,
        }
    }
}

fn refused(response: Response) -> Stop {
    Stop::Refused(Box::new(response))
}

struct Head {
    /// Without its body.
    request: Request,
    after: After,
    is_message: bool,
}

enum Coding {
    Length(usize),
    Chunked(ChunkedDecoder, BytesMut),
}

/// Reads requests one after the other.
#[derive(Default)]
pub(super) struct Parser {
    pending: Option<(Head, Coding)>,
    uploading: Option<Coding>,
}

impl Parser {
    /// Whether a head was read and its body is awaited.
    pub(super) const fn in_body(&self) -> bool {
        self.pending.is_some()
    }

    /// The next request in `buffer`, if it is all there.
    pub(super) fn next(
        &mut self,
        buffer: &mut BytesMut,
        peer: Option<SocketAddr>,
        options: &ServerOptions,
        handler: &dyn Handler,
    ) -> Parsed {
        if self.pending.is_none() {
            match head(buffer, peer, options, handler) {
                Ok(None) => return Parsed::Partial,
                Ok(Some((head, coding))) => {
                    let consent = head
                        .request
                        .headers
                        .get(header::EXPECT)
                        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
                        && buffer.is_empty();
                    self.pending = Some((head, coding));
                    if consent {
                        return Parsed::Continue;
                    }
                }
                Err(stop) => return stop.into(),
            }
        }
        let Some((head, mut coding)) = self.pending.take() else { return Parsed::Partial };
        if head.is_stream() {
            self.uploading = Some(coding);
            return Parsed::Streaming { request: head.request, after: head.after };
        }
        let body = match &mut coding {
            Coding::Length(length) if buffer.len() < *length => {
                buffer.reserve(*length - buffer.len());
                None
            }
            Coding::Length(length) => Some(buffer.split_to(*length).freeze()),
            Coding::Chunked(decoder, body) => {
                if let Err(error) = decoder.decode(buffer, body) {
                    return Parsed::Refused(Response::bad_request(format!(
                        "Malformed request body: {error}"
                    )));
                }
                if body.len() > options.body_bytes_max {
                    return Parsed::Refused(too_large(options.body_bytes_max));
                }
                decoder.is_done().then(|| std::mem::take(body).freeze())
            }
        };
        match body {
            None => {
                self.pending = Some((head, coding));
                Parsed::Partial
            }
            Some(body) => complete(head, body),
        }
    }
}

impl Parser {
    /// Takes what `buffer` has of a streaming body, and tells whether that was the end of it.
    pub(super) fn upload(&mut self, buffer: &mut BytesMut) -> Result<(Bytes, bool), InvalidChunk> {
        let (piece, done) = match &mut self.uploading {
            None => (Bytes::new(), true),
            Some(Coding::Length(left)) => {
                let piece = buffer.split_to(buffer.len().min(*left)).freeze();
                *left -= piece.len();
                (piece, *left == 0)
            }
            Some(Coding::Chunked(decoder, body)) => {
                decoder.decode(buffer, body)?;
                (body.split().freeze(), decoder.is_done())
            }
        };
        if done {
            self.uploading = None;
        }
        Ok((piece, done))
    }
}

impl Head {
    /// Whether the body is for a handler that reads it while it comes.
    fn is_stream(&self) -> bool {
        let recordio = self.request.headers.get(header::CONTENT_TYPE).is_some_and(|value| value == RECORDIO);
        recordio && !self.is_message
    }
}

fn complete(head: Head, body: Bytes) -> Parsed {
    let Head { request, after, is_message } = head;
    let request = Request { body, ..request };
    if is_message { Parsed::Message { request, after } } else { Parsed::Request { request, after } }
}

fn head(
    buffer: &mut BytesMut,
    peer: Option<SocketAddr>,
    options: &ServerOptions,
    handler: &dyn Handler,
) -> Result<Option<(Head, Coding)>, Stop> {
    // Empty lines between requests are forgiven, as RFC 9112 asks.
    while buffer.starts_with(b"\r\n") {
        let _ = buffer.split_to(2);
    }
    if buffer.is_empty() {
        return Ok(None);
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let length = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if buffer.len() <= options.head_bytes_max => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(refused(Response::plain_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)));
        }
        Err(_) => return Err(Stop::Garbage),
    };
    let method =
        Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(|_| Stop::Garbage)?;
    let (path, query) = target(parsed.path.unwrap_or_default());
    let headers = header_map(parsed.headers)?;
    let http11 = parsed.version == Some(1);
    let coding = coding(&headers, options)?;
    let after = After {
        keep_alive: if http11 {
            !has_token(&headers, header::CONNECTION, "close")
        } else {
            has_token(&headers, header::CONNECTION, "keep-alive")
        },
        gzip: has_token(&headers, header::ACCEPT_ENCODING, "gzip"),
        head_only: method == Method::HEAD,
    };
    let _ = buffer.split_to(length);
    let request =
        Request { method, path, query, headers, body: Bytes::new(), upload: None, peer, rest: String::new() };
    let is_message = handler.is_message(&request);
    Ok(Some((Head { request, after, is_message }, coding)))
}

fn target(target: &str) -> (String, Option<String>) {
    // A proxy's absolute form names the server too, which is us.
    let target = match target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")) {
        Some(rest) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => target,
    };
    match target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (target.to_owned(), None),
    }
}

fn header_map(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, Stop> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Stop::Garbage)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Stop::Garbage)?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn coding(headers: &HeaderMap, options: &ServerOptions) -> Result<Coding, Stop> {
    let malformed = |text: &str| refused(Response::bad_request(text));
    if let Some(value) = headers.get(header::TRANSFER_ENCODING) {
        // Chunked wins over a length beside it, as the RFC has it.
        return if value.as_bytes().eq_ignore_ascii_case(b"chunked") {
            Ok(Coding::Chunked(ChunkedDecoder::default(), BytesMut::new()))
        } else {
            Err(malformed("Expecting 'Transfer-Encoding' to be chunked"))
        };
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(Coding::Length(0)) };
    if lengths.any(|other| other != first) {
        return Err(malformed("Expecting one 'Content-Length'"));
    }
    let digits = first.to_str().unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed("Expecting 'Content-Length' to be a number"));
    }
    match digits.parse::<usize>() {
        Ok(length) if length <= options.body_bytes_max => Ok(Coding::Length(length)),
        // So many digits that they are no number for us are too many bytes, too.
        _ => Err(refused(too_large(options.body_bytes_max))),
    }
}

fn too_large(limit: usize) -> Response {
    Response::text(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("The request's body is larger than the {limit} bytes that are taken here."),
    )
}

/// Whether a comma-separated field has `token` (its parameters aside, unless they say that it is not wanted).
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next().is_some_and(|first| first.eq_ignore_ascii_case(token))
                && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}
