//! The changes that may live, each with its reason.

use std::collections::BTreeMap;

use crate::shell::Outcome;

/// Names of changes without line and column, which move; with how many of that name may live.
#[derive(Debug, Default)]
pub(super) struct Survivors {
    known: BTreeMap<String, i64>,
    /// Folders of crates of which every survivor is known.
    held: Vec<String>,
}

impl Survivors {
    /// Reads `held`, a list of folders, and `[[lives]]` entries: `mutant`, `reason`, and `times` where a name stands for
    /// several.
    pub(super) fn read(text: &str) -> Outcome<Self> {
        let table: toml::Table = text.parse()?;
        let held = table.get("held").and_then(toml::Value::as_array).into_iter().flatten();
        let held = held.filter_map(|folder| Some(folder.as_str()?.to_owned())).collect();
        let mut survivors = Self { known: BTreeMap::new(), held };
        for entry in table.get("lives").and_then(toml::Value::as_array).into_iter().flatten() {
            let text = |name: &str| entry.get(name).and_then(toml::Value::as_str).unwrap_or_default();
            if text("mutant").is_empty() || text("reason").is_empty() {
                return Err(format!("xtask/mutants.toml: `mutant` and `reason` are needed: {entry}").into());
            }
            let times = entry.get("times").and_then(toml::Value::as_integer).unwrap_or(1);
            *survivors.known.entry(text("mutant").to_owned()).or_default() += times;
        }
        Ok(survivors)
    }

    /// Those that are not in the list, as they were named.
    pub(super) fn without_reason<'a>(&self, missed: &'a [String]) -> Vec<&'a str> {
        let mut left = self.known.clone();
        let mut unknown = Vec::new();
        for mutant in missed {
            match left.get_mut(&without_line(mutant)) {
                Some(times) if *times > 0 => *times -= 1,
                _ => unknown.push(mutant.as_str()),
            }
        }
        unknown
    }
}

impl Survivors {
    /// Whether one more survivor of this name's crate is a failure. Of the other crates nobody has looked at all survivors
    /// yet: they are only shown.
    pub(super) fn holds(&self, mutant: &str) -> bool {
        self.held
            .iter()
            .any(|folder| mutant.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// `a.rs:12:3: replace ..` is `a.rs: replace ..`.
fn without_line(mutant: &str) -> String {
    let Some((place, what)) = mutant.split_once(": ") else { return mutant.to_owned() };
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_without_a_reason_is_named_and_so_is_one_more_than_there_may_be() {
        let known = "[[lives]]\nmutant = \"a.rs: replace == with != in f\"\nreason = \"the same\"\n";
        let missed =
            ["a.rs:3:4: replace == with != in f", "a.rs:9:4: replace == with != in f", "a.rs:1:1: delete !"];
        let missed = missed.map(str::to_owned);
        let unknown = Survivors::read(known).unwrap().without_reason(&missed);
        assert_eq!(unknown, [&missed[1], &missed[2]]);
        let twice = Survivors::read(&format!("{known}times = 2")).unwrap();
        assert_eq!(twice.without_reason(&missed), [&missed[2]]);
    }

    #[test]
    fn only_crates_whose_survivors_are_all_known_are_held_to_them() {
        let survivors = Survivors::read("held = [\"crates/core/checks\"]").unwrap();
        assert!(survivors.holds("crates/core/checks/src/a.rs:3:4: delete !"));
        assert!(!survivors.holds("crates/core/checks-more/src/a.rs:3:4: delete !"));
        assert!(!survivors.holds("crates/model/src/a.rs:3:4: delete !"));
    }

    #[test]
    fn no_change_lives_without_a_reason() {
        assert!(Survivors::read("[[lives]]\nmutant = \"a.rs: delete !\"\nreason = \"\"").is_err());
    }
}
