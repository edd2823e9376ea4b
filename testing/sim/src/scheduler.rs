//! A scheduler that wants some tasks run, remembers durably what it knows of them, and may crash.

use std::{collections::BTreeMap, time::Duration};

use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use tepui_core_driver::scheduler::{Config, Event, SchedulerDriver, Start};
use tepui_core_kit::{Core as _, Seed};
use tepui_core_placement::{Offered, Wanted};
use tepui_model::{ConnectionId, Tick};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::{
    convert::{Format, to_wire},
    v1,
};

use crate::{agent::RESERVED_ROLE, history::is_terminal, host::Host, work::Work};

/// What a task of ours needs.
const CPUS: f64 = 0.5;
const MEM: f64 = 64.0;
/// What an executor of ours needs.
const EXECUTOR_CPUS: f64 = 0.1;
const EXECUTOR_MEM: f64 = 32.0;

/// Longer than anything is waited for.
const ENDLESS: Duration = Duration::from_secs(7 * 86_400);

/// Whether and when a scheduler tears its framework down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Never.
    Stays,
    /// After this time, whatever still runs.
    After(Duration),
    /// When all of its tasks have ended.
    WhenDone,
    /// It is at it.
    Now,
    /// It has heard that its framework is no more.
    Gone,
}

/// A scheduler's machine.
#[derive(Debug)]
pub struct SchedulerNode {
    /// Its number.
    pub number: usize,
    /// The process.
    pub host: Host<SchedulerDriver>,
    /// The connection of the current subscription.
    pub stream: Option<ConnectionId>,
    /// Whether it knows TASK_UNREACHABLE and its kin.
    pub partition_aware: bool,
    /// Whether it is told that a task is being killed, and says no more to it then.
    pub hears_killing: bool,
    /// Whether its executors and its updates outlive an agent's process.
    pub checkpoint: bool,
    /// Whether it is of [`RESERVED_ROLE`], for which some agents keep resources.
    pub reserved_role: bool,
    /// How long its framework waits for it.
    pub failover_timeout: Duration,
    /// When its master was last heard.
    pub heard: Tick,
    /// Durable: whether it goes.
    pub leaving: Leaving,
    /// Durable: the framework's id.
    pub framework_id: Option<v1::FrameworkId>,
    /// Durable: its tasks.
    pub tasks: BTreeMap<String, Wish>,
}

/// A task that the scheduler wants run.
#[derive(Clone, Debug)]
pub struct Wish {
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

impl Wish {
    /// Launched, and not known to have ended. A master says that it knows nothing of a task only if the agent to which
    /// that was sent was removed for good.
    pub fn is_live(&self) -> bool {
        let is_over = |state| is_terminal(state) || state == v1::TaskState::TaskUnknown;
        self.agent.is_some() && !self.state.is_some_and(is_over)
    }
}

impl SchedulerNode {
    /// A scheduler with a random wish list.
    pub fn new(number: usize, rng: &mut ChaCha8Rng, now: Tick) -> Self {
        let count = 5 + rng.next_u32() % 20;
        let tasks: BTreeMap<String, Wish> = (0..count)
            .map(|task| {
                let mut wish = Wish {
                    work: Work {
                        duration: Duration::from_millis(50 + rng.next_u64() % 60_000),
                        exit: u8::from(rng.next_u32().is_multiple_of(5)),
                        stubborn: rng.next_u32().is_multiple_of(6),
                    },
                    in_executor: rng.next_u32().is_multiple_of(2),
                    kill: rng.next_u32().is_multiple_of(6),
                    agent: None,
                    state: None,
                };
                // Some end only if a kill is brought to its end.
                wish.kill |= wish.work.stubborn && !wish.in_executor;
                if wish.kill && wish.work.stubborn {
                    wish.work.duration = ENDLESS;
                }
                (format!("s{number}-t{task:02}"), wish)
            })
            .collect();
        Self {
            number,
            host: Host::default(),
            stream: None,
            partition_aware: number.is_multiple_of(2),
            hears_killing: rng.next_u32().is_multiple_of(2),
            checkpoint: !rng.next_u32().is_multiple_of(4),
            reserved_role: rng.next_u32().is_multiple_of(2),
            failover_timeout: match rng.next_u32() % 4 {
                0 => Duration::from_secs(20 + rng.next_u64() % 60),
                _ => Duration::from_secs(7 * 86_400),
            },
            heard: now,
            leaving: match rng.next_u32() % 4 {
                0 => Leaving::After(Duration::from_millis(5_000 + rng.next_u64() % 150_000)),
                1 => Leaving::WhenDone,
                _ => Leaving::Stays,
            },
            framework_id: None,
            tasks,
        }
    }

    /// Starts the process; it continues its framework if it had one.
    pub fn start(&mut self, rng: &mut ChaCha8Rng, now: Tick) {
        let mut framework = v1::FrameworkInfo {
            user: "nobody".to_owned(),
            name: format!("scheduler-{}", self.number),
            id: self.framework_id.clone(),
            failover_timeout: Some(self.failover_timeout.as_secs_f64()),
            checkpoint: Some(self.checkpoint),
            ..v1::FrameworkInfo::default()
        };
        let mut can = |capability: v1::framework_info::capability::Type| {
            framework.capabilities.push(v1::framework_info::Capability { r#type: Some(capability.into()) });
        };
        if self.partition_aware {
            can(v1::framework_info::capability::Type::PartitionAware);
        }
        if self.hears_killing {
            can(v1::framework_info::capability::Type::TaskKillingState);
        }
        if self.reserved_role {
            can(v1::framework_info::capability::Type::MultiRole);
            can(v1::framework_info::capability::Type::ReservationRefinement);
            framework.roles = vec![RESERVED_ROLE.to_owned()];
        }
        let address = Address { tls: false, host: "10.0.0.1".to_owned(), port: 5050, path: String::new() };
        let mut config = Config::new(framework, address);
        config.reconcile = true;
        self.host.start(now, Start { config, seed: Seed::from(rng.next_u64()) }).handle(now, Event::Start);
        self.stream = None;
    }

    /// The role for which it is offered resources.
    pub const fn role(&self) -> &'static str {
        if self.reserved_role { RESERVED_ROLE } else { "*" }
    }

    /// When it is first to be asked whether it wants to leave.
    pub const fn leaves_after(&self) -> Option<Duration> {
        match self.leaving {
            Leaving::After(wait) => Some(wait),
            Leaving::WhenDone => Some(Duration::from_secs(60)),
            Leaving::Stays | Leaving::Now | Leaving::Gone => None,
        }
    }

    /// Asked again and again from [`SchedulerNode::leaves_after`] on. There is nothing to leave before the first
    /// subscription.
    pub fn wants_to_leave(&mut self) -> bool {
        match self.leaving {
            Leaving::After(_) if self.framework_id.is_some() => self.leaving = Leaving::Now,
            Leaving::WhenDone if self.has_ended_everything() => self.leaving = Leaving::Now,
            _ => {}
        }
        self.leaving == Leaving::Now
    }

    /// It is told that there is no such framework. Says whether that can be: it wanted it, or was away too long.
    pub fn has_left(&mut self, now: Tick) -> bool {
        if self.leaving == Leaving::Now || now.since(self.heard) >= self.failover_timeout {
            self.leaving = Leaving::Gone;
            self.host.stop();
        }
        self.is_gone()
    }

    /// Whether its framework is being torn down, or is no more.
    pub fn is_leaving(&self) -> bool {
        matches!(self.leaving, Leaving::Now | Leaving::Gone)
    }

    /// Whether its framework is no more, and it knows.
    pub fn is_gone(&self) -> bool {
        self.leaving == Leaving::Gone
    }

    /// Whether every task has been launched and has ended, as far as this scheduler knows.
    pub fn has_ended_everything(&self) -> bool {
        self.tasks.values().all(|task| task.agent.is_some() && !task.is_live())
    }

    fn is_subscribed(&self) -> bool {
        self.host.core().is_some_and(SchedulerDriver::is_subscribed)
    }

    /// Whether it wants nothing any more.
    pub fn is_done(&self) -> bool {
        match self.leaving {
            Leaving::Stays => {
                self.has_ended_everything() && (self.is_subscribed() || self.framework_id.is_none())
            }
            Leaving::Gone => true,
            Leaving::After(_) | Leaving::WhenDone | Leaving::Now => false,
        }
    }

    /// The tasks to launch on an offer, as many as fit.
    pub fn use_offer(&mut self, offer: &v1::Offer, framework_id: &v1::FrameworkId) -> Vec<v1::TaskInfo> {
        if self.is_leaving() {
            return Vec::new();
        }
        let (mut offered, format) = (Offered::from(offer), Format::of(&offer.resources));
        // The executor's own share is set aside once for each offer, whether or not it runs already. It is never
        // reserved, so that an executor is described in the same way every time.
        let wanted = Wanted { unreserved: true, ..Wanted::cpus_and_mem(EXECUTOR_CPUS, EXECUTOR_MEM) };
        let executor = offered
            .take(&wanted)
            .ok()
            .map(|resources| executor(self.number, framework_id, to_wire(&resources, format)));
        let wanted = Wanted::cpus_and_mem(CPUS, MEM);
        let mut launched = Vec::new();
        for (id, task) in self.tasks.iter_mut().filter(|(_, task)| task.agent.is_none()) {
            if task.in_executor && executor.is_none() {
                continue;
            }
            let Ok(resources) = offered.take(&wanted) else { break };
            let text = task.work.to_text();
            let mut info = v1::TaskInfo {
                name: id.clone(),
                task_id: v1::TaskId { value: id.clone() },
                agent_id: offer.agent_id.clone(),
                resources: to_wire(&resources, format),
                ..v1::TaskInfo::default()
            };
            if task.in_executor {
                info.executor = executor.clone().map(Box::new);
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

fn executor(number: usize, framework_id: &v1::FrameworkId, resources: Vec<v1::Resource>) -> v1::ExecutorInfo {
    v1::ExecutorInfo {
        r#type: Some(v1::executor_info::Type::Custom.into()),
        executor_id: v1::ExecutorId { value: format!("executor-{number}") },
        framework_id: Some(framework_id.clone()),
        command: Some(v1::CommandInfo {
            value: Some("simulated executor".to_owned()),
            ..v1::CommandInfo::default()
        }),
        resources,
        ..v1::ExecutorInfo::default()
    }
}
