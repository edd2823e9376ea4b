//! Extraction, by the name of the file.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
    process::Command,
    sync::atomic::AtomicBool,
};

use flate2::read::MultiGzDecoder;

use super::{copy_all, said_no};

/// Extracts `archive` beside itself if its name says that it is one.
pub(super) fn extract(archive: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    let (Some(directory), Some(name)) =
        (archive.parent(), archive.file_name().and_then(|name| name.to_str()))
    else {
        return Ok(());
    };
    let ends =
        |endings: &[&str]| endings.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending));
    let explain = |error: io::Error| io::Error::new(error.kind(), format!("cannot extract it: {error}"));
    let open = || File::open(archive).map(BufReader::new);
    if ends(&[".tar"]) {
        untar(open()?, directory).map_err(explain)
    } else if ends(&[".tgz", ".tar.gz"]) {
        untar(MultiGzDecoder::new(open()?), directory).map_err(explain)
    } else if ends(&[".gz"]) {
        let target = directory.join(name.trim_end_matches(".gz"));
        copy_all(&mut MultiGzDecoder::new(open()?), &mut File::create(target)?, cancelled)
            .map_err(explain)?;
        Ok(())
    } else if ends(&[".zip"]) {
        zip::ZipArchive::new(open()?)
            .and_then(|mut archive| archive.extract(directory))
            .map_err(|error| explain(io::Error::other(error)))
    } else if ends(&[".tbz2", ".tar.bz2", ".txz", ".tar.xz"]) {
        with_tar(archive, directory).map_err(explain)
    } else {
        Ok(())
    }
}

fn untar(reader: impl io::Read, directory: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(reader);
    // Whose files they are in the archive means nothing here.
    archive.set_preserve_ownerships(false);
    archive.unpack(directory)
}

fn with_tar(archive: &Path, directory: &Path) -> io::Result<()> {
    let output = Command::new("tar")
        .args(["--no-same-owner", "-C"])
        .arg(directory)
        .arg("-xf")
        .arg(archive)
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                io::Error::other("bzip2 and xz need the program 'tar', which is not installed on this agent")
            }
            _ => error,
        })?;
    said_no(&output)
}
