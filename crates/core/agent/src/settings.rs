//! What an operator may say about an agent's decisions. Must not live here: what only shells look at (addresses,
//! directories, how containers are held: see the agent's role).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use tepui_core_settings::{Value, Words, check, settings};

/// Mesos's bound: until then nobody can tell the agent's tasks from lost ones.
const EXECUTOR_REREGISTRATION_TIMEOUT_MAX: Duration = secs(15);

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn mins(minutes: u64) -> Duration {
    secs(60 * minutes)
}

settings! {
    /// The settings of an agent that its core looks at. Names and defaults are those of Mesos's flags.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Settings {
        /// Run tasks as the user that they name. Needs root.
        switch_user: bool = true;
        /// Let executors use their HTTP API only with the token that they were started with.
        authenticate_http_executors: bool = false;
        /// How long an executor may take to register.
        executor_registration_timeout: Duration = mins(1), check(check::positive);
        /// How long executors may take to come back after the agent's restart; at most 15secs. The agent registers with
        /// the master as soon as all are back.
        executor_reregistration_timeout: Duration = secs(2), check(|timeout| check::at_most(
            *timeout,
            EXECUTOR_REREGISTRATION_TIMEOUT_MAX,
            "the agent does not register with the master before executors had that time",
        ));
        /// How often executors that speak libprocess are asked again to come back (default: once).
        executor_reregistration_retry_interval: Option<Duration> = None, check(check::positive_if_given);
        /// How long an executor may take to shut down before it is killed, unless it says otherwise itself.
        executor_shutdown_grace_period: Duration = secs(5);
        /// How long executors wait for a restarted agent.
        recovery_timeout: Duration = mins(15);
        /// The longest first wait before the agent registers again; it doubles up to 1mins.
        registration_backoff_factor: Duration = secs(1), check(check::positive);
        /// The first wait before an update that its scheduler has not acknowledged is sent again; it doubles.
        status_update_retry_interval_min: Duration = secs(10), check(check::positive), ours();
        /// The longest wait before such an update is sent again.
        status_update_retry_interval_max: Duration = mins(10), ours();
        /// How long sandboxes of ended executors are kept, while the disk has room.
        gc_delay: Duration = mins(7 * 24 * 60);
        /// Part of the disk that is to stay free: sandboxes are kept for
        /// gc-delay * max(0, 1 - gc-disk-headroom - disk usage).
        gc_disk_headroom: f64 = 0.1, check(check::part);
        /// How many ended executors to remember for each framework.
        max_completed_executors_per_framework: usize = 150;
        /// What becomes of the last agent's executors: `reconnect`, or `cleanup` to end them all, and the agent with them.
        recover: Recover = Recover::Reconnect, placeholder("HOW");
        /// What may differ from the settings before the restart: nothing (`equal`), or there may be more resources and
        /// attributes (`additive`).
        reconfiguration_policy: ReconfigurationPolicy = ReconfigurationPolicy::Equal, placeholder("POLICY");
        /// Refuse to start when not all can be read that the last agent wrote.
        strict: bool = true;
        /// Variables for every executor, before those of the executor itself, as a JSON object of texts.
        executor_environment_variables: Variables = Variables::default(), secret();
    }
}

/// What may differ between an agent's settings before a restart and after it (`--reconfiguration_policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReconfigurationPolicy {
    /// Nothing.
    Equal,
    /// There may be more of what is offered, never less of it.
    Additive,
}

/// What becomes of the last agent's executors (`--recover`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recover {
    /// They come back.
    Reconnect,
    /// They are ended, and the process with them; the next agent is a new one.
    Cleanup,
}

impl Words for Recover {
    const WORDS: &'static [(&'static str, Self)] =
        &[("reconnect", Self::Reconnect), ("cleanup", Self::Cleanup)];
}

impl Words for ReconfigurationPolicy {
    const WORDS: &'static [(&'static str, Self)] = &[("equal", Self::Equal), ("additive", Self::Additive)];
}

/// Variables of an environment. What they are is not printed nor recorded: there may be passwords among them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variables(#[serde(serialize_with = "names_only")] pub Vec<(String, String)>);

/// Writes variables without their values, on which nothing is decided.
pub(crate) fn names_only<S: serde::Serializer>(
    variables: &[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(variables.iter().map(|(name, _)| (name, "")))
}

impl Value for Variables {
    const PLACEHOLDER: &'static str = "JSON";

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)
            .map_err(|_| r#"expected a JSON object of texts, such as {"NAME": "value"}"#.to_owned())?;
        let variable = |(name, value)| match value {
            serde_json::Value::String(value) => Ok((name, value)),
            _ => Err(format!("the value of '{name}' must be text")),
        };
        object.into_iter().map(variable).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let variable = |(name, value): &(String, String)| (name.clone(), value.as_str().into());
        serde_json::Value::Object(self.0.iter().map(variable).collect()).to_string()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use tepui_core_settings::{Given, Origin, Settings as _, layered};

    use super::*;

    #[test]
    fn values_of_variables_are_not_recorded() {
        let variables = Variables(vec![("PASSWORD".to_owned(), "hunter2".to_owned())]);
        let written = serde_json::to_string(&variables).unwrap();
        assert_eq!(written, r#"[["PASSWORD",""]]"#);
        assert_eq!(serde_json::from_str::<Variables>(&written).unwrap().0[0].0, "PASSWORD");
    }

    #[test]
    fn settings_that_cannot_be() {
        for (name, text, words) in [
            ("executor_reregistration_timeout", "16secs", "must not be longer than 15secs, and is 16secs"),
            ("executor_registration_timeout", "0secs", "must be longer than nothing"),
            ("executor_reregistration_retry_interval", "0ns", "must be longer than nothing"),
            ("registration_backoff_factor", "0secs", "must be longer than nothing"),
            ("status_update_retry_interval_min", "0secs", "must be longer than nothing"),
            ("gc_disk_headroom", "1.5", "must be between 0 and 1, not 1.5"),
            ("recover", "restart", "it is neither reconnect nor cleanup"),
            ("reconfiguration_policy", "any", "it is neither equal nor additive"),
            ("executor_environment_variables", "PATH=/bin", "expected a JSON object of texts"),
            ("executor_environment_variables", r#"{"A":1}"#, "the value of 'A' must be text"),
        ] {
            let given = Given { name, text: text.to_owned(), origin: Origin::Flag };
            let error = layered::<Settings>([given]).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(&name.replace('_', "-")), "{error}");
        }
        Settings::default().check().unwrap();
    }

    #[test]
    fn variables_are_kept_and_not_printed() {
        let text = r#"{"B":"hidden","A":""}"#;
        let variables = Variables::read(text).unwrap();
        assert_eq!(variables.show(), text);
        assert_eq!(format!("{variables:?}"), r#"{"B", "A"}"#);
        assert_eq!(Variables::read("").unwrap().show(), "");
    }
}
