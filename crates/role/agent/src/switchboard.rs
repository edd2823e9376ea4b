//! Where those who are attached to a container meet it: what comes out goes to all of them, what goes in comes from one.
//!
//! A reader that does not keep up slows its container down: for ever, if the container is its own; else it loses its
//! stream after a while. No more waits for it than [`LIMIT`].

mod follow;
mod input;
mod output;

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderValue, header};
use tepui_containment::ContainerIo;
use tepui_transport::{Response, StreamBody, StreamLimit, StreamSender, negotiate};
use tepui_wire_mesos::{
    ContentType,
    v1::{
        self,
        agent::{ProcessIo, process_io},
    },
};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use self::input::{Input, InputError};
use self::{input::Sink, output::Output};

/// What may wait for one reader.
pub(crate) const LIMIT: StreamLimit = StreamLimit { chunks: 4096, bytes: 1 << 20 };
/// Between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Readers that may wait to be attached.
const ATTACHING_MAX: usize = 16;

/// Somebody who wants what comes out.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) sender: StreamSender,
    pub(crate) accept: ContentType,
    /// The container is its own.
    pub(crate) own: bool,
}

/// Why somebody cannot write into a container, in the words that Mesos has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Nothing goes into it.
    #[error("I/O switchboard server was disabled for this container")]
    Disabled,
    /// Another does.
    #[error("Multiple input connections are not allowed")]
    Taken,
}

/// A container's. Dropped when the container has ended.
#[derive(Debug)]
pub(crate) struct Switchboard {
    readers: mpsc::Sender<Reader>,
    sink: Option<Arc<Mutex<Sink>>>,
    ended: CancellationToken,
    _end: DropGuard,
}

impl Switchboard {
    /// Takes what comes out of a container, at once or (`wait`) when the first reader is there. It is also appended to
    /// `stdout` and `stderr` in the directory `log`.
    pub(crate) fn start(io: ContainerIo, wait: bool, log: Option<PathBuf>) -> Self {
        let (readers, attaching) = mpsc::channel(ATTACHING_MAX);
        let ended = CancellationToken::new();
        let (sink, output) = Output::of(io, log);
        tokio::spawn(output.run(attaching, wait, ended.clone()));
        let sink = Some(Arc::new(Mutex::new(sink)));
        Self { readers, sink, ended: ended.clone(), _end: ended.drop_guard() }
    }

    /// For a container that writes to files in its sandbox: what it adds to them comes out here, too.
    pub(crate) fn follow(sandbox: &std::path::Path) -> Self {
        let (readers, attaching) = mpsc::channel(ATTACHING_MAX);
        let ended = CancellationToken::new();
        tokio::spawn(follow::run(sandbox.to_owned(), attaching, ended.clone()));
        Self { readers, sink: None, ended: ended.clone(), _end: ended.drop_guard() }
    }

    /// False: there are too many, or nothing will come out any more.
    pub(crate) fn attach(&self, reader: Reader) -> bool {
        self.readers.try_send(reader).is_ok()
    }

    /// What is needed to write into the container.
    pub(crate) fn input(&self) -> Result<Input, Refused> {
        let sink = self.sink.as_ref().ok_or(Refused::Disabled)?;
        let sink = sink.clone().try_lock_owned().map_err(|_| Refused::Taken)?;
        Ok(Input::new(sink, self.ended.clone()))
    }
}

/// The answer that a stream of output begins with.
pub(crate) fn response(accept: ContentType, body: StreamBody) -> Response {
    let response = Response::new(http::StatusCode::OK)
        .header(header::CONTENT_TYPE, HeaderValue::from_static(negotiate::RECORDIO))
        .header(http::HeaderName::from_static("message-content-type"), negotiate::content_type_value(accept));
    // In Mesos another process answers, which orders its header fields otherwise.
    let mut response = response.header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    response.body = tepui_transport::Body::Stream(body);
    response
}

/// Something that came out.
fn data(kind: process_io::data::Type, data: bytes::Bytes) -> ProcessIo {
    let data = process_io::Data { r#type: Some(kind.into()), data: Some(data) };
    ProcessIo { r#type: Some(process_io::Type::Data.into()), data: Some(data), control: None }
}

fn heartbeat() -> ProcessIo {
    let nanoseconds = i64::try_from(HEARTBEAT.as_nanos()).unwrap_or(i64::MAX);
    let interval = Some(v1::DurationInfo { nanoseconds });
    let control = process_io::Control {
        r#type: Some(process_io::control::Type::Heartbeat.into()),
        heartbeat: Some(process_io::control::Heartbeat { interval }),
        ..process_io::Control::default()
    };
    ProcessIo { r#type: Some(process_io::Type::Control.into()), data: None, control: Some(control) }
}

/// Flags to open a log with: its container may have put a link or a pipe in its place.
fn careful() -> i32 {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    i32::try_from(flags.bits()).unwrap_or_default()
}
