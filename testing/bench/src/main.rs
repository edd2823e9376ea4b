//! Waves of tasks that do nothing, on one executor that is already running: what a cluster itself costs.
//!
//! Each wave is one ACCEPT with that many tasks. Its time runs from the ACCEPT until the last task's end is acknowledged;
//! waiting for offers between waves does not count. Works against tepui and against Mesos alike, where `--master` may
//! carry the path of the scheduler API (`127.0.0.1:5050/master/api/v1/scheduler`). Prints a line for each wave:
//!
//! ```text
//! wave=1 tasks=200 seconds=0.0183 per_second=10928
//! ```
#![allow(clippy::print_stdout, reason = "a program")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    time::{Duration, Instant},
};

use clap::Parser;
use tepui_core_placement::{Offered, Wanted};
use tepui_scheduler::{
    Acknowledgement, Address, Config, Event, Events, Options, SchedulerDriver, launch, v1,
};
use tepui_wire_mesos::convert::{Format, to_wire};
use tokio::time::timeout_at;

/// What to launch where.
#[derive(Parser)]
struct Arguments {
    /// The master.
    #[arg(long)]
    master: String,
    /// The executor's command, run by a shell on the agent. Its tasks must end by themselves.
    #[arg(long)]
    executor: String,
    /// How many waves, after one of a single task that starts the executor.
    #[arg(long, default_value_t = 5)]
    waves: usize,
    /// Tasks of a wave.
    #[arg(long, default_value_t = 200)]
    tasks: usize,
    /// Give up when a wave takes longer than this, waiting for offers included.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    limit: u64,
}

const CPUS: f64 = 0.001;
const MEM: f64 = 1.0;
const EXECUTOR_CPUS: f64 = 0.1;
const EXECUTOR_MEM: f64 = 32.0;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

struct Waves {
    driver: SchedulerDriver,
    events: Events,
    executor: String,
    held: BTreeMap<String, v1::Offer>,
}

impl Waves {
    /// Launches a wave once there is room for it, and waits for its end, but no longer than `limit`. How long it took
    /// until all were finished.
    async fn wave(&mut self, number: usize, tasks: usize, limit: Duration) -> Outcome<Duration> {
        let until = tokio::time::Instant::now() + limit;
        let mut waiting: BTreeSet<String> = (0..tasks).map(|task| format!("{number}-{task}")).collect();
        let infos = loop {
            if let Some(infos) = self.place(&waiting) {
                break infos;
            }
            timeout_at(until, self.event()).await.map_err(|_| "no offers that are large enough")??;
        };
        let offers = std::mem::take(&mut self.held);
        let filters = v1::Filters { refuse_seconds: Some(0.0) };
        let start = Instant::now();
        self.driver.accept(offers.into_values().map(|offer| offer.id), [launch(infos)], Some(filters))?;
        let mut finished = 0;
        while !waiting.is_empty() {
            let Ok(event) = timeout_at(until, self.event()).await else { break };
            let Some(status) = event? else { continue };
            let ended = !matches!(
                status.state(),
                v1::TaskState::TaskStaging | v1::TaskState::TaskStarting | v1::TaskState::TaskRunning
            );
            if ended && waiting.remove(&status.task_id.value) && status.state() == v1::TaskState::TaskFinished
            {
                finished += 1;
            }
        }
        let took = start.elapsed();
        if finished == tasks {
            return Ok(took);
        }
        Err(format!("{} of {tasks} tasks did not finish", tasks - finished).into())
    }

    /// Handles the next event; an update is acknowledged and given back.
    async fn event(&mut self) -> Outcome<Option<v1::TaskStatus>> {
        match self.events.next().await.ok_or("the driver has ended")? {
            Event::Offers(offers) => {
                self.held.extend(offers.into_iter().map(|offer| (offer.id.value.clone(), offer)));
            }
            Event::Rescind(offer) => {
                self.held.remove(&offer.value);
            }
            Event::Update(status) => {
                self.driver.acknowledge(&status)?;
                return Ok(Some(status));
            }
            Event::Error { message } => return Err(message.into()),
            Event::CallFailed { error, .. } => return Err(error.to_string().into()),
            _ => {}
        }
        Ok(None)
    }

    /// The tasks and the executor on what is held, which is one agent's; none until there is room for all.
    fn place(&self, names: &BTreeSet<String>) -> Option<Vec<v1::TaskInfo>> {
        let mut held = v1::Offer { resources: Vec::new(), ..self.held.values().next()?.clone() };
        held.resources.extend(self.held.values().flat_map(|offer| offer.resources.iter().cloned()));
        let mut offered = Offered::from(&held);
        // As short as it may be said: a framework of one role need not say whose it is.
        let mut take = |cpus, mem| {
            let wanted = Wanted { unreserved: true, ..Wanted::cpus_and_mem(cpus, mem) };
            Some(to_wire(&offered.take(&wanted).ok()?.unallocate(), Format::Refined))
        };
        let executor = self.executor(take(EXECUTOR_CPUS, EXECUTOR_MEM)?);
        let task = |name: &String| {
            Some(v1::TaskInfo {
                name: name.clone(),
                task_id: v1::TaskId { value: name.clone() },
                agent_id: held.agent_id.clone(),
                resources: take(CPUS, MEM)?,
                executor: Some(Box::new(executor.clone())),
                ..Default::default()
            })
        };
        names.iter().map(task).collect()
    }

    fn executor(&self, resources: Vec<v1::Resource>) -> v1::ExecutorInfo {
        v1::ExecutorInfo {
            r#type: Some(v1::executor_info::Type::Custom.into()),
            executor_id: v1::ExecutorId { value: "waves".to_owned() },
            framework_id: self.driver.framework_id(),
            command: Some(v1::CommandInfo { value: Some(self.executor.clone()), ..Default::default() }),
            resources,
            ..Default::default()
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let arguments = Arguments::parse();
    let framework = v1::FrameworkInfo {
        user: "root".to_owned(),
        name: "waves".to_owned(),
        failover_timeout: Some(0.0),
        ..Default::default()
    };
    let config = Config {
        acknowledgement: Acknowledgement::Explicit,
        ..Config::new(framework, Address::parse(&arguments.master, 5050)?)
    };
    let (driver, events) = SchedulerDriver::start(config, Options::default())?;
    let mut waves = Waves { driver, events, executor: arguments.executor, held: BTreeMap::new() };
    let limit = Duration::from_secs(arguments.limit);
    waves.wave(0, 1, limit).await?;
    for number in 1..=arguments.waves {
        let (tasks, seconds) =
            (arguments.tasks, waves.wave(number, arguments.tasks, limit).await?.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = tasks as f64 / seconds;
        println!("wave={number} tasks={tasks} seconds={seconds:.4} per_second={rate:.0}");
    }
    waves.driver.teardown();
    waves.driver.joined().await;
    Ok(())
}
