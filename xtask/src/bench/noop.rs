//! Tasks that do nothing, on one custom executor: what the cluster itself costs.
//!
//! The same scheduler and the same executor program, against tepui and against the genuine Mesos in local mode, both
//! with one agent, the executor running already. Two clocks: the scheduler's, from the ACCEPT to the acknowledgement of the
//! last update; and the executor's, from the arrival of the first task to the agent's acknowledgement of the last one's end.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use conformance::{
    cluster::Genuine,
    process::{run_to_end, wait_for},
};

use super::{Bench, Row, Series};
use crate::shell::Outcome;

/// How tasks are launched: so many with one ACCEPT, so many times.
pub(super) struct Shape {
    pub(super) tasks: usize,
    pub(super) waves: usize,
    /// How the executor speaks to the agent.
    pub(super) v0: bool,
}

const LIMIT: Duration = Duration::from_secs(180);
/// How long one wave may take.
const WAVE_LIMIT: &str = "60";
/// How long an executor may take to end after its framework.
const END: Duration = Duration::from_secs(20);
/// How often a genuine agent's master looks for free resources: the sooner, the sooner the next wave.
const ALLOCATION_INTERVAL: &str = "100ms";

const PEER: &str = "Mesos 1.11.0";

/// Tasks per second of each wave, by both clocks.
#[derive(Clone)]
pub(super) struct Rates {
    scheduler: Series,
    executor: Series,
}

pub(super) type Measured = Result<Rates, String>;

/// Two lines for each shape, and one for the best of each side.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    // 50 is what the genuine Mesos does best with, and 5,000 more than its agent can bear.
    let shapes = [
        Shape { tasks: 50, waves: 100, v0: false },
        Shape { tasks: 200, waves: 25, v0: false },
        Shape { tasks: 5_000, waves: bench.rounds, v0: false },
        Shape { tasks: 50, waves: 100, v0: true },
    ];
    let mut rows = Vec::new();
    let (mut ours_best, mut other_best) =
        (Err("nothing was measured".to_owned()), Err("nothing was measured".to_owned()));
    for shape in &shapes {
        let speaking = if shape.v0 { ", v0 executor" } else { "" };
        let what = format!("no-op tasks, {} with one ACCEPT{speaking}", shape.tasks);
        println!("  {what}");
        let ours = ours(bench, shape).map_err(|problem| problem.to_string());
        let other = genuine(bench, shape).map_err(|problem| problem.to_string());
        better(&mut ours_best, &ours);
        better(&mut other_best, &other);
        rows.extend(both(&what, &ours, &other));
    }
    rows.extend(both("no-op tasks, the best shape of each", &ours_best, &other_best));
    Ok(rows)
}

/// Takes what is better by either clock: the best shape of one need not be that of the other.
fn better(best: &mut Measured, rates: &Measured) {
    let Ok(rates) = rates else { return };
    match best {
        Ok(best) => {
            for (best, series) in
                [(&mut best.scheduler, &rates.scheduler), (&mut best.executor, &rates.executor)]
            {
                if best.median() < series.median() {
                    *best = series.clone();
                }
            }
        }
        Err(_) => *best = Ok(rates.clone()),
    }
}

fn both(what: &str, ours: &Measured, other: &Measured) -> [Row; 2] {
    beside(what, ours, PEER, other)
}

/// A line for each clock.
pub(super) fn beside(what: &str, ours: &Measured, name: &'static str, other: &Measured) -> [Row; 2] {
    let row = |clock: &str, pick: fn(&Rates) -> &Series| {
        let series = |rates: &Measured| rates.as_ref().map(|rates| pick(rates).clone()).map_err(Clone::clone);
        Row {
            what: format!("{what}: at the {clock}"),
            unit: "tasks/s",
            ours: series(ours),
            other: Some((name, series(other))),
        }
    };
    [row("scheduler", |rates| &rates.scheduler), row("executor", |rates| &rates.executor)]
}

fn ours(bench: &Bench, shape: &Shape) -> Outcome<Rates> {
    ours_with(bench, shape, &[])
}

/// A cluster of ours that is told these flags.
pub(super) fn ours_with(bench: &Bench, shape: &Shape, flags: &[&str]) -> Outcome<Rates> {
    let cluster = bench.cluster_with(flags)?;
    waves(bench, &format!("127.0.0.1:{}", cluster.master.port), shape)
}

fn genuine(bench: &Bench, shape: &Shape) -> Outcome<Rates> {
    // Executors find the agent below its own prefix by themselves; no proxy is between.
    let environment = r#"{"PATH":"/usr/local/bin:/usr/bin:/bin"}"#;
    let extra = [
        ("MESOS_ALLOCATION_INTERVAL", ALLOCATION_INTERVAL),
        ("MESOS_EXECUTOR_ENVIRONMENT_VARIABLES", environment),
    ];
    let Some(mesos) = Genuine::start(&bench.yard, 1, &extra)? else {
        return Err("skipped: not installed".into());
    };
    waves(bench, &format!("127.0.0.1:{}/master/api/v1/scheduler", mesos.port), shape)
}

/// One run of the scheduler. A task that does not finish is an error.
fn waves(bench: &Bench, master: &str, shape: &Shape) -> Outcome<Rates> {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    let report = format!("report-{}", REPORTS.fetch_add(1, Ordering::Relaxed));
    let report = bench.yard.path().join(report);
    let speaking = if shape.v0 { " --v0" } else { "" };
    let executor = format!("exec {}{speaking} --report {}", bench.noop.display(), report.display());
    let mut command = Command::new(&bench.waves);
    command.args(["--master", master, "--executor", &executor, "--limit", WAVE_LIMIT]);
    command.args(["--tasks", &shape.tasks.to_string(), "--waves", &shape.waves.to_string()]);
    let said = run_to_end("waves", &mut command, bench.yard.path(), LIMIT).map_err(|error| {
        // Its last words are what counts.
        let text = error.to_string();
        text.lines()
            .rev()
            .find_map(|line| Some(line.strip_prefix("Error: ")?.trim_matches('"').to_owned()))
            .unwrap_or(text)
    })?;
    // Its framework has ended; so does the executor, and then it tells.
    wait_for("the executor's figures", END, || report.exists().then_some(()))?;
    Ok(Rates { scheduler: rates(&said)?, executor: figures(&report)? })
}

fn figures(report: &Path) -> Outcome<Series> {
    rates(&fs::read_to_string(report)?)
}

/// The rates of all waves but number 0, which only starts the executor.
fn rates(text: &str) -> Outcome<Series> {
    let lines = text.lines().filter(|line| line.starts_with("wave=") && !line.starts_with("wave=0 "));
    let rate =
        |line: &str| line.split_whitespace().find_map(|word| word.strip_prefix("per_second=")?.parse().ok());
    Ok(Series::new(lines.filter_map(rate).collect())?)
}

/// Tasks per second of one run of the example scheduler; a task that did not finish is an error.
pub(super) fn rate(bench: &Bench, master: &str, tasks: usize, more: &[&str]) -> Outcome<f64> {
    let mut command = Command::new(&bench.scheduler);
    command.args(["--quiet", "--user", "root", "--master", master, "--tasks", &tasks.to_string()]).args(more);
    command.env("RUST_LOG", "error");
    let said = run_to_end("scheduler", &mut command, bench.yard.path(), LIMIT)?;
    let rate = said.split_whitespace().find_map(|word| word.strip_prefix("per_second="));
    Ok(rate.ok_or_else(|| format!("no rate in {said:?}"))?.parse()?)
}
