//! What happens to the executor.

use serde::{Deserialize, Serialize};
use tepui_core_checks::{Outcome, ProbeId};
use tepui_wire_mesos::v1::{ContainerId, FrameworkInfo, KillPolicy, TaskGroupInfo, agent};

use crate::CallId;

/// Something that the executor driver, the agent's API or a task says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The first subscription.
    Registered {
        /// The framework.
        framework: Box<FrameworkInfo>,
        /// The container that this executor is in.
        own: ContainerId,
    },
    /// A later subscription: what the agent was asked is asked again, and checks go on.
    Reregistered,
    /// The agent is lost, for now: nothing can be asked of it, and tasks cannot be checked.
    Disconnected,
    /// A task that is not part of a group, which no agent should send.
    Launch {
        /// Its id.
        task_id: String,
    },
    /// Tasks to run together.
    LaunchGroup(TaskGroupInfo),
    /// A task to end; the others of its group follow it.
    Kill {
        /// Its id.
        task_id: String,
        /// How, if somebody says.
        policy: Option<KillPolicy>,
    },
    /// An update has arrived for good, or never will.
    UpdateSettled,
    /// Everything is to end.
    Shutdown,
    /// What came of an [`Effect::Call`](crate::Effect::Call).
    Answered {
        /// Which.
        id: CallId,
        /// What.
        answer: Answer,
    },
    /// What came of an [`Effect::Probe`](crate::Effect::Probe).
    Probed {
        /// The task.
        task_id: String,
        /// Number of the probe.
        id: ProbeId,
        /// What it has shown.
        outcome: Outcome,
    },
}

/// What came of a call to the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// It was done; what was asked for, where the answer has it.
    Done(Option<Box<agent::Response>>),
    /// It will not be done, in the agent's words.
    Refused(String),
    /// Nobody answered, or the agent recovers or has troubles of its own, in words: it may be asked again.
    Missed(String),
}
