//! Why something does not run or gets no offer: facts, as data. Must not live here: their words (`words`).

mod words;

use std::collections::BTreeMap;

use serde::Serialize;
use tepui_core_allocator::Refusal;
use tepui_model::{AgentId, FrameworkId, Reason, Role, TaskId, TaskState, Tick};

use crate::{Deactivation, Drain, Framework, FrameworkState, Master, Task, master::Timer};

/// Why something is as it is: what is known about it, the most general first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// When that was so; [`Explanation::lines`] counts from here.
    pub at: Tick,
    /// The facts.
    pub facts: Vec<Fact>,
}

/// One thing that is known about a framework or a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The framework has ended.
    FrameworkEnded {
        /// Its id.
        id: FrameworkId,
        /// Its name.
        name: String,
    },
    /// There is such a framework.
    Framework {
        /// Its id.
        id: FrameworkId,
        /// Its name.
        name: String,
        /// Where its scheduler is.
        standing: Standing,
    },
    /// What the framework has now.
    Holds {
        /// Live tasks.
        tasks: usize,
        /// Outstanding offers.
        offers: usize,
    },
    /// Agents are there and not offered, because an operator said so.
    OutOfUse {
        /// What they are.
        how: OutOfUse,
        /// How many.
        agents: usize,
    },
    /// The framework had an offer in a role.
    LastOffer {
        /// The role.
        role: Role,
        /// When the last one was made.
        at: Tick,
    },
    /// The framework has no (more) offers in a role.
    NotOffered {
        /// The role.
        role: Role,
        /// The reason.
        why: Refusal,
        /// Of how many agents; zero where it concerns the framework itself.
        agents: usize,
    },
    /// There is such a task.
    Task {
        /// Its id.
        id: TaskId,
        /// Its framework.
        framework_id: FrameworkId,
        /// Where it runs or ran.
        agent_id: AgentId,
        /// Its newest state.
        state: TaskState,
    },
    /// What the task's last update says.
    LastUpdate {
        /// Its words; may be empty.
        message: String,
        /// Its reason.
        reason: Option<Reason>,
    },
    /// The agent has not reported the task yet.
    Starting,
    /// The link to the task's agent is broken.
    AgentDisconnected {
        /// The agent.
        agent_id: AgentId,
    },
    /// The task's agent is unreachable or gone.
    AgentOutOfReach {
        /// The agent.
        agent_id: AgentId,
    },
    /// The task's agent is being drained.
    AgentDraining {
        /// The agent.
        agent_id: AgentId,
    },
    /// The task's scheduler is not connected.
    SchedulerAway,
    /// The task's scheduler wants it killed.
    KillWanted,
}

/// Where a framework's scheduler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Standing {
    /// Subscribed.
    Subscribed,
    /// It has not come to this master yet.
    Recovered,
    /// Away.
    Disconnected {
        /// When the framework is removed.
        removed_at: Option<Tick>,
    },
}

/// How an operator took an agent out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfUse {
    /// Nothing is offered.
    Deactivated,
    /// Nothing runs there any more.
    Drained,
    /// It is being emptied.
    Draining,
}

impl From<Deactivation> for OutOfUse {
    fn from(deactivation: Deactivation) -> Self {
        match deactivation.drain {
            Some(Drain { drained: false, .. }) => Self::Draining,
            Some(Drain { drained: true, .. }) => Self::Drained,
            None => Self::Deactivated,
        }
    }
}

impl Master {
    /// Why the framework, or else the task, called `id` is as it is; none if there is neither.
    pub fn explain(&self, id: &str) -> Option<Explanation> {
        self.explain_framework(id).or_else(|| self.explain_task(None, id))
    }

    /// Why a framework has no (more) offers; none if there is no such framework.
    pub fn explain_framework(&self, id: &str) -> Option<Explanation> {
        framework(self, id)
    }

    /// Where a task is and what it waits for, of every framework that has such a task, if none is named; none if nobody
    /// has.
    pub fn explain_task(&self, framework: Option<&str>, id: &str) -> Option<Explanation> {
        task(self, framework, id)
    }
}

/// Why a framework has no (more) offers. None if there is no such framework.
fn framework(master: &Master, id: &str) -> Option<Explanation> {
    let ended = master.books.completed_frameworks().iter().find(|framework| framework.id.as_str() == id);
    let facts = match ended {
        Some(framework) => {
            let (id, name) = (framework.id.clone(), framework.info.name.clone());
            vec![Fact::FrameworkEnded { id, name }]
        }
        None => about_framework(master, master.books.frameworks().get(id)?),
    };
    Some(Explanation { at: master.now, facts })
}

fn about_framework(master: &Master, framework: &Framework) -> Vec<Fact> {
    let standing = match framework.state {
        FrameworkState::Active => Standing::Subscribed,
        FrameworkState::Recovered => Standing::Recovered,
        FrameworkState::Disconnected | FrameworkState::Completed => {
            let removed_at = master.timers.at(&Timer::Failover(framework.id.clone()));
            Standing::Disconnected { removed_at }
        }
    };
    let (id, name) = (framework.id.clone(), framework.info.name.clone());
    let mut facts = vec![
        Fact::Framework { id, name, standing },
        Fact::Holds { tasks: framework.tasks.len(), offers: framework.offers.len() },
    ];
    facts.extend(out_of_use(master));
    for explanation in master.allocator.explain(&framework.id) {
        let role = explanation.role;
        facts.extend(explanation.last_grant.map(|at| Fact::LastOffer { role: role.clone(), at }));
        let refused = |(why, agents)| Fact::NotOffered { role: role.clone(), why, agents };
        facts.extend(explanation.reasons.into_iter().map(refused));
    }
    facts
}

/// Where a task is and why it is not further; without a framework, of all that have such a task. None if nobody has.
fn task(master: &Master, framework: Option<&str>, id: &str) -> Option<Explanation> {
    let mut facts = Vec::new();
    let frameworks = master.books.frameworks().values().chain(master.books.completed_frameworks());
    for framework in frameworks.filter(|known| framework.is_none_or(|id| known.id.as_str() == id)) {
        let live = framework.tasks.get(id).or_else(|| framework.unreachable_tasks.get(id));
        let done = || framework.completed_tasks.iter().rev().find(|task| task.id.as_str() == id);
        if let Some(task) = live.or_else(done) {
            about_task(master, framework, task, &mut facts);
        }
    }
    (!facts.is_empty()).then_some(Explanation { at: master.now, facts })
}

fn about_task(master: &Master, framework: &Framework, task: &Task, facts: &mut Vec<Fact>) {
    facts.push(Fact::Task {
        id: task.id.clone(),
        framework_id: framework.id.clone(),
        agent_id: task.agent_id.clone(),
        state: task.state,
    });
    if let Some(status) = task.last_status() {
        let reason = status.reason.and_then(Reason::from_number);
        let message = status.message.unwrap_or_default();
        if !message.is_empty() || reason.is_some() {
            facts.push(Fact::LastUpdate { message, reason });
        }
    }
    if task.state.is_terminal() {
        return;
    }
    hindrances(master, &framework.id, task, facts);
    if task.kill.is_some() {
        facts.push(Fact::KillWanted);
    }
}

fn hindrances(master: &Master, framework: &FrameworkId, task: &Task, facts: &mut Vec<Fact>) {
    let agent_id = task.agent_id.clone();
    match master.books.agents().get(&agent_id) {
        Some(agent) if agent.is_connected() => {
            facts.extend((task.state == TaskState::Staging).then_some(Fact::Starting));
        }
        Some(_) => facts.push(Fact::AgentDisconnected { agent_id: agent_id.clone() }),
        None => facts.push(Fact::AgentOutOfReach { agent_id: agent_id.clone() }),
    }
    if master.deactivation(agent_id.as_str()).and_then(|it| it.drain).is_some_and(|drain| !drain.drained) {
        facts.push(Fact::AgentDraining { agent_id });
    }
    if master.books.frameworks().get(framework).is_some_and(|framework| !framework.is_connected()) {
        facts.push(Fact::SchedulerAway);
    }
}

/// Agents that are there and not offered, by why.
fn out_of_use(master: &Master) -> impl Iterator<Item = Fact> {
    let mut counts: BTreeMap<OutOfUse, usize> = BTreeMap::new();
    for (_, deactivation) in
        master.books.deactivated().iter().filter(|(id, _)| master.books.agents().contains_key(*id))
    {
        *counts.entry(OutOfUse::from(*deactivation)).or_default() += 1;
    }
    counts.into_iter().map(|(how, agents)| Fact::OutOfUse { how, agents })
}
