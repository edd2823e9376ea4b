//! Answers, as bytes.

use std::{cell::RefCell, io::Write as _, time::SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::{
    exchange::{Body, Response},
    stream::StreamBody,
};

/// Bodies from this size on are compressed for those who take gzip; Mesos has the same bound.
const GZIP_BYTES_MIN: usize = 1024;

/// What is left to send after the head.
pub(super) enum Rest {
    Nothing,
    Body(Bytes),
    Stream(StreamBody),
}

/// Writes the head of `response` to `out`, and its body too if it is small.
pub(super) fn response(out: &mut BytesMut, response: Response, gzip: bool, head_only: bool) -> Rest {
    let Response { status, mut headers, body } = response;
    let (body, length) = match body {
        Body::Empty => (None, Some(0)),
        Body::Full(body)
            if gzip && body.len() >= GZIP_BYTES_MIN && !headers.contains_key(header::CONTENT_ENCODING) =>
        {
            let body = compress(&body);
            status_line(out, status);
            out.put_slice(b"Content-Encoding: gzip\r\n");
            let length = body.len();
            return finish(out, headers, Some(body), length, head_only);
        }
        Body::Full(body) => {
            let length = body.len();
            (Some(body), Some(length))
        }
        Body::Stream(stream) => {
            status_line(out, status);
            headers.remove(header::CONTENT_LENGTH);
            if headers.contains_key(header::TRANSFER_ENCODING) {
                fields(out, &headers, 0);
                date(out);
            } else {
                date(out);
                out.put_slice(b"Transfer-Encoding: chunked\r\n");
                fields(out, &headers, 0);
            }
            out.put_slice(b"\r\n");
            return if head_only { Rest::Nothing } else { Rest::Stream(stream) };
        }
    };
    status_line(out, status);
    finish(out, headers, body, length.unwrap_or(0), head_only)
}

fn finish(
    out: &mut BytesMut,
    headers: HeaderMap,
    body: Option<Bytes>,
    length: usize,
    head_only: bool,
) -> Rest {
    date(out);
    fields(out, &headers, length);
    if !headers.contains_key(header::CONTENT_LENGTH) {
        field(out, &header::CONTENT_LENGTH, length.to_string().as_bytes());
    }
    out.put_slice(b"\r\n");
    match body {
        Some(body) if !head_only && body.len() <= 32 * 1024 => {
            out.put_slice(&body);
            Rest::Nothing
        }
        Some(body) if !head_only => Rest::Body(body),
        _ => Rest::Nothing,
    }
}

fn status_line(out: &mut BytesMut, status: StatusCode) {
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
    out.put_slice(b"\r\n");
}

fn fields(out: &mut BytesMut, headers: &HeaderMap, length: usize) {
    for (name, value) in headers {
        if name == header::CONTENT_LENGTH {
            field(out, name, length.to_string().as_bytes());
        } else {
            field(out, name, value.as_bytes());
        }
    }
}

fn field(out: &mut BytesMut, name: &HeaderName, value: &[u8]) {
    spell(out, name);
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// `mesos-stream-id` is written `Mesos-Stream-Id`, and the one that has its own way as Mesos writes it.
fn spell(out: &mut BytesMut, name: &HeaderName) {
    if name == header::WWW_AUTHENTICATE {
        return out.put_slice(b"WWW-Authenticate");
    }
    let mut start = true;
    for byte in name.as_str().bytes() {
        out.put_u8(if start { byte.to_ascii_uppercase() } else { byte });
        start = byte == b'-';
    }
}

fn date(out: &mut BytesMut) {
    thread_local! {
        static LAST: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now();
    let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|(of, text)| {
        if *of != second || text.is_empty() {
            *text = format!("Date: {}\r\n", httpdate::fmt_http_date(now));
            *of = second;
        }
        out.put_slice(text.as_bytes());
    });
}

fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    // Writing to memory does not fail; were it to, the original is still a right answer to nobody.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_mesos_writes_them() {
        for (name, written) in [
            ("mesos-stream-id", "Mesos-Stream-Id"),
            ("content-type", "Content-Type"),
            ("date", "Date"),
            ("www-authenticate", "WWW-Authenticate"),
        ] {
            let mut out = BytesMut::new();
            field(&mut out, &HeaderName::from_static(name), b"value");
            assert_eq!(out, format!("{written}: value\r\n"));
        }
    }
}
