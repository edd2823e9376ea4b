//! A task and its container, as the executor keeps them. Must not live here: what events do to them.

use serde::{Deserialize, Serialize};
use tepui_core_checks::{Checks, ProbeId};
use tepui_model::Tick;
use tepui_wire_mesos::v1::{ContainerId, TaskInfo};

use crate::CallId;

/// A task that has not ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) id: ContainerId,
    pub(crate) task: TaskInfo,
    pub(crate) group: u64,
    pub(crate) launch: Step,
    pub(crate) wait: Step,
    pub(crate) kill: Option<Kill>,
    /// It was killed because of its health check.
    pub(crate) unhealthy: bool,
    /// It was killed because its time was over.
    pub(crate) timed_out: bool,
    /// Its checks, while it runs and is not to end.
    pub(crate) checks: Option<Checks>,
    /// When it has to be over.
    pub(crate) deadline: Option<Tick>,
}

impl Container {
    pub(crate) fn new(id: ContainerId, task: TaskInfo, group: u64) -> Self {
        Self {
            id,
            task,
            group,
            launch: Step::Idle,
            wait: Step::Idle,
            kill: None,
            unhealthy: false,
            timed_out: false,
            checks: None,
            deadline: None,
        }
    }

    /// Something that a call to the agent does.
    pub(crate) fn step(&mut self, what: What) -> Option<&mut Step> {
        match what {
            What::Launch => Some(&mut self.launch),
            What::Wait => Some(&mut self.wait),
            What::Kill => self.kill.as_mut().map(|kill| &mut kill.step),
        }
    }

    /// When something is to be done for it; calls only if the agent can be called.
    pub(crate) fn poll_timeout(&self, connected: bool) -> Option<Tick> {
        let kill = self.kill.as_ref();
        let steps = [Some(&self.launch), Some(&self.wait), kill.map(|kill| &kill.step)];
        let steps = steps.into_iter().flatten().filter_map(|step| step.due().filter(|_| connected));
        let others = [
            self.deadline,
            kill.and_then(|kill| kill.escalation),
            self.checks.as_ref().and_then(Checks::poll_timeout),
        ];
        steps.chain(others.into_iter().flatten()).min()
    }
}

/// What is done for a container by calling the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    Launch,
    Wait,
    Kill,
}

impl What {
    pub(crate) const ALL: [Self; 3] = [Self::Launch, Self::Wait, Self::Kill];
}

/// How far something is that a call to the agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Not asked for.
    Idle,
    /// To be asked for then, or as soon as the agent is there.
    Due(Tick),
    /// Asked for.
    UnderWay(CallId),
    /// Done.
    Done,
}

impl Step {
    pub(crate) const fn due(&self) -> Option<Tick> {
        if let Self::Due(at) = self { Some(*at) } else { None }
    }
}

/// A kill under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kill {
    /// TERM, and KILL after the grace.
    pub(crate) signal: i32,
    pub(crate) step: Step,
    /// When TERM becomes KILL.
    pub(crate) escalation: Option<Tick>,
}

/// What a call is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    Step {
        task_id: String,
        what: What,
    },
    /// A check's command runs.
    Session {
        task_id: String,
        probe: ProbeId,
        container: ContainerId,
    },
    /// A check's command ended: how?
    SessionEnd {
        task_id: String,
        probe: ProbeId,
        container: ContainerId,
    },
    /// A check's command that is not wanted any more is ending.
    Leftover {
        container: ContainerId,
    },
    /// Whatever comes of it.
    Nothing,
}
