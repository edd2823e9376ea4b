//! Facts in words, for people. Must not live here: what the facts are.

use std::fmt;

use tepui_model::Tick;

use super::{Explanation, Fact, OutOfUse, Standing};

impl Explanation {
    /// One line per fact.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.facts.iter().map(|fact| line(fact, self.at))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn line(fact: &Fact, now: Tick) -> String {
    match fact {
        Fact::FrameworkEnded { id, name } => format!("framework '{name}' ({id}) has ended"),
        Fact::Framework { id, name, standing } => {
            format!("framework '{name}' ({id}): {}", standing_words(*standing, now))
        }
        Fact::Holds { tasks, offers } => format!("{tasks} live tasks, {offers} outstanding offers"),
        Fact::OutOfUse { how, agents: 1 } => format!("1 agent is {}: it is not offered", how.word()),
        Fact::OutOfUse { how, agents } => format!("{agents} agents are {}: they are not offered", how.word()),
        Fact::LastOffer { role, at } => {
            format!("role '{role}': last offer {} s ago", now.since(*at).as_secs())
        }
        Fact::NotOffered { role, why, agents } => {
            let words = why.describe(now);
            match agents {
                0 => format!("role '{role}': {words}"),
                1 => format!("role '{role}': 1 agent: {words}"),
                agents => format!("role '{role}': {agents} agents: {words}"),
            }
        }
        Fact::Task { id, framework_id, agent_id, state } => {
            format!("task '{id}' of framework {framework_id} is {state} on agent {agent_id}")
        }
        Fact::LastUpdate { message, reason } => {
            let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("last update: {message}{reason}")
        }
        Fact::Starting => "the agent has not reported it yet: its executor is being started".to_owned(),
        Fact::AgentDisconnected { agent_id } => {
            format!("agent {agent_id} is disconnected; it is expected back")
        }
        Fact::AgentOutOfReach { agent_id } => format!("agent {agent_id} is out of reach"),
        Fact::AgentDraining { agent_id } => {
            format!("agent {agent_id} is draining: the task is being killed there")
        }
        Fact::SchedulerAway => "its scheduler is not connected, so updates wait at the agent".to_owned(),
        Fact::KillWanted => "its scheduler wants it killed".to_owned(),
    }
}

fn standing_words(standing: Standing, now: Tick) -> String {
    match standing {
        Standing::Subscribed => "subscribed".to_owned(),
        Standing::Recovered => "known from before the master's restart; its scheduler is awaited".to_owned(),
        Standing::Disconnected { removed_at } => {
            let left = removed_at.map_or(0, |at| at.since(now).as_secs());
            format!("its scheduler is disconnected; the framework is removed in {left} s")
        }
    }
}

impl OutOfUse {
    const fn word(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Drained => "drained",
            Self::Draining => "draining",
        }
    }
}
