//! Settings that cannot be, and what to give instead.

use std::{path::PathBuf, time::Duration};

use tepui_core_agent::{ReconfigurationPolicy, Recover};
use tepui_model::format_duration;

use super::Options;

/// Mesos's bound: until then nobody can tell the agent's tasks from lost ones.
const EXECUTOR_REREGISTRATION_TIMEOUT_MAX: Duration = Duration::from_secs(15);
/// What a socket's address has room for, with the zero at its end.
const SOCKET_PATH_BYTES: usize = 108;

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOption {
    /// Executors would hold the agent up for too long.
    #[error(
        "Expected `--executor_reregistration_timeout` to be not more than {}, not {}: the agent does not register \
         with the master before executors had that time",
        format_duration(EXECUTOR_REREGISTRATION_TIMEOUT_MAX),
        format_duration(*.0)
    )]
    ExecutorReregistrationTimeout(Duration),
    /// A time that must be some.
    #[error("--{0} must be longer than nothing")]
    Zero(&'static str),
    /// The first wait is longer than the longest.
    #[error(
        "--status_update_retry_interval_min ({}) must not be longer than --status_update_retry_interval_max ({})",
        format_duration(*min),
        format_duration(*max)
    )]
    RetryIntervals {
        /// The first wait.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Not a part of a disk.
    #[error("--gc_disk_headroom must be between 0 and 1, not {0}")]
    GcDiskHeadroom(f64),
    /// Tokens cannot be signed.
    #[error("--authenticate_http_executors needs --jwt_secret_key: a file with the key to sign tokens with")]
    NoSecretKey,
    /// The key cannot be read.
    #[error("cannot read the key in {} (--jwt_secret_key): {source}", path.display())]
    SecretKey {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that everybody can guess.
    #[error("the file {} (--jwt_secret_key) is empty", .0.display())]
    EmptySecretKey(PathBuf),
    /// The socket's address has no room for it.
    #[error(
        "Domain socket location cannot be longer than {} characters, and {} has {}: give another one with \
         --domain_socket_location",
        SOCKET_PATH_BYTES - 1,
        .0.display(),
        .0.as_os_str().len()
    )]
    DomainSocketLocation(PathBuf),
}

impl Options {
    /// Looks for settings that cannot be.
    ///
    /// # Errors
    /// Says which, and what could be.
    pub fn check(&self) -> Result<(), InvalidOption> {
        if self.executor_reregistration_timeout > EXECUTOR_REREGISTRATION_TIMEOUT_MAX {
            return Err(InvalidOption::ExecutorReregistrationTimeout(self.executor_reregistration_timeout));
        }
        let retry = self.executor_reregistration_retry_interval;
        for (name, time) in [
            ("executor_registration_timeout", self.executor_registration_timeout),
            ("executor_reregistration_retry_interval", retry.unwrap_or(Duration::MAX)),
            ("registration_backoff_factor", self.registration_backoff_factor),
            ("disk_watch_interval", self.disk_watch_interval),
            ("status_update_retry_interval_min", self.status_update_retry_interval_min),
        ] {
            if time.is_zero() {
                return Err(InvalidOption::Zero(name));
            }
        }
        let (min, max) = (self.status_update_retry_interval_min, self.status_update_retry_interval_max);
        if min > max {
            return Err(InvalidOption::RetryIntervals { min, max });
        }
        if !(0.0..=1.0).contains(&self.gc_disk_headroom) {
            return Err(InvalidOption::GcDiskHeadroom(self.gc_disk_headroom));
        }
        if self.authenticate_http_executors && self.jwt_secret_key.is_none() {
            return Err(InvalidOption::NoSecretKey);
        }
        match self.domain_socket() {
            Some(path) if path.as_os_str().len() >= SOCKET_PATH_BYTES => {
                Err(InvalidOption::DomainSocketLocation(path))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn policy_name(policy: ReconfigurationPolicy) -> &'static str {
    match policy {
        ReconfigurationPolicy::Equal => "equal",
        ReconfigurationPolicy::Additive => "additive",
    }
}

pub(super) fn recover_name(recover: Recover) -> &'static str {
    match recover {
        Recover::Reconnect => "reconnect",
        Recover::Cleanup => "cleanup",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be() {
        type Change = fn(&mut Options);
        let rows: [(Change, &str); 8] = [
            (
                |options| options.executor_reregistration_timeout = Duration::from_secs(16),
                "Expected `--executor_reregistration_timeout` to be not more than 15secs, not 16secs",
            ),
            (
                |options| options.executor_registration_timeout = Duration::ZERO,
                "--executor_registration_timeout must be longer than nothing",
            ),
            (
                |options| options.executor_reregistration_retry_interval = Some(Duration::ZERO),
                "--executor_reregistration_retry_interval must be longer than nothing",
            ),
            (
                |options| options.status_update_retry_interval_min = Duration::from_secs(601),
                "--status_update_retry_interval_min (601secs) must not be longer than",
            ),
            (|options| options.gc_disk_headroom = 1.5, "--gc_disk_headroom must be between 0 and 1, not 1.5"),
            (|options| options.gc_disk_headroom = f64::NAN, "--gc_disk_headroom must be between 0 and 1"),
            (|options| options.authenticate_http_executors = true, "needs --jwt_secret_key"),
            (
                |options| {
                    options.http_executor_domain_sockets = true;
                    options.domain_socket_location = Some("/x".repeat(54).into());
                },
                "Domain socket location cannot be longer than 107 characters",
            ),
        ];
        Options::new("m:1", "/w").check().unwrap();
        for (change, words) in rows {
            let mut options = Options::new("m:1", "/w");
            change(&mut options);
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
