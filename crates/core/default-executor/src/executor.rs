//! The machine's face: what goes in and what comes out. Must not live here: the rules, which have a file per family.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tepui_core_kit::{Attempts, Chance, Core, Seed};
use tepui_model::Tick;
use tepui_wire_mesos::v1::{ContainerId, FrameworkInfo, agent, framework_info::capability};

use crate::{
    CallId, Config, Effect, Event,
    container::{Container, Purpose},
};

/// What a default executor is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// As it is to work.
    pub config: Config,
    /// Its chance.
    pub seed: Seed,
}

/// Where the executor is in its life.
///
/// ```text
/// Serving ⇄ Ending (nothing runs) -> Stopped
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Life {
    /// Waits for groups, or has tasks.
    Serving,
    /// Nothing runs any more; the last updates are waited for, but not longer than this.
    Ending(Tick),
    /// The shell was told to stop.
    Stopped,
}

/// A default executor. See the crate's documentation.
#[derive(Debug, Serialize, Deserialize)]
pub struct DefaultExecutor {
    pub(crate) config: Config,
    chance: Chance,
    pub(crate) life: Life,
    /// The container that the executor itself is in.
    pub(crate) own: Option<ContainerId>,
    /// The framework knows TASK_KILLING.
    pub(crate) killing_state: bool,
    /// There is an agent to be called.
    pub(crate) connected: bool,
    pub(crate) shutting_down: bool,
    pub(crate) groups: u64,
    /// Tasks that have not ended, by id.
    pub(crate) containers: BTreeMap<String, Container>,
    /// Calls under way.
    pub(crate) calls: BTreeMap<CallId, Purpose>,
    call_ids: Attempts<CallId>,
    /// Updates that have not arrived for good.
    pub(crate) unsettled: u64,
    pub(crate) effects: VecDeque<Effect>,
}

impl Core for DefaultExecutor {
    const NAME: &'static str = "default executor";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// An executor that waits for its registration.
    fn start(_now: Tick, start: Start) -> Self {
        let Start { config, seed } = start;
        Self {
            config,
            chance: Chance::new(seed),
            life: Life::Serving,
            own: None,
            killing_state: false,
            connected: false,
            shutting_down: false,
            groups: 0,
            containers: BTreeMap::new(),
            calls: BTreeMap::new(),
            call_ids: Attempts::new(),
            unsettled: 0,
            effects: VecDeque::new(),
        }
    }

    fn handle(&mut self, now: Tick, event: Event) {
        match event {
            Event::Registered { framework, own } => self.registered(now, &framework, own),
            Event::Reregistered => self.reregistered(now),
            Event::Disconnected => self.disconnected(now),
            Event::Launch { task_id } => {
                self.warn(format!("task '{task_id}' came alone: this executor runs groups only, and ends"));
                self.shut_down(now);
            }
            Event::LaunchGroup(group) => self.launch_group(now, group),
            Event::Kill { task_id, policy } => {
                if !self.containers.contains_key(&task_id) {
                    self.warn(format!("task '{task_id}' is to be killed and is not there"));
                }
                self.kill(now, &task_id, policy.as_ref());
            }
            Event::UpdateSettled => {
                self.unsettled = self.unsettled.saturating_sub(1);
                self.stop_if_settled();
            }
            Event::Shutdown => self.shut_down(now),
            Event::Answered { id, answer } => {
                if let Some(purpose) = self.calls.remove(&id) {
                    self.answered(now, purpose, answer);
                }
            }
            Event::Probed { task_id, id, outcome } => self.probed(now, &task_id, id, &outcome),
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        if let Life::Ending(until) = self.life
            && until <= now
        {
            self.warn(format!("{} updates have not arrived in time", self.unsettled));
            self.stop();
        }
        let tasks: Vec<String> = self.containers.keys().cloned().collect();
        for task_id in tasks {
            self.time_passed(now, &task_id);
        }
    }

    fn poll_timeout(&self) -> Option<Tick> {
        let end = match self.life {
            Life::Serving => None,
            Life::Ending(until) => Some(until),
            Life::Stopped => return None,
        };
        let tasks = self.containers.values().filter_map(|container| container.poll_timeout(self.connected));
        tasks.chain(end).min()
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}

impl DefaultExecutor {
    fn registered(&mut self, now: Tick, framework: &FrameworkInfo, own: ContainerId) {
        let wanted = capability::Type::TaskKillingState;
        self.killing_state = framework.capabilities.iter().any(|capability| capability.r#type() == wanted);
        self.own = Some(own);
        self.reregistered(now);
    }

    fn reregistered(&mut self, now: Tick) {
        self.connected = true;
        self.resume_checks(now);
        self.handle_timeout(now);
    }

    fn disconnected(&mut self, now: Tick) {
        self.connected = false;
        self.pause_checks(now);
        for (id, purpose) in std::mem::take(&mut self.calls) {
            self.effects.push_back(Effect::Cancel { id });
            self.missed(now, &purpose);
        }
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.effects.push_back(Effect::Warn(text.into()));
    }

    pub(crate) fn call(&mut self, purpose: Purpose, call: agent::Call) -> CallId {
        let id = self.call_ids.begin();
        self.calls.insert(id, purpose);
        self.effects.push_back(Effect::Call { id, call: Box::new(call) });
        id
    }

    /// A new container inside another one.
    pub(crate) fn container_in(&mut self, parent: ContainerId, prefix: &str) -> ContainerId {
        let uuid = self.chance.uuid();
        ContainerId { value: format!("{prefix}{uuid}"), parent: Some(Box::new(parent)) }
    }
}
