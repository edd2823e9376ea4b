//! The limits, and what was above them when they were written.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::shell::Outcome;

/// What was measured, by name.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Lines of files.
    pub(super) files: BTreeMap<String, usize>,
    /// Lines of files with nothing but tests.
    pub(super) tests: BTreeMap<String, usize>,
    /// Lines of functions, by file and name; of several of one name the longest.
    pub(super) functions: BTreeMap<String, usize>,
    /// Files in the largest circle of imports of each crate.
    pub(super) circles: BTreeMap<String, usize>,
    /// The files in those circles.
    pub(super) members: BTreeMap<String, Vec<String>>,
    /// Lines of each crate that stand elsewhere, too.
    pub(super) duplicates: BTreeMap<String, usize>,
}

/// One kind of limit.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: usize,
    /// What may be above the limit, and how much.
    #[serde(default)]
    above: BTreeMap<String, usize>,
}

/// The file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    files: Limit,
    tests: Limit,
    functions: Limit,
    circles: Limit,
    duplicates: Limit,
}

/// What stands above the file when it is written.
const HEAD: &str = "# What `cargo xtask tidy` holds the house to. `--write` takes down what has become better; whoever raises a\n\
# figure does so by hand and says why in the change.\n\n";

impl Limits {
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    pub(super) fn write(&self, path: &Path) -> Outcome {
        fs::write(path, format!("{HEAD}{}", toml::to_string(self)?))?;
        Ok(())
    }

    /// What is above its limit, in words.
    pub(super) fn exceeded(&self, measured: &Measured) -> Vec<String> {
        let in_circle =
            |name: &String| measured.members.get(name).map_or_else(String::new, |members| members.join(", "));
        let kinds = [
            (&self.files, &measured.files, "lines", "cut the file where its subjects part"),
            (&self.tests, &measured.tests, "lines", "cut the file where its subjects part"),
            (&self.functions, &measured.functions, "lines", "a function fits on a screen: name its parts"),
            (
                &self.circles,
                &measured.circles,
                "files that import each other in a circle",
                "let one of them stand below",
            ),
            (
                &self.duplicates,
                &measured.duplicates,
                "lines that stand elsewhere, too",
                "let one piece of code serve both",
            ),
        ];
        kinds
            .into_iter()
            .flat_map(|(limit, measured, unit, advice)| limit.exceeded(measured, unit, advice))
            .chain(
                self.circles
                    .above(&measured.circles)
                    .map(|(name, _, _)| format!("{name}: the circle is {}", in_circle(name))),
            )
            .collect()
    }

    /// Takes down what has become better; whether anything has.
    pub(super) fn lower(&mut self, measured: &Measured) -> bool {
        let kinds = [
            (&mut self.files, &measured.files),
            (&mut self.tests, &measured.tests),
            (&mut self.functions, &measured.functions),
            (&mut self.circles, &measured.circles),
            (&mut self.duplicates, &measured.duplicates),
        ];
        kinds.into_iter().fold(false, |lowered, (limit, measured)| limit.lower(measured) || lowered)
    }
}

impl Limit {
    /// What is above, how much, and what is allowed.
    fn above<'a>(
        &'a self,
        measured: &'a BTreeMap<String, usize>,
    ) -> impl Iterator<Item = (&'a String, usize, usize)> {
        measured
            .iter()
            .map(|(name, count)| {
                let allowed = self.above.get(name).copied().unwrap_or(self.limit).max(self.limit);
                (name, *count, allowed)
            })
            .filter(|(_, count, allowed)| count > allowed)
    }

    fn exceeded(&self, measured: &BTreeMap<String, usize>, unit: &str, advice: &str) -> Vec<String> {
        let words = |(name, count, allowed)| format!("{name}: {count} {unit}, at most {allowed}: {advice}");
        self.above(measured).map(words).collect()
    }

    fn lower(&mut self, measured: &BTreeMap<String, usize>) -> bool {
        let before = self.above.clone();
        let limit = self.limit;
        self.above.retain(|name, allowed| {
            let count = measured.get(name).copied().unwrap_or_default();
            *allowed = count.min(*allowed);
            count > limit
        });
        self.above != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, usize)]) -> BTreeMap<String, usize> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn nothing_may_get_worse_and_what_got_better_is_taken_down() {
        let mut limit = Limit { limit: 10, above: counts(&[("old", 15), ("mended", 12), ("gone", 11)]) };
        let measured = counts(&[("old", 14), ("mended", 9), ("small", 10)]);
        assert!(limit.exceeded(&measured, "lines", "").is_empty());
        assert!(limit.lower(&measured));
        assert_eq!(limit.above, counts(&[("old", 14)]));
        assert!(!limit.lower(&measured));
        let worse = counts(&[("old", 15), ("new", 11)]);
        let found = limit.exceeded(&worse, "lines", "cut it");
        assert_eq!(found, ["new: 11 lines, at most 10: cut it", "old: 15 lines, at most 14: cut it"]);
        assert!(!limit.lower(&worse), "nothing is raised");
    }

    #[test]
    fn the_file_is_read_as_it_is_written() {
        let limits = Limits {
            files: Limit { limit: 400, above: counts(&[("crates/a/src/b.rs", 401)]) },
            ..Limits::default()
        };
        assert_eq!(toml::from_str::<Limits>(&toml::to_string(&limits).unwrap()).unwrap(), limits);
        assert!(toml::from_str::<Limits>("[unknown]\n").is_err());
    }
}
