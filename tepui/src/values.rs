//! Values of flags: durations in Mesos's words, and assignments.

use std::{str::FromStr, time::Duration};

/// A duration as Mesos writes it: `15mins`, `500ms`, `1weeks`. A bare number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        tepui_model::parse_duration(text).map(Self).map_err(|error| error.to_string())
    }
}

/// `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// What stands before the first `=`.
    pub(crate) key: String,
    /// What stands after it.
    pub(crate) value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("expected KEY=VALUE, got '{text}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_need_a_key() {
        assert_eq!("A=b=c".parse(), Ok(Assignment { key: "A".into(), value: "b=c".into() }));
        assert_eq!("A=".parse(), Ok(Assignment { key: "A".into(), value: String::new() }));
        assert!("=x".parse::<Assignment>().is_err());
        assert!("novalue".parse::<Assignment>().is_err());
    }

    #[test]
    fn durations_are_in_mesos_words() {
        assert_eq!("15mins".parse(), Ok(Span(Duration::from_secs(900))));
        assert!("15".parse::<Span>().is_err());
    }
}
