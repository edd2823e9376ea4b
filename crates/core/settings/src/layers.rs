//! Layers: what was said where, and what holds in the end.

use std::{collections::BTreeMap, fmt};

use crate::{Problem, Settings};

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File {
        /// Which.
        path: String,
        /// In which line, from 1.
        line: usize,
    },
    /// In this variable of the environment.
    Environment(String),
    /// On the command line, where the flag's name says it all.
    Flag,
}

impl fmt::Display for Origin {
    /// As it stands before what was wrong there.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(formatter, "{path}:{line}: "),
            Self::Environment(variable) => write!(formatter, "{variable} in the environment: "),
            Self::Flag => Ok(()),
        }
    }
}

/// A value that was said for a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The setting's own name, with underscores.
    pub name: &'static str,
    /// What was said.
    pub text: String,
    /// Where.
    pub origin: Origin,
}

/// Settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A text that says no value.
    #[error(
        "{origin}invalid value{} for --{key}: {expected}",
        text.as_ref().map(|text| format!(" '{text}'")).unwrap_or_default()
    )]
    Text {
        /// Where it was said.
        origin: Origin,
        /// The setting, as flags are spelled.
        key: String,
        /// What was said; `None`: that is a secret.
        text: Option<String>,
        /// What was expected.
        expected: String,
    },
    /// A value that cannot be.
    #[error("{}{problem}", origin.as_ref().map(ToString::to_string).unwrap_or_default())]
    Value {
        /// Where it was said; `None`: it is the default.
        origin: Option<Origin>,
        /// What must be.
        problem: Problem,
    },
}

/// What holds of what was said: of several values for a setting the last one, over the default. What is overruled is not
/// looked at.
///
/// # Errors
/// [`Invalid`]: what was wrong, where, and what to say instead.
pub fn layered<S: Settings>(given: impl IntoIterator<Item = Given>) -> Result<S, Invalid> {
    let last: BTreeMap<&str, Given> = given.into_iter().map(|given| (given.name, given)).collect();
    let mut settings = S::default();
    let table = settings.table();
    for setting in &table {
        let Some(given) = last.get(setting.name) else { continue };
        settings.read(setting.name, &given.text).map_err(|expected| Invalid::Text {
            origin: given.origin.clone(),
            key: setting.key(),
            text: (!setting.secret).then(|| given.text.clone()),
            expected,
        })?;
    }
    settings.check().map_err(|problem| Invalid::Value {
        origin: last.get(problem.name).map(|given| given.origin.clone()),
        problem,
    })?;
    Ok(settings)
}
