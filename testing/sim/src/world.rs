//! The clock, the queue of what is going to happen, and the step that makes it happen.

mod containers;
mod effects;
mod exchange;
mod executors;
mod machines;
mod nodes;
mod schedulers;
mod takeover;
#[cfg(test)]
mod tests;
mod words;

use std::{collections::BTreeMap, time::Duration};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use tepui_core_agent::{Exit, Launch};
use tepui_model::{ConnectionId, ContainerId, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use crate::{
    agent::AgentNode,
    faults::Fault,
    history::History,
    invariants,
    master::MasterNode,
    network::{Lane, Network, Node, latency},
    past::{self, LeftBehind, Past},
    run::{FAULTS, Options},
    scheduler::SchedulerNode,
    trace::{Trace, trace},
};
pub(crate) use exchange::{Answer, Connection, Purpose, Request};
pub(crate) use nodes::{AnyMachine, Input, Machine, Nodes};

/// Simulated time at the beginning, if nothing was before it: some day in 2026.
const START: Tick = Tick::from_nanos(1_790_000_000_000_000_000);

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A node's timer.
    Wake(Node, u64),
    /// A libprocess message arrives.
    Message { from: Node, to: Node, generation: u64, sender: Upid, message: Message },
    /// A watched connection is found to be broken.
    Exited { at: Node, incarnation: u64, peer: Upid },
    /// The oldest write of a node is durable.
    Written(Node, u64),
    /// A client's request, or its departure, arrives.
    ToServer(ConnectionId, Box<Request>),
    /// An answer, an event, or the end of the stream arrives.
    ToClient(ConnectionId, Box<Answer>),
    /// An agent has made what a container needs.
    Prepared { agent: usize, incarnation: u64, launch: Box<Launch> },
    /// A container's first process runs.
    Launched { agent: usize, incarnation: u64, container: String },
    /// A container could not be made.
    LaunchFailed { agent: usize, incarnation: u64, container: ContainerId },
    /// A container ends.
    Ended { agent: usize, container: String, exit: Exit },
    /// The agent hears of the end of a container.
    EndTold { agent: usize, incarnation: u64, container: String },
    /// A task in an executor has done its work.
    WorkDone { container: String, task: String },
    /// A scheduler has had enough of a task.
    KillTask { scheduler: usize, task: String },
    /// A scheduler wants to leave, for good.
    Leave { scheduler: usize },
    /// A scheduler asks about its tasks, as a careful one does now and then.
    Reconcile { scheduler: usize },
    /// Something goes wrong.
    Fault(Fault),
    /// From now on nothing goes wrong any more.
    FaultsEnd,
}

/// The cluster.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    /// When it began.
    pub(crate) start: Tick,
    pub(crate) now: Tick,
    queue: BTreeMap<(Tick, u64), Event>,
    sequence: u64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) network: Network,
    pub(crate) trace: Trace,
    pub(crate) history: History,
    pub(crate) nodes: Nodes,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    /// Counts executors that speak libprocess.
    pub(crate) next_process: u16,
    pub(crate) faults_over: bool,
    /// Whom the master knew at the beginning, and who never comes back.
    pub(crate) left_behind: LeftBehind,
    /// By agent number: uuids that the current process has sent, for [`NoRetry`](crate::Sabotage::NoRetry).
    pub(crate) sent: BTreeMap<usize, std::collections::BTreeSet<Vec<u8>>>,
}

impl World {
    /// A cluster whose size and wishes the seed decides; nothing runs yet. Its master has a past, or begins with nothing.
    pub(crate) fn new(options: Options, recording: bool, past: Option<&Past>) -> Self {
        let mut world = Self::empty(options, recording, past.map_or(START, Past::now));
        let agents = 1 + world.rng.next_u32() as usize % 4;
        let schedulers = 1 + world.rng.next_u32() as usize % 3;
        let mut master = MasterNode::new(0);
        if let Some(past) = past {
            world.left_behind = past.lives_on_in(&mut master);
            world.next_connection = past::CONNECTIONS;
        }
        world.nodes.insert(world.nodes.leader(), master);
        for number in 0..agents {
            world.nodes.insert(Node::Agent(number), AgentNode::new(number, &mut world.rng));
        }
        for number in 0..schedulers {
            world
                .nodes
                .insert(Node::Scheduler(number), SchedulerNode::new(number, &mut world.rng, world.now));
        }
        world
    }

    /// Time, chance and a network, and nobody there.
    pub(crate) fn empty(options: Options, recording: bool, start: Tick) -> Self {
        Self {
            options,
            start,
            now: start,
            queue: BTreeMap::new(),
            sequence: 0,
            network: Network::default(),
            trace: Trace::new(start, recording, options.print),
            history: History::default(),
            nodes: Nodes::default(),
            connections: BTreeMap::new(),
            next_connection: 0,
            next_process: 0,
            faults_over: false,
            left_behind: LeftBehind::default(),
            sent: BTreeMap::new(),
            rng: ChaCha8Rng::seed_from_u64(options.seed),
        }
    }

    /// Starts everything and plans what is to go wrong.
    pub(crate) fn begin(&mut self) {
        for node in self.names() {
            if self.nodes.is_up(&node) {
                self.take_over(&node);
            } else {
                self.start(&node);
            }
            let Node::Scheduler(number) = node else { continue };
            self.after(Duration::from_secs(30), Event::Reconcile { scheduler: number });
            if let Some(wait) = self.nodes.scheduler(number).and_then(SchedulerNode::leaves_after) {
                self.after(wait, Event::Leave { scheduler: number });
            }
        }
        let (agents, schedulers) = (self.nodes.agents().count(), self.nodes.schedulers().count());
        let mut at = Duration::ZERO;
        loop {
            at += Duration::from_millis(500 + self.rng.next_u64() % 12_000);
            if at >= FAULTS {
                break;
            }
            let fault = Fault::random(&mut self.rng, &self.nodes.leader(), agents, schedulers);
            self.after(at, Event::Fault(fault));
        }
        self.after(FAULTS, Event::FaultsEnd);
    }

    /// Puts an event into the queue.
    pub(crate) fn at(&mut self, due: Tick, event: Event) {
        self.sequence += 1;
        self.queue.insert((due.max(self.now), self.sequence), event);
    }

    pub(crate) fn after(&mut self, wait: Duration, event: Event) {
        self.at(self.now + wait, event);
    }

    pub(crate) fn soon(&mut self, event: Event) {
        let wait = latency(&mut self.rng);
        self.after(wait, event);
    }

    pub(crate) fn new_connection(&mut self, connection: Connection) -> ConnectionId {
        let id = self.new_connection_id();
        self.connections.insert(id, connection);
        id
    }

    /// The connection of somebody who does not listen for the answer.
    pub(crate) fn new_connection_id(&mut self) -> ConnectionId {
        self.next_connection += 1;
        ConnectionId(self.next_connection)
    }

    /// When something sent now on `lane` arrives.
    pub(crate) fn arrival(&mut self, from: &Node, to: &Node, lane: Lane) -> Tick {
        self.network.arrival(&mut self.rng, self.now, from, to, lane)
    }

    /// One event, what follows from it at once, and the check of what must always hold.
    pub(crate) fn step(&mut self) -> invariants::Outcome {
        let Some(((due, _), event)) = self.queue.pop_first() else {
            return Err((invariants::convergence::WORDS, "nothing is going to happen any more".to_owned()));
        };
        self.now = due;
        let touched = self.happen(event);
        if let Some(node) = &touched {
            self.drain(node);
            self.arm(node);
        }
        invariants::at_each_step(self, touched.as_ref())
    }

    fn happen(&mut self, event: Event) -> Option<Node> {
        match event {
            Event::Wake(node, incarnation) => self.wake(node, incarnation),
            Event::Message { from, to, generation, sender, message } => {
                self.message_arrives(&from, to, generation, sender, message)
            }
            Event::Exited { at, incarnation, peer } => self.exited(&at, incarnation, peer),
            Event::Written(node, incarnation) => self.written(&node, incarnation),
            Event::ToServer(connection, request) => self.request_arrives(connection, *request),
            Event::ToClient(connection, answer) => self.answer_arrives(connection, *answer),
            Event::Prepared { agent, incarnation, launch } => self.prepared(agent, incarnation, *launch),
            Event::Launched { agent, incarnation, container } => {
                self.launched(agent, incarnation, &container)
            }
            Event::LaunchFailed { agent, incarnation, container } => {
                self.launch_failed(agent, incarnation, &container)
            }
            Event::Ended { agent, container, exit } => self.container_ends(agent, &container, exit),
            Event::EndTold { agent, incarnation, container } => self.end_told(agent, incarnation, &container),
            Event::WorkDone { container, task } => self.work_done(container, &task),
            Event::KillTask { scheduler, task } => self.kill_task(scheduler, &task),
            Event::Leave { scheduler } => self.leave(scheduler),
            Event::Reconcile { scheduler } => self.reconcile(scheduler),
            Event::Fault(fault) => self.fault(fault),
            Event::FaultsEnd => {
                self.end_faults();
                None
            }
        }
    }

    /// The scheduler of a task; its number is in the task's name.
    pub(crate) fn scheduler_of(&self, task: &str) -> Option<&SchedulerNode> {
        let number = task.strip_prefix('s')?.split_once("-t")?.0;
        self.nodes.scheduler(number.parse().ok()?)
    }

    /// Every node's name, in order.
    pub(crate) fn names(&self) -> Vec<Node> {
        self.nodes.names().cloned().collect()
    }

    /// A node's core is told something. The node, if it was.
    pub(crate) fn tell(&mut self, node: &Node, input: Input) -> Option<Node> {
        self.nodes.any_mut(node)?.tell(self.now, input).then(|| node.clone())
    }

    fn wake(&mut self, node: Node, incarnation: u64) -> Option<Node> {
        let machine = self.nodes.any_mut(&node).filter(|machine| machine.incarnation() == incarnation)?;
        machine.wake(self.now).then_some(node)
    }

    /// Makes sure that a node is woken when it wants to be.
    fn arm(&mut self, node: &Node) {
        let Some(machine) = self.nodes.any_mut(node) else { return };
        let Some(due) = machine.arm(self.now) else { return };
        let incarnation = machine.incarnation();
        // A timer is never exact.
        self.at(due + Duration::from_micros(1), Event::Wake(node.clone(), incarnation));
    }

    fn written(&mut self, node: &Node, incarnation: u64) -> Option<Node> {
        let machine = self.nodes.any_mut(node).filter(|machine| machine.incarnation() == incarnation)?;
        let token = machine.written()?;
        self.tell(node, Input::Persisted(token))
    }

    /// Performs everything that a node has decided.
    pub(crate) fn drain(&mut self, node: &Node) {
        if let Some(drain) = self.nodes.any(node).map(AnyMachine::drainer) {
            drain(self, node);
        }
    }

    /// Starts a node's process.
    pub(crate) fn start(&mut self, node: &Node) {
        trace!(self, Life: "{node} starts");
        if let Some(start) = self.nodes.any(node).map(AnyMachine::starter) {
            start(self, node);
        }
        self.drain(node);
        self.arm(node);
    }

    /// Kills a node's process.
    pub(crate) fn crash(&mut self, node: &Node) {
        if let Some(crash) = self.nodes.any(node).map(AnyMachine::crasher) {
            crash(self, node);
        }
        self.break_all_of(node);
    }

    /// Nothing is left to be done but heartbeats and pings.
    pub(crate) fn is_quiet(&self) -> bool {
        self.nodes.schedulers().all(SchedulerNode::is_done)
            && self.nodes.executors().all(|(_, executor)| executor.running.is_empty())
            && invariants::durability::nothing_acknowledged_is_lost(self).is_ok()
            && invariants::removal::nothing_is_left(self).is_ok()
            && invariants::left_behind::check(self).is_ok()
            && invariants::convergence::check(self).is_ok()
    }
}
