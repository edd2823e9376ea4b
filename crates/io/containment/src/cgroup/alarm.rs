//! Hearing of it when the kernel kills in a cgroup for its memory.
//!
//! Version 1 rings an eventfd a moment before it kills, version 2 changes `memory.events` after it has. One
//! descriptor stands for all that are listened to.
//!
//! What does not live here: what follows from it.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, Timespec, epoll, eventfd},
    fs::inotify,
    io::Errno,
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{Cgroup, Controller, Figures, NESTED, Place, Version, measure::entry};
use crate::sys;

/// Rounds of waiting for a kill that was announced, each twice as long as the one before: 255 ms.
const KILL_ROUNDS: u32 = 8;
/// What the inotify descriptor is called among the eventfds, which go by their numbers.
const WATCHES: u64 = u64::MAX;

/// One cgroup that is listened to, until this is dropped.
#[derive(Debug)]
pub(crate) enum Alarm {
    /// Rung by version 1.
    Bell(OwnedFd),
    /// A watch of version 2.
    Watch { inotify: Arc<OwnedFd>, number: i32 },
}

impl Alarm {
    fn key(&self) -> Key {
        match self {
            Self::Bell(bell) => Key::Bell(bell.as_raw_fd()),
            Self::Watch { number, .. } => Key::Watch(*number),
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Self::Watch { inotify, number } = self {
            // It went by itself if the file is gone.
            let _ = inotify::remove_watch(&**inotify, *number);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Bell(i32),
    Watch(i32),
}

/// Makes alarms, where blocking is allowed.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// Only where version 2 needs it.
    inotify: Option<Arc<OwnedFd>>,
}

impl Listener {
    /// Listens to the memory of a cgroup.
    ///
    /// # Errors
    /// The system's; also when its memory is not limited at all.
    pub(crate) fn listen(&self, cgroup: &Cgroup) -> io::Result<Alarm> {
        let memory = cgroup.place(Controller::Memory).ok_or(io::ErrorKind::Unsupported)?;
        match (memory.version, &self.inotify) {
            (Version::One, _) => {
                let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
                let control = File::open(memory.directory.join("memory.oom_control"))?;
                let line = format!("{} {}", bell.as_raw_fd(), control.as_raw_fd());
                fs::write(memory.directory.join("cgroup.event_control"), line)?;
                Ok(Alarm::Bell(bell))
            }
            (Version::Two, Some(inotify)) => {
                let file = memory.directory.join("memory.events");
                let number = inotify::add_watch(&**inotify, file, inotify::WatchFlags::MODIFY)?;
                Ok(Alarm::Watch { inotify: Arc::clone(inotify), number })
            }
            (Version::Two, None) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// The cgroups that are listened to, by the names of their containers.
#[derive(Debug)]
pub(crate) struct Alarms {
    epoll: AsyncFd<OwnedFd>,
    listener: Listener,
    alarms: HashMap<String, Alarm>,
    names: HashMap<Key, String>,
}

impl Alarms {
    /// Needs the runtime's reactor.
    ///
    /// # Errors
    /// When there are too many descriptors.
    pub(crate) fn new(hierarchies: &super::Hierarchies) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let is_two = |place: &Place| place.controls(Controller::Memory) && place.version == Version::Two;
        let inotify = if hierarchies.places.iter().any(is_two) {
            let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            epoll::add(&epoll, &inotify, epoll::EventData::new_u64(WATCHES), epoll::EventFlags::IN)?;
            Some(Arc::new(inotify))
        } else {
            None
        };
        Ok(Self {
            epoll: sys::watch(epoll)?,
            listener: Listener { inotify },
            alarms: HashMap::new(),
            names: HashMap::new(),
        })
    }

    /// What makes alarms for this.
    pub(crate) fn listener(&self) -> Listener {
        self.listener.clone()
    }

    /// Hears of it from now on. What rang before is heard now (version 1) or to be looked for (version 2).
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn insert(&mut self, name: &str, alarm: Alarm) -> io::Result<()> {
        if let Alarm::Bell(bell) = &alarm {
            // Each ring is told once: nobody needs to take it off the descriptor.
            let data = epoll::EventData::new_u64(u64::try_from(bell.as_raw_fd()).unwrap_or(WATCHES));
            epoll::add(&self.epoll, bell, data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        }
        self.names.insert(alarm.key(), name.to_owned());
        self.alarms.insert(name.to_owned(), alarm);
        Ok(())
    }

    /// Hears of it no more.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(alarm) = self.alarms.remove(name) {
            self.names.remove(&alarm.key());
        }
    }

    /// Waits until any ring, and says which. Nothing is lost when this is dropped before it is ready.
    pub(crate) async fn rung(&self) -> Vec<String> {
        let take = |epoll: &OwnedFd| {
            let names = self.take(epoll)?;
            if names.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(names) }
        };
        match self.epoll.async_io(Interest::READABLE, take).await {
            Ok(names) => names,
            Err(error) => {
                tracing::error!("no more is heard of containers that run out of memory: {error}");
                std::future::pending().await
            }
        }
    }

    fn take(&self, epoll: impl AsFd) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        loop {
            let mut events = Vec::with_capacity(64);
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&now)) {
                Ok(0) => break,
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            for event in events {
                match i32::try_from(event.data.u64()) {
                    Ok(bell) => keys.push(Key::Bell(bell)),
                    Err(_) => self.read_watches(&mut keys)?,
                }
            }
        }
        // One that rang twice is named once.
        let mut names: Vec<String> = keys.iter().filter_map(|key| self.names.get(key).cloned()).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn read_watches(&self, keys: &mut Vec<Key>) -> io::Result<()> {
        let Some(inotify) = &self.listener.inotify else { return Ok(()) };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&**inotify, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) if event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW) => {
                    keys.extend(self.names.keys());
                }
                Ok(event) => keys.push(Key::Watch(event.wd())),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Cgroup {
    /// How often the kernel has killed in this cgroup for its memory; what is nested in it has its own count.
    pub fn memory_kills(&self) -> u64 {
        let Some(memory) = self.place(Controller::Memory) else { return 0 };
        let kills = |file: &str| entry(&memory.read(file).unwrap_or_default(), "oom_kill").unwrap_or(0);
        match memory.version {
            Version::One => kills("memory.oom_control"),
            // Counts what is below, too.
            Version::Two => {
                let all = kills("memory.events");
                if all == 0 { 0 } else { all.saturating_sub(kills(&format!("{NESTED}/memory.events"))) }
            }
        }
    }

    /// Whether the kernel has killed, after it rang. Gives `note` the figures of the moment. To be called where
    /// blocking is allowed.
    pub(crate) fn has_killed(&self, note: impl FnOnce(Figures)) -> bool {
        if self.place(Controller::Memory).is_some_and(|memory| memory.version == Version::Two) {
            // Most changes are of other counts.
            let killed = self.memory_kills() > 0;
            if killed {
                note(self.figures());
            }
            return killed;
        }
        // What it uses is soon less by what is killed, and the count comes after that.
        note(self.figures());
        (0..KILL_ROUNDS).any(|round| {
            let killed = self.memory_kills() > 0;
            if !killed {
                std::thread::sleep(Duration::from_millis(1 << round));
            }
            killed
        }) || self.memory_kills() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{Hierarchies, find};

    /// Two containers of a hierarchy of version 2 that a directory stands in for.
    fn two(hierarchy: &std::path::Path) -> (Hierarchies, [Cgroup; 2]) {
        fs::create_dir(hierarchy.join("root")).unwrap();
        for directory in [hierarchy.to_owned(), hierarchy.join("root")] {
            fs::write(directory.join("cgroup.subtree_control"), "memory").unwrap();
        }
        let mounts = find::Mounts { one: Vec::new(), unified: Some(hierarchy.to_owned()) };
        let (hierarchies, missing) = Hierarchies::prepare_in(&mounts, &[Controller::Memory], "root");
        assert_eq!(missing, []);
        let cgroups = ["a", "b"].map(|id| hierarchies.create(id, None, &crate::Limits::default()).unwrap());
        (hierarchies, cgroups)
    }

    fn events(cgroup: &Cgroup, kills: u32) {
        let file = cgroup.places[0].directory.join("memory.events");
        fs::write(file, format!("max 7\noom_kill {kills}\n")).unwrap();
    }

    #[tokio::test]
    async fn version_two_is_heard_until_it_is_removed() {
        let hierarchy = tempfile::tempdir().unwrap();
        let (hierarchies, [a, b]) = two(hierarchy.path());
        let mut alarms = Alarms::new(&hierarchies).unwrap();
        for (name, cgroup) in [("a", &a), ("b", &b)] {
            assert!(alarms.listener().listen(cgroup).is_err(), "there is nothing to listen to yet");
            events(cgroup, 0);
            let alarm = alarms.listener().listen(cgroup).unwrap();
            alarms.insert(name, alarm).unwrap();
        }
        events(&a, 0);
        events(&a, 0);
        assert_eq!(alarms.rung().await, ["a"]);
        assert!(!a.has_killed(|_| panic!("nothing was killed")));
        events(&a, 1);
        events(&b, 1);
        assert_eq!(alarms.rung().await, ["a", "b"]);
        let mut noted = None;
        assert!(b.has_killed(|figures| noted = Some(figures)));
        assert!(noted.is_some());
        // What is heard no more does not wake anybody.
        alarms.remove("a");
        events(&a, 2);
        events(&b, 2);
        assert_eq!(alarms.rung().await, ["b"]);
        alarms.remove("b");
        assert!(alarms.alarms.is_empty() && alarms.names.is_empty());
    }

    #[test]
    fn what_was_killed_in_a_nested_one_is_not_counted_twice() {
        let hierarchy = tempfile::tempdir().unwrap();
        let (_, [a, _]) = two(hierarchy.path());
        let nested = a.places[0].directory.join(NESTED);
        fs::create_dir(&nested).unwrap();
        events(&a, 2);
        assert_eq!(a.memory_kills(), 2);
        fs::write(nested.join("memory.events"), "oom_kill 2\n").unwrap();
        assert_eq!(a.memory_kills(), 0);
        events(&a, 3);
        assert_eq!(a.memory_kills(), 1);
    }
}
