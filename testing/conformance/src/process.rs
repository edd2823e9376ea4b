//! Processes that do not outlive the test that started them.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Outcome, Problem};

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Asks again and again until there is an answer, or `limit` has passed.
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Outcome<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() > end {
            return Err(format!("waited {limit:?} in vain for {what}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A remark that is seen even while the test harness captures output.
pub fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A background process with its output in files. Killed, by its pid, when dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command`; its output goes to `directory/name.log`.
    pub fn start(name: &str, command: &mut Command, directory: &Path) -> Outcome<Self> {
        fs::create_dir_all(directory)?;
        let log = directory.join(format!("{name}.log"));
        let file = fs::File::create(&log)?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("cannot start {name} ({:?}): {error}", command.get_program()))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has written so far.
    pub fn output(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits until `ready` says so. A process that ends meanwhile is an error with its output.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Outcome {
        let name = self.name.clone();
        let ended: Option<Problem> = wait_for(&format!("{name} to be ready"), limit, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(Some(format!("{name} ended with {status}:\n{}", tail(&self.output())).into()));
            }
            ready().then_some(None)
        })
        .map_err(|error| format!("{error}; its output:\n{}", tail(&self.output())))?;
        ended.map_or(Ok(()), Err)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Outcome {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no pid")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Outcome<ExitStatus> {
        let name = self.name.clone();
        wait_for(&format!("the end of {name}"), limit, || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            remark(&format!("--- {} said:\n{}", self.name, tail(&self.output())));
        }
    }
}

/// The last lines of an output.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Runs a program to its end. Its output is the answer when it exits with 0, and part of the error otherwise.
pub fn run_to_end(name: &str, command: &mut Command, directory: &Path, limit: Duration) -> Outcome<String> {
    let mut running = Running::start(name, command, directory)?;
    let status =
        running.wait(limit).map_err(|error| format!("{error}; its output:\n{}", tail(&running.output())))?;
    if status.success() {
        Ok(running.output())
    } else {
        Err(format!("{name} ended with {status}; its output:\n{}", tail(&running.output())).into())
    }
}

/// A directory for one test. When it is dropped, processes that still live in it (executors whose agent was killed) are
/// killed by their pid, and it is removed, or kept for a look when the test failed.
#[derive(Debug)]
pub struct Yard {
    directory: Option<tempfile::TempDir>,
    path: PathBuf,
}

impl Yard {
    /// An empty directory.
    pub fn new() -> Outcome<Self> {
        let directory = tempfile::Builder::new().prefix("tepui-conformance-").tempdir()?;
        let path = directory.path().to_owned();
        Ok(Self { directory: Some(directory), path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the directory there for a look; what lives in it is ended all the same.
    pub fn keep(mut self) -> PathBuf {
        self.directory.take().map(tempfile::TempDir::keep);
        self.path.clone()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        // Again and again: one that is killed may have started another meanwhile, and none may write any more.
        let _ = wait_for("the end of what lives here", Duration::from_secs(5), || {
            let left = inhabitants(&self.path);
            for pid in &left {
                let _ = kill_process(*pid, Signal::KILL);
            }
            left.is_empty().then_some(())
        });
        if thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            remark(&format!("--- kept {}", directory.keep().display()));
        }
    }
}

/// Runs a test in a yard of its own. When it fails it panics with the problem in plain words, and the yard is kept.
#[track_caller]
pub fn in_yard(test: impl FnOnce(&Yard) -> Outcome) {
    let outcome = Yard::new().and_then(|yard| {
        let outcome = test(&yard);
        if let Err(problem) = outcome {
            panic!("{problem}");
        }
        outcome
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
}

/// Processes whose current directory is inside `directory`, or that were told to work there.
pub fn inhabitants(directory: &Path) -> Vec<Pid> {
    let lives_there = |process: &Path| {
        let name = directory.as_os_str().as_encoded_bytes();
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory))
            || fs::read(process.join("cmdline"))
                .is_ok_and(|arguments| arguments.windows(name.len()).any(|window| window == name))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| lives_there(&entry.path()))
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw))
        .filter(|pid| *pid != rustix::process::getpid())
        .collect()
}
