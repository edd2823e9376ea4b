//! Ends that are out of the ordinary.

use super::*;

fn grace(seconds: i64) -> v1::KillPolicy {
    v1::KillPolicy { grace_period: Some(v1::DurationInfo { nanoseconds: seconds * 1_000_000_000 }) }
}

/// What a task's end is called, by how it came about and what the agent says.
#[test]
fn what_a_task_has_come_to() {
    use v1::task_status::Reason;
    let state = |state: v1::TaskState| agent::response::WaitNestedContainer {
        exit_status: Some(0),
        state: Some(state.into()),
        ..Default::default()
    };
    let status =
        |exit_status: Option<i32>| agent::response::WaitNestedContainer { exit_status, ..Default::default() };
    for (end, killed, expected, message) in [
        (status(Some(0)), false, "a Finished", "Command exited with status 0"),
        (status(Some(0)), true, "a Killed", "Command exited with status 0"),
        (status(Some(3 << 8)), false, "a Failed", "Command exited with status 3"),
        (status(None), false, "a Failed", "Command terminated with unknown status"),
        (status(None), true, "a Failed", "Command terminated with unknown status"),
        (state(v1::TaskState::TaskGone), false, "a Gone", "Command exited with status 0"),
    ] {
        let mut rig = Rig::with_group(&[task("a")]);
        if killed {
            rig.kill("a");
        }
        assert_eq!(rig.answer("wait a", ended(end)), [expected]);
        let last = rig.updates.last().unwrap();
        assert_eq!((last.message(), last.reason, last.healthy), (message, None, None));
    }
    // An agent that answers the newer call, with nothing to add.
    let response = agent::Response {
        wait_container: Some(agent::response::WaitContainer {
            exit_status: Some(9),
            reason: Some(Reason::ContainerLimitation.into()),
            message: Some(String::new()),
            state: Some(v1::TaskState::TaskKilled.into()),
            limitation: Some(v1::TaskResourceLimitation::default()),
        }),
        ..agent::Response::default()
    };
    let mut rig = Rig::with_group(&[task("a")]);
    assert_eq!(rig.answer("wait a", Answer::Done(Some(Box::new(response)))), ["a Killed"]);
    let last = rig.updates.last().unwrap();
    assert_eq!(
        (last.message(), last.reason()),
        ("Command terminated with signal Killed", Reason::ContainerLimitation)
    );
    assert_eq!(last.limitation, Some(v1::TaskResourceLimitation::default()));
    let mut rig = Rig::with_group(&[task("a")]);
    assert_eq!(rig.answer("wait a", done()), ["a Failed"]);
}

/// TASK_KILLING is for frameworks that know it.
#[test]
fn frameworks_that_do_not_know_of_killing() {
    use v1::framework_info::{Capability, capability::Type};
    for (capabilities, killing) in [
        (vec![], false),
        (vec![Type::PartitionAware], false),
        (vec![Type::PartitionAware, Type::TaskKillingState], true),
    ] {
        let mut rig = Rig::new();
        let capabilities =
            capabilities.iter().map(|kind| Capability { r#type: Some((*kind).into()) }).collect();
        let framework = Box::new(v1::FrameworkInfo { capabilities, ..v1::FrameworkInfo::default() });
        let own = v1::ContainerId { value: "own".to_owned(), parent: None };
        rig.tell(Event::Registered { framework, own });
        rig.group(&[task("a")]);
        rig.answer("launch a", done());
        assert_eq!(rig.kill("a").first().is_some_and(|first| first == "a Killing"), killing);
    }
}

#[test]
fn a_grace_that_is_none() {
    for (policy, at_once) in [(grace(-5), true), (grace(0), true), (v1::KillPolicy::default(), false)] {
        let mut rig = Rig::with_group(&[task("a")]);
        rig.kill_with("a", Some(policy));
        rig.answer("kill a 15", done());
        assert_eq!(rig.pass(Duration::ZERO) == ["kill a 9"], at_once, "{policy:?}");
    }
}

/// The time for the news of it is kept, whatever the tasks would like; a shorter wish is one.
#[test]
fn the_grace_of_a_shutdown() {
    for (own, after) in [(None, 3), (Some(2), 2), (Some(60), 4)] {
        let mut rig = Rig::with_group(&[v1::TaskInfo { kill_policy: own.map(grace), ..task("a") }]);
        rig.tell(Event::Shutdown);
        rig.answer("kill a 15", done());
        assert!(rig.tell(Event::Shutdown).is_empty(), "once is enough");
        assert!(rig.pass(second() * after - Duration::from_millis(1)).is_empty());
        assert_eq!(rig.pass(Duration::from_millis(1)), ["kill a 9"]);
    }
}

/// A task that is on its way when the time for TERM is over gets KILL, and only that.
#[test]
fn a_grace_that_ends_during_the_launch() {
    let mut rig = Rig::registered();
    rig.group(&[task("a")]);
    assert_eq!(rig.kill("a"), ["a Killing"]);
    assert!(rig.pass(second() * 10).is_empty());
    assert_eq!(rig.answer("launch a", done()), ["kill a 9", "wait a"]);
}

/// Time begins when the task runs, and counts no more once it is to end.
#[test]
fn the_time_of_a_task_that_is_killed() {
    let time = Some(v1::DurationInfo { nanoseconds: 2_000_000_000 });
    let mut rig = Rig::registered();
    rig.group(&[v1::TaskInfo { max_completion_time: time, ..task("a") }]);
    rig.pass(second() * 10);
    rig.answer("launch a", done());
    assert!(rig.pass(second()).is_empty());
    rig.kill_with("a", Some(grace(60)));
    assert!(rig.pass(second() * 5).is_empty());
    assert_eq!(rig.answer("wait a", exit(15)), ["a Killed"]);
    assert_eq!(rig.updates.last().unwrap().reason, None);
}

/// What comes too early, too late or twice, and what is about nothing that is here.
#[test]
fn what_does_not_fit() {
    let group = || Event::LaunchGroup(v1::TaskGroupInfo { tasks: vec![task("late")] });
    let mut rig = Rig::new();
    assert!(rig.tell(group()).is_empty(), "not registered");
    let mut rig = Rig::with_group(&[task("a")]);
    assert!(rig.kill("b").is_empty());
    let probed =
        |task: &str| Event::Probed { task_id: task.to_owned(), id: ProbeId(1), outcome: Outcome::Lost };
    assert!(rig.tell(probed("b")).is_empty() && rig.tell(probed("a")).is_empty());
    let answered = Event::Answered { id: CallId(99), answer: exit(0) };
    assert!(rig.tell(answered).is_empty());
    rig.tell(Event::Shutdown);
    rig.answer("kill a 15", done());
    assert!(rig.tell(group()).is_empty(), "it ends");
    rig.answer("wait a", exit(9));
    assert_eq!(rig.settle(), ["stop"]);
    for event in [Event::UpdateSettled, Event::Shutdown, Event::Disconnected, Event::Reregistered, group()] {
        assert!(rig.tell(event).is_empty());
    }
    assert_eq!(rig.core.poll_timeout(), None);
    // One settles more than there were.
    let mut rig = Rig::with_group(&[task("a")]);
    rig.settle();
    assert!(rig.tell(Event::UpdateSettled).is_empty());
    assert_eq!(rig.answer("wait a", exit(0)), ["a Finished"]);
    assert_eq!(rig.settle(), ["stop"]);
}

/// What the end of a check's container shows.
#[test]
fn checks_whose_end_is_told_otherwise() {
    let refused = || Answer::Refused("no such container".to_owned());
    for (answer, told) in [
        (exit(0), Some(true)),
        (exit(2 << 8), Some(false)),
        (refused(), Some(false)),
        (done(), Some(false)),
        (missed(), None),
        (exit(9), None),
    ] {
        let mut rig = Rig::with_group(&[command_health("a")]);
        rig.answer("session a", done());
        let log = rig.answer("wait check a", answer);
        assert_eq!(log[0], "remove check");
        assert_eq!(log.len(), if told.is_some() { 2 } else { 1 });
        if told.is_some() {
            assert_eq!(rig.updates.last().unwrap().healthy, told);
        }
    }
    // The agent refuses the session itself: that says nothing about the task.
    let mut rig = Rig::with_group(&[command_health("a")]);
    assert!(rig.answer("session a", refused()).is_empty());
    // A check that is cancelled while it ends; and one that is of no interest any more when it has.
    let mut rig = Rig::with_group(&[command_health("a")]);
    rig.answer("session a", done());
    assert_eq!(rig.answer("wait a", exit(0)), ["cancel wait check a", "wait check a", "a Finished"]);
    assert_eq!(rig.answer("wait check a", missed()), ["remove check"]);
    assert!(rig.answer("remove check", missed()).is_empty());
    // Two tasks' checks do not get in each other's way.
    let mut rig = Rig::with_group(&[command_health("a"), command_health("b")]);
    assert_eq!(rig.kill("b"), ["cancel session b", "wait check b", "b Killing", "kill b 15"]);
    assert_eq!(rig.answer("session a", done()), ["wait check a"]);
}

#[test]
fn a_kill_of_what_is_not_there_is_noted() {
    for (task_id, noted) in [("a", false), ("b", true)] {
        let mut rig = Rig::with_group(&[task("a")]);
        rig.core.handle(rig.now, Event::Kill { task_id: task_id.to_owned(), policy: None });
        let mut effects = std::iter::from_fn(|| rig.core.poll_effect());
        assert_eq!(effects.any(|effect| matches!(effect, Effect::Warn(_))), noted, "{task_id}");
    }
}
