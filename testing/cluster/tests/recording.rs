//! Master and agents that record: what they did in a thousand tasks, with kills in between, is had again from the files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cluster::{
    fleet::Fleet,
    ledger::is_terminal,
    scheduler::{Job, Scheduler},
};
use conformance::{
    Outcome, peers,
    process::{Yard, in_yard, remark},
};

const TASKS: usize = 1_000;
const AT_ONCE: usize = 40;

fn replay(directory: &Path, arguments: &[&str]) -> Outcome<Output> {
    Ok(Command::new(peers::tepui()?).arg("replay").arg(directory).args(arguments).output()?)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The largest segment of a core.
fn segment(directory: &Path, core: &str) -> Outcome<PathBuf> {
    let mut segments = Vec::new();
    for run in fs::read_dir(directory)? {
        let run = run?.path();
        if run.file_name().is_some_and(|name| name.to_string_lossy().starts_with(core)) {
            for segment in fs::read_dir(run)? {
                let segment = segment?.path();
                segments.push((fs::metadata(&segment)?.len(), segment));
            }
        }
    }
    segments.sort();
    segments.pop().map(|(_, path)| path).ok_or_else(|| format!("no recording of {core}").into())
}

/// A thousand tasks; master and an agent are killed on the way.
fn recorded(yard: &Yard) -> Outcome<PathBuf> {
    let directory = yard.path().join("recordings");
    let record = format!("--record={}", directory.display());
    let mut fleet = Fleet::start_with(yard, 2, &[&record])?;
    let jobs = (0..TASKS).map(|number| Job::command(format!("task-{number}"), "true")).collect();
    let scheduler = Scheduler::start(fleet.port, jobs, AT_ONCE)?;
    for (ended, kill) in [(TASKS / 4, 0), (TASKS / 2, 1), (TASKS * 3 / 4, 2)] {
        scheduler.wait_until("some tasks to end", |ledger| ledger.count(is_terminal) >= ended)?;
        if kill != 1 {
            fleet.kill_master();
        }
        if kill != 0 {
            fleet.kill_agent(1);
        }
        fleet.start_what_is_down()?;
        fleet.wait_until_whole()?;
    }
    scheduler.wait_for_the_end()?;
    drop(scheduler);
    fleet.wait_until_idle()?;
    Ok(directory)
}

#[test]
fn a_thousand_tasks_with_kills_are_had_again_from_the_recording() {
    in_yard(|yard| {
        let directory = recorded(yard)?;
        let again = replay(&directory, &[])?;
        assert!(again.status.success(), "{}{}", out(&again), err(&again));
        let runs: Vec<String> = out(&again).lines().map(str::to_owned).collect();
        remark(&runs.join("\n"));
        let of = |core: &str| runs.iter().filter(|run| run.starts_with(core)).count();
        assert_eq!((of("master "), of("agent ")), (3, 4), "{runs:?}");

        let state = replay(&directory, &["--state"])?;
        assert!(state.status.success(), "{}", err(&state));
        let states: Vec<serde_json::Value> =
            out(&state).lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert!(states.iter().any(|state| state.pointer("/get_state/get_agents").is_some()), "the master's");

        let why = replay(&directory, &["--explain", "task-999"])?;
        assert!(why.status.success(), "{}", err(&why));
        assert!(out(&why).contains("task 'task-999' of framework"), "{}", out(&why));

        damaged(&directory)
    });
}

/// A byte is changed; then the recording of a master is said to be an agent's.
fn damaged(directory: &Path) -> Outcome {
    let path = segment(directory, "master")?;
    let whole = fs::read(&path)?;
    let mut bytes = whole.clone();
    let place = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1;
    }
    fs::write(&path, bytes)?;
    let refused = replay(directory, &[])?;
    assert_eq!(refused.status.code(), Some(1), "{}", out(&refused));
    let words = err(&refused);
    assert!(words.contains("is damaged: record") && words.contains(&path.display().to_string()), "{words}");
    fs::write(&path, whole)?;

    let nothing = replay(Path::new("/nonexistent"), &[])?;
    assert_eq!(nothing.status.code(), Some(2));
    assert!(err(&nothing).contains("cannot read /nonexistent"), "{}", err(&nothing));
    Ok(())
}
