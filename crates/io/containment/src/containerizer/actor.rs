//! The task that runs the containers.
//!
//! It never waits for one thing only: requests, the connection to the supervisor, finished work and the reader
//! of events are all in one `select`. So it cannot be blocked by a slow one of them. What has to block is done
//! elsewhere, and comes back as [`Done`].

mod life;
mod memory;
mod requests;
mod watch;

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io,
    sync::Arc,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, Interval},
};

use self::memory::{Heard, Memory};
use super::{
    Event, Limitation, Options, RecoveredContainer, Request, StartError, connect,
    containers::{Between, Containers, Noted},
    limitation,
    link::{Link, Lost},
    prepare::{PrepareError, Prepared},
};
use crate::{
    cgroup::{Alarm, Cgroup},
    io::KeptIo,
    isolation::{CannotIsolate, Held},
};

/// Requests taken at a time.
const BATCH: usize = 256;

/// Something that was done where blocking is allowed.
#[derive(Debug)]
enum Done {
    Prepared(Vec<(String, Result<Prepared, PrepareError>)>),
    Ended(Event),
    /// What makes them heard when they run out of memory.
    Listening(Vec<(String, io::Result<Alarm>)>),
    /// The kernel has killed in these for their memory.
    OutOfMemory(Vec<String>),
    /// Whether it has in this one, which rang.
    Looked(String, bool),
    /// Bytes that sandboxes use, and those that are too large.
    Measured(Vec<(String, u64, Option<Limitation>)>),
    Nothing,
}

/// What a round of waiting brought.
enum Turn {
    Requests,
    Link(Result<(), Lost>),
    Done(Done),
    Room,
    Heard(Heard),
    Watch,
    End,
}

pub(super) struct Actor {
    options: Options,
    held: Arc<Held>,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<Event>,
    /// Events that wait for room in the channel: at most two for each container.
    waiting: VecDeque<Event>,
    containers: Containers,
    /// Input and output that waits to be taken.
    ios: HashMap<String, KeptIo>,
    link: Link,
    work: JoinSet<Done>,
    memory: Memory,
    watch: Interval,
    /// When sandboxes are measured next.
    disk_due: Instant,
    stop: Option<oneshot::Sender<()>>,
    _lock: File,
}

/// Starts the task.
pub(super) async fn start(
    options: Options,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<Event>,
) -> Result<Vec<RecoveredContainer>, StartError> {
    let lock = connect::lock(&options.runtime_dir)?;
    let containment = options.containment.clone();
    let held = tokio::task::spawn_blocking(move || containment.prepare()).await.unwrap_or_else(|_| {
        let why = "it could not be found out".to_owned();
        Err(CannotIsolate::Launcher(why))
    })?;
    let (link, listed) = Link::new(connect::connect(&options).await?);
    let (held, listed) = tokio::task::spawn_blocking(move || look_back(held, listed))
        .await
        .unwrap_or_else(|_| (Held::default(), Vec::new()));
    let containers = Containers::take_over(&listed, |id| {
        let cgroup = held.hierarchies.of(id);
        if cgroup.exists() { cgroup } else { Cgroup::default() }
    });
    let mut actor = Actor {
        memory: Memory::new(&held.hierarchies, &containers).map_err(StartError::Memory)?,
        watch: watch::interval(),
        disk_due: Instant::now() + options.containment.container_disk_watch_interval,
        options,
        held: Arc::new(held),
        requests,
        events,
        waiting: VecDeque::new(),
        containers,
        ios: HashMap::new(),
        link,
        work: JoinSet::new(),
        stop: None,
        _lock: lock,
    };
    actor.listen_to_unheard();
    let _ = actor.handle_events();
    tokio::spawn(actor.run());
    Ok(listed)
}

/// Finds out why containers ended while nobody was there, and clears away what is left of them and of those
/// that an agent made cgroups for and never started.
fn look_back(mut held: Held, mut listed: Vec<RecoveredContainer>) -> (Held, Vec<RecoveredContainer>) {
    for container in &mut listed {
        if let Some(status) = container.exited {
            let cgroup = held.hierarchies.of(&container.container_id);
            if cgroup.exists() {
                container.limitation = limitation::of_memory(&cgroup, status, &Noted::default());
                cgroup.destroy();
            }
        }
    }
    held.hierarchies.clear();
    (held, listed)
}

impl Actor {
    async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let watches = self.has_to_watch();
            // What happened is decided first and dealt with after, when nothing is borrowed any more.
            let turn = tokio::select! {
                count = self.requests.recv_many(&mut batch, BATCH), if !self.link.is_full() => {
                    if count == 0 { Turn::End } else { Turn::Requests }
                }
                result = self.link.next() => Turn::Link(result),
                Some(done) = self.work.join_next(), if !self.work.is_empty() => {
                    Turn::Done(done.unwrap_or(Done::Nothing))
                }
                permit = self.events.reserve(), if !self.waiting.is_empty() => {
                    if permit.is_ok() { Turn::Room } else { Turn::End }
                }
                heard = self.memory.next() => Turn::Heard(heard),
                _ = self.watch.tick(), if watches => Turn::Watch,
            };
            match turn {
                Turn::Requests => self.handle_requests(&mut batch),
                Turn::Link(result) => {
                    let lost = result.is_err() || self.handle_events().is_err();
                    if lost && !self.find_supervisor_again().await {
                        break;
                    }
                }
                Turn::Done(done) => self.handle_done(done),
                Turn::Heard(heard) => self.heard(heard),
                Turn::Watch => self.look(),
                Turn::Room => {}
                Turn::End => break,
            }
            if self.stop.is_some() {
                break;
            }
            self.pass_events_on();
        }
        self.end().await;
    }

    async fn end(mut self) {
        let ephemeral = self.options.ephemeral;
        self.link.end(ephemeral).await;
        if ephemeral {
            // Cgroups that were made and never joined.
            while self.work.join_next().await.is_some() {}
        }
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    fn pass_events_on(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(error) = self.events.try_send(event) {
                self.waiting.push_front(error.into_inner());
                return;
            }
        }
    }

    fn handle_done(&mut self, done: Done) {
        match done {
            Done::Prepared(results) => {
                for (container_id, result) in results {
                    self.prepared(container_id, result);
                }
            }
            Done::Ended(event) => self.ended(event),
            Done::Listening(alarms) => self.listening(alarms),
            Done::Looked(container_id, killed) => self.looked(container_id, killed),
            Done::OutOfMemory(containers) => containers.into_iter().for_each(|id| self.destroy(id)),
            Done::Measured(measured) => self.measured(measured),
            Done::Nothing => {}
        }
    }

    fn handle_events(&mut self) -> Result<(), Lost> {
        while let Some(event) = self.link.next_event()? {
            self.handle_event(event);
        }
        Ok(())
    }

    /// The new supervisor adopts the containers. False when there is nobody to do it for any more.
    async fn find_supervisor_again(&mut self) -> bool {
        let Some(listed) = self.link.find_again(&self.options, || self.events.is_closed()).await else {
            return false;
        };
        for between in self.containers.compare(&listed) {
            match between {
                Between::Started(container_id, pid) => self.started(container_id, pid),
                Between::Exited(container_id, status) => self.exited(container_id, status),
                Between::Lost(container_id) => self.never_started(container_id),
            }
        }
        self.handle_events().is_ok()
    }
}
