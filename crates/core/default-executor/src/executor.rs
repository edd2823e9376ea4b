//! The machine's face: what goes in and what comes out. Must not live here: the rules, which have a file per family.

use std::collections::{BTreeMap, VecDeque};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use tepui_core_checks::{Outcome, ProbeId};
use tepui_model::Tick;
use tepui_wire_mesos::v1::{
    ContainerId, FrameworkInfo, KillPolicy, TaskGroupInfo, agent, framework_info::capability,
};

use crate::{
    Answer, CallId, Config, Effect,
    container::{Container, Purpose},
};

/// Where the executor is in its life.
///
/// ```text
/// Serving ⇄ Ending (nothing runs) -> Stopped
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Waits for groups, or has tasks.
    Serving,
    /// Nothing runs any more; the last updates are waited for, but not longer than this.
    Ending(Tick),
    /// The shell was told to stop.
    Stopped,
}

/// A default executor. See the crate's documentation.
#[derive(Debug)]
pub struct DefaultExecutor {
    pub(crate) config: Config,
    rng: ChaCha8Rng,
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
    pub(crate) calls: BTreeMap<CallId, Purpose>,
    next_call: u64,
    /// Updates that have not arrived for good.
    pub(crate) unsettled: u64,
    pub(crate) effects: VecDeque<Effect>,
}

impl DefaultExecutor {
    /// An executor that waits for its registration. The same seed and inputs give the same effects.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            rng: ChaCha8Rng::seed_from_u64(seed),
            life: Life::Serving,
            own: None,
            killing_state: false,
            connected: false,
            shutting_down: false,
            groups: 0,
            containers: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            unsettled: 0,
            effects: VecDeque::new(),
        }
    }

    /// The first subscription: `own` is the container that this executor is in.
    pub fn handle_registered(&mut self, now: Tick, framework: &FrameworkInfo, own: ContainerId) {
        let wanted = capability::Type::TaskKillingState;
        self.killing_state = framework.capabilities.iter().any(|capability| capability.r#type() == wanted);
        self.own = Some(own);
        self.handle_reregistered(now);
    }

    /// A later subscription: what the agent was asked is asked again, and checks go on.
    pub fn handle_reregistered(&mut self, now: Tick) {
        self.connected = true;
        self.resume_checks(now);
        self.handle_timeout(now);
    }

    /// The agent is lost, for now: nothing can be asked of it, and tasks cannot be checked.
    pub fn handle_disconnected(&mut self, now: Tick) {
        self.connected = false;
        self.pause_checks(now);
        for (id, purpose) in std::mem::take(&mut self.calls) {
            self.effects.push_back(Effect::Cancel { id });
            self.missed(now, &purpose);
        }
    }

    /// A task that is not part of a group, which no agent should send.
    pub fn handle_launch(&mut self, now: Tick, task_id: &str) {
        self.warn(format!("task '{task_id}' came alone: this executor runs groups only, and ends"));
        self.shut_down(now);
    }

    /// Tasks to run together.
    pub fn handle_launch_group(&mut self, now: Tick, group: TaskGroupInfo) {
        self.launch_group(now, group);
    }

    /// A task to end; the others of its group follow it.
    pub fn handle_kill(&mut self, now: Tick, task_id: &str, policy: Option<&KillPolicy>) {
        if !self.containers.contains_key(task_id) {
            self.warn(format!("task '{task_id}' is to be killed and is not there"));
        }
        self.kill(now, task_id, policy);
    }

    /// An update has arrived for good, or never will.
    pub fn handle_update_settled(&mut self, _now: Tick) {
        self.unsettled = self.unsettled.saturating_sub(1);
        self.stop_if_settled();
    }

    /// Everything is to end.
    pub fn handle_shutdown(&mut self, now: Tick) {
        self.shut_down(now);
    }

    /// What came of an [`Effect::Call`]: an answer, or why there is none.
    pub fn handle_answer(&mut self, now: Tick, id: CallId, answer: Result<Answer, String>) {
        if let Some(purpose) = self.calls.remove(&id) {
            self.answered(now, purpose, answer);
        }
    }

    /// What came of an [`Effect::Probe`].
    pub fn handle_probed(&mut self, now: Tick, task_id: &str, id: ProbeId, outcome: &Outcome) {
        self.probed(now, task_id, id, outcome);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Tick) {
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

    /// When [`Self::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        let end = match self.life {
            Life::Serving => None,
            Life::Ending(until) => Some(until),
            Life::Stopped => return None,
        };
        let tasks = self.containers.values().filter_map(|container| container.poll_timeout(self.connected));
        tasks.chain(end).min()
    }

    /// The next thing to do, until `None`.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.effects.push_back(Effect::Warn(text.into()));
    }

    pub(crate) fn call(&mut self, purpose: Purpose, call: agent::Call) -> CallId {
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.calls.insert(id, purpose);
        self.effects.push_back(Effect::Call { id, call: Box::new(call) });
        id
    }

    /// A new container inside another one.
    pub(crate) fn container_in(&mut self, parent: ContainerId, prefix: &str) -> ContainerId {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        ContainerId { value: format!("{prefix}{uuid}"), parent: Some(Box::new(parent)) }
    }
}
