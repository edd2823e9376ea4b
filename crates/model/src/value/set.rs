//! Sets of names.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// Names, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Set(BTreeSet<Arc<str>>);

impl Set {
    /// No names.
    pub const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The names in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|item| &**item)
    }

    /// Whether all of `other` are among these.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// Adds the names of `other`.
    pub fn add(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Takes the names of `other` away.
    pub fn subtract(&mut self, other: &Self) {
        self.0.retain(|item| !other.0.contains(item));
    }
}

impl<S: Into<Arc<str>>> FromIterator<S> for Set {
    fn from_iter<I: IntoIterator<Item = S>>(items: I) -> Self {
        Self(items.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Set {
    /// `{a, b}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, item) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_once() {
        let mut set: Set = ["b", "a", "b"].into_iter().collect();
        assert_eq!((set.to_string().as_str(), set.len(), set.is_empty()), ("{a, b}", 2, false));
        set.add(&["c"].into_iter().collect());
        assert!(
            set.contains(&["a", "c"].into_iter().collect()) && !set.contains(&["d"].into_iter().collect())
        );
        set.subtract(&["a", "d"].into_iter().collect());
        assert_eq!(set.iter().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!((Set::new().is_empty(), Set::new().to_string().as_str()), (true, "{}"));
    }
}
