//! The task that owns the connection to the supervisor.
//!
//! It never waits for one thing only: requests, the socket in both directions, finished preparations and
//! the reader of events are all in one `select`. So it cannot be blocked by a slow one of them.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Interval, MissedTickBehavior},
};

use super::{
    Event, FailureKind, Limitation, Options, RecoveredContainer, Request, StartError,
    connect::{self, Connection},
    limitation,
    memory::{Heard, Memory, Noted},
    prepare::{self, PrepareError, Prepared, Surroundings},
};
use crate::{
    cgroup::{Alarm, Cgroup},
    handover,
    io::{ContainerIo, KeptIo},
    isolation::{CannotIsolate, Held},
    launch::Launch,
    supervisor::protocol::{self, InvalidFrame, next_frame},
};

/// Above this many unsent bytes no more requests are taken.
const OUT_MAX: usize = 4 << 20;
/// Requests taken at a time.
const BATCH: usize = 256;
/// How often logs and disks are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// Wait before a lost supervisor is looked for again after a failure.
const RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// A container on its way:
///
/// ```text
/// Preparing -> Starting -> Running -> Emptying -> Ending -> (ended)
///     \___________\_________________________________/
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// The flag stops its fetcher.
    Preparing(Arc<AtomicBool>),
    /// Its process was asked for; destroyed as soon as it runs, when true.
    Starting(bool),
    Running(i32),
    /// Its process is gone with this status; those nested in it are ending.
    Emptying(Option<i32>),
    /// Its process is gone; what is left in its cgroup is being dealt with.
    Ending,
}

#[derive(Debug)]
pub(super) struct Container {
    pub(super) phase: Phase,
    pub(super) cgroup: Cgroup,
    pub(super) sandbox: Option<PathBuf>,
    /// Bytes of disk that it may use.
    pub(super) quota: Option<u64>,
    /// Bytes of disk that it used when they were last counted.
    pub(super) disk_used: Option<u64>,
    /// Why it is being ended.
    pub(super) limitation: Option<Limitation>,
    /// Of the last time that it ran out of memory.
    pub(super) noted: Noted,
    parent: Option<String>,
    /// How many are nested in it.
    nested: usize,
}

/// A container that is to be prepared.
struct Admitted {
    launch: Launch,
    parents_cgroup: Option<Cgroup>,
    cancelled: Arc<AtomicBool>,
}

/// Something that was done where blocking is allowed.
#[derive(Debug)]
pub(super) enum Done {
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
    Read,
    Lost,
    Written(usize),
    Done(Done),
    Room,
    Heard(Heard),
    Watch,
    End,
}

pub(super) struct Actor {
    pub(super) options: Options,
    pub(super) held: Arc<Held>,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<Event>,
    /// Events that wait for room in the channel: at most two for each container.
    waiting: VecDeque<Event>,
    pub(super) containers: HashMap<String, Container>,
    /// Input and output that waits to be taken.
    ios: HashMap<String, KeptIo>,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    inbox: Vec<u8>,
    /// Descriptors that came with the inbox.
    descriptors: VecDeque<Vec<OwnedFd>>,
    /// The version of the protocol that the supervisor speaks.
    version: u8,
    outbox: Vec<u8>,
    pub(super) work: JoinSet<Done>,
    pub(super) memory: Memory,
    watch: Interval,
    /// When sandboxes are measured next.
    pub(super) disk_due: tokio::time::Instant,
    child: Option<std::process::Child>,
    stop: Option<oneshot::Sender<()>>,
    _lock: File,
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

/// Starts the task.
pub(super) async fn start(
    options: Options,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<Event>,
) -> Result<Vec<RecoveredContainer>, StartError> {
    let lock = connect::lock(&options.runtime_dir)?;
    let (isolation, root) = (options.isolation.clone(), options.cgroups_root.clone());
    let held = tokio::task::spawn_blocking(move || isolation.prepare(&root)).await.unwrap_or_else(|_| {
        let why = "it could not be found out".to_owned();
        Err(CannotIsolate::Launcher(why))
    })?;
    let Connection { stream, inbox, descriptors, version, containers: listed, child } =
        connect::connect(&options).await?;
    let (held, listed) = tokio::task::spawn_blocking(move || look_back(held, listed))
        .await
        .unwrap_or_else(|_| (Held::default(), Vec::new()));
    let (reader, writer) = stream.into_split();
    let mut watch = tokio::time::interval(WATCH_INTERVAL);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let memory = Memory::new(&held.hierarchies).map_err(StartError::Memory)?;
    let disk_due = tokio::time::Instant::now() + options.isolation.disk_watch_interval;
    let mut actor = Actor {
        options,
        held: Arc::new(held),
        requests,
        events,
        waiting: VecDeque::new(),
        containers: HashMap::new(),
        ios: HashMap::new(),
        reader,
        writer,
        inbox,
        descriptors,
        version,
        outbox: Vec::new(),
        work: JoinSet::new(),
        memory,
        watch,
        disk_due,
        child,
        stop: None,
        _lock: lock,
    };
    actor.take_over(&listed);
    let _ = actor.read_inbox();
    tokio::spawn(actor.run());
    Ok(listed)
}

impl Actor {
    async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let watches = self.has_to_watch();
            // What happened is decided first and dealt with after, when nothing is borrowed any more.
            let turn = tokio::select! {
                count = self.requests.recv_many(&mut batch, BATCH), if self.outbox.len() < OUT_MAX => {
                    if count == 0 { Turn::End } else { Turn::Requests }
                }
                result = self.reader.as_ref().async_io(Interest::READABLE, || {
                    handover::receive(self.reader.as_ref(), &mut self.inbox, &mut self.descriptors)
                }) => match result {
                    Ok(length) if length > 0 => Turn::Read,
                    _ => Turn::Lost,
                },
                result = self.writer.write(&self.outbox), if !self.outbox.is_empty() => match result {
                    Ok(length) => Turn::Written(length),
                    // A failure to write is also one to read, and dealt with there.
                    Err(_) => Turn::Written(self.outbox.len()),
                },
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
                Turn::Read | Turn::Lost => {
                    let lost = matches!(turn, Turn::Lost) || self.read_inbox().is_err();
                    if lost && !self.find_supervisor_again().await {
                        break;
                    }
                }
                Turn::Written(length) => {
                    self.outbox.drain(..length);
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

    /// Says goodbye. An ephemeral supervisor then ends everything, and is waited for.
    async fn end(mut self) {
        let _ = self.writer.write_all(&self.outbox).await;
        let _ = self.writer.shutdown().await;
        if self.options.ephemeral {
            let mut rest = [0; 4096];
            while matches!(self.reader.read(&mut rest).await, Ok(length) if length > 0) {}
            if let Some(mut child) = self.child.take() {
                let _ = tokio::task::spawn_blocking(move || child.wait()).await;
            }
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

    fn handle_requests(&mut self, batch: &mut Vec<Request>) {
        let mut launches = Vec::new();
        for request in batch.drain(..) {
            match request {
                Request::Launch(launch) => {
                    if let Some(launch) = self.admit(*launch) {
                        launches.push(launch);
                    }
                }
                Request::Signal { container_id, signal, group } => {
                    protocol::Request::Signal { container_id, signal, group }.encode(&mut self.outbox);
                }
                Request::Destroy { container_id } => self.destroy(container_id),
                Request::Forget { container_id } => {
                    self.ios.remove(&container_id);
                    protocol::Request::Forget { container_id }.encode(&mut self.outbox);
                }
                Request::Update { container_id, limits } => {
                    if let Some(container) = self.containers.get_mut(&container_id) {
                        container.quota = limits.disk_bytes.or(container.quota);
                        let limits = prepare::with_defaults(limits, &self.options.isolation);
                        let cgroup = container.cgroup.clone();
                        self.work.spawn_blocking(move || {
                            if let Err(error) = cgroup.change(&limits) {
                                tracing::warn!(container = container_id, "cannot change the limits: {error}");
                            }
                            Done::Nothing
                        });
                    }
                }
                Request::Adopt { container_id, sandbox } => {
                    if let Some(container) = self.containers.get_mut(&container_id) {
                        container.sandbox = Some(sandbox);
                    }
                }
                Request::Measure { answer } => self.measure(answer),
                Request::TakeIo { container_id, answer } => {
                    let _ = answer.send(self.take_io(&container_id));
                }
                Request::Resize { container_id, rows, columns, answer } => {
                    let result = match self.ios.get(&container_id) {
                        Some(KeptIo::Tty(master)) => crate::io::resize(master, rows, columns),
                        Some(KeptIo::Pipes(_)) | None => Err(io::Error::new(
                            io::ErrorKind::NotFound,
                            format!("Container '{container_id}' has no terminal"),
                        )),
                    };
                    let _ = answer.send(result);
                }
                Request::Stop(stop) => self.stop = Some(stop),
            }
        }
        if !launches.is_empty() {
            self.prepare(launches);
        }
    }

    /// Notes a new container. Its preparation goes with others' unless it fetches, which may take long.
    fn admit(&mut self, launch: Launch) -> Option<Admitted> {
        let container_id = launch.container_id.clone();
        let mut refuse = |message| {
            let container_id = container_id.clone();
            self.waiting.push_back(Event::LaunchFailed { container_id, kind: FailureKind::Spawn, message });
        };
        if self.containers.contains_key(&container_id) {
            refuse(format!("Container '{container_id}' exists already"));
            return None;
        }
        let mut parents_cgroup = None;
        if let Some(parent) = &launch.parent {
            match self.containers.get_mut(parent) {
                Some(parent) if matches!(parent.phase, Phase::Running(_)) => {
                    parent.nested += 1;
                    parents_cgroup = Some(parent.cgroup.clone());
                }
                _ => {
                    refuse(format!("The parent container '{parent}' is not running"));
                    return None;
                }
            }
        }
        let cancelled = Arc::new(AtomicBool::new(false));
        let container = Container {
            phase: Phase::Preparing(Arc::clone(&cancelled)),
            cgroup: Cgroup::default(),
            sandbox: Some(launch.sandbox.clone()),
            quota: launch.limits.disk_bytes,
            disk_used: None,
            limitation: None,
            noted: Noted::default(),
            parent: launch.parent.clone(),
            nested: 0,
        };
        self.containers.insert(container_id, container);
        let admitted = Admitted { launch, parents_cgroup, cancelled };
        if admitted.launch.uris.is_empty() {
            return Some(admitted);
        }
        self.prepare(vec![admitted]);
        None
    }

    fn prepare(&mut self, launches: Vec<Admitted>) {
        let (held, isolation) = (Arc::clone(&self.held), self.options.isolation.clone());
        let fetcher_stall_timeout = self.options.fetcher_stall_timeout;
        self.work.spawn_blocking(move || {
            let prepare = |Admitted { launch, parents_cgroup, cancelled }| {
                let container_id = launch.container_id.clone();
                let surroundings = Surroundings {
                    held: &held,
                    isolation: &isolation,
                    fetcher_stall_timeout,
                    parents_cgroup: parents_cgroup.as_ref(),
                };
                (container_id, prepare::prepare(launch, &surroundings, &cancelled))
            };
            Done::Prepared(launches.into_iter().map(prepare).collect())
        });
    }

    pub(super) fn destroy(&mut self, container_id: String) {
        let Some(container) = self.containers.get_mut(&container_id) else { return };
        match &mut container.phase {
            Phase::Preparing(cancelled) => cancelled.store(true, Ordering::Relaxed),
            Phase::Starting(destroyed) => *destroyed = true,
            Phase::Running(_) => {
                kill_group(container_id, &mut self.outbox);
                // Those outside the group are in the cgroup.
                if container.cgroup.exists() {
                    let cgroup = container.cgroup.clone();
                    self.work.spawn_blocking(move || {
                        cgroup.kill();
                        Done::Nothing
                    });
                }
            }
            Phase::Emptying(_) | Phase::Ending => {}
        }
    }

    fn take_io(&mut self, container_id: &str) -> Option<ContainerIo> {
        match self.ios.remove(container_id)?.open() {
            Ok((io, kept)) => {
                if let Some(kept) = kept {
                    self.ios.insert(container_id.to_owned(), kept);
                }
                Some(io)
            }
            Err(error) => {
                tracing::warn!(container = container_id, "cannot use its input and output: {error}");
                None
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
            Done::Ended(event) => {
                if let Event::Exited { container_id, .. } | Event::LaunchFailed { container_id, .. } = &event
                {
                    let parent = self.containers.remove(container_id).and_then(|container| container.parent);
                    self.waiting.push_back(event);
                    if let Some(parent) = parent {
                        self.nested_ended(parent);
                    }
                }
            }
            Done::Listening(alarms) => self.listening(alarms),
            Done::Looked(container_id, killed) => self.looked(container_id, killed),
            Done::OutOfMemory(containers) => containers.into_iter().for_each(|id| self.destroy(id)),
            Done::Measured(measured) => self.measured(measured),
            Done::Nothing => {}
        }
    }

    fn prepared(&mut self, container_id: String, result: Result<Prepared, PrepareError>) {
        let Some(container) = self.containers.get_mut(&container_id) else { return };
        let cancelled = matches!(&container.phase, Phase::Preparing(flag) if flag.load(Ordering::Relaxed));
        match result {
            Ok(prepared) if self.version < 2 && !prepared.spawn.is_of_version_one() => {
                container.cgroup = prepared.cgroup;
                let message = "The running supervisor is of an earlier version, which cannot do this; it is \
                               replaced once its containers have ended";
                self.launch_failed(container_id, FailureKind::Spawn, message.to_owned());
            }
            Ok(prepared) if !cancelled => {
                container.phase = Phase::Starting(false);
                container.cgroup = prepared.cgroup;
                protocol::Request::Launch(Box::new(prepared.spawn)).encode(&mut self.outbox);
            }
            Ok(prepared) => {
                container.cgroup = prepared.cgroup;
                self.launch_failed(container_id, FailureKind::Destroyed, destroyed());
            }
            Err(_) if cancelled => self.launch_failed(container_id, FailureKind::Destroyed, destroyed()),
            Err(error) => self.launch_failed(container_id, error.kind, error.message),
        }
    }

    /// Tells the failure once the container's cgroup is gone.
    fn launch_failed(&mut self, container_id: String, kind: FailureKind, message: String) {
        let Some(container) = self.containers.get_mut(&container_id) else { return };
        container.phase = Phase::Ending;
        let cgroup = std::mem::take(&mut container.cgroup);
        let event = Event::LaunchFailed { container_id, kind, message };
        if cgroup.exists() {
            self.work.spawn_blocking(move || {
                cgroup.destroy();
                Done::Ended(event)
            });
        } else {
            self.handle_done(Done::Ended(event));
        }
    }

    /// Says in the sandbox why there is nothing else in it: there its owner looks first.
    fn leave_word(&self, container_id: &str, what: &str) {
        use std::io::Write as _;
        let sandbox = self.containers.get(container_id).and_then(|container| container.sandbox.as_ref());
        let Some(sandbox) = sandbox else { return };
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let stderr =
            std::os::unix::fs::OpenOptionsExt::custom_flags(File::options().append(true).create(true), flags)
                .open(sandbox.join("stderr"));
        // The failure is told in any case.
        let _ = stderr.and_then(|mut stderr| writeln!(stderr, "{what}"));
    }

    fn read_inbox(&mut self) -> Result<(), InvalidFrame> {
        let mut start = 0;
        while let Some((body, next)) = next_frame(&self.inbox, start)? {
            let event = protocol::Event::decode(body)?;
            start = next;
            self.handle_event(event);
        }
        self.inbox.drain(..start);
        Ok(())
    }

    fn handle_event(&mut self, event: protocol::Event) {
        match event {
            protocol::Event::Started { container_id, pid } => {
                let Some(container) = self.containers.get_mut(&container_id) else { return };
                let destroyed = matches!(container.phase, Phase::Starting(true));
                container.phase = Phase::Running(pid);
                self.memory.started(&container_id, &container.cgroup);
                if destroyed {
                    kill_group(container_id.clone(), &mut self.outbox);
                }
                self.waiting.push_back(Event::Started { container_id, pid });
            }
            protocol::Event::LaunchFailed { container_id, errno, what } => {
                self.leave_word(&container_id, &what);
                let kind = if errno == 0 { FailureKind::Spawn } else { FailureKind::Execute };
                self.launch_failed(container_id, kind, what);
            }
            protocol::Event::Exited { container_id, status } => self.exited(container_id, status),
            protocol::Event::Io { container_id, tty } => {
                match self.descriptors.pop_front().and_then(|set| KeptIo::new(tty, set)) {
                    Some(io) if self.containers.contains_key(&container_id) || tty => {
                        self.ios.insert(container_id, io);
                    }
                    Some(_) => {}
                    None => tracing::warn!(
                        container = container_id,
                        "its input and output did not arrive: does this process have too many descriptors?"
                    ),
                }
            }
            protocol::Event::Hello { .. } | protocol::Event::Container { .. } | protocol::Event::ListEnd => {}
        }
    }

    /// Ends what is nested in the container first.
    fn exited(&mut self, container_id: String, status: Option<i32>) {
        let Some(container) = self.containers.get_mut(&container_id) else { return };
        self.memory.ended(&container_id);
        if container.nested == 0 {
            self.emptied(container_id, status);
            return;
        }
        container.phase = Phase::Emptying(status);
        let is_inside = |(id, container): (&String, &Container)| {
            (container.parent.as_ref() == Some(&container_id)).then(|| id.clone())
        };
        let nested: Vec<String> = self.containers.iter().filter_map(is_inside).collect();
        for container in nested {
            self.destroy(container);
        }
    }

    fn nested_ended(&mut self, parent: String) {
        let Some(container) = self.containers.get_mut(&parent) else { return };
        container.nested = container.nested.saturating_sub(1);
        if let (0, Phase::Emptying(status)) = (container.nested, &container.phase) {
            let status = *status;
            self.emptied(parent, status);
        }
    }

    /// Tells the exit once nothing is left of the container.
    fn emptied(&mut self, container_id: String, status: Option<i32>) {
        let Some(container) = self.containers.get_mut(&container_id) else { return };
        container.phase = Phase::Ending;
        let cgroup = std::mem::take(&mut container.cgroup);
        let (limitation, noted) = (container.limitation.take(), std::mem::take(&mut container.noted));
        if cgroup.procs().is_empty() {
            self.handle_done(Done::Ended(Event::Exited { container_id, status, limitation }));
            return;
        }
        self.work.spawn_blocking(move || {
            let limitation = limitation.or_else(|| limitation::of_memory(&cgroup, status, &noted));
            cgroup.destroy();
            Done::Ended(Event::Exited { container_id, status, limitation })
        });
    }

    /// Takes what a supervisor has as it is: running containers are ours now.
    fn take_over(&mut self, listed: &[RecoveredContainer]) {
        for container in listed.iter().filter(|container| container.exited.is_none()) {
            let cgroup = self.held.hierarchies.of(&container.container_id);
            let cgroup = if cgroup.exists() { cgroup } else { Cgroup::default() };
            let parent = container.container_id.rsplit_once('.').map(|(parent, _)| parent.to_owned());
            let taken = Container {
                phase: Phase::Running(container.pid),
                cgroup,
                sandbox: None,
                quota: None,
                disk_used: None,
                limitation: None,
                noted: Noted::default(),
                parent,
                nested: 0,
            };
            self.memory.found(&container.container_id, &taken.cgroup);
            self.containers.insert(container.container_id.clone(), taken);
        }
        self.listen_to_unheard();
        let parents: Vec<String> =
            self.containers.values().filter_map(|container| container.parent.clone()).collect();
        for parent in parents {
            if let Some(parent) = self.containers.get_mut(&parent) {
                parent.nested += 1;
            }
        }
    }

    /// The supervisor is gone, which it never should: gets another one, which adopts the containers. False
    /// when there is nobody to do it for any more.
    async fn find_supervisor_again(&mut self) -> bool {
        tracing::warn!("lost the supervisor of {}", self.options.runtime_dir.display());
        if let Some(mut child) = self.child.take() {
            let _ = tokio::task::spawn_blocking(move || {
                let _ = child.kill();
                child.wait()
            })
            .await;
        }
        self.inbox.clear();
        self.outbox.clear();
        let connection = loop {
            match connect::connect(&self.options).await {
                Ok(connection) => break connection,
                Err(error) => tracing::error!("{error}"),
            }
            if self.events.is_closed() {
                return false;
            }
            tokio::time::sleep(RECONNECT_WAIT).await;
        };
        (self.reader, self.writer) = connection.stream.into_split();
        (self.inbox, self.descriptors) = (connection.inbox, connection.descriptors);
        self.version = connection.version;
        self.child = connection.child;
        self.compare(&connection.containers);
        self.read_inbox().is_ok()
    }

    /// Learns from a new supervisor's list what happened between two supervisors.
    fn compare(&mut self, listed: &[RecoveredContainer]) {
        let listed: HashMap<&str, &RecoveredContainer> =
            listed.iter().map(|container| (container.container_id.as_str(), container)).collect();
        let known: Vec<(String, bool)> = self
            .containers
            .iter()
            .filter_map(|(id, container)| match container.phase {
                Phase::Starting(_) => Some((id.clone(), true)),
                Phase::Running(_) => Some((id.clone(), false)),
                Phase::Preparing(_) | Phase::Emptying(_) | Phase::Ending => None,
            })
            .collect();
        for (container_id, starting) in known {
            let found = listed.get(container_id.as_str());
            if let (true, Some(container)) = (starting, found) {
                let pid = container.pid;
                self.handle_event(protocol::Event::Started { container_id: container_id.clone(), pid });
            }
            match found.map(|container| container.exited) {
                Some(None) => {}
                Some(Some(status)) => self.exited(container_id, status),
                None if starting => {
                    let message = "The supervisor was lost before it started the process".to_owned();
                    self.launch_failed(container_id, FailureKind::Spawn, message);
                }
                None => self.exited(container_id, None),
            }
        }
    }
}

fn kill_group(container_id: String, outbox: &mut Vec<u8>) {
    protocol::Request::Signal { container_id, signal: libc::SIGKILL, group: true }.encode(outbox);
}

fn destroyed() -> String {
    "The container was destroyed while it was being launched".to_owned()
}
