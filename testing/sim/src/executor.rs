//! An executor in its container: the driver's core and a little work.

use std::collections::{BTreeMap, BTreeSet};

use tepui_core_driver::executor::ExecutorDriver;
use tepui_model::ConnectionId;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::v1;

use crate::{host::Host, work::Work};

/// An executor process.
#[derive(Debug)]
pub struct ExecutorNode {
    /// Number of its agent.
    pub agent: usize,
    /// Where it listens, if it speaks libprocess.
    pub upid: Option<Upid>,
    /// The process, which is the driver's; it runs as long as the node is there.
    pub host: Host<ExecutorDriver>,
    /// What runs, with its work.
    pub running: BTreeMap<String, Work>,
    /// Every task that was ever handed to it.
    pub seen: BTreeSet<String>,
    /// Does not listen to SHUTDOWN.
    pub stubborn: bool,
    /// The connection of the current subscription.
    pub stream: Option<ConnectionId>,
}

impl ExecutorNode {
    /// A process that is about to begin.
    pub fn new(agent: usize, upid: Option<Upid>, stubborn: bool) -> Self {
        Self {
            agent,
            upid,
            host: Host::default(),
            running: BTreeMap::new(),
            seen: BTreeSet::new(),
            stubborn,
            stream: None,
        }
    }
}

/// A status as an executor sends it.
pub fn status(task: &str, state: v1::TaskState) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: v1::TaskId { value: task.to_owned() },
        state: state.into(),
        ..v1::TaskStatus::default()
    }
}
