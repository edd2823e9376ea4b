//! `cargo xtask tidy`: the ratchet. What the house is proud of may only get better.
//!
//! `xtask/tidy.toml` holds the limits and, one by one, what was above them when it was written. A check fails when something
//! is above its limit; `--write` takes down what has become better, and never raises anything: that is done by hand, in a
//! change that says why.

mod circles;
mod duplicates;
mod functions;
mod headers;
mod layers;
mod limits;
mod sources;
mod unused;

use circles::Circle;
use std::path::PathBuf;

use limits::{Limits, Measured};
use sources::Source;

use crate::{
    codegen::root,
    setup,
    shell::{Outcome, command, run as run_command},
};

/// Runs every check; with `write`, takes down what has become better.
pub(crate) fn run(write: bool) -> Outcome {
    let sources = sources::read(&root())?;
    let crates = layers::crates()?;
    let mut problems = headers::missing(&sources);
    problems.extend(layers::upward(&crates));
    problems.extend(unused::dependencies(&crates, &sources));
    let measured = measure(&sources, &crates);
    let path = root().join("xtask/tidy.toml");
    let mut limits = Limits::read(&path)?;
    problems.extend(limits.exceeded(&measured));
    if !problems.is_empty() {
        return Err(format!("{} things are not tidy:\n{}", problems.len(), problems.join("\n")).into());
    }
    if limits.lower(&measured) {
        if write {
            limits.write(&path)?;
            println!("* wrote down what has become better: xtask/tidy.toml");
        } else {
            println!("* something has become better: `cargo xtask tidy --write` takes it down");
        }
    }
    println!("* tidy: {} files, {} crates", sources.len(), crates.len());
    documented()?;
    denied()
}

fn measure(sources: &[Source], crates: &[layers::Package]) -> Measured {
    let lines = |is_test: bool| {
        let files = sources.iter().filter(|source| !source.is_generated && source.is_test == is_test);
        files.map(|source| (source.path.clone(), source.text.lines().count())).collect()
    };
    let circles: Vec<Circle> =
        crates.iter().filter_map(|package| circles::largest(package, sources)).collect();
    Measured {
        files: lines(false),
        tests: lines(true),
        functions: sources.iter().flat_map(functions::lengths).collect(),
        circles: circles.iter().map(|circle| (circle.folder.clone(), circle.members.len())).collect(),
        members: circles.into_iter().map(|circle| (circle.folder, circle.members)).collect(),
        duplicates: duplicates::lines(sources),
    }
}

/// The documentation builds, and every link in it leads somewhere.
fn documented() -> Outcome {
    run_command(
        command("cargo", ["doc", "--workspace", "--no-deps", "--quiet"])
            .current_dir(root())
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// What `deny.toml` says of the dependencies. Advisories are a list on a server: they are asked where `cargo deny fetch` has
/// brought it, and nothing is fetched here.
fn denied() -> Outcome {
    let deny = setup::cargo_deny()?;
    let check = |what: &[&str]| {
        let quietly = ["--all-features", "--log-level", "error", "check", "--hide-inclusion-graph"];
        run_command(command(&deny, quietly).args(what).current_dir(root()))
    };
    check(&["bans", "licenses", "sources"])?;
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    if cargo.is_some_and(|cargo| cargo.join("advisory-dbs").is_dir()) {
        return check(&["--disable-fetch", "advisories"]);
    }
    println!();
    println!("!! LEFT OUT: advisories about dependencies. `cargo deny fetch` brings the list of them.");
    println!();
    Ok(())
}
