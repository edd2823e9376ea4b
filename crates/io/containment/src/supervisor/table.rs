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
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags};

use super::process::{self, Written};

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
    /// The first process of its pid namespace.
    init: Option<i32>,
    pub(crate) state: State,
    /// Directories of cgroups that an ephemeral supervisor removes.
    pub(crate) cgroups: Vec<PathBuf>,
    /// The master of its terminal.
    terminal: Option<OwnedFd>,
    on_disk: OnDisk,
}

/// The life of a container: `Child -> Exited` or, found after another supervisor died, `Adopted -> Exited`.
/// With a pid namespace of its own it is `Emptying` before, until the last process in it has ended.
#[derive(Debug)]
pub(crate) enum State {
    Child,
    Adopted(OwnedFd),
    Emptying(Option<i32>),
    Exited(Option<i32>),
}

/// What the end of a process means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// None of ours.
    Nothing,
    /// The first process of its pid namespace is to end, too.
    Emptying(i32),
    /// It is over with a container.
    Container(String, Option<i32>),
}

/// All containers, by id and by process.
#[derive(Debug)]
pub(crate) struct Table {
    directory: PathBuf,
    /// Whether anything is written down.
    durable: bool,
    containers: BTreeMap<String, Container>,
    by_pid: BTreeMap<i32, String>,
    by_init: BTreeMap<i32, String>,
    emptying: usize,
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
            by_init: BTreeMap::new(),
            emptying: 0,
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
        self.by_pid.len() + self.emptying
    }

    /// The process of a running container.
    pub(crate) fn running_pid(&self, container_id: &str) -> Option<i32> {
        let container = self.containers.get(container_id)?;
        matches!(container.state, State::Child | State::Adopted(_)).then_some(container.pid)
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
            State::Child | State::Emptying(_) | State::Exited(_) => None,
        })
    }

    /// A child was started.
    pub(crate) fn started(&mut self, container_id: &str, pid: i32, init: Option<i32>, cgroups: Vec<PathBuf>) {
        self.by_pid.insert(pid, container_id.to_owned());
        if let Some(init) = init {
            self.by_init.insert(init, container_id.to_owned());
        }
        let container =
            Container { pid, init, state: State::Child, cgroups, terminal: None, on_disk: OnDisk::Nothing };
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
            .filter(|(_, container)| matches!(container.state, State::Child | State::Adopted(_)))
            .map(|(_, container)| container.pid)
            .collect()
    }

    /// A process ended.
    pub(crate) fn ended(&mut self, pid: i32, status: Option<i32>) -> Ended {
        let (container_id, is_init) = match self.by_pid.remove(&pid) {
            Some(container_id) => (container_id, false),
            None => match self.by_init.remove(&pid) {
                Some(container_id) => (container_id, true),
                None => return Ended::Nothing,
            },
        };
        let Some(container) = self.containers.get_mut(&container_id) else { return Ended::Nothing };
        let status = match (is_init, &container.state, container.init) {
            (true, State::Emptying(status), _) => {
                self.emptying = self.emptying.saturating_sub(1);
                *status
            }
            (true, _, _) => {
                // The kernel ends the others with it, and tells us of them.
                container.init = None;
                return Ended::Nothing;
            }
            (false, State::Child, Some(init)) => {
                container.state = State::Emptying(status);
                self.emptying += 1;
                return Ended::Emptying(init);
            }
            (false, _, init) => {
                if let Some(init) = init {
                    // Not our child: nobody tells us of its end.
                    let _ = crate::sys::kill(init, libc::SIGKILL);
                }
                status
            }
        };
        container.state = State::Exited(status);
        self.ended.push_back(container.pid);
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
        self.write_later(&container_id);
        Ended::Container(container_id, status)
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
            for file in ["status", "init", "pid"] {
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
        if let Some(init) = container.init {
            process::write(&directory.join("init"), init)?;
        }
        process::write(&directory.join("pid"), container.pid)?;
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
    let process = Written::read(&directory.join("pid"))?;
    let pid = process.pid;
    let state = if let Some(status) = read_number(&directory.join("status")) {
        State::Exited(Some(status))
    } else {
        match rustix::process::pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()) {
            // Asked while the descriptor is open: from now on it is nobody else.
            Ok(pidfd) if process.lives() => State::Adopted(pidfd),
            _ => State::Exited(None),
        }
    };
    let init = Written::read(&directory.join("init")).filter(Written::lives).map(|init| init.pid);
    if let (State::Exited(_), Some(init)) = (&state, init) {
        let _ = crate::sys::kill(init, libc::SIGKILL);
    }
    let init = init.filter(|_| matches!(state, State::Adopted(_)));
    Some(Container { pid, init, state, cgroups: Vec::new(), terminal: None, on_disk: OnDisk::Status })
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn what_was_written_comes_back() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        table.started("alive", own, None, Vec::new());
        table.started("over", 999_999_999, None, Vec::new());
        table.started("unknown", 999_999_998, None, Vec::new());
        let over = Ended::Container("over".to_owned(), Some(1792));
        assert_eq!(table.ended(999_999_999, Some(1792)), over);
        assert_eq!(table.ended(999_999_999, Some(1792)), Ended::Nothing);
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
        table.started("old", own, None, Vec::new());
        assert!(table.write_due(None).is_empty());
        let file = runtime.path().join("containers/old/pid");
        let open = || Table::open(runtime.path(), true).unwrap();
        // Whatever the clocks say.
        for clock in [UNIX_EPOCH, SystemTime::now() + Duration::from_secs(1_000_000)] {
            fs::File::options().write(true).open(&file).unwrap().set_modified(clock).unwrap();
            assert_eq!(open().running_pid("old"), Some(own));
        }
        fs::write(&file, format!("{own} 1 of-another-boot")).unwrap();
        assert!(matches!(open().containers["old"].state, State::Exited(None)));
    }

    #[test]
    fn what_is_over_soon_is_never_written() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        let count = || fs::read_dir(runtime.path().join("containers")).unwrap().count();
        table.started("short", 999_999_999, None, Vec::new());
        table.started("long", 999_999_998, None, Vec::new());
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
    fn a_pid_namespace_is_empty_before_its_container_is_over() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        let (pid, init) = (999_999_999, 999_999_998);
        table.started("c", pid, Some(init), Vec::new());
        table.write_due(None);
        let written = Written::read(&runtime.path().join("containers/c/init"));
        assert_eq!(written.map(|written| written.pid), Some(init));
        assert_eq!(table.ended(pid, Some(256)), Ended::Emptying(init));
        assert_eq!((table.running_pid("c"), table.running()), (None, 1));
        assert_eq!(table.ended(init, Some(9)), Ended::Container("c".to_owned(), Some(256)));
        assert_eq!(table.running(), 0);
        // The other way round the kernel ends the container's process.
        table.started("d", pid, Some(init), Vec::new());
        assert_eq!(table.ended(init, Some(9)), Ended::Nothing);
        assert_eq!(table.ended(pid, Some(9)), Ended::Container("d".to_owned(), Some(9)));
    }

    #[test]
    fn a_failure_to_write_is_told() {
        let runtime = tempfile::tempdir().unwrap();
        let mut table = Table::open(runtime.path(), true).unwrap();
        fs::remove_dir(runtime.path().join("containers")).unwrap();
        table.started("c", 999_999_999, None, Vec::new());
        assert_eq!(table.write_due(None)[0].0, "c");
    }
}
