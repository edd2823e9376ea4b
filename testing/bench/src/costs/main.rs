//! The loads whose instructions are counted: the pure cores in one process, no sockets, always the same.
//!
//! `costs LOAD` runs one, `costs --list` names them; only what happens inside [`measured`] counts. `cargo xtask costs` runs
//! each under callgrind and compares with `testing/bench/costs.toml`.

mod agent;
mod allocation;
mod master;

use std::process::ExitCode;

/// What is counted: callgrind collects while this function runs.
#[inline(never)]
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "callgrind finds the function by its name")]
fn tepui_measured(load: &mut dyn FnMut()) {
    load();
    // The call is not the last thing, so that it is no jump, and the function is left when the load is done.
    std::hint::black_box(());
}

/// Runs a load and counts it.
fn measured<T>(load: impl FnOnce() -> T) -> Option<T> {
    let (mut load, mut result) = (Some(load), None);
    tepui_measured(&mut || result = load.take().map(|load| load()));
    result
}

type Load = fn() -> usize;

/// Names of loads; each answers how much it did, so that a load that does nothing is noticed.
const LOADS: &[(&str, Load)] = &[
    ("no-op-master", master::no_op_tasks),
    ("no-op-agent", agent::no_op_tasks),
    ("command-agent", agent::command_tasks),
    ("allocation", allocation::one_pass),
    ("failover", master::failover),
];

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]
fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if wanted == "--list" {
        LOADS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let Some((_, load)) = LOADS.iter().find(|(name, _)| wanted == *name) else {
        let names: Vec<&str> = LOADS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: costs LOAD, where LOAD is one of: {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    match load() {
        0 => {
            eprintln!("nothing was done");
            ExitCode::FAILURE
        }
        done => {
            println!("{done}");
            ExitCode::SUCCESS
        }
    }
}
