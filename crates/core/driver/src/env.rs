//! What an agent tells its executor through the environment.

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use crate::Address;

/// The `MESOS_*` variables of an executor, read and checked.
///
/// The agent's API is addressed as Mesos's own library does it, by the process in `MESOS_SLAVE_PID`
/// (`/slave(1)/api/v1/executor`), at the host and port of `MESOS_AGENT_ENDPOINT` if that is there too. One of
/// the two is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverEnv {
    /// `MESOS_FRAMEWORK_ID`, required.
    pub framework_id: String,
    /// `MESOS_EXECUTOR_ID`, required.
    pub executor_id: String,
    /// `MESOS_SLAVE_ID`.
    pub agent_id: Option<String>,
    /// From `MESOS_SLAVE_PID`, `MESOS_AGENT_ENDPOINT` and `LIBPROCESS_SSL_ENABLED`. The path, if any, is the
    /// process that the executor API is below of.
    pub agent: Address,
    /// `MESOS_DOMAIN_SOCKET`: a socket to reach the agent by instead.
    pub domain_socket: Option<String>,
    /// `MESOS_DIRECTORY`: the sandbox, as the host sees it.
    pub directory: Option<String>,
    /// `MESOS_SANDBOX`: the sandbox, as the container sees it.
    pub sandbox: Option<String>,
    /// `MESOS_CHECKPOINT`: whether the framework checkpoints. Only `1` says yes.
    pub checkpoint: bool,
    /// `MESOS_RECOVERY_TIMEOUT`, looked at only with checkpointing; default 15 min.
    pub recovery_timeout: Duration,
    /// `MESOS_SUBSCRIPTION_BACKOFF_MAX`, looked at only with checkpointing; default 2 s.
    pub subscription_backoff_max: Duration,
    /// `MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD`; default 5 s.
    pub shutdown_grace_period: Duration,
    /// `MESOS_LOCAL`, any value: the executor runs in the agent's process.
    pub local: bool,
    /// `MESOS_HTTP_COMMAND_EXECUTOR` is `1`.
    pub http_command_executor: bool,
    /// `MESOS_EXECUTOR_AUTHENTICATION_TOKEN`: goes as `Authorization: Bearer ...` with every request.
    pub authentication_token: Option<Token>,
    /// `MESOS_ALLOCATION_ROLE`: the role whose resources a command task uses.
    pub allocation_role: Option<String>,
    /// `MESOS_CONTAINER_IP`.
    pub container_ip: Option<IpAddr>,
    /// `MESOS_CONTAINER_NAME`, of the Docker containerizer.
    pub container_name: Option<String>,
}

/// A secret; shows only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Everything that is wrong with an environment, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEnv {
    /// One for each variable that is missing or unreadable, in the order of the fields of [`DriverEnv`].
    pub problems: Vec<Problem>,
}

impl fmt::Display for InvalidEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this process was not started as an executor:")?;
        let separator = if self.problems.len() == 1 { " " } else { "\n  " };
        self.problems.iter().try_for_each(|problem| write!(f, "{separator}{problem}"))
    }
}

impl std::error::Error for InvalidEnv {}

/// What is wrong with one variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A required variable is not there or empty.
    #[error("Expecting '{variable}' to be set in the environment")]
    Missing {
        /// Its name.
        variable: &'static str,
    },
    /// A variable cannot be read.
    #[error("Cannot read {variable}='{value}': {reason}")]
    Unreadable {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong.
        reason: String,
    },
}

impl DriverEnv {
    /// Reads the variables from a map of the whole environment. Variables that are set but empty count as not
    /// set, except `MESOS_LOCAL`.
    ///
    /// # Errors
    /// [`InvalidEnv`] with every problem there is.
    pub fn parse(env: &BTreeMap<String, String>) -> Result<Self, InvalidEnv> {
        let mut reader = Reader { env, problems: Vec::new() };
        let checkpoint = reader.get("MESOS_CHECKPOINT") == Some("1");
        let parsed = Self {
            framework_id: reader.required("MESOS_FRAMEWORK_ID"),
            executor_id: reader.required("MESOS_EXECUTOR_ID"),
            agent_id: reader.text("MESOS_SLAVE_ID"),
            agent: reader.agent(),
            domain_socket: reader.text("MESOS_DOMAIN_SOCKET"),
            directory: reader.text("MESOS_DIRECTORY"),
            sandbox: reader.text("MESOS_SANDBOX"),
            checkpoint,
            recovery_timeout: reader.duration("MESOS_RECOVERY_TIMEOUT", checkpoint, Duration::from_mins(15)),
            subscription_backoff_max: reader.duration(
                "MESOS_SUBSCRIPTION_BACKOFF_MAX",
                checkpoint,
                Duration::from_secs(2),
            ),
            shutdown_grace_period: reader.duration(
                "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
                true,
                Duration::from_secs(5),
            ),
            local: env.contains_key("MESOS_LOCAL"),
            http_command_executor: reader.get("MESOS_HTTP_COMMAND_EXECUTOR") == Some("1"),
            authentication_token: reader.text("MESOS_EXECUTOR_AUTHENTICATION_TOKEN").map(Token),
            allocation_role: reader.text("MESOS_ALLOCATION_ROLE"),
            container_ip: reader.container_ip(),
            container_name: reader.text("MESOS_CONTAINER_NAME"),
        };
        if reader.problems.is_empty() { Ok(parsed) } else { Err(InvalidEnv { problems: reader.problems }) }
    }
}

/// Looks variables up and gathers what is wrong with them.
struct Reader<'a> {
    env: &'a BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn get(&self, variable: &str) -> Option<&'a str> {
        self.env.get(variable).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn text(&self, variable: &str) -> Option<String> {
        self.get(variable).map(str::to_owned)
    }

    fn required(&mut self, variable: &'static str) -> String {
        self.text(variable).unwrap_or_else(|| {
            self.problems.push(Problem::Missing { variable });
            String::new()
        })
    }

    fn unreadable(&mut self, variable: &'static str, value: &str, reason: impl fmt::Display) {
        self.problems.push(Problem::Unreadable {
            variable,
            value: value.to_owned(),
            reason: reason.to_string(),
        });
    }

    fn duration(&mut self, variable: &'static str, wanted: bool, default: Duration) -> Duration {
        let Some(value) = self.get(variable).filter(|_| wanted) else { return default };
        tepui_model::parse_duration(value).unwrap_or_else(|reason| {
            self.unreadable(variable, value, reason);
            default
        })
    }

    fn agent(&mut self) -> Address {
        const PID: &str = "MESOS_SLAVE_PID";
        const ENDPOINT: &str = "MESOS_AGENT_ENDPOINT";
        let tls = matches!(self.get("LIBPROCESS_SSL_ENABLED"), Some("1" | "true"));
        let mut address = Address { tls, host: String::new(), port: 0, path: String::new() };
        if self.get(PID).is_none() && self.get(ENDPOINT).is_none() {
            self.problems.push(Problem::Missing { variable: PID });
        }
        if let Some(value) = self.get(PID) {
            match Address::parse_upid(value) {
                Ok(pid) => address = Address { tls, ..pid },
                Err(error) => self.unreadable(PID, value, error.reason),
            }
        }
        if let Some(value) = self.get(ENDPOINT) {
            match Address::parse(value, 5051) {
                Ok(endpoint) => {
                    address = Address { tls: tls || endpoint.tls, path: address.path, ..endpoint }
                }
                Err(error) => self.unreadable(ENDPOINT, value, error.reason),
            }
        }
        address
    }

    fn container_ip(&mut self) -> Option<IpAddr> {
        const VARIABLE: &str = "MESOS_CONTAINER_IP";
        let value = self.get(VARIABLE)?;
        value.parse().map_err(|error: std::net::AddrParseError| self.unreadable(VARIABLE, value, error)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn minimal() -> BTreeMap<String, String> {
        map(&[
            ("MESOS_FRAMEWORK_ID", "f"),
            ("MESOS_EXECUTOR_ID", "e"),
            ("MESOS_SLAVE_PID", "slave(1)@10.0.0.1:5051"),
        ])
    }

    #[test]
    fn the_environment_of_a_real_agent_is_read() {
        let mut env = minimal();
        env.extend(map(&[
            ("MESOS_AGENT_ENDPOINT", "10.0.0.1:5051"),
            ("MESOS_CHECKPOINT", "1"),
            ("MESOS_DIRECTORY", "/var/lib/mesos/run"),
            ("MESOS_SANDBOX", "/mnt/mesos/sandbox"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
            ("MESOS_HTTP_COMMAND_EXECUTOR", "0"),
            ("MESOS_RECOVERY_TIMEOUT", "15mins"),
            ("MESOS_SLAVE_ID", "a-S0"),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
            ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "secret"),
            ("MESOS_CONTAINER_IP", "172.17.0.2"),
            ("LIBPROCESS_PORT", "0"),
        ]));
        let read = DriverEnv::parse(&env).unwrap();
        assert_eq!(read.agent.to_string(), "http://10.0.0.1:5051/slave(1)");
        assert!(read.checkpoint && !read.local && !read.http_command_executor);
        assert_eq!(read.recovery_timeout, Duration::from_mins(15));
        assert_eq!(read.subscription_backoff_max, Duration::from_secs(2));
        assert_eq!(read.shutdown_grace_period, Duration::from_secs(5));
        assert_eq!(read.agent_id.as_deref(), Some("a-S0"));
        assert_eq!(read.authentication_token.as_ref().map(Token::reveal), Some("secret"));
        assert!(!format!("{read:?}").contains("secret"));
    }

    #[test]
    fn every_problem_is_reported_together() {
        let env = map(&[
            ("MESOS_EXECUTOR_ID", ""),
            ("MESOS_SLAVE_PID", "slave(1)"),
            ("MESOS_CHECKPOINT", "1"),
            ("MESOS_RECOVERY_TIMEOUT", "15"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "soon"),
            ("MESOS_CONTAINER_IP", "here"),
        ]);
        let error = DriverEnv::parse(&env).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.problems.len(), 6, "{text}");
        for part in [
            "Expecting 'MESOS_FRAMEWORK_ID' to be set in the environment",
            "Expecting 'MESOS_EXECUTOR_ID' to be set in the environment",
            "MESOS_SLAVE_PID='slave(1)'",
            "MESOS_RECOVERY_TIMEOUT='15'",
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD='soon'",
            "MESOS_CONTAINER_IP='here'",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn the_timeouts_of_checkpointing_count_only_with_it() {
        for (value, checkpoint) in [("0", false), ("true", false), ("1", true)] {
            let mut env = minimal();
            env.extend(map(&[("MESOS_CHECKPOINT", value), ("MESOS_RECOVERY_TIMEOUT", "nonsense")]));
            assert_eq!(DriverEnv::parse(&env).is_err(), checkpoint, "MESOS_CHECKPOINT={value}");
        }
    }

    #[test]
    fn one_of_endpoint_and_pid_is_enough() {
        let mut env = minimal();
        env.remove("MESOS_SLAVE_PID");
        assert!(DriverEnv::parse(&env).is_err());
        env.extend(map(&[("MESOS_AGENT_ENDPOINT", "10.0.0.2:5052"), ("LIBPROCESS_SSL_ENABLED", "1")]));
        assert_eq!(DriverEnv::parse(&env).unwrap().agent.to_string(), "https://10.0.0.2:5052");
    }
}
