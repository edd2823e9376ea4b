//! Sizes as text: `512MB`, `1GB`, with the units of Mesos, each 1,024 times the one before.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const UNITS: [(&str, u32); 5] = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)];

/// A number of bytes. Shown in the largest unit that it is a whole number of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Size(pub u64);

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no size: expecting a whole number and one of B, KB, MB, GB and TB, such as 512MB")]
pub struct InvalidSize(String);

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let invalid = || InvalidSize(text.to_owned());
        let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
        let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| invalid())?;
        let (_, shift) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |shift: u32| self.0 > 0 && self.0.trailing_zeros() >= shift;
        let (name, shift) = UNITS.iter().find(|(_, shift)| fits(*shift)).unwrap_or(&("B", 0));
        write!(f, "{}{name}", self.0 >> shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_they_are_read() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (1024, "1KB"),
            (1025, "1025B"),
            (1536 << 10, "1536KB"),
            (512 << 20, "512MB"),
            (1 << 30, "1GB"),
            (3 << 40, "3TB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
        assert_eq!("1024MB".parse(), Ok(Size(1 << 30)));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MB", "12", "1.5GB", "-1GB", "1 GB", "1gb", "99999999999TB", "1MBMB"] {
            assert_eq!(text.parse::<Size>(), Err(InvalidSize(text.to_owned())), "{text}");
        }
    }
}
