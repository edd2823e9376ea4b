//! The HTTP/1.1 client of the libraries and of the command line.
//!
//! Three ways to call: [`Client::post`] for one answer, [`Client::post_stream`] for an event stream, and a
//! [`CallConnection`] for many small calls a second, written one behind the other without waiting. For clients that
//! live for long, a [`Subscriber`] follows one stream from its request to its end and a [`Pipeline`] connects anew.

mod calls;
mod parse;
mod pipeline;
mod records;
mod socket;
mod subscriber;
mod tls;
mod upload;
mod url;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tepui_model::Reply;
use tepui_wire_mesos::ContentType;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

pub use calls::{Answered, CallConnection};
pub use pipeline::Pipeline;
pub use records::RecordStream;
pub use socket::Via;
pub use subscriber::{Subscribed, Subscriber};
pub use tls::{InvalidTls, Tls, TlsFiles};
pub use upload::{Records, Uploaded};
pub use url::{InvalidUrl, Url};

use crate::{exchange::STREAM_ID, net::ReadSize};
use parse::{Head, ResponseParser};
use socket::Socket;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("cannot connect to {authority}: {source}")]
    Connect {
        /// Host and port.
        authority: String,
        /// Why.
        source: io::Error,
    },
    /// Something took too long.
    #[error("no {what} from {authority} within {after:?}")]
    Timeout {
        /// Host and port.
        authority: String,
        /// What was waited for.
        what: &'static str,
        /// For how long.
        after: Duration,
    },
    /// The connection ended before the answer was complete.
    #[error("{authority} closed the connection")]
    Disconnected {
        /// Host and port.
        authority: String,
    },
    /// The peer does not speak HTTP or RecordIO as it should.
    #[error("{authority} sent something unexpected: {reason}")]
    Protocol {
        /// Host and port.
        authority: String,
        /// What was wrong.
        reason: String,
    },
    /// The peer answered, but not with the stream that was asked for.
    #[error("{} {}", .0.status, .0.text().trim())]
    Refused(Box<ClientResponse>),
    /// One redirect led to the next, too often.
    #[error("too many redirects, the last one to {0}")]
    Redirects(Url),
    /// A redirect to something that is no address.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// As many calls wait as may ([`CallConnection::try_send`]).
    #[error("too many calls are waiting for {authority}")]
    Busy {
        /// Host and port.
        authority: String,
    },
}

/// Who calls.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// HTTP Basic with a principal and its secret.
    Basic {
        /// The principal.
        principal: String,
        /// Its secret.
        secret: String,
    },
    /// A token (`MESOS_EXECUTOR_AUTHENTICATION_TOKEN`).
    Bearer(String),
}

impl std::fmt::Debug for Authorization {
    /// Secrets do not get into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { principal, .. } => write!(f, "Basic({principal}, ...)"),
            Self::Bearer(_) => write!(f, "Bearer(...)"),
        }
    }
}

impl Authorization {
    /// The value of the `Authorization` header; `None` if the token has characters that no header can have.
    pub fn value(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Basic { principal, secret } => {
                format!("Basic {}", BASE64_STANDARD.encode(format!("{principal}:{secret}")))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The client's bounds and credentials.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take, from the request to its end (for a stream: to its head).
    pub response_timeout: Duration,
    /// How many redirects are followed; with 0 a redirect is an answer like any other.
    pub redirects_max: u32,
    /// Longest answer, and longest record of a stream, in bytes.
    pub body_bytes_max: usize,
    /// Calls that a [`CallConnection`] takes before the first of them is answered.
    pub calls_max: usize,
    /// Sent with every request.
    pub authorization: Option<Authorization>,
    /// How the server is reached.
    pub via: Via,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(30),
            redirects_max: 4,
            body_bytes_max: 1 << 30,
            calls_max: 4096,
            authorization: None,
            via: Via::Tcp,
        }
    }
}

/// What a request carries.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Header fields besides `Host`, `Content-Length` and `Authorization`, in order.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// A message in this encoding, to be answered in the same.
    pub fn message(content: ContentType, body: impl Into<Bytes>) -> Self {
        let mime = HeaderValue::from_static(content.mime());
        Self::default().header(header::CONTENT_TYPE, mime.clone()).header(header::ACCEPT, mime).body(body)
    }

    /// With a header field more.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With the id of the event stream that the call belongs to.
    #[must_use]
    pub fn stream_id(self, id: &str) -> Self {
        match HeaderValue::from_str(id) {
            Ok(value) => self.header(STREAM_ID, value),
            Err(_) => self,
        }
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// Status code.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Where it came from in the end, after redirects.
    pub url: Url,
}

impl ClientResponse {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// An answer without a stream, for people.
    pub fn reply(&self) -> Reply {
        Reply { status: self.status.as_u16(), body: self.text().into_owned() }
    }

    /// The body as text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Where a redirect leads to, if this is one.
    pub fn redirect(&self) -> Option<Result<Url, InvalidUrl>> {
        self.status
            .is_redirection()
            .then(|| self.header(header::LOCATION))
            .flatten()
            .map(|location| self.url.join(location))
    }
}

/// An HTTP client. Clones share their idle connections.
#[derive(Clone, Debug, Default)]
pub struct Client {
    options: Arc<ClientOptions>,
    idle: Arc<Mutex<BTreeMap<String, Vec<Socket>>>>,
}

/// Idle connections kept per server.
const IDLE_MAX: usize = 4;

impl Client {
    /// A client with these options.
    pub fn new(options: ClientOptions) -> Self {
        Self { options: Arc::new(options), idle: Arc::default() }
    }

    /// Its options.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// GET.
    ///
    /// # Errors
    /// [`ClientError`] when there is no answer; any status is an answer.
    pub async fn get(&self, url: &Url) -> Result<ClientResponse, ClientError> {
        self.request(&Method::GET, url, Call::default()).await
    }

    /// POST.
    ///
    /// # Errors
    /// [`ClientError`] when there is no answer; any status is an answer.
    pub async fn post(&self, url: &Url, call: Call) -> Result<ClientResponse, ClientError> {
        self.request(&Method::POST, url, call).await
    }

    /// Any method.
    ///
    /// # Errors
    /// [`ClientError`] when there is no answer; any status is an answer.
    pub async fn request(
        &self,
        method: &Method,
        url: &Url,
        call: Call,
    ) -> Result<ClientResponse, ClientError> {
        let mut url = url.clone();
        for _ in 0..=self.options.redirects_max {
            let response = self.exchange(method, &url, &call).await?;
            match response.redirect() {
                Some(to) if self.options.redirects_max > 0 => url = to?,
                _ => return Ok(response),
            }
        }
        Err(ClientError::Redirects(url))
    }

    /// POST, to be answered with an event stream.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the answer if it is anything but a 200.
    pub async fn post_stream(&self, url: &Url, call: Call) -> Result<RecordStream, ClientError> {
        let mut url = url.clone();
        for _ in 0..=self.options.redirects_max {
            let (stream, buffer, parser, head) = self.start(&Method::POST, &url, &call).await?;
            if head.status == StatusCode::OK {
                let options = &self.options;
                return Ok(RecordStream::new(stream, buffer, parser, head, url, options.body_bytes_max));
            }
            let response = self.finish(stream, buffer, parser, head, &url).await?;
            match response.redirect() {
                Some(to) if self.options.redirects_max > 0 => url = to?,
                _ => return Err(ClientError::Refused(Box::new(response))),
            }
        }
        Err(ClientError::Redirects(url))
    }

    async fn exchange(&self, method: &Method, url: &Url, call: &Call) -> Result<ClientResponse, ClientError> {
        let (stream, buffer, parser, head) = self.start(method, url, call).await?;
        self.finish(stream, buffer, parser, head, url).await
    }

    /// The status of the answer to a GET, and where it redirects to. Its body is not read.
    ///
    /// # Errors
    /// [`ClientError`] when there is no answer; any status is an answer.
    pub async fn head(&self, url: &Url) -> Result<(StatusCode, Option<String>), ClientError> {
        let (.., head) = self.start(&Method::GET, url, &Call::default()).await?;
        let location = head.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
        Ok((head.status, location.map(str::to_owned)))
    }

    /// Sends the request and reads the answer's head.
    async fn start(
        &self,
        method: &Method,
        url: &Url,
        call: &Call,
    ) -> Result<(Socket, BytesMut, ResponseParser, Head), ClientError> {
        let mut stream = match self.take_idle(url) {
            Some(stream) => stream,
            None => connect(url, &self.options).await?,
        };
        let mut out = BytesMut::with_capacity(512 + call.body.len());
        put_request(&mut out, method, url, call, self.options.authorization.as_ref());
        let mut buffer = BytesMut::new();
        let mut parser = ResponseParser::new(*method == Method::HEAD);
        let head = within(self.options.response_timeout, url, "answer", async {
            stream.writer.write_all(&out).await.map_err(|_| disconnected(url))?;
            stream.writer.flush().await.map_err(|_| disconnected(url))?;
            loop {
                if let Some(head) = parser.head(&mut buffer).map_err(|reason| protocol(url, reason))? {
                    return Ok(head);
                }
                fill(&mut stream, &mut buffer, url).await?;
            }
        })
        .await?;
        Ok((stream, buffer, parser, head))
    }

    /// Reads the answer's body, and keeps the connection if it can be used again.
    async fn finish(
        &self,
        mut stream: Socket,
        mut buffer: BytesMut,
        mut parser: ResponseParser,
        head: Head,
        url: &Url,
    ) -> Result<ClientResponse, ClientError> {
        let mut body = BytesMut::new();
        let reusable = within(self.options.response_timeout, url, "complete answer", async {
            loop {
                if parser.body(&mut buffer, &mut body).map_err(|reason| protocol(url, reason))? {
                    return Ok(head.keep_alive);
                }
                if body.len() > self.options.body_bytes_max {
                    return Err(protocol(url, "an answer that is too long".to_owned()));
                }
                ReadSize::busy().make_room(&mut buffer);
                match stream.reader.read_buf(&mut buffer).await {
                    Ok(1..) => {}
                    // An answer without a length ends with its connection.
                    Ok(0) if parser.ends_with_connection() => return Ok(false),
                    _ => return Err(disconnected(url)),
                }
            }
        })
        .await?;
        if reusable && buffer.is_empty() {
            self.keep_idle(url, stream);
        }
        Ok(ClientResponse {
            status: head.status,
            headers: head.headers,
            body: body.freeze(),
            url: url.clone(),
        })
    }

    fn take_idle(&self, url: &Url) -> Option<Socket> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = idle.get_mut(&url.authority())?;
        // Nothing may have come since: neither the end of the connection nor bytes that nobody asked for.
        std::iter::from_fn(|| streams.pop()).find_map(|mut stream| stream.is_quiet().then_some(stream))
    }

    fn keep_idle(&self, url: &Url, stream: Socket) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = idle.entry(url.authority()).or_default();
        if streams.len() < IDLE_MAX {
            streams.push(stream);
        }
    }
}

async fn connect(url: &Url, options: &ClientOptions) -> Result<Socket, ClientError> {
    within(options.connect_timeout, url, "connection", async {
        let opened = options.via.open(url).await;
        opened.map_err(|source| ClientError::Connect { authority: url.authority(), source })
    })
    .await
}

async fn within<T>(
    after: Duration,
    url: &Url,
    what: &'static str,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match timeout(after, work).await {
        Ok(result) => result,
        Err(_) => Err(ClientError::Timeout { authority: url.authority(), what, after }),
    }
}

async fn fill(stream: &mut Socket, buffer: &mut BytesMut, url: &Url) -> Result<(), ClientError> {
    ReadSize::busy().make_room(buffer);
    match stream.reader.read_buf(buffer).await {
        Ok(1..) => Ok(()),
        _ => Err(disconnected(url)),
    }
}

fn disconnected(url: &Url) -> ClientError {
    ClientError::Disconnected { authority: url.authority() }
}

fn protocol(url: &Url, reason: String) -> ClientError {
    ClientError::Protocol { authority: url.authority(), reason }
}

fn put_request(
    out: &mut BytesMut,
    method: &Method,
    url: &Url,
    call: &Call,
    authorization: Option<&Authorization>,
) {
    let mut line = |parts: &[&[u8]]| {
        for part in parts {
            out.put_slice(part);
        }
        out.put_slice(b"\r\n");
    };
    line(&[method.as_str().as_bytes(), b" ", url.target().as_bytes(), b" HTTP/1.1"]);
    line(&[b"Host: ", url.authority().as_bytes()]);
    for (name, value) in &call.headers {
        line(&[name.as_str().as_bytes(), b": ", value.as_bytes()]);
    }
    if let Some(value) = authorization.and_then(Authorization::value) {
        line(&[b"Authorization: ", value.as_bytes()]);
    }
    let chunked = call.headers.contains_key(header::TRANSFER_ENCODING);
    if !chunked && (!call.body.is_empty() || *method == Method::POST) {
        line(&[b"Content-Length: ", call.body.len().to_string().as_bytes()]);
    }
    line(&[]);
    out.put_slice(&call.body);
}
