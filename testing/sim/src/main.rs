//! Runs seeds of the simulator.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use sim::{Options, Past, Sabotage, run};

/// Simulate a whole cluster: one seed with its trace, or many.
#[derive(Parser)]
struct Arguments {
    /// Replay this seed, with every line of its trace.
    #[arg(long, conflicts_with_all = ["seeds"])]
    seed: Option<u64>,
    /// How many seeds to run.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Begin with the last master that was recorded in this directory (`tepui master --record DIR`), as it was at the end.
    #[arg(long, value_name = "DIR")]
    recording: Option<PathBuf>,
    /// Not as it was at the end, but so many seconds after the first record.
    #[arg(long, value_name = "SECONDS", requires = "recording")]
    until: Option<f64>,
    /// Put a defect in, to see it caught: skip-writes or no-retry.
    #[arg(long, value_parser = sabotage)]
    sabotage: Option<Sabotage>,
}

fn sabotage(name: &str) -> Result<Sabotage, String> {
    match name {
        "skip-writes" => Ok(Sabotage::SkipWrites),
        "no-retry" => Ok(Sabotage::NoRetry),
        _ => Err("expected skip-writes or no-retry".to_owned()),
    }
}

/// How many tasks a seed runs at the least, on the average of many seeds (it is 29 today). A cluster in which nobody gets
/// to run anything breaks no invariant.
const TASKS_PER_SEED: usize = 20;

/// From how many seeds on an average says something.
const SEEDS_THAT_TELL: u64 = 20;

/// What is wrong with a run of that many seeds in which that many tasks were begun.
fn too_little(seeds: u64, tasks: usize) -> Option<String> {
    let floor = usize::try_from(seeds).unwrap_or(usize::MAX).saturating_mul(TASKS_PER_SEED);
    (seeds >= SEEDS_THAT_TELL && tasks < floor).then(|| {
        format!(
            "{seeds} seeds began {tasks} tasks only, of at least {floor}: something keeps schedulers from running any"
        )
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (first, count, print) = match arguments.seed {
        Some(seed) => (seed, 1, true),
        None => (arguments.from, arguments.seeds, false),
    };
    let past =
        arguments.recording.as_deref().map(|recording| Past::read(recording, arguments.until)).transpose();
    let past = match past {
        Ok(past) => past,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut steps, mut tasks) = (0, 0);
    for seed in first..first.saturating_add(count) {
        match run(Options { seed, print, sabotage: arguments.sabotage }, past.as_ref()) {
            Ok(summary) => {
                steps += summary.steps;
                tasks += summary.tasks;
                if print {
                    println!("seed {seed}: {} steps, {:?} simulated", summary.steps, summary.elapsed);
                }
            }
            Err(violation) => {
                println!("{violation}");
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(problem) = too_little(count, tasks) {
        println!("{problem}");
        return ExitCode::FAILURE;
    }
    println!("{count} seeds hold: {steps} steps, {tasks} tasks, each ended once");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::too_little;

    #[test]
    fn many_seeds_in_which_nobody_runs_anything_do_not_hold() {
        assert!(too_little(200, 0).is_some());
        assert!(too_little(20, 399).is_some());
        assert_eq!(too_little(20, 400), None);
        assert_eq!(too_little(1, 0), None, "one seed may have none");
    }
}
