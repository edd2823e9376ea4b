//! An executor whose tasks do nothing and are finished at once: what an agent itself costs.
//!
//! Tasks are called `<wave>-<number>`. For each wave it tells, seen from here, how many tasks there were, and how long it
//! took from the arrival of the first to the acknowledgement of the last; all of it in the file of `--report` when the
//! agent shuts the executor down:
//!
//! ```text
//! wave=1 tasks=200 seconds=0.0183 per_second=10928
//! ```
#![allow(clippy::print_stderr, reason = "a program")]

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::ExitCode, time::Instant};

use bytes::Bytes;
use clap::Parser;
use tepui_executor::{DriverStatus, Executor, ExecutorDriver, Protocol, v1};

/// How to speak, and what to tell.
#[derive(Parser)]
struct Arguments {
    /// libprocess messages instead of HTTP.
    #[arg(long)]
    v0: bool,
    /// The file for the figures.
    #[arg(long)]
    report: Option<PathBuf>,
}

struct Wave {
    first: Instant,
    last: Instant,
    acknowledged: usize,
}

struct Noop {
    report: Option<PathBuf>,
    waves: BTreeMap<usize, Wave>,
}

impl Noop {
    fn wave(&mut self, task: &v1::TaskId) -> Option<&mut Wave> {
        let number = task.value.split_once('-')?.0.parse().ok()?;
        let now = Instant::now();
        Some(self.waves.entry(number).or_insert(Wave { first: now, last: now, acknowledged: 0 }))
    }

    fn figures(&self) -> String {
        let mut text = String::new();
        for (number, Wave { first, last, acknowledged }) in &self.waves {
            let seconds = last.duration_since(*first).as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = *acknowledged as f64 / seconds;
            // Writing to memory does not fail.
            let _ = writeln!(
                text,
                "wave={number} tasks={acknowledged} seconds={seconds:.4} per_second={rate:.0}"
            );
        }
        text
    }
}

impl Executor for Noop {
    fn launch_task(&mut self, driver: &ExecutorDriver, task: v1::TaskInfo) {
        let _ = self.wave(&task.task_id);
        driver.send_status_update(v1::TaskStatus {
            task_id: task.task_id,
            state: v1::TaskState::TaskFinished.into(),
            ..Default::default()
        });
    }

    fn update_acknowledged(&mut self, _driver: &ExecutorDriver, task_id: v1::TaskId, _uuid: Bytes) {
        if let Some(wave) = self.wave(&task_id) {
            wave.last = Instant::now();
            wave.acknowledged += 1;
        }
    }

    fn shutdown(&mut self, driver: &ExecutorDriver) {
        if let Some(report) = &self.report {
            // Under another name first: whoever waits for the file shall find all of it.
            let draft = report.with_extension("draft");
            let written = fs::write(&draft, self.figures()).and_then(|()| fs::rename(&draft, report));
            if let Err(error) = written {
                eprintln!("noop: cannot write {}: {error}", report.display());
            }
        }
        driver.stop();
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let protocol = if arguments.v0 { Protocol::Libprocess } else { Protocol::Http };
    let executor = Noop { report: arguments.report, waves: BTreeMap::new() };
    match ExecutorDriver::builder().protocol(protocol).build(executor).map(|driver| driver.run()) {
        Ok(DriverStatus::Stopped) => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("noop: ended as {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("noop: {error}");
            ExitCode::FAILURE
        }
    }
}
