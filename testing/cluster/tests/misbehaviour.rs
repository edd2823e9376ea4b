//! Executors that exit, hang, lie and shout, against a real agent, all at once: each task has exactly one terminal
//! state, with the right reason and words that help, and master and agent are as well as before.

use std::{path::Path, thread, time::Duration};

use clap::ValueEnum as _;
use cluster::{
    bad::{Part, Protocol, ghost},
    fleet::PATIENCE,
    ledger::{Ledger, is_terminal},
    scheduler::{Job, Scheduler, executor},
};
use conformance::{
    Outcome,
    cluster::{Agent, Master},
    http,
    process::{Yard, in_yard, inhabitants, wait_for},
};
use tepui_scheduler::v1::{self, TaskState};

/// So that waiting for executors that hang does not take long.
const FLAGS: [&str; 4] =
    ["--executor-registration-timeout", "2secs", "--executor-shutdown-grace-period", "1secs"];

/// A row of the table.
struct Case {
    part: Part,
    /// What the scheduler asks for when the task runs.
    ask: Ask,
    state: TaskState,
    reason: &'static str,
    /// A part of the message.
    words: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Ask {
    Nothing,
    /// The task's end, which is not listened to, and then the executor's.
    KillThenShutdown,
    /// The executor's end.
    Shutdown,
    /// The executor's end, although its task does not run.
    ShutdownBefore,
}

const fn fails(part: Part, reason: &'static str, words: &'static str) -> Case {
    Case { part, ask: Ask::Nothing, state: TaskState::TaskFailed, reason, words }
}

const fn survives(part: Part) -> Case {
    Case { part, ask: Ask::Nothing, state: TaskState::TaskFinished, reason: "", words: "as it should be" }
}

const TERMINATED: &str = "REASON_EXECUTOR_TERMINATED";
const NOT_REGISTERED: &str = "REASON_EXECUTOR_REGISTRATION_TIMEOUT";

/// Both protocols.
fn common() -> Vec<Case> {
    vec![
        fails(Part::Exits, TERMINATED, "Executor terminated"),
        fails(Part::Hangs, NOT_REGISTERED, "Executor did not register within 2secs"),
        fails(Part::Connects, NOT_REGISTERED, "Executor did not register within 2secs"),
        fails(Part::DiesWithTask, TERMINATED, "Executor terminated"),
        fails(Part::DiesRunning, TERMINATED, "Executor terminated"),
        fails(Part::Crashes, TERMINATED, "Executor terminated"),
        fails(Part::ForksAway, TERMINATED, "Executor terminated"),
        Case { ask: Ask::KillThenShutdown, ..fails(Part::Deaf, TERMINATED, "Executor terminated") },
        survives(Part::Floods),
        survives(Part::Rubbish),
        survives(Part::UnknownTask),
        survives(Part::Repeats),
        survives(Part::WrongUuids),
        survives(Part::WrongSources),
        Case { words: "", ..survives(Part::FinishesTwice) },
        survives(Part::Reconnects),
        survives(Part::Giant),
        survives(Part::Halves),
    ]
}

fn over_http() -> Vec<Case> {
    let mut cases = common();
    cases.extend([
        Case { ask: Ask::Shutdown, ..fails(Part::Deaf, TERMINATED, "Executor terminated") },
        survives(Part::Staging),
    ]);
    cases
}

fn over_libprocess() -> Vec<Case> {
    let mut cases = common();
    cases.extend([
        // Nobody can be told that it is wrong, so its executor is ended.
        fails(Part::Staging, TERMINATED, "Executor terminated"),
        Case { ask: Ask::ShutdownBefore, ..fails(Part::Unreachable, TERMINATED, "Executor terminated") },
    ]);
    cases
}

fn name(part: Part) -> String {
    part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn job(program: &Path, protocol: Protocol, number: usize, part: Part) -> Job {
    let protocol = protocol.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let id = format!("{number}-{}", name(part));
    let command = v1::CommandInfo {
        value: Some(format!("exec '{}' {protocol} {}", program.display(), name(part))),
        ..v1::CommandInfo::default()
    };
    Job::executor(id.clone(), executor(id, command), "")
}

/// What was said of a task last and for good.
fn verdict(ledger: &Ledger, id: &str, case: &Case) -> Result<(), String> {
    let task = ledger.tasks.get(id).ok_or_else(|| format!("{id} was never launched"))?;
    let mut ends: Vec<_> = task.entries.iter().filter(|entry| is_terminal(entry.state)).collect();
    // The master's answer to a question may run ahead of the agent's word.
    if task.end_is_told() {
        ends.retain(|entry| entry.uuid.is_some());
    }
    let [end] = ends[..] else { return Err(format!("{id} has {} ends: {task:#?}", ends.len())) };
    let right = end.state == case.state && end.reason == case.reason && end.message.contains(case.words);
    if right {
        return Ok(());
    }
    Err(format!(
        "{id}: expected {:?}, {}, '{}', and got {:?}, {}, '{}'",
        case.state, case.reason, case.words, end.state, end.reason, end.message
    ))
}

fn ask(scheduler: &Scheduler, id: &str, what: Ask) -> Outcome {
    match what {
        Ask::Nothing => return Ok(()),
        Ask::ShutdownBefore => {
            // It never runs, however long one waits.
            thread::sleep(Duration::from_secs(2));
            scheduler.shut_down(id, id);
            return Ok(());
        }
        Ask::KillThenShutdown | Ask::Shutdown => {}
    }
    scheduler.wait_until("a task that runs", |ledger| {
        ledger.tasks.get(id).is_some_and(|task| task.has_run() || task.end().is_some())
    })?;
    if what == Ask::KillThenShutdown {
        scheduler.kill(id);
        // Nothing comes of it, and that takes its time.
        thread::sleep(Duration::from_secs(1));
        if let Some(end) = scheduler.ledger().tasks.get(id).and_then(cluster::ledger::Task::end) {
            return Err(format!("{id} was deaf, and is {end:?}").into());
        }
    }
    scheduler.shut_down(id, id);
    Ok(())
}

fn table(yard: &Yard, protocol: Protocol, cases: &[Case]) -> Outcome {
    let mut master = Master::start(yard, &[])?;
    let mut agent = Agent::start(yard, master.port, &FLAGS)?;
    master.wait_for_agents(1)?;
    let program = Path::new(env!("CARGO_BIN_EXE_bad-executor"));
    let jobs: Vec<Job> =
        cases.iter().enumerate().map(|(number, case)| job(program, protocol, number, case.part)).collect();
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let scheduler = Scheduler::start(master.port, jobs, 2 * cases.len())?;
    for (id, case) in ids.iter().zip(cases) {
        if case.part == Part::UnknownTask {
            scheduler.know(&ghost(id));
        }
    }
    for (id, case) in ids.iter().zip(cases) {
        ask(&scheduler, id, case.ask)?;
    }
    scheduler.wait_until("the end of every task", |ledger| {
        ids.iter().all(|id| ledger.tasks.get(id).is_some_and(|task| task.end().is_some()))
    })?;
    // Whatever they still have to say, they say now.
    ids.iter().for_each(|id| scheduler.shut_down(id, id));
    let sandboxes = agent.work.join("slaves");
    wait_for("the end of every executor", PATIENCE, || inhabitants(&sandboxes).is_empty().then_some(()))?;
    let wrong: Vec<String> =
        ids.iter().zip(cases).filter_map(|(id, case)| verdict(&scheduler.ledger(), id, case).err()).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n").into());
    }
    drop(scheduler);
    for (process, port) in [(&mut master.process, master.port), (&mut agent.process, agent.port)] {
        process
            .wait_until(PATIENCE, || http::get(port, "/health").is_ok_and(|answer| answer.code() == 200))?;
        if process.output().contains("panicked") {
            return Err(format!("something panicked:\n{}", process.output()).into());
        }
    }
    Ok(())
}

#[test]
fn over_http_nobody_is_harmed() {
    in_yard(|yard| table(yard, Protocol::V1, &over_http()));
}

#[test]
fn over_libprocess_nobody_is_harmed() {
    in_yard(|yard| table(yard, Protocol::V0, &over_libprocess()));
}
