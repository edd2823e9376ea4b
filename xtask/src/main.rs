//! Tasks of the repository: `cargo xtask help`.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

mod codegen;
mod purity;
mod setup;
mod shell;
mod test;

use clap::Parser;

/// Tasks of the repository.
#[derive(Parser)]
enum Task {
    /// Write the generated types of `crates/wire/mesos` from `proto/`.
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
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Task::parse() {
        Task::Codegen { check } => codegen::run(check),
        Task::Setup => setup::run(),
        Task::Test { names } => test::all(&names),
        Task::Purity => purity::run(),
    }
}
