//! A runtime directory with its supervisor, and what tests ask of containers.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tepui_containment::{
    Containerizer, Containment, Event, Launch, Options, Program, RecoveredContainer, StartError,
    SupervisorCommand,
};
use tokio::sync::mpsc::Receiver;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) options: Options,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = Options::new(directory.path().join("run"));
        options.supervisor = SupervisorCommand {
            program: env!("CARGO_BIN_EXE_tepui-supervisor").into(),
            arguments: Vec::new(),
        };
        options.containment = Containment::posix();
        Self { directory, options }
    }

    pub(crate) async fn start(&self) -> (Containerizer, Receiver<Event>, Vec<RecoveredContainer>) {
        Containerizer::start(self.options.clone()).await.unwrap()
    }

    /// With these isolators and a cgroup root of its own. `None`, and said, where this machine does not let us.
    pub(crate) fn with(isolation: Containment) -> Option<Self> {
        let mut cluster = Self::new();
        cluster.options.containment = isolation;
        let name = cluster.directory.path().file_name().unwrap().to_str().unwrap();
        cluster.options.containment.cgroups_root = format!("tepui-test-{}", name.trim_start_matches('.'));
        // Whoever becomes another user must get to the sandboxes.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(cluster.directory.path(), mode).unwrap();
        match cluster.options.containment.try_out() {
            Ok(()) => Some(cluster),
            Err(error) => {
                eprintln!("skipped: {error}");
                None
            }
        }
    }

    /// Directories of cgroups with this name below this cluster's root.
    pub(crate) fn cgroups(&self, name: &str) -> Vec<PathBuf> {
        let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        hierarchies
            .map(|entry| entry.path().join(&self.options.containment.cgroups_root).join(name))
            .chain([Path::new("/sys/fs/cgroup").join(&self.options.containment.cgroups_root).join(name)])
            .filter(|directory| directory.is_dir())
            .collect()
    }

    /// The next agent of the same runtime directory. The lock goes when the last one's task has ended.
    pub(crate) async fn start_again(&self) -> (Containerizer, Receiver<Event>, Vec<RecoveredContainer>) {
        loop {
            match Containerizer::start(self.options.clone()).await {
                Ok(started) => return started,
                Err(StartError::InUse { .. }) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
    }

    pub(crate) fn sandbox(&self, id: &str) -> PathBuf {
        self.directory.path().join("sandboxes").join(id)
    }

    pub(crate) fn shell(&self, id: &str, line: &str) -> Launch {
        Launch {
            container_id: id.to_owned(),
            program: Program::Shell(line.to_owned()),
            environment: vec![("GREETING".to_owned(), "hello".to_owned())],
            sandbox: self.sandbox(id),
            ..Launch::default()
        }
    }

    pub(crate) fn output(&self, id: &str, log: &str) -> String {
        fs::read_to_string(self.sandbox(id).join(log)).unwrap_or_default()
    }

    /// Kills the supervisor, and waits until it is gone.
    pub(crate) async fn kill_supervisor(&self) {
        let pid = read_pid(&self.options.runtime_dir.join("supervisor.pid")).unwrap();
        let process = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        until("the supervisor ends", || !is_alive(pid)).await;
    }
}

impl Drop for Cluster {
    /// What the test started ends with it, also when it failed.
    fn drop(&mut self) {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let left = inhabitants(self.directory.path());
            if left.is_empty() || Instant::now() > end {
                for root in self.cgroups("") {
                    remove_cgroups(&root);
                }
                return;
            }
            for pid in left {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn remove_cgroups(directory: &Path) {
    let below = fs::read_dir(directory).into_iter().flatten().flatten();
    for below in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_cgroups(&below.path());
    }
    let _ = fs::remove_dir(directory);
}

/// Processes whose current directory is inside `directory`, or that were told to work there.
fn inhabitants(directory: &Path) -> Vec<rustix::process::Pid> {
    let name = directory.as_os_str().as_encoded_bytes();
    let lives_there = |process: &Path| {
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory))
            || fs::read(process.join("cmdline"))
                .is_ok_and(|arguments| arguments.windows(name.len()).any(|window| window == name))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| lives_there(&entry.path()))
        .filter_map(|entry| rustix::process::Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

pub(crate) async fn next(events: &mut Receiver<Event>) -> Event {
    tokio::time::timeout(PATIENCE, events.recv()).await.expect("an event").expect("an open channel")
}

pub(crate) async fn started(events: &mut Receiver<Event>, id: &str) -> i32 {
    match next(events).await {
        Event::Started { container_id, pid } if container_id == id => pid,
        other => panic!("{id} should have started: {other:?}"),
    }
}

pub(crate) async fn exited(events: &mut Receiver<Event>, id: &str) -> Option<i32> {
    match next(events).await {
        Event::Exited { container_id, status, limitation: None } if container_id == id => status,
        other => panic!("{id} should have exited: {other:?}"),
    }
}

pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}

/// Processes end on their own time: looks again until it is so.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn read_pid(path: &Path) -> Option<i32> {
    // The first word: a process has its start behind it.
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}
