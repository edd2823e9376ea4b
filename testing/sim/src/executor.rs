//! An executor in its container: the driver's core and a little work.

use std::collections::{BTreeMap, BTreeSet};

use tepui_core_driver::executor::ExecutorDriver;
use tepui_model::{ConnectionId, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::v1;

use crate::work::Work;

/// An executor process.
#[derive(Debug)]
pub struct ExecutorNode {
    /// Number of its agent.
    pub agent: usize,
    /// Where it listens, if it speaks libprocess.
    pub upid: Option<Upid>,
    /// The driver.
    pub driver: ExecutorDriver,
    /// What runs, with its work.
    pub running: BTreeMap<String, Work>,
    /// Every task that was ever handed to it.
    pub seen: BTreeSet<String>,
    /// Does not listen to SHUTDOWN.
    pub stubborn: bool,
    /// The connection of the current subscription.
    pub stream: Option<ConnectionId>,
    /// The wake-up that is already in the queue.
    pub armed: Option<Tick>,
}

impl ExecutorNode {
    /// A process that has just begun.
    pub const fn new(agent: usize, upid: Option<Upid>, driver: ExecutorDriver, stubborn: bool) -> Self {
        Self {
            agent,
            upid,
            driver,
            running: BTreeMap::new(),
            seen: BTreeSet::new(),
            stubborn,
            stream: None,
            armed: None,
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
