//! A scheduler that launches N tasks, waits until all have ended, and exits 0 if all of them finished.
//!
//! ```text
//! cargo build --release --examples -p tepui-executor -p tepui-scheduler
//! ```
//!
//! Under tepui, with `tepui up --port 5050` running in another terminal: tasks that are commands, or tasks of a
//! custom executor (an absolute path on the agents).
//!
//! ```text
//! target/release/examples/test_scheduler --master 127.0.0.1:5050 --tasks 3 --command 'echo hello; sleep 1'
//! target/release/examples/test_scheduler --master 127.0.0.1:5050 --tasks 5000 --quiet \
//!     --executor "$PWD/target/release/examples/test_executor --quiet --finish"
//! target/release/examples/test_scheduler --tasks 2 --mem 32 --group --command 'echo hello; sleep 1'
//! ```
//!
//! The last one is a task group: each task is a container of its own, they end as one.
//!
//! Under a real Mesos the same, with `--master` naming its master. Exit code: 0 all tasks finished, 1 some did
//! not, 2 the driver failed or the time was over. The last line tells how long it took from the first ACCEPT
//! to the acknowledgement of the last update, for benchmarks:
//!
//! ```text
//! tasks=5000 finished=5000 failed=0 seconds=0.412 per_second=12136
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use tepui_core_placement::{Offered, Wanted};
use tepui_model::{ResourceName, Scalar};
use tepui_scheduler::{
    Acknowledgement, Address, Config, ContentType, Event, Events, Options, SchedulerDriver, capabilities,
    launch, launch_group, v1,
};
use tepui_wire_mesos::convert::{Format, to_wire};
use v1::framework_info::capability::Type as Capability;

/// Launch tasks, wait for their end.
#[derive(Parser)]
struct Arguments {
    /// Any master of the cluster.
    #[arg(long, default_value = "127.0.0.1:5050", value_name = "HOST:PORT")]
    master: String,
    /// How many tasks.
    #[arg(long, default_value_t = 5)]
    tasks: usize,
    /// Tasks of a custom executor: its command, run by a shell on the agent.
    #[arg(long, value_name = "COMMAND")]
    executor: Option<String>,
    /// Launch what fits into an offer as one task group. The agent's default executor runs it, or the custom one, which
    /// gets `--command` with each task.
    #[arg(long)]
    group: bool,
    /// Tasks that are a command, run by a shell on the agent.
    #[arg(long, default_value = "true")]
    command: String,
    /// CPUs of each task.
    #[arg(long, default_value_t = 0.001)]
    cpus: f64,
    /// Memory of each task, in MB.
    #[arg(long, default_value_t = 1.0)]
    mem: f64,
    /// Tasks launched with one offer, at most.
    #[arg(long, default_value_t = usize::MAX, value_name = "N", hide_default_value = true)]
    per_offer: usize,
    /// The framework's role.
    #[arg(long, default_value = "*")]
    role: String,
    /// Whom the tasks run as; the agent must know him.
    #[arg(long, env = "USER", default_value = "root")]
    user: String,
    /// Let the tasks survive a restart of their agent.
    #[arg(long)]
    checkpoint: bool,
    /// Speak JSON instead of protobuf.
    #[arg(long)]
    json: bool,
    /// Print only the last line.
    #[arg(long)]
    quiet: bool,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    timeout: u64,
}

/// The executor's own resources.
const EXECUTOR_CPUS: f64 = 0.1;
const EXECUTOR_MEM: f64 = 32.0;
const EXECUTOR_DISK: f64 = 1.0;

struct TestScheduler {
    arguments: Arguments,
    driver: SchedulerDriver,
    launched: usize,
    /// The executor on each agent that runs it already, as it was launched.
    executors: BTreeMap<String, v1::ExecutorInfo>,
    /// Tasks that have ended: an update may come twice.
    ended: BTreeSet<String>,
    finished: usize,
    first_accept: Option<Instant>,
}

impl TestScheduler {
    fn say(&self, line: impl FnOnce() -> String) {
        if !self.arguments.quiet {
            println!("{}", line());
        }
    }

    fn done(&self) -> bool {
        self.ended.len() >= self.arguments.tasks
    }

    /// Handles an event; false ends the loop.
    fn handle(&mut self, event: Event) -> bool {
        match event {
            Event::Subscribed { framework_id, again, .. } => {
                self.say(|| format!("{}subscribed as {}", if again { "re" } else { "" }, framework_id.value));
            }
            Event::Disconnected { reason } => self.say(|| format!("disconnected: {reason}")),
            Event::Offers(offers) => offers.into_iter().for_each(|offer| self.offer(offer)),
            Event::Update(status) => self.update(&status),
            Event::Failure { executor_id: Some(executor), status, .. } => {
                self.say(|| format!("executor {} ended with wait status {status:?}", executor.value));
            }
            Event::CallFailed { call, error, .. } => {
                self.say(|| format!("{} failed: {error}", call.as_str_name()))
            }
            Event::Error { message } => {
                eprintln!("test_scheduler: {message}");
                return false;
            }
            _ => {}
        }
        !self.done()
    }

    /// Launches as many tasks as fit, or declines. A refused call needs no care: the offer is void then.
    fn offer(&mut self, offer: v1::Offer) {
        let (mut offered, format) = (Offered::from(&offer), Format::of(&offer.resources));
        let agent = &offer.agent_id.value;
        let executor = match self.executors.get(agent) {
            Some(executor) => Some(executor.clone()),
            None => self.executor(&mut offered, format),
        };
        let wanted = Wanted::cpus_and_mem(self.arguments.cpus, self.arguments.mem);
        let most = self.arguments.per_offer.min(self.arguments.tasks - self.launched);
        let fits = executor.is_some() || !self.needs_executor();
        let tasks: Vec<_> = std::iter::from_fn(|| offered.take(&wanted).ok())
            .take(if fits { most } else { 0 })
            .zip(self.launched..)
            .map(|(resources, n)| {
                self.task(n, &offer.agent_id, to_wire(&resources, format), executor.as_ref())
            })
            .collect();
        let count = tasks.len();
        if count == 0 {
            // Nothing more to launch: hide the resources for long.
            let refuse = if self.launched == self.arguments.tasks { 3_600.0 } else { 1.0 };
            let _ = self.driver.decline([offer.id], Some(v1::Filters { refuse_seconds: Some(refuse) }));
            return;
        }
        self.first_accept.get_or_insert_with(Instant::now);
        let filters = v1::Filters { refuse_seconds: Some(0.0) };
        let operation = match executor.clone().filter(|_| self.arguments.group) {
            Some(executor) => launch_group(executor, tasks),
            None => launch(tasks),
        };
        if self.driver.accept([offer.id], [operation], Some(filters)).is_ok() {
            self.say(|| format!("launched {count} tasks on {}", offer.hostname));
            self.launched += count;
            self.executors.extend(executor.map(|executor| (offer.agent_id.value, executor)));
        }
    }

    fn task(
        &self,
        number: usize,
        agent: &v1::AgentId,
        resources: Vec<v1::Resource>,
        executor: Option<&v1::ExecutorInfo>,
    ) -> v1::TaskInfo {
        let mut task = v1::TaskInfo {
            name: format!("test {number}"),
            task_id: v1::TaskId { value: format!("test-{number}") },
            agent_id: agent.clone(),
            resources,
            ..Default::default()
        };
        match executor.filter(|_| !self.arguments.group) {
            Some(executor) => task.executor = Some(Box::new(executor.clone())),
            None => task.command = Some(command(&self.arguments.command)),
        }
        task
    }

    const fn needs_executor(&self) -> bool {
        self.arguments.executor.is_some() || self.arguments.group
    }

    /// The executor with its share of an offer, if one is needed and there is room for it.
    fn executor(&self, offered: &mut Offered, format: Format) -> Option<v1::ExecutorInfo> {
        use v1::executor_info::Type;
        if !self.needs_executor() {
            return None;
        }
        let own = self.arguments.executor.as_deref();
        let kind = if own.is_some() { Type::Custom } else { Type::Default };
        let mut wanted = Wanted::cpus_and_mem(EXECUTOR_CPUS, EXECUTOR_MEM);
        if self.arguments.group {
            // Masters insist.
            wanted.amounts.add_one(&ResourceName::DISK, Scalar::from_f64(EXECUTOR_DISK));
        }
        Some(v1::ExecutorInfo {
            r#type: Some(kind.into()),
            executor_id: v1::ExecutorId { value: "test-executor".to_owned() },
            framework_id: self.driver.framework_id(),
            command: own.map(command),
            resources: to_wire(&offered.take(&wanted).ok()?, format),
            ..Default::default()
        })
    }

    fn update(&mut self, status: &v1::TaskStatus) {
        let (state, task) = (status.state(), &status.task_id.value);
        self.say(|| format!("{task}: {} {}", state.as_str_name(), status.message()));
        // At once, so that the time includes it; refused means that the update comes again.
        let _ = self.driver.acknowledge(status);
        let ended = !matches!(
            state,
            v1::TaskState::TaskStaging
                | v1::TaskState::TaskStarting
                | v1::TaskState::TaskRunning
                | v1::TaskState::TaskKilling
                | v1::TaskState::TaskUnreachable
                | v1::TaskState::TaskUnknown
        );
        if ended && self.ended.insert(task.clone()) && state == v1::TaskState::TaskFinished {
            self.finished += 1;
        }
    }

    fn report(&self) {
        let seconds = self.first_accept.map_or(0.0, |since| since.elapsed().as_secs_f64());
        let (tasks, finished) = (self.arguments.tasks, self.finished);
        let failed = self.ended.len() - finished;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.ended.len() as f64 / seconds.max(1e-9);
        println!(
            "tasks={tasks} finished={finished} failed={failed} seconds={seconds:.3} per_second={rate:.0}"
        );
    }
}

fn command(value: &str) -> v1::CommandInfo {
    v1::CommandInfo { value: Some(value.to_owned()), ..Default::default() }
}

async fn run(scheduler: &mut TestScheduler, events: &mut Events) {
    while let Some(event) = events.next().await {
        if !scheduler.handle(event) {
            break;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let framework = v1::FrameworkInfo {
        user: arguments.user.clone(),
        name: "test_scheduler".to_owned(),
        roles: vec![arguments.role.clone()],
        checkpoint: Some(arguments.checkpoint),
        failover_timeout: Some(60.0),
        capabilities: capabilities([Capability::MultiRole]),
        ..Default::default()
    };
    let master = match Address::parse(&arguments.master, 5050) {
        Ok(master) => master,
        Err(error) => {
            eprintln!("test_scheduler: {error}");
            return ExitCode::from(2);
        }
    };
    let config = Config {
        acknowledgement: Acknowledgement::Explicit,
        reconcile: true,
        ..Config::new(framework, master)
    };
    let content_type = if arguments.json { ContentType::Json } else { ContentType::Protobuf };
    let (driver, mut events) =
        match SchedulerDriver::start(config, Options { content_type, ..Options::default() }) {
            Ok(started) => started,
            Err(error) => {
                eprintln!("test_scheduler: {error}");
                return ExitCode::from(2);
            }
        };
    let timeout = Duration::from_secs(arguments.timeout);
    let mut scheduler = TestScheduler {
        arguments,
        driver: driver.clone(),
        launched: 0,
        executors: BTreeMap::new(),
        ended: BTreeSet::new(),
        finished: 0,
        first_accept: None,
    };
    if tokio::time::timeout(timeout, run(&mut scheduler, &mut events)).await.is_err() {
        eprintln!("test_scheduler: the time is over");
    }
    scheduler.report();
    driver.teardown();
    driver.joined().await;
    match (scheduler.done(), scheduler.finished == scheduler.arguments.tasks) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(1),
        (false, _) => ExitCode::from(2),
    }
}
