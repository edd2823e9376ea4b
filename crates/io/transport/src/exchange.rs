//! One request and its answer, as the handlers see them.

use std::{borrow::Cow, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tepui_model::Reply;

use crate::{stream::StreamBody, upload::Upload};

/// Header that names an event stream: given with the answer to SUBSCRIBE, required on every later call.
pub const STREAM_ID: HeaderName = HeaderName::from_static("mesos-stream-id");
/// The `Content-Type` of an error's words.
pub const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The `Content-Type` of JSON.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request that has arrived in full, but for a body that is a stream of records.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, POST, ...
    pub method: Method,
    /// The path as it came, still percent-encoded, without the query.
    pub path: String,
    /// What stood behind the `?`, still percent-encoded.
    pub query: Option<String>,
    /// Header fields; names compare without regard to case.
    pub headers: HeaderMap,
    /// The body, its chunked coding undone.
    pub body: Bytes,
    /// The body where it is a stream of records (`application/recordio`): it still arrives. `body` is empty then.
    pub upload: Option<Upload>,
    /// Who sent it. `None` for something that is not an IP socket.
    pub peer: Option<SocketAddr>,
    /// What the matched route left over of the path, percent-decoded, without the slash in front (set by
    /// the router).
    pub rest: String,
}

impl Request {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `Mesos-Stream-Id` header.
    pub fn stream_id(&self) -> Option<&str> {
        self.header(STREAM_ID)
    }

    /// The last value of the query parameter `name`, decoded.
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        self.query_parameters().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).last()
    }

    /// The query's parameters in order, decoded.
    pub fn query_parameters(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        parameters(self.query.as_deref().unwrap_or_default())
    }

    /// The parameters of a form body (`application/x-www-form-urlencoded`), decoded.
    pub fn form_parameters(&self) -> Vec<(String, String)> {
        let body = String::from_utf8_lossy(&self.body);
        parameters(&body).map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }
}

fn parameters(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split(['&', ';']).filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// What an answer carries.
#[derive(Debug, Default)]
pub enum Body {
    /// Nothing: `Content-Length: 0`.
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
    /// Chunks as they come. Always `Transfer-Encoding: chunked`, even to a client that asked for
    /// `Connection: close`: clients depend on it.
    Stream(StreamBody),
}

/// The answer to a request.
///
/// The server adds `Date`, `Content-Length` or `Transfer-Encoding`, and `Content-Encoding` where the client
/// asked for gzip and the body is worth it. Header fields are written in the order in which they were put in.
#[derive(Debug)]
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    /// Header fields. A `Content-Length` in here (its value does not matter) keeps that place. A stream's
    /// `Transfer-Encoding: chunked` keeps it, too, and the date comes last then.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

impl Response {
    /// An answer without a body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Empty }
    }

    /// 202 without a body: what every accepted call gets.
    pub fn accepted() -> Self {
        Self::new(StatusCode::ACCEPTED)
    }

    /// A plain text, as errors are told.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self::new(status).header(header::CONTENT_TYPE, TEXT).body(text.into().into_bytes())
    }

    /// 400 with its words.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, text)
    }

    /// The words that Mesos gives for a status that it has nothing more to say about: `404 Not Found.`.
    pub fn plain_status(status: StatusCode) -> Self {
        Self::text(status, format!("{} {}.", status.as_u16(), status.canonical_reason().unwrap_or("Unknown")))
    }

    /// 404 for a path that nobody serves.
    pub fn not_found() -> Self {
        Self::plain_status(StatusCode::NOT_FOUND)
    }

    /// 405: the path is served, but not for this method.
    pub fn method_not_allowed(expected: &[Method], received: &Method) -> Self {
        let quoted: Vec<String> = expected.iter().map(|method| format!("'{method}'")).collect();
        let allow: Vec<&str> = expected.iter().map(Method::as_str).collect();
        let text = format!(
            "405 Method Not Allowed. Expecting one of {{ {} }}, but received '{received}'.",
            quoted.join(", ")
        );
        let mut response = Self::new(StatusCode::METHOD_NOT_ALLOWED);
        if let Ok(allow) = HeaderValue::from_str(&allow.join(", ")) {
            response = response.header(header::ALLOW, allow);
        }
        response.header(header::CONTENT_TYPE, TEXT).body(text.into_bytes())
    }

    /// 200 with a v1 API message, already encoded.
    pub fn message(content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK).header(header::CONTENT_TYPE, content_type).body(body)
    }

    /// 200 with the JSON of a legacy endpoint, wrapped in a call of `jsonp` if the request asked for that.
    pub fn legacy_json(jsonp: Option<&str>, body: impl Into<Bytes>) -> Self {
        let response =
            Self::new(StatusCode::OK).header(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        match jsonp {
            None => response.header(header::CONTENT_TYPE, JSON).body(body),
            Some(function) => {
                let body: Bytes = body.into();
                let mut wrapped = Vec::with_capacity(body.len() + function.len() + 3);
                wrapped.extend_from_slice(function.as_bytes());
                wrapped.push(b'(');
                wrapped.extend_from_slice(&body);
                wrapped.push(b')');
                response
                    .header(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript"))
                    .body(wrapped)
            }
        }
    }

    /// 307 to another place. `location` may be scheme-relative (`//host:port/path`), as Mesos writes it.
    pub fn redirect(location: &str) -> Self {
        let response = Self::new(StatusCode::TEMPORARY_REDIRECT);
        match HeaderValue::from_str(location) {
            Ok(location) => response.header(header::LOCATION, location),
            Err(_) => Self::plain_status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// 200 with an event stream. Schedulers' streams carry an id; executors' and operators' do not.
    pub fn stream(content_type: HeaderValue, stream_id: Option<&str>, body: StreamBody) -> Self {
        let mut response = Self::new(StatusCode::OK);
        if let Some(value) = stream_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            response = response.header(STREAM_ID, value);
        }
        response = response.header(header::CONTENT_TYPE, content_type);
        response.body = Body::Stream(body);
        response
    }

    /// With a header field more (or a replaced one).
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.body = if body.is_empty() { Body::Empty } else { Body::Full(body) };
        self
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if reply.body.is_empty() { Self::new(status) } else { Self::text(status, reply.body) }
    }
}
