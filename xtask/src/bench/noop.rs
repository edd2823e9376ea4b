//! Tasks that do nothing, on one custom executor: what the cluster itself costs.
//!
//! The same scheduler and the same executor program, against tepui and against the genuine Mesos in local mode, both
//! with one agent, the executor running already. Time runs from the ACCEPT to the acknowledgement of the last update.

use std::{process::Command, time::Duration};

use conformance::{cluster::Genuine, process::run_to_end};

use super::{Bench, Row, Series};
use crate::shell::Outcome;

/// Tasks of a wave: those that the genuine Mesos does best with.
const WAVES: &[usize] = &[50, 200];
/// More than the genuine agent survives in one ACCEPT.
const ALL_AT_ONCE: usize = 5_000;
const LIMIT: Duration = Duration::from_secs(180);

/// One line for each size of a wave.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for tasks in WAVES.iter().copied() {
        rows.push(Row {
            what: format!("no-op tasks, {tasks} with one ACCEPT"),
            unit: "tasks/s",
            ours: ours(bench, tasks).map_err(|problem| problem.to_string()),
            other: Some(("Mesos 1.11.0", genuine(bench, tasks).map_err(|problem| problem.to_string()))),
        });
    }
    rows.push(Row {
        what: format!("no-op tasks, {ALL_AT_ONCE} with one ACCEPT, none lost"),
        unit: "tasks/s",
        ours: ours(bench, ALL_AT_ONCE).map_err(|problem| problem.to_string()),
        other: None,
    });
    Ok(rows)
}

fn ours(bench: &Bench, tasks: usize) -> Outcome<Series> {
    let cluster = bench.cluster()?;
    waves(bench, &format!("127.0.0.1:{}", cluster.master.port), tasks)
}

fn genuine(bench: &Bench, tasks: usize) -> Outcome<Series> {
    // Executors find the agent below its own prefix by themselves; no proxy is between.
    let environment = r#"{"PATH":"/usr/local/bin:/usr/bin:/bin"}"#;
    let extra =
        [("MESOS_ALLOCATION_INTERVAL", "100ms"), ("MESOS_EXECUTOR_ENVIRONMENT_VARIABLES", environment)];
    let Some(mesos) = Genuine::start(&bench.yard, 1, &extra)? else {
        return Err("skipped: not installed".into());
    };
    waves(bench, &format!("127.0.0.1:{}/master/api/v1/scheduler", mesos.port), tasks)
}

/// Tasks per second of each wave. A task that does not finish is an error.
fn waves(bench: &Bench, master: &str, tasks: usize) -> Outcome<Series> {
    let executor = format!("exec {} --quiet --finish", bench.executor.display());
    let mut command = Command::new(&bench.waves);
    command.args(["--master", master, "--executor", &executor, "--tasks", &tasks.to_string()]);
    command.args(["--waves", &bench.rounds.to_string()]);
    let said = run_to_end("waves", &mut command, bench.yard.path(), LIMIT)?;
    let rates = said.split_whitespace().filter_map(|word| word.strip_prefix("per_second=")?.parse().ok());
    Ok(Series::new(rates.collect())?)
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
