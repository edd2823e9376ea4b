//! Our executor driver's test-executor, over both protocols, under the genuine Mesos and under tepui: the same lines.

use std::{fs, path::Path, process::Command, time::Duration};

use conformance::{
    Outcome,
    cluster::{Agent, Genuine, Master},
    peers,
    process::{Yard, in_yard, run_to_end, wait_for},
};

const LIMIT: Duration = Duration::from_secs(100);
/// How the executor is told to speak.
const TONGUES: &[&str] = &["", "--json", "--v0"];
/// What Mesos's own prints, for three tasks.
const LINES: &[&str] = &[
    "Registered executor on 127.0.0.1",
    "Starting task test-0",
    "Finishing task test-0",
    "Starting task test-1",
    "Finishing task test-1",
    "Starting task test-2",
    "Finishing task test-2",
];

/// Three tasks, each executor in a framework of its own.
fn says_what_mesos_says(yard: &Yard, master: &str, work: &Path) -> Outcome {
    for (run, tongue) in TONGUES.iter().enumerate() {
        let before = outputs(work)?;
        // In local mode executors of the genuine one write to its own output instead of the sandbox.
        let program = peers::example("test_executor")?;
        let executor = format!("exec {} {tongue} > said", program.display());
        let mut scheduler = Command::new(peers::example("test_scheduler")?);
        scheduler.args(["--user", "root", "--tasks", "3", "--master", master, "--executor", &executor]);
        let said = run_to_end(&format!("scheduler-{run}"), &mut scheduler, yard.path(), LIMIT)?;
        assert!(said.contains("tasks=3 finished=3 failed=0"), "{tongue}: {said}");
        let after = outputs(work)?;
        let new: Vec<_> = after.iter().filter(|path| !before.contains(path)).collect();
        let [said] = new[..] else { return Err(format!("not one new sandbox: {new:?}").into()) };
        let lines = wait_for("the executor's last line", LIMIT, || {
            let text = fs::read_to_string(said).ok()?;
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            (lines.len() >= LINES.len()).then_some(lines)
        })?;
        assert_eq!(lines, LINES, "{tongue}");
    }
    Ok(())
}

/// What every executor's run has said, below an agent's work directory.
fn outputs(work: &Path) -> Outcome<Vec<std::path::PathBuf>> {
    let mut found = vec![work.to_owned()];
    for name in ["slaves", "*", "frameworks", "*", "executors", "*", "runs", "*"] {
        let mut next = Vec::new();
        for directory in found {
            match name {
                "*" => {
                    let entries = fs::read_dir(directory)?.flatten().map(|entry| entry.path());
                    next.extend(entries.filter(|path| path.is_dir() && !path.is_symlink()));
                }
                name => next.extend(Some(directory.join(name)).filter(|path| path.is_dir())),
            }
        }
        found = next;
    }
    Ok(found.into_iter().map(|directory| directory.join("said")).collect())
}

#[test]
fn under_the_genuine_mesos() {
    in_yard(|yard| {
        // Executors find the agent below its own prefix by themselves; no proxy is between.
        let environment = r#"{"PATH":"/usr/local/bin:/usr/bin:/bin"}"#;
        let extra = [("MESOS_EXECUTOR_ENVIRONMENT_VARIABLES", environment)];
        let Some(mesos) = Genuine::start(yard, 1, &extra)? else { return Ok(()) };
        let master = format!("127.0.0.1:{}/master/api/v1/scheduler", mesos.port);
        says_what_mesos_says(yard, &master, &mesos.agent_work(0))
    });
}

#[test]
fn under_tepui() {
    in_yard(|yard| {
        let mut master = Master::start(yard, &[])?;
        let agent = Agent::start(yard, master.port, &[])?;
        master.wait_for_agents(1)?;
        says_what_mesos_says(yard, &format!("127.0.0.1:{}", master.port), &agent.work)
    });
}
