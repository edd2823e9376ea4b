//! Stories, each as a table of what happens and what is asked for then.

mod calls;
mod ends;

use std::time::Duration;

use tepui_core_checks::{Outcome, ProbeId};
use tepui_core_kit::{Core as _, Seed};
use tepui_model::{TaskState, Tick};
use tepui_wire_mesos::v1::{self, agent, agent::call::Type};

use crate::{Answer, CallId, Config, DefaultExecutor, Effect, Event, Start};

fn second() -> Duration {
    Duration::from_secs(1)
}

fn task(id: &str) -> v1::TaskInfo {
    v1::TaskInfo {
        name: id.to_owned(),
        task_id: v1::TaskId { value: id.to_owned() },
        command: Some(v1::CommandInfo { value: Some("sleep 1000".to_owned()), ..v1::CommandInfo::default() }),
        resources: vec![v1::Resource {
            name: "cpus".to_owned(),
            r#type: v1::value::Type::Scalar.into(),
            scalar: Some(v1::value::Scalar { value: 0.1 }),
            allocation_info: Some(v1::resource::AllocationInfo { role: Some("*".to_owned()) }),
            ..v1::Resource::default()
        }],
        ..v1::TaskInfo::default()
    }
}

fn command_health(id: &str) -> v1::TaskInfo {
    let command = v1::CommandInfo { value: Some("ok".to_owned()), ..v1::CommandInfo::default() };
    let check = v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Command.into()),
        command: Some(command),
        delay_seconds: Some(0.0),
        interval_seconds: Some(1.0),
        grace_period_seconds: Some(0.0),
        consecutive_failures: Some(2),
        ..v1::HealthCheck::default()
    };
    v1::TaskInfo { health_check: Some(check.into()), ..task(id) }
}

fn done() -> Answer {
    Answer::Done(None)
}

/// The agent recovers.
fn missed() -> Answer {
    Answer::Missed("503 recovering".to_owned())
}

fn exit(raw: i32) -> Answer {
    ended(agent::response::WaitNestedContainer {
        exit_status: Some(raw),
        ..agent::response::WaitNestedContainer::default()
    })
}

fn ended(end: agent::response::WaitNestedContainer) -> Answer {
    let response = agent::Response { wait_nested_container: Some(end), ..agent::Response::default() };
    Answer::Done(Some(Box::new(response)))
}

/// An executor with a clock, and what it asked for in words.
struct Rig {
    core: DefaultExecutor,
    now: Tick,
    /// Calls under way: what for, in words.
    calls: Vec<(CallId, String)>,
    /// Containers' ids by task.
    names: Vec<(String, String)>,
    /// The updates, in full.
    updates: Vec<v1::TaskStatus>,
    launches: Vec<agent::call::LaunchContainer>,
}

impl Rig {
    fn new() -> Self {
        let start = Start { config: Config::default(), seed: Seed::from(1) };
        let core = DefaultExecutor::start(Tick::ZERO, start);
        let now = Tick::from_nanos(1_000_000_000_000);
        Self { core, now, calls: Vec::new(), names: Vec::new(), updates: Vec::new(), launches: Vec::new() }
    }

    fn registered() -> Self {
        let mut rig = Self::new();
        let capability = v1::framework_info::Capability {
            r#type: Some(v1::framework_info::capability::Type::TaskKillingState.into()),
        };
        let framework = v1::FrameworkInfo { capabilities: vec![capability], ..v1::FrameworkInfo::default() };
        let own = v1::ContainerId { value: "own".to_owned(), parent: None };
        assert!(rig.tell(Event::Registered { framework: Box::new(framework), own }).is_empty());
        rig
    }

    fn tell(&mut self, event: Event) -> Vec<String> {
        self.core.handle(self.now, event);
        self.take()
    }

    /// A group whose containers were all launched, with nothing left to say.
    fn with_group(tasks: &[v1::TaskInfo]) -> Self {
        let mut rig = Self::registered();
        rig.group(tasks);
        for task in tasks {
            rig.answer(&format!("launch {}", task.task_id.value), done());
        }
        rig
    }

    fn group(&mut self, tasks: &[v1::TaskInfo]) -> Vec<String> {
        self.tell(Event::LaunchGroup(v1::TaskGroupInfo { tasks: tasks.to_vec() }))
    }

    fn answer(&mut self, what: &str, answer: Answer) -> Vec<String> {
        let place = self.calls.iter().position(|(_, words)| words == what).expect(what);
        let (id, _) = self.calls.remove(place);
        self.tell(Event::Answered { id, answer })
    }

    fn kill(&mut self, task_id: &str) -> Vec<String> {
        self.kill_with(task_id, None)
    }

    fn kill_with(&mut self, task_id: &str, policy: Option<v1::KillPolicy>) -> Vec<String> {
        self.tell(Event::Kill { task_id: task_id.to_owned(), policy })
    }

    fn settle(&mut self) -> Vec<String> {
        (0..self.core.unsettled).flat_map(|_| self.tell(Event::UpdateSettled)).collect()
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        let end = self.now + time;
        let mut log = Vec::new();
        let mut steps = 0..10_000;
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= end) {
            steps.next().expect("time that passes");
            self.now = self.now.max(due);
            self.core.handle_timeout(self.now);
            log.extend(self.take());
        }
        self.now = end;
        log
    }

    fn name(&self, id: &v1::ContainerId) -> String {
        let known = self.names.iter().find(|(value, _)| *value == id.value);
        known.map_or_else(|| id.value.clone(), |(_, task)| task.clone())
    }

    fn take(&mut self) -> Vec<String> {
        let mut log = Vec::new();
        while let Some(effect) = self.core.poll_effect() {
            let words = match effect {
                Effect::Update(status) => {
                    let place = status.container_status.as_ref().and_then(|it| it.container_id.as_ref());
                    let place = place.expect("every update names its container").clone();
                    self.names.push((place.value, status.task_id.value.clone()));
                    let state = TaskState::from_number(status.state).unwrap();
                    let words = format!("{} {state:?}", status.task_id.value);
                    self.updates.push(*status);
                    words
                }
                Effect::Call { id, call } => {
                    let words = self.words(&call);
                    self.calls.push((id, words.clone()));
                    words
                }
                Effect::Cancel { id } => {
                    let place = self.calls.iter().position(|(call, _)| *call == id).unwrap();
                    format!("cancel {}", self.calls.remove(place).1)
                }
                Effect::Probe { task_id, .. } => format!("probe {task_id}"),
                Effect::CancelProbe { task_id, .. } => format!("cancel probe {task_id}"),
                Effect::Link { .. } => continue,
                Effect::Stop => "stop".to_owned(),
                Effect::Warn(_) => continue,
            };
            log.push(words);
        }
        log
    }

    #[expect(deprecated, reason = "Mesos's default executor calls so")]
    fn words(&mut self, call: &agent::Call) -> String {
        match call.r#type() {
            Type::LaunchContainer => {
                let launch = call.launch_container.clone().unwrap();
                let words = format!("launch {}", self.name(&launch.container_id));
                assert_eq!(launch.container_id.parent.as_ref().unwrap().value, "own");
                self.launches.push(launch);
                words
            }
            Type::WaitNestedContainer => {
                let id = &call.wait_nested_container.as_ref().unwrap().container_id;
                match &id.parent {
                    Some(parent) if id.value.starts_with("check-") => {
                        format!("wait check {}", self.name(parent))
                    }
                    _ => format!("wait {}", self.name(id)),
                }
            }
            Type::KillNestedContainer => {
                let kill = call.kill_nested_container.as_ref().unwrap();
                format!("kill {} {}", self.name(&kill.container_id), kill.signal())
            }
            Type::LaunchNestedContainerSession => {
                let session = call.launch_nested_container_session.as_ref().unwrap();
                assert!(session.container_id.value.starts_with("check-"));
                format!("session {}", self.name(session.container_id.parent.as_ref().unwrap()))
            }
            Type::RemoveNestedContainer => "remove check".to_owned(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_group_is_launched_and_waited_for() {
    let mut rig = Rig::registered();
    assert_eq!(
        rig.group(&[task("g1"), task("g2")]),
        ["g1 Starting", "launch g1", "g2 Starting", "launch g2"]
    );
    let launch = rig.launches[0].clone();
    let command = launch.command.unwrap();
    assert_eq!(command.value(), "sleep 1000");
    let variables: Vec<_> = command.environment.unwrap().variables;
    let variables: Vec<_> = variables.iter().map(|it| (it.name.as_str(), it.value())).collect();
    assert_eq!(variables, [("MESOS_CONTAINER_IP", "127.0.0.1"), ("MESOS_ALLOCATION_ROLE", "*")]);
    assert_eq!(launch.resources, task("g1").resources);
    assert_eq!(launch.container, None);
    assert!(rig.answer("launch g1", done()).is_empty());
    assert_eq!(rig.answer("launch g2", done()), ["g1 Running", "g2 Running", "wait g1", "wait g2"]);
    assert_eq!(rig.answer("wait g1", exit(0)), ["g1 Finished"]);
    assert_eq!(rig.updates.last().unwrap().message(), "Command exited with status 0");
    assert_eq!(rig.answer("wait g2", exit(0)), ["g2 Finished"]);
    assert_eq!(rig.settle(), ["stop"]);
    assert_eq!(rig.core.poll_timeout(), None);
}

/// The recorded story: the agent dies and comes back, a task is killed, its group with it.
#[test]
fn a_killed_task_takes_its_group_with_it() {
    let mut rig = Rig::with_group(&[task("g1"), task("g2")]);
    assert_eq!(rig.tell(Event::Disconnected), ["cancel wait g1", "cancel wait g2"]);
    assert!(rig.pass(second() * 60).is_empty(), "there is nobody to ask");
    assert_eq!(rig.tell(Event::Reregistered), ["wait g1", "wait g2"]);
    // The agent recovers.
    for task in ["wait g1", "wait g2"] {
        assert!(rig.answer(task, missed()).is_empty());
    }
    assert!(rig.pass(second() / 2).is_empty());
    assert_eq!(rig.pass(second() / 2), ["wait g1", "wait g2"]);
    assert_eq!(rig.kill("g1"), ["g1 Killing", "kill g1 15"]);
    assert!(rig.kill("g1").is_empty());
    rig.answer("kill g1 15", done());
    assert_eq!(rig.answer("wait g1", exit(15)), ["g1 Killed", "g2 Killing", "kill g2 15"]);
    let last = &rig.updates[rig.updates.len() - 2];
    assert_eq!((last.message(), last.healthy), ("Command terminated with signal Terminated", None));
    rig.answer("kill g2 15", done());
    assert_eq!(rig.answer("wait g2", exit(15)), ["g2 Killed"]);
    assert_eq!(rig.settle(), ["stop"]);
}

#[test]
fn a_failed_task_takes_its_group_with_it_and_only_that() {
    let mut rig = Rig::with_group(&[task("a"), task("b")]);
    rig.group(&[task("other")]);
    rig.answer("launch other", done());
    assert_eq!(rig.answer("wait a", exit(3 << 8)), ["a Failed", "b Killing", "kill b 15"]);
    assert_eq!(rig.answer("wait b", exit(9)), ["b Killed"]);
    assert!(rig.settle().is_empty());
    assert_eq!(rig.answer("wait other", exit(0)), ["other Finished"]);
    assert_eq!(rig.settle(), ["stop"]);
}

#[test]
fn term_then_kill_after_the_grace() {
    let policy = |seconds: i64| v1::KillPolicy {
        grace_period: Some(v1::DurationInfo { nanoseconds: seconds * 1_000_000_000 }),
    };
    for (own, call, grace) in [(None, None, 3), (Some(5), None, 5), (Some(5), Some(1), 1)] {
        let mut rig = Rig::with_group(&[v1::TaskInfo { kill_policy: own.map(policy), ..task("t") }]);
        assert_eq!(rig.kill_with("t", call.map(policy)), ["t Killing", "kill t 15"]);
        rig.answer("kill t 15", done());
        assert!(rig.pass(second() * grace - Duration::from_millis(1)).is_empty());
        assert_eq!(rig.pass(Duration::from_millis(1)), ["kill t 9"]);
        rig.answer("kill t 9", done());
        assert!(rig.pass(second() * 100).is_empty());
    }
    // A second call shortens the grace, and cannot make it longer.
    let mut rig = Rig::with_group(&[task("t")]);
    rig.kill("t");
    rig.kill_with("t", Some(policy(1)));
    rig.kill_with("t", Some(policy(100)));
    assert_eq!(rig.pass(second()), ["kill t 9"]);
}

#[test]
fn a_kill_that_does_not_arrive_is_repeated() {
    let mut rig = Rig::with_group(&[task("t")]);
    rig.kill("t");
    assert!(rig.answer("kill t 15", missed()).is_empty());
    assert_eq!(rig.pass(second()), ["kill t 15"]);
    // The container has ended already: WAIT tells.
    assert!(rig.answer("kill t 15", Answer::Refused("not here".to_owned())).is_empty());
    rig.tell(Event::Disconnected);
    assert!(rig.pass(second() * 10).is_empty());
    assert_eq!(rig.tell(Event::Reregistered), ["wait t", "kill t 9"]);
}

#[test]
fn a_container_that_cannot_be_launched_fails_its_group() {
    let mut rig = Rig::registered();
    rig.group(&[task("a"), task("b")]);
    rig.answer("launch a", done());
    let refusal = Answer::Refused("no such image".to_owned());
    assert_eq!(rig.answer("launch b", refusal), ["b Failed", "a Killing", "kill a 15", "wait a"]);
    let failed = &rig.updates[rig.updates.len() - 2];
    assert_eq!(failed.message(), "Failed to launch container: no such image");
    assert_eq!(failed.reason(), v1::task_status::Reason::ContainerLaunchFailed);
    assert_eq!(rig.answer("wait a", exit(15)), ["a Killed"]);
    assert_eq!(rig.settle(), ["stop"]);
}

#[test]
fn a_launch_that_was_interrupted_is_repeated() {
    let mut rig = Rig::registered();
    rig.group(&[task("a")]);
    assert_eq!(rig.tell(Event::Disconnected), ["cancel launch a"]);
    assert_eq!(rig.tell(Event::Reregistered), ["launch a"]);
    // It had arrived the first time.
    assert_eq!(rig.answer("launch a", done()), ["a Running", "wait a"]);
    assert_eq!(rig.launches[0].container_id, rig.launches[1].container_id);
}

#[test]
fn a_kill_during_the_launch_comes_right_after_it() {
    let mut rig = Rig::registered();
    rig.group(&[task("a"), task("b")]);
    assert_eq!(rig.kill("a"), ["a Killing"]);
    assert_eq!(rig.answer("launch b", done()), ["b Running", "wait b"]);
    assert_eq!(rig.answer("launch a", done()), ["kill a 15", "wait a"]);
    assert_eq!(rig.answer("wait a", exit(15)), ["a Killed", "b Killing", "kill b 15"]);
}

#[test]
fn shutdown_kills_all_within_its_time() {
    let slow = v1::KillPolicy { grace_period: Some(v1::DurationInfo { nanoseconds: 60_000_000_000 }) };
    let mut rig = Rig::with_group(&[task("a"), v1::TaskInfo { kill_policy: Some(slow), ..task("b") }]);
    assert_eq!(rig.tell(Event::Shutdown), ["a Killing", "kill a 15", "b Killing", "kill b 15"]);
    assert_eq!(rig.pass(second() * 4), ["kill a 9", "kill b 9"]);
    rig.answer("wait a", exit(9));
    rig.answer("wait b", exit(9));
    assert_eq!(rig.settle(), ["stop"]);
    // Without tasks, and without an agent, there is nothing to wait for.
    let mut rig = Rig::registered();
    assert_eq!(rig.tell(Event::Shutdown), ["stop"]);
    let mut rig = Rig::with_group(&[task("a")]);
    assert_eq!(rig.tell(Event::Disconnected), ["cancel wait a"]);
    assert_eq!(rig.tell(Event::Shutdown), ["stop"]);
}

#[test]
fn a_task_alone_ends_the_executor() {
    let mut rig = Rig::with_group(&[task("a")]);
    assert_eq!(rig.tell(Event::Launch { task_id: "alone".to_owned() }), ["a Killing", "kill a 15"]);
}

#[test]
fn last_updates_are_waited_for_but_not_for_ever() {
    let mut rig = Rig::with_group(&[task("a")]);
    rig.answer("wait a", exit(0));
    assert!(rig.pass(second() * 59).is_empty());
    // A group that comes meanwhile is welcome.
    assert_eq!(rig.group(&[task("b")]), ["b Starting", "launch b"]);
    rig.answer("launch b", done());
    rig.answer("wait b", exit(0));
    assert_eq!(rig.pass(second() * 60), ["stop"]);
    assert!(rig.group(&[task("c")]).is_empty());
}

#[test]
fn time_that_is_over_fails_the_task() {
    let time = v1::DurationInfo { nanoseconds: 2_000_000_000 };
    let mut rig = Rig::with_group(&[v1::TaskInfo { max_completion_time: Some(time), ..task("a") }]);
    assert_eq!(rig.pass(second() * 2), ["a Killing", "kill a 15"]);
    assert_eq!(rig.answer("wait a", exit(15)), ["a Failed"]);
    assert_eq!(rig.updates.last().unwrap().reason(), v1::task_status::Reason::MaxCompletionTimeReached);
}

#[test]
fn the_agent_knows_better_why_a_container_ended() {
    let limitation = v1::TaskResourceLimitation { resources: task("x").resources };
    let end = agent::response::WaitNestedContainer {
        exit_status: Some(9),
        state: Some(v1::TaskState::TaskFailed.into()),
        reason: Some(v1::task_status::Reason::ContainerLimitationMemory.into()),
        limitation: Some(limitation.clone()),
        message: Some("Memory limit exceeded".to_owned()),
    };
    let mut rig = Rig::with_group(&[task("a")]);
    assert_eq!(rig.answer("wait a", ended(end)), ["a Failed"]);
    let status = rig.updates.last().unwrap();
    assert_eq!(status.message(), "Command terminated with signal Killed: Memory limit exceeded");
    assert_eq!(status.reason(), v1::task_status::Reason::ContainerLimitationMemory);
    assert_eq!(status.limitation, Some(limitation));
    // It knows nothing at all.
    let mut rig = Rig::with_group(&[task("a")]);
    let gone = Answer::Refused("Container own.x cannot be found".to_owned());
    assert_eq!(rig.answer("wait a", gone), ["a Failed"]);
    let message = "Command terminated with unknown status: Container own.x cannot be found";
    assert_eq!(rig.updates.last().unwrap().message(), message);
}

#[test]
fn a_failing_command_check_kills() {
    let mut rig = Rig::registered();
    rig.group(&[command_health("a"), task("b")]);
    rig.answer("launch a", done());
    assert_eq!(rig.answer("launch b", done()), ["a Running", "session a", "b Running", "wait a", "wait b"]);
    assert_eq!(rig.answer("session a", done()), ["wait check a"]);
    assert_eq!(rig.answer("wait check a", exit(0)), ["remove check", "a Running"]);
    let status = rig.updates.last().unwrap();
    assert_eq!(status.healthy, Some(true));
    assert_eq!(status.reason(), v1::task_status::Reason::TaskHealthCheckStatusUpdated);
    rig.answer("remove check", done());
    // What the agent could not do says nothing about the task.
    assert_eq!(rig.pass(second()), ["session a"]);
    assert!(rig.answer("session a", missed()).is_empty());
    assert_eq!(rig.pass(second()), ["session a"]);
    rig.answer("session a", done());
    assert_eq!(rig.answer("wait check a", exit(1 << 8)), ["remove check", "a Running"]);
    rig.answer("remove check", done());
    assert_eq!(rig.pass(second()), ["session a"]);
    rig.answer("session a", done());
    assert_eq!(
        rig.answer("wait check a", exit(1 << 8)),
        ["remove check", "a Running", "a Killing", "kill a 15"]
    );
    assert_eq!(rig.answer("wait a", exit(15)), ["a Killed", "b Killing", "kill b 15"]);
    let killed = rig.updates.iter().find(|it| it.state() == v1::TaskState::TaskKilled).unwrap();
    assert_eq!(killed.healthy, Some(false));
}

#[test]
fn checks_rest_while_the_agent_is_away() {
    let mut rig = Rig::with_group(&[command_health("a")]);
    assert_eq!(rig.tell(Event::Disconnected), ["cancel session a", "cancel wait a"]);
    assert!(rig.pass(second() * 60).is_empty());
    assert_eq!(rig.tell(Event::Reregistered), ["wait a", "session a"]);
    // A check under way ends with its task, and what is left of it goes.
    assert_eq!(rig.kill("a"), ["cancel session a", "wait check a", "a Killing", "kill a 15"]);
    assert_eq!(rig.answer("wait check a", exit(9)), ["remove check"]);
}

#[test]
fn a_check_over_the_network_is_the_shells() {
    let check = v1::CheckInfo {
        r#type: Some(v1::check_info::Type::Tcp.into()),
        tcp: Some(v1::check_info::Tcp { port: 7 }),
        delay_seconds: Some(0.0),
        ..v1::CheckInfo::default()
    };
    let mut rig = Rig::registered();
    rig.group(&[v1::TaskInfo { check: Some(check.into()), ..task("a") }]);
    assert_eq!(rig.answer("launch a", done()), ["a Running", "probe a", "wait a"]);
    assert!(rig.updates.iter().all(|status| status.check_status.is_some_and(|it| it.tcp.is_some())));
    let probed =
        Event::Probed { task_id: "a".to_owned(), id: ProbeId(1), outcome: Outcome::Connected(false) };
    assert_eq!(rig.tell(probed), ["a Running"]);
    let status = rig.updates.last().unwrap().check_status.unwrap();
    assert_eq!(status.tcp.unwrap().succeeded, Some(false));
    assert_eq!(rig.pass(second() * 10), ["probe a"]);
    assert_eq!(rig.answer("wait a", exit(0)), ["cancel probe a", "a Finished"]);
}
