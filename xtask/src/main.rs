//! Tasks of the repository: `cargo xtask help`.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

mod codegen;
mod setup;
mod shell;

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
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Task::parse() {
        Task::Codegen { check } => codegen::run(check),
        Task::Setup => setup::run(),
    }
}
