//! One resource: so much of something on one agent, and whom it is reserved for or held by.

use serde::{Deserialize, Serialize};

mod disk;
mod name;
mod text;

pub use disk::{DiskInfo, DiskSource, DiskSourceKind, Persistence, Volume, VolumeMode};
pub use name::ResourceName;
pub use text::InvalidResources;

pub(crate) use text::parse_value;

use std::sync::Arc;

use crate::{
    role::Role,
    value::{Ranges, Scalar, Set, Value},
};

/// A name with an optional value, as users attach them to things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// The name.
    pub key: String,
    /// The value.
    pub value: Option<String>,
}

/// Labels; equal if they are the same in any order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Labels(pub Vec<Label>);

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        if self.0 == other.0 {
            return true;
        }
        if self.0.len() != other.0.len() {
            return false;
        }
        let sorted = |labels: &Self| {
            let mut labels: Vec<_> = labels.0.clone();
            labels.sort_unstable();
            labels
        };
        sorted(self) == sorted(other)
    }
}

impl Eq for Labels {}

/// How a reservation came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReservationKind {
    /// By the agent's configuration.
    Static,
    /// By a framework or an operator, at run time.
    Dynamic,
}

impl ReservationKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::Dynamic => "DYNAMIC",
        }
    }
}

/// One layer of a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// How it came about.
    pub kind: ReservationKind,
    /// Whom it is for.
    pub role: Role,
    /// Who made it.
    pub principal: Option<String>,
    /// What its maker wrote on it; `None` and an empty list are different things on the wire.
    pub labels: Option<Labels>,
}

impl Reservation {
    /// A reservation by configuration.
    pub const fn fixed(role: Role) -> Self {
        Self { kind: ReservationKind::Static, role, principal: None, labels: None }
    }

    /// A reservation made at run time.
    pub const fn dynamic(role: Role, principal: Option<String>) -> Self {
        Self { kind: ReservationKind::Dynamic, role, principal, labels: None }
    }
}

/// So much of something on one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What it is.
    pub name: ResourceName,
    /// How much.
    pub value: Value,
    /// The resource provider it comes from; `None` for the agent itself.
    pub provider_id: Option<Arc<str>>,
    /// The role that it is allocated to; `None` while it is free.
    pub allocation_role: Option<Role>,
    /// Whom it is reserved for: each layer refines the one before it. Empty for what is unreserved.
    pub reservations: Vec<Reservation>,
    /// For disk: where it is, and what is kept on it.
    pub disk: Option<Box<DiskInfo>>,
    /// Whether it may be taken back at any time.
    pub revocable: bool,
    /// Whether several tasks may use it at once.
    pub shared: bool,
}

impl Resource {
    /// Unreserved, unallocated, ordinary.
    pub fn new(name: impl Into<ResourceName>, value: impl Into<Value>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            provider_id: None,
            allocation_role: None,
            reservations: Vec::new(),
            disk: None,
            revocable: false,
            shared: false,
        }
    }

    /// So much of a countable thing.
    pub fn scalar(name: impl Into<ResourceName>, value: Scalar) -> Self {
        Self::new(name, value)
    }

    /// Numbers, such as ports.
    pub fn ranges(name: impl Into<ResourceName>, ranges: Ranges) -> Self {
        Self::new(name, ranges)
    }

    /// Names.
    pub fn set(name: impl Into<ResourceName>, set: Set) -> Self {
        Self::new(name, set)
    }

    /// The same, allocated to a role.
    #[must_use]
    pub fn allocated_to(mut self, role: Role) -> Self {
        self.allocation_role = Some(role);
        self
    }

    /// The same, with one more layer of reservation.
    #[must_use]
    pub fn reserved_by(mut self, reservation: Reservation) -> Self {
        self.reservations.push(reservation);
        self
    }

    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// The role that it is reserved for, by the last layer.
    pub fn reservation_role(&self) -> Option<&Role> {
        self.reservations.last().map(|reservation| &reservation.role)
    }

    /// Whether it belongs to everybody.
    pub fn is_unreserved(&self) -> bool {
        self.reservations.is_empty()
    }

    /// Whether it is reserved, for whomever.
    pub fn is_reserved(&self) -> bool {
        !self.reservations.is_empty()
    }

    /// Whether the last layer of its reservation was made at run time.
    pub fn is_dynamically_reserved(&self) -> bool {
        self.reservations.last().is_some_and(|reservation| reservation.kind == ReservationKind::Dynamic)
    }

    /// Whether its reservation has several layers.
    pub fn has_refined_reservations(&self) -> bool {
        self.reservations.len() > 1
    }

    /// Whether it may be offered to `role`: unreserved, or reserved for that role or one above it.
    pub fn is_allocatable_to(&self, role: &Role) -> bool {
        self.reservation_role().is_none_or(|reserved| role.is_within(reserved))
    }

    /// Whether something is kept on it.
    pub fn is_persistent_volume(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.persistence.is_some())
    }

    /// The number, if it is one.
    pub const fn as_scalar(&self) -> Option<Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(*scalar),
            _ => None,
        }
    }

    /// The ranges, if they are what it is.
    pub const fn as_ranges(&self) -> Option<&Ranges> {
        match &self.value {
            Value::Ranges(ranges) => Some(ranges),
            _ => None,
        }
    }

    /// Whether both are the same thing but for how much, so that their values may be joined.
    fn same_thing(&self, other: &Self) -> bool {
        self.name == other.name
            && self.value.same_kind(&other.value)
            && self.shared == other.shared
            && self.revocable == other.revocable
            && self.allocation_role == other.allocation_role
            && self.reservations == other.reservations
            && self.provider_id == other.provider_id
            && self.disk == other.disk
    }

    /// Whether `other` can be added into this one. Volumes and whole disks stay apart: two volumes of the
    /// same size do not make one of double size.
    pub(crate) fn can_absorb(&self, other: &Self) -> bool {
        if self.shared || other.shared {
            // Another copy of the same shared thing.
            return self == other;
        }
        self.same_thing(other) && self.is_divisible()
    }

    /// Whether parts of it can be given out: not of volumes and whole disks.
    pub(crate) fn is_divisible(&self) -> bool {
        self.disk.as_ref().is_none_or(|disk| disk.is_divisible())
    }

    /// Whether `other` can be taken out of this one, amounts aside.
    pub(crate) fn can_release(&self, other: &Self) -> bool {
        if self.shared || other.shared {
            return self == other;
        }
        self.same_thing(other) && (self.is_divisible() || self.value == other.value)
    }
}
