//! An operator empties an agent: what runs there ends in time and says why, whoever is killed meanwhile.

use std::{path::Path, time::Duration};

use cluster::{
    fleet::{Fleet, PATIENCE},
    ledger::{Entry, Ledger, is_terminal},
    scheduler::{Job, Scheduler},
};
use conformance::{
    Outcome, http,
    process::{Yard, in_yard, inhabitants, wait_for},
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

/// The agent's own word about a task's end: the master's answers to questions may run ahead of it.
fn end<'a>(ledger: &'a Ledger, id: &str) -> Option<&'a Entry> {
    ledger.tasks.get(id)?.entries.iter().find(|entry| is_terminal(entry.state) && entry.uuid.is_some())
}

/// Waits for the end of each task; it is this one, and because of the drain.
fn all_end_as(scheduler: &Scheduler, state: TaskState) -> Outcome {
    scheduler.wait_until("every task's end", |ledger| TASKS.iter().all(|id| end(ledger, id).is_some()))?;
    let ledger = scheduler.ledger();
    for id in TASKS {
        let told = end(&ledger, id).map(|entry| (entry.state, entry.reason));
        assert_eq!(told, Some((state, DRAINING)), "{id}: {:?}", ledger.tasks.get(id));
    }
    Ok(())
}

#[test]
fn an_agent_is_drained_while_the_master_dies_and_used_again() {
    in_yard(|yard| {
        let (mut fleet, scheduler) = start(yard)?;
        let id = agent(&fleet)?["id"].clone();
        assert_eq!(operate(&fleet, &drain(&id, false))?, ok());
        fleet.kill_master();
        fleet.start_what_is_down()?;
        all_end_as(&scheduler, TaskState::TaskKilled)?;
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
        // The agent dies in the middle of it: when the first end is told, what it has begun is written down.
        scheduler.wait_until("the first end", |ledger| end(ledger, "command").is_some())?;
        fleet.kill_agent(0);
        fleet.start_what_is_down()?;
        all_end_as(&scheduler, TaskState::TaskGoneByOperator)?;
        wait_for("the end of the agent", PATIENCE, || (agent(&fleet).ok()?.is_null()).then_some(()))?;
        fleet.wait_until_idle()?;
        assert_eq!(operate(&fleet, &drain(&id, false))?, (400, "Unknown agent".to_owned()));

        // It ends by itself, and leaves nothing to come back as. At the same place, another one.
        let place = yard.path().join("agent-0");
        wait_for("the end of its process", PATIENCE, || inhabitants(&place).is_empty().then_some(()))?;
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
