//! What the schedulers do with what they hear.

use std::time::Duration;

use rand_chacha::rand_core::Rng as _;
use tepui_core_driver::scheduler::{
    Callback as Heard, Effect, Event as DriverEvent, Receipt, Refused, SchedulerDriver, calls,
};
use tepui_core_kit::Core as _;
use tepui_model::Tick;
use tepui_wire_mesos::v1::{self, TaskState, offer::Operation, scheduler::Call};

use super::{
    Answer, Event, Input, Machine, Purpose, Request, World,
    exchange::{fate, loss},
};
use crate::{history, host::Host, network::Node, scheduler::SchedulerNode, trace::trace};

impl Machine for SchedulerNode {
    type Core = SchedulerDriver;

    fn host(&self) -> &Host<SchedulerDriver> {
        &self.host
    }

    fn host_mut(&mut self) -> &mut Host<SchedulerDriver> {
        &mut self.host
    }

    fn start(world: &mut World, node: &Node) {
        if let Some(scheduler) = world.nodes.get_mut::<Self>(node).filter(|scheduler| !scheduler.is_gone()) {
            scheduler.start(&mut world.rng, world.now);
        }
    }

    fn crash(world: &mut World, node: &Node) {
        if let Some(scheduler) = world.nodes.get_mut::<Self>(node) {
            scheduler.host.stop();
        }
    }

    fn event(input: Input) -> Option<DriverEvent> {
        Some(match input {
            Input::Answer(Purpose::Subscribe(subscription), answer) => match answer {
                Answer::Opened(stream_id) => DriverEvent::Connected { subscription, stream_id },
                Answer::SchedulerEvent(event) => DriverEvent::Heard { subscription, event: Box::new(event) },
                answer => DriverEvent::Lost { subscription, loss: loss(answer)? },
            },
            Input::Answer(Purpose::Call(token), answer) => {
                DriverEvent::Answered { token, fate: fate(answer)? }
            }
            Input::Message { .. } | Input::Exited(_) | Input::Persisted(_) | Input::Request(..) => {
                return None;
            }
        })
    }

    fn perform(world: &mut World, node: &Node, effect: Effect) {
        let Node::Scheduler(number) = *node else { return };
        let leader = world.nodes.leader();
        match effect {
            Effect::Subscribe { subscription, call, .. } => {
                let request = Request::Scheduler { stream_id: None, call: *call };
                let stream = world.request(node.clone(), leader, Purpose::Subscribe(subscription), request);
                if let Some(scheduler) = world.nodes.get_mut::<Self>(node) {
                    scheduler.stream = Some(stream);
                }
            }
            Effect::Call { token, stream_id, call, .. } => {
                let request =
                    Request::Scheduler { stream_id: stream_id.map(|id| id.to_string()), call: *call };
                world.request(node.clone(), leader, Purpose::Call(token), request);
            }
            Effect::Close { .. } => {
                if let Some(stream) = world.nodes.get_mut::<Self>(node).and_then(|node| node.stream.take()) {
                    world.client_closes(stream);
                }
            }
            Effect::Deliver(event) => world.scheduler_event(number, event),
            Effect::Warn(text) => trace!(world, Life: "{node}: {text}"),
        }
    }
}

impl World {
    fn scheduler_event(&mut self, number: usize, event: Heard) {
        match event {
            Heard::Subscribed { framework_id, .. } => {
                let Some(scheduler) = self.nodes.scheduler_mut(number) else { return };
                scheduler.framework_id = Some(framework_id);
                let now = self.now;
                if scheduler.is_leaving()
                    && let Some(driver) = scheduler.host.core_mut()
                {
                    driver.handle(now, DriverEvent::Stop { failover: false });
                }
            }
            Heard::Offers(offers) => self.use_offers(number, offers),
            Heard::Update(status) => self.update(number, status),
            Heard::Error { message } => {
                trace!(self, Life: "scheduler-{number} is told: {message}");
                let Some(scheduler) = self.nodes.scheduler_mut(number) else { return };
                // Whoever has torn his framework down hears, when he asks again, that it has been removed.
                if !scheduler.has_left(self.now) {
                    let what = format!("scheduler-{number} was turned away: {message}");
                    self.history.turned_away.get_or_insert(what);
                }
            }
            Heard::CallFailed { call, error, .. } => {
                trace!(self, "scheduler-{number}: {} failed: {error}", call.as_str_name());
            }
            Heard::Disconnected { .. }
            | Heard::Rescind(_)
            | Heard::InverseOffers(_)
            | Heard::RescindInverseOffer(_)
            | Heard::UpdateOperationStatus(_)
            | Heard::Message { .. }
            | Heard::Failure { .. } => {}
        }
    }

    fn use_offers(&mut self, number: usize, offers: Vec<v1::Offer>) {
        let now = self.now;
        for offer in offers {
            let Some(scheduler) = self.nodes.scheduler_mut(number) else { return };
            let Some(framework_id) = scheduler.framework_id.clone() else { return };
            let tasks = scheduler.use_offer(&offer, &framework_id);
            let Some(driver) = scheduler.host.core_mut() else { return };
            let id = offer.id.clone();
            let what = if tasks.is_empty() {
                let filters = v1::Filters { refuse_seconds: Some(3.0) };
                calls::decline(vec![id.clone()], Some(filters))
            } else {
                self.history.uses(&id.value);
                let operation = Operation {
                    r#type: Some(v1::offer::operation::Type::Launch.into()),
                    launch: Some(v1::offer::operation::Launch { task_infos: tasks }),
                    ..Operation::default()
                };
                calls::accept(
                    vec![id.clone()],
                    vec![operation],
                    Some(v1::Filters { refuse_seconds: Some(0.0) }),
                )
            };
            // If it cannot be said now, the tasks are asked about later and turn out lost.
            if let Err(error) = call(driver, now, what) {
                trace!(self, "scheduler-{number} cannot use an offer: {error}");
            }
        }
    }

    fn update(&mut self, number: usize, status: v1::TaskStatus) {
        let now = self.now;
        let id = status.task_id.value.clone();
        let Ok(state) = TaskState::try_from(status.state) else { return };
        let uuid = status.uuid.as_ref().map(|uuid| uuid.to_vec());
        let Some(scheduler) = self.nodes.scheduler_mut(number) else { return };
        // The scheduler's own store is written before the acknowledgement leaves.
        let mut to_kill = false;
        if let Some(task) = scheduler.tasks.get_mut(&id) {
            // A terminal state heard from the agent is not undone by the master's guess afterwards.
            if !(task.state.is_some_and(history::is_terminal) && uuid.is_none()) {
                task.state = Some(state);
            }
            to_kill = state == TaskState::TaskRunning && std::mem::take(&mut task.kill);
        }
        if let Some(receipt) = Receipt::of(&status)
            && let Some(driver) = scheduler.host.core_mut()
        {
            driver.handle(now, DriverEvent::Processed(receipt));
        }
        self.history.hears(&id, history::Heard { at: now, state, uuid });
        if to_kill {
            let wait = Duration::from_millis(self.rng.next_u64() % 20_000);
            self.after(wait, Event::KillTask { scheduler: number, task: id });
        }
    }

    pub(crate) fn kill_task(&mut self, number: usize, task: &str) -> Option<Node> {
        let now = self.now;
        let scheduler = self.nodes.scheduler_mut(number)?;
        let wanted = scheduler.tasks.get(task).filter(|task| task.is_live() && !scheduler.is_leaving())?;
        // Its agent has promised it.
        if wanted.state == Some(TaskState::TaskKilling) {
            return None;
        }
        let agent = wanted.agent.clone();
        if let Some(driver) = scheduler.host.core_mut() {
            // A kill may be lost on the way; a careful scheduler says it again.
            let _ = call(driver, now, calls::kill(v1::TaskId { value: task.to_owned() }, agent, None));
        }
        self.after(Duration::from_secs(5), Event::KillTask { scheduler: number, task: task.to_owned() });
        Some(Node::Scheduler(number))
    }

    /// A scheduler tears its framework down, and asks until it is told that there is no such framework any more: it
    /// may crash or be cut off in between, and then cannot know whether it was heard.
    pub(crate) fn leave(&mut self, number: usize) -> Option<Node> {
        let now = self.now;
        let node = Node::Scheduler(number);
        let scheduler = self.nodes.scheduler_mut(number)?;
        if scheduler.is_gone() {
            return None;
        }
        self.after(Duration::from_secs(7), Event::Leave { scheduler: number });
        let scheduler = self.nodes.scheduler_mut(number)?;
        if !scheduler.wants_to_leave() {
            return None;
        }
        let driver = scheduler.host.core_mut()?;
        if driver.is_finished() {
            // The process has ended; the next one looks what has become of it.
            self.start(&node);
        } else if driver.is_subscribed() {
            trace!(self, Life: "scheduler-{number} leaves");
            driver.handle(now, DriverEvent::Stop { failover: false });
        }
        Some(node)
    }

    /// Asks about every task that is not known to have ended.
    pub(crate) fn reconcile(&mut self, number: usize) -> Option<Node> {
        let now = self.now;
        self.after(Duration::from_secs(30), Event::Reconcile { scheduler: number });
        let scheduler = self.nodes.scheduler_mut(number)?;
        let live: Vec<(String, Option<v1::AgentId>)> = scheduler
            .tasks
            .iter()
            .filter(|(_, task)| task.is_live())
            .map(|(id, task)| (id.clone(), task.agent.clone()))
            .collect();
        if live.is_empty() {
            return None;
        }
        let driver = scheduler.host.core_mut()?;
        let what = calls::reconcile(live.iter().map(|(id, agent)| (id.as_str(), agent.clone())));
        // Not subscribed now: the next round comes.
        call(driver, now, what).ok()?;
        Some(Node::Scheduler(number))
    }
}

fn call(driver: &mut SchedulerDriver, now: Tick, call: Call) -> Result<(), Refused> {
    let token = driver.next_call()?;
    driver.handle(now, DriverEvent::Call { token, call: Box::new(call) });
    Ok(())
}
