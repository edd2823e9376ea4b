//! The containers that a supervisor knows, in memory and in the runtime directory.
//!
//! The files are for the day on which the supervisor itself is killed. They are written a moment late, and
//! not at all for a container that is over and forgotten by then: most short tasks never touch the disk.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use rustix::process::{Pid, PidfdFlags};

/// How many ended groups are remembered, for processes of theirs that turn up late.
const ENDED_MAX: usize = 1024;

/// How late files are written.
const WRITE_DELAY: Duration = Duration::from_millis(50);

/// What is on disk of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDisk {
    Nothing,
    Pid,
    Status,
}

/// One container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) pid: i32,
    pub(crate) state: State,
    /// Directories of cgroups that an ephemeral supervisor removes.
    pub(crate) cgroups: Vec<PathBuf>,
    /// The master of its terminal.
    terminal: Option<OwnedFd>,
    on_disk: OnDisk,
}

/// The life of a container: `Child -> Exited` or, found after another supervisor died, `Adopted -> Exited`.
#[derive(Debug)]
pub(crate) enum State {
    Child,
    Adopted(OwnedFd),
    Exited(Option<i32>),
}

/// All containers, by id and by process.
#[derive(Debug)]
pub(crate) struct Table {
    directory: PathBuf,
    /// Whether anything is written down.
    durable: bool,
    containers: BTreeMap<String, Container>,
    by_pid: BTreeMap<i32, String>,
    ended: VecDeque<i32>,
    /// Containers with something to write, and from when on; ordered by that.
    unwritten: VecDeque<(Instant, String)>,
}

impl Table {
    /// Reads what an earlier supervisor left in `runtime_dir/containers`.
    pub(crate) fn open(runtime_dir: &Path, durable: bool) -> io::Result<Self> {
        let directory = runtime_dir.join("containers");
        let mut table = Self {
            directory,
            durable,
            containers: BTreeMap::new(),
            by_pid: BTreeMap::new(),
            ended: VecDeque::new(),
            unwritten: VecDeque::new(),
        };
        if durable {
            fs::create_dir_all(&table.directory)?;
            for entry in fs::read_dir(&table.directory)? {
                let entry = entry?;
                if let Some(container) = recover(&entry.path())
                    && let Ok(container_id) = entry.file_name().into_string()
                {
                    if !matches!(container.state, State::Exited(_)) {
                        table.by_pid.insert(container.pid, container_id.clone());
                    }
                    table.containers.insert(container_id, container);
                } else {
                    // Not even a process id: it was never started.
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
        Ok(table)
    }

    pub(crate) fn contains(&self, container_id: &str) -> bool {
        self.containers.contains_key(container_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Container)> {
        self.containers.iter()
    }

    /// How many containers run.
    pub(crate) fn running(&self) -> usize {
        self.by_pid.len()
    }

    /// The process of a running container.
    pub(crate) fn running_pid(&self, container_id: &str) -> Option<i32> {
        let container = self.containers.get(container_id)?;
        (!matches!(container.state, State::Exited(_))).then_some(container.pid)
    }

    pub(crate) fn running_pids(&self) -> Vec<i32> {
        self.by_pid.keys().copied().collect()
    }

    pub(crate) fn is_running_pid(&self, pid: i32) -> bool {
        self.by_pid.contains_key(&pid)
    }

    pub(crate) fn ended_lately(&self, pid: i32) -> bool {
        self.ended.contains(&pid)
    }

    /// Adopted containers: what to poll, and their processes.
    pub(crate) fn adopted(&self) -> impl Iterator<Item = (&OwnedFd, i32)> {
        self.containers.values().filter_map(|container| match &container.state {
            State::Adopted(pidfd) => Some((pidfd, container.pid)),
            State::Child | State::Exited(_) => None,
        })
    }

    /// A child was started.
    pub(crate) fn started(&mut self, container_id: &str, pid: i32, cgroups: Vec<PathBuf>) {
        self.by_pid.insert(pid, container_id.to_owned());
        let container =
            Container { pid, state: State::Child, cgroups, terminal: None, on_disk: OnDisk::Nothing };
        self.containers.insert(container_id.to_owned(), container);
        self.write_later(container_id);
    }

    /// Keeps a container's terminal open until the container is forgotten.
    pub(crate) fn keep_terminal(&mut self, container_id: &str, master: OwnedFd) {
        if let Some(container) = self.containers.get_mut(container_id) {
            container.terminal = Some(master);
        }
    }

    /// All terminals, once more.
    pub(crate) fn terminals(&self) -> Vec<(String, OwnedFd)> {
        let terminal = |container: &Container| container.terminal.as_ref()?.try_clone().ok();
        self.containers
            .iter()
            .filter_map(|(id, container)| Some((id.clone(), terminal(container)?)))
            .collect()
    }

    /// The processes of the containers that are nested in this one, however deep.
    pub(crate) fn running_inside(&self, container_id: &str) -> Vec<i32> {
        let prefix = format!("{container_id}.");
        let nested = self.containers.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
        nested
            .filter(|(_, container)| !matches!(container.state, State::Exited(_)))
            .map(|(_, container)| container.pid)
            .collect()
    }

    /// A process ended; gives its container's id.
    pub(crate) fn ended(&mut self, pid: i32, status: Option<i32>) -> Option<String> {
        let container_id = self.by_pid.remove(&pid)?;
        self.ended.push_back(pid);
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
        if let Some(container) = self.containers.get_mut(&container_id) {
            container.state = State::Exited(status);
        }
        self.write_later(&container_id);
        Some(container_id)
    }

    fn write_later(&mut self, container_id: &str) {
        if self.durable {
            self.unwritten.push_back((Instant::now() + WRITE_DELAY, container_id.to_owned()));
        }
    }

    /// When [`Self::write_due`] has something to do next.
    pub(crate) fn next_write(&self) -> Option<Instant> {
        self.unwritten.front().map(|(at, _)| *at)
    }

    /// Writes what is to be written by `now`, or with `None` everything. What fails is told and left: the
    /// containers run all the same.
    pub(crate) fn write_due(&mut self, now: Option<Instant>) -> Vec<(String, io::Error)> {
        let mut errors = Vec::new();
        while let Some((_, container_id)) =
            self.unwritten.pop_front_if(|(at, _)| now.is_none_or(|now| *at <= now))
        {
            let Some(container) = self.containers.get_mut(&container_id) else { continue };
            if let Err(error) = write(&self.directory.join(&container_id), container) {
                errors.push((container_id, error));
            }
        }
        errors
    }

    /// Drops a container that has ended.
    pub(crate) fn forget(&mut self, container_id: &str) {
        if !matches!(self.containers.get(container_id), Some(Container { state: State::Exited(_), .. })) {
            return;
        }
        let on_disk = self.containers.remove(container_id).map(|container| container.on_disk);
        if self.durable && on_disk != Some(OnDisk::Nothing) {
            let directory = self.directory.join(container_id);
            for file in ["status", "pid"] {
                let _ = fs::remove_file(directory.join(file));
            }
            if fs::remove_dir(&directory).is_err() {
                let _ = fs::remove_dir_all(&directory);
            }
        }
    }
}

/// Brings the files of a container up to what is known of it.
fn write(directory: &Path, container: &mut Container) -> io::Result<()> {
    if container.on_disk == OnDisk::Nothing {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // Whatever of it is there is to be removed one day.
        container.on_disk = OnDisk::Pid;
        write_number(&directory.join("pid"), container.pid)?;
    }
    if let (State::Exited(Some(status)), OnDisk::Pid) = (&container.state, container.on_disk) {
        write_number(&directory.join("status"), *status)?;
        container.on_disk = OnDisk::Status;
    }
    Ok(())
}

fn write_number(path: &Path, number: i32) -> io::Result<()> {
    fs::File::create(path)?.write_all(number.to_string().as_bytes())
}

fn read_number(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// What became of the container whose directory this is. `None` if nothing says that it ever ran.
fn recover(directory: &Path) -> Option<Container> {
    let pid_file = directory.join("pid");
    let pid = read_number(&pid_file).filter(|pid| *pid > 1)?;
    let state = if let Some(status) = read_number(&directory.join("status")) {
        State::Exited(Some(status))
    } else {
        match rustix::process::pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()) {
            Ok(pidfd) if is_the_same(pid, &pid_file) => State::Adopted(pidfd),
            _ => State::Exited(None),
        }
    };
    Some(Container { pid, state, cgroups: Vec::new(), terminal: None, on_disk: OnDisk::Status })
}

/// Whether the process with this number is the one that was written down: numbers are used again, but then
/// by a process that started after the file was written.
fn is_the_same(pid: i32, pid_file: &Path) -> bool {
    let Ok(written) = fs::metadata(pid_file).and_then(|metadata| metadata.modified()) else { return false };
    let Some((state, started)) = process_start(pid) else { return false };
    !matches!(state, 'Z' | 'X') && started <= written + Duration::from_secs(1)
}

/// State and start time of a process.
fn process_start(pid: i32) -> Option<(char, SystemTime)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may have anything in it.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let ticks: u64 = fields.nth(18)?.parse().ok()?;
    let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let uptime = Duration::new(u64::try_from(uptime.tv_sec).ok()?, u32::try_from(uptime.tv_nsec).ok()?);
    let since_boot =
        Duration::from_millis(ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1));
    Some((state, SystemTime::now() - uptime.saturating_sub(since_boot)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_back() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        table.started("alive", own, Vec::new());
        table.started("over", 999_999_999, Vec::new());
        table.started("unknown", 999_999_998, Vec::new());
        assert_eq!(table.ended(999_999_999, Some(1792)).unwrap(), "over");
        assert!(table.write_due(None).is_empty());
        fs::create_dir(runtime.path().join("containers/never")).unwrap();

        let mut table = Table::open(runtime.path(), true).unwrap();
        assert_eq!(table.running(), 1);
        assert_eq!(table.running_pid("alive"), Some(own));
        assert!(matches!(table.containers["over"].state, State::Exited(Some(1792))));
        assert!(matches!(table.containers["unknown"].state, State::Exited(None)));
        assert!(!table.contains("never"));
        for id in ["alive", "over", "unknown", "never"] {
            table.forget(id);
        }
        // One that runs cannot be forgotten.
        assert_eq!(table.containers.keys().collect::<Vec<_>>(), ["alive"]);
        assert_eq!(fs::read_dir(runtime.path().join("containers")).unwrap().count(), 1);
    }

    #[test]
    fn a_number_that_was_used_again_is_not_adopted() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        table.started("old", own, Vec::new());
        assert!(table.write_due(None).is_empty());
        let file = fs::File::options().write(true).open(runtime.path().join("containers/old/pid")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(1_000_000)).unwrap();
        let table = Table::open(runtime.path(), true).unwrap();
        assert!(matches!(table.containers["old"].state, State::Exited(None)));
    }
    #[test]
    fn what_is_over_soon_is_never_written() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        let count = || fs::read_dir(runtime.path().join("containers")).unwrap().count();
        table.started("short", 999_999_999, Vec::new());
        table.started("long", 999_999_998, Vec::new());
        assert!(table.next_write().unwrap() > Instant::now());
        assert!(table.write_due(Some(Instant::now())).is_empty());
        assert_eq!(count(), 0);
        table.ended(999_999_999, Some(0));
        table.forget("short");
        assert!(table.write_due(Some(Instant::now() + WRITE_DELAY)).is_empty());
        assert_eq!(count(), 1);
        table.ended(999_999_998, Some(0));
        table.write_due(None);
        assert_eq!(read_number(&runtime.path().join("containers/long/status")), Some(0));
        table.forget("long");
        assert_eq!((count(), table.next_write()), (0, None));
    }

    #[test]
    fn a_failure_to_write_is_told() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        fs::remove_dir(runtime.path().join("containers")).unwrap();
        table.started("c", 999_999_999, Vec::new());
        assert_eq!(table.write_due(None)[0].0, "c");
    }
}
