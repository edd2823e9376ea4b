//! Records: four bytes of length in the machine's own order, and that many bytes.

use std::{fs, io, path::Path};

use prost::Message;

use super::disk;

/// Longest record that is believed, in bytes.
const RECORD_MAX: usize = 256 << 20;

/// A message as a record.
pub(crate) fn encode(message: &impl Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut record = Vec::with_capacity(4 + length);
    record.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    record.extend(message.encode_to_vec());
    record
}

/// The records of `bytes`, and how many bytes of it are whole records that can be read.
pub(crate) fn decode_all<M: Message + Default>(bytes: &[u8]) -> (Vec<M>, usize) {
    let (mut messages, mut whole) = (Vec::new(), 0);
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
        if length > RECORD_MAX {
            break;
        }
        let Some((body, after)) = after.split_at_checked(length) else { break };
        let Ok(message) = M::decode(body) else { break };
        messages.push(message);
        whole += 4 + length;
        rest = after;
    }
    (messages, whole)
}

/// Reads a file that is one record.
pub(crate) fn read_one<M: Message + Default>(path: &Path) -> io::Result<M> {
    let bytes = fs::read(path)?;
    let (mut messages, whole) = decode_all(&bytes);
    match messages.pop() {
        Some(message) if whole == bytes.len() && messages.is_empty() => Ok(message),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not one whole record")),
    }
}

/// Puts `contents` where `path` is, all or nothing. Directories are made as needed. Below `on_disk`, if it is given, it is on
/// the disk when this returns, whatever the machine does then.
pub(crate) fn replace(path: &Path, contents: &[u8], on_disk: Option<&Path>) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut file = with_parents(&temporary, || disk::create(&temporary))?;
    disk::fill(&mut file, contents)?;
    if on_disk.is_some() {
        disk::sync(&file)?;
    }
    drop(file);
    disk::rename(&temporary, path)?;
    sync_names(path, on_disk)
}

/// Appends a record. What a failed write leaves behind is cut off again.
pub(crate) fn append(path: &Path, record: &[u8], on_disk: Option<&Path>) -> io::Result<()> {
    let mut file = with_parents(path, || disk::open_to_append(path))?;
    let result = disk::write(&mut file, record);
    if result.is_err()
        && let Ok(metadata) = file.metadata()
    {
        let (_, whole) = fs::read(path)
            .map(|bytes| decode_all::<tepui_wire_mesos::internal::StatusUpdateRecord>(&bytes))
            .unwrap_or_default();
        if whole as u64 != metadata.len() {
            let _ = disk::cut(&file, whole as u64);
        }
    }
    result?;
    if on_disk.is_some() {
        disk::sync(&file)?;
        // A file that grows keeps its name.
        if file.metadata()?.len() == record.len() as u64 {
            sync_names(path, on_disk)?;
        }
    }
    Ok(())
}

fn sync_names(path: &Path, on_disk: Option<&Path>) -> io::Result<()> {
    match (on_disk, path.parent()) {
        (Some(top), Some(directory)) => disk::sync_names(directory, top),
        _ => Ok(()),
    }
}

/// Does something to a file, and once more with its directories when they are missing.
fn with_parents<T>(path: &Path, mut action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    match action() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            action()
        }
        other => other,
    }
}

/// Points the link at `target`, replacing it at once.
pub(crate) fn link(link: &Path, target: &Path, on_disk: Option<&Path>) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    let temporary = link.with_file_name(".latest.new");
    disk::remove_file(&temporary)?;
    with_parents(&temporary, || disk::symlink(target, &temporary))?;
    disk::rename(&temporary, link)?;
    sync_names(link, on_disk)
}
