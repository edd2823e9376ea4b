//! Why something does not fit.

use std::fmt;

use tepui_model::{Attribute, AttributeValue, Ranges, ResourceName, Scalar};

/// One thing that an agent does not have, of those that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Too little of a countable thing.
    Amount {
        /// Of what.
        name: ResourceName,
        /// What is left.
        have: Scalar,
        /// What is wanted.
        want: Scalar,
    },
    /// These ports are not offered, of those that have to be.
    Ports(Ranges),
    /// Too few ports, beside those that have to be.
    AnyPorts {
        /// How many are left.
        have: u64,
        /// How many are wanted.
        want: u64,
    },
    /// An attribute is not there, or has other values.
    Attribute {
        /// What is wanted.
        want: Attribute,
        /// The values that it has.
        have: Vec<AttributeValue>,
    },
}

impl Lack {
    /// Whether both are about the same thing that is wanted.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Amount { name, .. }, Self::Amount { name: other, .. }) => name == other,
            (Self::AnyPorts { .. }, Self::AnyPorts { .. }) => true,
            (Self::Ports(ports), Self::Ports(other)) => ports == other,
            (Self::Attribute { want, .. }, Self::Attribute { want: other, .. }) => want == other,
            _ => false,
        }
    }

    /// Whether less is lacking than in another that is like it.
    pub(crate) fn is_less_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Amount { have, .. }, Self::Amount { have: other, .. }) => have > other,
            (Self::AnyPorts { have, .. }, Self::AnyPorts { have: other, .. }) => have > other,
            _ => false,
        }
    }
}

impl fmt::Display for Lack {
    /// `too little memory (have 1024, want 2048)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount { name, have, want } => {
                let what = match name.as_str() {
                    "cpus" => "few CPUs",
                    "mem" => "little memory",
                    "gpus" => "few GPUs",
                    name => return write!(f, "too little {name} (have {have}, want {want})"),
                };
                write!(f, "too {what} (have {have}, want {want})")
            }
            Self::Ports(ports) => {
                f.write_str(if ports.count() == 1 { "port " } else { "ports " })?;
                for (index, range) in ports.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", range.begin)?;
                    if range.end > range.begin {
                        write!(f, "-{}", range.end)?;
                    }
                }
                f.write_str(" taken")
            }
            Self::AnyPorts { have, want } => write!(f, "too few ports (have {have}, want {want})"),
            Self::Attribute { want, have } if have.is_empty() => write!(f, "no attribute {want}"),
            Self::Attribute { want, have } => {
                write!(f, "no attribute {want} (but ")?;
                for (index, value) in have.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{value}")?;
                }
                f.write_str(")")
            }
        }
    }
}
