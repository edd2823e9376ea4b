//! How much of each kind of resource, whoever's it is: the currency of quota and fair shares.

use serde::{Deserialize, Serialize};
use std::fmt;

use smallvec::SmallVec;

use crate::{resource::ResourceName, value::Scalar};

/// Amounts by name. A name that is absent has the amount zero; negative amounts do not occur.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceQuantities(SmallVec<[(ResourceName, Scalar); 4]>);

impl ResourceQuantities {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether every amount is zero.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and amounts, in order of name; only amounts above zero.
    pub fn iter(&self) -> impl Iterator<Item = (&ResourceName, Scalar)> {
        self.0.iter().map(|(name, amount)| (name, *amount))
    }

    /// The amount of one name.
    pub fn get(&self, name: &str) -> Scalar {
        self.position(name)
            .ok()
            .and_then(|index| self.0.get(index))
            .map_or(Scalar::ZERO, |(_, amount)| *amount)
    }

    /// Adds to one name; the result is not less than zero.
    pub fn add_one(&mut self, name: &ResourceName, amount: Scalar) {
        match self.position(name.as_str()) {
            Ok(index) => {
                let sum = self.0[index].1 + amount;
                if sum > Scalar::ZERO {
                    self.0[index].1 = sum;
                } else {
                    self.0.remove(index);
                }
            }
            Err(index) if amount > Scalar::ZERO => self.0.insert(index, (name.clone(), amount)),
            Err(_) => {}
        }
    }

    /// Adds every amount of `other`.
    pub fn add(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            self.add_one(name, amount);
        }
    }

    /// Takes away every amount of `other`, down to zero.
    pub fn subtract(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            self.add_one(name, -amount);
        }
    }

    /// Whether each amount of `other` is no more than here.
    pub fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(name, amount)| self.get(name.as_str()) >= amount)
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(name))
    }
}

impl<N: Into<ResourceName>> FromIterator<(N, Scalar)> for ResourceQuantities {
    fn from_iter<I: IntoIterator<Item = (N, Scalar)>>(amounts: I) -> Self {
        let mut quantities = Self::new();
        for (name, amount) in amounts {
            quantities.add_one(&name.into(), amount);
        }
        quantities
    }
}

impl fmt::Display for ResourceQuantities {
    /// `cpus:1; mem:32`; nothing is `{}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("{}");
        }
        for (index, (name, amount)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{name}:{amount}")?;
        }
        Ok(())
    }
}

/// Upper bounds by name. A name that is absent is not bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits(SmallVec<[(ResourceName, Scalar); 4]>);

impl ResourceLimits {
    /// No bounds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and bounds, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&ResourceName, Scalar)> {
        self.0.iter().map(|(name, bound)| (name, *bound))
    }

    /// The bound of one name.
    pub fn get(&self, name: &str) -> Option<Scalar> {
        self.0.iter().find(|(own, _)| own.as_str() == name).map(|(_, bound)| *bound)
    }

    /// Sets the bound of one name.
    pub fn set(&mut self, name: impl Into<ResourceName>, bound: Scalar) {
        let name = name.into();
        match self.0.binary_search_by(|(own, _)| own.as_str().cmp(name.as_str())) {
            Ok(index) => self.0[index].1 = bound,
            Err(index) => self.0.insert(index, (name, bound)),
        }
    }

    /// Whether the amounts stay within all bounds.
    pub fn allow(&self, quantities: &ResourceQuantities) -> bool {
        self.iter().all(|(name, bound)| quantities.get(name.as_str()) <= bound)
    }
}

impl<N: Into<ResourceName>> FromIterator<(N, Scalar)> for ResourceLimits {
    fn from_iter<I: IntoIterator<Item = (N, Scalar)>>(bounds: I) -> Self {
        let mut limits = Self::new();
        for (name, bound) in bounds {
            limits.set(name, bound);
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantities(amounts: &[(&str, i64)]) -> ResourceQuantities {
        amounts.iter().map(|(name, amount)| (*name, Scalar::from_whole(*amount))).collect()
    }

    #[test]
    fn arithmetic() {
        let mut sum = quantities(&[("mem", 32), ("cpus", 1)]);
        sum.add(&quantities(&[("disk", 5), ("mem", 32)]));
        assert_eq!(sum.to_string(), "cpus:1; disk:5; mem:64");
        sum.subtract(&quantities(&[("disk", 9), ("gpus", 1), ("mem", 1)]));
        assert_eq!(sum.to_string(), "cpus:1; mem:63");
        assert!(sum.contains(&quantities(&[("mem", 63)])));
        assert!(!sum.contains(&quantities(&[("gpus", 1)])));
        assert_eq!(quantities(&[]).to_string(), "{}");
    }

    #[test]
    fn limits() {
        let limits: ResourceLimits = [("cpus", Scalar::from_whole(2))].into_iter().collect();
        assert!(limits.allow(&quantities(&[("cpus", 2), ("mem", 999)])));
        assert!(!limits.allow(&quantities(&[("cpus", 3)])));
    }

    #[test]
    fn only_what_is_there_is_in_it() {
        let mut sum = quantities(&[("cpus", 0), ("mem", -3), ("disk", 2)]);
        assert_eq!(sum, quantities(&[("disk", 2)]));
        assert!(!sum.is_empty());
        let names: Vec<_> = sum.iter().map(|(name, amount)| (name.as_str(), amount)).collect();
        assert_eq!(names, [("disk", Scalar::from_whole(2))]);
        assert_eq!((sum.get("disk"), sum.get("cpus")), (Scalar::from_whole(2), Scalar::ZERO));
        sum.add_one(&ResourceName::DISK, Scalar::from_whole(-2));
        assert_eq!(sum, ResourceQuantities::new());
        assert!(sum.is_empty() && sum.iter().next().is_none());
    }

    /// Zero is a limit, and not the same as none.
    #[test]
    fn limits_by_name() {
        let mut limits = ResourceLimits::new();
        assert!(limits.is_empty() && limits.allow(&quantities(&[("cpus", 1)])));
        for (name, bound) in [("mem", 5), ("cpus", 0), ("disk", 7), ("mem", 6)] {
            limits.set(name, Scalar::from_whole(bound));
        }
        let all: Vec<_> = limits.iter().map(|(name, bound)| format!("{name}:{bound}")).collect();
        assert_eq!(all, ["cpus:0", "disk:7", "mem:6"]);
        assert!(!limits.is_empty());
        assert_eq!(limits.get("mem"), Some(Scalar::from_whole(6)));
        assert_eq!(limits.get("gpus"), None);
        assert!(!limits.allow(&quantities(&[("cpus", 1)])));
    }
}
