//! Numbers with three decimals.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub, SubAssign},
};

/// A number in thousandths, as Mesos compares and adds them: what is finer than that is rounded away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scalar(i64);

impl Scalar {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest number.
    pub const MAX: Self = Self(i64::MAX);

    /// So many thousandths.
    pub const fn from_millis(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// A whole number.
    pub const fn from_whole(whole: i64) -> Self {
        Self(whole.saturating_mul(1000))
    }

    /// The nearest thousandth, halves away from zero. What does not fit is cut off at the ends; NaN is zero.
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and turns NaN into zero")]
    pub fn from_f64(value: f64) -> Self {
        Self((value * 1000.0).round() as i64)
    }

    /// Thousandths.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The number as the wire's doubles carry it.
    #[expect(clippy::cast_precision_loss, reason = "the wire carries doubles")]
    pub fn to_f64(self) -> f64 {
        (self.0 / 1000) as f64 + (self.0 % 1000) as f64 / 1000.0
    }

    /// Whether this is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This, or zero if it is negative.
    #[must_use]
    pub fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }
}

impl Add for Scalar {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Scalar {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Scalar {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Scalar {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Scalar {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Scalar {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Scalar {
    /// Without trailing zeros: `0.5`, `8`, `16384`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (magnitude / 1000, magnitude % 1000);
        match rest {
            0 => write!(f, "{sign}{whole}"),
            _ if rest % 100 == 0 => write!(f, "{sign}{whole}.{}", rest / 100),
            _ if rest % 10 == 0 => write!(f, "{sign}{whole}.{:02}", rest / 10),
            _ => write!(f, "{sign}{whole}.{rest:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_prints() {
        for (value, text) in [
            (0.5, "0.5"),
            (8.0, "8"),
            (16384.0, "16384"),
            (0.0004, "0"),
            (0.0005, "0.001"),
            (0.1 + 0.2, "0.3"),
            (1.25, "1.25"),
            (-0.25, "-0.25"),
            (f64::NAN, "0"),
        ] {
            assert_eq!(Scalar::from_f64(value).to_string(), text);
        }
        assert_eq!(Scalar::from_f64(f64::INFINITY), Scalar::MAX);
        assert_eq!(Scalar::from_f64(0.1).to_f64().to_bits(), 0.1_f64.to_bits());
    }

    #[test]
    fn arithmetic() {
        let (two, five) = (Scalar::from_whole(2), Scalar::from_whole(5));
        assert_eq!((five - two, two - five), (Scalar::from_millis(3_000), -Scalar::from_whole(3)));
        let mut number = two;
        number += five;
        number -= Scalar::from_millis(500);
        assert_eq!((number.as_millis(), number.to_f64()), (6_500, 6.5));
        assert_eq!([two, five].into_iter().sum::<Scalar>(), Scalar::from_whole(7));
        assert_eq!((two.or_zero(), (-two).or_zero()), (two, Scalar::ZERO));
        assert_eq!([two, Scalar::ZERO, -two].map(Scalar::is_zero), [false, true, false]);
        assert_eq!(Scalar::MAX + two, Scalar::MAX);
        assert_eq!(Scalar::from_whole(i64::MAX), Scalar::MAX);
        assert_eq!(Scalar::from_millis(-1_001).to_f64().to_bits(), f64::to_bits(-1.001));
        assert_eq!(Scalar::from_millis(-1_020).to_string(), "-1.02");
    }
}
