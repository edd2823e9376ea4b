//! What a description must be like, and the words for what it is not.

use tepui_wire_mesos::v1::{self, check_info, check_status_info, environment::variable, health_check};

use super::{command_check, command_health, shell};
use crate::validate;

#[test]
fn validation_speaks_mesos_words() {
    let text = |result: Result<(), validate::InvalidCheck>| result.unwrap_err().to_string();
    let check = |info: &v1::CheckInfo| text(validate::check(info));
    let health = |info: &v1::HealthCheck| text(validate::health_check(info));
    assert_eq!(check(&v1::CheckInfo::default()), "CheckInfo must specify 'type'");
    let of = |kind: check_info::Type| v1::CheckInfo { r#type: Some(kind.into()), ..v1::CheckInfo::default() };
    assert_eq!(check(&of(check_info::Type::Command)), "Expecting 'command' to be set for COMMAND check");
    assert_eq!(check(&of(check_info::Type::Http)), "Expecting 'http' to be set for HTTP check");
    assert_eq!(check(&of(check_info::Type::Tcp)), "Expecting 'tcp' to be set for TCP check");
    assert_eq!(check(&of(check_info::Type::Unknown)), "'UNKNOWN' is not a valid check type");
    let mut info = command_check();
    info.command = Some(check_info::Command { command: v1::CommandInfo::default() });
    assert_eq!(check(&info), "Command check must contain 'shell command'");
    info.command = Some(check_info::Command {
        command: v1::CommandInfo { shell: Some(false), ..v1::CommandInfo::default() },
    });
    assert_eq!(check(&info), "Command check must contain 'executable path'");
    let variable = v1::environment::Variable { name: "A".to_owned(), ..Default::default() };
    let environment = Some(v1::Environment { variables: vec![variable] });
    info.command = Some(check_info::Command { command: v1::CommandInfo { environment, ..shell("x") } });
    assert_eq!(
        check(&info),
        "Check's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set"
    );
    let http = check_info::Http { port: 1, path: Some("x".to_owned()) };
    assert_eq!(
        check(&v1::CheckInfo { http: Some(http), ..of(check_info::Type::Http) }),
        "The path 'x' of HTTP check must start with '/'"
    );
    assert_eq!(
        check(&v1::CheckInfo { delay_seconds: Some(-1.0), ..command_check() }),
        "Expecting 'delay_seconds' to be non-negative"
    );
    validate::check(&command_check()).unwrap();

    assert_eq!(health(&v1::HealthCheck::default()), "HealthCheck must specify 'type'");
    let of = |scheme: &str, path: &str| v1::HealthCheck {
        r#type: Some(health_check::Type::Http.into()),
        http: Some(health_check::HttpCheckInfo {
            scheme: Some(scheme.to_owned()),
            path: Some(path.to_owned()),
            ..Default::default()
        }),
        ..v1::HealthCheck::default()
    };
    assert_eq!(health(&of("ftp", "/")), "Unsupported HTTP health check scheme: 'ftp'");
    assert_eq!(health(&of("http", "x")), "The path 'x' of HTTP health check must start with '/'");
    assert_eq!(
        health(&v1::HealthCheck { grace_period_seconds: Some(f64::NAN), ..command_health() }),
        "Expecting 'grace_period_seconds' to be non-negative"
    );
    validate::health_check(&of("https", "/")).unwrap();
    validate::health_check(&command_health()).unwrap();
}

fn wrong(result: Result<(), validate::InvalidCheck>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

/// For each kind: the part that belongs to it has to be there.
#[test]
fn kinds_and_their_parts() {
    let tcp = || Some(check_info::Tcp { port: 1 });
    let check = |r#type: Option<i32>, tcp| v1::CheckInfo { r#type, tcp, ..v1::CheckInfo::default() };
    for (info, words) in [
        (check(Some(check_info::Type::Tcp.into()), tcp()), ""),
        (check(Some(check_info::Type::Tcp.into()), None), "Expecting 'tcp' to be set for TCP check"),
        (check(Some(99), tcp()), "'UNKNOWN' is not a valid check type"),
    ] {
        assert_eq!(wrong(validate::check(&info)), words);
    }
    let tcp = || Some(health_check::TcpCheckInfo { port: 1, protocol: None });
    let health = |r#type: health_check::Type, tcp| v1::HealthCheck {
        r#type: Some(r#type.into()),
        tcp,
        ..v1::HealthCheck::default()
    };
    for (info, words) in [
        (health(health_check::Type::Tcp, tcp()), ""),
        (health(health_check::Type::Tcp, None), "Expecting 'tcp' to be set for TCP health check"),
        (health(health_check::Type::Http, None), "Expecting 'http' to be set for HTTP health check"),
        (health(health_check::Type::Command, None), "Expecting 'command' to be set for COMMAND health check"),
        (health(health_check::Type::Unknown, tcp()), "'UNKNOWN' is not a valid health check type"),
        (
            v1::HealthCheck { r#type: Some(99), ..v1::HealthCheck::default() },
            "'UNKNOWN' is not a valid health check type",
        ),
    ] {
        assert_eq!(wrong(validate::health_check(&info)), words);
    }
}

#[test]
fn results_of_executors() {
    use check_info::Type;
    let all = v1::CheckStatusInfo {
        r#type: None,
        command: Some(check_status_info::Command::default()),
        http: Some(check_status_info::Http::default()),
        tcp: Some(check_status_info::Tcp::default()),
    };
    let of = |kind: Type| v1::CheckStatusInfo { r#type: Some(kind.into()), ..all };
    for (info, words) in [
        (all, "CheckStatusInfo must specify 'type'"),
        (of(Type::Command), ""),
        (of(Type::Http), ""),
        (of(Type::Tcp), ""),
        (
            v1::CheckStatusInfo { command: None, ..of(Type::Command) },
            "Expecting 'command' to be set for COMMAND check's status",
        ),
        (
            v1::CheckStatusInfo { http: None, ..of(Type::Http) },
            "Expecting 'http' to be set for HTTP check's status",
        ),
        (
            v1::CheckStatusInfo { tcp: None, ..of(Type::Tcp) },
            "Expecting 'tcp' to be set for TCP check's status",
        ),
        (of(Type::Unknown), "'UNKNOWN' is not a valid check's status type"),
        (v1::CheckStatusInfo { r#type: Some(99), ..all }, "'UNKNOWN' is not a valid check's status type"),
    ] {
        assert_eq!(wrong(validate::check_status(&info)), words);
    }
}

#[test]
fn variables_of_an_environment() {
    use variable::Type;
    let row = |kind: Option<i32>, value: bool, secret: bool, words: &'static str| {
        let variable = v1::environment::Variable {
            name: "A".to_owned(),
            r#type: kind,
            value: value.then(|| "v".to_owned()),
            secret: secret.then(v1::Secret::default),
        };
        (variable, words)
    };
    let (plain, secret) = (Some(Type::Value.into()), Some(Type::Secret.into()));
    let must = |kind: &str, what: &str| format!("Environment variable 'A' of type '{kind}' must {what}");
    let none = "Environment variable of type 'UNKNOWN' is not allowed";
    for (variable, words) in [
        row(None, true, false, ""),
        row(plain, true, false, ""),
        row(plain, false, false, "VALUE have a value set"),
        row(plain, true, true, "VALUE not have a secret set"),
        row(secret, false, true, ""),
        row(secret, false, false, "SECRET have a secret set"),
        row(secret, true, true, "SECRET not have a value set"),
        row(Some(Type::Unknown.into()), true, false, none),
        row(Some(99), true, false, none),
    ] {
        let environment = Some(v1::Environment { variables: vec![variable] });
        let command = v1::CommandInfo { environment, ..shell("x") };
        let words = match words.split_once(' ') {
            Some((kind @ ("VALUE" | "SECRET"), what)) => must(kind, what),
            _ => words.to_owned(),
        };
        assert_eq!(wrong(validate::command(&command)), words);
    }
    assert_eq!(wrong(validate::command(&shell("x"))), "");
}

/// No time may be negative; none at all is one.
#[test]
fn times() {
    let words = |name: &str| format!("Expecting '{name}' to be non-negative");
    for (time, good) in [(0.0, true), (0.5, true), (f64::INFINITY, true), (-0.1, false), (f64::NAN, false)] {
        let time = Some(time);
        for (info, name) in [
            (v1::CheckInfo { delay_seconds: time, ..command_check() }, "delay_seconds"),
            (v1::CheckInfo { interval_seconds: time, ..command_check() }, "interval_seconds"),
            (v1::CheckInfo { timeout_seconds: time, ..command_check() }, "timeout_seconds"),
        ] {
            assert_eq!(wrong(validate::check(&info)), if good { String::new() } else { words(name) });
        }
        for (info, name) in [
            (v1::HealthCheck { delay_seconds: time, ..command_health() }, "delay_seconds"),
            (v1::HealthCheck { grace_period_seconds: time, ..command_health() }, "grace_period_seconds"),
            (v1::HealthCheck { interval_seconds: time, ..command_health() }, "interval_seconds"),
            (v1::HealthCheck { timeout_seconds: time, ..command_health() }, "timeout_seconds"),
        ] {
            assert_eq!(wrong(validate::health_check(&info)), if good { String::new() } else { words(name) });
        }
    }
}
