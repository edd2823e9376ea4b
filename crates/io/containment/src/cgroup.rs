//! Limits and measurements by cgroup, of version 1 and version 2.
//!
//! A container gets `<hierarchy>/<root>/<container id>`, a nested one with limits of its own
//! `<its parent's>/mesos/<its id>`. In version 2 its processes are in a child `leaf`, because a cgroup with
//! controllers for its children may have no processes of its own.
//!
//! What does not live here: joining (the child does it itself) and deciding what to limit.

mod alarm;
mod find;
mod limits;
mod measure;

use std::{
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub(crate) use alarm::{Alarm, Alarms};
pub use limits::MEMORY_MIN;
pub use measure::{Figures, Use};

use crate::launch::Limits;

/// Between a container's cgroup and those nested in it.
const NESTED: &str = "mesos";
/// Rounds of killing before a cgroup is given up.
const KILL_ROUNDS: u64 = 50;

/// What a cgroup can control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Shares and quotas of cpu.
    Cpu,
    /// Use of cpu; in version 2 part of `cpu`.
    Cpuacct,
    /// Memory.
    Memory,
    /// Number of processes.
    Pids,
    /// Nothing that we use: it keeps processes together.
    Freezer,
}

impl Controller {
    const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Freezer => "freezer",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// One directory, and what it controls.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    version: Version,
    controllers: u8,
    directory: PathBuf,
}

/// The hierarchies of this machine that containers are held by.
#[derive(Clone, Debug, Default)]
pub struct Hierarchies {
    places: Vec<Place>,
    /// Shared locks on the directories: who has one is at work in them.
    locks: Arc<Vec<File>>,
}

/// The cgroups of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    places: Vec<Place>,
}

impl Hierarchies {
    /// Finds the hierarchies of these controllers and makes the cgroup `root` in them. The second result is
    /// what cannot be had, and why.
    pub fn prepare(wanted: &[Controller], root: &str) -> (Self, Vec<(Controller, String)>) {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self::prepare_in(&find::Mounts::read(&mounts), wanted, root)
    }

    fn prepare_in(
        mounts: &find::Mounts,
        wanted: &[Controller],
        root: &str,
    ) -> (Self, Vec<(Controller, String)>) {
        let (mut places, mut missing) = (Vec::<Place>::new(), Vec::new());
        for controller in wanted {
            match mounts.place(*controller, root) {
                Ok(place) => match places.iter_mut().find(|known| known.directory == place.directory) {
                    Some(known) => known.controllers |= controller.bit(),
                    None => places.push(place),
                },
                Err(why) => missing.push((*controller, why)),
            }
        }
        (Self { places, locks: Arc::default() }, missing)
    }

    /// Clears away what is empty, and says by a lock that somebody is at work from now on.
    pub fn clear(&mut self) {
        self.locks = Arc::new(self.places.iter().filter_map(|place| clear(&place.directory).ok()).collect());
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Makes the cgroups of a container, below those of its parent where it has one.
    ///
    /// # Errors
    /// The file system's; nothing is left behind then.
    pub fn create(&self, container_id: &str, parent: Option<&Cgroup>, limits: &Limits) -> io::Result<Cgroup> {
        let cgroup = match parent {
            Some(parent) => parent.nested(container_id)?,
            None => self.of(container_id),
        };
        let result = cgroup.places.iter().try_for_each(|place| {
            make(&place.directory)?;
            if place.version == Version::Two { make(&place.leaf()) } else { Ok(()) }
        });
        if let Err(error) = result.and_then(|()| cgroup.limit(limits)) {
            cgroup.remove();
            return Err(error);
        }
        Ok(cgroup)
    }

    /// The cgroups that a container has or would have, if it has its own.
    pub fn of(&self, container_id: &str) -> Cgroup {
        // `a.b` is nested in `a`.
        let path: PathBuf = container_id.split('.').enumerate().fold(PathBuf::new(), |path, (depth, id)| {
            if depth == 0 { path.join(id) } else { path.join(NESTED).join(id) }
        });
        let place = |place: &Place| Place { directory: place.directory.join(&path), ..place.clone() };
        Cgroup { places: self.places.iter().map(place).collect() }
    }
}

impl Place {
    const fn controls(&self, controller: Controller) -> bool {
        self.controllers & controller.bit() != 0
    }

    fn leaf(&self) -> PathBuf {
        match self.version {
            Version::One => self.directory.clone(),
            Version::Two => self.directory.join("leaf"),
        }
    }

    /// The file that a process of one thread writes itself into. In version 1 not `cgroup.procs`: for whole
    /// processes the kernel first waits until all of its processors have come to rest, some 10 ms.
    fn joined_by(&self) -> PathBuf {
        match self.version {
            Version::One => self.directory.join("tasks"),
            Version::Two => self.leaf().join("cgroup.procs"),
        }
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(file)).ok()
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }
}

impl Cgroup {
    /// The cgroups of a container that is nested in this one, and what they need above them.
    fn nested(&self, container_id: &str) -> io::Result<Self> {
        let name = container_id.rsplit_once('.').map_or(container_id, |(_, name)| name);
        let mut places = Vec::new();
        for place in &self.places {
            let between = place.directory.join(NESTED);
            make(&between)?;
            if place.version == Version::Two {
                find::enable(&place.directory, place.controllers)?;
                find::enable(&between, place.controllers)?;
            }
            places.push(Place { directory: between.join(name), ..place.clone() });
        }
        Ok(Self { places })
    }

    /// The place of a controller.
    fn place(&self, controller: Controller) -> Option<&Place> {
        self.places.iter().find(|place| place.controls(controller))
    }

    /// Whether any of it is there.
    pub fn exists(&self) -> bool {
        self.places.iter().any(|place| place.directory.is_dir())
    }

    /// Whether it can be told by it that the kernel killed for memory.
    pub fn limits_memory(&self) -> bool {
        self.place(Controller::Memory).is_some()
    }

    /// The files that a process writes itself into.
    pub fn procs(&self) -> Vec<String> {
        self.places.iter().filter_map(|place| place.joined_by().into_os_string().into_string().ok()).collect()
    }

    /// Kills whatever is inside until nothing is, and removes it. To be called where blocking is allowed.
    pub fn destroy(&self) {
        // Mostly nothing is inside any more, which the system says at once.
        if self.places.iter().any(|place| remove_tree(&place.directory).is_err()) {
            self.kill();
            self.remove();
        }
    }

    /// Kills whatever is inside until nothing is. To be called where blocking is allowed.
    pub fn kill(&self) {
        for place in &self.places {
            // Fresh processes may be forked as fast as we kill: a few rounds, then it stays and is told.
            for round in 0..KILL_ROUNDS {
                if !kill_all(&place.directory) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(round.min(20)));
            }
        }
    }

    fn remove(&self) {
        for place in &self.places {
            match remove_tree(&place.directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!("cannot remove the cgroup {}: {error}", place.directory.display());
                }
                _ => {}
            }
        }
    }
}

fn make(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn directories(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Removes a cgroup with those below it. What has processes stays, and is an error.
fn remove_tree(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        // What the system says of one with others inside, and of one with processes.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty) =>
        {
            let below = directories(directory);
            if below.is_empty() {
                return Err(error);
            }
            below.iter().try_for_each(|directory| remove_tree(directory))?;
            fs::remove_dir(directory)
        }
        other => other,
    }
}

/// Removes the empty cgroups below `directory`, unless another agent is at work in it, and says by a lock that
/// we are.
fn clear(directory: &Path) -> io::Result<File> {
    use rustix::fs::{FlockOperation, flock};
    let lock = File::open(directory)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
        for container in directories(directory) {
            // Those of living containers are not empty, whoever has them.
            let _ = remove_tree(&container);
        }
    }
    flock(&lock, FlockOperation::LockShared)?;
    Ok(lock)
}

/// Kills all processes of a cgroup and of those below it. True if there were any.
fn kill_all(directory: &Path) -> bool {
    let procs = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let mut any = false;
    for pid in procs.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        any = true;
        let _ = crate::sys::kill(pid, libc::SIGKILL);
    }
    directories(directory).iter().fold(any, |any, below| kill_all(below) | any)
}

#[cfg(test)]
mod tests;
