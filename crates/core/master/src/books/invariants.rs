//! What must hold in the books after every event. Costly: for the simulator and the tests.

use super::Books;
use crate::FrameworkState;

impl Books {
    /// Each index names what exists, and everything is named.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_offers()?;
        self.check_indexes()?;
        self.check_agents()?;
        self.check_frameworks()
    }

    fn check_offers(&self) -> Result<(), String> {
        for (id, offer) in &self.offers {
            let framework = self.frameworks.get(&offer.framework_id);
            let framework = framework.ok_or_else(|| format!("offer {id} is of an unknown framework"))?;
            if !framework.is_connected() {
                return Err(format!("offer {id} is of framework {}, which is not connected", framework.id));
            }
            if !framework.offers.contains(id) {
                return Err(format!("framework {} does not know its offer {id}", framework.id));
            }
            if !self.agents.get(&offer.agent_id).is_some_and(|agent| self.is_active(agent)) {
                return Err(format!("offer {id} is of agent {}, which is not active", offer.agent_id));
            }
            if !self.agent_offers.get(&offer.agent_id).is_some_and(|offers| offers.contains(id)) {
                return Err(format!("agent {} does not know its offer {id}", offer.agent_id));
            }
        }
        let listed = self.agent_offers.values().flatten();
        let listed = listed.chain(self.frameworks.values().flat_map(|framework| &framework.offers));
        match listed.into_iter().find(|offer| !self.offers.contains_key(*offer)) {
            Some(offer) => Err(format!("offer {offer} is listed, but does not exist")),
            None => Ok(()),
        }
    }

    fn check_indexes(&self) -> Result<(), String> {
        for (agent, tasks) in &self.agent_tasks {
            for (framework, task) in tasks {
                let known = self.task(framework, task.as_str());
                if known.is_none_or(|task| task.agent_id != *agent) {
                    return Err(format!(
                        "agent {agent} has task '{task}', which framework {framework} does not have there"
                    ));
                }
            }
        }
        for (agent, executors) in &self.agent_executors {
            for (framework, executor) in executors {
                let key = (agent.clone(), executor.clone());
                if !self.frameworks.get(framework).is_some_and(|it| it.executors.contains_key(&key)) {
                    return Err(format!(
                        "agent {agent} has executor '{executor}', which framework {framework} does not have there"
                    ));
                }
            }
        }
        for (pid, id) in &self.agent_at {
            if self.agents.get(id).is_none_or(|agent| agent.pid != *pid) {
                return Err(format!("no agent {id} is at {pid}"));
            }
        }
        Ok(())
    }

    fn check_agents(&self) -> Result<(), String> {
        for (id, deactivation) in &self.deactivated {
            if deactivation.drain.is_some_and(|drain| !drain.drained) && self.gone.contains_key(id) {
                return Err(format!("agent {id} is draining and gone at once"));
            }
        }
        for id in self.unreachable.keys().chain(self.gone.keys()) {
            if self.agents.contains_key(id) {
                return Err(format!("agent {id} is registered and unreachable or gone at once"));
            }
        }
        Ok(())
    }

    fn check_frameworks(&self) -> Result<(), String> {
        for framework in self.frameworks.values() {
            if framework.state == FrameworkState::Completed {
                return Err(format!("framework {} has ended but is still there", framework.id));
            }
            if framework.is_connected() != framework.connection.is_some() {
                return Err(format!("framework {}: its state and its stream do not agree", framework.id));
            }
            for (id, task) in &framework.tasks {
                let key = (framework.id.clone(), id.clone());
                if !self.agent_tasks.get(&task.agent_id).is_some_and(|tasks| tasks.contains(&key)) {
                    return Err(format!("agent {} does not know its task '{id}'", task.agent_id));
                }
                if !self.agents.contains_key(&task.agent_id) {
                    return Err(format!(
                        "task '{id}' is on agent {}, which is not registered",
                        task.agent_id
                    ));
                }
                if framework.unreachable_tasks.contains_key(id) {
                    return Err(format!("task '{id}' is live and unreachable at once"));
                }
            }
            for (agent, executor) in framework.executors.keys() {
                let key = (framework.id.clone(), executor.clone());
                if !self.agent_executors.get(agent).is_some_and(|executors| executors.contains(&key)) {
                    return Err(format!("agent {agent} does not know its executor '{executor}'"));
                }
            }
        }
        Ok(())
    }
}
