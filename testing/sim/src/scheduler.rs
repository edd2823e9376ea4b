//! A scheduler that wants some tasks run, remembers durably what it knows of them, and may crash.

use std::collections::BTreeMap;

use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use tepui_core_driver::{
    Address,
    scheduler::{Config, SchedulerDriver},
};
use tepui_model::{ConnectionId, Tick};
use tepui_wire_mesos::v1;

use crate::{history::is_terminal, work::Work};

/// What a task of ours needs.
const CPUS: f64 = 0.5;
const MEM: f64 = 64.0;

/// A scheduler's machine.
#[derive(Debug)]
pub struct SchedulerNode {
    /// Its number.
    pub number: usize,
    /// The process; none while it is down.
    pub driver: Option<SchedulerDriver>,
    /// Counts starts; events for an earlier one are void.
    pub incarnation: u64,
    /// The connection of the current subscription.
    pub stream: Option<ConnectionId>,
    /// The wake-up that is already in the queue.
    pub armed: Option<Tick>,
    /// Whether it knows TASK_UNREACHABLE and its kin.
    pub partition_aware: bool,
    /// Durable: the framework's id.
    pub framework_id: Option<v1::FrameworkId>,
    /// Durable: its tasks.
    pub tasks: BTreeMap<String, Wanted>,
}

/// A task that the scheduler wants run.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What it does.
    pub work: Work,
    /// Runs in the framework's custom executor, not as a command.
    pub in_executor: bool,
    /// To be killed some time after it runs.
    pub kill: bool,
    /// Where it was launched; none before.
    pub agent: Option<v1::AgentId>,
    /// The last state that was heard.
    pub state: Option<v1::TaskState>,
}

impl Wanted {
    /// Launched, and not known to have ended.
    pub fn is_live(&self) -> bool {
        self.agent.is_some() && !self.state.is_some_and(is_terminal)
    }
}

impl SchedulerNode {
    /// A scheduler with a random wish list.
    pub fn new(number: usize, rng: &mut ChaCha8Rng) -> Self {
        let count = 5 + rng.next_u32() % 20;
        let tasks = (0..count).map(|task| {
            let wanted = Wanted {
                work: Work {
                    duration: std::time::Duration::from_millis(50 + rng.next_u64() % 60_000),
                    exit: u8::from(rng.next_u32().is_multiple_of(5)),
                    stubborn: rng.next_u32().is_multiple_of(10),
                },
                in_executor: rng.next_u32().is_multiple_of(2),
                kill: rng.next_u32().is_multiple_of(6),
                agent: None,
                state: None,
            };
            (format!("s{number}-t{task:02}"), wanted)
        });
        Self {
            number,
            driver: None,
            incarnation: 0,
            stream: None,
            armed: None,
            partition_aware: number.is_multiple_of(2),
            framework_id: None,
            tasks: tasks.collect(),
        }
    }

    /// Starts the process; it continues its framework if it had one.
    pub fn start(&mut self, rng: &mut ChaCha8Rng, now: Tick) {
        let mut framework = v1::FrameworkInfo {
            user: "nobody".to_owned(),
            name: format!("scheduler-{}", self.number),
            id: self.framework_id.clone(),
            failover_timeout: Some(7.0 * 86_400.0),
            checkpoint: Some(true),
            ..v1::FrameworkInfo::default()
        };
        if self.partition_aware {
            framework.capabilities.push(v1::framework_info::Capability {
                r#type: Some(v1::framework_info::capability::Type::PartitionAware.into()),
            });
        }
        let address = Address { tls: false, host: "10.0.0.1".to_owned(), port: 5050, path: String::new() };
        let mut config = Config::new(framework, address);
        config.reconcile = true;
        let mut driver = SchedulerDriver::new(config, rng.next_u64());
        driver.start(now);
        self.driver = Some(driver);
        self.incarnation += 1;
        self.armed = None;
        self.stream = None;
    }

    /// Whether every task has been launched and has ended, as far as this scheduler knows.
    pub fn is_done(&self) -> bool {
        self.tasks.values().all(|task| task.agent.is_some() && !task.is_live())
    }

    /// The tasks to launch on an offer, as many as fit.
    pub fn use_offer(&mut self, offer: &v1::Offer, framework_id: &v1::FrameworkId) -> Vec<v1::TaskInfo> {
        let mut cpus = scalar(&offer.resources, "cpus");
        let mut mem = scalar(&offer.resources, "mem");
        let template = |name: &str, value: f64| {
            let mut resource = offer.resources.iter().find(|resource| resource.name == name)?.clone();
            resource.scalar = Some(v1::value::Scalar { value });
            Some(resource)
        };
        // The executor's own share is set aside once for each offer, whether or not it runs already.
        let executor_resources = [template("cpus", 0.1), template("mem", 32.0)];
        let executor = v1::ExecutorInfo {
            r#type: Some(v1::executor_info::Type::Custom.into()),
            executor_id: v1::ExecutorId { value: format!("executor-{}", self.number) },
            framework_id: Some(framework_id.clone()),
            command: Some(v1::CommandInfo {
                value: Some("simulated executor".to_owned()),
                ..v1::CommandInfo::default()
            }),
            resources: executor_resources.into_iter().flatten().collect(),
            ..v1::ExecutorInfo::default()
        };
        cpus -= 0.1;
        mem -= 32.0;
        let mut launched = Vec::new();
        for (id, task) in self.tasks.iter_mut().filter(|(_, task)| task.agent.is_none()) {
            let (Some(cpu), Some(memory)) = (template("cpus", CPUS), template("mem", MEM)) else { break };
            if cpus < CPUS || mem < MEM {
                break;
            }
            cpus -= CPUS;
            mem -= MEM;
            let text = task.work.to_text();
            let mut info = v1::TaskInfo {
                name: id.clone(),
                task_id: v1::TaskId { value: id.clone() },
                agent_id: offer.agent_id.clone(),
                resources: vec![cpu, memory],
                ..v1::TaskInfo::default()
            };
            if task.in_executor {
                info.executor = Some(executor.clone());
                info.data = Some(text.into());
            } else {
                info.command = Some(v1::CommandInfo { value: Some(text), ..v1::CommandInfo::default() });
            }
            task.agent = Some(offer.agent_id.clone());
            launched.push(info);
        }
        launched
    }
}

fn scalar(resources: &[v1::Resource], name: &str) -> f64 {
    resources
        .iter()
        .filter(|resource| resource.name == name)
        .filter_map(|resource| resource.scalar.as_ref().map(|scalar| scalar.value))
        .sum()
}
