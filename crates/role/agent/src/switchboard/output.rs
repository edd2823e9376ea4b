//! What comes out of a container, on its way to those who are attached.

use std::{
    fs::File,
    future::pending,
    io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tepui_containment::ContainerIo;
use tepui_wire_mesos::v1::agent::{ProcessIo, process_io::data::Type};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::mpsc,
    time::{Instant, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{HEARTBEAT, Reader, careful, data, heartbeat, input::Sink};

/// Read at once, in bytes.
const PIECE: usize = 16 * 1024;
/// How long a reader may hold up a container that is not its own.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an ended container must be silent.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// One of a container's outputs.
struct Source {
    kind: Type,
    reader: Option<Pin<Box<dyn AsyncRead + Send>>>,
    log: Option<File>,
}

impl Source {
    fn new(kind: Type, reader: impl AsyncRead + Send + 'static, log: Option<&Path>, name: &str) -> Self {
        let open = |directory: &Path| {
            let path = directory.join(name);
            // A task may have put something else there.
            File::options().append(true).create(true).custom_flags(careful()).open(path)
        };
        let log = log.and_then(|directory| {
            open(directory)
                .inspect_err(|error| tracing::warn!("cannot keep a container's output: {error}"))
                .ok()
        });
        Self { kind, reader: Some(Box::pin(reader)), log }
    }

    /// The next piece; `None` at the end. For ever after that.
    async fn read(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        let Some(reader) = &mut self.reader else { return pending().await };
        buffer.reserve(PIECE);
        match reader.read_buf(buffer).await {
            Ok(1..) => {
                let piece = buffer.split().freeze();
                self.keep(&piece);
                Some(piece)
            }
            _ => {
                self.reader = None;
                None
            }
        }
    }

    /// Writes to the log what it can; a full disk is no reason to stop the container.
    fn keep(&mut self, piece: &[u8]) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.write_all(piece)
            && error.kind() != io::ErrorKind::StorageFull
        {
            tracing::warn!("a container's output is not kept any more: {error}");
            self.log = None;
        }
    }
}

/// All of a container's outputs.
pub(super) struct Output {
    sources: [Option<Source>; 2],
    readers: Readers,
}

impl Output {
    /// Takes a container's ends apart.
    pub(super) fn of(io: ContainerIo, log: Option<PathBuf>) -> (Sink, Self) {
        let log = log.as_deref();
        match io {
            ContainerIo::Pipes { stdin, stdout, stderr } => {
                let sources = [
                    Some(Source::new(Type::Stdout, stdout, log, "stdout")),
                    Some(Source::new(Type::Stderr, stderr, log, "stderr")),
                ];
                (Sink::Pipe(Some(stdin)), Self { sources, readers: Readers::default() })
            }
            ContainerIo::Tty(tty) => {
                let sink = match tty.try_clone() {
                    Ok(other) => Sink::Tty(other),
                    Err(error) => {
                        tracing::warn!("a container's terminal takes no input: {error}");
                        Sink::Pipe(None)
                    }
                };
                let sources = [Some(Source::new(Type::Stdout, tty, log, "stdout")), None];
                (sink, Self { sources, readers: Readers::default() })
            }
        }
    }

    /// Passes everything on until there is nothing more.
    pub(super) async fn run(
        mut self,
        mut attaching: mpsc::Receiver<Reader>,
        wait: bool,
        ended: CancellationToken,
    ) {
        if wait {
            // What comes out is for one reader, who is about to come.
            tokio::select! {
                reader = attaching.recv() => self.readers.all.extend(reader),
                () = ended.cancelled() => self.readers.all.extend(attaching.try_recv().ok()),
            }
        }
        self.pass_on(&mut attaching, &ended).await;
        // A stream that ends says that its container has: whoever closes a session's would kill one that is just ending.
        self.readers.wait(&mut attaching, &ended).await;
    }

    /// Until there is nothing more, or nothing comes of a container that has ended: something that fled from it may have
    /// its output open.
    async fn pass_on(&mut self, attaching: &mut mpsc::Receiver<Reader>, ended: &CancellationToken) {
        let Self { sources: [first, second], readers } = self;
        let mut heartbeats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        let mut buffers = [BytesMut::new(), BytesMut::new()];
        let [one, other] = &mut buffers;
        loop {
            let open =
                |source: &Option<Source>| source.as_ref().is_some_and(|source| source.reader.is_some());
            if !open(first) && !open(second) {
                return;
            }
            tokio::select! {
                (kind, piece) = next(first, one) => readers.tell_piece(kind, piece).await,
                (kind, piece) = next(second, other) => readers.tell_piece(kind, piece).await,
                Some(reader) = attaching.recv() => readers.all.push(reader),
                _ = heartbeats.tick() => readers.tell(&heartbeat()).await,
                () = silence(ended) => return,
            }
        }
    }
}

async fn silence(ended: &CancellationToken) {
    ended.cancelled().await;
    tokio::time::sleep(LAST_WORDS).await;
}

async fn next(source: &mut Option<Source>, buffer: &mut BytesMut) -> (Type, Option<Bytes>) {
    match source {
        Some(source) => (source.kind, source.read(buffer).await),
        None => pending().await,
    }
}

/// All who are attached.
#[derive(Debug, Default)]
pub(super) struct Readers {
    pub(super) all: Vec<Reader>,
}

impl Readers {
    /// Nothing more comes out; those who are attached stay until the end.
    async fn wait(&mut self, attaching: &mut mpsc::Receiver<Reader>, ended: &CancellationToken) {
        let mut heartbeats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                Some(reader) = attaching.recv() => self.all.push(reader),
                _ = heartbeats.tick() => self.tell(&heartbeat()).await,
            }
        }
    }

    pub(super) async fn tell_piece(&mut self, kind: Type, piece: Option<Bytes>) {
        if let Some(piece) = piece {
            self.tell(&data(kind, piece)).await;
        }
    }

    /// Sends a record to everybody, and lets go of those who left or do not keep up.
    pub(super) async fn tell(&mut self, record: &ProcessIo) {
        for Reader { sender, accept, own } in &self.all {
            if *own {
                sender.room().await;
            } else if timeout(PATIENCE, sender.room()).await.is_err() {
                tracing::warn!("letting go of one who is attached to a container and does not read");
                sender.abort();
            }
            let _ = sender.try_send_record(&accept.encode(record));
        }
        self.all.retain(|reader| !reader.sender.is_closed());
    }
}
