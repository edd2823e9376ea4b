//! An operator empties an agent: what runs there ends in time and says why, whoever is killed meanwhile.

use std::{path::Path, time::Duration};

use cluster::{
    fleet::{Fleet, PATIENCE},
    ledger::Ledger,
    scheduler::{Job, Scheduler},
};
use conformance::{
    Outcome, http,
    process::{Yard, in_yard, wait_for},
};
use serde_json::{Value, json};
use tepui_scheduler::v1::{DurationInfo, KillPolicy, TaskInfo, TaskState};

const DRAINING: &str = "REASON_AGENT_DRAINING";

/// A kill policy that gives a task so long.
fn patient(grace: Duration) -> TaskInfo {
    let nanoseconds = i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX);
    let policy = KillPolicy { grace_period: Some(DurationInfo { nanoseconds }) };
    TaskInfo { kill_policy: Some(policy), ..TaskInfo::default() }
}

/// Does not listen to TERM; tells when it has got so far.
fn stubborn(ready: &Path) -> String {
    format!("trap '' TERM; : > '{}'; while :; do sleep 0.1; done", ready.display())
}

/// Does what it is told at once.
fn mild() -> String {
    "exec sleep 1000".to_owned()
}

const HOUR: Duration = Duration::from_secs(3_600);
const TASKS: [&str; 5] = ["command", "stubborn", "a", "b", "c"];

/// Commands and a group, all running; those that do not listen may take an hour, as far as their kill policies go.
fn start(yard: &Yard) -> Outcome<(Fleet, Scheduler)> {
    let fleet = Fleet::start(yard, 1)?;
    let ready = ["ready-0", "ready-1"].map(|name| yard.path().join(name));
    let jobs = vec![
        Job::command("command", mild()),
        Job::command("stubborn", stubborn(&ready[0])).with(patient(HOUR)),
        Job::member("pod", "a", mild()),
        Job::member("pod", "b", mild()).with(patient(HOUR)),
        Job::member("pod", "c", stubborn(&ready[1])).with(patient(HOUR)),
    ];
    let scheduler = Scheduler::start(fleet.port, jobs, 100)?;
    scheduler.wait_until("running tasks", |ledger| {
        ledger.count(|state| state == TaskState::TaskRunning) == TASKS.len()
    })?;
    wait_for("tasks that do not listen", PATIENCE, || ready.iter().all(|path| path.exists()).then_some(()))?;
    Ok((fleet, scheduler))
}

fn operate(fleet: &Fleet, call: &Value) -> Outcome<(u16, String)> {
    let answer = http::post(fleet.port, "/api/v1", call, "")?;
    Ok((answer.code(), answer.text()))
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn agent(fleet: &Fleet) -> Outcome<Value> {
    Ok(http::get(fleet.port, "/slaves")?.json()?["slaves"][0].clone())
}

fn drain(id: &Value, mark_gone: bool) -> Value {
    let drain =
        json!({"agent_id": {"value": id}, "max_grace_period": {"seconds": 2}, "mark_gone": mark_gone});
    json!({"type": "DRAIN_AGENT", "drain_agent": drain})
}

/// The one end of each task, and what the agent said of it.
fn ended_as(ledger: &Ledger, state: TaskState) {
    for id in TASKS {
        let entries = &ledger.tasks[id].entries;
        let end = entries.iter().find(|entry| cluster::ledger::is_terminal(entry.state));
        let end = end.unwrap_or_else(|| panic!("{id} has not ended: {entries:?}"));
        assert_eq!((end.state, end.reason), (state, DRAINING), "{id}: {end:?}");
    }
}

#[test]
fn an_agent_is_drained_while_the_master_dies_and_used_again() {
    in_yard(|yard| {
        let (mut fleet, scheduler) = start(yard)?;
        let id = agent(&fleet)?["id"].clone();
        assert_eq!(operate(&fleet, &drain(&id, false))?, ok());
        fleet.kill_master();
        fleet.start_what_is_down()?;
        scheduler.wait_for_the_end()?;
        ended_as(&scheduler.ledger(), TaskState::TaskKilled);
        wait_for("a drained agent", PATIENCE, || {
            (agent(&fleet).ok()?["drain_info"]["state"] == "DRAINED").then_some(())
        })?;
        fleet.wait_until_idle()?;

        // The next master knows it, too; and the agent's own restart changes nothing.
        fleet.kill_master();
        fleet.kill_agent(0);
        fleet.start_what_is_down()?;
        wait_for("the agent at the next master", PATIENCE, || {
            let agent = agent(&fleet).ok()?;
            (agent["id"] == id && agent["drain_info"]["state"] == "DRAINED").then_some(())
        })?;
        let shown = agent(&fleet)?;
        assert_eq!((&shown["active"], &shown["deactivated"]), (&json!(false), &json!(true)));

        scheduler.add(vec![Job::command("again", "true")]);
        let reactivate = json!({"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": {"value": id}}});
        assert_eq!(operate(&fleet, &reactivate)?, ok());
        scheduler.wait_for_the_end()?;
        assert_eq!(scheduler.ledger().tasks["again"].end(), Some(TaskState::TaskFinished));
        assert_eq!(operate(&fleet, &reactivate)?, (400, "Agent is not deactivated".to_owned()));
        drop(scheduler);
        fleet.wait_until_idle()
    });
}

#[test]
fn an_agent_is_drained_for_good() {
    in_yard(|yard| {
        let (mut fleet, scheduler) = start(yard)?;
        let id = agent(&fleet)?["id"].clone();
        assert_eq!(operate(&fleet, &drain(&id, true))?, ok());
        // Whoever else dies meanwhile.
        fleet.kill_agent(0);
        fleet.start_what_is_down()?;
        scheduler.wait_for_the_end()?;
        ended_as(&scheduler.ledger(), TaskState::TaskGoneByOperator);
        wait_for("the end of the agent", PATIENCE, || (agent(&fleet).ok()?.is_null()).then_some(()))?;
        fleet.wait_until_idle()?;
        assert_eq!(operate(&fleet, &drain(&id, false))?, (400, "Unknown agent".to_owned()));

        // At the same place, another one.
        fleet.kill_agent(0);
        fleet.start_what_is_down()?;
        fleet.wait_until_whole()?;
        assert_ne!(agent(&fleet)?["id"], id);
        scheduler.add(vec![Job::command("again", "true")]);
        scheduler.wait_for_the_end()?;
        assert_eq!(scheduler.ledger().tasks["again"].end(), Some(TaskState::TaskFinished));
        drop(scheduler);
        fleet.wait_until_idle()
    });
}
