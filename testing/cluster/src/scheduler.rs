//! A scheduler as a careful user of `tepui-scheduler` writes it: every update is written down before it is
//! acknowledged, and whoever is not heard of is asked after.

use std::{
    collections::{BTreeMap, VecDeque},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use conformance::{Outcome, process::wait_for};
use tepui_scheduler::{
    Acknowledgement, Address, Backoff, Config, Event, Events, Options, SchedulerDriver, capabilities, launch,
    v1::{self, framework_info::capability::Type as Capability},
};
use tokio::time::{Interval, interval};

use crate::{
    fleet::PATIENCE,
    ledger::{Ledger, Task, is_terminal},
};

/// How often the master is asked after tasks that have not ended.
const ASK: Duration = Duration::from_secs(1);

/// CPUs and MB of each task.
const EACH: (f64, f64) = (0.01, 4.0);

/// A task to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What a shell runs.
    pub command: String,
}

/// A framework that runs jobs. Dropping it tears the framework down.
#[derive(Debug)]
pub struct Scheduler {
    driver: SchedulerDriver,
    ledger: Arc<Mutex<Ledger>>,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Subscribes to the master at this port of 127.0.0.1 and begins to launch `jobs`; at most `at_once` of them are
    /// under way at a time, half of them with one offer.
    pub fn start(master: u16, jobs: Vec<Job>, at_once: usize) -> Outcome<Self> {
        let framework = v1::FrameworkInfo {
            user: user()?,
            name: "cluster test".to_owned(),
            roles: vec!["*".to_owned()],
            failover_timeout: Some(3_600.0),
            checkpoint: Some(true),
            capabilities: capabilities([Capability::MultiRole, Capability::PartitionAware]),
            ..v1::FrameworkInfo::default()
        };
        let mut config = Config::new(framework, Address::parse(&format!("127.0.0.1:{master}"), 5050)?);
        config.acknowledgement = Acknowledgement::Explicit;
        // The usual one, but for impatient tests.
        config.backoff = Backoff { first: Duration::from_millis(200), max: Duration::from_secs(1) };
        let (driver, events) = SchedulerDriver::start(config, Options::default())?;
        let tasks: BTreeMap<String, Task> =
            jobs.iter().map(|job| (job.id.clone(), Task::default())).collect();
        let ledger = Arc::new(Mutex::new(Ledger { tasks, ..Ledger::default() }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work =
            Work { driver: driver.clone(), ledger: ledger.clone(), pending: VecDeque::from(jobs), at_once };
        let thread = thread::spawn(move || runtime.block_on(work.run(events, None)));
        Ok(Self { driver, ledger, thread: Some(thread) })
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

struct Work {
    driver: SchedulerDriver,
    ledger: Arc<Mutex<Ledger>>,
    pending: VecDeque<Job>,
    at_once: usize,
}

impl Work {
    async fn run(mut self, mut events: Events, asking: Option<Interval>) {
        let mut asking = asking.unwrap_or_else(|| interval(ASK));
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.handle(event),
                    None => return,
                },
                _ = asking.tick() => self.ask(),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Subscribed { .. } => lock(&self.ledger).subscriptions += 1,
            Event::Offers(offers) => offers.into_iter().for_each(|offer| self.offer(offer)),
            Event::Update(status) => {
                lock(&self.ledger).record(&status);
                // Not subscribed: it comes again.
                let _ = self.driver.acknowledge(&status);
                if is_terminal(status.state()) && !self.pending.is_empty() {
                    // There is room for another.
                    let _ = self.driver.revive([]);
                }
            }
            Event::Error { message } => lock(&self.ledger).wrong.push(format!("the master: {message}")),
            _ => {}
        }
    }

    /// An ACCEPT may be lost with the connection, and then nobody but the master's answer tells.
    fn ask(&self) {
        let open = lock(&self.ledger).open();
        if !open.is_empty() {
            let _ = self.driver.reconcile(open.iter().map(|(id, agent)| (id.as_str(), agent.clone())));
        }
    }

    fn offer(&mut self, offer: v1::Offer) {
        let fit = fitting(&offer, "cpus", EACH.0).min(fitting(&offer, "mem", EACH.1));
        // An agent that only pretends to be one has another name.
        let room = self.at_once.saturating_sub(lock(&self.ledger).open().len());
        let count =
            if offer.hostname == "127.0.0.1" { fit.min(room).min(self.at_once.div_ceil(2)) } else { 0 };
        let jobs: Vec<Job> = self.pending.drain(..count.min(self.pending.len())).collect();
        if jobs.is_empty() {
            let _ = self.driver.decline([offer.id], Some(v1::Filters { refuse_seconds: Some(0.5) }));
            return;
        }
        let tasks: Vec<_> = jobs.iter().map(|job| task(job, &offer.agent_id)).collect();
        let filters = v1::Filters { refuse_seconds: Some(0.0) };
        if self.driver.accept([offer.id], [launch(tasks)], Some(filters)).is_err() {
            // Not sent, so not launched.
            self.pending.extend(jobs);
            return;
        }
        let mut ledger = lock(&self.ledger);
        for job in jobs {
            ledger.tasks.entry(job.id).or_default().agent = Some(offer.agent_id.clone());
        }
    }
}

fn task(job: &Job, agent: &v1::AgentId) -> v1::TaskInfo {
    v1::TaskInfo {
        name: job.id.clone(),
        task_id: v1::TaskId { value: job.id.clone() },
        agent_id: agent.clone(),
        resources: vec![scalar("cpus", EACH.0), scalar("mem", EACH.1)],
        command: Some(v1::CommandInfo { value: Some(job.command.clone()), ..v1::CommandInfo::default() }),
        ..v1::TaskInfo::default()
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

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a handful of tasks; a negative number becomes 0"
)]
fn fitting(offer: &v1::Offer, name: &str, each: f64) -> usize {
    let has: f64 = offer
        .resources
        .iter()
        .filter(|resource| resource.name == name)
        .filter_map(|resource| resource.scalar.as_ref())
        .map(|scalar| scalar.value)
        .sum();
    (has / each + 0.001) as usize
}
