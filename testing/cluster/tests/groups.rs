//! Task groups and checks with real processes: the default executor, its containers, and what is asked of tasks.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use cluster::{
    fleet::{Fleet, PATIENCE},
    ledger::{Entry, Ledger},
    scheduler::{Job, Scheduler, Work, shell},
};
use conformance::{
    Outcome, peers,
    process::{Yard, in_yard, run_to_end},
};
use tepui_scheduler::v1::{self, CheckInfo, HealthCheck, TaskInfo, TaskState, check_info, health_check};

const CHECKED: &str = "REASON_TASK_CHECK_STATUS_UPDATED";
const HEALTH_CHECKED: &str = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED";

/// A health check without delay and grace, of which the second failure in a row counts.
fn health(kind: health_check::Type) -> HealthCheck {
    HealthCheck {
        r#type: Some(kind.into()),
        delay_seconds: Some(0.0),
        interval_seconds: Some(0.2),
        grace_period_seconds: Some(0.0),
        consecutive_failures: Some(2),
        ..HealthCheck::default()
    }
}

fn command_health(command: &str) -> TaskInfo {
    let check = HealthCheck { command: Some(shell(command)), ..health(health_check::Type::Command) };
    TaskInfo { health_check: Some(check.into()), ..TaskInfo::default() }
}

fn http_health(port: u16) -> TaskInfo {
    let http = health_check::HttpCheckInfo {
        port: port.into(),
        path: Some("/health".to_owned()),
        ..health_check::HttpCheckInfo::default()
    };
    let check = HealthCheck { http: Some(http), ..health(health_check::Type::Http) };
    TaskInfo { health_check: Some(check.into()), ..TaskInfo::default() }
}

fn tcp_health(port: u16) -> TaskInfo {
    let tcp = health_check::TcpCheckInfo { port: port.into(), protocol: None };
    let check = HealthCheck { tcp: Some(tcp), ..health(health_check::Type::Tcp) };
    TaskInfo { health_check: Some(check.into()), ..TaskInfo::default() }
}

fn check(kind: check_info::Type) -> CheckInfo {
    CheckInfo {
        r#type: Some(kind.into()),
        delay_seconds: Some(0.0),
        interval_seconds: Some(0.2),
        ..CheckInfo::default()
    }
}

/// Answers requests with a status that can be changed.
struct Server {
    port: u16,
    status: Arc<AtomicU16>,
}

impl Server {
    fn start() -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let status = Arc::new(AtomicU16::new(200));
        let shown = Arc::clone(&status);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let status = shown.load(Ordering::Relaxed);
                // One that only wanted to know whether somebody listens is gone already.
                let _ = stream.read(&mut [0; 1024]);
                let _ =
                    stream.write_all(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").as_bytes());
            }
        });
        Ok(Self { port, status })
    }

    fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }
}

/// The states of a task that were told with an update, without what its checks had to say.
fn states(ledger: &Ledger, task: &str) -> Vec<TaskState> {
    let entries = ledger.tasks.get(task).map(|task| task.entries.as_slice()).unwrap_or_default();
    let plain =
        |entry: &&Entry| entry.uuid.is_some() && entry.reason != CHECKED && entry.reason != HEALTH_CHECKED;
    entries.iter().filter(plain).map(|entry| entry.state).collect()
}

fn entry<'a>(ledger: &'a Ledger, task: &str, is_it: impl Fn(&&Entry) -> bool) -> Option<&'a Entry> {
    ledger.tasks.get(task)?.entries.iter().find(is_it)
}

fn is_healthy(ledger: &Ledger, task: &str, healthy: bool) -> bool {
    entry(ledger, task, |entry| entry.reason == HEALTH_CHECKED && entry.healthy == Some(healthy)).is_some()
}

fn runs(ledger: &Ledger, task: &str) -> bool {
    states(ledger, task).contains(&TaskState::TaskRunning)
}

use TaskState::{
    TaskFailed as Failed, TaskFinished as Finished, TaskKilled as Killed, TaskRunning as Running,
    TaskStarting as Starting,
};

/// Starts a cluster and these tasks.
fn start(yard: &Yard, jobs: Vec<Job>) -> Outcome<(Fleet, Scheduler)> {
    let fleet = Fleet::start(yard, 1)?;
    let scheduler = Scheduler::start(fleet.port, jobs, 100)?;
    Ok((fleet, scheduler))
}

/// Everything has ended, so: and nothing is left.
fn finish(fleet: &Fleet, scheduler: Scheduler, expected: &[(&str, &[TaskState])]) -> Outcome {
    scheduler.wait_for_the_end()?;
    for (task, states_of_it) in expected {
        assert_eq!(&states(&scheduler.ledger(), task)[..], *states_of_it, "{task}");
    }
    drop(scheduler);
    fleet.wait_until_idle()
}

fn touch(path: &Path) -> Outcome {
    Ok(fs::write(path, "")?)
}

/// What a shell does until a file is there.
fn until(path: &Path) -> String {
    format!("until [ -e '{}' ]; do sleep 0.05; done", path.display())
}

#[test]
fn a_group_finishes() {
    in_yard(|yard| {
        let end = yard.path().join("end");
        let jobs = vec![
            Job::member("pod", "a", format!("echo hello; {}", until(&end))).with(command_health("true")),
            Job::member("pod", "b", until(&end)),
        ];
        let (fleet, scheduler) = start(yard, jobs)?;
        scheduler
            .wait_until("a healthy task", |ledger| is_healthy(ledger, "a", true) && runs(ledger, "b"))?;
        touch(&end)?;
        let all: &[TaskState] = &[Starting, Running, Finished];
        finish(&fleet, scheduler, &[("a", all), ("b", all)])?;
        // Each task's files are found by its name.
        let outputs = outputs(&yard.path().join("agent-0/slaves"), "tasks/a/stdout");
        assert_eq!(outputs, ["hello\n"]);
        Ok(())
    });
}

/// The contents of files below `root` whose names end so.
fn outputs(root: &Path, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        // `latest` would be a second way to everything.
        if path.is_symlink() {
            continue;
        }
        if let Ok(text) = fs::read_to_string(path.join(end)) {
            found.push(text);
        }
        found.extend(outputs(&path, end));
    }
    found
}

/// The variable that the person at the terminal looks for.
fn with_variable(mut job: Job) -> Job {
    if let Work::Member(_, command) | Work::Command(command) = &mut job.work {
        let variables = vec![v1::environment::Variable {
            name: "OF_THE_TASK".to_owned(),
            value: Some("yes".to_owned()),
            ..v1::environment::Variable::default()
        }];
        command.environment = Some(v1::Environment { variables });
    }
    job
}

#[test]
fn a_person_at_a_terminal_beside_a_task() {
    in_yard(|yard| {
        let end = yard.path().join("end");
        let watched = Job::member("pod", "a", until(&end)).with(command_health("true"));
        let jobs = vec![
            with_variable(watched),
            Job::member("pod", "b", until(&end)),
            with_variable(Job::command("alone", until(&end))),
        ];
        let (mut fleet, scheduler) = start(yard, jobs)?;
        let at_a_terminal = |fleet: &Fleet, task: &str| {
            let mut python = Command::new("python3");
            python.arg("-B").arg(peers::ours("peers").join("terminal.py")).arg(peers::tepui()?);
            python.args([format!("127.0.0.1:{}", fleet.port), task.to_owned()]);
            run_to_end("terminal", &mut python, yard.path(), PATIENCE)
        };
        scheduler
            .wait_until("all tasks", |ledger| ["a", "b", "alone"].iter().all(|task| runs(ledger, task)))?;
        at_a_terminal(&fleet, "a")?;
        at_a_terminal(&fleet, "alone")?;
        // An agent that comes back knows the tasks as well.
        fleet.kill_agent(0);
        fleet.start_what_is_down()?;
        fleet.wait_until_whole()?;
        at_a_terminal(&fleet, "a")?;
        at_a_terminal(&fleet, "alone")?;
        touch(&end)?;
        let all: &[TaskState] = &[Starting, Running, Finished];
        finish(&fleet, scheduler, &[("a", all), ("b", all), ("alone", all)])
    });
}

#[test]
fn one_that_fails_takes_the_others_with_it() {
    in_yard(|yard| {
        let jobs = vec![Job::member("pod", "a", "exit 3"), Job::member("pod", "b", "sleep 1000")];
        let (fleet, scheduler) = start(yard, jobs)?;
        scheduler.wait_for_the_end()?;
        let ledger = scheduler.ledger();
        let words =
            |task: &str, state| entry(&ledger, task, |it| it.state == state).map(|it| it.message.clone());
        assert_eq!(words("a", Failed).as_deref(), Some("Command exited with status 3"));
        assert_eq!(words("b", Killed).as_deref(), Some("Command terminated with signal Terminated"));
        drop(ledger);
        finish(&fleet, scheduler, &[("a", &[Starting, Running, Failed]), ("b", &[Starting, Running, Killed])])
    });
}

#[test]
fn one_that_is_killed_takes_the_others_with_it() {
    in_yard(|yard| {
        // It does not hear: after the grace it is killed for good.
        let grace = v1::DurationInfo { nanoseconds: 200_000_000 };
        let deaf = TaskInfo {
            kill_policy: Some(v1::KillPolicy { grace_period: Some(grace) }),
            ..TaskInfo::default()
        };
        let ready = yard.path().join("deaf");
        let deafly = format!("trap '' TERM; : > '{}'; while :; do sleep 0.1; done", ready.display());
        let jobs = vec![Job::member("pod", "a", "sleep 1000"), Job::member("pod", "b", deafly).with(deaf)];
        let (fleet, scheduler) = start(yard, jobs)?;
        scheduler.wait_until("both", |ledger| runs(ledger, "a") && runs(ledger, "b") && ready.exists())?;
        scheduler.kill("a");
        scheduler.wait_for_the_end()?;
        let message = entry(&scheduler.ledger(), "b", |it| it.state == Killed).map(|it| it.message.clone());
        assert_eq!(message.as_deref(), Some("Command terminated with signal Killed"));
        let all: &[TaskState] = &[Starting, Running, Killed];
        finish(&fleet, scheduler, &[("a", all), ("b", all)])
    });
}

#[test]
fn a_group_goes_on_when_its_agent_is_killed() {
    in_yard(|yard| {
        let end = yard.path().join("end");
        let sick = yard.path().join("sick");
        let jobs = vec![
            Job::member("pod", "a", until(&end)),
            Job::member("pod", "b", until(&end)),
            Job::member("other", "c", "sleep 1000")
                .with(command_health(&format!("[ ! -e '{}' ]", sick.display()))),
            Job::member("other", "d", "sleep 1000"),
        ];
        let (mut fleet, scheduler) = start(yard, jobs)?;
        scheduler.wait_until("all", |ledger| {
            is_healthy(ledger, "c", true) && ["a", "b", "d"].iter().all(|task| runs(ledger, task))
        })?;
        fleet.kill_agent(0);
        // While nobody sees it, one group ends, and a task of the other falls ill.
        touch(&end)?;
        touch(&sick)?;
        fleet.start_what_is_down()?;
        fleet.wait_until_whole()?;
        let (done, killed): (&[TaskState], &[TaskState]) =
            (&[Starting, Running, Finished], &[Starting, Running, Killed]);
        scheduler.wait_for_the_end()?;
        let last = entry(&scheduler.ledger(), "c", |it| it.state == Killed).map(|it| it.healthy);
        assert_eq!(last, Some(Some(false)));
        finish(&fleet, scheduler, &[("a", done), ("b", done), ("c", killed), ("d", killed)])
    });
}

/// The same tasks alone and as groups.
fn alone_and_together(task: &str, more: &TaskInfo) -> Vec<Job> {
    let id = |kind: &str| format!("{kind}-{task}");
    vec![
        Job::command(id("alone"), "sleep 1000").with(more.clone()),
        Job::member(&id("pod"), id("group"), "sleep 1000").with(more.clone()),
    ]
}

#[test]
fn health_checks_of_every_kind_see_and_kill() {
    in_yard(|yard| {
        let sick = yard.path().join("sick");
        let server = Server::start()?;
        // A port where somebody listens until this is dropped.
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let jobs = [
            alone_and_together("command", &command_health(&format!("[ ! -e '{}' ]", sick.display()))),
            alone_and_together("http", &http_health(server.port)),
            alone_and_together("tcp", &tcp_health(port)),
        ];
        let jobs: Vec<Job> = jobs.into_iter().flatten().collect();
        let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
        let (fleet, scheduler) = start(yard, jobs)?;
        scheduler.wait_until("health", |ledger| ids.iter().all(|id| is_healthy(ledger, id, true)))?;
        touch(&sick)?;
        server.answer_with(503);
        drop(listener);
        scheduler.wait_for_the_end()?;
        let ledger = scheduler.ledger();
        for id in &ids {
            assert!(is_healthy(&ledger, id, false), "{id}");
            let killed = entry(&ledger, id, |entry| entry.state == Killed);
            assert_eq!(killed.map(|entry| entry.healthy), Some(Some(false)), "{id}");
        }
        drop(ledger);
        drop(scheduler);
        fleet.wait_until_idle()
    });
}

#[test]
fn a_command_that_fell_ill_is_killed_by_the_next_agent() {
    in_yard(|yard| {
        // It hears that it is to end, and does not: its agent is killed first.
        let (sick, told) = (yard.path().join("sick"), yard.path().join("told"));
        let script = format!("trap ': > {}' TERM; while :; do sleep 0.1; done", told.display());
        let grace = v1::DurationInfo { nanoseconds: 2_000_000_000 };
        let task = TaskInfo {
            kill_policy: Some(v1::KillPolicy { grace_period: Some(grace) }),
            ..command_health(&format!("[ ! -e '{}' ]", sick.display()))
        };
        let (mut fleet, scheduler) = start(yard, vec![Job::command("a", script).with(task)])?;
        scheduler.wait_until("health", |ledger| is_healthy(ledger, "a", true))?;
        touch(&sick)?;
        scheduler.wait_until("the kill", |_| told.exists())?;
        fleet.kill_agent(0);
        fleet.start_what_is_down()?;
        scheduler.wait_for_the_end()?;
        let end = entry(&scheduler.ledger(), "a", |entry| entry.state == Killed)
            .map(|entry| (entry.healthy, entry.message.clone()));
        let words = "Command terminated with signal Killed".to_owned();
        assert_eq!(end, Some((Some(false), words)));
        finish(&fleet, scheduler, &[("a", &[Starting, Running, Killed])])
    });
}

#[test]
fn checks_of_every_kind_tell_what_they_see() {
    in_yard(|yard| {
        let server = Server::start()?;
        server.answer_with(418);
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let code = yard.path().join("code");
        fs::write(&code, "4")?;
        let command = shell(format!("exit $(cat '{}')", code.display()));
        let of = |check: CheckInfo| TaskInfo { check: Some(check.into()), ..TaskInfo::default() };
        let jobs = [
            alone_and_together(
                "command",
                &of(CheckInfo {
                    command: Some(check_info::Command { command }),
                    ..check(check_info::Type::Command)
                }),
            ),
            alone_and_together(
                "http",
                &of(CheckInfo {
                    http: Some(check_info::Http { port: server.port.into(), path: None }),
                    ..check(check_info::Type::Http)
                }),
            ),
            alone_and_together(
                "tcp",
                &of(CheckInfo {
                    tcp: Some(check_info::Tcp { port: port.into() }),
                    ..check(check_info::Type::Tcp)
                }),
            ),
        ];
        let jobs: Vec<Job> = jobs.into_iter().flatten().collect();
        let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
        let (fleet, scheduler) = start(yard, jobs)?;
        let seen = |ledger: &Ledger, id: &str, result: (Option<i32>, Option<u32>, Option<bool>)| {
            entry(ledger, id, |entry| {
                let check = entry.check.unwrap_or_default();
                let shown = (
                    check.command.and_then(|it| it.exit_code),
                    check.http.and_then(|it| it.status_code),
                    check.tcp.and_then(|it| it.succeeded),
                );
                entry.reason == CHECKED && shown == result
            })
            .is_some()
        };
        let all = |ledger: &Ledger, command: i32, http: u32, tcp: bool| {
            ["alone", "group"].iter().all(|kind| {
                seen(ledger, &format!("{kind}-command"), (Some(command), None, None))
                    && seen(ledger, &format!("{kind}-http"), (None, Some(http), None))
                    && seen(ledger, &format!("{kind}-tcp"), (None, None, Some(tcp)))
            })
        };
        scheduler.wait_until("first results", |ledger| all(ledger, 4, 418, true))?;
        // All at once: it is never empty.
        fs::write(yard.path().join("new"), "0")?;
        fs::rename(yard.path().join("new"), &code)?;
        server.answer_with(200);
        drop(listener);
        scheduler.wait_until("other results", |ledger| all(ledger, 0, 200, false))?;
        ids.iter().for_each(|id| scheduler.kill(id));
        scheduler.wait_for_the_end()?;
        drop(scheduler);
        fleet.wait_until_idle()
    });
}
