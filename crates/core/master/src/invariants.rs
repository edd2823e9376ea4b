//! What must hold after every event. Costly: for the simulator and the tests.

use std::collections::BTreeMap;

use tepui_model::{AgentId, Resources};

use crate::{FrameworkState, Master};

/// Checks everything.
pub(crate) fn check(master: &Master) -> Result<(), String> {
    check_books(master)?;
    for id in master.agents.keys() {
        check_agent(master, id)?;
    }
    check_frameworks(master)
}

/// Offered and used together are what the allocator counts, and no more than there is.
fn check_agent(master: &Master, id: &AgentId) -> Result<(), String> {
    let mut held: BTreeMap<_, Resources> = BTreeMap::new();
    for offer in master.offers.values().filter(|offer| offer.agent_id == *id) {
        *held.entry(offer.framework_id.clone()).or_default() += &offer.resources;
    }
    for framework in master.frameworks.values() {
        for task in framework.tasks.values().filter(|task| task.agent_id == *id && !task.state.is_terminal())
        {
            *held.entry(framework.id.clone()).or_default() += &task.resources;
        }
        for ((agent, _), executor) in &framework.executors {
            if agent == id {
                *held.entry(framework.id.clone()).or_default() += &executor.resources;
            }
        }
    }
    held.retain(|_, resources| !resources.is_empty());
    let counted = master.allocator.agent_used(id).cloned().unwrap_or_default();
    if held != counted {
        return Err(format!(
            "agent {id}: offers, tasks and executors hold {held:?}, but the allocator counts {counted:?}"
        ));
    }
    let total = master.allocator.agent_total(id).cloned().unwrap_or_default();
    let all = held.values().fold(Resources::new(), |sum, resources| sum + &resources.clone().unallocate());
    let over = all.filter(|resource| !resource.shared && !total.contains_one(resource));
    if !over.is_empty() {
        return Err(format!("agent {id}: {over} is in use or on offer, but there is only {total}"));
    }
    Ok(())
}

/// Each index names what exists, and everything is named.
fn check_books(master: &Master) -> Result<(), String> {
    for (id, offer) in &master.offers {
        let framework = master.frameworks.get(&offer.framework_id);
        let framework = framework.ok_or_else(|| format!("offer {id} is of an unknown framework"))?;
        if !framework.is_connected() {
            return Err(format!("offer {id} is of framework {}, which is not connected", framework.id));
        }
        if !framework.offers.contains(id) {
            return Err(format!("framework {} does not know its offer {id}", framework.id));
        }
        if !master.agents.get(&offer.agent_id).is_some_and(|agent| master.is_active(agent)) {
            return Err(format!("offer {id} is of agent {}, which is not active", offer.agent_id));
        }
        if !master.agent_offers.get(&offer.agent_id).is_some_and(|offers| offers.contains(id)) {
            return Err(format!("agent {} does not know its offer {id}", offer.agent_id));
        }
    }
    for (agent, tasks) in &master.agent_tasks {
        for (framework, task) in tasks {
            let known = master.frameworks.get(framework).and_then(|framework| framework.tasks.get(task));
            if known.is_none_or(|task| task.agent_id != *agent) {
                return Err(format!(
                    "agent {agent} has task '{task}', which framework {framework} does not have there"
                ));
            }
        }
    }
    for (pid, id) in &master.agent_at {
        if master.agents.get(id).is_none_or(|agent| agent.pid != *pid) {
            return Err(format!("no agent {id} is at {pid}"));
        }
    }
    for (id, deactivation) in &master.deactivated {
        if deactivation.drain.is_some_and(|drain| !drain.drained) && master.gone.contains_key(id) {
            return Err(format!("agent {id} is draining and gone at once"));
        }
    }
    for id in master.unreachable.keys().chain(master.gone.keys()) {
        if master.agents.contains_key(id) {
            return Err(format!("agent {id} is registered and unreachable or gone at once"));
        }
    }
    Ok(())
}

fn check_frameworks(master: &Master) -> Result<(), String> {
    for framework in master.frameworks.values() {
        if framework.state == FrameworkState::Completed {
            return Err(format!("framework {} has ended but is still there", framework.id));
        }
        if framework.is_connected() != framework.connection.is_some() {
            return Err(format!("framework {}: its state and its stream do not agree", framework.id));
        }
        for (id, task) in &framework.tasks {
            let indexed = master
                .agent_tasks
                .get(&task.agent_id)
                .is_some_and(|tasks| tasks.contains(&(framework.id.clone(), id.clone())));
            if !indexed {
                return Err(format!("agent {} does not know its task '{id}'", task.agent_id));
            }
            if !master.agents.contains_key(&task.agent_id) {
                return Err(format!("task '{id}' is on agent {}, which is not registered", task.agent_id));
            }
            if framework.unreachable_tasks.contains_key(id) {
                return Err(format!("task '{id}' is live and unreachable at once"));
            }
        }
        for offer in &framework.offers {
            if !master.offers.contains_key(offer) {
                return Err(format!("framework {} has offer {offer}, which does not exist", framework.id));
            }
        }
    }
    Ok(())
}
