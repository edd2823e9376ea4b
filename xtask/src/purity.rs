//! Does the lint that keeps the model, the wire and the cores pure still bite?
//!
//! Clippy takes the nearest `clippy.toml` upward, so `crates/core/clippy.toml` rules every crate below it; the model and
//! the wire have links to that file. A rule that no longer works is silent; so here a crate that breaks it is written, and
//! clippy must refuse it.

use std::{fs, path::Path};

use crate::{
    codegen::root,
    shell::{Outcome, command, remove_tree},
};

/// Code that breaks a rule, and what clippy has to name.
const SINS: &[(&str, &str)] = &[
    ("pub fn sin() -> bool { std::time::Instant::now().elapsed().is_zero() }", "std::time::Instant::now"),
    (
        "pub fn sin() -> bool { std::time::SystemTime::now() > std::time::UNIX_EPOCH }",
        "std::time::SystemTime::now",
    ),
    ("pub fn sin() { let _ = std::thread::spawn(|| ()); }", "std::thread::spawn"),
    ("pub fn sin() -> bool { std::fs::read(\"x\").is_ok() }", "std::fs::read"),
    (
        "pub fn sin() -> usize { std::collections::HashMap::<u8, u8>::new().len() }",
        "std::collections::HashMap",
    ),
];

/// What nobody may refuse.
const VIRTUE: &str =
    "pub fn virtue(now: u64) -> std::collections::BTreeMap<u64, u64> { [(now, now)].into() }";

/// The file of rules.
const RULES: &str = "crates/core/clippy.toml";

/// Where else it rules.
const RULED: &[&str] = &["crates/model", "crates/wire"];

/// Checks the lint, and that no core depends on what does I/O.
pub(crate) fn run() -> Outcome {
    same_rules(&root())?;
    lint_bites()?;
    cores_depend_on_no_io()
}

/// All that is pure is ruled by the same file.
fn same_rules(root: &Path) -> Outcome {
    let rules = fs::read(root.join(RULES)).map_err(|error| format!("{RULES}: {error}"))?;
    for place in RULED {
        let file = root.join(place).join("clippy.toml");
        if fs::read(&file).ok().as_ref() != Some(&rules) {
            return Err(
                format!("{}: make it a link to {RULES}: {place} is pure as well", file.display()).into()
            );
        }
        println!("* {place} is ruled by {RULES}");
    }
    Ok(())
}

fn lint_bites() -> Outcome {
    let home = root().join("target/purity");
    remove_tree(&home)?;
    fs::create_dir_all(home.join("src"))?;
    fs::copy(root().join(RULES), home.join("clippy.toml"))?;
    fs::write(
        home.join("Cargo.toml"),
        "[package]\nname = \"purity\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    if let Err(complaint) = clippy(VIRTUE)? {
        return Err(format!("clippy refuses what is allowed in a core:\n{complaint}").into());
    }
    for (code, named) in SINS {
        match clippy(code)? {
            Ok(()) => return Err(format!("{RULES} no longer forbids {named}").into()),
            Err(complaint) if !(complaint.contains("disallowed") && complaint.contains(named)) => {
                return Err(format!("clippy fails, but not because of {named}:\n{complaint}").into());
            }
            Err(_) => println!("* refused in a core, as it should be: {named}"),
        }
    }
    Ok(())
}

/// Runs clippy on a crate of this one line, as it is run on the workspace. The inner error is what clippy says.
fn clippy(code: &str) -> Outcome<Result<(), String>> {
    let home = root().join("target/purity");
    fs::write(home.join("src/lib.rs"), format!("{code}\n"))?;
    let output = command("cargo", ["clippy", "--quiet", "--offline", "--", "-D", "warnings"])
        .current_dir(&home)
        .env("CARGO_TARGET_DIR", home.join("target"))
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(if output.status.success() { Ok(()) } else { Err(said) })
}

/// What no core, nor anything below it, may depend on.
const IO: &[&str] = &[
    "tokio",
    "mio",
    "hyper",
    "rustix",
    "libc",
    "getrandom",
    "redb",
    "tracing-subscriber",
    "socket2",
    "polling",
];

fn cores_depend_on_no_io() -> Outcome {
    let mut cores = Vec::new();
    for entry in fs::read_dir(root().join("crates/core"))?.flatten() {
        if entry.path().join("Cargo.toml").is_file() {
            cores.push(format!("tepui-core-{}", entry.file_name().to_string_lossy()));
        }
    }
    cores.sort();
    for core in cores {
        let tree = crate::shell::output(
            command(
                "cargo",
                ["tree", "--quiet", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p", &core],
            )
            .current_dir(root()),
        )?;
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        if let Some(bad) = names.into_iter().find(|name| IO.contains(name)) {
            return Err(format!("{core} depends on {bad}: a core does no I/O").into());
        }
        println!("* no I/O below {core}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_are_not_the_same_everywhere_are_told() {
        let home = std::env::temp_dir().join(format!("tepui-purity-{}", std::process::id()));
        for (place, rules) in [("crates/core", "a"), ("crates/model", "a"), ("crates/wire", "b")] {
            fs::create_dir_all(home.join(place)).unwrap();
            fs::write(home.join(place).join("clippy.toml"), rules).unwrap();
        }
        let told = same_rules(&home).unwrap_err().to_string();
        assert!(told.contains("crates/wire/clippy.toml: make it a link"), "{told}");
        fs::write(home.join("crates/wire/clippy.toml"), "a").unwrap();
        same_rules(&home).unwrap();
        remove_tree(&home).unwrap();
    }
}
