//! What an agent is started with, and settings that do not go together.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tepui_containment::{SupervisorCommand, rotation::Rotation};
use tepui_core_settings::{Problem, Settings as _};
use tepui_model::format_duration;

use crate::Settings;

/// What a socket's address has room for, with the zero at its end.
const SOCKET_PATH_BYTES: usize = 108;

/// What an agent is started with: the operator's settings, and what only programs say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the operator may say.
    pub settings: Settings,
    /// Rotation of `stdout` and `stderr`; `None`: never.
    pub rotation: Option<Rotation>,
    /// Everything ends with this agent: the supervisor kills all containers when the agent is gone.
    pub ephemeral: bool,
    /// Directories that the ephemeral supervisor removes at its end.
    pub remove_at_end: Vec<PathBuf>,
    /// Directories that it then removes if nothing is left in them: what several agents share.
    pub remove_empty_at_end: Vec<PathBuf>,
    /// How to start the supervisor.
    pub supervisor: SupervisorCommand,
}

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOption {
    /// Whatever the others are.
    #[error(transparent)]
    Setting(#[from] Problem),
    /// The first wait is longer than the longest.
    #[error(
        "--status-update-retry-interval-min ({}) must not be longer than --status-update-retry-interval-max ({})",
        format_duration(*min),
        format_duration(*max)
    )]
    RetryIntervals {
        /// The first wait.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Tokens cannot be signed.
    #[error("--authenticate-http-executors needs --jwt-secret-key: a file with the key to sign tokens with")]
    NoSecretKey,
    /// The key cannot be read.
    #[error("cannot read the key in {} (--jwt-secret-key): {source}", path.display())]
    SecretKey {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that everybody can guess.
    #[error("the file {} (--jwt-secret-key) is empty", .0.display())]
    EmptySecretKey(PathBuf),
    /// The socket's address has no room for it.
    #[error(
        "Domain socket location cannot be longer than {} characters, and {} has {}: give another one with \
         --domain-socket-location",
        SOCKET_PATH_BYTES - 1,
        .0.display(),
        .0.as_os_str().len()
    )]
    DomainSocketLocation(PathBuf),
}

impl Options {
    /// For an agent of `master` that keeps its things in `work_dir`.
    pub fn new(master: impl Into<String>, work_dir: impl AsRef<Path>) -> Self {
        let settings =
            Settings { master: master.into(), work_dir: work_dir.as_ref().to_owned(), ..Settings::default() };
        Self { settings, ..Self::default() }
    }

    /// Where it is to listen.
    pub(crate) const fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.settings.ip, self.settings.port)
    }

    /// Looks for settings that cannot be, alone or together.
    ///
    /// # Errors
    /// Says which, and what could be.
    pub fn check(&self) -> Result<(), InvalidOption> {
        let settings = &self.settings;
        settings.check()?;
        let core = &settings.core;
        let (min, max) = (core.status_update_retry_interval_min, core.status_update_retry_interval_max);
        if min > max {
            return Err(InvalidOption::RetryIntervals { min, max });
        }
        if core.authenticate_http_executors && settings.jwt_secret_key.is_none() {
            return Err(InvalidOption::NoSecretKey);
        }
        match settings.domain_socket() {
            Some(path) if path.as_os_str().len() >= SOCKET_PATH_BYTES => {
                Err(InvalidOption::DomainSocketLocation(path))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be() {
        type Change = fn(&mut Settings);
        let rows: [(Change, &str); 6] = [
            (
                |settings| settings.core.executor_reregistration_timeout = Duration::from_secs(16),
                "--executor-reregistration-timeout must not be longer than 15secs, and is 16secs",
            ),
            (
                |settings| settings.disk_watch_interval = Duration::ZERO,
                "--disk-watch-interval must be longer",
            ),
            (|settings| settings.master.clear(), "--master must be given"),
            (
                |settings| settings.core.status_update_retry_interval_min = Duration::from_secs(601),
                "--status-update-retry-interval-min (601secs) must not be longer than",
            ),
            (|settings| settings.core.authenticate_http_executors = true, "needs --jwt-secret-key"),
            (
                |settings| {
                    settings.http_executor_domain_sockets = true;
                    settings.domain_socket_location = Some("/x".repeat(54).into());
                },
                "Domain socket location cannot be longer than 107 characters",
            ),
        ];
        Options::new("m:1", "/w").check().unwrap();
        for (change, words) in rows {
            let mut options = Options::new("m:1", "/w");
            change(&mut options.settings);
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
