//! Where a role's settings come from: defaults < file < `MESOS_*` < `TEPUI_*` < flags.
//!
//! What there is to set stands in the roles' own declarations; here is only where it may be said.

mod file;
mod flags;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use tepui_core_settings::{Given, Invalid, Origin, Setting, Settings, layered};

pub(crate) use flags::Flags;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidConfig {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{at}this is not valid TOML: {message}")]
    NotToml { at: Origin, message: String },
    /// A key that is no setting.
    #[error("{at}unknown key '{key}'{}", nearest.as_ref().map(|name| format!("; did you mean '{name}'?")).unwrap_or_default())]
    UnknownKey { at: Origin, key: String, nearest: Option<String> },
    /// A key at the top that only another role knows.
    #[error("{at}'{key}' is a setting of the {role}: put it into the table [{role}]")]
    OfAnother { at: Origin, key: String, role: &'static str },
    /// A value that is no text, number or list of them.
    #[error("{at}'{key}' must be text, a number, a truth value or a list of these")]
    NotAValue { at: Origin, key: String },
    /// A key in two spellings.
    #[error("{at}'{key}' was said before, in another spelling; say it once")]
    Twice { at: Origin, key: String },
    /// What was said cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// A role, as the command line and the file call it, with everything that it can be told.
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) table: Vec<Setting>,
}

/// Every role that has settings.
pub(crate) fn roles() -> [Role; 2] {
    [
        Role { name: "master", table: tepui_master::Settings::default().table() },
        Role { name: "agent", table: tepui_agent::Settings::default().table() },
    ]
}

/// Puts the layers of `role` on each other.
pub(crate) fn settings<S: Settings>(
    role: &'static str,
    flags: Flags<S>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<S, InvalidConfig> {
    let file = flags.config.or_else(|| environment("TEPUI_CONFIG").map(PathBuf::from));
    let mut given = match file {
        None => Vec::new(),
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| InvalidConfig::Unreadable { path: path.clone(), source })?;
            file::read(&path, &text, role)?
        }
    };
    for setting in S::default().table() {
        let variables = setting.mesos_variables().chain([setting.variable()]);
        given.extend(variables.filter_map(|variable| {
            let text = environment(&variable)?;
            Some(Given { name: setting.name, text, origin: Origin::Environment(variable) })
        }));
    }
    given.extend(flags.given);
    Ok(layered(given)?)
}
