use std::time::Duration;

use tepui_core_kit::Core as _;
use tepui_wire_mesos::{Message, internal, v1};

use super::{AGENT, Rig, aware, checkpoints, command_task, launch, master, sent, states, updates, upid};
use crate::{Checkpoint, Effect, Phase, RecoveredSandbox};

fn registered() -> internal::SlaveRegisteredMessage {
    let connection = Some(internal::MasterSlaveConnection { total_ping_timeout_seconds: Some(75.0) });
    internal::SlaveRegisteredMessage { slave_id: v1::AgentId { value: AGENT.to_owned() }, connection }
}

#[test]
fn the_first_registration_does_not_wait() {
    let mut rig = Rig::new();
    assert!(rig.effects().is_empty());
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let effects = rig.effects();
    assert_eq!(effects[0], Effect::Link { to: master() });
    let [Message::RegisterSlave(message)] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(message.slave.checkpoint, Some(true));
    assert_eq!(message.slave.id, None);
    assert_eq!(message.agent_capabilities.len(), 8);
    assert_eq!(message.resource_version_uuid.as_ref().map(|uuid| uuid.value.len()), Some(16));
    #[expect(deprecated, reason = "the wire still speaks it")]
    let role = message.slave.resources[0].role.as_deref();
    assert_eq!(role, Some("*"));
}

#[test]
fn attempts_back_off_to_a_minute() {
    let mut rig = Rig::new();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.effects();
    let attempts = |effects: &[Effect]| sent(effects).len();
    let first = attempts(&rig.pass(Duration::from_secs(60)));
    assert!((5..10).contains(&first), "{first}");
    let later = attempts(&rig.pass(Duration::from_secs(3600)));
    assert!((58..125).contains(&later), "{later}");
}

#[test]
fn the_id_is_durable_before_it_is_used() {
    let mut rig = Rig::new();
    rig.durable = false;
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.effects();
    let effects = rig.message(registered());
    assert!(matches!(checkpoints(&effects)[..], [Checkpoint::Agent(_)]));
    assert!(sent(&effects).is_empty());
    // A task may come at once; it waits for the id.
    assert!(rig.run(aware(), command_task("t", "true")).is_empty());
    // Nothing that the master says twice is written twice.
    assert!(rig.message(registered()).is_empty());
    let effects = rig.persist();
    assert!(matches!(sent(&effects)[..], [Message::UpdateSlave(_)]));
    assert_eq!(launch(&rig.persist()).executor_id.as_str(), "t");
    assert_eq!(rig.agent.phase(), Phase::Running);
}

#[test]
fn registration_is_followed_by_an_update_of_the_agent() {
    let mut rig = Rig::new();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.effects();
    let effects = rig.message(registered());
    let [Message::UpdateSlave(update)] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(update.update_oversubscribed_resources, Some(false));
    assert!(update.operations.is_some() && update.resource_providers.is_some());
    assert!(rig.message(registered()).is_empty(), "a late answer changes nothing");
}

#[test]
fn others_cannot_register_us() {
    let mut rig = Rig::new();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.effects();
    rig.agent.handle(
        rig.now,
        crate::Event::Message { from: upid("master@10.0.0.2:5050"), message: registered().into() },
    );
    assert!(rig.effects().is_empty());
    assert_eq!(rig.agent.agent_id(), None);
}

#[test]
fn pings_are_answered_in_every_state_and_their_absence_is_noticed() {
    let mut rig = Rig::new();
    let observer = upid("slave-observer(1)@10.0.0.1:5050");
    let ping = |connected| Message::from(internal::PingSlaveMessage { connected });
    rig.agent.handle(rig.now, crate::Event::Message { from: observer.clone(), message: ping(true) });
    let pong = Effect::Send { to: observer.clone(), message: internal::PongSlaveMessage {}.into() };
    assert_eq!(rig.effects(), vec![pong.clone()]);
    rig.register();
    assert!(rig.pass(Duration::from_secs(74)).is_empty());
    rig.agent.handle(rig.now, crate::Event::Message { from: observer, message: ping(true) });
    assert_eq!(rig.effects(), vec![pong]);
    assert!(rig.pass(Duration::from_secs(74)).is_empty());
    let effects = rig.pass(Duration::from_secs(3));
    assert!(matches!(sent(&effects)[0], Message::ReregisterSlave(_)));
}

#[test]
fn a_ping_that_says_disconnected_leads_to_reregistration() {
    let mut rig = Rig::registered();
    let effects = rig.message(internal::PingSlaveMessage { connected: false });
    assert!(matches!(sent(&effects)[..], [Message::PongSlave(_), Message::ReregisterSlave(_)]));
    assert_eq!(rig.agent.phase(), Phase::Disconnected);
}

#[test]
fn a_broken_link_is_made_again_with_everything_that_runs() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("t", "sleep 9"))).container_id.clone();
    let effects = rig.launched(&container);
    assert_eq!(states(&effects).len(), 1);
    rig.agent.handle(rig.now, crate::Event::Exited(master()));
    assert!(rig.effects().is_empty(), "not in the same moment");
    let effects = rig.pass(Duration::from_secs(1));
    assert_eq!(effects[0], Effect::Link { to: master() });
    let Message::ReregisterSlave(message) = sent(&effects)[0] else { panic!("{effects:?}") };
    assert_eq!(message.slave.id.as_ref().map(|id| id.value.as_str()), Some(AGENT));
    assert_eq!(message.tasks.len(), 1);
    assert_eq!(message.tasks[0].state, 1);
    assert_eq!(message.frameworks.len(), 1);
    assert!(message.executor_infos.is_empty(), "a command task has no executor that the master knows");
    // An answer to an attempt whose connection broke says nothing.
    rig.agent.handle(rig.now, crate::Event::Exited(master()));
    rig.effects();
    let again = internal::SlaveReregisteredMessage {
        slave_id: v1::AgentId { value: AGENT.to_owned() },
        ..internal::SlaveReregisteredMessage::default()
    };
    assert!(rig.message(again.clone()).is_empty());
    rig.pass(Duration::from_secs(2));
    let effects = rig.message(again);
    assert!(matches!(sent(&effects)[..], [Message::UpdateSlave(_), Message::StatusUpdate(_)]));
}

#[test]
fn no_master_no_attempts() {
    let mut rig = Rig::registered();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(None));
    assert!(rig.pass(Duration::from_secs(600)).is_empty());
    assert_eq!(rig.agent.phase(), Phase::Disconnected);
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(upid("master@10.0.0.2:5050"))));
    assert!(matches!(sent(&rig.effects())[..], [Message::ReregisterSlave(_)]));
}

#[test]
fn tasks_that_only_the_master_knows_are_dropped() {
    let mut rig = Rig::registered();
    let container = launch(&rig.run(aware(), command_task("here", "sleep 9"))).container_id.clone();
    let effects = rig.launched(&container);
    rig.acknowledge_all(&effects);
    rig.agent.handle(rig.now, crate::Event::Exited(master()));
    rig.pass(Duration::from_secs(1));
    let status = |task: &str| v1::TaskStatus {
        task_id: v1::TaskId { value: task.to_owned() },
        ..v1::TaskStatus::default()
    };
    let reconciliation = internal::ReconcileTasksMessage {
        framework_id: v1::FrameworkId { value: super::FRAMEWORK.to_owned() },
        statuses: vec![status("here"), status("lost")],
        framework: None,
    };
    let effects = rig.message(internal::SlaveReregisteredMessage {
        slave_id: v1::AgentId { value: AGENT.to_owned() },
        reconciliations: vec![reconciliation],
        connection: None,
    });
    let [update] = &updates(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(update.status.task_id.value, "lost");
    assert_eq!(update.status.state(), v1::TaskState::TaskDropped);
    assert_eq!(update.status.reason(), v1::task_status::Reason::Reconciliation);
}

/// The answer to a registration whose connection broke: the tasks that came with it must not be forgotten.
#[test]
fn an_id_that_comes_after_a_break_is_used_to_ask_again() {
    let mut rig = Rig::new();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    rig.agent.handle(rig.now, crate::Event::Exited(master()));
    rig.effects();
    let effects = rig.message(registered());
    assert!(matches!(checkpoints(&effects)[..], [Checkpoint::Agent(_)]), "{effects:?}");
    let [Message::ReregisterSlave(again)] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(again.slave.id.as_ref().map(|id| id.value.as_str()), Some(AGENT));
    assert_eq!(rig.agent.phase(), Phase::Disconnected);
}

/// The new master would keep the task, as nobody acknowledges its end a second time.
#[test]
fn a_task_is_not_listed_whose_end_was_acknowledged() {
    let mut rig = Rig::registered();
    rig.with_executor(aware());
    let end = updates(&rig.update("e", super::status("t", tepui_model::TaskState::Finished, 1))).remove(0);
    rig.durable = false;
    for (acknowledged, listed) in [(false, 1), (true, 0)] {
        if acknowledged {
            assert!(matches!(checkpoints(&rig.acknowledge(&end))[..], [Checkpoint::UpdateAppended { .. }]));
        }
        let message = rig.agent.reregister_message(&AGENT.into());
        assert_eq!(message.tasks.len(), listed, "acknowledged: {acknowledged}");
    }
}

/// Nobody is left to acknowledge what was said of a framework that has ended, even if it never had anything here.
#[test]
fn the_end_of_an_unknown_framework_ends_its_updates() {
    let mut rig = Rig::registered();
    let framework_id = v1::FrameworkId { value: "elsewhere".to_owned() };
    let status = v1::TaskStatus {
        task_id: v1::TaskId { value: "lost".to_owned() },
        state: v1::TaskState::TaskStaging.into(),
        ..v1::TaskStatus::default()
    };
    let effects = rig.message(internal::SlaveReregisteredMessage {
        slave_id: v1::AgentId { value: AGENT.to_owned() },
        reconciliations: vec![internal::ReconcileTasksMessage {
            framework_id: framework_id.clone(),
            statuses: vec![status],
            framework: None,
        }],
        connection: None,
    });
    assert_eq!(updates(&effects).len(), 1);
    rig.message(internal::ShutdownFrameworkMessage { framework_id });
    assert!(rig.agent.updates.is_empty());
    assert!(updates(&rig.pass(Duration::from_secs(60))).is_empty());
}

#[test]
fn sandboxes_go_when_old_or_when_the_disk_is_full() {
    let hour = Duration::from_secs(3600);
    let sandbox = RecoveredSandbox { path: "/w/old".to_owned(), modified: tepui_model::Tick::ZERO };
    let recovered = crate::Recovered { sandboxes: vec![sandbox], ..crate::Recovered::default() };
    let gone = vec![Effect::RemoveSandbox { path: "/w/old".to_owned() }];
    let mut rig = Rig::recovered(recovered.clone());
    // 90 % of a week on an empty disk.
    assert!(rig.pass(150 * hour).is_empty());
    assert_eq!(rig.pass(2 * hour), gone);
    let mut rig = Rig::recovered(recovered);
    rig.agent.handle(rig.now, crate::Event::DiskUsage(0.5));
    assert!(rig.effects().is_empty());
    rig.pass(hour);
    rig.agent.handle(rig.now, crate::Event::DiskUsage(0.95));
    assert_eq!(rig.effects(), gone);
    rig.agent.handle(rig.now, crate::Event::DiskUsage(f64::NAN));
}

/// The agent repeats its registration, and before the second one arrives the master launches an executor: comparing itself with
/// the second, the master counts that executor no more. It is told.
#[test]
fn a_repeated_registration_that_crossed_a_launch_is_put_right() {
    let mut rig = Rig::registered();
    rig.agent.handle(rig.now, crate::Event::Exited(master()));
    rig.effects();
    rig.pass(std::time::Duration::from_secs(4));
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    let answer = || internal::SlaveReregisteredMessage { slave_id: slave_id.clone(), ..Default::default() };
    assert!(!sent(&rig.message(answer())).iter().any(|m| matches!(m, Message::ReregisterSlave(_))));
    rig.run(super::aware(), super::executor_task("t", "e"));
    let effects = rig.message(answer());
    let [Message::ReregisterSlave(again)] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(again.executor_infos[0].executor_id.value, "e");
    assert!(sent(&rig.message(answer())).is_empty(), "said once");
}

/// The master counts an executor from its first task on; when it is not to be, the master has to know.
#[test]
fn an_executor_that_is_never_made_is_given_up() {
    let mut rig = Rig::registered();
    rig.run(super::aware(), super::executor_task("t", "e"));
    rig.message(internal::DrainSlaveMessage { config: v1::DrainConfig::default() });
    let effects = rig.run(super::aware(), super::executor_task("u", "new"));
    let exited: Vec<_> = sent(&effects)
        .into_iter()
        .filter_map(|message| match message {
            Message::ExitedExecutor(message) => Some((message.executor_id.value.as_str(), message.status)),
            _ => None,
        })
        .collect();
    assert_eq!(exited, [("new", -1)]);
    let effects = rig.run(super::aware(), super::executor_task("v", "e"));
    assert!(
        !sent(&effects).iter().any(|message| matches!(message, Message::ExitedExecutor(_))),
        "it is there"
    );
}
