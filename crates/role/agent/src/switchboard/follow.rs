//! Output that goes to files: those who are attached get what is added to them.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::PathBuf,
    time::Duration,
};

use bytes::Bytes;
use tepui_wire_mesos::v1::agent::process_io::data::Type;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{HEARTBEAT, Reader, careful, heartbeat, output::Readers};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Follows `stdout` and `stderr` in `sandbox` until the container has ended or nobody is attached any more.
pub(super) async fn run(sandbox: PathBuf, mut attaching: mpsc::Receiver<Reader>, ended: CancellationToken) {
    let mut readers = Readers::default();
    let mut logs =
        [Log::new(sandbox.join("stdout"), Type::Stdout), Log::new(sandbox.join("stderr"), Type::Stderr)];
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heartbeats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    loop {
        let mut last = false;
        tokio::select! {
            reader = attaching.recv() => match reader {
                Some(reader) => {
                    // The first one begins where the files end now.
                    if readers.all.is_empty() {
                        logs.iter_mut().for_each(Log::skip);
                    }
                    readers.all.push(reader);
                    continue;
                }
                None => last = true,
            },
            _ = heartbeats.tick() => {
                readers.tell(&heartbeat()).await;
                continue;
            }
            _ = looks.tick(), if !readers.all.is_empty() => {}
            () = ended.cancelled() => last = true,
        }
        for log in &mut logs {
            while let Some(piece) = log.read() {
                readers.tell_piece(log.kind, Some(piece)).await;
            }
        }
        if last {
            return;
        }
    }
}

/// A file that grows, and is replaced by a new one now and then.
struct Log {
    path: PathBuf,
    kind: Type,
    file: Option<File>,
    offset: u64,
}

impl Log {
    fn new(path: PathBuf, kind: Type) -> Self {
        Self { path, kind, file: None, offset: 0 }
    }

    /// What was written so far is of no interest.
    fn skip(&mut self) {
        self.file = self.open().ok();
        self.offset = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |file| file.len());
    }

    fn open(&self) -> io::Result<File> {
        let file = File::options().read(true).custom_flags(careful()).open(&self.path)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// What was added.
    fn read(&mut self) -> Option<Bytes> {
        if let Some(piece) = self.read_on() {
            return Some(piece);
        }
        // Log rotation puts a new file in the place of the one that was read to its end, or empties it.
        let now = std::fs::symlink_metadata(&self.path).ok()?;
        let same = self
            .file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .is_some_and(|file| file.ino() == now.ino());
        if same && now.len() >= self.offset {
            return None;
        }
        self.file = self.open().ok();
        self.offset = 0;
        self.read_on()
    }

    fn read_on(&mut self) -> Option<Bytes> {
        let file = self.file.as_mut()?;
        file.seek(SeekFrom::Start(self.offset)).ok()?;
        let mut piece = vec![0; PIECE];
        let length = file.read(&mut piece).ok().filter(|length| *length > 0)?;
        piece.truncate(length);
        self.offset += length as u64;
        Some(piece.into())
    }
}
