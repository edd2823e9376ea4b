//! The machines of masters and agents: what reaches their cores, and what those want done.

use std::time::Duration;

use tepui_core_agent as agent;
use tepui_core_master as master;
use tepui_model::{Caller, Token};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::answer;

use super::{Answer, Event, Input, Machine, Request, World};
use crate::{
    agent::{AgentNode, Job},
    faults::Fault,
    host::Host,
    master::MasterNode,
    network::{Node, agent_upid, master_upid},
    trace::trace,
};

impl Machine for MasterNode {
    type Core = master::Master;

    fn host(&self) -> &Host<Self::Core> {
        &self.host
    }

    fn host_mut(&mut self) -> &mut Host<Self::Core> {
        &mut self.host
    }

    fn start(world: &mut World, node: &Node) {
        if let Some(master) = world.nodes.get_mut::<Self>(node) {
            master.start(&mut world.rng, world.now);
        }
    }

    fn crash(world: &mut World, node: &Node) {
        if let Some(master) = world.nodes.get_mut::<Self>(node) {
            master.crash(&mut world.rng);
        }
    }

    fn event(input: Input) -> Option<master::Event> {
        Some(match input {
            Input::Message { from, message } => master::Event::Message { from, message },
            Input::Exited(peer) => master::Event::Exited(peer),
            Input::Persisted(token) => master::Event::Persisted(token),
            Input::Request(connection, Request::Scheduler { stream_id, call }) => {
                let caller = Caller { connection, stream_id, principal: None };
                master::Event::SchedulerCall { caller, call: Box::new(call) }
            }
            Input::Request(connection, Request::Closed) => master::Event::ConnectionClosed(connection),
            Input::Request(_, Request::Executor(_)) | Input::Answer(..) => return None,
        })
    }

    fn written(&mut self) -> Option<Token> {
        self.written()
    }

    fn upid(&self) -> Option<Upid> {
        Some(master_upid(self.number))
    }

    fn perform(world: &mut World, node: &Node, effect: master::Effect) {
        let Node::Master(number) = *node else { return };
        match effect {
            master::Effect::Reply { to, outcome } => world.answer(to, Answer::Reply(answer(outcome))),
            master::Effect::OpenStream { to, stream_id } => {
                world.answer(to, Answer::Opened(stream_id.map(|id| id.to_string())));
            }
            master::Effect::SendEvent { to, event } => {
                if let Some(Node::Scheduler(number)) =
                    world.connections.get(&to).map(|connection| connection.client.clone())
                {
                    world.observe_event(number, &event);
                }
                world.answer(to, Answer::SchedulerEvent(*event));
            }
            master::Effect::SendOperatorEvent { .. } => {}
            master::Effect::CloseStream { to } => world.answer(to, Answer::Ended),
            master::Effect::Send { from_id, to, message } => {
                world.observe_sent_by_master(&to, &message);
                let sender = Upid { id: from_id, address: master_upid(number).address };
                world.send(node, sender, &to, message);
            }
            master::Effect::Link { to } => world.link(node, &to),
            master::Effect::Unlink { to } => {
                if let Some(peer) = world.nodes.at(&to).cloned() {
                    world.network.unlink(node, &peer);
                }
            }
            master::Effect::Persist(mut persist) => {
                if world.skips_write(node) {
                    persist.writes.clear();
                }
                if let Some(master) = world.nodes.get_mut::<Self>(node) {
                    master.writing.push_back(persist);
                }
                world.write(node.clone());
            }
            master::Effect::Log { message, .. } => trace!(world, Life: "{node}: {message}"),
        }
    }
}

impl Machine for AgentNode {
    type Core = agent::Agent;

    fn host(&self) -> &Host<Self::Core> {
        &self.host
    }

    fn host_mut(&mut self) -> &mut Host<Self::Core> {
        &mut self.host
    }

    fn start(world: &mut World, node: &Node) {
        let leader = world.nodes.leader();
        let Some(agent) = world.nodes.get_mut::<Self>(node) else { return };
        world.sent.remove(&agent.number);
        if let Some(task) = agent.start(&mut world.rng, world.now) {
            let what = format!("{node} knows nothing of {task}");
            world.history.forgotten.get_or_insert(what);
        }
        let leader = world.nodes.any(&leader).and_then(|master| master.upid());
        if let Some(agent) = world.nodes.get_mut::<Self>(node) {
            agent.host.tell(world.now, agent::Event::MasterDetected(leader));
        }
    }

    fn crash(world: &mut World, node: &Node) {
        let Node::Agent(number) = *node else { return };
        world.excuse_what_is_not_checkpointed(number);
        if let Some(agent) = world.nodes.get_mut::<Self>(node) {
            agent.crash(&mut world.rng);
        }
    }

    fn event(input: Input) -> Option<agent::Event> {
        Some(match input {
            Input::Message { from, message } => agent::Event::Message { from, message },
            Input::Exited(peer) => agent::Event::Exited(peer),
            Input::Persisted(token) => agent::Event::Persisted(token),
            Input::Request(from, Request::Executor(call)) => {
                agent::Event::Called { from, caller: None, call: Box::new(call) }
            }
            Input::Request(from, Request::Closed) => agent::Event::StreamClosed(from),
            Input::Request(_, Request::Scheduler { .. }) | Input::Answer(..) => return None,
        })
    }

    fn written(&mut self) -> Option<Token> {
        self.written()
    }

    fn upid(&self) -> Option<Upid> {
        Some(agent_upid(self.number))
    }

    fn perform(world: &mut World, node: &Node, effect: agent::Effect) {
        let Node::Agent(number) = *node else { return };
        match effect {
            agent::Effect::Reply { to, outcome } => world.answer(to, Answer::Reply(answer(outcome))),
            agent::Effect::OpenStream { to } => world.answer(to, Answer::Opened(None)),
            agent::Effect::SendEvent { to, event } => world.answer(to, Answer::ExecutorEvent(*event)),
            agent::Effect::CloseStream { to } => world.answer(to, Answer::Ended),
            agent::Effect::Send { to, message } => {
                if !world.is_sabotaged(number, &message) {
                    world.observe_sent_by_agent(number, &message);
                    world.send(node, agent_upid(number), &to, message);
                }
            }
            agent::Effect::Link { to } => world.link(node, &to),
            agent::Effect::Persist(mut persist) => {
                if world.skips_write(node) {
                    persist.writes.clear();
                }
                if let Some(agent) = world.nodes.agent_mut(number) {
                    agent.writing.push_back(Job::Write(persist));
                }
                world.write(node.clone());
            }
            agent::Effect::Launch(launch) => world.prepare(number, *launch),
            agent::Effect::Signal { container, signal, .. } => {
                world.signal(number, container.as_str(), signal)
            }
            agent::Effect::Destroy { container } => world.destroy(number, container.as_str()),
            agent::Effect::RemoveCheckpoint(removal) => {
                if let Some(agent) = world.nodes.agent_mut(number) {
                    agent.writing.push_back(Job::Remove(removal));
                }
                world.write(node.clone());
            }
            // Simulated tasks have no checks, and nobody here asks an agent about containers.
            agent::Effect::Probe { .. } | agent::Effect::CancelProbe { .. } => {}
            agent::Effect::Answer { .. }
            | agent::Effect::RefuseLaunch { .. }
            | agent::Effect::AttachOutput { .. }
            | agent::Effect::AttachInput { .. } => {}
            agent::Effect::UpdateLimits { .. } | agent::Effect::RemoveSandbox { .. } => {}
            agent::Effect::Log(text) => trace!(world, "{node}: {text}"),
            agent::Effect::Shutdown => {
                trace!(world, Life: "{node} ends, as it was told to");
                world.crash(node);
                // Whoever looks after daemons starts it again, as a new agent.
                world.after(Duration::from_secs(2), Event::Fault(Fault::Restart(node.clone())));
            }
        }
    }
}
