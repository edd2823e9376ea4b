//! Where each event, each write that is durable and each timer goes. Must not live here: the state (`master`), and what happens
//! to it (`handlers`).

use std::sync::Arc;

use tepui_core_kit::{Chance, Core, Outbox, Timers};
use tepui_model::{Outcome, Tick};

use crate::{
    Counters, Effect, Event, Master, Start, allocation,
    audience::Audience,
    books::Books,
    handlers::{
        agents, call, drain, framework, message, offers, operator, recovery, removal, reregister, subscribe,
    },
    ids::Ids,
    invariants,
    master::Timer,
    pending::Pending,
    publish,
    registrar::Registrar,
    registry,
};

impl Core for Master {
    const NAME: &'static str = "master";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// A master that continues what earlier masters knew.
    fn start(now: Tick, start: Start) -> Self {
        let Start { config, seed, restored } = start;
        let id = config.info.id.clone();
        let mut chance = Chance::new(seed);
        let allocator = allocation::new_allocator(&config, chance.seed());
        let mut master = Self {
            config: Arc::new(config),
            chance,
            now,
            started: now,
            out: Outbox::new(),
            timers: Timers::new(),
            counters: Counters::new(),
            allocator,
            books: Books::default(),
            registrar: Registrar::default(),
            audience: Audience::default(),
            ids: Ids::new(id.clone()),
        };
        recovery::restore(&mut master, restored);
        master.write([registry::write_master(&id)]);
        master
    }

    fn handle(&mut self, now: Tick, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::SchedulerCall { caller, call } => call::handle(self, &caller, *call),
            Event::OperatorCall { caller, call } => operator::handle(self, &caller, *call),
            Event::KillTask { caller, framework_id, task_id } => {
                operator::kill_task(self, &caller, &framework_id, &task_id);
            }
            Event::ConnectionClosed(connection) => subscribe::stream_closed(self, connection),
            Event::Message { from, message } => message::handle(self, &from, message),
            Event::Exited(peer) => removal::exited(self, &peer),
            Event::Persisted(token) => {
                for pending in self.out.persisted(token) {
                    persisted(self, pending);
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        self.now = self.now.max(now);
        while let Some(timer) = self.timers.pop(self.now) {
            timeout(self, timer);
        }
        self.allocator.handle_timeout(self.now);
    }

    fn poll_timeout(&self) -> Option<Tick> {
        [self.timers.next(), self.allocator.poll_timeout()].into_iter().flatten().min()
    }

    /// What has become free is offered when nothing else is left to do: the more events a shell hands in before
    /// it polls, the fewer and larger the offers are.
    fn poll_effect(&mut self) -> Option<Effect> {
        if self.out.is_empty() {
            allocation::allocate(self);
        }
        self.out.pop()
    }

    /// No agent gives more than it has, offered + allocated + free = total, every index names what exists. It costs
    /// as much as there are tasks.
    fn check_invariants(&self) -> Result<(), String> {
        invariants::check(self)
    }
}

/// Goes on after a write.
fn persisted(master: &mut Master, pending: Pending) {
    match pending {
        Pending::Subscribe(subscription) => subscribe::subscribed(master, *subscription),
        Pending::UpdateFramework { to, update } => subscribe::updated(master, to, *update),
        Pending::RemoveFramework { id, reply, why } => {
            framework::remove(master, &id, why);
            if let Some((to, reply)) = reply {
                master.reply(to, reply);
            }
        }
        Pending::AdmitAgent { id, pid, message } => agents::admitted(master, id, &pid, *message),
        Pending::ReadmitAgent { pid, message } => reregister::readmitted(master, &pid, *message),
        Pending::MarkUnreachable { id, since, why } => removal::marked_unreachable(master, &id, since, why),
        Pending::RemoveAgent { id, why, reply } => {
            removal::removed(master, &id, why);
            if let Some(to) = reply {
                master.reply(to, Outcome::Done);
            }
        }
        Pending::Retire { id, what, reply } => drain::retired(master, &id, what, reply),
        Pending::MarkDrained { id } => drain::marked_drained(master, &id),
    }
}

/// Something fell due.
fn timeout(master: &mut Master, timer: Timer) {
    match timer {
        Timer::Heartbeat(connection) => subscribe::heartbeat(master, connection),
        Timer::OperatorHeartbeat => publish::heartbeat(master),
        Timer::Ping(agent) => agents::ping_due(master, &agent),
        Timer::Reregistration(agent) => removal::reregistration_timeout(master, &agent),
        Timer::Failover(framework) => framework::failover_timeout(master, &framework),
        Timer::Offer(offer) => offers::timeout(master, &offer),
        Timer::RegistryGc => recovery::prune(master),
    }
}
