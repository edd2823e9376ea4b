//! What must hold after every event. Costly: for the simulator and the tests.

use std::collections::BTreeMap;

use tepui_model::{AgentId, Resources};

use crate::Master;

/// Checks everything.
pub(crate) fn check(master: &Master) -> Result<(), String> {
    master.books.check()?;
    master.audience.check()?;
    for id in master.books.agents().keys() {
        check_agent(master, id)?;
    }
    Ok(())
}

/// Offered and used together are what the allocator counts, and no more than there is.
fn check_agent(master: &Master, id: &AgentId) -> Result<(), String> {
    let mut held: BTreeMap<_, Resources> = BTreeMap::new();
    for offer in master.books.offers().values().filter(|offer| offer.agent_id == *id) {
        *held.entry(offer.framework_id.clone()).or_default() += &offer.resources;
    }
    for framework in master.books.frameworks().values() {
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
