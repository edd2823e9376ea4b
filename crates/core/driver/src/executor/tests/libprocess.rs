//! The same machine over libprocess: Mesos's v0 driver row by row, and where this one does better.

use tepui_wire_mesos::internal;

use super::*;

fn pid(text: &str) -> Upid {
    text.parse().unwrap()
}

pub(super) fn v0(checkpoint: bool) -> Config {
    let transport = Transport::Libprocess { own: pid("executor(1)@1.2.3.4:7"), agent: agent() };
    Config { transport, ..config(checkpoint) }
}

fn agent() -> Upid {
    pid("slave(1)@10.0.0.1:5051")
}

fn slave_id() -> AgentId {
    AgentId { value: "A".to_owned() }
}

fn framework_id() -> FrameworkId {
    FrameworkId { value: "F".to_owned() }
}

fn executor_id() -> ExecutorId {
    ExecutorId { value: "E".to_owned() }
}

fn slave_info() -> internal::SlaveInfo {
    internal::SlaveInfo { hostname: "agent".to_owned(), ..Default::default() }
}

pub(super) fn registered() -> Message {
    internal::ExecutorRegisteredMessage {
        executor_info: ExecutorInfo::default(),
        framework_id: framework_id(),
        framework_info: FrameworkInfo::default(),
        slave_id: slave_id(),
        slave_info: slave_info(),
    }
    .into()
}

pub(super) fn reregistered() -> Message {
    internal::ExecutorReregisteredMessage { slave_id: slave_id(), slave_info: slave_info() }.into()
}

pub(super) fn reconnect() -> Message {
    internal::ReconnectExecutorMessage { slave_id: slave_id() }.into()
}

pub(super) fn run_task(name: &str) -> Message {
    internal::RunTaskMessage { task: task(name), ..Default::default() }.into()
}

pub(super) fn kill_task(name: &str) -> Message {
    internal::KillTaskMessage { framework_id: framework_id(), task_id: id(name), kill_policy: None }.into()
}

pub(super) fn to_executor() -> Message {
    internal::FrameworkToExecutorMessage {
        slave_id: slave_id(),
        framework_id: framework_id(),
        executor_id: executor_id(),
        data: Bytes::from_static(b"x"),
    }
    .into()
}

pub(super) fn acknowledgement(name: &str, uuid: Bytes) -> Message {
    internal::StatusUpdateAcknowledgementMessage {
        slave_id: slave_id(),
        framework_id: framework_id(),
        task_id: id(name),
        uuid,
    }
    .into()
}

pub(super) fn shutdown() -> Message {
    internal::ShutdownExecutorMessage::default().into()
}

impl Bench {
    pub(super) fn registered(config: Config) -> Self {
        let mut bench = Self::started(config);
        bench.hear(registered());
        bench.effects();
        bench
    }

    pub(super) fn hear(&mut self, message: Message) {
        self.tell(Event::Received { from: agent(), message: Box::new(message) });
    }

    pub(super) fn exit(&mut self) {
        self.tell(Event::Exited(agent()));
    }

    /// In one of the situations in which a message can come.
    fn situation(name: &str) -> Self {
        let mut bench = match name {
            "not started" => Self::new(v0(true)),
            "registering" => Self::started(v0(true)),
            _ => Self::registered(v0(true)),
        };
        match name {
            "connected" | "registering" | "not started" => {}
            "lost" => bench.exit(),
            "reregistering" => {
                bench.exit();
                bench.hear(reconnect());
            }
            "shutting down" => bench.hear(shutdown()),
            "aborted" => drop(bench.ask(Event::Abort)),
            "stopped" => drop(bench.ask(Event::Stop)),
            other => panic!("no situation {other}"),
        }
        bench.effects();
        bench
    }
}

#[test]
fn messages_in_each_situation() {
    let (link, again) = ("link slave(1)@10.0.0.1:5051", "Reregister [t]");
    for (message, situation, effects) in [
        // Registered, not asked for registered twice.
        (registered(), "not started", &[][..]),
        (registered(), "registering", &["Registered"]),
        (registered(), "connected", &["warn"]),
        (registered(), "lost", &[link, "Registered"]),
        (registered(), "shutting down", &["warn"]),
        (registered(), "aborted", &[]),
        (registered(), "stopped", &[]),
        (reregistered(), "registering", &["Reregistered"]),
        (reregistered(), "reregistering", &["Reregistered"]),
        (reregistered(), "connected", &["warn"]),
        (reregistered(), "lost", &[link, "Reregistered"]),
        (reregistered(), "aborted", &[]),
        // An agent that was restarted: a new connection, whatever there was.
        (reconnect(), "not started", &[]),
        (reconnect(), "registering", &[link, "Reregister []"]),
        (reconnect(), "connected", &[link, "Reregister []"]),
        (reconnect(), "lost", &[link, "Reregister []"]),
        (reconnect(), "reregistering", &[link, "Reregister []"]),
        (reconnect(), "shutting down", &["warn"]),
        (reconnect(), "aborted", &[]),
        (reconnect(), "stopped", &[]),
        (run_task("t"), "not started", &[]),
        (run_task("t"), "registering", &["warn"]),
        (run_task("t"), "connected", &["LaunchTask t"]),
        (run_task("t"), "lost", &["warn"]),
        (run_task("t"), "reregistering", &["warn"]),
        (run_task("t"), "shutting down", &["warn"]),
        (run_task("t"), "aborted", &[]),
        (run_task("t"), "stopped", &[]),
        // Delivered even while not connected.
        (kill_task("t"), "not started", &[]),
        (kill_task("t"), "registering", &["KillTask t"]),
        (kill_task("t"), "connected", &["KillTask t"]),
        (kill_task("t"), "lost", &["KillTask t"]),
        (kill_task("t"), "reregistering", &["KillTask t"]),
        (kill_task("t"), "shutting down", &[]),
        (kill_task("t"), "aborted", &[]),
        (to_executor(), "registering", &["warn"]),
        (to_executor(), "connected", &["FrameworkMessage"]),
        (to_executor(), "lost", &["warn"]),
        (to_executor(), "shutting down", &[]),
        (to_executor(), "aborted", &[]),
        // Malformed, then unknown.
        (acknowledgement("t", Bytes::from_static(b"short")), "connected", &["warn"]),
        (acknowledgement("t", Bytes::from_static(&[7; 16])), "connected", &[]),
        (acknowledgement("t", Bytes::from_static(&[7; 16])), "lost", &["warn"]),
        (acknowledgement("t", Bytes::from_static(b"short")), "shutting down", &["warn"]),
        (acknowledgement("t", Bytes::from_static(b"short")), "aborted", &[]),
        (shutdown(), "not started", &[]),
        (shutdown(), "registering", &["Shutdown"]),
        (shutdown(), "connected", &["Shutdown"]),
        (shutdown(), "lost", &["Shutdown"]),
        (shutdown(), "shutting down", &[]),
        (shutdown(), "aborted", &[]),
        (shutdown(), "stopped", &[]),
        // Not for an executor at all.
        (internal::ShutdownMessage::default().into(), "connected", &["warn"]),
    ] {
        let mut bench = Bench::situation(situation);
        let name = message.name();
        bench.hear(message);
        assert_eq!(bench.effects(), effects, "{name} when {situation}");
    }
    // With something to tell.
    let mut bench = Bench::registered(v0(true));
    bench.hear(run_task("t"));
    bench.hear(reconnect());
    assert_eq!(bench.effects(), ["LaunchTask t", link, again]);
    // An agent of the other transport, and the other way round.
    let mut bench = Bench::subscribed(config(true));
    bench.hear(run_task("t"));
    bench.exit();
    assert_eq!(bench.effects(), NOTHING);
}

#[test]
fn methods_by_status_over_libprocess() {
    use DriverStatus::{Aborted, NotStarted, Running, Stopped};
    type Method = fn(&mut Bench) -> DriverStatus;
    let start: Method = |bench| bench.ask(Event::Start);
    let stop: Method = |bench| bench.ask(Event::Stop);
    let abort: Method = |bench| bench.ask(Event::Abort);
    let update: Method = |bench| bench.send("t", TaskState::TaskRunning);
    let message: Method = |bench| bench.ask(Event::Message(Bytes::new()));
    for (method, situation, answer, after, effects) in [
        (start, "not started", Running, Running, &["link slave(1)@10.0.0.1:5051", "Register"][..]),
        (start, "connected", Running, Running, &[]),
        (start, "aborted", Aborted, Aborted, &[]),
        (start, "stopped", Stopped, Stopped, &[]),
        (stop, "not started", NotStarted, NotStarted, &[]),
        (stop, "connected", Stopped, Stopped, &[]),
        (stop, "shutting down", Stopped, Stopped, &[]),
        (stop, "aborted", Aborted, Stopped, &[]),
        (stop, "stopped", Stopped, Stopped, &[]),
        (abort, "not started", NotStarted, NotStarted, &[]),
        (abort, "connected", Aborted, Aborted, &[]),
        (abort, "aborted", Aborted, Aborted, &[]),
        (abort, "stopped", Stopped, Stopped, &[]),
        (update, "not started", NotStarted, NotStarted, &[]),
        (update, "connected", Running, Running, &["Update t=TASK_RUNNING"]),
        (update, "shutting down", Running, Running, &["Update t=TASK_RUNNING"]),
        (update, "lost", Running, Running, &[]),
        (update, "aborted", Aborted, Aborted, &[]),
        (update, "stopped", Stopped, Stopped, &[]),
        (message, "not started", NotStarted, NotStarted, &[]),
        (message, "connected", Running, Running, &["ExecutorToFramework"]),
        (message, "lost", Running, Running, &["warn"]),
        (message, "aborted", Aborted, Aborted, &[]),
        (message, "stopped", Stopped, Stopped, &[]),
    ] {
        let mut bench = Bench::situation(situation);
        assert_eq!((method(&mut bench), bench.driver.status()), (answer, after), "when {situation}");
        assert_eq!(bench.effects(), effects, "when {situation}");
        let finished = matches!(after, Aborted | Stopped);
        assert_eq!(bench.driver.is_finished(), finished, "when {situation}");
    }
}

#[test]
fn an_update_carries_everything_that_the_wire_wants() {
    let mut bench = Bench::registered(v0(true));
    bench.send("t", TaskState::TaskRunning);
    let Some(Effect::Send { to, message }) = bench.driver.poll_effect() else { panic!("a message") };
    assert_eq!(to, agent());
    let Message::StatusUpdate(message) = *message else { panic!("an update") };
    let internal::StatusUpdateMessage { update, pid } = *message;
    assert_eq!(pid.as_deref(), Some("executor(1)@1.2.3.4:7"));
    assert_eq!(update.framework_id, framework_id());
    assert_eq!(update.executor_id, Some(executor_id()));
    assert_eq!(update.slave_id, Some(slave_id()));
    assert_eq!(update.timestamp, 1.0);
    assert_eq!(update.latest_state, None);
    let uuid = update.uuid.clone().unwrap();
    assert_eq!(uuid.len(), 16);
    let expected = TaskStatus {
        task_id: id("t"),
        state: TaskState::TaskRunning.into(),
        source: Some(task_status::Source::Executor.into()),
        agent_id: Some(slave_id()),
        executor_id: Some(executor_id()),
        timestamp: Some(1.0),
        uuid: Some(uuid),
        ..Default::default()
    };
    assert_eq!(update.status, expected);
}

#[test]
fn tasks_and_updates_are_kept_until_acknowledged() {
    let mut bench = Bench::registered(v0(true));
    for name in ["z", "a", "m"] {
        bench.hear(run_task(name));
        bench.send(name, TaskState::TaskRunning);
    }
    bench.hear(run_task("z"));
    bench.effects();
    let update = bench.sent.remove(1);
    bench.hear(acknowledgement("a", update.status.uuid.unwrap()));
    assert_eq!(bench.effects(), ["UpdateAcknowledged a"]);
    bench.exit();
    bench.send("z", TaskState::TaskFinished);
    assert_eq!(bench.effects(), ["warn", "Disconnected"], "it waits for the agent");
    bench.pass(SECOND);
    assert_eq!(bench.effects(), NOTHING, "nobody is asked");
    bench.hear(reconnect());
    bench.hear(reregistered());
    assert_eq!(
        bench.effects(),
        [
            "link slave(1)@10.0.0.1:5051",
            "Reregister [z m z=TASK_RUNNING m=TASK_RUNNING z=TASK_FINISHED]",
            "Reregistered"
        ]
    );
    assert_eq!(bench.driver.counters(), Counters { updates: 4, acknowledgements: 1 });
}

#[test]
fn an_agent_that_comes_back_elsewhere_is_answered_there() {
    let mut bench = Bench::registered(v0(true));
    bench.exit();
    bench.effects();
    let elsewhere = pid("slave(1)@10.0.0.1:6051");
    bench.tell(Event::Received { from: elsewhere.clone(), message: Box::new(reconnect()) });
    assert_eq!(bench.effects(), ["link slave(1)@10.0.0.1:6051", "Reregister []"]);
    bench.hear(reregistered());
    bench.exit();
    assert_eq!(bench.effects(), ["Reregistered"], "the end of the old link is of no interest");
    bench.tell(Event::Exited(elsewhere));
    assert_eq!(bench.effects(), ["warn", "Disconnected"]);
}

#[test]
fn the_end_of_the_link() {
    for (checkpoint, situation, effects, kill) in [
        (true, "connected", &["warn", "Disconnected"][..], false),
        (false, "connected", &["warn", "Disconnected", "Shutdown"], true),
        // Before it is registered there is still somebody to ask, with checkpointing.
        (true, "registering", &["warn"], false),
        (false, "registering", &["warn", "Shutdown"], true),
        (true, "shutting down", &["warn"], true),
        (true, "lost", &[], false),
    ] {
        let mut bench = match situation {
            "registering" => Bench::started(v0(checkpoint)),
            _ => Bench::registered(v0(checkpoint)),
        };
        match situation {
            "shutting down" => bench.hear(shutdown()),
            "lost" => bench.exit(),
            _ => {}
        }
        bench.effects();
        bench.exit();
        assert_eq!(bench.effects(), effects, "{situation}, checkpoint {checkpoint}");
        bench.pass(5 * SECOND);
        assert_eq!(
            bench.effects().contains(&"KILL".to_owned()),
            kill,
            "{situation}, checkpoint {checkpoint}"
        );
    }
}

#[test]
fn a_lost_agent_is_waited_for_until_the_recovery_timeout() {
    let mut bench = Bench::registered(v0(true));
    bench.exit();
    bench.effects();
    assert_eq!(bench.pass_until_due(), Duration::from_mins(15));
    assert_eq!(bench.effects(), ["warn", "Shutdown"]);
    assert_eq!(bench.pass_until_due(), 5 * SECOND);
    assert_eq!(bench.effects(), ["KILL"]);
    // One that is back in time is not given up later, and the next outage has a time of its own.
    let mut bench = Bench::registered(v0(true));
    bench.exit();
    bench.pass(Duration::from_mins(14));
    bench.hear(reconnect());
    bench.hear(reregistered());
    bench.pass(Duration::from_mins(2));
    bench.exit();
    bench.effects();
    assert_eq!(bench.pass_until_due(), Duration::from_mins(15));
    // An agent that asked and then says nothing is not back.
    let mut bench = Bench::registered(v0(true));
    bench.exit();
    bench.pass(Duration::from_mins(14) + 30 * SECOND);
    bench.hear(reconnect());
    bench.effects();
    assert_eq!(bench.pass_until_due(), 30 * SECOND);
    assert_eq!(bench.effects(), ["warn", "Shutdown"]);
}

#[test]
fn a_registration_without_an_answer_is_repeated() {
    let mut bench = Bench::started(v0(true));
    bench.effects();
    assert_eq!(bench.pass_until_due(), 60 * SECOND, "an agent that is slow must not get it twice");
    assert_eq!(bench.effects(), ["warn"]);
    assert!(bench.pass_until_due() <= 2 * SECOND);
    assert_eq!(bench.effects(), ["link slave(1)@10.0.0.1:5051", "Register"]);
    bench.exit();
    bench.effects();
    assert!(bench.pass_until_due() <= 2 * SECOND);
    assert_eq!(bench.effects(), ["link slave(1)@10.0.0.1:5051", "Register"]);
    bench.hear(registered());
    assert_eq!(bench.effects(), ["Registered"]);
}

#[test]
fn updates_are_repeated_over_libprocess_too() {
    let mut bench = Bench::registered(v0(true));
    bench.send("t", TaskState::TaskRunning);
    bench.effects();
    for wait in [10, 20, 40] {
        assert_eq!(bench.pass_until_due(), wait * SECOND);
        assert_eq!(bench.effects(), ["Update t=TASK_RUNNING"]);
    }
    // Not while nobody is there.
    bench.exit();
    bench.effects();
    bench.pass(100 * SECOND);
    assert_eq!(bench.effects(), NOTHING);
    // Off: as Mesos.
    let mut bench = Bench::registered(Config { update_retry: None, ..v0(true) });
    bench.send("t", TaskState::TaskRunning);
    assert_eq!(bench.driver.poll_timeout(), None);
}

#[test]
fn stop_waits_for_acknowledgements() {
    let mut bench = Bench::registered(v0(true));
    bench.send("t", TaskState::TaskFinished);
    bench.ask(Event::Stop);
    bench.effects();
    assert!(!bench.driver.is_finished());
    let uuid = bench.sent[0].status.uuid.clone().unwrap();
    bench.hear(acknowledgement("t", uuid));
    assert!(bench.driver.is_finished());
    assert_eq!(bench.effects(), NOTHING, "nothing is delivered any more");
    // But not for ever.
    let mut bench = Bench::registered(v0(true));
    bench.send("t", TaskState::TaskFinished);
    bench.ask(Event::Stop);
    assert_eq!(bench.pass_until_due(), 5 * SECOND);
    assert!(bench.driver.is_finished());
}
