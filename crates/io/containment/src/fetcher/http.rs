//! A GET over plain HTTP/1.1, blocking, with redirects. Nothing else: this is not a client library.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    path::Path,
    time::Instant,
};

use super::{LOOK, Patience, copy_all, with_curl};

const REDIRECTS_MAX: usize = 10;
const HEAD_MAX: u64 = 64 << 10;

/// Fetches `uri` into `target`.
pub(super) fn get(uri: &str, target: &Path, patience: Patience<'_>) -> io::Result<()> {
    let mut uri = uri.to_owned();
    for _ in 0..REDIRECTS_MAX {
        let Some(rest) = strip_scheme(&uri) else { return with_curl(&uri, target, patience) };
        let (authority, path) = split(rest);
        let mut answer = BufReader::new(request(authority, path, patience)?);
        let head = read_head(&mut answer)?;
        match (head.status, head.location) {
            (200, _) => return save(answer, head.body, target, patience),
            (301 | 302 | 303 | 307 | 308, Some(location)) => uri = resolve(authority, path, &location),
            (status, _) => return Err(io::Error::other(format!("the server answered {status}"))),
        }
    }
    Err(io::Error::other(format!("more than {REDIRECTS_MAX} redirects, the last one to '{uri}'")))
}

/// A connection whose reads end when nothing comes for too long, or when nobody wants it any more.
struct Connection<'a> {
    stream: TcpStream,
    patience: Patience<'a>,
}

impl Read for Connection<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = Instant::now();
        loop {
            match self.stream.read(buffer) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    self.patience.check(start)?;
                }
                other => return other,
            }
        }
    }
}

fn strip_scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    scheme.eq_ignore_ascii_case("http").then_some(rest)
}

/// Authority, and path with query.
fn split(rest: &str) -> (&str, &str) {
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    }
}

fn resolve(authority: &str, path: &str, location: &str) -> String {
    if location.contains("://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("http://{rest}")
    } else if location.starts_with('/') {
        format!("http://{authority}{location}")
    } else {
        let directory =
            path.split('?').next().unwrap_or_default().rsplit_once('/').map_or("", |(start, _)| start);
        format!("http://{authority}{directory}/{location}")
    }
}

fn request<'a>(authority: &str, path: &str, patience: Patience<'a>) -> io::Result<Connection<'a>> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port { host.to_owned() } else { format!("{host}:80") };
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("'{host}' has no address"));
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience.stall) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(LOOK))?;
                stream.set_write_timeout(Some(patience.stall))?;
                let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
                if path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, "it has blanks in it"));
                }
                let text = format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(text.as_bytes())?;
                return Ok(Connection { stream, patience });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

struct Head {
    status: u16,
    location: Option<String>,
    body: Body,
}

/// How the end of a body is told.
enum Body {
    Length(u64),
    Chunked,
    UntilClosed,
}

fn read_head(answer: &mut BufReader<Connection<'_>>) -> io::Result<Head> {
    let mut limited = answer.take(HEAD_MAX);
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        if limited.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Err(io::Error::other("the answer is not HTTP, or its headers are too long"));
        }
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let status = first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
        .ok_or_else(|| io::Error::other("the answer is not HTTP"))?;
    let mut head = Head { status, location: None, body: Body::UntilClosed };
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else {
            return if line.is_empty() {
                Ok(head)
            } else {
                Err(io::Error::other("a header line is malformed"))
            };
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "location" => head.location = Some(value.to_owned()),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => head.body = Body::Chunked,
            "content-length" if !matches!(head.body, Body::Chunked) => {
                let length =
                    value.parse().map_err(|_| io::Error::other("the Content-Length is not a number"))?;
                head.body = Body::Length(length);
            }
            _ => {}
        }
    }
}

fn save(
    mut answer: BufReader<Connection<'_>>,
    body: Body,
    target: &Path,
    patience: Patience<'_>,
) -> io::Result<()> {
    let cancelled = patience.cancelled;
    let mut file = File::create(target)?;
    match body {
        Body::UntilClosed => copy_all(&mut answer, &mut file, cancelled).map(drop),
        Body::Length(length) => {
            let got = copy_all(&mut (&mut answer).take(length), &mut file, cancelled)?;
            if got < length {
                return Err(cut_short(got, length));
            }
            // It was asked to close the connection after its answer: what came after belongs to the file, and
            // the announcement was wrong.
            if !answer.buffer().is_empty() {
                return Err(io::Error::other(format!("more than the announced {length} bytes came")));
            }
            Ok(())
        }
        Body::Chunked => loop {
            let mut line = String::new();
            (&mut answer).take(1024).read_line(&mut line)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let length =
                u64::from_str_radix(size, 16).map_err(|_| io::Error::other("a chunk's size is malformed"))?;
            if length == 0 {
                return Ok(());
            }
            let got = copy_all(&mut (&mut answer).take(length), &mut file, cancelled)?;
            if got != length {
                return Err(cut_short(got, length));
            }
            let mut end = [0; 2];
            answer.read_exact(&mut end)?;
        },
    }
}

fn cut_short(got: u64, announced: u64) -> io::Error {
    io::Error::other(format!("only {got} of the announced {announced} bytes came"))
}
