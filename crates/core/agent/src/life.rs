//! The life of an executor, and where one of the older kind listens. Must not live here: what brings it from one state to
//! the next.

use serde::{Deserialize, Serialize};

use crate::{Upid, snapshot::ExecutorState};

/// Where an executor is in its life. Its container is a launch of its own, whose id is that of the container; so are the
/// word of its start and of its end.
///
/// ```text
///                    written              launched
///  Registering(Held) ───────► (Asked) ──────────────► (There)
///          │                     │ ╲ subscribes           │ subscribes
///          │                     │  ╲        launched     ▼
///          │                     │   Running(Asked) ──► Running(There)
///          │ end                 │ end       │ end        │ end
///          ▼                     ▼           ▼   launched ▼
///  Terminating(Held)     Terminating(Asked) ─────► Terminating(There)
///          │ written             │ not launched           │ container gone
///          ▼                     ▼                        ▼
///     Terminated            Terminated               Terminated
/// ```
///
/// A container may also end without a word before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Life {
    /// Has not subscribed, or not again since the agent was started.
    Registering {
        /// How far its container is.
        container: Start,
        /// It was given something to do.
        used: bool,
    },
    /// Subscribed once; of a command task: its process runs.
    Running {
        /// How far its container is: the word that it is there may come later.
        container: Start,
        /// It was given something to do.
        used: bool,
    },
    /// Being ended.
    Terminating {
        /// How far its container is.
        container: Start,
    },
    /// Its container is gone.
    Terminated,
}

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Start {
    /// Waits until the executor and its first task are written down.
    Held,
    /// The shell was asked to start it and has not said what came of it.
    Asked,
    /// It was started.
    There,
}

impl Life {
    /// That of an executor that is new, or was found by the agent when it started.
    pub(crate) const fn new(container: Start) -> Self {
        Self::Registering { container, used: false }
    }

    /// As readers see it.
    pub(crate) const fn state(self) -> ExecutorState {
        match self {
            Self::Registering { .. } => ExecutorState::Registering,
            Self::Running { .. } => ExecutorState::Running,
            Self::Terminating { .. } => ExecutorState::Terminating,
            Self::Terminated => ExecutorState::Terminated,
        }
    }

    /// How far its container is; none: it is gone.
    pub(crate) const fn container(self) -> Option<Start> {
        match self {
            Self::Registering { container, .. }
            | Self::Running { container, .. }
            | Self::Terminating { container } => Some(container),
            Self::Terminated => None,
        }
    }

    /// Whether nothing may be known of it yet but by the agent itself.
    pub(crate) fn is_held(self) -> bool {
        self.container() == Some(Start::Held)
    }

    /// Whether it was given something to do.
    pub(crate) const fn is_used(self) -> bool {
        matches!(self, Self::Registering { used: true, .. } | Self::Running { used: true, .. })
    }

    /// It is given something to do.
    pub(crate) const fn use_it(&mut self) {
        if let Self::Registering { used, .. } | Self::Running { used, .. } = self {
            *used = true;
        }
    }

    /// Its container got further.
    pub(crate) const fn reach(&mut self, further: Start) {
        match self {
            Self::Registering { container, .. }
            | Self::Running { container, .. }
            | Self::Terminating { container } => *container = further,
            Self::Terminated => {}
        }
    }

    /// It is there.
    pub(crate) const fn run(&mut self) {
        if let Self::Registering { container, used } = *self {
            *self = Self::Running { container, used };
        }
    }

    /// It is to end.
    pub(crate) const fn end(&mut self) {
        if let Self::Registering { container, .. } | Self::Running { container, .. } = *self {
            *self = Self::Terminating { container };
        }
    }
}

/// Where an executor of the older kind listens, whether or not the link to it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Address {
    /// It is being written down, and until then the executor is told nothing.
    Unwritten(Upid),
    /// The next agent would know it, too.
    Written(Upid),
}

impl Address {
    /// The process.
    pub(crate) const fn process(&self) -> &Upid {
        match self {
            Self::Unwritten(process) | Self::Written(process) => process,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_goes_one_way() {
        let mut life = Life::new(Start::Held);
        assert!(life.is_held() && !life.is_used());
        life.reach(Start::Asked);
        life.run();
        life.use_it();
        assert_eq!(life, Life::Running { container: Start::Asked, used: true }, "before its start was told");
        life.reach(Start::There);
        life.end();
        life.run();
        assert_eq!(life, Life::Terminating { container: Start::There }, "who is to end does not run again");
        let mut over = Life::Terminated;
        over.reach(Start::There);
        over.run();
        over.end();
        assert_eq!((over, over.container()), (Life::Terminated, None));
    }
}
