//! Tables of what happens to a task's checks, and what the machine asks for then.

mod validation;

use std::time::Duration;

use assert_matches::assert_matches;
use tepui_model::{Reason, Tick};
use tepui_wire_mesos::v1::{self, check_info, health_check};

use crate::{Checks, Effect, Outcome, Probe, ProbeId, Report, Scheme, validate};

const START: Tick = Tick::from_nanos(1_000_000_000_000);

fn at(seconds: f64) -> Tick {
    START + Duration::from_secs_f64(seconds)
}

fn shell(value: &str) -> v1::CommandInfo {
    v1::CommandInfo { value: Some(value.to_owned()), ..v1::CommandInfo::default() }
}

fn command_check() -> v1::CheckInfo {
    v1::CheckInfo {
        r#type: Some(check_info::Type::Command.into()),
        command: Some(check_info::Command { command: shell("x") }),
        ..v1::CheckInfo::default()
    }
}

fn command_health() -> v1::HealthCheck {
    v1::HealthCheck {
        r#type: Some(health_check::Type::Command.into()),
        command: Some(shell("y")),
        ..v1::HealthCheck::default()
    }
}

/// One thing that happens.
enum Do {
    /// Time passes until then, second by second of the test.
    Until(f64),
    /// The probe under way has shown this.
    Shows(Outcome),
    Pause,
    Resume,
}
use Do::{Pause, Resume, Shows, Until};

/// Plays the steps; writes down what the machine asks for, with the time.
fn play(mut checks: Checks, steps: Vec<Do>) -> Vec<String> {
    let mut now = START;
    let mut under_way = ProbeId(0);
    let mut log = Vec::new();
    let mut drain = |checks: &mut Checks, now: Tick, under_way: &mut ProbeId| {
        while let Some(effect) = checks.poll_effect() {
            let words = match effect {
                Effect::Probe { id, .. } => {
                    *under_way = id;
                    "probe".to_owned()
                }
                Effect::Cancel { .. } => "cancel".to_owned(),
                Effect::Kill => "kill".to_owned(),
                Effect::Report(Report { reason, check_status, healthy }) => {
                    let code = check_status.and_then(|status| status.command?.exit_code);
                    match reason {
                        Reason::TaskCheckStatusUpdated => format!("check {code:?} {healthy:?}"),
                        _ => format!("health {code:?} {healthy:?}"),
                    }
                }
            };
            log.push(format!("{} {words}", now.since(START).as_secs_f64()));
        }
    };
    for step in steps {
        match step {
            Until(seconds) => {
                let mut steps = 0..10_000;
                while let Some(next) = checks.poll_timeout().filter(|next| *next <= at(seconds)) {
                    steps.next().expect("time that passes");
                    now = now.max(next);
                    checks.handle_timeout(now);
                    drain(&mut checks, now, &mut under_way);
                }
                now = at(seconds);
            }
            Shows(outcome) => checks.handle_result(now, under_way, &outcome),
            Pause => checks.pause(now),
            Resume => checks.resume(now),
        }
        drain(&mut checks, now, &mut under_way);
    }
    log
}

const OK: Outcome = Outcome::Exited(0);
const BAD: Outcome = Outcome::Exited(1 << 8);

#[test]
fn delay_interval_and_timeout_have_mesos_defaults() {
    let checks = Checks::new(Some(&command_check()), None, START);
    let log = play(
        checks,
        vec![Until(14.9), Until(15.0), Until(16.0), Shows(OK), Until(26.0), Until(46.0), Until(56.0)],
    );
    // The second probe begins 10 s after the end of the first one, and is given up after 20 s.
    assert_eq!(
        log,
        ["15 probe", "16 check Some(0) None", "26 probe", "46 cancel", "46 check None None", "56 probe"]
    );
}

#[test]
fn a_check_reports_each_change_and_nothing_else() {
    let info = v1::CheckInfo { delay_seconds: Some(0.0), interval_seconds: Some(1.0), ..command_check() };
    let checks = Checks::new(Some(&info), None, START);
    assert_eq!(checks.check_status().map(|status| status.command.is_some()), Some(true));
    let steps = vec![
        Until(0.0),
        Shows(Outcome::Exited(4 << 8)),
        Until(1.0),
        Shows(Outcome::Exited(4 << 8)),
        Until(2.0),
        Shows(Outcome::Lost),
        Until(3.0),
        Shows(Outcome::Exited(9)),
        Until(4.0),
        Shows(Outcome::Failed("no shell".to_owned())),
        Until(5.0),
        Shows(OK),
    ];
    let log = play(checks, steps);
    let log: Vec<&str> = log.iter().map(String::as_str).filter(|line| !line.ends_with("probe")).collect();
    assert_eq!(log, ["0 check Some(4) None", "3 check None None", "5 check Some(0) None"]);
}

#[test]
fn health_grace_failures_and_kill() {
    let info = v1::HealthCheck {
        delay_seconds: Some(0.0),
        interval_seconds: Some(1.0),
        grace_period_seconds: Some(1.5),
        consecutive_failures: Some(2),
        ..command_health()
    };
    type Row = (&'static str, Vec<(f64, Outcome)>, Vec<&'static str>);
    let rows: Vec<Row> = vec![
        ("failures within the grace do not count", vec![(0.0, BAD), (1.0, BAD)], vec![]),
        (
            "after it they do, each is told, and the last one allowed kills",
            vec![(0.0, BAD), (1.0, BAD), (2.0, BAD), (3.0, BAD), (4.0, BAD)],
            vec![
                "2 health None Some(false)",
                "3 health None Some(false)",
                "3 kill",
                "4 health None Some(false)",
                "4 kill",
            ],
        ),
        (
            "a success ends the grace",
            vec![(0.0, OK), (1.0, BAD)],
            vec!["0 health None Some(true)", "1 health None Some(false)"],
        ),
        (
            "successes are told once, and again after failures, which count anew",
            vec![(0.0, OK), (1.0, OK), (2.0, BAD), (3.0, OK), (4.0, BAD)],
            vec![
                "0 health None Some(true)",
                "2 health None Some(false)",
                "3 health None Some(true)",
                "4 health None Some(false)",
            ],
        ),
        (
            "what is lost says nothing",
            vec![(0.0, OK), (1.0, BAD), (2.0, Outcome::Lost), (3.0, BAD)],
            vec![
                "0 health None Some(true)",
                "1 health None Some(false)",
                "3 health None Some(false)",
                "3 kill",
            ],
        ),
    ];
    for (words, results, expected) in rows {
        let checks = Checks::new(None, Some(&info), START);
        let steps = results.into_iter().flat_map(|(time, outcome)| [Until(time), Shows(outcome)]).collect();
        let log = play(checks, steps);
        let log: Vec<&str> = log.iter().map(String::as_str).filter(|line| !line.ends_with("probe")).collect();
        assert_eq!(log, expected, "{words}");
    }
}

#[test]
fn a_probe_that_takes_too_long_is_a_failure() {
    let info = v1::HealthCheck {
        delay_seconds: Some(0.0),
        timeout_seconds: Some(2.0),
        grace_period_seconds: Some(0.0),
        consecutive_failures: Some(1),
        ..command_health()
    };
    let log = play(Checks::new(None, Some(&info), START), vec![Until(3.0), Shows(OK)]);
    assert_eq!(log, ["0 probe", "2 cancel", "2 health None Some(false)", "2 kill"]);
    // No timeout: for ever.
    let info = v1::HealthCheck { timeout_seconds: Some(0.0), ..info };
    assert_eq!(play(Checks::new(None, Some(&info), START), vec![Until(1e6)]), ["0 probe"]);
}

#[test]
fn both_at_once_know_of_each_other() {
    let check = v1::CheckInfo { delay_seconds: Some(0.0), ..command_check() };
    let health = v1::HealthCheck { delay_seconds: Some(1.0), ..command_health() };
    let log = play(
        Checks::new(Some(&check), Some(&health), START),
        vec![Until(0.0), Shows(Outcome::Exited(4 << 8)), Until(1.0), Shows(OK), Until(10.0), Shows(OK)],
    );
    assert_eq!(
        log,
        [
            "0 probe",
            "0 check Some(4) None",
            "1 probe",
            "1 health Some(4) Some(true)",
            "10 probe",
            "10 check Some(0) Some(true)",
        ]
    );
}

/// The time of one says nothing about the probe of the other.
#[test]
fn a_probe_takes_as_long_as_it_may_whatever_else_is_due() {
    let check = v1::CheckInfo {
        delay_seconds: Some(0.0),
        interval_seconds: Some(1.0),
        timeout_seconds: Some(3.0),
        ..command_check()
    };
    let health = v1::HealthCheck {
        delay_seconds: Some(1.0),
        timeout_seconds: Some(5.0),
        grace_period_seconds: Some(0.0),
        consecutive_failures: Some(1),
        ..command_health()
    };
    let log = play(Checks::new(Some(&check), Some(&health), START), vec![Until(5.5), Shows(OK), Until(6.5)]);
    assert_eq!(
        log,
        [
            "0 probe",
            "1 probe",
            "3 cancel",
            "4 probe",
            "5.5 check Some(0) None",
            "6 cancel",
            "6 health Some(0) Some(false)",
            "6 kill",
            "6.5 probe",
        ]
    );
}

#[test]
fn either_check_is_one() {
    for (check, health, empty) in [(false, false, true), (true, false, false), (false, true, false)] {
        let (check, health) = (check.then(command_check), health.then(command_health));
        let checks = Checks::new(check.as_ref(), health.as_ref(), START);
        assert_eq!((checks.is_empty(), checks.poll_timeout().is_none()), (empty, empty));
    }
}

#[test]
fn what_the_end_of_a_command_shows() {
    let unknown = || Outcome::Failed("nobody knows how the command ended".to_owned());
    for (wait_status, outcome) in [
        (None, unknown()),
        (Some(0), Outcome::Exited(0)),
        (Some(1 << 8), Outcome::Exited(1 << 8)),
        (Some(9 << 8), Outcome::Exited(9 << 8)),
        (Some(15), Outcome::Exited(15)),
        // SIGKILL, with and without a core: the probe was ended, and shows nothing.
        (Some(9), Outcome::Lost),
        (Some(9 | 0x80), Outcome::Lost),
    ] {
        assert_eq!(Outcome::of_command(wait_status), outcome, "{wait_status:?}");
    }
}

/// Times that are no times: nothing, or for ever.
#[test]
fn odd_delays() {
    for (delay, begins) in
        [(f64::NAN, true), (-1.0, true), (f64::NEG_INFINITY, true), (1e300, false), (f64::INFINITY, false)]
    {
        let info = v1::CheckInfo { delay_seconds: Some(delay), ..command_check() };
        let log = play(Checks::new(Some(&info), None, START), vec![Until(1e3)]);
        assert_eq!(log.first().is_some_and(|line| line == "0 probe"), begins, "{delay}");
    }
}

#[test]
fn paused_nothing_is_probed_or_concluded() {
    let info = v1::HealthCheck {
        delay_seconds: Some(5.0),
        interval_seconds: Some(10.0),
        grace_period_seconds: Some(0.0),
        ..command_health()
    };
    let new = || Checks::new(None, Some(&info), START);
    // In the middle of a probe: it does not count, and another one begins at once afterwards.
    let steps = vec![Until(5.0), Pause, Shows(BAD), Until(30.0), Resume, Until(30.0), Shows(OK)];
    assert_eq!(play(new(), steps), ["5 probe", "5 cancel", "30 probe", "30 health None Some(true)"]);
    // Between two: the next one begins at once if it is overdue, and not before its time.
    let steps = vec![Until(5.0), Shows(BAD), Until(6.0), Pause, Until(30.0), Resume, Until(31.0)];
    assert_eq!(play(new(), steps)[2..], ["30 probe"]);
    let steps = vec![Until(1.0), Pause, Pause, Until(2.0), Resume, Resume, Until(5.0)];
    assert_eq!(play(new(), steps), ["5 probe"]);
}

#[test]
fn stopping_cancels_and_says_nothing_more() {
    let info = v1::HealthCheck {
        delay_seconds: Some(0.0),
        grace_period_seconds: Some(0.0),
        consecutive_failures: Some(1),
        ..command_health()
    };
    let mut checks = Checks::new(Some(&command_check()), Some(&info), START);
    checks.handle_timeout(START);
    let Some(Effect::Probe { id, .. }) = checks.poll_effect() else { panic!("no probe") };
    checks.stop(at(1.0));
    assert_eq!(checks.poll_effect(), Some(Effect::Cancel { id }));
    checks.handle_result(at(2.0), id, &BAD);
    assert_eq!((checks.poll_effect(), checks.poll_timeout()), (None, None));
}

#[test]
fn no_pause_between_probes_is_a_short_one() {
    let info = v1::CheckInfo { delay_seconds: Some(0.0), interval_seconds: Some(0.0), ..command_check() };
    let log =
        play(Checks::new(Some(&info), None, START), vec![Until(0.0), Shows(OK), Until(0.099), Until(0.1)]);
    assert_eq!(log.last().map(String::as_str), Some("0.1 probe"));
    assert_eq!(log.len(), 3);
}

#[test]
fn rubbish_does_not_panic() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300, 5e-324] {
        let info = v1::HealthCheck {
            delay_seconds: Some(value),
            interval_seconds: Some(value),
            timeout_seconds: Some(value),
            grace_period_seconds: Some(value),
            consecutive_failures: Some(0),
            ..command_health()
        };
        play(Checks::new(None, Some(&info), START), vec![Until(1.0), Shows(BAD), Until(100.0)]);
    }
    let nothing = Checks::new(Some(&v1::CheckInfo::default()), Some(&v1::HealthCheck::default()), START);
    assert!(nothing.is_empty());
    assert_eq!(nothing.poll_timeout(), None);
}

#[test]
fn probes_are_what_the_descriptions_say() {
    let probe = |check: Option<v1::CheckInfo>, health: Option<v1::HealthCheck>| {
        let mut checks = Checks::new(check.as_ref(), health.as_ref(), START);
        checks.handle_timeout(at(100.0));
        match checks.poll_effect() {
            Some(Effect::Probe { probe, .. }) => probe,
            other => panic!("{other:?}"),
        }
    };
    let http = check_info::Http { port: 80, path: Some("/x".to_owned()) };
    let check = v1::CheckInfo {
        r#type: Some(check_info::Type::Http.into()),
        http: Some(http),
        ..v1::CheckInfo::default()
    };
    assert_eq!((Scheme::Http.as_str(), Scheme::Https.as_str()), ("http", "https"));
    let v4 = "127.0.0.1";
    assert_eq!(
        probe(Some(check), None),
        Probe::Http { scheme: Scheme::Http, address: v4.parse().unwrap(), port: 80, path: "/x".to_owned() }
    );
    let http = health_check::HttpCheckInfo {
        port: 443,
        scheme: Some("https".to_owned()),
        protocol: Some(v1::network_info::Protocol::IPv6.into()),
        ..health_check::HttpCheckInfo::default()
    };
    let check = v1::HealthCheck {
        r#type: Some(health_check::Type::Http.into()),
        http: Some(http),
        ..v1::HealthCheck::default()
    };
    assert_eq!(
        probe(None, Some(check)),
        Probe::Http {
            scheme: Scheme::Https,
            address: "::1".parse().unwrap(),
            port: 443,
            path: String::new()
        }
    );
    let check = v1::HealthCheck {
        r#type: Some(health_check::Type::Tcp.into()),
        tcp: Some(health_check::TcpCheckInfo { port: 7, protocol: None }),
        ..v1::HealthCheck::default()
    };
    assert_eq!(probe(None, Some(check)), Probe::Tcp { address: v4.parse().unwrap(), port: 7 });
    assert_matches!(probe(Some(command_check()), None), Probe::Command(command) if command.value() == "x");
}

#[test]
fn http_and_tcp_results() {
    for (code, healthy) in [(199, false), (200, true), (399, true), (400, false), (503, false)] {
        let info = v1::HealthCheck {
            r#type: Some(health_check::Type::Http.into()),
            http: Some(health_check::HttpCheckInfo { port: 1, ..Default::default() }),
            delay_seconds: Some(0.0),
            grace_period_seconds: Some(0.0),
            ..v1::HealthCheck::default()
        };
        let mut checks = Checks::new(None, Some(&info), START);
        checks.handle_timeout(START);
        checks.handle_result(START, ProbeId(1), &Outcome::Answered(code));
        assert_eq!(checks.healthy(), Some(healthy), "{code}");
    }
    let info = v1::CheckInfo {
        r#type: Some(check_info::Type::Http.into()),
        http: Some(check_info::Http { port: 1, path: None }),
        delay_seconds: Some(0.0),
        ..v1::CheckInfo::default()
    };
    for (outcome, code) in
        [(Outcome::Answered(418), Some(418)), (Outcome::Failed("refused".to_owned()), None)]
    {
        let mut checks = Checks::new(Some(&info), None, START);
        checks.handle_timeout(START);
        checks.handle_result(START, ProbeId(1), &outcome);
        let status = checks.check_status().unwrap();
        assert_eq!(status.http.as_ref().unwrap().status_code, code);
        validate::check_status(status).unwrap();
    }
    let rows = [
        (Outcome::Connected(false), Some(false)),
        (Outcome::Connected(true), Some(true)),
        (Outcome::Failed("timed out".to_owned()), None),
    ];
    for (outcome, succeeded) in rows {
        let info = v1::CheckInfo {
            r#type: Some(check_info::Type::Tcp.into()),
            tcp: Some(check_info::Tcp { port: 1 }),
            delay_seconds: Some(0.0),
            ..v1::CheckInfo::default()
        };
        let mut checks = Checks::new(Some(&info), None, START);
        checks.handle_timeout(START);
        checks.handle_result(START, ProbeId(1), &outcome);
        let status = checks.check_status().unwrap();
        assert_eq!(status.tcp.as_ref().unwrap().succeeded, succeeded);
        validate::check_status(status).unwrap();
    }
}
