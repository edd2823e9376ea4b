//! Checks and health checks of command tasks.

use std::time::Duration;

use tepui_core_checks::{Outcome, Probe, ProbeId};
use tepui_core_kit::Core as _;
use tepui_model::{ContainerId, Source, TaskState};
use tepui_wire_mesos::{
    internal,
    v1::{self, task_status::Reason},
};

use super::{AGENT, Rig, aware, command_task, disk::Disk, framework, launch, master, states, updates};
use crate::{ContainerState, Effect};

fn checked_task() -> v1::TaskInfo {
    let check = v1::CheckInfo {
        r#type: Some(v1::check_info::Type::Http.into()),
        http: Some(v1::check_info::Http { port: 80, path: None }),
        delay_seconds: Some(0.0),
        interval_seconds: Some(1.0),
        ..v1::CheckInfo::default()
    };
    v1::TaskInfo { check: Some(Box::new(check)), ..command_task("t", "serve") }
}

fn health_checked_task() -> v1::TaskInfo {
    let check = v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Tcp.into()),
        tcp: Some(v1::health_check::TcpCheckInfo { port: 80, protocol: None }),
        delay_seconds: Some(0.0),
        interval_seconds: Some(1.0),
        grace_period_seconds: Some(0.0),
        consecutive_failures: Some(2),
        ..v1::HealthCheck::default()
    };
    v1::TaskInfo { health_check: Some(Box::new(check)), ..command_task("t", "serve") }
}

fn probes(effects: &[Effect]) -> Vec<ProbeId> {
    let id = |effect: &Effect| if let Effect::Probe { id, .. } = effect { Some(*id) } else { None };
    effects.iter().filter_map(id).collect()
}

fn cancelled(effects: &[Effect]) -> Vec<ProbeId> {
    let id = |effect: &Effect| if let Effect::CancelProbe { id, .. } = effect { Some(*id) } else { None };
    effects.iter().filter_map(id).collect()
}

/// A task that runs and whose first updates were acknowledged.
fn running(rig: &mut Rig, task: v1::TaskInfo) -> ContainerId {
    let container = launch(&rig.run(aware(), task)).container_id.clone();
    let effects = rig.launched(&container);
    assert_eq!(rig.acknowledge_all(&effects), [TaskState::Starting, TaskState::Running]);
    container
}

impl Rig {
    fn probed(&mut self, container: &ContainerId, id: ProbeId, outcome: &Outcome) -> Vec<Effect> {
        self.agent.handle(
            self.now,
            crate::Event::Probed { container: container.clone(), id, outcome: outcome.clone() },
        );
        self.effects()
    }

    /// The probe that is due now.
    fn probe(&mut self) -> ProbeId {
        let effects = self.pass(Duration::ZERO);
        let [id] = probes(&effects)[..] else { panic!("{effects:?}") };
        id
    }
}

#[test]
fn every_update_of_a_checked_task_has_a_check_status() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), checked_task())).container_id.clone();
    let mut effects = rig.launched(&container);
    let empty = v1::CheckStatusInfo {
        r#type: Some(v1::check_info::Type::Http.into()),
        http: Some(v1::check_status_info::Http::default()),
        ..v1::CheckStatusInfo::default()
    };
    for _ in [TaskState::Starting, TaskState::Running] {
        let [update] = &updates(&effects)[..] else { panic!("{effects:?}") };
        assert_eq!(update.status.check_status, Some(empty));
        assert_eq!((update.status.healthy, update.status.reason), (None, None));
        effects = rig.acknowledge(update);
    }
    let id = rig.probe();
    let effects = rig.probed(&container, id, &Outcome::Answered(404));
    let [update] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(update.status.state(), v1::TaskState::TaskRunning);
    assert_eq!(update.status.reason(), Reason::TaskCheckStatusUpdated);
    assert_eq!(update.status.source, Some(Source::Executor.number()));
    assert_eq!(update.status.message, None);
    let status = update.status.check_status.and_then(|status| status.http);
    assert_eq!(status.and_then(|http| http.status_code), Some(404));
    assert!(update.status.container_status.is_some());
    rig.acknowledge(update);
    // The same again is no news.
    let id = probes(&rig.pass(Duration::from_secs(1)))[0];
    assert!(updates(&rig.probed(&container, id, &Outcome::Answered(404))).is_empty());
    // At the end there is no result any more.
    let id = probes(&rig.pass(Duration::from_secs(1)))[0];
    let effects = rig.kill("t");
    assert_eq!(cancelled(&effects), [id]);
    let [killing] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((killing.status.check_status, killing.status.healthy), (Some(empty), None));
    rig.acknowledge(killing);
    assert!(updates(&rig.probed(&container, id, &Outcome::Answered(200))).is_empty());
    let effects = rig.exited(&container, 15);
    let [killed] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((killed.status.check_status, killed.status.healthy), (Some(empty), None));
    assert!(probes(&rig.pass(Duration::from_secs(60))).is_empty());
}

#[test]
fn an_unhealthy_task_is_killed() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, health_checked_task());
    let id = rig.probe();
    let effects = rig.probed(&container, id, &Outcome::Connected(true));
    let [update] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(update.status.reason(), Reason::TaskHealthCheckStatusUpdated);
    assert_eq!((update.status.healthy, update.status.check_status), (Some(true), None));
    rig.acknowledge(update);
    let id = probes(&rig.pass(Duration::from_secs(1)))[0];
    let effects = rig.probed(&container, id, &Outcome::Connected(false));
    let mut open = updates(&effects);
    let id = probes(&rig.pass(Duration::from_secs(1)))[0];
    let effects = rig.probed(&container, id, &Outcome::Connected(false));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Signal { signal: 15, .. })));
    rig.exited(&container, 15);
    let mut all = Vec::new();
    while let Some(update) = open.pop() {
        open.extend(updates(&rig.acknowledge(&update)));
        all.push((update.status.state(), update.status.healthy));
    }
    let expected = [
        (v1::TaskState::TaskRunning, Some(false)),
        (v1::TaskState::TaskRunning, Some(false)),
        (v1::TaskState::TaskKilling, None),
        (v1::TaskState::TaskKilled, Some(false)),
    ];
    assert_eq!(all, expected);
}

#[test]
fn an_end_by_itself_ends_the_probes() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, health_checked_task());
    let id = rig.probe();
    let effects = rig.exited(&container, 0);
    assert_eq!(cancelled(&effects), [id]);
    assert_eq!(states(&effects), [TaskState::Finished]);
    assert!(rig.pass(Duration::from_secs(5)).is_empty());
}

#[test]
fn checks_begin_anew_with_the_agent() {
    for (task, is_http) in [(checked_task(), true), (health_checked_task(), false)] {
        let mut rig = Rig::new();
        let mut disk = Disk::default();
        rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
        let slave_id = v1::AgentId { value: AGENT.to_owned() };
        disk.take(&rig.message(internal::SlaveRegisteredMessage { slave_id, connection: None }));
        let effects = rig.run(aware(), task);
        disk.take(&effects);
        let container = launch(&effects).container_id.clone();
        disk.take(&rig.launched(&container));
        let mut rig = Rig::recovered(disk.containers(&ContainerState::Alive));
        let effects = rig.pass(Duration::ZERO);
        let probe = effects.iter().find_map(|effect| match effect {
            Effect::Probe { probe, .. } => Some(probe),
            _ => None,
        });
        assert_eq!(matches!(probe, Some(Probe::Http { .. })), is_http, "{effects:?}");
        assert_eq!(matches!(probe, Some(Probe::Tcp { .. })), !is_http);
    }
}

/// What befalls a task that runs.
type Story = fn(&mut Rig, &ContainerId) -> Vec<Effect>;

/// What is said of its end: the state, the reason, whether it was healthy.
type End = (TaskState, Option<Reason>, Option<bool>);

fn once_unhealthy(rig: &mut Rig, container: &ContainerId) -> Vec<Effect> {
    let id = rig.probe();
    rig.probed(container, id, &Outcome::Connected(false))
}

/// Twice: that is the end.
fn unhealthy(rig: &mut Rig, container: &ContainerId) -> Vec<Effect> {
    let mut effects = once_unhealthy(rig, container);
    let id = probes(&rig.pass(Duration::from_secs(1)))[0];
    effects.extend(rig.probed(container, id, &Outcome::Connected(false)));
    effects
}

#[test]
fn the_next_agent_knows_why_a_command_was_killed() {
    let exited = |status| ContainerState::Exited(crate::Exit { wait_status: Some(status), limitation: None });
    let cases: [(&str, Story, End); 5] = [
        ("nobody", |_, _| Vec::new(), (TaskState::Failed, None, None)),
        ("once unhealthy", once_unhealthy, (TaskState::Failed, None, None)),
        ("its health check", unhealthy, (TaskState::Killed, None, Some(false))),
        (
            "its scheduler",
            |rig, container| [once_unhealthy(rig, container), rig.kill("t")].concat(),
            (TaskState::Killed, None, None),
        ),
        (
            "its time",
            |rig, _| rig.pass(Duration::from_secs(5)),
            (TaskState::Failed, Some(Reason::MaxCompletionTimeReached), None),
        ),
    ];
    for (name, before, (state, reason, healthy)) in cases {
        // With a framework that wants to hear of TASK_KILLING, and one that does not.
        for info in [aware(), framework(&[])] {
            for meanwhile in [true, false] {
                let mut rig = Rig::new();
                let mut disk = Disk::default();
                rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
                let slave_id = v1::AgentId { value: AGENT.to_owned() };
                disk.take(&rig.message(internal::SlaveRegisteredMessage { slave_id, connection: None }));
                let max_completion_time = Some(v1::DurationInfo { nanoseconds: 5_000_000_000 });
                let task = v1::TaskInfo { max_completion_time, ..health_checked_task() };
                let effects = rig.run(info.clone(), task);
                disk.take(&effects);
                let container = launch(&effects).container_id.clone();
                disk.take(&rig.launched(&container));
                let said = before(&mut rig, &container);
                disk.take(&said);

                let found = if meanwhile { exited(15) } else { ContainerState::Alive };
                let now = rig.now;
                let mut rig = Rig::recovered(disk.containers(&found));
                rig.now = rig.now.max(now);
                disk.take(&rig.effects());
                if !meanwhile {
                    disk.take(&rig.pass(Duration::ZERO));
                    disk.take(&rig.exited(&container, 15));
                }
                let log = &disk.0.frameworks[0].executors[0].tasks[0].records;
                let statuses: Vec<_> =
                    log.iter().filter_map(|record| Some(&record.update.as_ref()?.status)).collect();
                let last = statuses[statuses.len() - 1];
                assert_eq!(
                    (last.state, last.reason, last.healthy),
                    (state.number(), reason.map(i32::from), healthy),
                    "killed by {name}, meanwhile: {meanwhile}"
                );
                let killing = TaskState::Killing.number();
                assert!(statuses.iter().filter(|status| status.state == killing).count() <= 1);
            }
        }
    }
}

/// A task whose health check is a command.
fn command_checked_task() -> v1::TaskInfo {
    let mut task = health_checked_task();
    if let Some(check) = &mut task.health_check {
        check.r#type = Some(v1::health_check::Type::Command.into());
        check.command = Some(v1::CommandInfo { value: Some("ok".to_owned()), ..v1::CommandInfo::default() });
    }
    task
}

#[test]
fn a_command_runs_inside_the_tasks_container() {
    let mut rig = Rig::registered();
    let container = running(&mut rig, command_checked_task());
    let begin = |rig: &mut Rig, after: u64| {
        let effects = rig.pass(Duration::from_secs(after));
        let launch = launch(&effects).clone();
        rig.launched(&launch.container_id);
        launch
    };
    let first = begin(&mut rig, 0);
    assert_eq!(first.container_id.parent(), Some(&container));
    assert!(first.container_id.as_str().starts_with("check-"));
    assert_eq!((first.class, first.stdio), (crate::ContainerClass::Debug, crate::Stdio::Files));
    assert_eq!(first.command.value(), "ok");
    assert_eq!(first.user.as_deref(), Some("root"));
    let effects = rig.exited(&first.container_id, 0);
    assert!(effects.contains(&Effect::RemoveSandbox { path: first.sandbox }));
    let [update] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(update.status.healthy, Some(true));
    rig.acknowledge(update);
    // One that takes too long is ended, and counts.
    let second = begin(&mut rig, 1);
    let effects = rig.pass(Duration::from_secs(20));
    assert!(effects.contains(&Effect::Destroy { container: second.container_id.clone() }), "{effects:?}");
    assert_eq!(updates(&effects)[0].status.healthy, Some(false));
    assert!(updates(&rig.exited(&second.container_id, 9)).is_empty());
    // The task's end waits for what is nested in it.
    let third = begin(&mut rig, 1);
    let effects = rig.exited(&container, 0);
    assert!(effects.contains(&Effect::Destroy { container: third.container_id.clone() }));
    rig.exited(&third.container_id, 9);
    assert_eq!(rig.agent.probes, crate::probes::Probes::default());
    assert!(rig.pass(Duration::from_secs(5)).iter().all(|effect| !matches!(effect, Effect::Launch(_))));
}

#[test]
fn a_command_that_cannot_be_run_is_a_failure() {
    let mut rig = Rig::registered();
    running(&mut rig, command_checked_task());
    let effects = rig.pass(Duration::ZERO);
    let check = launch(&effects).container_id.clone();
    let failure = crate::LaunchFailure {
        reason: crate::LaunchFailureReason::NoProgram,
        message: "no such program".to_owned(),
    };
    rig.agent.handle(rig.now, crate::Event::Launched { container: check, outcome: Err(failure) });
    let effects = rig.effects();
    assert_eq!(updates(&effects)[0].status.healthy, Some(false));
    assert_eq!(rig.agent.probes, crate::probes::Probes::default());
}
