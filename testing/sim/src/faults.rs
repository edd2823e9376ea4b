//! What goes wrong, when, and how it ends.

use std::time::Duration;

use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use crate::{
    network::Node,
    world::{Event, World, trace},
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
    /// An executor process is killed, on some agent.
    KillExecutor {
        /// Which of those that run.
        nth: usize,
    },
}

impl Fault {
    /// Any fault.
    pub fn random(rng: &mut ChaCha8Rng, agents: usize, schedulers: usize) -> Self {
        let agent = Node::Agent(rng.next_u64() as usize % agents);
        let scheduler = Node::Scheduler(rng.next_u64() as usize % schedulers);
        let mostly_short = match rng.next_u32() % 6 {
            0 => Duration::from_millis(rng.next_u64() % 90_000),
            _ => Duration::from_millis(rng.next_u64() % 8_000),
        };
        match rng.next_u32() % 10 {
            0 | 1 => Self::Crash { node: Node::Master, away: mostly_short },
            2..=4 => Self::Crash { node: agent, away: mostly_short },
            5 => Self::Crash { node: scheduler, away: mostly_short },
            6 | 7 => Self::partition(rng, Node::Master, agent, mostly_short),
            8 => Self::partition(rng, Node::Master, scheduler, mostly_short),
            _ => Self::KillExecutor { nth: rng.next_u64() as usize },
        }
    }

    fn partition(rng: &mut ChaCha8Rng, a: Node, b: Node, duration: Duration) -> Self {
        let breaks = (!rng.next_u32().is_multiple_of(3)).then(|| duration.mul_f64(f64::from(rng.next_u32() % 100) / 100.0));
        Self::Partition { a, b, duration, breaks }
    }
}

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) -> Option<Node> {
        match fault {
            Fault::Crash { node, away } => {
                if self.is_up(&node) {
                    trace!(self, "FAULT {node} is killed for {away:?}");
                    self.crash(&node);
                    self.after(away, Event::Fault(Fault::Restart(node)));
                }
            }
            Fault::Restart(node) => {
                if !self.is_up(&node) {
                    self.start(&node);
                }
            }
            Fault::Partition { a, b, duration, breaks } => {
                trace!(self, "FAULT {a} and {b} cannot reach each other for {duration:?}");
                self.network.cut(&a, &b, self.now + duration);
                if let Some(wait) = breaks {
                    self.after(wait, Event::Fault(Fault::Break(a, b)));
                }
            }
            Fault::Break(a, b) => {
                trace!(self, "FAULT the connections between {a} and {b} break");
                self.break_between(&a, &b);
            }
            Fault::KillExecutor { nth } => {
                let count = self.executors.len().max(1);
                let victim = self.executors.iter().nth(nth % count).map(|(container, node)| (container.clone(), node.agent));
                if let Some((container, agent)) = victim {
                    trace!(self, "FAULT {} is killed", Node::Executor(container.clone()));
                    self.end_container(agent, &container, 9);
                }
            }
        }
        None
    }

    /// Kills a node's process.
    pub(crate) fn crash(&mut self, node: &Node) {
        match node {
            Node::Master => self.master.crash(&mut self.rng),
            Node::Agent(number) => {
                if let Some(agent) = self.agents.get_mut(*number) {
                    agent.crash(&mut self.rng);
                }
            }
            Node::Scheduler(number) => {
                if let Some(scheduler) = self.schedulers.get_mut(*number) {
                    scheduler.driver = None;
                }
            }
            Node::Executor(_) => {}
        }
        self.break_all_of(node);
    }

    /// Everybody comes back and reaches everybody.
    pub(crate) fn end_faults(&mut self) {
        trace!(self, "--- faults end");
        self.network.heal_all();
        self.faults_over = true;
        let mut nodes = vec![Node::Master];
        nodes.extend((0..self.agents.len()).map(Node::Agent));
        nodes.extend((0..self.schedulers.len()).map(Node::Scheduler));
        for node in nodes.into_iter().filter(|node| !self.is_up(node)).collect::<Vec<_>>() {
            self.start(&node);
        }
    }
}
