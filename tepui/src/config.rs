//! Layers of configuration for the daemons: defaults < file < `MESOS_*` < `TEPUI_*` < flags.
//!
//! clap knows flags and `TEPUI_*`. The two lower layers become new defaults of its arguments before it parses,
//! so that there is one parser, one set of names and one set of error messages for all of them.

use std::path::{Path, PathBuf};

use clap::Command;

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
    #[error("{path} is not valid TOML: {message}")]
    NotToml { path: PathBuf, message: String },
    /// A key that is no flag.
    #[error("{path}: unknown key '{key}'{}", nearest.as_ref().map(|name| format!("; did you mean '{name}'?")).unwrap_or_default())]
    UnknownKey { path: PathBuf, key: String, nearest: Option<String> },
    /// A value that is no text, number or list of them.
    #[error("{path}: '{key}' must be text, a number, a truth value or a list of these")]
    NotAValue { path: PathBuf, key: String },
}

/// Roles that take the lower layers.
const DAEMONS: [&str; 2] = ["master", "agent"];

/// Puts the lower layers under `command`, for the daemon that `arguments` start (if they start one).
pub(crate) fn layered(
    mut command: Command,
    arguments: &[String],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Command, InvalidConfig> {
    let Some(daemon) = arguments.get(1).filter(|name| DAEMONS.contains(&name.as_str())) else {
        return Ok(command);
    };
    let names = long_names(&command, daemon);
    let mut defaults = match config_file(arguments).or_else(|| environment("TEPUI_CONFIG").map(PathBuf::from))
    {
        Some(path) => read(&path, &names)?,
        None => Vec::new(),
    };
    for name in &names {
        let variable = format!("MESOS_{}", name.replace('-', "_").to_uppercase());
        if let Some(value) = environment(&variable) {
            defaults.retain(|(known, _)| known != name);
            defaults.push((name.clone(), value));
        }
    }
    command = command.mut_subcommand(daemon, |mut sub| {
        for (name, value) in defaults {
            sub = sub.mut_arg(name.replace('-', "_"), |arg| arg.default_value(value).required(false));
        }
        sub
    });
    Ok(command)
}

fn long_names(command: &Command, daemon: &str) -> Vec<String> {
    command
        .find_subcommand(daemon)
        .map(|sub| sub.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect())
        .unwrap_or_default()
}

/// The `--config` among the arguments, which clap has not seen yet.
fn config_file(arguments: &[String]) -> Option<PathBuf> {
    let mut rest = arguments.iter().skip(2);
    while let Some(argument) = rest.next() {
        if argument == "--config" {
            return rest.next().map(PathBuf::from);
        }
        if let Some(path) = argument.strip_prefix("--config=") {
            return Some(PathBuf::from(path));
        }
    }
    None
}

fn read(path: &Path, names: &[String]) -> Result<Vec<(String, String)>, InvalidConfig> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| InvalidConfig::Unreadable { path: path.to_owned(), source })?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| InvalidConfig::NotToml {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    table.into_iter().map(|(key, value)| entry(path, names, &key, &value)).collect()
}

fn entry(
    path: &Path,
    names: &[String],
    key: &str,
    value: &toml::Value,
) -> Result<(String, String), InvalidConfig> {
    let name = key.replace('_', "-");
    if !names.contains(&name) || name == "config" {
        return Err(InvalidConfig::UnknownKey {
            path: path.to_owned(),
            key: key.to_owned(),
            nearest: nearest(&name, names),
        });
    }
    match plain(value) {
        Some(value) => Ok((name, value)),
        None => Err(InvalidConfig::NotAValue { path: path.to_owned(), key: key.to_owned() }),
    }
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// The known name that shares most with `name`, if any is close.
fn nearest(name: &str, names: &[String]) -> Option<String> {
    names
        .iter()
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= name.len() / 2)
        .map(|(_, known)| known.clone())
}

/// Edits that lead from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut corner = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, b) in to.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (corner + usize::from(a != *b)).min(above + 1).min(row[j] + 1);
            corner = above;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::cli::{Cli, Command as Role};

    fn master(arguments: &[&str], environment: &[(&str, &str)]) -> Result<crate::cli::Master, String> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let variable = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let command = layered(Cli::command(), &arguments, &variable).map_err(|error| error.to_string())?;
        let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        match Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?.command {
            Role::Master(master) => Ok(*master),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("master.toml");
        std::fs::write(&file, "cluster = 'from the file'\nport = 1\nroles = ['a', 'b']\n").unwrap();
        let config = file.to_str().unwrap();

        let from_file = master(&["tepui", "master", "--config", config], &[]).unwrap();
        assert_eq!((from_file.cluster.as_deref(), from_file.port), (Some("from the file"), 1));
        assert_eq!(from_file.roles, ["a", "b"]);

        let environment = [("MESOS_PORT", "2")];
        assert_eq!(master(&["tepui", "master", "--config", config], &environment).unwrap().port, 2);
        assert_eq!(master(&["tepui", "master", "--port", "3"], &environment).unwrap().port, 3);
    }

    #[test]
    fn mesos_spellings_are_understood() {
        let master =
            master(&["tepui", "master", "--work_dir=/x", "--agent_ping_timeout=1secs"], &[]).unwrap();
        assert_eq!(master.work_dir, PathBuf::from("/x"));
        assert_eq!(master.agent_ping_timeout.0.as_secs(), 1);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("master.toml");
        std::fs::write(&file, "work_dri = '/x'\n").unwrap();
        let error = master(&["tepui", "master", "--config", file.to_str().unwrap()], &[]).unwrap_err();
        assert!(error.contains("unknown key 'work_dri'; did you mean 'work-dir'?"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_with_its_path() {
        let error = master(&["tepui", "master", "--config", "/nowhere/master.toml"], &[]).unwrap_err();
        assert!(error.contains("cannot read /nowhere/master.toml"), "{error}");
    }
}
