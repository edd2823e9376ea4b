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
use tepui_scheduler::{
    Acknowledgement, Address, Config, Event, Events, Options, SchedulerDriver, launch, v1,
};
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
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let count = tasks as f64;
        while self.sum("cpus") < count * CPUS + EXECUTOR_CPUS || self.sum("mem") < count * MEM + EXECUTOR_MEM
        {
            timeout_at(until, self.event()).await.map_err(|_| "no offers that are large enough")??;
        }
        let offers = std::mem::take(&mut self.held);
        let agent = offers.values().next().ok_or("no offer")?.agent_id.clone();
        let mut waiting: BTreeSet<String> = (0..tasks).map(|task| format!("{number}-{task}")).collect();
        let infos: Vec<_> = waiting.iter().map(|name| self.task(name, &agent)).collect();
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

    fn sum(&self, name: &str) -> f64 {
        let resources = self.held.values().flat_map(|offer| &offer.resources);
        resources.filter(|one| one.name == name).filter_map(|one| one.scalar).map(|scalar| scalar.value).sum()
    }

    fn task(&self, name: &str, agent: &v1::AgentId) -> v1::TaskInfo {
        v1::TaskInfo {
            name: name.to_owned(),
            task_id: v1::TaskId { value: name.to_owned() },
            agent_id: agent.clone(),
            resources: vec![scalar("cpus", CPUS), scalar("mem", MEM)],
            executor: Some(Box::new(v1::ExecutorInfo {
                r#type: Some(v1::executor_info::Type::Custom.into()),
                executor_id: v1::ExecutorId { value: "waves".to_owned() },
                framework_id: self.driver.framework_id(),
                command: Some(v1::CommandInfo { value: Some(self.executor.clone()), ..Default::default() }),
                resources: vec![scalar("cpus", EXECUTOR_CPUS), scalar("mem", EXECUTOR_MEM)],
                ..Default::default()
            })),
            ..Default::default()
        }
    }
}

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..Default::default()
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
