//! What a description of a check must be like, in Mesos's order and words.

use tepui_wire_mesos::v1::{
    CheckInfo, CheckStatusInfo, CommandInfo, HealthCheck, check_info, environment::variable, health_check,
};

/// What is wrong, in the words that a client reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCheck(String);

fn wrong<T>(text: impl Into<String>) -> Result<T, InvalidCheck> {
    Err(InvalidCheck(text.into()))
}

/// A check.
///
/// # Errors
/// [`InvalidCheck`]: the first rule that it breaks.
pub fn check(info: &CheckInfo) -> Result<(), InvalidCheck> {
    use check_info::Type;
    match info.r#type.map(Type::try_from) {
        None => return wrong("CheckInfo must specify 'type'"),
        Some(Ok(Type::Command)) => match &info.command {
            None => return wrong("Expecting 'command' to be set for COMMAND check"),
            Some(command) => command_of("Command check", "Check's", &command.command)?,
        },
        Some(Ok(Type::Http)) => match &info.http {
            None => return wrong("Expecting 'http' to be set for HTTP check"),
            Some(http) => path("HTTP check", http.path.as_deref())?,
        },
        Some(Ok(Type::Tcp)) if info.tcp.is_none() => {
            return wrong("Expecting 'tcp' to be set for TCP check");
        }
        Some(Ok(Type::Tcp)) => {}
        Some(Ok(Type::Unknown) | Err(_)) => return wrong("'UNKNOWN' is not a valid check type"),
    }
    times(&[
        ("delay_seconds", info.delay_seconds),
        ("interval_seconds", info.interval_seconds),
        ("timeout_seconds", info.timeout_seconds),
    ])
}

/// A health check.
///
/// # Errors
/// [`InvalidCheck`]: the first rule that it breaks.
pub fn health_check(info: &HealthCheck) -> Result<(), InvalidCheck> {
    use health_check::Type;
    match info.r#type.map(Type::try_from) {
        None => return wrong("HealthCheck must specify 'type'"),
        Some(Ok(Type::Command)) => match &info.command {
            None => return wrong("Expecting 'command' to be set for COMMAND health check"),
            Some(command) => command_of("Command health check", "Health check's", command)?,
        },
        Some(Ok(Type::Http)) => match &info.http {
            None => return wrong("Expecting 'http' to be set for HTTP health check"),
            Some(http) => {
                if let Some(scheme) = http.scheme.as_deref().filter(|it| !matches!(*it, "http" | "https")) {
                    return wrong(format!("Unsupported HTTP health check scheme: '{scheme}'"));
                }
                path("HTTP health check", http.path.as_deref())?;
            }
        },
        Some(Ok(Type::Tcp)) if info.tcp.is_none() => {
            return wrong("Expecting 'tcp' to be set for TCP health check");
        }
        Some(Ok(Type::Tcp)) => {}
        Some(Ok(Type::Unknown) | Err(_)) => return wrong("'UNKNOWN' is not a valid health check type"),
    }
    times(&[
        ("delay_seconds", info.delay_seconds),
        ("grace_period_seconds", info.grace_period_seconds),
        ("interval_seconds", info.interval_seconds),
        ("timeout_seconds", info.timeout_seconds),
    ])
}

/// A check's result, as an executor sends it.
///
/// # Errors
/// [`InvalidCheck`]: the first rule that it breaks.
pub fn check_status(info: &CheckStatusInfo) -> Result<(), InvalidCheck> {
    use check_info::Type;
    let absent =
        |field: &str, kind: &str| wrong(format!("Expecting '{field}' to be set for {kind} check's status"));
    match info.r#type.map(Type::try_from) {
        None => wrong("CheckStatusInfo must specify 'type'"),
        Some(Ok(Type::Command)) if info.command.is_none() => absent("command", "COMMAND"),
        Some(Ok(Type::Http)) if info.http.is_none() => absent("http", "HTTP"),
        Some(Ok(Type::Tcp)) if info.tcp.is_none() => absent("tcp", "TCP"),
        Some(Ok(Type::Unknown) | Err(_)) => wrong("'UNKNOWN' is not a valid check's status type"),
        Some(Ok(_)) => Ok(()),
    }
}

/// The environment of a command, of a check or of a task.
///
/// # Errors
/// [`InvalidCheck`]: the first rule that it breaks.
pub fn command(command: &CommandInfo) -> Result<(), InvalidCheck> {
    let Some(environment) = &command.environment else { return Ok(()) };
    for variable in &environment.variables {
        let name = &variable.name;
        let wrong = |kind: &str, what: &str| {
            wrong(format!("Environment variable '{name}' of type '{kind}' must {what}"))
        };
        match variable.r#type.map(variable::Type::try_from) {
            None | Some(Ok(variable::Type::Value)) => {
                if variable.secret.is_some() {
                    return wrong("VALUE", "not have a secret set");
                }
                if variable.value.is_none() {
                    return wrong("VALUE", "have a value set");
                }
            }
            Some(Ok(variable::Type::Secret)) => {
                if variable.secret.is_none() {
                    return wrong("SECRET", "have a secret set");
                }
                if variable.value.is_some() {
                    return wrong("SECRET", "not have a value set");
                }
            }
            _ => return self::wrong("Environment variable of type 'UNKNOWN' is not allowed"),
        }
    }
    Ok(())
}

fn command_of(kind: &str, whose: &str, info: &CommandInfo) -> Result<(), InvalidCheck> {
    if info.value.is_none() {
        let what = if info.shell() { "'shell command'" } else { "'executable path'" };
        return wrong(format!("{kind} must contain {what}"));
    }
    command(info)
        .map_err(|InvalidCheck(text)| InvalidCheck(format!("{whose} `CommandInfo` is invalid: {text}")))
}

fn path(kind: &str, path: Option<&str>) -> Result<(), InvalidCheck> {
    match path {
        Some(path) if !path.starts_with('/') => {
            wrong(format!("The path '{path}' of {kind} must start with '/'"))
        }
        _ => Ok(()),
    }
}

/// None of these may be negative, or no number.
fn times(times: &[(&'static str, Option<f64>)]) -> Result<(), InvalidCheck> {
    match times.iter().find(|(_, time)| time.is_some_and(|time| time.is_nan() || time < 0.0)) {
        Some((name, _)) => wrong(format!("Expecting '{name}' to be non-negative")),
        None => Ok(()),
    }
}
