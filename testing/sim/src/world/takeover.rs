//! A process that was there before the world. Must not live here: where it comes from (`past`).

use super::{Input, Request, World};
use crate::{master::MasterNode, network::Node, trace::trace};

impl World {
    /// A process that was there before the world goes on: whoever was connected to it has gone, and what its disk was told
    /// to write is written.
    pub(crate) fn take_over(&mut self, node: &Node) {
        trace!(self, Life: "{node} goes on from its recording");
        let Some(master) = self.nodes.get::<MasterNode>(node) else { return };
        let writes = master.writing.len();
        let (mut streams, mut links) = (Vec::new(), Vec::new());
        if let Some(core) = master.host.core() {
            streams.extend(core.streams());
            let agents = core.snapshot().agents;
            links.extend(agents.values().filter(|agent| agent.is_connected()).map(|agent| agent.pid.clone()));
        }
        for _ in 0..writes {
            self.write(node.clone());
        }
        for stream in streams {
            self.tell(node, Input::Request(stream, Request::Closed));
        }
        for peer in links {
            self.tell(node, Input::Exited(peer));
        }
        self.drain(node);
        self.arm(node);
    }
}
