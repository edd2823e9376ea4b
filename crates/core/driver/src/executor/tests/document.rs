//! Walks the tables of `docs/executor-driver.md`: what they say is what the machine does.

use std::path::{Path, PathBuf};

use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The rows of the table below a heading, without its own heading.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(repository().join("docs/executor-driver.md")).unwrap();
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).expect(heading);
    let section = rest.split("\n## ").next().unwrap();
    let rows: Vec<Vec<String>> = section
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .skip(2)
        .map(|line| line.split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect();
    assert!(rows.len() > 5, "{heading}");
    rows
}

/// A driver in one of the states of its life, over one of the protocols.
fn bench(status: &str, protocol: &str) -> Bench {
    let registered = |config: Config| match &config.transport {
        Transport::Http => Bench::subscribed(config),
        Transport::Libprocess { .. } => Bench::registered(config),
    };
    let config = if protocol == "v0" { libprocess::v0(true) } else { config(true) };
    let mut bench = match status {
        "NOT_STARTED" => Bench::new(config),
        "registering" => Bench::started(config),
        _ => registered(config),
    };
    match (status, protocol) {
        ("ABORTED", _) => drop(bench.ask(Event::Abort)),
        ("STOPPED" | "ended", _) => drop(bench.ask(Event::Stop)),
        ("lost", "v1") => bench.lose(1),
        ("lost", _) => bench.exit(),
        ("shutting down", "v1") => bench.event(1, of(event::Type::Shutdown)),
        ("shutting down", _) => bench.hear(libprocess::shutdown()),
        _ => {}
    }
    bench.effects();
    bench
}

fn short(status: DriverStatus) -> String {
    status.to_string().replace("DRIVER_", "")
}

/// Does what the method of that name does, and says in the document's words what came of it: the answer, and what
/// it did. `join` and `run` wait in the shell, until the machine is finished.
fn call(bench: &mut Bench, method: &str) -> (String, String) {
    let waits = |bench: &Bench| {
        let status = bench.driver.status();
        status != DriverStatus::NotStarted && !bench.driver.is_finished()
    };
    let was_finished = bench.driver.is_finished();
    let answer = match method {
        "start" => bench.ask(Event::Start),
        "stop" => bench.ask(Event::Stop),
        "abort" => bench.ask(Event::Abort),
        "send_status_update" => bench.send("t", TaskState::TaskRunning),
        "send_framework_message" => bench.ask(Event::Message(Bytes::new())),
        "run" => bench.ask(Event::Start),
        "join" => bench.driver.status(),
        other => panic!("no method {other}"),
    };
    let mut did = Vec::new();
    for effect in bench.effects() {
        match effect.split(' ').next().unwrap() {
            "subscribe" | "Register" => did.push("asks for a subscription"),
            "call" | "Update" | "ExecutorToFramework" => did.push("sends"),
            "link" | "close" => {}
            other => did.push(Box::leak(other.to_owned().into_boxed_str())),
        }
    }
    if bench.driver.is_finished() && !was_finished {
        did.push("ends");
    }
    let waiting = matches!(method, "join" | "run") && waits(bench);
    if waiting {
        did.push("waits for the end");
    }
    if did.is_empty() {
        did.push("nothing");
    }
    (if waiting { String::new() } else { short(answer) }, did.join(", "))
}

#[test]
fn methods_do_what_the_document_says() {
    let mut rows = 0;
    for row in table("Methods") {
        let [method, when, answers, then, does, _] = &row[..] else { panic!("{row:?}") };
        for protocol in ["v1", "v0"] {
            if when == "any" {
                let bench = bench("registering", protocol);
                assert_eq!(short(bench.driver.status()), "RUNNING");
                assert_eq!(bench.driver.executor_id().value, "E");
                continue;
            }
            let mut bench = bench(when, protocol);
            assert_eq!(short(bench.driver.status()), *when);
            let (answer, did) = call(&mut bench, method);
            let after = short(bench.driver.status());
            assert_eq!((&answer, &after, &did), (answers, then, does), "{method} when {when}, {protocol}");
            rows += 1;
        }
    }
    assert_eq!(rows, 7 * 4 * 2, "each method in each state over both protocols");
}

/// What a row of the table of events stands for.
fn say(bench: &mut Bench, subscription: u64, what: &str) {
    let uuid = bench.sent.first().and_then(|update| update.status.uuid.clone()).unwrap_or_default();
    let other = Bytes::from_static(&[7; 16]);
    let malformed = Bytes::from_static(b"short");
    let acknowledged = |uuid| {
        let acknowledged = Some(event::Acknowledged { task_id: id("mine"), uuid });
        wire::Event { acknowledged, ..of(event::Type::Acknowledged) }
    };
    let event = match what {
        "SUBSCRIBED" => subscribed_event(),
        "LAUNCH" => launch("t"),
        "LAUNCH, of a task id in use" => launch("in use"),
        "LAUNCH_GROUP" => launch_group(&["t", "u"]),
        "LAUNCH_GROUP, empty" => launch_group(&[]),
        "KILL" => kill("t"),
        "ACKNOWLEDGED" => acknowledged(uuid),
        "ACKNOWLEDGED, uuid of another" => acknowledged(other),
        "ACKNOWLEDGED, uuid malformed" => acknowledged(malformed),
        "MESSAGE" => message(),
        "SHUTDOWN" => of(event::Type::Shutdown),
        "ERROR" => error("bad"),
        "HEARTBEAT" => of(event::Type::Heartbeat),
        "an unknown event" => wire::Event { r#type: Some(99), ..Default::default() },
        message => {
            return bench.hear(match message {
                "ExecutorRegistered" => libprocess::registered(),
                "ExecutorReregistered" => libprocess::reregistered(),
                "ReconnectExecutor" => libprocess::reconnect(),
                "RunTask" => libprocess::run_task("t"),
                "RunTask, of a task id in use" => libprocess::run_task("in use"),
                "KillTask" => libprocess::kill_task("t"),
                "StatusUpdateAcknowledgement" => libprocess::acknowledgement("mine", uuid),
                "StatusUpdateAcknowledgement, uuid of another" => libprocess::acknowledgement("mine", other),
                "StatusUpdateAcknowledgement, uuid malformed" => {
                    libprocess::acknowledgement("mine", malformed)
                }
                "FrameworkToExecutor" => libprocess::to_executor(),
                "ShutdownExecutor" => libprocess::shutdown(),
                other => panic!("no event {other}"),
            });
        }
    };
    bench.event(subscription, event);
}

/// The driver in a situation, with a task that is running and an update that is under way as far as there can be.
fn busy(situation: &str, protocol: &str) -> Bench {
    let connected = matches!(situation, "connected" | "lost" | "shutting down");
    let mut bench = bench(if connected { "connected" } else { situation }, protocol);
    if connected {
        match protocol {
            "v1" => bench.event(1, launch("in use")),
            _ => bench.hear(libprocess::run_task("in use")),
        }
    }
    bench.send("mine", TaskState::TaskRunning);
    match (situation, protocol) {
        ("lost", "v1") => bench.lose(1),
        ("lost", _) => bench.exit(),
        ("shutting down", "v1") => bench.event(1, of(event::Type::Shutdown)),
        ("shutting down", _) => bench.hear(libprocess::shutdown()),
        // Asked again, so that the update is known to the agent.
        ("registering", "v1") => {
            bench.lose(1);
            bench.pass(2 * SECOND);
            let Some(effect) = std::iter::from_fn(|| bench.driver.poll_effect())
                .find(|effect| matches!(effect, Effect::Subscribe { .. }))
            else {
                panic!("a subscription")
            };
            let Effect::Subscribe { call, .. } = effect else { panic!("a subscription") };
            bench.sent = call.subscribe.unwrap().unacknowledged_updates;
        }
        _ => {}
    }
    bench.effects();
    bench
}

#[test]
fn events_lead_to_what_the_document_says() {
    const SITUATIONS: [&str; 5] = ["registering", "connected", "lost", "shutting down", "ended"];
    let name = |effect: &str| match effect.split(' ').next().unwrap() {
        "warn" => "warning",
        "Registered" => "registered",
        "Reregistered" => "reregistered",
        "LaunchTask" => "launch_task",
        "LaunchTaskGroup" => "launch_task_group",
        "KillTask" => "kill_task",
        "UpdateAcknowledged" => "update_acknowledged",
        "FrameworkMessage" => "framework_message",
        "Shutdown" => "shutdown",
        "Error" => "error",
        "Reregister" => "registers again",
        _ => "",
    };
    let mut v = [0, 0];
    for row in table("What comes from the agent") {
        let [what, protocol, cells @ .., _] = &row[..] else { panic!("{row:?}") };
        v[usize::from(protocol == "v1")] += 1;
        for (situation, expected) in SITUATIONS.iter().zip(cells) {
            let mut bench = busy(situation, protocol);
            // The update that is to be acknowledged was sent with the second subscription.
            let current = if *situation == "registering" { 2 } else { 1 };
            say(&mut bench, current, what);
            let effects = bench.effects();
            let led: Vec<_> = effects
                .iter()
                .filter(|effect| !effect.starts_with("close") && !effect.starts_with("link"))
                // What was given meanwhile goes out now.
                .filter(|effect| !effect.starts_with("call") && !effect.starts_with("Update "))
                .map(|effect| name(effect))
                .collect();
            let led = if led.is_empty() { "ignored".to_owned() } else { led.join(", ") };
            assert_eq!(led, *expected, "{what} when {situation}");
        }
    }
    assert!(v[0] >= 11 && v[1] >= 14, "{v:?}");
}

/// Every `.rs` file below the directories of the driver, in one text.
fn sources() -> String {
    let mut directories =
        vec![repository().join("crates/core/driver/src"), repository().join("crates/io/executor/src")];
    let mut all = String::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    all
}

#[test]
fn every_test_that_the_document_names_exists() {
    let sources = sources();
    for heading in ["When the agent is lost", "Other differences"] {
        for row in table(heading) {
            let names = row.last().unwrap();
            assert!(!names.is_empty(), "{row:?}");
            for name in names.split(", ") {
                let test = format!("fn {name}(");
                assert!(sources.contains(&test), "{name} of {row:?}");
            }
        }
    }
}
