//! States of tasks, and why and by whom a state was reported. Names and numbers are those of the wire.

use serde::{Deserialize, Serialize};

macro_rules! wire_enum {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident = $number:literal $wire_name:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $number,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number on the wire.
            pub const fn number(self) -> i32 {
                self as i32
            }

            /// The one with this number.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire_name,)*
                }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($wire_name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

wire_enum!(
    /// Where a task is in its life.
    TaskState {
        /// Sent to the agent, not yet heard of.
        Staging = 6 "TASK_STAGING",
        /// Taken by its executor.
        Starting = 0 "TASK_STARTING",
        /// At work.
        Running = 1 "TASK_RUNNING",
        /// Told to stop.
        Killing = 8 "TASK_KILLING",
        /// Ended well.
        Finished = 2 "TASK_FINISHED",
        /// Ended badly.
        Failed = 3 "TASK_FAILED",
        /// Ended because it was told to.
        Killed = 4 "TASK_KILLED",
        /// Could not be started as described.
        Error = 7 "TASK_ERROR",
        /// Not heard of any more, and treated as ended.
        Lost = 5 "TASK_LOST",
        /// Never started: something failed on the way.
        Dropped = 9 "TASK_DROPPED",
        /// On an agent that is out of reach; it may come back.
        Unreachable = 10 "TASK_UNREACHABLE",
        /// Ended unseen.
        Gone = 11 "TASK_GONE",
        /// On an agent that an operator declared gone.
        GoneByOperator = 12 "TASK_GONE_BY_OPERATOR",
        /// Nobody knows it.
        Unknown = 13 "TASK_UNKNOWN",
    }
);

impl TaskState {
    /// Whether nothing follows it.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Finished
                | Self::Failed
                | Self::Killed
                | Self::Error
                | Self::Lost
                | Self::Dropped
                | Self::Gone
                | Self::GoneByOperator
        )
    }

    /// Whether its agent is out of reach.
    pub const fn is_unreachable(self) -> bool {
        matches!(self, Self::Unreachable)
    }

    /// Whether only a framework that is `PARTITION_AWARE` may be told.
    pub const fn needs_partition_aware(self) -> bool {
        matches!(self, Self::Dropped | Self::Unreachable | Self::Gone | Self::GoneByOperator | Self::Unknown)
    }

    /// What a framework is told: to those that are not `PARTITION_AWARE`, the newer states are
    /// `TASK_LOST`.
    #[must_use]
    pub const fn as_seen_by(self, partition_aware: bool) -> Self {
        if self.needs_partition_aware() && !partition_aware { Self::Lost } else { self }
    }
}

wire_enum!(
    /// Who reported a state.
    Source {
        /// The master.
        Master = 0 "SOURCE_MASTER",
        /// The agent. (`SOURCE_SLAVE` in the older protocol.)
        Agent = 1 "SOURCE_AGENT",
        /// The executor.
        Executor = 2 "SOURCE_EXECUTOR",
    }
);

wire_enum!(
    /// Why a state was reported. (`SLAVE` stands for `AGENT` in the older protocol.)
    Reason {
        /// The command executor failed.
        CommandExecutorFailed = 0 "REASON_COMMAND_EXECUTOR_FAILED",
        /// The executor ended.
        ExecutorTerminated = 1 "REASON_EXECUTOR_TERMINATED",
        /// The executor has not registered.
        ExecutorUnregistered = 2 "REASON_EXECUTOR_UNREGISTERED",
        /// The framework was removed.
        FrameworkRemoved = 3 "REASON_FRAMEWORK_REMOVED",
        /// A sandbox could not be kept from being collected.
        GcError = 4 "REASON_GC_ERROR",
        /// The framework's id is not the one expected.
        InvalidFrameworkId = 5 "REASON_INVALID_FRAMEWORKID",
        /// The offers are not valid (any more).
        InvalidOffers = 6 "REASON_INVALID_OFFERS",
        /// The master is out of reach.
        MasterDisconnected = 7 "REASON_MASTER_DISCONNECTED",
        /// The container used too much memory.
        ContainerLimitationMemory = 8 "REASON_CONTAINER_LIMITATION_MEMORY",
        /// The answer to a question for the state.
        Reconciliation = 9 "REASON_RECONCILIATION",
        /// The agent is not connected.
        AgentDisconnected = 10 "REASON_AGENT_DISCONNECTED",
        /// The agent was removed.
        AgentRemoved = 11 "REASON_AGENT_REMOVED",
        /// The agent was restarted.
        AgentRestarted = 12 "REASON_AGENT_RESTARTED",
        /// The agent is not known.
        AgentUnknown = 13 "REASON_AGENT_UNKNOWN",
        /// The task's description is not valid.
        TaskInvalid = 14 "REASON_TASK_INVALID",
        /// The task is not allowed.
        TaskUnauthorized = 15 "REASON_TASK_UNAUTHORIZED",
        /// The task is not known.
        TaskUnknown = 16 "REASON_TASK_UNKNOWN",
        /// The container had to give way.
        ContainerPreempted = 17 "REASON_CONTAINER_PREEMPTED",
        /// The agent does not know the resources (any more).
        ResourcesUnknown = 18 "REASON_RESOURCES_UNKNOWN",
        /// The container exceeded a limit.
        ContainerLimitation = 19 "REASON_CONTAINER_LIMITATION",
        /// The container used too much disk.
        ContainerLimitationDisk = 20 "REASON_CONTAINER_LIMITATION_DISK",
        /// The container could not be started.
        ContainerLaunchFailed = 21 "REASON_CONTAINER_LAUNCH_FAILED",
        /// The container's resources could not be changed.
        ContainerUpdateFailed = 22 "REASON_CONTAINER_UPDATE_FAILED",
        /// The executor did not register in time.
        ExecutorRegistrationTimeout = 23 "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        /// The executor did not come back in time.
        ExecutorReregistrationTimeout = 24 "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
        /// The task group's description is not valid.
        TaskGroupInvalid = 25 "REASON_TASK_GROUP_INVALID",
        /// The task group is not allowed.
        TaskGroupUnauthorized = 26 "REASON_TASK_GROUP_UNAUTHORIZED",
        /// The container's I/O switchboard ended.
        IoSwitchboardExited = 27 "REASON_IO_SWITCHBOARD_EXITED",
        /// A check gave another result.
        TaskCheckStatusUpdated = 28 "REASON_TASK_CHECK_STATUS_UPDATED",
        /// A health check gave another result.
        TaskHealthCheckStatusUpdated = 29 "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED",
        /// Killed before it was started.
        TaskKilledDuringLaunch = 30 "REASON_TASK_KILLED_DURING_LAUNCH",
        /// An operator removed the agent.
        AgentRemovedByOperator = 31 "REASON_AGENT_REMOVED_BY_OPERATOR",
        /// The agent came back.
        AgentReregistered = 32 "REASON_AGENT_REREGISTERED",
        /// The task's time was up.
        MaxCompletionTimeReached = 33 "REASON_MAX_COMPLETION_TIME_REACHED",
        /// The agent is being drained.
        AgentDraining = 34 "REASON_AGENT_DRAINING",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::from_number(state.number()), Some(*state));
            assert_eq!(TaskState::from_name(state.name()), Some(*state));
            assert_eq!(state.to_string(), state.name());
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(*reason));
            assert_eq!(Reason::from_name(reason.name()), Some(*reason));
        }
        for source in Source::ALL {
            assert_eq!(Source::from_number(source.number()), Some(*source));
            assert_eq!(Source::from_name(source.name()), Some(*source));
        }
        assert_eq!((TaskState::ALL.len(), Reason::ALL.len(), Source::ALL.len()), (14, 35, 3));
        assert_eq!((TaskState::from_number(14), TaskState::from_name("TASK_DONE")), (None, None));
    }

    /// Which states end a task, and which only a framework that is `PARTITION_AWARE` is told.
    #[test]
    fn kinds_of_states() {
        use TaskState::{
            Dropped, Error, Failed, Finished, Gone, GoneByOperator, Killed, Killing, Lost, Running, Staging,
            Starting, Unknown, Unreachable,
        };
        for (states, terminal, newer) in [
            (&[Staging, Starting, Running, Killing][..], false, false),
            (&[Finished, Failed, Killed, Error, Lost], true, false),
            (&[Dropped, Gone, GoneByOperator], true, true),
            (&[Unreachable, Unknown], false, true),
        ] {
            for state in states {
                assert_eq!(state.is_terminal(), terminal, "{state}");
                assert_eq!(state.needs_partition_aware(), newer, "{state}");
                assert_eq!(state.is_unreachable(), *state == Unreachable, "{state}");
                assert_eq!(state.as_seen_by(true), *state);
                assert_eq!(state.as_seen_by(false), if newer { Lost } else { *state });
            }
        }
    }
}
