//! What the registry is being told: whose registration, removal or end is being written. Must not live here: the records
//! (`registry`), and what goes on after a write (`handlers`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, FrameworkId};
use tepui_wire_libprocess::Upid;

/// What is being written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Registrar {
    ending: BTreeSet<FrameworkId>,
    registering: BTreeSet<Upid>,
    removing: BTreeSet<AgentId>,
}

impl Registrar {
    /// The end of a framework is being written; nothing may be written about it after that.
    pub(crate) fn begin_end(&mut self, id: FrameworkId) {
        self.ending.insert(id);
    }

    pub(crate) fn is_ending(&self, id: &str) -> bool {
        self.ending.contains(id)
    }

    /// The end of a framework is written.
    pub(crate) fn ended(&mut self, id: &FrameworkId) {
        self.ending.remove(id);
    }

    /// The agent at an address is being written; what it sends again meanwhile is no news.
    pub(crate) fn begin_registration(&mut self, pid: Upid) {
        self.registering.insert(pid);
    }

    pub(crate) fn is_registering(&self, pid: &Upid) -> bool {
        self.registering.contains(pid)
    }

    /// The agent at an address is written.
    pub(crate) fn registered(&mut self, pid: &Upid) {
        self.registering.remove(pid);
    }

    /// That an agent is removed or unreachable is being written; whether nothing of that kind was being written before.
    pub(crate) fn begin_removal(&mut self, id: AgentId) -> bool {
        self.removing.insert(id)
    }

    pub(crate) fn is_removing(&self, id: &AgentId) -> bool {
        self.removing.contains(id)
    }

    /// That an agent is removed or unreachable is written.
    pub(crate) fn removed(&mut self, id: &AgentId) {
        self.removing.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_written_is_so_until_it_is_written() {
        let mut registrar = Registrar::default();
        let (agent, framework) = (AgentId::new("m-S0"), FrameworkId::new("m-0000"));
        let pid: Upid = "slave(1)@127.0.0.1:5051".parse().unwrap();
        assert!(registrar.begin_removal(agent.clone()) && !registrar.begin_removal(agent.clone()));
        registrar.begin_end(framework.clone());
        registrar.begin_registration(pid.clone());
        assert!(
            registrar.is_removing(&agent) && registrar.is_ending("m-0000") && registrar.is_registering(&pid)
        );
        registrar.removed(&agent);
        registrar.ended(&framework);
        registrar.registered(&pid);
        assert!(
            !(registrar.is_removing(&agent)
                || registrar.is_ending("m-0000")
                || registrar.is_registering(&pid))
        );
        assert!(registrar.begin_removal(agent), "a removal is over once it is written");
    }
}
