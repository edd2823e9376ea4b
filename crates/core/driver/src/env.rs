//! What an agent tells its executor through the environment.

mod reader;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use reader::Reader;
use tepui_wire_libprocess::Address;

/// Which of Mesos's two protocols an executor speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The executor API over HTTP (v1).
    #[default]
    Http,
    /// libprocess messages (v0).
    Libprocess,
}

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
    /// `MESOS_SLAVE_ID`; libprocess requires it.
    pub agent_id: Option<String>,
    /// From `MESOS_SLAVE_PID`, `MESOS_AGENT_ENDPOINT` and `LIBPROCESS_SSL_ENABLED`. The path, if any, is the
    /// process that the executor API is below of.
    pub agent: Address,
    /// `MESOS_SLAVE_PID` as it is, `slave(1)@10.0.0.1:5051`; libprocess requires it. What follows the `@` may be a
    /// host's name, which is not looked up here.
    pub agent_pid: Option<String>,
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
    /// Where a libprocess driver listens.
    pub libprocess: LibprocessEnv,
    /// How to speak TLS, if `LIBPROCESS_SSL_ENABLED` is true.
    pub tls: Option<TlsEnv>,
}

/// Where a driver that speaks libprocess listens, and what it says of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibprocessEnv {
    /// `LIBPROCESS_IP`; by default any, and what leads to the agent is what is said.
    pub ip: Option<IpAddr>,
    /// `LIBPROCESS_PORT`; 0, the default, is any.
    pub port: u16,
    /// `LIBPROCESS_ADVERTISE_IP`: what is said instead.
    pub advertise_ip: Option<IpAddr>,
    /// `LIBPROCESS_ADVERTISE_PORT`: what is said instead.
    pub advertise_port: Option<u16>,
}

/// The `LIBPROCESS_SSL_*` variables (`SSL_*`, as they were called before, is read, too).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsEnv {
    /// `LIBPROCESS_SSL_VERIFY_SERVER_CERT` or `..._VERIFY_CERT`: whether the agent's certificate is checked. Not by
    /// default, as in Mesos.
    pub verify_server_cert: bool,
    /// `LIBPROCESS_SSL_CA_FILE`: certificates to check it with.
    pub ca_file: Option<String>,
    /// `LIBPROCESS_SSL_CA_DIR`: a directory of such.
    pub ca_dir: Option<String>,
    /// `LIBPROCESS_SSL_CERT_FILE`: the certificate to show.
    pub cert_file: Option<String>,
    /// `LIBPROCESS_SSL_KEY_FILE`: its key.
    pub key_file: Option<String>,
}

/// The variable that holds the token. Whoever reads it from a process's environment should erase it there.
pub const TOKEN: &str = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";

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
        variable: String,
        /// What it holds.
        value: String,
        /// What is wrong.
        reason: String,
    },
}

impl DriverEnv {
    /// Reads the variables of an executor that speaks HTTP; see [`parse_for`](Self::parse_for).
    ///
    /// # Errors
    /// [`InvalidEnv`] with every problem there is.
    pub fn parse(env: &BTreeMap<String, String>) -> Result<Self, InvalidEnv> {
        Self::parse_for(env, Protocol::Http)
    }

    /// Reads the variables from a map of the whole environment. Variables that are set but empty count as not
    /// set, except `MESOS_LOCAL`.
    ///
    /// # Errors
    /// [`InvalidEnv`] with every problem there is.
    pub fn parse_for(env: &BTreeMap<String, String>, protocol: Protocol) -> Result<Self, InvalidEnv> {
        let mut reader = Reader { env, protocol, problems: Vec::new() };
        let checkpoint = reader.get("MESOS_CHECKPOINT") == Some("1");
        let parsed = Self {
            framework_id: reader.required("MESOS_FRAMEWORK_ID"),
            executor_id: reader.required("MESOS_EXECUTOR_ID"),
            agent_id: reader.agent_id(),
            agent: reader.agent(),
            agent_pid: reader.text("MESOS_SLAVE_PID"),
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
            authentication_token: reader.text(TOKEN).map(Token),
            allocation_role: reader.text("MESOS_ALLOCATION_ROLE"),
            container_ip: reader.parsed("MESOS_CONTAINER_IP"),
            container_name: reader.text("MESOS_CONTAINER_NAME"),
            libprocess: LibprocessEnv {
                ip: reader.parsed("LIBPROCESS_IP"),
                port: reader.parsed("LIBPROCESS_PORT").unwrap_or_default(),
                advertise_ip: reader.parsed("LIBPROCESS_ADVERTISE_IP"),
                advertise_port: reader.parsed("LIBPROCESS_ADVERTISE_PORT"),
            },
            tls: reader.tls(),
        };
        if reader.problems.is_empty() { Ok(parsed) } else { Err(InvalidEnv { problems: reader.problems }) }
    }
}
