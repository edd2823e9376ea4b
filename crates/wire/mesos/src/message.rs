//! One enum of every message that travels over libprocess framing, by name.
//!
//! Must not live here: how a message is framed (that is `wire/libprocess`) and what it leads to.

use bytes::Bytes;
use prost::Message as _;
use tepui_wire_protobuf as protobuf;

use crate::internal;

macro_rules! messages {
    ($($(#[$doc:meta])* $variant:ident($type:ident),)*) => {
        /// A message of the agent protocol, of v0 executors or of v0 schedulers (package `mesos.internal`). Two words:
        /// it is handed on several times, and some of the messages take kilobytes.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message {
            $($(#[$doc])* $variant(Box<internal::$type>),)*
        }

        impl Message {
            /// The full protobuf name, as it stands in the path of the request.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => concat!("mesos.internal.", stringify!($type)),)*
                }
            }

            /// The binary protobuf body.
            pub fn encode(&self) -> Bytes {
                match self {
                    $(Self::$variant(message) => message.encode_to_vec().into(),)*
                }
            }

            /// The binary protobuf body with what is secret in it blanked.
            pub(crate) fn recorded(&self) -> Vec<u8> {
                match self {
                    $(Self::$variant(message) => crate::recorded::bytes(&**message),)*
                }
            }

            /// Reads the body of the message called `name`.
            ///
            /// # Errors
            /// [`InvalidMessage`] when the name is not one of ours, the body does not parse, or a required field is
            /// missing. Such a message is dropped; nobody is told but the log.
            pub fn decode(name: &str, body: Bytes) -> Result<Self, InvalidMessage> {
                match name {
                    $(concat!("mesos.internal.", stringify!($type)) => protobuf::from_bytes::<internal::$type>(body)
                        .map(|message| Self::$variant(Box::new(message)))
                        .map_err(|error| InvalidMessage::Malformed { name: name.to_owned(), reason: error.reason }),)*
                    _ => Err(InvalidMessage::Unknown { name: name.to_owned() }),
                }
            }
        }

        $(impl From<internal::$type> for Message {
            fn from(message: internal::$type) -> Self {
                Self::$variant(Box::new(message))
            }
        })*
    };
}

messages! {
    /// Agent to master: a new agent.
    RegisterSlave(RegisterSlaveMessage),
    /// Agent to master: an agent that has an id already.
    ReregisterSlave(ReregisterSlaveMessage),
    /// Agent to master: it goes for good.
    UnregisterSlave(UnregisterSlaveMessage),
    /// Agent to master: resources and operations changed.
    UpdateSlave(UpdateSlaveMessage),
    /// Master to agent: registered.
    SlaveRegistered(SlaveRegisteredMessage),
    /// Master to agent: registered again.
    SlaveReregistered(SlaveReregisteredMessage),
    /// Master to agent: are you there?
    PingSlave(PingSlaveMessage),
    /// Agent to master: I am.
    PongSlave(PongSlaveMessage),
    /// Master to agent, agent to v0 executor.
    RunTask(RunTaskMessage),
    /// Master to agent.
    RunTaskGroup(RunTaskGroupMessage),
    /// Master to agent, agent to v0 executor.
    KillTask(KillTaskMessage),
    /// v0 executor to agent, agent to master, master to v0 scheduler.
    StatusUpdate(StatusUpdateMessage),
    /// Back along the same way.
    StatusUpdateAcknowledgement(StatusUpdateAcknowledgementMessage),
    /// Towards the scheduler.
    ExecutorToFramework(ExecutorToFrameworkMessage),
    /// Towards the executor.
    FrameworkToExecutor(FrameworkToExecutorMessage),
    /// Agent to master: an executor ended.
    ExitedExecutor(ExitedExecutorMessage),
    /// Master to agent, agent to v0 executor.
    ShutdownExecutor(ShutdownExecutorMessage),
    /// Master to agent: end everything of a framework.
    ShutdownFramework(ShutdownFrameworkMessage),
    /// Master to agent: kill everything and exit.
    Shutdown(ShutdownMessage),
    /// Master to agent: a framework's info or address changed.
    UpdateFramework(UpdateFrameworkMessage),
    /// Master to agent: resources to checkpoint.
    CheckpointResources(CheckpointResourcesMessage),
    /// Master to agent: drain.
    DrainSlave(DrainSlaveMessage),
    /// Master to agent: an operation on resources.
    ApplyOperation(ApplyOperationMessage),
    /// Master to agent: which operations do you know?
    ReconcileOperations(ReconcileOperationsMessage),
    /// Agent to master: what became of an operation.
    UpdateOperationStatus(UpdateOperationStatusMessage),
    /// Master to agent.
    AcknowledgeOperationStatus(AcknowledgeOperationStatusMessage),
    /// v0 executor to agent.
    RegisterExecutor(RegisterExecutorMessage),
    /// v0 executor to agent.
    ReregisterExecutor(ReregisterExecutorMessage),
    /// Agent to v0 executor.
    ExecutorRegistered(ExecutorRegisteredMessage),
    /// Agent to v0 executor.
    ExecutorReregistered(ExecutorReregisteredMessage),
    /// Agent to v0 executor, after the agent's restart.
    ReconnectExecutor(ReconnectExecutorMessage),
}

/// Why a libprocess message was dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// Not a message that this side knows.
    #[error("unknown message {name}")]
    Unknown {
        /// The name in the path.
        name: String,
    },
    /// The body is not such a message.
    #[error("malformed {name}: {reason}")]
    Malformed {
        /// The name in the path.
        name: String,
        /// What is wrong with the body.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tepui_wire_protobuf::Described as _;

    use super::*;
    use crate::v1;

    /// Bodies as they were seen on real connections.
    const SEEN: &str = include_str!("../testdata/libprocess.tsv");

    #[test]
    fn messages_seen_come_out_as_they_went_in() {
        let mut count = 0;
        for (name, hex) in SEEN.lines().filter_map(|line| line.split_once('\t')) {
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            let body: Bytes = hex.as_bytes().chunks(2).map(byte).collect::<Vec<_>>().into();
            let message = Message::decode(name, body.clone()).unwrap();
            assert_eq!(message.name(), name);
            assert_eq!(message.encode().len(), body.len(), "{name} holds a field that is not in its table");
            assert_eq!(Message::decode(name, message.encode()), Ok(message));
            count += 1;
        }
        assert!(count >= 15);
    }

    #[test]
    fn names_are_those_of_the_tables() {
        assert_eq!(
            Message::from(internal::PongSlaveMessage {}).name(),
            internal::PongSlaveMessage::DESCRIPTOR.name
        );
        assert_eq!(internal::RunTaskMessage::DESCRIPTOR.name, "mesos.internal.RunTaskMessage");
    }

    #[test]
    fn what_is_dropped_has_a_reason() {
        let decode = |name: &str, body: &'static [u8]| {
            Message::decode(name, Bytes::from_static(body)).map(|_| ()).unwrap_err().to_string()
        };
        assert_eq!(decode("mesos.internal.NoMessage", b""), "unknown message mesos.internal.NoMessage");
        assert_eq!(
            decode("mesos.internal.PingSlaveMessage", b""),
            "malformed mesos.internal.PingSlaveMessage: Missing required fields: connected"
        );
        assert_eq!(
            decode("mesos.internal.KillTaskMessage", b"\x0a\x00"),
            "malformed mesos.internal.KillTaskMessage: Missing required fields: task_id, framework_id.value"
        );
        assert!(decode("mesos.internal.PingSlaveMessage", b"\x08").contains("in the middle of a field"));
        let kill = internal::KillTaskMessage {
            framework_id: v1::FrameworkId { value: "f".to_owned() },
            task_id: v1::TaskId { value: "t".to_owned() },
            kill_policy: None,
        };
        let message = Message::from(kill);
        assert_eq!(Message::decode(message.name(), message.encode()), Ok(message));
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_do_no_harm(
            name in prop::sample::select(vec!["RunTask", "StatusUpdate", "ReregisterSlave", "UpdateSlave"]),
            body in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = Message::decode(&format!("mesos.internal.{name}Message"), body.into());
        }
    }
}
