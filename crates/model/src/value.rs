//! Values of resources and attributes: fixed-point numbers, ranges, sets and text.

use serde::{Deserialize, Serialize};

mod ranges;
mod scalar;
mod set;

pub use ranges::{Range, Ranges};
pub use scalar::Scalar;
pub use set::Set;

use std::fmt;

/// How much of a resource there is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// A number.
    Scalar(Scalar),
    /// Closed ranges of numbers, such as ports.
    Ranges(Ranges),
    /// Names.
    Set(Set),
}

impl Value {
    /// Whether there is nothing (or less than nothing).
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(scalar) => *scalar <= Scalar::ZERO,
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Set(set) => set.is_empty(),
        }
    }

    /// Whether both are of one kind.
    pub const fn same_kind(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Scalar(_), Self::Scalar(_))
                | (Self::Ranges(_), Self::Ranges(_))
                | (Self::Set(_), Self::Set(_))
        )
    }

    /// Whether `other` is of the same kind and no more than this.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a >= b,
            (Self::Ranges(a), Self::Ranges(b)) => a.contains(b),
            (Self::Set(a), Self::Set(b)) => a.contains(b),
            _ => false,
        }
    }

    /// Adds `other`; nothing happens if it is of another kind.
    pub fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => *a += *b,
            (Self::Ranges(a), Self::Ranges(b)) => a.add(b),
            (Self::Set(a), Self::Set(b)) => a.add(b),
            _ => {}
        }
    }

    /// Takes `other` away; a number may become negative, ranges and sets may not. Nothing happens if it is
    /// of another kind.
    pub fn subtract(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => *a -= *b,
            (Self::Ranges(a), Self::Ranges(b)) => a.subtract(b),
            (Self::Set(a), Self::Set(b)) => a.subtract(b),
            _ => {}
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Ranges(ranges) => ranges.fmt(f),
            Self::Set(set) => set.fmt(f),
        }
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

impl From<Ranges> for Value {
    fn from(ranges: Ranges) -> Self {
        Self::Ranges(ranges)
    }
}

impl From<Set> for Value {
    fn from(set: Set) -> Self {
        Self::Set(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> [Value; 3] {
        [Scalar::from_whole(3).into(), Ranges::single(1, 3).into(), Set::from_iter(["a", "b"]).into()]
    }

    fn smaller() -> [Value; 3] {
        [Scalar::from_whole(1).into(), Ranges::single(2, 2).into(), Set::from_iter(["b"]).into()]
    }

    #[test]
    fn values_of_one_kind() {
        let rests = ["2", "[1-1, 3-3]", "{a}"];
        let sums = ["4", "[1-3]", "{a, b}"];
        for (index, (large, small)) in values().into_iter().zip(smaller()).enumerate() {
            assert!(large.same_kind(&small) && large.contains(&small) && large.contains(&large));
            assert!(!small.contains(&large));
            let (mut sum, mut rest, mut nothing) = (small.clone(), large.clone(), large.clone());
            sum.add(&large);
            rest.subtract(&small);
            nothing.subtract(&large);
            assert_eq!((sum.to_string().as_str(), rest.to_string().as_str()), (sums[index], rests[index]));
            assert_eq!((large.is_empty(), nothing.is_empty()), (false, true));
        }
        assert!(Value::from(Scalar::from_whole(-1)).is_empty());
    }

    #[test]
    fn values_of_different_kinds() {
        for (index, value) in values().into_iter().enumerate() {
            for (other, small) in smaller().into_iter().enumerate().filter(|(other, _)| *other != index) {
                assert!(!value.same_kind(&small) && !value.contains(&small), "{index} {other}");
                let mut same = value.clone();
                same.add(&small);
                same.subtract(&small);
                assert_eq!(same, value);
            }
        }
    }
}
