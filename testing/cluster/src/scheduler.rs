//! A scheduler as a careful user of `tepui-scheduler` writes it: every update is written down before it is
//! acknowledged, and whoever is not heard of is asked after.

use std::{
    collections::VecDeque,
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use conformance::{Outcome, process::wait_for};
use tepui_core_placement::{Offered, Wanted};
use tepui_scheduler::{
    Acknowledgement, Address, Backoff, Config, Event, Events, Options, SchedulerDriver, capabilities, launch,
    launch_group,
    v1::{self, framework_info::capability::Type as Capability},
};
use tepui_wire_mesos::convert::{Format, to_wire};
use tokio::time::{Instant, Interval, interval};

use crate::{
    dice::Dice,
    fleet::PATIENCE,
    ledger::{Ledger, Task, is_terminal},
};

/// How often the master is asked after tasks that have not ended.
const ASK: Duration = Duration::from_secs(1);

/// One in so many updates is acknowledged late, if any is.
const LATE: usize = 6;
/// How late: any other update of that task would be there by then.
const WAIT: Duration = Duration::from_millis(250);

/// CPUs and MB of each task.
const EACH: (f64, f64) = (0.01, 4.0);

/// An offer with less than this is a rest, and comes back as a part of a larger one.
const ROOM: (f64, f64) = (0.5, 256.0);

/// A task to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What it does.
    pub work: Work,
    /// Jobs with the same name here, one behind the other, are launched together, as a group.
    pub group: Option<String>,
    /// What else is said of the task: checks, policies.
    pub more: Box<v1::TaskInfo>,
}

/// What a task does.
#[derive(Clone, Debug)]
pub enum Work {
    /// A command.
    Command(Box<v1::CommandInfo>),
    /// A task of a framework's own executor, and what that is told.
    Executor(Box<v1::ExecutorInfo>, Bytes),
    /// A command that the executor of its group runs.
    Member(Box<v1::ExecutorInfo>, Box<v1::CommandInfo>),
}

impl Job {
    /// A command that a shell runs.
    pub fn command(id: impl Into<String>, command: impl Into<String>) -> Self {
        Self::new(id, Work::Command(Box::new(shell(command))))
    }

    fn new(id: impl Into<String>, work: Work) -> Self {
        Self { id: id.into(), work, group: None, more: Box::default() }
    }

    /// A command as a task of a group; its executor has the group's name.
    pub fn member(group: &str, id: impl Into<String>, command: impl Into<String>) -> Self {
        let executor = v1::ExecutorInfo {
            r#type: Some(v1::executor_info::Type::Default.into()),
            command: None,
            ..executor(group, v1::CommandInfo::default())
        };
        let work = Work::Member(Box::new(executor), Box::new(shell(command)));
        Self { group: Some(group.to_owned()), ..Self::new(id, work) }
    }

    /// With more to be said of the task.
    #[must_use]
    pub fn with(mut self, more: v1::TaskInfo) -> Self {
        self.more = Box::new(more);
        self
    }

    /// A task of an executor.
    pub fn executor(id: impl Into<String>, executor: v1::ExecutorInfo, data: impl Into<Bytes>) -> Self {
        Self::new(id, Work::Executor(Box::new(executor), data.into()))
    }
}

/// A command for a shell.
pub fn shell(command: impl Into<String>) -> v1::CommandInfo {
    v1::CommandInfo { value: Some(command.into()), ..v1::CommandInfo::default() }
}

/// An executor that a shell starts.
pub fn executor(id: impl Into<String>, command: v1::CommandInfo) -> v1::ExecutorInfo {
    v1::ExecutorInfo {
        r#type: Some(v1::executor_info::Type::Custom.into()),
        executor_id: v1::ExecutorId { value: id.into() },
        command: Some(command),
        resources: vec![scalar("cpus", EACH.0), scalar("mem", 32.0), scalar("disk", 16.0)],
        ..v1::ExecutorInfo::default()
    }
}

/// When a scheduler acknowledges an update.
#[derive(Debug)]
pub enum Acknowledging {
    /// Before it does anything else.
    AtOnce,
    /// One in some only after a while, in which nothing more of that task may come.
    NowAndThenLate(Box<Dice>),
}

/// A framework that runs jobs. Dropping it tears the framework down.
#[derive(Debug)]
pub struct Scheduler {
    driver: SchedulerDriver,
    ledger: Arc<Mutex<Ledger>>,
    pending: Arc<Mutex<VecDeque<Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Subscribes to the master at this port of 127.0.0.1 and begins to launch `jobs`; at most `at_once` of them are
    /// under way at a time, half of them with one offer.
    pub fn start(master: u16, jobs: Vec<Job>, at_once: usize) -> Outcome<Self> {
        Self::start_as(master, jobs, at_once, Acknowledging::AtOnce)
    }

    /// The same, with a word about when updates are acknowledged.
    pub fn start_as(
        master: u16,
        jobs: Vec<Job>,
        at_once: usize,
        acknowledging: Acknowledging,
    ) -> Outcome<Self> {
        let mut capable = vec![Capability::MultiRole, Capability::PartitionAware];
        if matches!(acknowledging, Acknowledging::NowAndThenLate(_)) {
            // Who hears that a task is being killed need not say it again.
            capable.push(Capability::TaskKillingState);
        }
        let framework = v1::FrameworkInfo {
            user: user()?,
            name: "cluster test".to_owned(),
            roles: vec!["*".to_owned()],
            failover_timeout: Some(3_600.0),
            checkpoint: Some(true),
            capabilities: capabilities(capable),
            ..v1::FrameworkInfo::default()
        };
        let mut config = Config::new(framework, Address::parse(&format!("127.0.0.1:{master}"), 5050)?);
        config.acknowledgement = Acknowledgement::Explicit;
        // The usual one, but for impatient tests.
        config.backoff = Backoff { first: Duration::from_millis(200), max: Duration::from_secs(1) };
        let (driver, events) = SchedulerDriver::start(config, Options::default())?;
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let pending = Arc::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let working = Working {
            driver: driver.clone(),
            ledger: ledger.clone(),
            pending: Arc::clone(&pending),
            at_once,
            acknowledging,
            late: VecDeque::new(),
        };
        let thread = thread::spawn(move || runtime.block_on(working.run(events, None)));
        let scheduler = Self { driver, ledger, pending, thread: Some(thread) };
        scheduler.add(jobs);
        Ok(scheduler)
    }

    /// More to do.
    pub fn add(&self, jobs: Vec<Job>) {
        let tasks = jobs.iter().map(|job| (job.id.clone(), Task::default()));
        lock(&self.ledger).tasks.extend(tasks);
        lock(&self.pending).extend(jobs);
        // Not subscribed: offers come anyhow.
        let _ = self.driver.revive([]);
    }

    /// Lets updates come of a task that it does not launch.
    pub fn know(&self, id: &str) {
        self.ledger().tasks.entry(id.to_owned()).or_default();
    }

    /// How many jobs have not been launched.
    pub fn pending(&self) -> usize {
        lock(&self.pending).len()
    }

    /// Asks for a task's end, again and again until it has come or its agent has promised it.
    pub fn kill(&self, id: &str) {
        // Of a task whose end was acknowledged the master would say that it does not know it; with the lock no end can be
        // written down, and so none acknowledged, before this is sent.
        let mut ledger = lock(&self.ledger);
        let Some(task) = ledger.tasks.get_mut(id).filter(|task| task.end().is_none()) else { return };
        task.killed = true;
        if let Some(agent) = task.agent.clone() {
            // One that is not sent is followed by others.
            let _ = self.driver.kill(id, Some(agent), None);
        }
    }

    /// Asks for the end of a task's executor.
    pub fn shut_down(&self, task: &str, executor: &str) {
        let agent = self.ledger().tasks.get(task).and_then(|task| task.agent.clone());
        if let Some(agent) = agent {
            // One that is not sent can be asked for again.
            let _ = self.driver.shutdown(v1::ExecutorId { value: executor.to_owned() }, agent);
        }
    }

    /// What it was told so far.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Waits until the ledger says so, or says that something went wrong.
    pub fn wait_until(&self, what: &str, mut ready: impl FnMut(&Ledger) -> bool) -> Outcome {
        let waited = wait_for(what, PATIENCE, || {
            let ledger = self.ledger();
            (ready(&ledger) || !ledger.wrong.is_empty()).then_some(())
        });
        let ledger = self.ledger();
        if let Some(wrong) = ledger.wrong.first() {
            return Err(wrong.clone().into());
        }
        waited.map_err(|error| {
            let open: Vec<_> = ledger.tasks.iter().filter(|(_, task)| !task.is_settled()).take(5).collect();
            format!("{error}; subscribed {} times; not ended, among others: {open:?}", ledger.subscriptions)
                .into()
        })
    }

    /// Waits until every task has ended.
    pub fn wait_for_the_end(&self) -> Outcome {
        self.wait_until("the end of every task", |ledger| ledger.tasks.values().all(Task::is_settled))
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.driver.teardown();
        if let Some(thread) = self.thread.take() {
            // A panic there has been seen already.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who runs the tests, and so the tasks.
fn user() -> Outcome<String> {
    let name = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8(name.stdout)?.trim().to_owned())
}

struct Working {
    driver: SchedulerDriver,
    ledger: Arc<Mutex<Ledger>>,
    pending: Arc<Mutex<VecDeque<Job>>>,
    at_once: usize,
    acknowledging: Acknowledging,
    /// Acknowledgements that are kept back, in their order, and until when.
    late: VecDeque<(Instant, v1::TaskStatus)>,
}

impl Working {
    async fn run(mut self, mut events: Events, asking: Option<Interval>) {
        let mut asking = asking.unwrap_or_else(|| interval(ASK));
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.handle(event),
                    None => return,
                },
                _ = asking.tick() => self.ask(),
                () = until(self.late.front()) => self.acknowledge_late(),
            }
        }
    }

    /// Acknowledges an update, if it wants that, now or later. One that is repeated is due.
    fn acknowledge(&mut self, status: v1::TaskStatus, new: bool) {
        if new
            && let Acknowledging::NowAndThenLate(dice) = &mut self.acknowledging
            && dice.below(LATE) == 0
        {
            lock(&self.ledger).hold(&status);
            self.late.push_back((Instant::now() + WAIT, status));
        } else if !self.late.iter().any(|(_, late)| late.uuid == status.uuid) {
            // Not subscribed: it comes again.
            let _ = self.driver.acknowledge(&status);
        }
    }

    fn acknowledge_late(&mut self) {
        if let Some((_, status)) = self.late.pop_front() {
            lock(&self.ledger).release(&status);
            let _ = self.driver.acknowledge(&status);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Subscribed { .. } => lock(&self.ledger).subscriptions += 1,
            Event::Offers(offers) => offers.into_iter().for_each(|offer| self.offer(offer)),
            Event::Update(status) => {
                let new = lock(&self.ledger).record(&status);
                if is_terminal(status.state()) && !lock(&self.pending).is_empty() {
                    // There is room for another.
                    let _ = self.driver.revive([]);
                }
                self.acknowledge(status, new);
            }
            Event::Error { message } => lock(&self.ledger).wrong.push(format!("the master: {message}")),
            _ => {}
        }
    }

    /// An ACCEPT may be lost with the connection, and then nobody but the master's answer tells.
    fn ask(&self) {
        let ledger = lock(&self.ledger);
        let open = ledger.open();
        if !open.is_empty() {
            let _ = self.driver.reconcile(open.iter().map(|(id, agent)| (id.as_str(), agent.clone())));
        }
        for (id, agent) in open {
            if ledger.tasks.get(&id).is_some_and(|task| task.killed && !task.is_being_killed()) {
                let _ = self.driver.kill(id, agent, None);
            }
        }
    }

    fn offer(&mut self, offer: v1::Offer) {
        let placed = self.place(&offer);
        if placed.is_empty() {
            let _ = self.driver.decline([offer.id], Some(v1::Filters { refuse_seconds: Some(0.5) }));
            return;
        }
        let filters = v1::Filters { refuse_seconds: Some(0.0) };
        // Written down first: a kill that comes meanwhile must know that there is something to kill.
        let mut ledger = lock(&self.ledger);
        if self.driver.accept([offer.id], operations(&placed, &offer.agent_id), Some(filters)).is_err() {
            // Not sent, so not launched.
            drop(ledger);
            let mut pending = lock(&self.pending);
            placed.into_iter().rev().for_each(|placed| pending.push_front(placed.job));
            return;
        }
        for Placed { job, .. } in placed {
            ledger.tasks.entry(job.id).or_default().agent = Some(offer.agent_id.clone());
        }
    }

    /// Takes what is to be launched with an offer: whole groups only.
    fn place(&self, offer: &v1::Offer) -> Vec<Placed> {
        let (mut offered, format) = (Offered::from(offer), Format::of(&offer.resources));
        // An agent that only pretends to be one has another name.
        if offer.hostname != "127.0.0.1" || !offered.lacks(&Wanted::cpus_and_mem(ROOM.0, ROOM.1)).is_empty() {
            return Vec::new();
        }
        let each = Wanted::cpus_and_mem(EACH.0, EACH.1);
        let room = self.at_once.saturating_sub(lock(&self.ledger).open().len());
        let most = room.min(self.at_once.div_ceil(2));
        let mut pending = lock(&self.pending);
        let mut placed = Vec::new();
        while placed.len() < most
            && let Some(first) = pending.front()
        {
            let together = match &first.group {
                Some(_) => pending.iter().take_while(|job| job.group == first.group).count(),
                None => 1,
            };
            let mut rest = offered.clone();
            let Ok(pieces) = (0..together).map(|_| rest.take(&each)).collect::<Result<Vec<_>, _>>() else {
                break;
            };
            offered = rest;
            let jobs = pending.drain(..together).zip(pieces);
            placed.extend(jobs.map(|(job, pieces)| Placed { job, resources: to_wire(&pieces, format) }));
        }
        placed
    }
}

/// A job with its share of an offer.
struct Placed {
    job: Job,
    resources: Vec<v1::Resource>,
}

async fn until(late: Option<&(Instant, v1::TaskStatus)>) {
    match late {
        Some((at, _)) => tokio::time::sleep_until(*at).await,
        None => std::future::pending().await,
    }
}

fn operations(placed: &[Placed], agent: &v1::AgentId) -> Vec<v1::offer::Operation> {
    let together = |one: &Placed, next: &Placed| one.job.group == next.job.group;
    let operation = |placed: &[Placed]| {
        let group = placed.first().filter(|placed| placed.job.group.is_some());
        match group.map(|placed| &placed.job.work) {
            Some(Work::Executor(executor, _) | Work::Member(executor, _)) => {
                let member = |placed| v1::TaskInfo { executor: None, ..task(placed, agent) };
                launch_group((**executor).clone(), placed.iter().map(member))
            }
            _ => launch(placed.iter().map(|placed| task(placed, agent))),
        }
    };
    placed.chunk_by(together).map(operation).collect()
}

fn task(Placed { job, resources }: &Placed, agent: &v1::AgentId) -> v1::TaskInfo {
    let task = v1::TaskInfo {
        name: job.id.clone(),
        task_id: v1::TaskId { value: job.id.clone() },
        agent_id: agent.clone(),
        resources: resources.clone(),
        ..(*job.more).clone()
    };
    match &job.work {
        Work::Command(command) | Work::Member(_, command) => {
            v1::TaskInfo { command: Some((**command).clone()), ..task }
        }
        Work::Executor(executor, data) => {
            v1::TaskInfo { executor: Some(executor.clone()), data: Some(data.clone()), ..task }
        }
    }
}

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..v1::Resource::default()
    }
}
