//! The repository's own Rust files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::shell::Outcome;

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    /// Below the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// Written by `cargo xtask codegen`.
    pub(super) is_generated: bool,
    /// Holds nothing but tests, benchmarks or examples.
    pub(super) is_test: bool,
}

/// Folders with code of our own.
const ROOTS: &[&str] = &["crates", "tepui", "testing", "xtask"];

/// Reads all of them, in the order of their paths.
pub(super) fn read(root: &Path) -> Outcome<Vec<Source>> {
    let mut paths = Vec::new();
    for folder in ROOTS {
        walk(&root.join(folder), &mut paths)?;
    }
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let text =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        sources.push(Source::new(path, text));
    }
    Ok(sources)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Outcome {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot read {}: {error}", folder.display()).into()),
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target" && name != ".cache") {
                walk(&path, paths)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        let is_generated = path.contains("/generated/");
        let folders = ["/tests/", "/benches/", "/examples/"];
        let is_test = folders.iter().any(|folder| path.contains(folder)) || path.ends_with("/tests.rs");
        Self { path, text, is_generated, is_test }
    }
}
