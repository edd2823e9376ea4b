//! Lines of code that stand in two places.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::Source;

/// So many lines in a row have to be the same: fewer are idiom.
const ROW: usize = 6;

/// For each crate, the lines that are part of a row which stands elsewhere, too. Tests and generated code are left out;
/// blank lines, comments, imports and lines without a word do not count.
pub(super) fn lines(sources: &[Source]) -> BTreeMap<String, usize> {
    let files: Vec<(&str, Vec<&str>)> = sources
        .iter()
        .filter(|source| !source.is_generated && !source.is_test && source.path.contains("/src/"))
        .map(|source| (source.path.as_str(), telling_lines(&source.text)))
        .collect();
    let mut rows: BTreeMap<&[&str], Vec<(usize, usize)>> = BTreeMap::new();
    for (file, (_, lines)) in files.iter().enumerate() {
        for (at, row) in lines.windows(ROW).enumerate() {
            rows.entry(row).or_default().push((file, at));
        }
    }
    let mut found: BTreeSet<(usize, usize)> = BTreeSet::new();
    for places in rows.values().filter(|places| places.len() > 1) {
        for (file, at) in places {
            found.extend((*at..at + ROW).map(|line| (*file, line)));
        }
    }
    let mut counts = BTreeMap::new();
    for (file, _) in found {
        if let Some((path, _)) = files.get(file) {
            *counts.entry(crate_of(path)).or_default() += 1;
        }
    }
    counts
}

fn crate_of(path: &str) -> String {
    path.split("/src/").next().unwrap_or(path).to_owned()
}

fn telling_lines(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    code.lines()
        .map(str::trim)
        .filter(|line| {
            line.bytes().any(|byte| byte.is_ascii_alphabetic())
                && !["//", "use ", "#["].iter().any(|start| line.starts_with(start))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_stand_twice_are_counted_in_both_places() {
        let body = "let a = 1;\nlet b = 2;\n// words\nlet c = 3;\n\nlet d = 4;\nlet e = 5;\nlet f = 6;\n";
        let source = |path: &str, text: String| Source::new(path.to_owned(), text);
        let sources = [
            source("crates/a/src/x.rs", format!("fn x() {{\n{body}}}\n")),
            source("crates/b/src/y.rs", format!("fn y() {{\n    first();\n{body}}}\n")),
            source("crates/b/src/tests.rs", body.to_owned()),
        ];
        let found = lines(&sources);
        assert_eq!(found, BTreeMap::from([("crates/a".to_owned(), 6), ("crates/b".to_owned(), 6)]));
    }
}
