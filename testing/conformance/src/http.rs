//! A raw HTTP/1.1 client: what is sent is sent as it stands, and of what comes back nothing is hidden.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::Outcome;

/// One response, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The status line, such as `HTTP/1.1 200 OK`.
    pub status: String,
    /// Header names and values in their order and spelling.
    pub headers: Vec<(String, String)>,
    /// The body; of a chunked one the chunks joined.
    pub body: Vec<u8>,
    /// Where the chunks of a chunked body began and ended; None for a body of known length.
    pub chunks: Option<Vec<Vec<u8>>>,
    /// True when the body came to its end.
    pub complete: bool,
}

impl Response {
    /// The status code.
    pub fn code(&self) -> u16 {
        self.status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.body).map_err(|error| format!("{error} in {}", self.text()))?)
    }
}

/// Takes one response off the front of `bytes`. None while its head is incomplete; a body that is cut short comes with
/// `complete` false and stays in `bytes`.
pub fn parse(bytes: &[u8]) -> Option<(Response, usize)> {
    let head_end = find(bytes, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_end - 4]).into_owned();
    let mut lines = head.split("\r\n");
    let mut response = Response { status: lines.next()?.to_owned(), ..Response::default() };
    response.headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut at = head_end;
    if response.header("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        let mut chunks = Vec::new();
        while let Some((chunk, next)) = chunk(bytes, at) {
            at = next;
            if chunk.is_empty() {
                response.complete = true;
                break;
            }
            response.body.extend_from_slice(chunk);
            chunks.push(chunk.to_vec());
        }
        response.chunks = Some(chunks);
    } else {
        let length = response.header("Content-Length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let end = (at + length).min(bytes.len());
        response.complete = end == at + length;
        response.body = bytes[at..end].to_vec();
        at = end;
    }
    Some((response, at))
}

/// The chunk that begins at `at`, and where the next one begins.
fn chunk(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let line = find(rest, b"\r\n")?;
    let digits = std::str::from_utf8(&rest[..line]).ok()?;
    let size = usize::from_str_radix(digits.split(';').next()?.trim(), 16).ok()?;
    let start = line + 2;
    let end = start.checked_add(size)?.checked_add(2)?;
    (rest.len() >= end).then(|| (&rest[start..start + size], at + end))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    ended: bool,
}

impl Connection {
    /// Connects to a port of 127.0.0.1.
    pub fn open(port: u16) -> Outcome<Self> {
        let stream =
            TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new(), ended: false })
    }

    /// Sends these bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Receives what comes within `limit`. False when the other side has closed or nothing came.
    fn receive(&mut self, limit: Duration) -> Outcome<bool> {
        let mut buffer = [0; 65536];
        self.stream.set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                self.ended = true;
                Ok(false)
            }
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                Ok(false)
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                self.ended = true;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The next whole response.
    pub fn response(&mut self, limit: Duration) -> Outcome<Response> {
        let end = Instant::now() + limit;
        loop {
            if let Some((response, used)) = parse(&self.received)
                && response.complete
            {
                self.received.drain(..used);
                return Ok(response);
            }
            self.more(end, "a response")?;
        }
    }

    /// Everything that comes until the other side closes or has been silent for `silence`, and whether it closed.
    pub fn drain(&mut self, silence: Duration) -> Outcome<(Vec<u8>, bool)> {
        while self.receive(silence)? {}
        Ok((std::mem::take(&mut self.received), self.ended))
    }

    fn more(&mut self, end: Instant, what: &str) -> Outcome {
        let left = end.saturating_duration_since(Instant::now());
        if !self.receive(left)? && (self.ended || left.is_zero()) {
            let end = if self.ended { "the connection closed" } else { "time is up" };
            return Err(
                format!("{end} before {what}; got {:?}", String::from_utf8_lossy(&self.received)).into()
            );
        }
        Ok(())
    }

    /// Reads the head of a streaming response and goes on as its record stream. A response that is no stream is given
    /// back whole.
    pub fn into_stream(mut self, limit: Duration) -> Outcome<Result<Stream, Response>> {
        let end = Instant::now() + limit;
        loop {
            if let Some((response, used)) = parse(&self.received) {
                if response.chunks.is_none() {
                    if response.complete {
                        return Ok(Err(response));
                    }
                } else {
                    let head = find(&self.received, b"\r\n\r\n").unwrap_or(used) + 4;
                    self.received.drain(..head);
                    let head = Response { body: Vec::new(), chunks: None, complete: false, ..response };
                    return Ok(Ok(Stream { head, connection: self, finished: false }));
                }
            }
            self.more(end, "the head of a stream")?;
        }
    }
}

/// A stream of records: `length`, a newline, the record; each in a chunk of its own.
#[derive(Debug)]
pub struct Stream {
    /// The response's head.
    pub head: Response,
    connection: Connection,
    finished: bool,
}

impl Stream {
    /// The next record, as JSON. None when the stream came to its end, or nothing came within `limit` (see
    /// [`Stream::finished`]). More or less than one record in a chunk is an error: clients rely on it.
    pub fn next(&mut self, limit: Duration) -> Outcome<Option<Value>> {
        let end = Instant::now() + limit;
        loop {
            if self.finished {
                return Ok(None);
            }
            if let Some((chunk, used)) = chunk(&self.connection.received, 0) {
                let chunk = chunk.to_vec();
                self.connection.received.drain(..used);
                if chunk.is_empty() {
                    self.finished = true;
                    return Ok(None);
                }
                return record(&chunk).map(Some);
            }
            let left = end.saturating_duration_since(Instant::now());
            if !self.connection.receive(left)? {
                self.finished |= self.connection.ended;
                if self.finished || left.is_zero() {
                    return Ok(None);
                }
            }
        }
    }

    /// True when the other side has ended the stream.
    pub fn finished(&self) -> bool {
        self.finished
    }
}

/// The one record of a chunk.
pub fn record(chunk: &[u8]) -> Outcome<Value> {
    let text = std::str::from_utf8(chunk)?;
    let (length, json) = text.split_once('\n').ok_or_else(|| format!("no record in the chunk {text:?}"))?;
    if length.parse::<usize>()? != json.len() {
        return Err(format!("a chunk is not exactly one record: {text:?}").into());
    }
    Ok(serde_json::from_str(json)?)
}

/// `GET path`, whole, on a connection of its own.
pub fn get(port: u16, path: &str) -> Outcome<Response> {
    let mut connection = Connection::open(port)?;
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes())?;
    connection.response(Duration::from_secs(10))
}

/// The bytes of a POST of JSON, with further header lines (each ending in `\r\n`).
pub fn post_bytes(port: u16, path: &str, body: &Value, headers: &str) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Accept: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// `POST path`, whole, on a connection of its own.
pub fn post(port: u16, path: &str, body: &Value, headers: &str) -> Outcome<Response> {
    let mut connection = Connection::open(port)?;
    connection.send(&post_bytes(port, path, body, headers))?;
    connection.response(Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_taken_off_the_front() {
        let bytes = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnopeHTTP/1.1";
        let (response, used) = parse(bytes).unwrap();
        assert_eq!((response.code(), response.text().as_str(), response.complete), (400, "nope", true));
        assert_eq!(&bytes[used..], b"HTTP/1.1");
        assert!(!parse(&bytes[..used - 1]).unwrap().0.complete);
        assert!(parse(b"HTTP/1.1 200").is_none());
    }

    #[test]
    fn chunks_keep_their_borders() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n";
        let (response, _) = parse(bytes).unwrap();
        assert_eq!(response.chunks.as_deref(), Some(&[b"abc".to_vec(), b"de".to_vec()][..]));
        assert!(!response.complete);
        let whole = [bytes.as_slice(), b"0\r\n\r\n"].concat();
        assert!(parse(&whole).unwrap().0.complete);
    }

    #[test]
    fn a_chunk_is_exactly_one_record() {
        assert_eq!(record(b"7\n{\"a\":1}").unwrap(), serde_json::json!({"a": 1}));
        assert!(record(b"6\n{\"a\":1}").is_err());
        assert!(record(b"7\n{\"a\":1}7\n{\"a\":1}").is_err());
        assert!(record(b"{}").is_err());
    }
}
