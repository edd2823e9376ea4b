//! Why something does not run or gets no offer, in words.

use std::collections::BTreeMap;

use tepui_model::{FrameworkId, TaskState};

use crate::{FrameworkState, Master};

/// Why a framework has no (more) offers, one line per fact. None if there is no such framework.
pub(crate) fn framework(master: &Master, id: &str) -> Option<Vec<String>> {
    if let Some(completed) = master.completed_frameworks.iter().find(|framework| framework.id.as_str() == id)
    {
        let name = &completed.info.name;
        return Some(vec![format!("framework '{name}' ({id}) has ended")]);
    }
    let framework = master.frameworks.get(id)?;
    let state = match framework.state {
        FrameworkState::Active => "subscribed".to_owned(),
        FrameworkState::Recovered => {
            "known from before the master's restart; its scheduler is awaited".to_owned()
        }
        FrameworkState::Disconnected | FrameworkState::Completed => {
            let timer = crate::master::Timer::Failover(framework.id.clone());
            let left = master.timers.at(&timer).map_or(0, |at| at.since(master.now).as_secs());
            format!("its scheduler is disconnected; the framework is removed in {left} s")
        }
    };
    let mut lines = vec![format!("framework '{}' ({id}): {state}", framework.info.name)];
    lines.push(format!(
        "{} live tasks, {} outstanding offers",
        framework.tasks.len(),
        framework.offers.len()
    ));
    lines.extend(out_of_use(master));
    for explanation in master.allocator.explain(&framework.id) {
        let role = &explanation.role;
        if let Some(last) = explanation.last_grant {
            lines.push(format!("role '{role}': last offer {} s ago", master.now.since(last).as_secs()));
        }
        for (refusal, agents) in &explanation.reasons {
            let words = refusal.describe(master.now);
            lines.push(match agents {
                0 => format!("role '{role}': {words}"),
                1 => format!("role '{role}': 1 agent: {words}"),
                agents => format!("role '{role}': {agents} agents: {words}"),
            });
        }
    }
    Some(lines)
}

/// Where a task is and why it is not further, one line per fact; without a framework, of all that have such a
/// task. None if nobody has.
pub(crate) fn task(master: &Master, framework: Option<&str>, id: &str) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    let frameworks = master.frameworks.values().chain(&master.completed_frameworks);
    for framework in frameworks.filter(|known| framework.is_none_or(|id| known.id.as_str() == id)) {
        let live = framework.tasks.get(id).or_else(|| framework.unreachable_tasks.get(id));
        let done = || framework.completed_tasks.iter().rev().find(|task| task.id.as_str() == id);
        let Some(task) = live.or_else(done) else { continue };
        lines.push(format!(
            "task '{id}' of framework {} is {} on agent {}",
            framework.id, task.state, task.agent_id
        ));
        if let Some(status) = task.last_status() {
            let reason = status.reason.and_then(tepui_model::Reason::from_number);
            let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            let words = status.message.unwrap_or_default();
            if !words.is_empty() || !reason.is_empty() {
                lines.push(format!("last update: {words}{reason}"));
            }
        }
        lines.extend(hindrance(master, &framework.id, task.state, task.agent_id.as_str()));
        if task.kill.is_some() && !task.state.is_terminal() {
            lines.push("its scheduler wants it killed".to_owned());
        }
    }
    (!lines.is_empty()).then_some(lines)
}

/// Agents that are there and not offered, by why.
fn out_of_use(master: &Master) -> Vec<String> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (_, deactivation) in master.deactivated.iter().filter(|(id, _)| master.agents.contains_key(*id)) {
        *counts.entry(deactivation.word()).or_default() += 1;
    }
    let line = |(word, agents)| match agents {
        1 => format!("1 agent is {word}: it is not offered"),
        _ => format!("{agents} agents are {word}: they are not offered"),
    };
    counts.into_iter().map(line).collect()
}

fn hindrance(master: &Master, framework: &FrameworkId, state: TaskState, agent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if state.is_terminal() {
        return lines;
    }
    match master.agents.get(agent) {
        Some(agent) if agent.is_connected() => {
            if state == TaskState::Staging {
                lines.push("the agent has not reported it yet: its executor is being started".to_owned());
            }
        }
        Some(agent) => lines.push(format!("agent {} is disconnected; it is expected back", agent.id)),
        None => lines.push(format!("agent {agent} is out of reach")),
    }
    if master.deactivation(agent).and_then(|it| it.drain).is_some_and(|drain| !drain.drained) {
        lines.push(format!("agent {agent} is draining: the task is being killed there"));
    }
    if master.frameworks.get(framework).is_some_and(|framework| !framework.is_connected()) {
        lines.push("its scheduler is not connected, so updates wait at the agent".to_owned());
    }
    lines
}
