//! Tasks of the repository: `cargo xtask help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod bench;
mod codegen;
mod costs;
mod mutants;
mod purity;
mod setup;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

/// Tasks of the repository.
#[derive(Parser)]
enum Task {
    /// Write what is generated: the types of `crates/wire/mesos` from `proto/`, and `docs/settings.md`.
    Codegen {
        /// Change nothing; fail when what is checked in is stale.
        #[arg(long)]
        check: bool,
    },
    /// Install the foreign programs of the conformance tests into `.cache/peers`.
    Setup,
    /// Install what the tests need, build, and run all of them.
    Test {
        /// Run only tests whose names contain one of these.
        names: Vec<String>,
    },
    /// Check that the lint which keeps the cores pure bites, and that no core depends on I/O.
    Purity,
    /// Hold the house to its limits: sizes, headers, arrows, circles, duplicates, dependencies, documentation.
    Tidy {
        /// Take down what has become better.
        #[arg(long)]
        write: bool,
    },
    /// Count the instructions of fixed loads, and compare with what they were.
    Costs(costs::Options),
    /// Change the code in small ways, and see whether the tests of its crate notice.
    Mutants(mutants::Options),
    /// Measure, beside the genuine Mesos and bare process starts, and print one table.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Codegen { check } => codegen::run(check).map_err(|problem| problem.to_string()),
        Task::Setup => setup::run().map_err(|problem| problem.to_string()),
        Task::Test { names } => test::all(&names).map_err(|problem| problem.to_string()),
        Task::Purity => purity::run().map_err(|problem| problem.to_string()),
        Task::Tidy { write } => tidy::run(write).map_err(|problem| problem.to_string()),
        Task::Costs(options) => costs::check(&options).map_err(|problem| problem.to_string()),
        Task::Mutants(options) => mutants::run_all(&options).map_err(|problem| problem.to_string()),
        Task::Bench(options) => bench::run_all(&options).map_err(|problem| problem.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
