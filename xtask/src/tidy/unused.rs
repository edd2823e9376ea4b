//! Dependencies that no code names.

use super::{layers::Package, sources::Source};

/// Used though no code of the crate names them.
const USED_ELSEWHERE: &[(&str, &str)] = &[
    // Only with its feature `span-locations` do spans know their lines.
    ("xtask", "proc-macro2"),
];

/// Dependencies whose names do not occur in a crate's files.
pub(super) fn dependencies(crates: &[Package], sources: &[Source]) -> Vec<String> {
    let mut words = Vec::new();
    for package in crates {
        let prefix = format!("{}/", package.folder);
        let texts: Vec<&str> = sources
            .iter()
            .filter(|source| source.path.starts_with(&prefix))
            .map(|source| source.text.as_str())
            .collect();
        for dependency in &package.dependencies {
            let is_used = texts.iter().any(|text| names(text, &dependency.in_code))
                || USED_ELSEWHERE.contains(&(package.name.as_str(), dependency.package.as_str()));
            if !is_used {
                words.push(format!(
                    "{}/Cargo.toml: nothing uses '{}': remove it",
                    package.folder, dependency.package
                ));
            }
        }
    }
    words
}

/// Whether a text holds the name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    text.match_indices(name).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !is_part(before) && !is_part(bytes.get(at + name.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::layers::Dependency;

    #[test]
    fn a_dependency_that_nothing_names_is_named() {
        let dependency = |name: &str| Dependency {
            package: name.to_owned(),
            in_code: name.replace('-', "_"),
            is_for_tests: false,
        };
        let package = Package {
            name: "a".to_owned(),
            folder: "crates/a".to_owned(),
            dependencies: ["serde", "serde-json", "toml"].map(dependency).into(),
        };
        let source =
            Source::new("crates/a/src/lib.rs".to_owned(), "use serde_json::Value; // toml".to_owned());
        let found = dependencies(&[package], &[source]);
        assert_eq!(found, ["crates/a/Cargo.toml: nothing uses 'serde': remove it"]);
    }
}
