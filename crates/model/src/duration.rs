//! Durations as text: `15mins`, `5secs`, `100ms`.

use std::time::Duration;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("secs", 1_000_000_000),
    ("mins", 60 * 1_000_000_000),
    ("hrs", 3_600 * 1_000_000_000),
    ("days", 86_400 * 1_000_000_000),
    ("weeks", 7 * 86_400 * 1_000_000_000),
];

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// No number in front.
    #[error("invalid duration '{0}': it begins with no number (such as 5secs)")]
    Number(String),
    /// No unit, or one that is not known.
    #[error("invalid duration '{text}': unknown unit '{unit}' (ns, us, ms, secs, mins, hrs, days or weeks)")]
    Unit {
        /// The whole text.
        text: String,
        /// The part after the number.
        unit: String,
    },
    /// Negative, or longer than 292 years.
    #[error("invalid duration '{0}': out of range")]
    Range(String),
}

/// Reads a number and its unit, without a space: `1.5mins`.
///
/// # Errors
/// Says which part is wrong.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked against the range first; a double holds every duration that people write"
)]
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let text = text.trim();
    let unit_start =
        text.find(|character: char| !matches!(character, '0'..='9' | '.' | '-' | '+')).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_start);
    let number: f64 = number.parse().map_err(|_| InvalidDuration::Number(text.to_owned()))?;
    let nanos = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, nanos)| *nanos)
        .ok_or_else(|| InvalidDuration::Unit { text: text.to_owned(), unit: unit.to_owned() })?;
    let total = number * nanos as f64;
    if !(0.0..=i64::MAX as f64).contains(&total) {
        return Err(InvalidDuration::Range(text.to_owned()));
    }
    Ok(Duration::from_nanos(total.round() as u64))
}

/// Writes a duration with the largest unit that it reaches, or the next smaller one if that leaves a rest:
/// `15mins`, `90secs`, `1500ms`.
#[expect(
    clippy::cast_precision_loss,
    reason = "a fraction of the smaller unit, printed and not computed with"
)]
pub fn format_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let reached = UNITS.iter().rposition(|(_, unit)| nanos >= *unit).unwrap_or(0);
    let index = if nanos.is_multiple_of(UNITS[reached].1) { reached } else { reached.saturating_sub(1) };
    let (name, unit) = UNITS[index];
    if nanos.is_multiple_of(unit) {
        format!("{}{name}", nanos / unit)
    } else {
        format!("{}{name}", nanos as f64 / unit as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints() {
        for (millis, text) in [
            (0, "0ns"),
            (5_000, "5secs"),
            (900_000, "15mins"),
            (1_500, "1500ms"),
            (75_000, "75secs"),
            (100, "100ms"),
            (5_400_000, "90mins"),
            (86_400_000, "1days"),
            (604_800_000, "1weeks"),
            (3_601_500, "60.025mins"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(format_duration(duration), text);
            assert_eq!(parse_duration(text), Ok(duration));
        }
        assert_eq!(format_duration(Duration::from_nanos(1_500)), "1500ns");
    }

    #[test]
    fn refuses() {
        for (text, message) in [
            ("secs", "invalid duration 'secs': it begins with no number (such as 5secs)"),
            ("", "invalid duration '': it begins with no number (such as 5secs)"),
            ("5", "invalid duration '5': unknown unit '' (ns, us, ms, secs, mins, hrs, days or weeks)"),
            (
                "5 secs",
                "invalid duration '5 secs': unknown unit ' secs' (ns, us, ms, secs, mins, hrs, days or weeks)",
            ),
            ("-5secs", "invalid duration '-5secs': out of range"),
            ("99999weeks", "invalid duration '99999weeks': out of range"),
        ] {
            assert_eq!(parse_duration(text).map_err(|error| error.to_string()), Err(message.to_owned()));
        }
    }

    #[test]
    fn units() {
        for (text, nanos) in [
            ("1ns", 1),
            ("1us", 1_000),
            ("1ms", 1_000_000),
            ("1secs", 1_000_000_000),
            ("1mins", 60_000_000_000),
            ("1hrs", 3_600_000_000_000),
            ("1days", 86_400_000_000_000),
            ("1weeks", 604_800_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)));
            assert_eq!(format_duration(Duration::from_nanos(nanos)), text);
        }
        for (text, nanos) in [(" 1.5us ", 1_500), ("0.6ns", 1), ("+2ns", 2), ("0weeks", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)));
        }
    }
}
