//! The foreign programs that `cargo xtask setup` installs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, process::remark};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// This crate's directory of that name (`clients`, `peers`, `golden`).
pub fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The directory of one peer.
fn home(peer: &str) -> Outcome<PathBuf> {
    let home = root().join(".cache/peers").join(peer);
    if home.join("ready").is_file() {
        Ok(home)
    } else {
        Err(format!("{peer} is not installed: run `cargo xtask setup` first").into())
    }
}

/// pymesos's two ways to read HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parser {
    /// Compiled C.
    Native,
    /// Plain Python.
    Pure,
}

/// One of our programs on pymesos (a file of `clients/`).
pub fn pymesos(parser: Parser, program: &str) -> Outcome<Command> {
    let home = home(match parser {
        Parser::Native => "pymesos-native",
        Parser::Pure => "pymesos-pure",
    })?;
    let mut command = Command::new(home.join("bin/python"));
    command.arg("-B").arg(ours("clients").join(program));
    Ok(command)
}

/// One of our programs on npm's mesos-framework (a file of `clients/`).
pub fn node(program: &str) -> Outcome<Command> {
    let modules = home("mesos-framework")?.join("node_modules");
    let mut command = Command::new("node");
    command.arg(ours("clients").join(program)).env("NODE_PATH", modules);
    Ok(command)
}

/// The command with which an agent starts our executor on mesos-go's v0 driver.
pub fn mesos_go_executor() -> Outcome<String> {
    Ok(format!("exec '{}'", home("mesos-go")?.join("executor").display()))
}

/// The command with which an agent starts our executor on compactor. None, with a loud remark, where there is no Python
/// 2.7; an error in continuous integration.
pub fn compactor_executor() -> Outcome<Option<String>> {
    let found = home("compactor").map(|home| {
        let program = ours("clients").join("compactor_executor.py");
        format!("exec '{}' -B '{}'", home.join("bin/python").display(), program.display())
    });
    or_skipped("compactor", found)
}

/// The Python that has the genuine Mesos in it, running our script that starts it. None, with a loud remark, where there
/// is no Python 2.7; an error in continuous integration.
pub fn genuine() -> Outcome<Option<Command>> {
    let found = home("genuine-mesos").map(|home| {
        let mut command = Command::new(home.join("bin/mesos-python"));
        command.arg(ours("peers").join("genuine_mesos.py"));
        command
    });
    or_skipped("the genuine Mesos 1.11.0", found)
}

/// What cannot be had without Python 2.7.
fn or_skipped<T>(what: &str, found: Outcome<T>) -> Outcome<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(problem) if env::var("CI").is_ok_and(|value| value == "true" || value == "1") => Err(problem),
        Err(problem) => {
            remark(&format!("!! SKIPPED: a test against {what}: {problem}"));
            Ok(None)
        }
    }
}

/// tepui's own binary: `TEPUI_BIN`, or the newer of what cargo built in the target directory.
pub fn tepui() -> Outcome<PathBuf> {
    if let Some(path) = env::var_os("TEPUI_BIN") {
        return Ok(PathBuf::from(path));
    }
    built("tepui").ok_or_else(|| "no tepui binary: run `cargo build -p tepui` first, or set TEPUI_BIN".into())
}

/// An example program of our SDKs, the newer of what cargo built in the target directory.
pub fn example(name: &str) -> Outcome<PathBuf> {
    built(&format!("examples/{name}"))
        .ok_or_else(|| format!("no example {name}: run `cargo build --examples --workspace` first").into())
}

fn built(path: &str) -> Option<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    ["debug", "release"]
        .into_iter()
        .map(|profile| target.join(profile).join(path))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .map(|(_, path)| path)
}
