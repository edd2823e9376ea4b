//! kill -9 and restart of the master, of agents, of all of them, while tasks run: everybody comes back by itself, and
//! every task ends with exactly one terminal state at its scheduler.

use std::{collections::BTreeMap, env, fs, path::Path, thread};

use cluster::{
    dice::Dice,
    fleet::Fleet,
    ledger::{Task, is_terminal},
    scheduler::{Job, Scheduler},
};
use conformance::{
    Outcome,
    process::{Yard, in_yard, remark},
};
use tepui_scheduler::v1::TaskState;

const TASKS: usize = 100;

/// Every seventh task fails.
fn exit_code(number: usize) -> u8 {
    if number.is_multiple_of(7) { 3 } else { 0 }
}

/// A job that notes that it runs, and then does `script`.
fn job(yard: &Yard, number: usize, script: &str) -> Job {
    let starts = yard.path().join("starts");
    let command =
        format!("echo started >> '{}/{number}'; {script}; exit {}", starts.display(), exit_code(number));
    Job::command(format!("task-{number}"), command)
}

/// How often a task was started.
fn starts(yard: &Path, number: usize) -> usize {
    let notes = fs::read_to_string(yard.join("starts").join(number.to_string())).unwrap_or_default();
    notes.lines().count()
}

/// A task that has run was started once and has ended as its exit code says. One that has not may be dropped, and is
/// said to be.
fn check(yard: &Yard, number: usize, task: &Task) -> Outcome {
    let (end, started) = (task.end(), starts(yard.path(), number));
    let scripted = if exit_code(number) == 0 { TaskState::TaskFinished } else { TaskState::TaskFailed };
    let right = match end {
        Some(end) if end == scripted => task.has_run() && started == 1,
        Some(TaskState::TaskDropped | TaskState::TaskGone | TaskState::TaskLost) => {
            !task.has_run() && started == 0
        }
        _ => false,
    };
    if right {
        Ok(())
    } else {
        Err(format!("task {number} was started {started} times, and: {task:?}").into())
    }
}

fn check_all(yard: &Yard, scheduler: &Scheduler) -> Outcome {
    let ledger = scheduler.ledger();
    for (id, task) in &ledger.tasks {
        let number = id.trim_start_matches("task-").parse()?;
        check(yard, number, task)?;
    }
    if let Some(wrong) = ledger.wrong.first() {
        return Err(wrong.clone().into());
    }
    Ok(())
}

/// A named pipe that tasks wait at until it is opened.
fn gate(yard: &Yard, name: &str) -> Outcome<std::path::PathBuf> {
    let path = yard.path().join(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    Ok(path)
}

fn open(gate: &Path) -> Outcome<fs::File> {
    // Both ways: that never blocks.
    Ok(fs::OpenOptions::new().read(true).write(true).open(gate)?)
}

/// A hundred tasks run; `kill` happens; half of the tasks end meanwhile, the other half after everybody is back.
fn in_the_middle(yard: &Yard, kill: impl Fn(&mut Fleet)) -> Outcome {
    fs::create_dir(yard.path().join("starts"))?;
    let gates = [gate(yard, "gate-0")?, gate(yard, "gate-1")?];
    let job = |number: usize| job(yard, number, &format!(": < '{}'", gates[number % 2].display()));
    let mut fleet = Fleet::start(yard, 2)?;
    let scheduler = Scheduler::start(fleet.port, (0..TASKS).map(job).collect(), TASKS)?;
    scheduler.wait_until("a hundred running tasks", |ledger| {
        ledger.count(|state| state == TaskState::TaskRunning) == TASKS
    })?;
    let subscriptions = scheduler.ledger().subscriptions;

    kill(&mut fleet);
    let _first = open(&gates[0])?;
    fleet.start_what_is_down()?;
    fleet.wait_until_whole()?;
    scheduler.wait_until("the end of the first half", |ledger| {
        ledger.count(|state| matches!(state, TaskState::TaskFinished | TaskState::TaskFailed)) == TASKS / 2
    })?;
    let _second = open(&gates[1])?;
    scheduler.wait_for_the_end()?;

    check_all(yard, &scheduler)?;
    let ledger = scheduler.ledger();
    assert_eq!(ledger.count(|state| state == TaskState::TaskFailed), (0..TASKS).step_by(7).count());
    assert_eq!(ledger.count(|state| state == TaskState::TaskFinished), TASKS - (0..TASKS).step_by(7).count());
    remark(&format!("subscribed {subscriptions} and then {} times", ledger.subscriptions));
    drop(ledger);
    drop(scheduler);
    fleet.wait_until_idle()
}

#[test]
fn the_master_is_killed_in_the_middle_of_a_hundred_tasks() {
    in_yard(|yard| in_the_middle(yard, Fleet::kill_master));
}

#[test]
fn an_agent_is_killed_in_the_middle_of_a_hundred_tasks() {
    in_yard(|yard| in_the_middle(yard, |fleet| fleet.kill_agent(0)));
}

#[test]
fn all_are_killed_in_the_middle_of_a_hundred_tasks() {
    in_yard(|yard| {
        in_the_middle(yard, |fleet| {
            fleet.kill_master();
            fleet.kill_agent(1);
            fleet.kill_agent(0);
        })
    });
}

/// Short tasks come and go; whoever is up is killed at random moments and comes back a little later.
fn round(yard: &Yard, dice: &mut Dice) -> Outcome {
    fs::create_dir(yard.path().join("starts"))?;
    let jobs = (0..TASKS).map(|number| job(yard, number, &format!("sleep 0.{:03}", dice.below(1_000))));
    let jobs = jobs.collect();
    let mut fleet = Fleet::start(yard, 2)?;
    let scheduler = Scheduler::start(fleet.port, jobs, 30)?;
    let under_way = |scheduler: &Scheduler| {
        let ledger = scheduler.ledger();
        (ledger.count(|state| state == TaskState::TaskRunning), ledger.count(is_terminal))
    };
    for strike in 0..2 + dice.below(3) {
        // Not always in the same middle: before anything runs, or when a part has ended.
        let ended = dice.below(20 * (strike + 1));
        scheduler.wait_until("some tasks to end", |ledger| ledger.count(is_terminal) >= ended)?;
        thread::sleep(dice.moment(300));
        // Bits: the master, the first agent, the second.
        let victims = 1 + dice.below(7);
        let (running, ended) = under_way(&scheduler);
        remark(&format!("  kill {victims:03b} while {running} run and {ended} have ended"));
        for (bit, agent) in [(2, 0), (4, 1)] {
            if victims & bit != 0 {
                fleet.kill_agent(agent);
            }
        }
        if victims & 1 != 0 {
            fleet.kill_master();
        }
        thread::sleep(dice.moment(400));
        fleet.start_what_is_down()?;
    }
    scheduler.wait_for_the_end()?;
    check_all(yard, &scheduler)?;
    let ledger = scheduler.ledger();
    let mut unrun = BTreeMap::<String, usize>::new();
    for task in ledger.tasks.values().filter(|task| !task.has_run()) {
        let why = task.entries.last().map(|entry| format!("{:?}, {}", entry.state, entry.why));
        *unrun.entry(why.unwrap_or_default()).or_default() += 1;
    }
    drop(ledger);
    unrun.iter().for_each(|(why, count)| remark(&format!("  {count} never ran: {why}")));
    drop(scheduler);
    fleet.wait_until_idle()
}

/// `CLUSTER_ROUNDS` says how many rounds, `CLUSTER_SEED` repeats one.
#[test]
fn anybody_is_killed_at_random_moments() {
    let rounds = env::var("CLUSTER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2);
    for number in 0..rounds {
        let mut dice = Dice::for_test(&format!("round {number}"));
        in_yard(|yard| round(yard, &mut dice));
    }
}
