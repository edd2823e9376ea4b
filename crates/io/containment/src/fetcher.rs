//! Brings files into a sandbox before its process starts.
//!
//! Paths and `file://` are copied, `http://` is fetched by ourselves, `https://` and `ftp://` by the
//! system's `curl` where there is one. Archives are extracted by their names as Mesos does: `.tar`, `.tgz`,
//! `.tar.gz`, `.gz` and `.zip` by ourselves, bzip2 and xz by the system's `tar`. Everything is done with
//! the rights of the container's user, never with more.

mod archive;
mod http;

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Gid, Uid};

use crate::{launch::Uri, user::Credentials};

/// A URI that could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Failed to fetch '{uri}': {reason}")]
pub struct FetchError {
    /// Which.
    pub uri: String,
    /// Why.
    pub reason: String,
}

/// How long a fetch goes on.
#[derive(Clone, Copy, Debug)]
pub struct Patience<'a> {
    /// Without a byte for this long it has failed (Mesos's `--fetcher_stall_timeout`).
    pub stall: Duration,
    /// It is not wanted any more when this becomes true.
    pub cancelled: &'a AtomicBool,
}

/// How often it is looked whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

impl Patience<'_> {
    /// An error when it is not wanted any more, or when nothing has happened since `last` for too long.
    fn check(&self, last: Instant) -> io::Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("cancelled"));
        }
        if last.elapsed() >= self.stall {
            let seconds = self.stall.as_secs_f64();
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it has stalled: not a byte came for {seconds} seconds"),
            ));
        }
        Ok(())
    }
}

/// Fetches all of them, one after the other, as `credentials` says (`None`: as ourselves).
///
/// # Errors
/// The first failure. What was fetched before stays in the sandbox.
pub fn fetch_all(
    uris: &[Uri],
    sandbox: &Path,
    credentials: Option<&Credentials>,
    patience: Patience<'_>,
) -> Result<(), FetchError> {
    let all = || {
        uris.iter().try_for_each(|uri| {
            fetch(uri, sandbox, patience)
                .map_err(|reason| FetchError { uri: uri.value.clone(), reason: reason.to_string() })
        })
    };
    let Some(credentials) = credentials else { return all() };
    // A thread of its own gives up its rights for good, and with them every program that it starts.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let failed = |error: rustix::io::Errno| FetchError {
                uri: uris.first().map(|uri| uri.value.clone()).unwrap_or_default(),
                reason: format!("cannot become the task's user: {error}"),
            };
            become_user(credentials).map_err(failed)?;
            all()
        });
        thread.join().unwrap_or_else(|_| {
            Err(FetchError { uri: String::new(), reason: "the fetcher stopped unexpectedly".to_owned() })
        })
    })
}

/// Changes this thread only, unlike the C library's functions.
fn become_user(credentials: &Credentials) -> Result<(), rustix::io::Errno> {
    let groups: Vec<Gid> = credentials.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let (gid, uid) = (Gid::from_raw(credentials.gid), Uid::from_raw(credentials.uid));
    rustix::thread::set_thread_groups(&groups)?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)
}

fn fetch(uri: &Uri, sandbox: &Path, patience: Patience<'_>) -> io::Result<()> {
    let cancelled = patience.cancelled;
    let target = sandbox.join(output_name(uri)?);
    if let Some(directory) = target.parent() {
        fs::create_dir_all(directory)?;
    }
    let scheme = uri.value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        None => copy_local(Path::new(&uri.value), &target, cancelled)?,
        Some("file") => {
            let path = uri.value.get("file://".len()..).unwrap_or_default();
            copy_local(Path::new(path.strip_prefix("localhost").unwrap_or(path)), &target, cancelled)?;
        }
        Some("http") => http::get(&uri.value, &target, patience)?,
        Some("https" | "ftp" | "ftps") => with_curl(&uri.value, &target, patience)?,
        Some(scheme) => return Err(io::Error::other(format!("the scheme '{scheme}' is not supported"))),
    }
    if uri.executable {
        let mode = fs::metadata(&target)?.permissions().mode();
        fs::set_permissions(&target, fs::Permissions::from_mode(mode | 0o111))?;
    } else if uri.extract {
        archive::extract(&target, cancelled)?;
    }
    Ok(())
}

/// Where it goes: always inside the sandbox.
fn output_name(uri: &Uri) -> io::Result<PathBuf> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why);
    if let Some(name) = uri.output_file.as_deref().filter(|name| !name.is_empty()) {
        let path = PathBuf::from(name);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        return if inside { Ok(path) } else { Err(invalid("output_file must stay inside the sandbox")) };
    }
    let path = match uri.value.split_once("://") {
        // Without a path there is no name, and the host is none.
        Some((_, rest)) => {
            rest.split(['?', '#']).next().unwrap_or_default().split_once('/').map(|(_, path)| path)
        }
        None => Some(uri.value.as_str()),
    };
    match path.unwrap_or_default().rsplit('/').next() {
        None | Some("" | "." | "..") => Err(invalid("it has no file name; set output_file")),
        Some(name) => Ok(PathBuf::from(name)),
    }
}

fn copy_local(path: &Path, target: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    if !path.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "relative paths are not supported"));
    }
    let mut source = File::open(path)?;
    let metadata = source.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut copy = File::create(target)?;
    copy_all(&mut source, &mut copy, cancelled)?;
    copy.set_permissions(metadata.permissions())
}

/// Copies until the end, or until cancelled.
fn copy_all(source: &mut impl Read, target: &mut impl Write, cancelled: &AtomicBool) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut total: u64 = 0;
    loop {
        if cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("cancelled"));
        }
        match source.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(length) => {
                target.write_all(buffer.get(..length).unwrap_or_default())?;
                total += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn with_curl(uri: &str, target: &Path, patience: Patience<'_>) -> io::Result<()> {
    let stall = patience.stall.as_secs().max(1).to_string();
    let mut curl = Command::new("curl")
        .args(["--fail", "--silent", "--show-error", "--location"])
        .args(["--connect-timeout", &stall, "--speed-limit", "1", "--speed-time", &stall, "--output"])
        .arg(target)
        .args(["--", uri])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                io::Error::other("this scheme needs the program 'curl', which is not installed on this agent")
            }
            _ => error,
        })?;
    // It says little more than a line: its pipe cannot fill up.
    while curl.try_wait()?.is_none() {
        if patience.cancelled.load(Ordering::Relaxed) {
            let _ = curl.kill();
        }
        std::thread::sleep(LOOK);
    }
    said_no(&curl.wait_with_output()?)
}

/// Turns a program's failure into an error with its own words.
fn said_no(output: &Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{} ({})", words.trim(), output.status)))
}

#[cfg(test)]
mod tests;
