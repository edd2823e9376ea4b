//! Resident memory, as the kernel counts it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use conformance::{
    cluster::Genuine,
    http,
    process::{Running, wait_for},
};
use serde_json::json;

use super::{Bench, Row, Series};
use crate::shell::Outcome;

const TASKS: usize = 100;
const LIMIT: Duration = Duration::from_secs(60);

/// Idle processes, and the price of a running command task.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let cluster = bench.cluster()?;
    // What starting up needed is given back meanwhile.
    thread::sleep(Duration::from_secs(2));
    let (master, agent) = (resident(cluster.master.process.pid())?, resident(cluster.agent.process.pid())?);
    let idle = |what: &str, value| Row {
        what: format!("resident, {what}"),
        unit: "MiB",
        ours: Series::new(vec![value]),
        other: None,
    };
    let mut rows = vec![idle("idle master", master), idle("idle agent", agent)];
    let genuine = || -> Outcome<Series> {
        let Some(mesos) = Genuine::start(&bench.yard, 1, &[])? else {
            return Err("skipped: not installed".into());
        };
        thread::sleep(Duration::from_secs(2));
        Ok(Series::new(vec![resident(mesos.process.pid())?])?)
    };
    rows.push(Row {
        other: Some(("Mesos 1.11.0, one process", genuine().map_err(|problem| problem.to_string()))),
        ..idle("idle master and agent", master + agent)
    });
    rows.push(idle(
        "for each running command task, without the task's own processes",
        per_task(bench, cluster.master.port)?,
    ));
    Ok(rows)
}

/// By how much all of tepui's processes grow, shared pages counted once, when many command tasks run.
fn per_task(bench: &Bench, master: u16) -> Outcome<f64> {
    let before = all_of(&bench.tepui)?;
    let mut scheduler = Command::new(&bench.scheduler);
    scheduler
        .args([
            "--quiet",
            "--user",
            "root",
            "--master",
            &format!("127.0.0.1:{master}"),
            "--command",
            "exec sleep 1000",
        ])
        .args(["--tasks", &TASKS.to_string()]);
    let _scheduler = Running::start("sleepers", &mut scheduler, bench.yard.path())?;
    wait_for("all tasks to run", LIMIT, || (running(master) == Some(TASKS)).then_some(()))?;
    thread::sleep(Duration::from_secs(1));
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let tasks = TASKS as f64;
    Ok((all_of(&bench.tepui)? - before) / tasks)
}

fn running(master: u16) -> Option<usize> {
    let answer = http::post(master, "/api/v1", &json!({"type": "GET_TASKS"}), "").ok()?.json().ok()?;
    let tasks = answer["get_tasks"]["tasks"].as_array()?;
    Some(tasks.iter().filter(|task| task["state"] == "TASK_RUNNING").count())
}

/// Resident memory of one process, in MiB.
fn resident(pid: u32) -> Outcome<f64> {
    field(&PathBuf::from(format!("/proc/{pid}/status")), "VmRSS:")
}

/// Proportional resident memory of all processes of this program, in MiB.
fn all_of(program: &Path) -> Outcome<f64> {
    let processes = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
    let ours = processes.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program));
    Ok(ours.filter_map(|process| field(&process.join("smaps_rollup"), "Pss:").ok()).sum())
}

/// A line such as `VmRSS:   1234 kB`, in MiB.
fn field(file: &Path, name: &str) -> Outcome<f64> {
    let text = fs::read_to_string(file)?;
    let value =
        text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok());
    Ok(value.ok_or_else(|| format!("no {name} in {}", file.display()))? / 1024.0)
}
