//! Cpu and memory limits by cgroup, of version 1 and version 2.
//!
//! A container gets `<hierarchy>/<root>/<container id>`; in version 2 its processes are in a child `leaf`,
//! because a cgroup with controllers for its children may have no processes of its own. Whatever cannot be
//! done is said once in the log and then left: a container without limits is better than none.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::launch::Limits;

/// Least memory limit, in bytes: below it not even a shell starts.
pub const MEMORY_MIN: u64 = 32 << 20;
/// Least weight of version 1, and its weight of one cpu.
const SHARES: (f64, f64) = (2.0, 1024.0);
/// Least weight of version 2, and its weight of one cpu.
const WEIGHT: (f64, f64) = (1.0, 100.0);
const WEIGHT_MAX: f64 = 10_000.0;
/// Period over which a hard cpu limit holds.
const PERIOD_US: f64 = 100_000.0;
const QUOTA_MIN_US: f64 = 1_000.0;

/// Whether to use cgroups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Where this process may; a line in the log where it may not.
    #[default]
    Auto,
    /// Not at all.
    Off,
}

/// The hierarchies of this machine that containers are limited with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies {
    cpu: Option<Place>,
    memory: Option<Place>,
}

/// A directory that containers' cgroups are made in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    version: Version,
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The cgroups of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    cpu: Option<Place>,
    memory: Option<Place>,
}

impl Hierarchies {
    /// Finds the hierarchies and makes the cgroup `root` in them.
    pub fn prepare(mode: Mode, root: &str) -> Self {
        if mode == Mode::Off {
            return Self::default();
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let (mut hierarchies, unified) = find(&mounts, root);
        if let Some(unified) = unified {
            let root_directory = unified.join(root);
            for (name, place) in [("cpu", &mut hierarchies.cpu), ("memory", &mut hierarchies.memory)] {
                if place.is_none() && enable(&unified, &root_directory, name).is_ok() {
                    *place = Some(Place { version: Version::Two, directory: root_directory.clone() });
                }
            }
        }
        for (name, place) in [("cpu", &mut hierarchies.cpu), ("memory", &mut hierarchies.memory)] {
            let Some(found) = place else {
                tracing::warn!("containers are not limited in {name}: there is no cgroup hierarchy for it");
                continue;
            };
            let made = fs::create_dir_all(&found.directory);
            let writable =
                made.and_then(|()| Ok(rustix::fs::access(&found.directory, rustix::fs::Access::WRITE_OK)?));
            if let Err(error) = writable {
                tracing::warn!(
                    "containers are not limited in {name}: cannot use {}: {error}",
                    found.directory.display()
                );
                *place = None;
            }
        }
        hierarchies
    }

    /// Whether anything is limited.
    pub const fn is_empty(&self) -> bool {
        self.cpu.is_none() && self.memory.is_none()
    }

    /// Makes the cgroups of a container.
    ///
    /// # Errors
    /// The file system's; nothing is left behind then.
    pub fn create(&self, container_id: &str, limits: &Limits) -> io::Result<Cgroup> {
        let cgroup = self.of(container_id);
        let result = cgroup.places().try_for_each(|place| {
            match fs::create_dir(&place.directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            match place.version {
                Version::One => Ok(()),
                Version::Two => fs::create_dir(place.leaf()).or_else(|error| {
                    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
                }),
            }
        });
        if let Err(error) = result.and_then(|()| cgroup.limit(limits)) {
            cgroup.remove();
            return Err(error);
        }
        Ok(cgroup)
    }

    /// The cgroups that a container has or would have.
    pub fn of(&self, container_id: &str) -> Cgroup {
        let place = |place: &Option<Place>| {
            place
                .as_ref()
                .map(|place| Place { version: place.version, directory: place.directory.join(container_id) })
        };
        Cgroup { cpu: place(&self.cpu), memory: place(&self.memory) }
    }

    /// The ids of all containers that have cgroups.
    pub fn container_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = [&self.cpu, &self.memory]
            .into_iter()
            .flatten()
            .filter_map(|place| fs::read_dir(&place.directory).ok())
            .flatten()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Place {
    fn leaf(&self) -> PathBuf {
        match self.version {
            Version::One => self.directory.clone(),
            Version::Two => self.directory.join("leaf"),
        }
    }
}

impl Cgroup {
    fn places(&self) -> impl Iterator<Item = &Place> {
        let second = self.memory.as_ref().filter(|memory| self.cpu.as_ref() != Some(*memory));
        self.cpu.iter().chain(second)
    }

    /// Whether any of it is there.
    pub fn exists(&self) -> bool {
        self.places().any(|place| place.directory.is_dir())
    }

    /// The files that a process writes itself into.
    pub fn procs(&self) -> Vec<String> {
        self.places()
            .filter_map(|place| place.leaf().join("cgroup.procs").into_os_string().into_string().ok())
            .collect()
    }

    /// Sets the limits.
    ///
    /// # Errors
    /// The file system's.
    pub fn limit(&self, limits: &Limits) -> io::Result<()> {
        if let Some(cpu) = &self.cpu {
            limit_cpu(cpu, limits)?;
        }
        match (&self.memory, limits.memory_bytes) {
            (Some(memory), Some(bytes)) => limit_memory(memory, bytes.max(MEMORY_MIN)),
            _ => Ok(()),
        }
    }

    /// How often the kernel has killed in this cgroup for its memory; what it may use.
    pub fn memory_kills(&self) -> u64 {
        let Some(memory) = &self.memory else { return 0 };
        let file = match memory.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(memory.directory.join(file)).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    /// The memory limit in bytes and the most that was used, where known.
    pub fn memory_limit_and_peak(&self) -> Option<(u64, u64)> {
        let memory = self.memory.as_ref()?;
        let read = |file: &str| fs::read_to_string(memory.directory.join(file)).ok()?.trim().parse().ok();
        match memory.version {
            Version::One => Some((read("memory.limit_in_bytes")?, read("memory.max_usage_in_bytes")?)),
            Version::Two => Some((read("memory.max")?, read("memory.peak")?)),
        }
    }

    /// Memory in use now, in bytes, where known.
    pub fn memory_usage(&self) -> Option<u64> {
        let memory = self.memory.as_ref()?;
        let file = match memory.version {
            Version::One => "memory.usage_in_bytes",
            Version::Two => "memory.current",
        };
        fs::read_to_string(memory.directory.join(file)).ok()?.trim().parse().ok()
    }

    /// Kills whatever is inside until nothing is, and removes it. To be called where blocking is allowed.
    pub fn destroy(&self) {
        self.kill();
        self.remove();
    }

    /// Kills whatever is inside until nothing is. To be called where blocking is allowed.
    pub fn kill(&self) {
        for place in self.places() {
            // Fresh processes may be forked as fast as we kill: a few rounds, then it stays and is told.
            for round in 0..50_u64 {
                let leaf = place.leaf();
                if kill_all(&leaf) {
                    std::thread::sleep(Duration::from_millis(round.min(20)));
                    continue;
                }
                break;
            }
        }
    }

    fn remove(&self) {
        for place in self.places() {
            for directory in [place.leaf(), place.directory.clone()] {
                match fs::remove_dir(&directory) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!("cannot remove the cgroup {}: {error}", directory.display());
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Kills all processes of a cgroup. True if there were any.
fn kill_all(directory: &Path) -> bool {
    let procs = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let mut any = false;
    if !procs.trim().is_empty() && fs::write(directory.join("cgroup.kill"), "1").is_ok() {
        return true;
    }
    for pid in procs.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        any = true;
        let _ = crate::sys::kill(pid, libc::SIGKILL);
    }
    any
}

fn limit_cpu(place: &Place, limits: &Limits) -> io::Result<()> {
    let write = |file: &str, value: &str| fs::write(place.directory.join(file), value);
    let quota = limits.cpus_hard.map(|cpus| (cpus * PERIOD_US).max(QUOTA_MIN_US));
    match place.version {
        Version::One => {
            write("cpu.shares", &whole((limits.cpus * SHARES.1).max(SHARES.0)))?;
            if let Some(quota) = quota {
                write("cpu.cfs_period_us", &whole(PERIOD_US))?;
                write("cpu.cfs_quota_us", &whole(quota))?;
            }
        }
        Version::Two => {
            write("cpu.weight", &whole((limits.cpus * WEIGHT.1).clamp(WEIGHT.0, WEIGHT_MAX)))?;
            if let Some(quota) = quota {
                write("cpu.max", &format!("{} {}", whole(quota), whole(PERIOD_US)))?;
            }
        }
    }
    Ok(())
}

fn limit_memory(place: &Place, bytes: u64) -> io::Result<()> {
    let write = |file: &str| fs::write(place.directory.join(file), bytes.to_string());
    match place.version {
        Version::One => {
            write("memory.limit_in_bytes")?;
            // Only a hint for reclaim: its absence does no harm.
            let _ = write("memory.soft_limit_in_bytes");
            Ok(())
        }
        Version::Two => {
            let _ = write("memory.low");
            write("memory.max")
        }
    }
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

/// Version 1 hierarchies with cpu and memory, and where version 2 is mounted.
fn find(mountinfo: &str, root: &str) -> (Hierarchies, Option<PathBuf>) {
    let mut hierarchies = Hierarchies::default();
    let mut unified = None;
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let Some(mount) = left.split(' ').nth(4) else { continue };
        let mut right = right.split(' ');
        let (Some(kind), Some(options)) = (right.next(), right.nth(1)) else { continue };
        match kind {
            "cgroup2" => unified = Some(PathBuf::from(mount)),
            "cgroup" => {
                let place = || Some(Place { version: Version::One, directory: Path::new(mount).join(root) });
                for option in options.split(',') {
                    match option {
                        "cpu" => hierarchies.cpu = place(),
                        "memory" => hierarchies.memory = place(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (hierarchies, unified)
}

/// Switches a controller of version 2 on for the containers' cgroups.
fn enable(unified: &Path, root: &Path, controller: &str) -> io::Result<()> {
    let offered = fs::read_to_string(unified.join("cgroup.controllers"))?;
    if !offered.split_whitespace().any(|name| name == controller) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    fs::create_dir_all(root)?;
    for directory in [unified, root] {
        let file = directory.join("cgroup.subtree_control");
        let enabled = fs::read_to_string(&file)?;
        if !enabled.split_whitespace().any(|name| name == controller) {
            fs::write(file, format!("+{controller}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_both_versions() {
        let mounts = "\
25 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
29 25 broken";
        let (hierarchies, unified) = find(mounts, "mesos");
        assert_eq!(unified, Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(hierarchies.cpu.unwrap().directory, PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/mesos"));
        assert_eq!(hierarchies.memory.unwrap().directory, PathBuf::from("/sys/fs/cgroup/memory/mesos"));
        assert_eq!(find("", "mesos"), (Hierarchies::default(), None));
    }

    /// Version 2 is only files: a directory stands in for the hierarchy.
    #[test]
    fn version_two_writes_what_the_kernel_reads() {
        let hierarchy = tempfile::tempdir().unwrap();
        let place = Place { version: Version::Two, directory: hierarchy.path().to_owned() };
        let hierarchies = Hierarchies { cpu: Some(place.clone()), memory: Some(place) };
        let limits = Limits { cpus: 0.5, cpus_hard: Some(0.25), memory_bytes: Some(64 << 20) };
        let cgroup = hierarchies.create("c", &limits).unwrap();
        let read = |file: &str| fs::read_to_string(hierarchy.path().join("c").join(file)).unwrap();
        assert_eq!(read("cpu.weight"), "50");
        assert_eq!(read("cpu.max"), "25000 100000");
        assert_eq!(read("memory.max"), "67108864");
        assert_eq!(cgroup.procs(), [hierarchy.path().join("c/leaf/cgroup.procs").to_str().unwrap()]);
        cgroup.limit(&Limits { memory_bytes: Some(1), ..limits }).unwrap();
        assert_eq!(read("memory.max"), MEMORY_MIN.to_string());
        fs::write(hierarchy.path().join("c/memory.events"), "low 0\noom 2\noom_kill 3\n").unwrap();
        assert_eq!(cgroup.memory_kills(), 3);
        assert_eq!(hierarchies.container_ids(), ["c"]);
    }

    #[test]
    fn off_is_off() {
        assert!(Hierarchies::prepare(Mode::Off, "tepui-test").is_empty());
        let cgroup = Hierarchies::default().create("c", &Limits::default()).unwrap();
        assert!(cgroup.procs().is_empty() && !cgroup.exists());
    }
}
