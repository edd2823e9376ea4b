//! `cargo xtask costs`: what fixed loads cost, in instructions.
//!
//! Instructions are counted by callgrind, so that a busy machine changes nothing; the loads are `testing/bench`'s `costs`,
//! the pure cores in one process. Figures are compared with `testing/bench/costs.toml`. One that rose by more than
//! [`TOLERANCE`] fails until its reason is written down, by `--write --reason`.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use crate::{
    codegen::root,
    setup,
    shell::{Outcome, command, run},
};

/// Which part of a figure may come and go with compilers' moods.
const TOLERANCE: f64 = 0.03;

/// What to do about figures that differ.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write lower figures into the file; higher ones too where a reason is given.
    #[arg(long)]
    write: bool,
    /// Why a load may cost more than it did.
    #[arg(long, requires = "write")]
    reason: Option<String>,
}

/// What the file knows of one load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cost {
    instructions: u64,
    /// What it was when counting began.
    first: u64,
    /// Why it rose, each time that it did.
    raised: Vec<String>,
}

type Costs = BTreeMap<String, Cost>;

const PREAMBLE: &str = "\
# What the loads of `cargo xtask costs` cost, in instructions. `first` is the figure that counting began with; a rise by
# more than 3 % needs its reason: cargo xtask costs --write --reason \"...\".
";

/// Counts, compares, and writes if that is wanted.
pub(crate) fn check(options: &Options) -> Outcome {
    let file = root().join("testing/bench/costs.toml");
    let known = read(&fs::read_to_string(&file)?).map_err(|error| format!("{}: {error}", file.display()))?;
    let counted = count()?;
    let (next, problems) = compare(&known, &counted, options.reason.as_deref());
    for (load, instructions) in &counted {
        let before = known.get(load).map_or(*instructions, |cost| cost.instructions);
        println!(
            "* {load:14} {instructions:>12} instructions, {:+.1} %",
            100.0 * change(before, *instructions)
        );
    }
    if options.write {
        fs::write(&file, written(&next))?;
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

fn change(before: u64, now: u64) -> f64 {
    let (before, now) = (before as f64, now as f64);
    if before > 0.0 { now / before - 1.0 } else { 0.0 }
}

/// What the file is to hold, and what stands against it.
fn compare(known: &Costs, counted: &BTreeMap<String, u64>, reason: Option<&str>) -> (Costs, Vec<String>) {
    let (mut next, mut problems) = (Costs::new(), Vec::new());
    for (load, &instructions) in counted {
        let unknown = Cost { first: instructions, instructions, raised: Vec::new() };
        let mut cost = known.get(load).cloned().unwrap_or(unknown);
        let before = cost.instructions;
        let risen = change(before, instructions);
        if instructions <= before {
            cost.instructions = instructions;
        } else if let Some(reason) = reason.filter(|_| risen > TOLERANCE) {
            cost.instructions = instructions;
            cost.raised.push(format!("from {before} to {instructions}: {reason}"));
        } else if risen > TOLERANCE {
            problems.push(format!(
                "{load} costs {instructions} instructions, {:.1} % more than {before}: make it cheaper, or say why it has \
                 to be (cargo xtask costs --write --reason \"...\")",
                100.0 * risen
            ));
        }
        next.insert(load.clone(), cost);
    }
    for load in known.keys().filter(|load| !counted.contains_key(*load)) {
        problems.push(format!("{load} is in costs.toml and was not run"));
    }
    (next, problems)
}

/// Instructions of each load.
fn count() -> Outcome<BTreeMap<String, u64>> {
    setup::valgrind()?;
    run(command("cargo", ["build", "--quiet", "--release", "-p", "bench", "--bin", "costs"])
        .current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("release/costs");
    let names = String::from_utf8(command(&program, ["--list"]).output()?.stdout)?;
    let mut counted = BTreeMap::new();
    for load in names.lines() {
        // Without chance in addresses every run counts the same.
        let output =
            command("setarch", ["-R", "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .arg("--toggle-collect=tepui_measured")
                .arg(&program)
                .arg(load)
                .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let instructions =
            said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
        match instructions.filter(|_| output.status.success()) {
            Some(instructions) if instructions > 0 => counted.insert(load.to_owned(), instructions),
            _ => return Err(format!("valgrind counted nothing for {load}:\n{said}").into()),
        };
    }
    Ok(counted)
}

fn read(text: &str) -> Outcome<Costs> {
    let mut costs = Costs::new();
    for (load, cost) in &text.parse::<toml::Table>()? {
        let figure = |name: &str| {
            let figure = cost.get(name).and_then(toml::Value::as_integer);
            figure
                .and_then(|figure| u64::try_from(figure).ok())
                .ok_or_else(|| format!("{load} has no {name}"))
        };
        let raised = cost.get("raised").and_then(|raised| raised.as_array());
        let raised = raised.into_iter().flatten().filter_map(|why| why.as_str().map(str::to_owned)).collect();
        let cost = Cost { instructions: figure("instructions")?, first: figure("first")?, raised };
        costs.insert(load.clone(), cost);
    }
    Ok(costs)
}

fn written(costs: &Costs) -> String {
    let mut text = PREAMBLE.to_owned();
    for (load, cost) in costs {
        let _ = write!(text, "\n[{load}]\ninstructions = {}\nfirst = {}\n", cost.instructions, cost.first);
        if !cost.raised.is_empty() {
            text.push_str("raised = [\n");
            for why in &cost.raised {
                let _ = writeln!(text, "    {},", toml::Value::String(why.clone()));
            }
            text.push_str("]\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Costs {
        read("[pass]\ninstructions = 1000\nfirst = 1200").unwrap()
    }

    fn counted(instructions: u64) -> BTreeMap<String, u64> {
        [("pass".to_owned(), instructions)].into()
    }

    #[test]
    fn a_rise_beyond_the_tolerance_fails_without_a_reason() {
        assert_eq!(compare(&known(), &counted(1029), None), (known(), Vec::new()));
        let (next, problems) = compare(&known(), &counted(1031), None);
        assert_eq!(next, known());
        assert!(problems.len() == 1 && problems[0].starts_with("pass costs 1031"), "{problems:?}");
        assert_eq!(compare(&known(), &BTreeMap::new(), None).1, ["pass is in costs.toml and was not run"]);
    }

    #[test]
    fn a_rise_with_a_reason_is_written_with_it_and_a_fall_is_written_as_it_is() {
        let (next, problems) = compare(&known(), &counted(1100), Some("it does \"more\""));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(next["pass"].raised, ["from 1000 to 1100: it does \"more\""]);
        assert_eq!(read(&written(&next)).unwrap(), next);
        assert_eq!(compare(&next, &counted(900), None).0["pass"].instructions, 900);
    }
}
