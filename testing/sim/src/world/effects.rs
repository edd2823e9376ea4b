//! Disks and links, which every machine has.

use std::time::Duration;

use rand_chacha::rand_core::Rng as _;
use tepui_model::Tick;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use super::{Event, World};
use crate::{
    network::{Lane, Node},
    run::Sabotage,
    trace::trace,
};

impl World {
    /// With [`Sabotage::NoRetry`], what an agent sends a second time is dropped.
    pub(super) fn is_sabotaged(&mut self, number: usize, message: &Message) -> bool {
        if self.options.sabotage != Some(Sabotage::NoRetry) {
            return false;
        }
        let Message::StatusUpdate(update) = message else { return false };
        let Some(uuid) = &update.update.uuid else { return false };
        let again = !self.sent.entry(number).or_default().insert(uuid.to_vec());
        if again {
            let task = &update.update.status.task_id.value;
            trace!(self, Fault: "SABOTAGE agent-{number} does not repeat its update of {task}");
        }
        again
    }

    /// With [`Sabotage::SkipWrites`], disks only say that they have written.
    pub(super) fn skips_write(&mut self, node: &Node) -> bool {
        let skips = self.options.sabotage == Some(Sabotage::SkipWrites);
        if skips {
            trace!(self, Fault: "SABOTAGE {node} does not write what it says to have written");
        }
        skips
    }

    pub(super) fn write(&mut self, node: Node) {
        let due = self.arrival(&node, &node, Lane::Disk(node.clone()));
        let incarnation = self.nodes.incarnation(&node);
        self.at(due, Event::Written(node, incarnation));
    }

    pub(super) fn link(&mut self, holder: &Node, to: &Upid) {
        let peer = self.nodes.at(to).cloned();
        let reached = |peer: &Node| self.nodes.is_up(peer) && !self.network.is_cut(self.now, holder, peer);
        if let Some(peer) = peer.filter(reached) {
            self.network.link(holder, &peer);
        } else {
            // Nobody answers.
            let wait = Duration::from_millis(self.rng.next_u64() % 5_000);
            let incarnation = self.nodes.incarnation(holder);
            self.after(wait, Event::Exited { at: holder.clone(), incarnation, peer: to.clone() });
        }
    }
}

/// Simulated processes have ids too; nobody looks at them.
pub(crate) const PID: u32 = 4242;

/// When a container that is started now runs.
pub(crate) fn start_up(now: Tick, random: u64) -> Tick {
    now + Duration::from_micros(200 + random % 40_000)
}
