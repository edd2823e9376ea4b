//! Values of flags: durations in Mesos's words, and assignments.

use std::{str::FromStr, time::Duration};

use tepui_containment::capabilities::CapabilitySet;

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

/// One of a few words that Mesos has for a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice<T>(pub(crate) T);

/// The words of a setting.
pub(crate) trait Words: Copy + 'static {
    /// Each, with what it means.
    const WORDS: &'static [(&'static str, Self)];
}

impl Words for tepui_agent::Recover {
    const WORDS: &'static [(&'static str, Self)] =
        &[("reconnect", Self::Reconnect), ("cleanup", Self::Cleanup)];
}

impl Words for tepui_agent::ReconfigurationPolicy {
    const WORDS: &'static [(&'static str, Self)] = &[("equal", Self::Equal), ("additive", Self::Additive)];
}

impl<T: Words> FromStr for Choice<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Self(*value)).ok_or_else(|| {
            let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
            format!("'{text}' is neither {}", words.join(" nor "))
        })
    }
}

/// Capabilities as Mesos has them on a command line: JSON, `{"capabilities": ["NET_RAW"]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities(pub(crate) CapabilitySet);

impl FromStr for Capabilities {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
        let names = json
            .get("capabilities")
            .and_then(|list| list.as_array())
            .and_then(|list| list.iter().map(|name| name.as_str()).collect::<Option<Vec<_>>>())
            .ok_or(r#"expected {"capabilities": ["NAME", ...]}"#)?;
        CapabilitySet::named(names).map(Self)
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
    fn words_are_mesos_own() {
        use tepui_agent::Recover;
        assert_eq!("cleanup".parse(), Ok(Choice(Recover::Cleanup)));
        let error = "restart".parse::<Choice<Recover>>().unwrap_err();
        assert_eq!(error, "'restart' is neither reconnect nor cleanup");
    }

    #[test]
    fn durations_are_in_mesos_words() {
        assert_eq!("15mins".parse(), Ok(Span(Duration::from_secs(900))));
        assert!("15".parse::<Span>().is_err());
    }
}
