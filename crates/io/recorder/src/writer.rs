//! The thread that writes segments, and makes room for them. Must not live here: what stands in them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use tepui_model::Tick;

use crate::Limits;

/// Bytes to be written in one piece.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub bytes: Vec<u8>,
    /// They begin this segment.
    pub begins: Option<u64>,
}

/// Chunks that may wait, whatever their size.
const MAX_CHUNKS: usize = 65_536;

/// The core's end of the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    directory: PathBuf,
    limits: Limits,
    shared: Arc<Shared>,
    thread: Option<(SyncSender<Chunk>, JoinHandle<()>)>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// The disk refused something: nothing is taken before the next segment begins.
    failed: AtomicBool,
}

impl Writer {
    /// A writer below `directory`; it has no run yet.
    pub(crate) fn new(directory: &Path, limits: Limits) -> io::Result<Self> {
        make_directory(directory)?;
        Ok(Self {
            directory: directory.to_path_buf(),
            limits,
            shared: Arc::new(Shared::default()),
            thread: None,
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Begins the run of a core.
    pub(crate) fn name_run(&mut self, core: &str, now: Tick) -> io::Result<()> {
        let run = self.directory.join(format!("{core}-{:020}", now.as_nanos()));
        make_directory(&run)?;
        let (sender, receiver) = sync_channel(MAX_CHUNKS);
        let files = Files {
            directory: self.directory.clone(),
            core: core.to_owned(),
            run,
            limits: self.limits,
            file: None,
        };
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || files.run(&receiver, &shared))?;
        self.thread = Some((sender, thread));
        Ok(())
    }

    /// Whether no more than `bytes` wait.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) <= bytes
    }

    /// Hands over a chunk; `false`: it was not taken.
    pub(crate) fn send(&self, chunk: Chunk, limit: usize) -> bool {
        let Some((sender, _)) = &self.thread else { return false };
        let length = chunk.bytes.len();
        let begins = chunk.begins.is_some();
        if begins {
            self.shared.failed.store(false, Ordering::Relaxed);
        }
        // What begins a segment may be as large as it is: without it nothing could go on.
        if self.shared.failed.load(Ordering::Relaxed)
            || (!begins && !self.has_room(limit.saturating_sub(length)))
        {
            return false;
        }
        self.shared.waiting.fetch_add(length, Ordering::Relaxed);
        let taken = sender.try_send(chunk).is_ok();
        if !taken {
            self.shared.waiting.fetch_sub(length, Ordering::Relaxed);
        }
        taken
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // It ends once it has written what waits; if it has panicked there is nothing more to be done.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Files {
    directory: PathBuf,
    core: String,
    run: PathBuf,
    limits: Limits,
    file: Option<File>,
}

impl Files {
    fn run(mut self, chunks: &Receiver<Chunk>, shared: &Shared) {
        for chunk in chunks {
            let length = chunk.bytes.len();
            if let Err(error) = self.write(&chunk) {
                tracing::warn!("the recording in {} has a gap: {error}", self.run.display());
                self.file = None;
                shared.failed.store(true, Ordering::Relaxed);
            }
            shared.waiting.fetch_sub(length, Ordering::Relaxed);
        }
    }

    fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        if let Some(segment) = chunk.begins {
            self.make_room()?;
            let path = self.run.join(format!("{segment:08}.rec"));
            self.file = Some(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?);
        }
        // Without a file this belongs to a segment that could not be begun: its loss is known.
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(&chunk.bytes))
    }

    /// Deletes the oldest segments of this core until one more has room.
    fn make_room(&self) -> io::Result<()> {
        let mut segments = Vec::new();
        for run in runs_of(&self.directory, &self.core)? {
            for segment in segments_of(&run)? {
                let length = fs::metadata(&segment)?.len();
                segments.push((segment, length));
            }
        }
        let mut total: u64 = segments.iter().map(|(_, length)| length).sum();
        for (segment, length) in segments {
            if total + self.limits.segment <= self.limits.total {
                break;
            }
            fs::remove_file(&segment)?;
            total -= length;
            if let Some(run) = segment.parent().filter(|run| **run != self.run) {
                // Refused while other segments are left in it, as it should be.
                let _ = fs::remove_dir(run);
            }
        }
        Ok(())
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The runs of a core, oldest first.
pub(crate) fn runs_of(directory: &Path, core: &str) -> io::Result<Vec<PathBuf>> {
    let mut runs: Vec<PathBuf> = entries(directory)?
        .into_iter()
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.and_then(|name| name.rsplit_once('-')).is_some_and(|(name, _)| name == core)
        })
        .collect();
    runs.sort();
    Ok(runs)
}

/// The segments of a run, oldest first.
pub(crate) fn segments_of(run: &Path) -> io::Result<Vec<PathBuf>> {
    let mut segments: Vec<PathBuf> =
        entries(run)?.into_iter().filter(|path| path.extension().is_some_and(|it| it == "rec")).collect();
    segments.sort();
    Ok(segments)
}

pub(crate) fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
}
