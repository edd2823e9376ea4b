//! Runs seeds of the simulator.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::process::ExitCode;

use clap::Parser;
use sim::{Options, Sabotage, run};

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

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (first, count, print) = match arguments.seed {
        Some(seed) => (seed, 1, true),
        None => (arguments.from, arguments.seeds, false),
    };
    let (mut steps, mut tasks) = (0, 0);
    for seed in first..first.saturating_add(count) {
        match run(Options { seed, print, sabotage: arguments.sabotage }) {
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
    println!("{count} seeds hold: {steps} steps, {tasks} tasks, each ended once");
    ExitCode::SUCCESS
}
