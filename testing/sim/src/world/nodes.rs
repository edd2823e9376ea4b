//! The machines of the world, in one list: each hosts some core, and the world asks of all of them the same.
//!
//! A new kind of machine is a name in [`Node`], and a [`Machine`] that says what reaches its core as which event and how
//! its effects are performed.

use std::{any::Any, collections::BTreeMap, fmt::Debug};

use tepui_core_kit::Core;
use tepui_core_master::Master;
use tepui_model::{ConnectionId, Tick, Token};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use super::{Answer, Purpose, Request, World};
use crate::{
    agent::AgentNode, executor::ExecutorNode, host::Host, master::MasterNode, network::Node,
    scheduler::SchedulerNode,
};

/// What reaches a process from outside.
#[derive(Debug)]
pub(crate) enum Input {
    /// A libprocess message.
    Message { from: Upid, message: Message },
    /// A watched connection is broken.
    Exited(Upid),
    /// A write is durable.
    Persisted(Token),
    /// A client's request, or its departure.
    Request(ConnectionId, Request),
    /// An answer, an event, or the end of a stream.
    Answer(Purpose, Answer),
}

/// A machine that hosts a core.
pub(crate) trait Machine: Any + Debug + Sized {
    /// What it hosts.
    type Core: Core;

    fn host(&self) -> &Host<Self::Core>;

    fn host_mut(&mut self) -> &mut Host<Self::Core>;

    /// Starts its process on what is durable, if it is to run.
    fn start(world: &mut World, node: &Node);

    /// Its process dies in the middle of whatever it does.
    fn crash(world: &mut World, node: &Node);

    /// How its core is told of something; none: not at all.
    fn event(input: Input) -> Option<<Self::Core as Core>::Event>;

    /// Does what its core wants done.
    fn perform(world: &mut World, node: &Node, effect: <Self::Core as Core>::Effect);

    /// Everything has been performed.
    fn performed(_world: &mut World, _node: &Node) {}

    /// The oldest job of its disk is done; the token of a write.
    fn written(&mut self) -> Option<Token> {
        None
    }

    /// Where it listens for libprocess messages.
    fn upid(&self) -> Option<Upid> {
        None
    }
}

/// What is done with a node by those who have the whole world.
type Act = fn(&mut World, &Node);

/// Any [`Machine`].
pub(crate) trait AnyMachine: Debug {
    fn is_up(&self) -> bool;
    fn incarnation(&self) -> u64;
    fn wake(&mut self, now: Tick) -> bool;
    fn arm(&mut self, now: Tick) -> Option<Tick>;
    fn tell(&mut self, now: Tick, input: Input) -> bool;
    fn written(&mut self) -> Option<Token>;
    fn check(&self) -> Result<(), String>;
    fn upid(&self) -> Option<Upid>;
    fn starter(&self) -> Act;
    fn crasher(&self) -> Act;
    fn drainer(&self) -> Act;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<M: Machine> AnyMachine for M {
    fn is_up(&self) -> bool {
        self.host().core().is_some()
    }

    fn incarnation(&self) -> u64 {
        self.host().incarnation()
    }

    fn wake(&mut self, now: Tick) -> bool {
        self.host_mut().wake(now)
    }

    fn arm(&mut self, now: Tick) -> Option<Tick> {
        self.host_mut().arm(now)
    }

    fn tell(&mut self, now: Tick, input: Input) -> bool {
        M::event(input).is_some_and(|event| self.host_mut().tell(now, event))
    }

    fn written(&mut self) -> Option<Token> {
        Machine::written(self)
    }

    fn check(&self) -> Result<(), String> {
        self.host().core().map_or(Ok(()), Core::check_invariants)
    }

    fn upid(&self) -> Option<Upid> {
        Machine::upid(self)
    }

    fn starter(&self) -> Act {
        M::start
    }

    fn crasher(&self) -> Act {
        M::crash
    }

    fn drainer(&self) -> Act {
        drain::<M>
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn drain<M: Machine>(world: &mut World, node: &Node) {
    let next = |world: &mut World| world.nodes.get_mut::<M>(node)?.host_mut().core_mut()?.poll_effect();
    while let Some(effect) = next(world) {
        M::perform(world, node, effect);
    }
    M::performed(world, node);
}

/// The machines by name.
#[derive(Debug, Default)]
pub(crate) struct Nodes(BTreeMap<Node, Box<dyn AnyMachine>>);

impl Nodes {
    pub(crate) fn insert(&mut self, node: Node, machine: impl Machine) {
        self.0.insert(node, Box::new(machine));
    }

    pub(crate) fn remove(&mut self, node: &Node) {
        self.0.remove(node);
    }

    /// Some machine.
    pub(crate) fn any(&self, node: &Node) -> Option<&dyn AnyMachine> {
        self.0.get(node).map(|machine| &**machine)
    }

    /// Some machine.
    pub(crate) fn any_mut(&mut self, node: &Node) -> Option<&mut (dyn AnyMachine + 'static)> {
        self.0.get_mut(node).map(|machine| &mut **machine)
    }

    /// A machine of a known kind.
    pub(crate) fn get<M: Machine>(&self, node: &Node) -> Option<&M> {
        self.any(node)?.as_any().downcast_ref()
    }

    /// A machine of a known kind.
    pub(crate) fn get_mut<M: Machine>(&mut self, node: &Node) -> Option<&mut M> {
        self.any_mut(node)?.as_any_mut().downcast_mut()
    }

    /// Every name, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Node> {
        self.0.keys()
    }

    /// Counts starts of a node.
    pub(crate) fn incarnation(&self, node: &Node) -> u64 {
        self.any(node).map_or(0, AnyMachine::incarnation)
    }

    /// Whether a node's process is there.
    pub(crate) fn is_up(&self, node: &Node) -> bool {
        self.any(node).is_some_and(AnyMachine::is_up)
    }

    /// Who listens at an address.
    pub(crate) fn at(&self, upid: &Upid) -> Option<&Node> {
        let is_it = |machine: &dyn AnyMachine| machine.upid().is_some_and(|own| own.address == upid.address);
        self.0.iter().find(|(_, machine)| is_it(&***machine)).map(|(node, _)| node)
    }

    fn all<M: Machine>(&self) -> impl Iterator<Item = (&Node, &M)> {
        self.0.iter().filter_map(|(node, machine)| Some((node, machine.as_any().downcast_ref()?)))
    }

    /// Who leads, as the detector sees it: there is one master, and it does.
    pub(crate) const fn leader(&self) -> Node {
        Node::Master(0)
    }

    /// The leading master, if its process runs.
    pub(crate) fn master(&self) -> Option<&Master> {
        self.get::<MasterNode>(&self.leader())?.host.core()
    }

    /// Whether the registry has this key.
    pub(crate) fn is_registered(&self, key: &str) -> bool {
        self.get::<MasterNode>(&self.leader()).is_some_and(|master| master.disk.contains_key(key))
    }

    pub(crate) fn agents(&self) -> impl Iterator<Item = &AgentNode> {
        self.all().map(|(_, agent)| agent)
    }

    pub(crate) fn agent(&self, number: usize) -> Option<&AgentNode> {
        self.get(&Node::Agent(number))
    }

    pub(crate) fn agent_mut(&mut self, number: usize) -> Option<&mut AgentNode> {
        self.get_mut(&Node::Agent(number))
    }

    pub(crate) fn schedulers(&self) -> impl Iterator<Item = &SchedulerNode> {
        self.all().map(|(_, scheduler)| scheduler)
    }

    pub(crate) fn scheduler(&self, number: usize) -> Option<&SchedulerNode> {
        self.get(&Node::Scheduler(number))
    }

    pub(crate) fn scheduler_mut(&mut self, number: usize) -> Option<&mut SchedulerNode> {
        self.get_mut(&Node::Scheduler(number))
    }

    /// Executors by container.
    pub(crate) fn executors(&self) -> impl Iterator<Item = (&str, &ExecutorNode)> {
        self.all().filter_map(|(node, executor)| match node {
            Node::Executor(container) => Some((container.as_str(), executor)),
            _ => None,
        })
    }

    pub(crate) fn executor(&self, container: &str) -> Option<&ExecutorNode> {
        self.get(&Node::Executor(container.to_owned()))
    }

    pub(crate) fn executor_mut(&mut self, container: &str) -> Option<&mut ExecutorNode> {
        self.get_mut(&Node::Executor(container.to_owned()))
    }
}
