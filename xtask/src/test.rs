//! `cargo xtask test`: the README's test command. Everything, from a clean clone.

use crate::{
    codegen::root,
    setup,
    shell::{Outcome, command, in_ci, run},
};

/// Sets up the foreign programs, builds, and runs all tests.
pub(crate) fn all(names: &[String]) -> Outcome {
    setup::run()?;
    cargo(&["build", "--workspace", "--bins", "--examples"], &[])?;
    // Unit tests, then real processes and foreign clients (testing/cluster and testing/conformance) apart: they measure
    // time, and get the machine for themselves.
    cargo(
        &[
            "test",
            "--workspace",
            "--exclude",
            "conformance",
            "--exclude",
            "cluster",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ],
        names,
    )?;
    cargo(&["test", "--workspace", "--doc"], names)?;
    for package in ["cluster", "conformance"] {
        cargo(&["test", "-p", package, "--", "--test-threads", "2"], names)?;
    }
    if setup::python27_found() {
        println!("All tests passed.");
    } else {
        println!(
            "All tests passed, BUT THOSE AGAINST THE GENUINE MESOS WERE SKIPPED: no Python 2.7 (see above)."
        );
    }
    Ok(())
}

/// Runs cargo in the repository, with test names to filter by, if any.
fn cargo(arguments: &[&str], names: &[String]) -> Outcome {
    let mut command = command("cargo", arguments);
    if !names.is_empty() {
        if !arguments.contains(&"--") && arguments.first() == Some(&"test") {
            command.arg("--");
        }
        if arguments.first() == Some(&"test") {
            command.args(names);
        }
    }
    command.current_dir(root());
    if in_ci() {
        command.env("CARGO_TERM_COLOR", "never");
    }
    run(&mut command)
}
