//! What tasks and executors write down themselves: one file, a line for each event, so that it tells the truth whoever
//! is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use conformance::Outcome;

/// The notes, read as far as they were written.
#[derive(Debug)]
pub struct Notes {
    path: PathBuf,
    read: u64,
    starts: BTreeMap<String, usize>,
    acknowledged: BTreeMap<String, BTreeSet<String>>,
}

impl Notes {
    /// An empty file.
    pub fn new(path: PathBuf) -> Outcome<Self> {
        File::create(&path)?;
        Ok(Self { path, read: 0, starts: BTreeMap::new(), acknowledged: BTreeMap::new() })
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what is new.
    pub fn read(&mut self) -> Outcome {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[..whole].lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("start"), Some(task), None) => *self.starts.entry(task.to_owned()).or_default() += 1,
                (Some("ack"), Some(task), Some(uuid)) => {
                    self.acknowledged.entry(task.to_owned()).or_default().insert(uuid.to_owned());
                }
                _ => return Err(format!("a strange note: {line}").into()),
            }
        }
        self.read += u64::try_from(whole)?;
        Ok(())
    }

    /// How often a task was begun.
    pub fn starts(&self, task: &str) -> usize {
        self.starts.get(task).copied().unwrap_or_default()
    }

    /// The uuids of a task's updates that its executor was told to have arrived.
    pub fn acknowledged(&self, task: &str) -> Vec<&str> {
        self.acknowledged.get(task).into_iter().flatten().map(String::as_str).collect()
    }
}

/// The shell command that notes a task's start.
pub fn shell_start(notes: &Path, task: &str) -> String {
    format!("echo start {task} >> {}", super::quoted(notes))
}

/// For executors: one line, at once.
pub fn write(notes: &Path, line: &str) {
    let file = fs::OpenOptions::new().append(true).open(notes);
    // One write is one line, however many write. Without the file nobody reads it any more.
    let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
}

/// A uuid as it is noted.
pub fn uuid(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
