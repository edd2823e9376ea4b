//! What is done to files here, one step at a time. In tests the machine can be made to stop at any step, and within a write
//! at any byte. Must not live here: what is written where.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

#[cfg(test)]
pub(crate) mod crash;

/// Whether one more step may be taken.
fn step() -> io::Result<()> {
    #[cfg(test)]
    crash::steps(1)?;
    Ok(())
}

pub(crate) fn create(path: &Path) -> io::Result<File> {
    step()?;
    File::create(path)
}

pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    step()?;
    File::options().append(true).create(true).open(path)
}

/// Writes all of a file that nobody reads yet.
pub(crate) fn fill(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    if let Err(reached) = crash::steps(2) {
        file.write_all(&bytes[..bytes.len() * reached.0 / 2])?;
        return Err(reached.into());
    }
    file.write_all(bytes)
}

/// Writes at the end of a file that is read whatever it ends with.
pub(crate) fn write(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    let bytes = match crash::steps(bytes.len()) {
        Ok(()) => bytes,
        Err(reached) => {
            file.write_all(&bytes[..reached.0])?;
            return Err(reached.into());
        }
    };
    file.write_all(bytes)
}

pub(crate) fn cut(file: &File, length: u64) -> io::Result<()> {
    step()?;
    file.set_len(length)
}

pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step()?;
    fs::rename(from, to)
}

pub(crate) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    step()?;
    std::os::unix::fs::symlink(target, link)
}

pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    step()?;
    fs::create_dir_all(path)
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    step()?;
    if_there(fs::remove_file(path))
}

/// Removes a directory if it is empty. Whether it was.
pub(crate) fn remove_empty(path: &Path) -> io::Result<bool> {
    step()?;
    Ok(fs::remove_dir(path).is_ok())
}

/// Removes a directory with everything in it, if it is there.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    crash::remove_all_but_for_the_steps(path)?;
    if_there(fs::remove_dir_all(path))
}

/// Forces a directory's names to the disk, and those of the directories above it, up to `top`.
pub(crate) fn sync_names(directory: &Path, top: &Path) -> io::Result<()> {
    for directory in directory.ancestors().take_while(|directory| directory.starts_with(top)) {
        sync(&File::open(directory)?)?;
    }
    Ok(())
}

/// Forces a file to the disk. Tests stop the machine between steps instead.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}

fn if_there(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
