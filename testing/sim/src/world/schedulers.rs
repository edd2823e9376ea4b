//! What the schedulers do with what they hear.

use std::time::Duration;

use rand_chacha::rand_core::Rng as _;
use tepui_core_driver::scheduler::{
    Callback as Heard, Effect, Event as Input, Receipt, Refused, SchedulerDriver, calls,
};
use tepui_core_kit::Core as _;
use tepui_model::Tick;
use tepui_wire_mesos::v1::{self, TaskState, offer::Operation, scheduler::Call};

use super::{Event, Purpose, Request, World};
use crate::{history, network::Node, trace::trace};

impl World {
    pub(crate) fn drain_scheduler(&mut self, number: usize) {
        let node = Node::Scheduler(number);
        while let Some(effect) = self
            .schedulers
            .get_mut(number)
            .and_then(|node| node.driver.as_mut())
            .and_then(|driver| driver.poll_effect())
        {
            match effect {
                Effect::Subscribe { subscription, call, .. } => {
                    let request = Request::Scheduler { stream_id: None, call: *call };
                    let stream =
                        self.request(node.clone(), Node::Master, Purpose::Subscribe(subscription), request);
                    if let Some(scheduler) = self.schedulers.get_mut(number) {
                        scheduler.stream = Some(stream);
                    }
                }
                Effect::Call { token, stream_id, call, .. } => {
                    let request =
                        Request::Scheduler { stream_id: stream_id.map(|id| id.to_string()), call: *call };
                    self.request(node.clone(), Node::Master, Purpose::Call(token), request);
                }
                Effect::Close { .. } => {
                    if let Some(stream) = self.schedulers.get_mut(number).and_then(|node| node.stream.take())
                    {
                        self.client_closes(stream);
                    }
                }
                Effect::Deliver(event) => self.scheduler_event(number, event),
                Effect::Warn(text) => trace!(self, Life: "{node}: {text}"),
            }
        }
    }

    fn scheduler_event(&mut self, number: usize, event: Heard) {
        match event {
            Heard::Subscribed { framework_id, .. } => {
                let Some(scheduler) = self.schedulers.get_mut(number) else { return };
                scheduler.framework_id = Some(framework_id);
                let now = self.now;
                if scheduler.is_leaving()
                    && let Some(driver) = &mut scheduler.driver
                {
                    driver.handle(now, Input::Stop { failover: false });
                }
            }
            Heard::Offers(offers) => self.use_offers(number, offers),
            Heard::Update(status) => self.update(number, status),
            Heard::Error { message } => {
                trace!(self, Life: "scheduler-{number} is told: {message}");
                let Some(scheduler) = self.schedulers.get_mut(number) else { return };
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
            let Some(scheduler) = self.schedulers.get_mut(number) else { return };
            let Some(framework_id) = scheduler.framework_id.clone() else { return };
            let tasks = scheduler.use_offer(&offer, &framework_id);
            let Some(driver) = scheduler.driver.as_mut() else { return };
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
        let Some(scheduler) = self.schedulers.get_mut(number) else { return };
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
            && let Some(driver) = scheduler.driver.as_mut()
        {
            driver.handle(now, Input::Processed(receipt));
        }
        self.history.hears(&id, history::Heard { at: now, state, uuid });
        if to_kill {
            let wait = Duration::from_millis(self.rng.next_u64() % 20_000);
            self.after(wait, Event::KillTask { scheduler: number, task: id });
        }
    }

    pub(crate) fn kill_task(&mut self, number: usize, task: &str) -> Option<Node> {
        let now = self.now;
        let scheduler = self.schedulers.get_mut(number)?;
        let wanted = scheduler.tasks.get(task).filter(|task| task.is_live() && !scheduler.is_leaving())?;
        // Its agent has promised it.
        if wanted.state == Some(TaskState::TaskKilling) {
            return None;
        }
        let agent = wanted.agent.clone();
        if let Some(driver) = &mut scheduler.driver {
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
        let scheduler = self.schedulers.get_mut(number)?;
        if scheduler.is_gone() {
            return None;
        }
        self.after(Duration::from_secs(7), Event::Leave { scheduler: number });
        let scheduler = self.schedulers.get_mut(number)?;
        if !scheduler.wants_to_leave() {
            return None;
        }
        let driver = scheduler.driver.as_mut()?;
        if driver.is_finished() {
            // The process has ended; the next one looks what has become of it.
            self.start(&node);
        } else if driver.is_subscribed() {
            trace!(self, Life: "scheduler-{number} leaves");
            driver.handle(now, Input::Stop { failover: false });
        }
        Some(node)
    }

    /// Asks about every task that is not known to have ended.
    pub(crate) fn reconcile(&mut self, number: usize) -> Option<Node> {
        let now = self.now;
        self.after(Duration::from_secs(30), Event::Reconcile { scheduler: number });
        let scheduler = self.schedulers.get_mut(number)?;
        let live: Vec<(String, Option<v1::AgentId>)> = scheduler
            .tasks
            .iter()
            .filter(|(_, task)| task.is_live())
            .map(|(id, task)| (id.clone(), task.agent.clone()))
            .collect();
        if live.is_empty() {
            return None;
        }
        let driver = scheduler.driver.as_mut()?;
        let what = calls::reconcile(live.iter().map(|(id, agent)| (id.as_str(), agent.clone())));
        // Not subscribed now: the next round comes.
        call(driver, now, what).ok()?;
        Some(Node::Scheduler(number))
    }
}

fn call(driver: &mut SchedulerDriver, now: Tick, call: Call) -> Result<(), Refused> {
    let token = driver.next_call()?;
    driver.handle(now, Input::Call { token, call: Box::new(call) });
    Ok(())
}
