//! Executors: what reaches their drivers, what those want done, and what they do with what they are told.

use tepui_core_driver::executor::{Callback, Effect, Event as DriverEvent, ExecutorDriver};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    Message,
    v1::{TaskState, TaskStatus},
};

use super::{
    Answer, Event, Input, Machine, Purpose, Request, World,
    exchange::{fate, loss},
};
use crate::{
    executor::{ExecutorNode, status},
    history::is_terminal,
    host::Host,
    network::Node,
    trace::trace,
    work::Work,
};

impl Machine for ExecutorNode {
    type Core = ExecutorDriver;

    fn host(&self) -> &Host<ExecutorDriver> {
        &self.host
    }

    fn host_mut(&mut self) -> &mut Host<ExecutorDriver> {
        &mut self.host
    }

    /// Its container starts it.
    fn start(_world: &mut World, _node: &Node) {}

    /// Its container ends it.
    fn crash(_world: &mut World, _node: &Node) {}

    fn event(input: Input) -> Option<DriverEvent> {
        Some(match input {
            Input::Message { from, message } => DriverEvent::Received { from, message: Box::new(message) },
            Input::Exited(peer) => DriverEvent::Exited(peer),
            Input::Answer(Purpose::Subscribe(subscription), answer) => match answer {
                Answer::Opened(_) => DriverEvent::Connected(subscription),
                Answer::ExecutorEvent(event) => DriverEvent::Heard { subscription, event: Box::new(event) },
                answer => DriverEvent::Lost { subscription, loss: loss(answer)? },
            },
            Input::Answer(Purpose::Call(token), answer) => {
                DriverEvent::Answered { token, fate: fate(answer)? }
            }
            Input::Persisted(_) | Input::Request(..) => return None,
        })
    }

    fn upid(&self) -> Option<Upid> {
        self.upid.clone()
    }

    fn perform(world: &mut World, node: &Node, effect: Effect) {
        let Node::Executor(container) = node else { return };
        let Some(agent) = world.nodes.get::<Self>(node).map(|executor| executor.agent) else { return };
        match effect {
            Effect::Subscribe { subscription, call, .. } => {
                let request = Request::Executor(*call);
                let stream = world.request(
                    node.clone(),
                    Node::Agent(agent),
                    Purpose::Subscribe(subscription),
                    request,
                );
                if let Some(executor) = world.nodes.get_mut::<Self>(node) {
                    executor.stream = Some(stream);
                }
            }
            Effect::Call { token, call } => {
                if let Some(update) = &call.update
                    && let Some(uuid) = &update.status.uuid
                {
                    world.history.update_made(&update.status.task_id.value, uuid);
                }
                world.request(
                    node.clone(),
                    Node::Agent(agent),
                    Purpose::Call(token),
                    Request::Executor(*call),
                );
            }
            Effect::Close { .. } => {
                if let Some(stream) = world.nodes.get_mut::<Self>(node).and_then(|node| node.stream.take()) {
                    world.client_closes(stream);
                }
            }
            // Executors in here speak HTTP.
            Effect::Link { to } => world.link(node, &to),
            Effect::Send { to, message } => {
                if let Message::StatusUpdate(message) = &*message
                    && let Some(uuid) = &message.update.uuid
                {
                    world.history.update_made(&message.update.status.task_id.value, uuid);
                }
                let own = world.nodes.get::<Self>(node).and_then(|executor| executor.upid.clone());
                if let Some(own) = own {
                    world.send(node, own, &to, *message);
                }
            }
            Effect::Deliver(callback) => world.call_back(container, callback),
            Effect::KillProcessGroup => world.destroy(agent, container),
            Effect::Warn(text) => trace!(world, Life: "{node}: {text}"),
        }
    }

    /// A driver that was stopped has nothing left to do: its process ends.
    fn performed(world: &mut World, node: &Node) {
        let Some(executor) = world.nodes.get::<Self>(node) else { return };
        let (agent, finished) =
            (executor.agent, executor.host.core().is_some_and(ExecutorDriver::is_finished));
        if let Node::Executor(container) = node
            && finished
        {
            world.end_container(agent, container, 0);
        }
    }
}

fn update(status: TaskStatus) -> DriverEvent {
    DriverEvent::Update(Box::new(status))
}

impl World {
    fn call_back(&mut self, container: &str, callback: Callback) {
        let now = self.now;
        let Some(executor) = self.nodes.executor_mut(container) else { return };
        match callback {
            Callback::LaunchTask(task) => {
                let id = task.task_id.value;
                let work = task.data.as_deref().and_then(|data| Work::parse(std::str::from_utf8(data).ok()?));
                let Some(work) = work else { return };
                let agent = executor.agent;
                executor.running.insert(id.clone(), work);
                executor.seen.insert(id.clone());
                executor.host.tell(now, update(status(&id, TaskState::TaskRunning)));
                self.history.begins(&id, agent);
                self.after(work.duration, Event::WorkDone { container: container.to_owned(), task: id });
            }
            Callback::KillTask { task_id, .. } => {
                if executor.running.remove(&task_id.value).is_some() {
                    executor.host.tell(now, update(status(&task_id.value, TaskState::TaskKilled)));
                }
            }
            Callback::Shutdown if executor.stubborn => {}
            Callback::Shutdown => {
                for task in std::mem::take(&mut executor.running).into_keys() {
                    executor.host.tell(now, update(status(&task, TaskState::TaskKilled)));
                }
                executor.host.tell(now, DriverEvent::Stop);
            }
            Callback::Error(text) => {
                trace!(self, Life: "{}: {text}", Node::Executor(container.to_owned()));
                if let Some(executor) = self.nodes.executor_mut(container) {
                    executor.host.tell(now, DriverEvent::Stop);
                }
            }
            Callback::Registered { .. }
            | Callback::Reregistered { .. }
            | Callback::Disconnected
            | Callback::LaunchTaskGroup(_)
            | Callback::FrameworkMessage(_)
            | Callback::UpdateAcknowledged { .. }
            | Callback::UpdateRefused { .. } => {}
        }
    }

    pub(crate) fn work_done(&mut self, container: String, task: &str) -> Option<Node> {
        let now = self.now;
        let executor = self.nodes.executor_mut(&container)?;
        let work = executor.running.remove(task)?;
        let state = if work.exit == 0 { TaskState::TaskFinished } else { TaskState::TaskFailed };
        debug_assert!(is_terminal(state), "work ends in a terminal state");
        executor.host.tell(now, update(status(task, state)));
        Some(Node::Executor(container))
    }
}
