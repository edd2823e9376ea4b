//! `cargo xtask mutants`: do the tests notice when the code is changed?
//!
//! `cargo-mutants` changes one thing at a time in the pure crates, and the unit tests of that crate are run. Each change
//! that lives must stand in `xtask/mutants.toml` with the reason why it cannot matter. It happens in a copy below
//! `target/`, so that nothing here is touched.

mod copy;
mod survivors;

use std::{collections::BTreeMap, fs, path::Path};

use self::survivors::Survivors;
use crate::{
    codegen::root,
    setup,
    shell::{Outcome, command, output, remove_tree},
};

/// Which changes to try.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Crates, by name; without any: the model and every core.
    crates: Vec<String>,
    /// Try about so many, spread over all crates, instead of everything.
    #[arg(long)]
    sample: Option<usize>,
    /// Which sample. Without it the commit at hand decides.
    #[arg(long, requires = "sample")]
    seed: Option<u64>,
}

/// Seconds after which a test that hangs counts as one that failed.
const TIMEOUT: &str = "60";

/// What cargo-mutants ends with when some were missed, and when some hung.
const SOME_MISSED: i32 = 2;
const SOME_HUNG: i32 = 3;

/// What became of the changes to one crate.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    caught: usize,
    missed: usize,
    unviable: usize,
}

/// Tries the changes and says what became of them.
pub(crate) fn run_all(options: &Options) -> Outcome {
    let program = setup::cargo_mutants()?;
    let home = root().join("target/mutants");
    let tree = home.join("tree");
    copy::refresh(&root(), &tree)?;
    let packages = if options.crates.is_empty() { pure_crates()? } else { options.crates.clone() };
    let packages: Vec<String> = packages.iter().map(|name| format!("--package={name}")).collect();

    let mutants = |arguments: &[&str]| {
        let mut command = command(&program, ["mutants", "--colors=never", "--no-shuffle"]);
        // The tests of a property remember what failed, and would catch the next one by it.
        command
            .args(arguments)
            .args(&packages)
            .current_dir(&tree)
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
        command
    };
    let mut which = Vec::new();
    if let Some(sample) = options.sample {
        let all = output(&mut mutants(&["--list"]))?.lines().count();
        let parts = (all / sample.max(1)).max(1);
        let seed = options.seed.map_or_else(seed_of_commit, Ok)?;
        let part = seed % u64::try_from(parts)?;
        println!(
            "* {all} changes, of which every {parts}th from {part} on (--sample {sample} --seed {seed})"
        );
        which = vec![format!("--shard={part}/{parts}"), "--sharding=round-robin".to_owned()];
    }
    let which: Vec<&str> = which.iter().map(String::as_str).collect();
    let outcomes = home.join("out");
    remove_tree(&outcomes)?;
    fs::create_dir_all(&outcomes)?;
    let how = ["--in-place", "--baseline=skip", "--timeout", TIMEOUT, "--output"];
    let tried = mutants(&[how.as_slice(), &[&*outcomes.to_string_lossy()], &which].concat())
        .args(["--", "--lib"])
        // What others wrote is built once; crates of the copy are others than ours to cargo, as they live elsewhere.
        .env("CARGO_TARGET_DIR", root().join("target"))
        .status()?;
    match tried.code() {
        Some(0 | SOME_MISSED | SOME_HUNG) => report(&outcomes.join("mutants.out")),
        _ => Err(format!("cargo-mutants ended with {tried}").into()),
    }
}

/// The model and the cores, by name.
fn pure_crates() -> Outcome<Vec<String>> {
    let mut names = vec!["tepui-model".to_owned()];
    for entry in fs::read_dir(root().join("crates/core"))?.flatten() {
        if entry.path().join("Cargo.toml").is_file() {
            names.push(format!("tepui-core-{}", entry.file_name().to_string_lossy()));
        }
    }
    names.sort();
    Ok(names)
}

fn seed_of_commit() -> Outcome<u64> {
    let commit = output(command("git", ["rev-parse", "HEAD"]).current_dir(root()))?;
    Ok(u64::from_str_radix(commit.get(..8).unwrap_or_default(), 16)?)
}

/// Prints the tally of each crate; fails for those that live without a reason.
fn report(outcomes: &Path) -> Outcome {
    let names = |file: &str| -> Outcome<Vec<String>> {
        let file = outcomes.join(file);
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let (missed, unviable) = (names("missed.txt")?, names("unviable.txt")?);
    let caught = [names("caught.txt")?, names("timeout.txt")?].concat();
    for (place, tally) in tallies(&caught, &missed, &unviable) {
        let viable = (tally.caught + tally.missed).max(1);
        println!(
            "* {place}: {} caught, {} missed, {} not compiled: {:.1} %",
            tally.caught,
            tally.missed,
            tally.unviable,
            100.0 * tally.caught as f64 / viable as f64
        );
    }
    let survivors = Survivors::read(&fs::read_to_string(root().join("xtask/mutants.toml"))?)?;
    let mut unknown = survivors.without_reason(&missed);
    for mutant in &unknown {
        println!("! lives: {mutant}");
    }
    unknown.retain(|mutant| survivors.holds(mutant));
    if unknown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} changes were noticed by no test: write one, or say in xtask/mutants.toml why it cannot matter",
        unknown.len()
    )
    .into())
}

fn tallies(caught: &[String], missed: &[String], unviable: &[String]) -> BTreeMap<String, Tally> {
    let mut tallies = BTreeMap::<String, Tally>::new();
    let place = |mutant: &String| mutant.split("/src/").next().unwrap_or_default().to_owned();
    caught.iter().for_each(|mutant| tallies.entry(place(mutant)).or_default().caught += 1);
    missed.iter().for_each(|mutant| tallies.entry(place(mutant)).or_default().missed += 1);
    unviable.iter().for_each(|mutant| tallies.entry(place(mutant)).or_default().unviable += 1);
    tallies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted_by_crate() {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let caught = of(&["crates/model/src/a.rs:1:2: replace a", "crates/core/kit/src/b.rs:1:2: replace b"]);
        let tallies = tallies(&caught, &of(&["crates/model/src/c.rs:1:2: replace c"]), &[]);
        assert_eq!(tallies["crates/model"], Tally { caught: 1, missed: 1, unviable: 0 });
        assert_eq!(tallies["crates/core/kit"], Tally { caught: 1, missed: 0, unviable: 0 });
    }
}
