//! What frameworks and agents say that they can deal with, and where an agent is.

use serde::{Deserialize, Serialize};

/// What a framework says that it can deal with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a set of flags, each with a name on the wire")]
pub struct FrameworkCapabilities {
    /// `REVOCABLE_RESOURCES`: may be offered what can be taken back.
    pub revocable_resources: bool,
    /// `TASK_KILLING_STATE`: knows `TASK_KILLING`.
    pub task_killing_state: bool,
    /// `GPU_RESOURCES`: may be offered agents with gpus.
    pub gpu_resources: bool,
    /// `SHARED_RESOURCES`: may be offered what several tasks use.
    pub shared_resources: bool,
    /// `PARTITION_AWARE`: knows the states that replace `TASK_LOST`.
    pub partition_aware: bool,
    /// `MULTI_ROLE`: has several roles.
    pub multi_role: bool,
    /// `RESERVATION_REFINEMENT`: knows reservations with several layers.
    pub reservation_refinement: bool,
    /// `REGION_AWARE`: may be offered agents of other regions.
    pub region_aware: bool,
}

/// What an agent says that it can deal with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a set of flags, each with a name on the wire")]
pub struct AgentCapabilities {
    /// `MULTI_ROLE`
    pub multi_role: bool,
    /// `HIERARCHICAL_ROLE`
    pub hierarchical_role: bool,
    /// `RESERVATION_REFINEMENT`
    pub reservation_refinement: bool,
    /// `RESOURCE_PROVIDER`
    pub resource_provider: bool,
    /// `RESIZE_VOLUME`
    pub resize_volume: bool,
    /// `AGENT_OPERATION_FEEDBACK`
    pub agent_operation_feedback: bool,
    /// `AGENT_DRAINING`
    pub agent_draining: bool,
    /// `TASK_RESOURCE_LIMITS`
    pub task_resource_limits: bool,
}

impl AgentCapabilities {
    /// Everything that there is.
    pub const ALL: Self = Self {
        multi_role: true,
        hierarchical_role: true,
        reservation_refinement: true,
        resource_provider: true,
        resize_volume: true,
        agent_operation_feedback: true,
        agent_draining: true,
        task_resource_limits: true,
    };
}

/// Where a master or an agent is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FaultDomain {
    /// Regions are far apart.
    pub region: String,
    /// Zones within a region are near.
    pub zone: String,
}
