//! Sandboxes as Mesos lays them out: a directory of mode 0750 that belongs to the container's user, with
//! `stdout` and `stderr` in it, and a link `latest` beside it.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Mode of a sandbox.
pub const MODE: u32 = 0o750;
/// Names of the files that a container's output goes to.
pub const LOGS: [&str; 2] = ["stdout", "stderr"];

/// Makes the sandbox if it is not there, and gives it to `owner` (user and group id).
///
/// # Errors
/// The file system's.
pub fn create(sandbox: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let make = || fs::DirBuilder::new().mode(MODE).create(sandbox);
    match make() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = sandbox.parent() {
                fs::create_dir_all(parent)?;
            }
            make()?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && sandbox.is_dir() => {}
        other => other?,
    }
    if let Some((uid, gid)) = owner {
        // The files are made here because the user's own process could not be trusted to find them empty,
        // and because root's must not belong to root.
        for log in LOGS {
            let file = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o644)
                .custom_flags(libc::O_NOFOLLOW)
                .open(sandbox.join(log))?;
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
        std::os::unix::fs::lchown(sandbox, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Points `directory/latest` at `target`, replacing what was there at once.
///
/// # Errors
/// The file system's.
pub fn link_latest(directory: &Path, target: &Path) -> io::Result<()> {
    let link = directory.join("latest");
    match std::os::unix::fs::symlink(target, &link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let fresh = directory.join(".latest.new");
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            std::os::unix::fs::symlink(target, &fresh)?;
            fs::rename(fresh, link)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    #[test]
    fn makes_it_with_its_parents_and_link() {
        let work = tempfile::tempdir().unwrap();
        let runs = work.path().join("executors/e/runs");
        for run in ["one", "two"] {
            let sandbox = runs.join(run);
            create(&sandbox, None).unwrap();
            create(&sandbox, None).unwrap();
            link_latest(&runs, &sandbox).unwrap();
            assert_eq!(fs::read_link(runs.join("latest")).unwrap(), sandbox);
            assert_eq!(fs::metadata(&sandbox).unwrap().permissions().mode() & 0o777, MODE);
        }
        fs::write(work.path().join("file"), "").unwrap();
        assert!(create(&work.path().join("file"), None).is_err());
    }

    #[test]
    fn gives_it_to_the_user() {
        if rustix::process::geteuid().as_raw() != 0 {
            return;
        }
        let work = tempfile::tempdir().unwrap();
        let sandbox = work.path().join("sandbox");
        create(&sandbox, Some((65534, 65534))).unwrap();
        for path in [sandbox.clone(), sandbox.join("stdout"), sandbox.join("stderr")] {
            assert_eq!(fs::metadata(path).unwrap().uid(), 65534);
        }
    }
}
