//! The environment and the sandbox of a container. Must not live here: what is run in it.

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ContainerId, ExecutorId, FrameworkId, format_duration};
use tepui_wire_mesos::v1;

use crate::{claims::Claims, config::Config, executors::Executor};

/// What a process gets that has no `PATH` from elsewhere.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variable with the token that an executor shows with its calls.
pub const TOKEN: &str = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";

/// Where a container's sandbox lies.
pub(crate) fn sandbox(
    config: &Config,
    agent: Option<&AgentId>,
    framework: &FrameworkId,
    executor: &ExecutorId,
    container: &ContainerId,
) -> String {
    let agent = agent.map_or("", AgentId::as_str);
    let work_dir = config.work_dir.trim_end_matches('/');
    format!("{work_dir}/slaves/{agent}/frameworks/{framework}/executors/{executor}/runs/{container}")
}

/// Where the sandbox of a container lies that is nested in the one with the sandbox `around`.
pub(crate) fn nested_sandbox(around: &str, container: &ContainerId) -> String {
    format!("{around}/containers/{}", container.as_str())
}

/// Where the sandbox of a container lies that stands alone.
pub(crate) fn standalone_sandbox(config: &Config, container: &ContainerId) -> String {
    nested_sandbox(config.work_dir.trim_end_matches('/'), container)
}

/// The environment of an executor or of a command task, in the order in which Mesos builds it; later entries win, and
/// keep the place of the earlier one.
pub(crate) fn environment(
    config: &Config,
    agent: &AgentId,
    framework: &v1::FrameworkInfo,
    executor: &Executor,
    own: Option<&v1::Environment>,
) -> Environment {
    let mut environment = Environment::default();
    let checkpoint = framework.checkpoint.unwrap_or(false);
    environment.set("LIBPROCESS_IP", config.ip.clone());
    for (name, value) in &config.executor_environment_variables.0 {
        environment.set(name, value.clone());
    }
    environment.set("LIBPROCESS_PORT", "0");
    environment.set("MESOS_FRAMEWORK_ID", framework.id.as_ref().map_or("", |id| &id.value));
    environment.set("MESOS_EXECUTOR_ID", executor.id().as_str());
    environment.set("MESOS_DIRECTORY", executor.directory.clone());
    environment.set("MESOS_SLAVE_ID", agent.as_str());
    environment.set("MESOS_SLAVE_PID", config.pid.to_string());
    environment.set("MESOS_AGENT_ENDPOINT", config.endpoint.clone());
    environment.set("MESOS_CHECKPOINT", if checkpoint { "1" } else { "0" });
    environment.set("MESOS_HTTP_COMMAND_EXECUTOR", "0");
    if let Some(socket) = &config.domain_socket {
        environment.set("MESOS_DOMAIN_SOCKET", socket.clone());
    }
    environment.set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", format_duration(executor.shutdown_grace(config)));
    if checkpoint {
        environment.set("MESOS_RECOVERY_TIMEOUT", format_duration(config.recovery_timeout));
        environment
            .set("MESOS_SUBSCRIPTION_BACKOFF_MAX", format_duration(config.executor_reregistration_timeout));
    }
    // A command has no executor of its own that could show it.
    if config.authenticate_http_executors && executor.command.is_none() {
        environment.set_token(Claims {
            framework: framework.id.as_ref().map_or_else(String::new, |id| id.value.clone()),
            executor: executor.id().to_string(),
            container: executor.container_id.to_string(),
        });
    }
    environment.set("MESOS_SANDBOX", executor.directory.clone());
    if let Some(role) = executor.role() {
        environment.set("MESOS_ALLOCATION_ROLE", role);
    }
    environment.add(own);
    environment.finish()
}

/// Variables in the order in which they were set first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Environment {
    variables: Vec<(String, String)>,
    /// Whose token [`TOKEN`] is to be.
    token: Option<Claims>,
}

impl Environment {
    /// All variables, and whose token is to be the value of [`TOKEN`].
    pub(crate) fn into_parts(self) -> (Vec<(String, String)>, Option<Claims>) {
        (self.variables, self.token)
    }

    /// Sets a variable; a later value wins.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        // Neither can be handed to a process.
        let value = value.into();
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return;
        }
        if name == TOKEN {
            self.token = None;
        }
        match self.variables.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    /// Keeps the place of a token. The core does not make it: it is a secret, and effects can be written down.
    fn set_token(&mut self, of: Claims) {
        self.set(TOKEN, "");
        self.token = Some(of);
    }

    /// Sets what somebody asked for.
    pub(crate) fn add(&mut self, own: Option<&v1::Environment>) {
        for variable in own.map(|own| own.variables.as_slice()).unwrap_or_default() {
            // Secrets have no plain value, and there is nobody here who could resolve them.
            if let Some(value) = &variable.value {
                self.set(&variable.name, value.clone());
            }
        }
    }

    /// All of it, with a `PATH` in any case.
    pub(crate) fn finish(mut self) -> Self {
        if !self.variables.iter().any(|(known, _)| known == "PATH") {
            self.set("PATH", DEFAULT_PATH);
        }
        self
    }
}
