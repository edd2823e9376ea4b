//! The floors of the house: arrows between crates only point down.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    codegen::root,
    shell::{Outcome, command, output},
};

/// A crate of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    /// As in its Cargo.toml.
    pub(super) name: String,
    /// Its folder below the root: `crates/core/master`.
    pub(super) folder: String,
    /// What it depends on to run, with the names by which its code calls them.
    pub(super) dependencies: Vec<Dependency>,
}

/// Something that a crate depends on.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) package: String,
    /// As it stands in code: `tepui_model`.
    pub(super) in_code: String,
    /// Only for tests or build scripts.
    pub(super) is_for_tests: bool,
}

/// Floors from below; a crate may use those below its own, and others on its own.
const FLOORS: &[&str] = &[
    "crates/model",
    "crates/wire/",
    "crates/core/",
    "crates/io/",
    "crates/role/",
    "crates/cluster",
    "tepui",
];

/// Walls within a floor: who must not use whom, and why.
const WALLS: &[(&str, &str, &str)] =
    &[("crates/io/transport", "crates/core/", "transport carries what it does not understand")];

/// Every crate of the workspace.
pub(super) fn crates() -> Outcome<Vec<Package>> {
    let text = output(
        command("cargo", ["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root()),
    )?;
    let metadata: Value = serde_json::from_str(&text)?;
    let root = root();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    Ok(packages
        .filter_map(|package| {
            let manifest = std::path::Path::new(package["manifest_path"].as_str()?);
            let folder = manifest.parent()?.strip_prefix(&root).ok()?.to_string_lossy().into_owned();
            let dependencies = package["dependencies"].as_array()?.iter().filter_map(dependency).collect();
            Some(Package { name: package["name"].as_str()?.to_owned(), folder, dependencies })
        })
        .collect())
}

fn dependency(value: &Value) -> Option<Dependency> {
    let package = value["name"].as_str()?.to_owned();
    let in_code = value["rename"].as_str().unwrap_or(&package).replace('-', "_");
    Some(Dependency { package, in_code, is_for_tests: value["kind"].is_string() })
}

fn floor(folder: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| folder == floor.trim_end_matches('/') || folder.starts_with(floor))
}

/// Arrows that point upward or go through a wall.
pub(super) fn upward(crates: &[Package]) -> Vec<String> {
    let folders: BTreeMap<&str, &str> =
        crates.iter().map(|package| (package.name.as_str(), package.folder.as_str())).collect();
    let mut words = Vec::new();
    for package in crates {
        // testing/ and xtask/ may see all.
        let Some(own) = floor(&package.folder) else { continue };
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.is_for_tests) {
            let Some(folder) = folders.get(dependency.package.as_str()) else { continue };
            if floor(folder).is_none_or(|floor| floor > own) {
                words.push(format!("{} uses {folder}, which stands above it", package.folder));
            }
            for (from, to, why) in WALLS {
                if package.folder == *from && folder.starts_with(to) {
                    words.push(format!("{from} uses {folder}: {why}"));
                }
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str, uses: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency {
            package: (*name).to_owned(),
            in_code: name.replace('-', "_"),
            is_for_tests: false,
        };
        Package {
            name: folder.replace('/', "-"),
            folder: folder.to_owned(),
            dependencies: uses.iter().map(dependency).collect(),
        }
    }

    #[test]
    fn arrows_upward_are_named_and_others_are_not() {
        let crates = [
            package("crates/model", &["crates-wire-mesos", "serde"]),
            package("crates/wire/mesos", &["crates-model"]),
            package("crates/core/master", &["crates-core-kit", "crates-wire-mesos"]),
            package("crates/core/kit", &["crates-model"]),
            package("crates/io/transport", &["crates-core-kit"]),
            package("testing/sim", &["crates-io-transport"]),
        ];
        assert_eq!(
            upward(&crates),
            [
                "crates/model uses crates/wire/mesos, which stands above it",
                "crates/io/transport uses crates/core/kit: transport carries what it does not understand",
            ]
        );
    }
}
