//! Performing what the cores ask for.

use std::time::Duration;

use rand_chacha::rand_core::Rng as _;
use tepui_core_agent as agent;
use tepui_core_driver::executor as executor_driver;
use tepui_core_kit::Core;
use tepui_core_master as master;
use tepui_model::Tick;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, answer};

use super::{Answer, Event, Purpose, Request, World};
use crate::{
    agent::Job,
    executor::status,
    faults::Fault,
    history::is_terminal,
    network::{Lane, Node, agent_upid, master_upid},
    run::Sabotage,
    trace::trace,
    work::Work,
};

impl World {
    /// Performs everything that a node has decided.
    pub(crate) fn drain(&mut self, node: &Node) {
        match node {
            Node::Master => {
                while let Some(effect) = self.master.core.as_mut().and_then(Core::poll_effect) {
                    self.perform_master(effect);
                }
            }
            Node::Agent(number) => {
                while let Some(effect) = self
                    .agents
                    .get_mut(*number)
                    .and_then(|node| node.core.as_mut())
                    .and_then(agent::Agent::poll_effect)
                {
                    self.perform_agent(*number, effect);
                }
            }
            Node::Scheduler(number) => self.drain_scheduler(*number),
            Node::Executor(container) => self.drain_executor(container),
        }
    }

    fn perform_master(&mut self, effect: master::Effect) {
        match effect {
            master::Effect::Reply { to, outcome } => self.answer(to, Answer::Reply(answer(outcome))),
            master::Effect::OpenStream { to, stream_id } => {
                self.answer(to, Answer::Opened(stream_id.map(|id| id.to_string())));
            }
            master::Effect::SendEvent { to, event } => {
                if let Some(Node::Scheduler(number)) =
                    self.connections.get(&to).map(|connection| connection.client.clone())
                {
                    self.observe_event(number, &event);
                }
                self.answer(to, Answer::SchedulerEvent(*event));
            }
            master::Effect::SendOperatorEvent { .. } => {}
            master::Effect::CloseStream { to } => self.answer(to, Answer::Ended),
            master::Effect::Send { from_id, to, message } => {
                self.observe_sent_by_master(&to, &message);
                let sender = Upid { id: from_id, address: master_upid().address };
                self.send(&Node::Master, sender, &to, message);
            }
            master::Effect::Link { to } => self.link(&Node::Master, &to),
            master::Effect::Unlink { to } => {
                if let Some(peer) = self.at_address(&to) {
                    self.network.unlink(&Node::Master, &peer);
                }
            }
            master::Effect::Persist(mut persist) => {
                if self.skips_write(&Node::Master) {
                    persist.writes.clear();
                }
                self.master.writing.push_back(persist);
                self.write(Node::Master);
            }
            master::Effect::Log { message, .. } => trace!(self, Life: "master: {message}"),
        }
    }

    fn perform_agent(&mut self, number: usize, effect: agent::Effect) {
        let node = Node::Agent(number);
        match effect {
            agent::Effect::Reply { to, reply } => self.answer(to, Answer::Reply(reply)),
            agent::Effect::OpenStream { to } => self.answer(to, Answer::Opened(None)),
            agent::Effect::SendEvent { to, event } => self.answer(to, Answer::ExecutorEvent(*event)),
            agent::Effect::CloseStream { to } => self.answer(to, Answer::Ended),
            agent::Effect::Send { to, message } => {
                if !self.is_sabotaged(number, &message) {
                    self.observe_sent_by_agent(number, &message);
                    self.send(&node, agent_upid(number), &to, message);
                }
            }
            agent::Effect::Link { to } => self.link(&node, &to),
            agent::Effect::Persist(mut persist) => {
                if self.skips_write(&node) {
                    persist.writes.clear();
                }
                if let Some(agent) = self.agents.get_mut(number) {
                    agent.writing.push_back(Job::Write(persist));
                }
                self.write(node);
            }
            agent::Effect::Launch(launch) => self.prepare(number, *launch),
            agent::Effect::Signal { container, signal, .. } => {
                self.signal(number, container.as_str(), signal)
            }
            agent::Effect::Destroy { container } => self.destroy(number, container.as_str()),
            agent::Effect::RemoveCheckpoint(removal) => {
                if let Some(agent) = self.agents.get_mut(number) {
                    agent.writing.push_back(Job::Remove(removal));
                }
                self.write(node);
            }
            // Simulated tasks have no checks, and nobody here asks an agent about containers.
            agent::Effect::Probe { .. } | agent::Effect::CancelProbe { .. } => {}
            agent::Effect::Answer { .. }
            | agent::Effect::RefuseLaunch { .. }
            | agent::Effect::AttachOutput { .. }
            | agent::Effect::AttachInput { .. } => {}
            agent::Effect::UpdateLimits { .. } | agent::Effect::RemoveSandbox { .. } => {}
            agent::Effect::Log(text) => trace!(self, "{node}: {text}"),
            agent::Effect::Shutdown => {
                trace!(self, Life: "{node} ends, as it was told to");
                self.crash(&node);
                // Whoever looks after daemons starts it again, as a new agent.
                self.after(Duration::from_secs(2), Event::Fault(Fault::Restart(node)));
            }
        }
    }

    /// With [`Sabotage::NoRetry`], what an agent sends a second time is dropped.
    fn is_sabotaged(&mut self, number: usize, message: &Message) -> bool {
        if self.options.sabotage != Some(Sabotage::NoRetry) {
            return false;
        }
        let Message::StatusUpdate(update) = message else { return false };
        let Some(uuid) = &update.update.uuid else { return false };
        let again = !self.sent.entry(number).or_default().insert(uuid.to_vec());
        if again {
            let task = &update.update.status.task_id.value;
            trace!(self, Fault: "SABOTAGE agent-{number} does not repeat its update of {task}");
        }
        again
    }

    /// With [`Sabotage::SkipWrites`], disks only say that they have written.
    fn skips_write(&mut self, node: &Node) -> bool {
        let skips = self.options.sabotage == Some(Sabotage::SkipWrites);
        if skips {
            trace!(self, Fault: "SABOTAGE {node} does not write what it says to have written");
        }
        skips
    }

    fn write(&mut self, node: Node) {
        let due = self.arrival(&node, &node, Lane::Disk(node.clone()));
        let incarnation = self.incarnation(&node);
        self.at(due, Event::Written(node, incarnation));
    }

    fn link(&mut self, holder: &Node, to: &Upid) {
        let peer = self.at_address(to);
        if let Some(peer) =
            peer.filter(|peer| self.is_up(peer) && !self.network.is_cut(self.now, holder, peer))
        {
            self.network.link(holder, &peer);
        } else {
            // Nobody answers.
            let wait = Duration::from_millis(self.rng.next_u64() % 5_000);
            let incarnation = self.incarnation(holder);
            self.after(wait, Event::Exited { at: holder.clone(), incarnation, peer: to.clone() });
        }
    }

    fn drain_executor(&mut self, container: &str) {
        let node = Node::Executor(container.to_owned());
        while let Some((agent, effect)) =
            self.executors.get_mut(container).and_then(|node| Some((node.agent, node.driver.poll_effect()?)))
        {
            match effect {
                executor_driver::Effect::Subscribe { subscription, call, .. } => {
                    let request = Request::Executor(*call);
                    let stream = self.request(
                        node.clone(),
                        Node::Agent(agent),
                        Purpose::Subscribe(subscription),
                        request,
                    );
                    if let Some(executor) = self.executors.get_mut(container) {
                        executor.stream = Some(stream);
                    }
                }
                executor_driver::Effect::Call { token, call } => {
                    if let Some(update) = &call.update
                        && let Some(uuid) = &update.status.uuid
                    {
                        self.history.update_made(&update.status.task_id.value, uuid);
                    }
                    self.request(
                        node.clone(),
                        Node::Agent(agent),
                        Purpose::Call(token),
                        Request::Executor(*call),
                    );
                }
                executor_driver::Effect::Close { .. } => {
                    if let Some(stream) =
                        self.executors.get_mut(container).and_then(|node| node.stream.take())
                    {
                        self.client_closes(stream);
                    }
                }
                // Executors in here speak HTTP.
                executor_driver::Effect::Link { to } => self.link(&node, &to),
                executor_driver::Effect::Send { to, message } => {
                    if let Message::StatusUpdate(message) = &*message
                        && let Some(uuid) = &message.update.uuid
                    {
                        self.history.update_made(&message.update.status.task_id.value, uuid);
                    }
                    let own = self.executors.get(container).and_then(|executor| executor.upid.clone());
                    if let Some(own) = own {
                        self.send(&node, own, &to, *message);
                    }
                }
                executor_driver::Effect::Deliver(callback) => self.call_back(container, callback),
                executor_driver::Effect::KillProcessGroup => self.destroy(agent, container),
                executor_driver::Effect::Warn(text) => trace!(self, Life: "{node}: {text}"),
            }
        }
        // A driver that was stopped has nothing left to do: its process ends.
        if let Some(executor) = self.executors.get(container)
            && executor.driver.is_finished()
        {
            let agent = executor.agent;
            self.end_container(agent, container, 0);
        }
    }

    fn call_back(&mut self, container: &str, callback: executor_driver::Callback) {
        let now = self.now;
        let Some(executor) = self.executors.get_mut(container) else { return };
        match callback {
            executor_driver::Callback::LaunchTask(task) => {
                let id = task.task_id.value;
                let work = task.data.as_deref().and_then(|data| Work::parse(std::str::from_utf8(data).ok()?));
                let Some(work) = work else { return };
                let agent = executor.agent;
                executor.running.insert(id.clone(), work);
                executor.seen.insert(id.clone());
                executor.driver.handle(now, update(status(&id, v1_state::TaskRunning)));
                self.history.begins(&id, agent);
                self.after(work.duration, Event::WorkDone { container: container.to_owned(), task: id });
            }
            executor_driver::Callback::KillTask { task_id, .. } => {
                if executor.running.remove(&task_id.value).is_some() {
                    executor.driver.handle(now, update(status(&task_id.value, v1_state::TaskKilled)));
                }
            }
            executor_driver::Callback::Shutdown if executor.stubborn => {}
            executor_driver::Callback::Shutdown => {
                for task in std::mem::take(&mut executor.running).into_keys() {
                    executor.driver.handle(now, update(status(&task, v1_state::TaskKilled)));
                }
                executor.driver.handle(now, executor_driver::Event::Stop);
            }
            executor_driver::Callback::Error(text) => {
                trace!(self, Life: "{}: {text}", Node::Executor(container.to_owned()));
                if let Some(executor) = self.executors.get_mut(container) {
                    executor.driver.handle(now, executor_driver::Event::Stop);
                }
            }
            executor_driver::Callback::Registered { .. }
            | executor_driver::Callback::Reregistered { .. }
            | executor_driver::Callback::Disconnected
            | executor_driver::Callback::LaunchTaskGroup(_)
            | executor_driver::Callback::FrameworkMessage(_)
            | executor_driver::Callback::UpdateAcknowledged { .. }
            | executor_driver::Callback::UpdateRefused { .. } => {}
        }
    }

    pub(crate) fn work_done(&mut self, container: String, task: &str) -> Option<Node> {
        let now = self.now;
        let executor = self.executors.get_mut(&container)?;
        let work = executor.running.remove(task)?;
        let state = if work.exit == 0 { v1_state::TaskFinished } else { v1_state::TaskFailed };
        debug_assert!(is_terminal(state), "work ends in a terminal state");
        executor.driver.handle(now, update(status(task, state)));
        Some(Node::Executor(container))
    }
}

fn update(status: tepui_wire_mesos::v1::TaskStatus) -> executor_driver::Event {
    executor_driver::Event::Update(Box::new(status))
}

use tepui_wire_mesos::v1::TaskState as v1_state;

/// Simulated processes have ids too; nobody looks at them.
pub(crate) const PID: u32 = 4242;

/// When a container that is started now runs.
pub(crate) fn start_up(now: Tick, random: u64) -> Tick {
    now + Duration::from_micros(200 + random % 40_000)
}
