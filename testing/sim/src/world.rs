//! The clock, the queue of what is going to happen, and the step that makes it happen.

mod containers;
mod effects;
mod exchange;
mod schedulers;
mod words;

use std::{collections::BTreeMap, time::Duration};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use tepui_core_agent::{self as agent, Exit, Launch};
use tepui_core_kit::Core as _;
use tepui_model::{ConnectionId, ContainerId, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use crate::{
    agent::AgentNode,
    executor::ExecutorNode,
    faults::Fault,
    history::History,
    invariants,
    master::MasterNode,
    network::{Lane, Network, Node, latency, master_upid, node_at},
    run::{FAULTS, Options},
    scheduler::SchedulerNode,
    trace::{Trace, trace},
};
pub(crate) use exchange::{Answer, Connection, Purpose, Request};

/// Simulated time at the beginning: some day in 2026.
pub(crate) const START: Tick = Tick::from_nanos(1_790_000_000_000_000_000);

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
    pub(crate) now: Tick,
    queue: BTreeMap<(Tick, u64), Event>,
    sequence: u64,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) network: Network,
    pub(crate) trace: Trace,
    pub(crate) history: History,
    pub(crate) master: MasterNode,
    pub(crate) agents: Vec<AgentNode>,
    pub(crate) schedulers: Vec<SchedulerNode>,
    pub(crate) executors: BTreeMap<String, ExecutorNode>,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    /// Counts executors that speak libprocess.
    pub(crate) next_process: u16,
    pub(crate) faults_over: bool,
    /// By agent number: uuids that the current process has sent, for [`Sabotage::NoRetry`].
    pub(crate) sent: BTreeMap<usize, std::collections::BTreeSet<Vec<u8>>>,
}

impl World {
    /// A cluster whose size and wishes the seed decides; nothing runs yet.
    pub(crate) fn new(options: Options, recording: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let agents = 1 + rng.next_u32() as usize % 4;
        let schedulers = 1 + rng.next_u32() as usize % 3;
        Self {
            options,
            now: START,
            queue: BTreeMap::new(),
            sequence: 0,
            network: Network::default(),
            trace: Trace::new(START, recording, options.print),
            history: History::default(),
            master: MasterNode::new(),
            agents: (0..agents).map(|number| AgentNode::new(number, &mut rng)).collect(),
            schedulers: (0..schedulers).map(|number| SchedulerNode::new(number, &mut rng)).collect(),
            executors: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_connection: 0,
            next_process: 0,
            faults_over: false,
            sent: BTreeMap::new(),
            rng,
        }
    }

    /// Starts everything and plans what is to go wrong.
    pub(crate) fn begin(&mut self) {
        self.start(&Node::Master);
        for number in 0..self.agents.len() {
            self.start(&Node::Agent(number));
        }
        for number in 0..self.schedulers.len() {
            self.start(&Node::Scheduler(number));
            self.after(Duration::from_secs(30), Event::Reconcile { scheduler: number });
            if let Some(wait) = self.schedulers.get(number).and_then(SchedulerNode::leaves_after) {
                self.after(wait, Event::Leave { scheduler: number });
            }
        }
        let mut at = Duration::ZERO;
        loop {
            at += Duration::from_millis(500 + self.rng.next_u64() % 12_000);
            if at >= FAULTS {
                break;
            }
            let fault = Fault::random(&mut self.rng, self.agents.len(), self.schedulers.len());
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
                self.message_arrives(&from, to, generation, &sender, message)
            }
            Event::Exited { at, incarnation, peer } => self.exited(at, incarnation, &peer),
            Event::Written(node, incarnation) => self.written(node, incarnation),
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
        self.schedulers.get(number.parse::<usize>().ok()?)
    }

    /// Counts starts of a node.
    pub(crate) fn incarnation(&self, node: &Node) -> u64 {
        match node {
            Node::Master => self.master.incarnation,
            Node::Agent(number) => self.agents.get(*number).map_or(0, |agent| agent.incarnation),
            Node::Scheduler(number) => {
                self.schedulers.get(*number).map_or(0, |scheduler| scheduler.incarnation)
            }
            Node::Executor(_) => 1,
        }
    }

    /// The node at an address.
    pub(crate) fn at_address(&self, upid: &Upid) -> Option<Node> {
        node_at(upid.address).or_else(|| {
            let is_it =
                |node: &&ExecutorNode| node.upid.as_ref().is_some_and(|own| own.address == upid.address);
            let found = self.executors.iter().find(|(_, node)| is_it(node));
            found.map(|(container, _)| Node::Executor(container.clone()))
        })
    }

    /// Whether a node's process is there.
    pub(crate) fn is_up(&self, node: &Node) -> bool {
        match node {
            Node::Master => self.master.core.is_some(),
            Node::Agent(number) => self.agents.get(*number).is_some_and(|agent| agent.core.is_some()),
            Node::Scheduler(number) => self.schedulers.get(*number).is_some_and(|node| node.driver.is_some()),
            Node::Executor(container) => self.executors.contains_key(container),
        }
    }

    fn wake(&mut self, node: Node, incarnation: u64) -> Option<Node> {
        if incarnation != self.incarnation(&node) {
            return None;
        }
        let now = self.now;
        match &node {
            Node::Master => {
                self.master.armed = None;
                self.master.core.as_mut()?.handle_timeout(now);
            }
            Node::Agent(number) => {
                let agent = self.agents.get_mut(*number)?;
                agent.armed = None;
                agent.core.as_mut()?.handle_timeout(now);
            }
            Node::Scheduler(number) => {
                let scheduler = self.schedulers.get_mut(*number)?;
                scheduler.armed = None;
                scheduler.driver.as_mut()?.handle_timeout(now);
            }
            Node::Executor(container) => {
                let executor = self.executors.get_mut(container)?;
                executor.armed = None;
                executor.driver.handle_timeout(now);
            }
        }
        Some(node)
    }

    /// Makes sure that a node is woken when it wants to be.
    fn arm(&mut self, node: &Node) {
        let (due, armed) = match node {
            Node::Master => {
                (self.master.core.as_ref().and_then(|core| core.poll_timeout()), &mut self.master.armed)
            }
            Node::Agent(number) => match self.agents.get_mut(*number) {
                Some(agent) => (agent.core.as_ref().and_then(|core| core.poll_timeout()), &mut agent.armed),
                None => return,
            },
            Node::Scheduler(number) => match self.schedulers.get_mut(*number) {
                Some(scheduler) => {
                    (scheduler.driver.as_ref().and_then(|driver| driver.poll_timeout()), &mut scheduler.armed)
                }
                None => return,
            },
            Node::Executor(container) => match self.executors.get_mut(container) {
                Some(executor) => (executor.driver.poll_timeout(), &mut executor.armed),
                None => return,
            },
        };
        let Some(due) = due else { return };
        if armed.is_some_and(|armed| armed <= due && armed > self.now) {
            return;
        }
        *armed = Some(due);
        let incarnation = self.incarnation(node);
        // A timer is never exact.
        self.at(due + Duration::from_micros(1), Event::Wake(node.clone(), incarnation));
    }

    fn written(&mut self, node: Node, incarnation: u64) -> Option<Node> {
        if incarnation != self.incarnation(&node) {
            return None;
        }
        let now = self.now;
        match &node {
            Node::Master => {
                let token = self.master.written()?;
                self.master.core.as_mut()?.handle(now, tepui_core_master::Event::Persisted(token));
            }
            Node::Agent(number) => {
                let agent = self.agents.get_mut(*number)?;
                let token = agent.written()?;
                agent.core.as_mut()?.handle(now, agent::Event::Persisted(token));
            }
            Node::Scheduler(_) | Node::Executor(_) => return None,
        }
        Some(node)
    }

    /// Starts a node's process.
    pub(crate) fn start(&mut self, node: &Node) {
        trace!(self, Life: "{node} starts");
        match node {
            Node::Master => self.master.start(&mut self.rng, self.now),
            Node::Agent(number) => {
                self.sent.remove(number);
                if let Some(agent) = self.agents.get_mut(*number) {
                    if let Some(task) = agent.start(&mut self.rng, self.now) {
                        let what = format!("{node} knows nothing of {task}");
                        self.history.forgotten.get_or_insert(what);
                    }
                    if let Some(core) = &mut agent.core {
                        core.handle(self.now, agent::Event::MasterDetected(Some(master_upid())));
                    }
                }
            }
            Node::Scheduler(number) => {
                if let Some(scheduler) =
                    self.schedulers.get_mut(*number).filter(|scheduler| !scheduler.is_gone())
                {
                    scheduler.start(&mut self.rng, self.now);
                }
            }
            Node::Executor(_) => {}
        }
        self.drain(node);
        self.arm(node);
    }

    /// Nothing is left to be done but heartbeats and pings.
    pub(crate) fn is_quiet(&self) -> bool {
        self.schedulers.iter().all(SchedulerNode::is_done)
            && self.executors.values().all(|executor| executor.running.is_empty())
            && invariants::durability::nothing_acknowledged_is_lost(self).is_ok()
            && invariants::removal::nothing_is_left(self).is_ok()
            && invariants::convergence::check(self).is_ok()
    }
}
