//! Why a framework has no offer.

use serde::{Deserialize, Serialize};
use tepui_model::{Role, Tick, duration::format_duration};

/// Why one agent's resources are not granted to one framework in one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is no agent.
    NoAgents,
    /// The framework is not active.
    FrameworkInactive,
    /// The framework asked for no offers in this role.
    Suppressed,
    /// The agent is not active, or not on the whitelist.
    AgentInactive,
    /// The agent cannot deal with this framework or this role: it lacks `MULTI_ROLE` or `HIERARCHICAL_ROLE`.
    AgentCapability,
    /// The agent has gpus, and the framework is not `GPU_RESOURCES`.
    GpuAgent,
    /// The agent is in another region, and the framework is not `REGION_AWARE`.
    RemoteRegion,
    /// Everything is in use or on offer.
    NothingFree,
    /// What is free is reserved for other roles.
    ReservedForOthers,
    /// What is free needs a capability that the framework does not have.
    FrameworkCapability,
    /// The role has reached its limit.
    OverLimit,
    /// What is free is kept for roles that have less than their guarantee.
    HeldForGuarantees,
    /// Too little is free to be worth an offer.
    BelowMinimum,
    /// The framework refused it; it will not be offered again before then.
    Filtered {
        /// When the refusal ends.
        until: Tick,
    },
}

impl Refusal {
    /// The same in words.
    pub fn describe(self, now: Tick) -> String {
        match self {
            Self::NoAgents => "there is no agent".to_owned(),
            Self::FrameworkInactive => "the framework is not connected".to_owned(),
            Self::Suppressed => "the framework suppressed offers for this role".to_owned(),
            Self::AgentInactive => "deactivated, disconnected or not on the whitelist".to_owned(),
            Self::AgentCapability => "the agent is too old for this framework or role".to_owned(),
            Self::GpuAgent => "has gpus, which are kept for frameworks with GPU_RESOURCES".to_owned(),
            Self::RemoteRegion => "in another region, and the framework is not REGION_AWARE".to_owned(),
            Self::NothingFree => "everything is in use or on offer".to_owned(),
            Self::ReservedForOthers => "what is free is reserved for other roles".to_owned(),
            Self::FrameworkCapability => {
                "what is free needs a capability that the framework lacks".to_owned()
            }
            Self::OverLimit => "the role has reached its quota limit".to_owned(),
            Self::HeldForGuarantees => "what is free is kept for the guarantees of other roles".to_owned(),
            Self::BelowMinimum => "too little is free to be worth an offer".to_owned(),
            Self::Filtered { until } => {
                let left = std::time::Duration::from_secs(until.since(now).as_secs().saturating_add(1));
                format!("declined by the framework; offered again within {}", format_duration(left))
            }
        }
    }
}

/// Why a framework has no (more) offers in one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The role.
    pub role: Role,
    /// Each reason and for how many agents it holds (none, if it concerns the framework itself); of several
    /// refusals the one that ends first.
    pub reasons: Vec<(Refusal, usize)>,
    /// Agents of which the next allocation will grant something.
    pub pending: usize,
    /// When something was last granted.
    pub last_grant: Option<Tick>,
}

impl Explanation {
    /// Counts a reason.
    pub(crate) fn count(&mut self, refusal: Refusal) {
        let same = self.reasons.iter_mut().find(|(known, _)| match (known, refusal) {
            (Refusal::Filtered { .. }, Refusal::Filtered { .. }) => true,
            (known, refusal) => *known == refusal,
        });
        match same {
            Some((known, agents)) => {
                *known = (*known).min(refusal);
                *agents += 1;
            }
            None => self.reasons.push((refusal, 1)),
        }
    }
}
