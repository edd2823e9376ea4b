//! Files that others may read: those below attached paths, and no others, whatever links and `..` say.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use serde_json::{Map, Value};
use tepui_containment::user;
use tepui_wire_legacy::put;
use tepui_wire_mesos::v1;

/// Most that is read at once, in bytes: sixteen pages.
const READ_MAX: u64 = 16 * 4096;

/// Why a file is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// It is not there, or not for others to see; they are not told which.
    #[error("not found")]
    NotFound,
    /// It is a directory.
    #[error("Cannot read a directory.\n")]
    Directory,
    /// The system would not.
    #[error("Failed to read: {0}")]
    Io(io::Error),
}

impl From<io::Error> for FilesError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}

/// Paths that others know, and what is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached(BTreeMap<String, PathBuf>);

impl Attached {
    /// Attaches `path` as `name`, in place of what was there.
    pub(crate) fn add(&mut self, name: impl Into<String>, path: PathBuf) {
        self.0.insert(name.into(), path);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.0.iter().map(|(name, path)| (name.as_str(), path.as_path()))
    }

    /// The real path of what is asked for, if it is at or below something attached.
    fn resolve(&self, asked: &str) -> Result<PathBuf, FilesError> {
        let mut end = asked.trim_end_matches('/').len();
        let asked = asked.get(..end).unwrap_or_default();
        loop {
            let name = asked.get(..end).unwrap_or_default();
            if let Some(path) = self.0.get(name) {
                let below = Path::new(asked.get(end..).unwrap_or_default().trim_start_matches('/'));
                if !below.components().all(|part| matches!(part, Component::Normal(_))) {
                    return Err(FilesError::NotFound);
                }
                // What links lead to counts, not where they are.
                let top = path.canonicalize()?;
                let real = top.join(below).canonicalize()?;
                return if real.starts_with(&top) { Ok(real) } else { Err(FilesError::NotFound) };
            }
            end = name.rfind('/').ok_or(FilesError::NotFound)?;
        }
    }
}

/// A file in a list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    path: String,
    mode: u32,
    nlink: u64,
    size: u64,
    mtime_secs: i64,
    uid: String,
    gid: String,
}

impl Entry {
    fn new(path: String, metadata: &fs::Metadata, names: &mut Names) -> Self {
        Self {
            path,
            mode: metadata.mode(),
            nlink: metadata.nlink(),
            size: metadata.size(),
            mtime_secs: metadata.mtime(),
            uid: names.user(metadata.uid()),
            gid: names.group(metadata.gid()),
        }
    }

    /// As `/files/browse` shows it.
    #[expect(clippy::cast_precision_loss, reason = "seconds of our time fit a double")]
    pub(crate) fn legacy(&self) -> Value {
        let mut object = Map::new();
        put(&mut object, "gid", self.gid.as_str());
        put(&mut object, "mode", mode_text(self.mode));
        put(&mut object, "mtime", self.mtime_secs as f64);
        put(&mut object, "nlink", self.nlink);
        put(&mut object, "path", self.path.as_str());
        put(&mut object, "size", self.size);
        put(&mut object, "uid", self.uid.as_str());
        object.into()
    }
}

impl From<Entry> for v1::FileInfo {
    fn from(entry: Entry) -> Self {
        Self {
            path: entry.path,
            nlink: i32::try_from(entry.nlink).ok(),
            size: Some(entry.size),
            mtime: Some(v1::TimeInfo { nanoseconds: entry.mtime_secs.saturating_mul(1_000_000_000) }),
            mode: Some(entry.mode),
            uid: Some(entry.uid),
            gid: Some(entry.gid),
        }
    }
}

/// Names of users and groups, each looked up once.
#[derive(Default)]
struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Names {
    fn user(&mut self, uid: u32) -> String {
        self.users.entry(uid).or_insert_with(|| user::name_of(uid)).clone()
    }

    fn group(&mut self, gid: u32) -> String {
        self.groups.entry(gid).or_insert_with(|| user::group_name_of(gid)).clone()
    }
}

/// The files of a directory, ordered by name; of a file, itself.
pub(crate) fn list(attached: &Attached, asked: &str) -> Result<Vec<Entry>, FilesError> {
    let real = attached.resolve(asked)?;
    let asked = asked.trim_end_matches('/');
    let mut names = Names::default();
    let metadata = fs::metadata(&real)?;
    if !metadata.is_dir() {
        return Ok(vec![Entry::new(asked.to_owned(), &metadata, &mut names)]);
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(real)? {
        let entry = entry?;
        // A link that leads nowhere is shown as itself; a file that has just gone is not shown.
        let metadata = match fs::metadata(entry.path()).or_else(|_| entry.metadata()) {
            Ok(metadata) => metadata,
            Err(_) => continue,
        };
        let path = format!("{asked}/{}", entry.file_name().to_string_lossy());
        entries.push(Entry::new(path, &metadata, &mut names));
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

/// A piece of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    /// How long the file is.
    pub(crate) size: u64,
    pub(crate) data: Vec<u8>,
}

/// Reads a piece. Without an offset nothing is read: that is how clients learn the size.
pub(crate) fn read(
    attached: &Attached,
    asked: &str,
    offset: Option<u64>,
    length: Option<u64>,
) -> Result<Piece, FilesError> {
    let (mut file, size) = open(attached, asked)?;
    let Some(offset) = offset.filter(|offset| *offset < size) else {
        return Ok(Piece { size, data: Vec::new() });
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut data = Vec::new();
    file.take(length.unwrap_or(READ_MAX).min(READ_MAX)).read_to_end(&mut data)?;
    Ok(Piece { size, data })
}

/// All of a file, and its name.
pub(crate) fn download(attached: &Attached, asked: &str) -> Result<(String, Vec<u8>), FilesError> {
    let (file, size) = open(attached, asked)?;
    let mut data = Vec::new();
    // It may grow while it is read: what it had is what was asked for.
    file.take(size).read_to_end(&mut data)?;
    let name = asked.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Ok((name.to_owned(), data))
}

fn open(attached: &Attached, asked: &str) -> Result<(File, u64), FilesError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let real = attached.resolve(asked)?;
    // Not blocking: a task may have put a pipe there.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(real)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(FilesError::Directory);
    }
    if !metadata.is_file() {
        return Err(FilesError::NotFound);
    }
    Ok((file, metadata.len()))
}

/// As `ls` shows it: `-rw-r--r--`.
fn mode_text(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o010_000 => 'p',
        0o140_000 => 's',
        0o020_000 => 'c',
        0o060_000 => 'b',
        _ => '-',
    };
    let bits = [
        (0o400, 'r'),
        (0o200, 'w'),
        (0o100, 'x'),
        (0o40, 'r'),
        (0o20, 'w'),
        (0o10, 'x'),
        (4, 'r'),
        (2, 'w'),
        (1, 'x'),
    ];
    let bits = bits.map(|(bit, letter)| if mode & bit == 0 { '-' } else { letter });
    std::iter::once(kind).chain(bits).collect()
}

#[cfg(test)]
mod tests;
