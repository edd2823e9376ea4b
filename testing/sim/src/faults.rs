//! What goes wrong, when, and how it ends.

use std::time::Duration;

use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use tepui_wire_mesos::v1;

use crate::{
    master::MasterNode,
    network::Node,
    trace::trace,
    world::{Event, World},
};

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A process is killed, and started again after some time.
    Crash {
        /// Whose.
        node: Node,
        /// How long it is away.
        away: Duration,
    },
    /// A process that was killed starts again.
    Restart(Node),
    /// Two machines cannot reach each other.
    Partition {
        /// One.
        a: Node,
        /// The other.
        b: Node,
        /// For how long.
        duration: Duration,
        /// When their connections break meanwhile, if they do.
        breaks: Option<Duration>,
    },
    /// Connections between two machines break.
    Break(Node, Node),
    /// The connection on which one machine sends breaks; what it receives goes on.
    BreakOne {
        /// Who sends.
        from: Node,
        /// To whom.
        to: Node,
    },
    /// An executor process is killed, on some agent.
    KillExecutor {
        /// Which of those that run.
        nth: usize,
    },
    /// An executor does not read its stream.
    StallExecutor {
        /// Which of those that run.
        nth: usize,
        /// For how long.
        duration: Duration,
    },
    /// A scheduler does not read its stream.
    StallScheduler {
        /// Which.
        scheduler: usize,
        /// For how long.
        duration: Duration,
    },
    /// Everything between an executor and its agent breaks, and can be made anew at once.
    BreakExecutor {
        /// Which, of those that run.
        nth: usize,
    },
    /// An agent's machine is started anew: its containers are gone as well.
    Reboot {
        /// Whose.
        agent: usize,
        /// How long it is away.
        away: Duration,
    },
    /// An operator gives an agent up.
    MarkGone {
        /// Which.
        agent: usize,
    },
    /// An operator takes an agent out of use, and some time later into use again.
    Retire {
        /// Which.
        agent: usize,
        /// In which way.
        how: Retirement,
        /// When it shall be in use again.
        back: Duration,
    },
    /// An operator takes an agent into use again.
    Reactivate {
        /// Which.
        agent: usize,
    },
    /// A disk takes seconds for each write.
    SlowDisk {
        /// Whose.
        node: Node,
        /// For how long.
        duration: Duration,
    },
}

/// How an operator takes an agent out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// DEACTIVATE_AGENT.
    Deactivate,
    /// DRAIN_AGENT.
    Drain,
    /// DRAIN_AGENT with `mark_gone`.
    DrainForGood,
}

/// How often an operator asks whether an agent can be in use again, once nothing goes wrong any more.
const ASK: Duration = Duration::from_secs(20);

impl Fault {
    /// Any fault.
    pub fn random(rng: &mut ChaCha8Rng, leader: &Node, agents: usize, schedulers: usize) -> Self {
        let number = rng.next_u64() as usize % agents;
        let agent = Node::Agent(number);
        let which = rng.next_u64() as usize % schedulers;
        let scheduler = Node::Scheduler(which);
        let mostly_short = match rng.next_u32() % 6 {
            0 => Duration::from_millis(rng.next_u64() % 90_000),
            _ => Duration::from_millis(rng.next_u64() % 8_000),
        };
        match rng.next_u32() % 23 {
            0 | 1 => Self::Crash { node: leader.clone(), away: mostly_short },
            2..=4 => Self::Crash { node: agent, away: mostly_short },
            5 => Self::Crash { node: scheduler, away: mostly_short },
            6 | 7 => Self::partition(rng, leader.clone(), agent, mostly_short),
            8 => Self::partition(rng, leader.clone(), scheduler, mostly_short),
            9 | 10 => Self::KillExecutor { nth: rng.next_u64() as usize },
            11 => Self::StallExecutor { nth: rng.next_u64() as usize, duration: mostly_short * 4 },
            12 => Self::StallScheduler { scheduler: which, duration: mostly_short * 2 },
            13 => Self::Reboot { agent: number, away: Duration::from_secs(5) + mostly_short },
            14 => Self::MarkGone { agent: number },
            15 => Self::BreakOne { from: leader.clone(), to: agent },
            16 => Self::BreakOne { from: agent, to: leader.clone() },
            18 => Self::BreakExecutor { nth: rng.next_u64() as usize },
            17 => Self::SlowDisk { node: agent, duration: mostly_short * 2 },
            how @ 20..=22 => {
                let how = match how {
                    20 => Retirement::Deactivate,
                    21 => Retirement::DrainForGood,
                    _ => Retirement::Drain,
                };
                Self::Retire { agent: number, how, back: mostly_short * 4 }
            }
            _ => Self::SlowDisk { node: leader.clone(), duration: mostly_short * 2 },
        }
    }

    fn partition(rng: &mut ChaCha8Rng, a: Node, b: Node, duration: Duration) -> Self {
        let breaks = (!rng.next_u32().is_multiple_of(3))
            .then(|| duration.mul_f64(f64::from(rng.next_u32() % 100) / 100.0));
        Self::Partition { a, b, duration, breaks }
    }
}

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) -> Option<Node> {
        match fault {
            Fault::Crash { node, away } => {
                if self.nodes.is_up(&node) {
                    trace!(self, Fault: "FAULT {node} is killed for {away:?}");
                    self.crash(&node);
                    self.after(away, Event::Fault(Fault::Restart(node)));
                }
            }
            Fault::Restart(node) => {
                if !self.nodes.is_up(&node) {
                    self.start(&node);
                }
            }
            Fault::Partition { a, b, duration, breaks } => {
                trace!(self, Fault: "FAULT {a} and {b} cannot reach each other for {duration:?}");
                self.network.cut(&a, &b, self.now + duration);
                if let Some(wait) = breaks {
                    self.after(wait, Event::Fault(Fault::Break(a, b)));
                }
            }
            Fault::Break(a, b) => {
                trace!(self, Fault: "FAULT the connections between {a} and {b} break");
                self.break_between(&a, &b);
            }
            Fault::BreakOne { from, to } => {
                trace!(self, Fault: "FAULT the connection from {from} to {to} breaks");
                if self.network.break_one(&from, &to) {
                    self.tell_exited(&from, &to);
                }
            }
            Fault::KillExecutor { nth } => {
                if let Some((container, agent)) = self.nth_executor(nth) {
                    trace!(self, Fault: "FAULT {} is killed", Node::Executor(container.clone()));
                    self.end_container(agent, &container, 9);
                }
            }
            Fault::StallExecutor { nth, duration } => {
                if let Some((container, _)) = self.nth_executor(nth) {
                    self.stall(&Node::Executor(container), duration);
                }
            }
            Fault::BreakExecutor { nth } => {
                if let Some((container, agent)) = self.nth_executor(nth) {
                    let executor = Node::Executor(container);
                    trace!(self, Fault: "FAULT the connections between {executor} and agent-{agent} break");
                    self.break_between(&executor, &Node::Agent(agent));
                }
            }
            Fault::StallScheduler { scheduler, duration } => {
                self.stall(&Node::Scheduler(scheduler), duration)
            }
            Fault::Reboot { agent, away } => self.reboot(agent, away),
            Fault::MarkGone { agent } => return self.mark_gone(agent),
            Fault::Retire { agent, how, back } => {
                self.after(back, Event::Fault(Fault::Reactivate { agent }));
                return self.retire(agent, how);
            }
            Fault::Reactivate { agent } => return self.reactivate(agent),
            Fault::SlowDisk { node, duration } => {
                trace!(self, Fault: "FAULT {node}'s disk is slow for {duration:?}");
                self.network.slow_disk(&node, self.now + duration);
            }
        }
        None
    }

    /// A machine is started anew: what ran on it is gone, and its agent comes back later.
    fn reboot(&mut self, agent: usize, away: Duration) {
        trace!(self, Fault: "FAULT agent-{agent}'s machine is started anew and back after {away:?}");
        let node = Node::Agent(agent);
        self.break_all_of(&node);
        let there = self.nodes.executors().filter(|(_, executor)| executor.agent == agent);
        let there: Vec<Node> = there.map(|(id, _)| Node::Executor(id.to_owned())).collect();
        there.iter().for_each(|executor| self.nodes.remove(executor));
        self.excuse_what_is_not_checkpointed(agent);
        if let Some(agent) = self.nodes.agent_mut(agent) {
            for task in agent.containers.values().filter_map(|container| container.task.as_ref()) {
                self.history.ended.remove(task);
            }
            agent.reboot(&mut self.rng);
        }
        self.after(away, Event::Fault(Fault::Restart(node)));
    }

    /// An operator tells the master that an agent does not come back. What it has not said by now is not waited for.
    fn mark_gone(&mut self, number: usize) -> Option<Node> {
        let touched = self.operate(number, "is gone", |agent_id| v1::master::Call {
            r#type: Some(v1::master::call::Type::MarkAgentGone.into()),
            mark_agent_gone: Some(v1::master::call::MarkAgentGone { agent_id }),
            ..v1::master::Call::default()
        })?;
        self.excuse_what_is_gone(number);
        Some(touched)
    }

    fn retire(&mut self, number: usize, how: Retirement) -> Option<Node> {
        let wish = match how {
            Retirement::Deactivate => "is to be left alone",
            Retirement::Drain => "is to be drained",
            Retirement::DrainForGood => "is to be drained for good",
        };
        self.operate(number, wish, |agent_id| match how {
            Retirement::Deactivate => v1::master::Call {
                r#type: Some(v1::master::call::Type::DeactivateAgent.into()),
                deactivate_agent: Some(v1::master::call::DeactivateAgent { agent_id }),
                ..v1::master::Call::default()
            },
            Retirement::Drain | Retirement::DrainForGood => v1::master::Call {
                r#type: Some(v1::master::call::Type::DrainAgent.into()),
                drain_agent: Some(v1::master::call::DrainAgent {
                    agent_id,
                    mark_gone: Some(how == Retirement::DrainForGood),
                    ..v1::master::call::DrainAgent::default()
                }),
                ..v1::master::Call::default()
            },
        })
    }

    /// Refused as long as the agent is being drained; in the end somebody asks until it is done.
    fn reactivate(&mut self, number: usize) -> Option<Node> {
        if self.faults_over {
            self.after(ASK, Event::Fault(Fault::Reactivate { agent: number }));
            let out_of_use = self.nodes.master().is_some_and(|master| {
                let id = self.nodes.agent(number).and_then(|agent| agent.disk.agent_id());
                id.is_some_and(|id| master.deactivation(id).is_some())
            });
            if !out_of_use {
                return None;
            }
        }
        self.operate(number, "is in use again", |agent_id| v1::master::Call {
            r#type: Some(v1::master::call::Type::ReactivateAgent.into()),
            reactivate_agent: Some(v1::master::call::ReactivateAgent { agent_id }),
            ..v1::master::Call::default()
        })
    }

    /// An operator makes a call about an agent, and does not wait for the answer.
    fn operate(
        &mut self,
        number: usize,
        wish: &str,
        call: impl FnOnce(v1::AgentId) -> v1::master::Call,
    ) -> Option<Node> {
        let now = self.now;
        let value = self.nodes.agent(number)?.disk.agent_id()?.to_owned();
        let operator = self.new_connection_id();
        let leader = self.nodes.leader();
        let caller = tepui_model::Caller::anonymous(operator);
        let event =
            tepui_core_master::Event::OperatorCall { caller, call: Box::new(call(v1::AgentId { value })) };
        let master = self.nodes.get_mut::<MasterNode>(&leader)?;
        if !master.host.tell(now, event) {
            return None;
        }
        trace!(self, Fault: "FAULT an operator says that agent-{number} {wish}");
        Some(leader)
    }

    fn nth_executor(&self, nth: usize) -> Option<(String, usize)> {
        let count = self.nodes.executors().count().max(1);
        self.nodes.executors().nth(nth % count).map(|(container, node)| (container.to_owned(), node.agent))
    }

    fn stall(&mut self, node: &Node, duration: Duration) {
        trace!(self, Fault: "FAULT {node} does not read its stream for {duration:?}");
        self.network.stall(node, self.now + duration);
    }

    /// Everybody comes back and reaches everybody.
    pub(crate) fn end_faults(&mut self) {
        trace!(self, Fault: "--- faults end");
        self.network.heal_all();
        self.faults_over = true;
        let names = self.names();
        for node in names {
            if !self.nodes.is_up(&node) {
                self.start(&node);
            }
        }
        for agent in 0..self.nodes.agents().count() {
            self.after(ASK, Event::Fault(Fault::Reactivate { agent }));
        }
    }
}
