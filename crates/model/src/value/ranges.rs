//! Closed ranges of whole numbers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// All numbers from `begin` to `end`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Range {
    /// The first number.
    pub begin: u64,
    /// The last number, not less than `begin`.
    pub end: u64,
}

impl Range {
    /// How many numbers; what does not fit is cut off.
    pub const fn count(self) -> u64 {
        (self.end - self.begin).saturating_add(1)
    }
}

/// Numbers, kept as sorted ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ranges(Vec<Range>);

impl Ranges {
    /// No numbers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The numbers from `begin` to `end`; none if `end` is less.
    pub fn single(begin: u64, end: u64) -> Self {
        [(begin, end)].into_iter().collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges in order.
    pub fn iter(&self) -> impl Iterator<Item = Range> {
        self.0.iter().copied()
    }

    /// How many numbers; what does not fit is cut off.
    pub fn count(&self) -> u64 {
        self.iter().fold(0, |count, range| count.saturating_add(range.count()))
    }

    /// Whether the number is among them.
    pub fn contains_number(&self, number: u64) -> bool {
        let after = self.0.partition_point(|range| range.begin <= number);
        after.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|range| number <= range.end)
    }

    /// Whether all numbers of `other` are among these.
    pub fn contains(&self, other: &Self) -> bool {
        // Ranges here never touch, so each range of the other must lie within a single one.
        let mut mine = self.0.iter();
        let mut current = mine.next();
        other.iter().all(|range| {
            while current.is_some_and(|own| own.end < range.end) {
                current = mine.next();
            }
            current.is_some_and(|own| own.begin <= range.begin)
        })
    }

    /// Adds the numbers of `other`.
    pub fn add(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.0.extend_from_slice(&other.0);
        self.coalesce();
    }

    /// Takes the numbers of `other` away, where they are there.
    pub fn subtract(&mut self, other: &Self) {
        if other.is_empty() || self.is_empty() {
            return;
        }
        let mut rest = Vec::with_capacity(self.0.len() + other.0.len());
        let mut holes = other.0.iter().peekable();
        for range in &self.0 {
            let mut begin = range.begin;
            let mut used_up = false;
            while let Some(hole) = holes.peek() {
                if hole.end < begin {
                    holes.next();
                    continue;
                }
                if hole.begin > range.end {
                    break;
                }
                if hole.begin > begin {
                    rest.push(Range { begin, end: hole.begin - 1 });
                }
                if hole.end >= range.end {
                    // The hole may reach into the next range: keep it.
                    used_up = true;
                    break;
                }
                begin = hole.end + 1;
                holes.next();
            }
            if !used_up {
                rest.push(Range { begin, end: range.end });
            }
        }
        self.0 = rest;
    }

    fn coalesce(&mut self) {
        self.0.sort_unstable();
        let mut kept: usize = 0;
        for index in 1..self.0.len() {
            let range = self.0[index];
            if range.begin <= self.0[kept].end.saturating_add(1) {
                self.0[kept].end = self.0[kept].end.max(range.end);
            } else {
                kept += 1;
                self.0[kept] = range;
            }
        }
        self.0.truncate(kept + 1);
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    /// From pairs of first and last number, in any order, overlapping or not; pairs that are the wrong way
    /// round are left out.
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(pairs: I) -> Self {
        let mut ranges = Self(
            pairs
                .into_iter()
                .filter(|(begin, end)| begin <= end)
                .map(|(begin, end)| Range { begin, end })
                .collect(),
        );
        ranges.coalesce();
        ranges
    }
}

impl fmt::Display for Ranges {
    /// `[1-2, 4-4]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}-{}", range.begin, range.end)?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn coalesces() {
        let ranges: Ranges = [(7, 9), (1, 2), (3, 4), (9, 12), (5, 4), (20, u64::MAX)].into_iter().collect();
        assert_eq!(ranges.to_string(), format!("[1-4, 7-12, 20-{}]", u64::MAX));
        assert_eq!(Ranges::new().to_string(), "[]");
        assert_eq!(Ranges::single(0, u64::MAX).count(), u64::MAX);
    }

    fn ranges() -> impl Strategy<Value = Ranges> {
        prop::collection::vec((0_u64..40, 0_u64..6), 0..6)
            .prop_map(|pairs| pairs.into_iter().map(|(begin, more)| (begin, begin + more)).collect())
    }

    fn numbers(ranges: &Ranges) -> BTreeSet<u64> {
        ranges.iter().flat_map(|range| range.begin..=range.end).collect()
    }

    proptest! {
        #[test]
        fn behaves_as_a_set_of_numbers(a in ranges(), b in ranges(), number in 0_u64..50) {
            let (set_a, set_b) = (numbers(&a), numbers(&b));
            let mut sum = a.clone();
            sum.add(&b);
            prop_assert_eq!(numbers(&sum), &set_a | &set_b);
            let mut difference = a.clone();
            difference.subtract(&b);
            prop_assert_eq!(numbers(&difference), &set_a - &set_b);
            prop_assert_eq!(a.contains(&b), set_b.is_subset(&set_a));
            prop_assert_eq!(a.contains_number(number), set_a.contains(&number));
            prop_assert_eq!(a.count(), set_a.len() as u64);
            // Kept in one shape only, so that equality means the same numbers.
            prop_assert!(sum.0.windows(2).all(|pair| pair[0].end + 1 < pair[1].begin));
            prop_assert!(difference.0.windows(2).all(|pair| pair[0].end + 1 < pair[1].begin));
        }
    }
}
