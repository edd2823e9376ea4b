//! What the core is told: how it starts, and all that happens. Must not live here: what follows from it.

use serde::{Deserialize, Serialize};
use tepui_core_checks::{Outcome, ProbeId};
use tepui_core_kit::Seed;
use tepui_model::{ConnectionId, ContainerId, Token};
use tepui_wire_mesos::{Message, v1::executor};

use crate::{Claims, Config, ContainerCall, Recovered, Upid, effect::Exit, failure::LaunchFailure};

/// What an agent starts from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// Its settings.
    pub config: Config,
    /// Its chance; new at every start, as ids are drawn from it.
    pub seed: Seed,
    /// What the last one left behind.
    pub recovered: Recovered,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A master leads now, or none does.
    MasterDetected(Option<Upid>),
    /// A message of the agent protocol.
    Message {
        /// Who sent it.
        from: Upid,
        /// What it says.
        message: Message,
    },
    /// The linked connection to a peer broke, or could not be made.
    Exited(Upid),
    /// An executor's call. Exactly one [`Effect::Reply`] or [`Effect::OpenStream`] follows for it.
    ///
    /// [`Effect::Reply`]: crate::Effect::Reply
    /// [`Effect::OpenStream`]: crate::Effect::OpenStream
    Called {
        /// Its connection.
        from: ConnectionId,
        /// Whose token it has shown, where one has to be shown: it must be of the executor that got it.
        caller: Option<Claims>,
        /// The call.
        call: Box<executor::Call>,
    },
    /// A call about containers. Exactly one [`Effect::Reply`], [`Effect::Answer`], [`Effect::RefuseLaunch`],
    /// [`Effect::AttachOutput`] or [`Effect::AttachInput`] follows for it, of WAIT when the container has ended.
    ///
    /// [`Effect::Reply`]: crate::Effect::Reply
    /// [`Effect::Answer`]: crate::Effect::Answer
    /// [`Effect::RefuseLaunch`]: crate::Effect::RefuseLaunch
    /// [`Effect::AttachOutput`]: crate::Effect::AttachOutput
    /// [`Effect::AttachInput`]: crate::Effect::AttachInput
    ContainerCalled {
        /// Its connection.
        from: ConnectionId,
        /// The call.
        call: ContainerCall,
    },
    /// A stream ended, or was cut because its reader did not read.
    StreamClosed(ConnectionId),
    /// What became of an [`Effect::Launch`](crate::Effect::Launch).
    Launched {
        /// The container.
        container: ContainerId,
        /// The process id of its first process, or why there is none.
        outcome: Result<u32, LaunchFailure>,
    },
    /// A container ended, all of it.
    ContainerExited {
        /// The container.
        container: ContainerId,
        /// How.
        exit: Exit,
    },
    /// What came of an [`Effect::Probe`](crate::Effect::Probe); of one that was cancelled nothing needs to be said.
    Probed {
        /// The task's container.
        container: ContainerId,
        /// Number of the probe.
        id: ProbeId,
        /// What it has shown.
        outcome: Outcome,
    },
    /// An [`Effect::Persist`](crate::Effect::Persist) is durable.
    Persisted(Token),
    /// How full the disk of the work dir is, from 0 to 1. To be told about once a minute.
    DiskUsage(f64),
}
