//! What was called one thing in the recording is called another in the run at hand.

/// A table of pairs, used in both directions on any text or bytes.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pairs: Vec<(String, String)>,
}

impl Names {
    /// From here on `recorded` in the recording stands for `ours` in this run. Replaces an earlier pair.
    pub fn bind(&mut self, recorded: impl Into<String>, ours: impl Into<String>) {
        let (recorded, ours) = (recorded.into(), ours.into());
        self.pairs.retain(|(known, _)| *known != recorded);
        self.pairs.push((recorded, ours));
        // Longer names first: an agent's id contains the master's.
        self.pairs.sort_by_key(|(recorded, _)| std::cmp::Reverse(recorded.len()));
    }

    /// What `recorded` stands for, if it was bound.
    pub fn ours(&self, recorded: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == recorded).map(|(_, ours)| ours.as_str())
    }

    /// Recorded text as it has to be said in this run.
    pub fn to_ours(&self, text: &[u8]) -> Vec<u8> {
        replace(text, |rest| {
            self.pairs
                .iter()
                .find(|(recorded, _)| rest.starts_with(recorded.as_bytes()))
                .map(|(from, to)| (from, to))
        })
    }

    /// Text of this run as it would be in the recording.
    pub fn to_recorded(&self, text: &str) -> String {
        let longest = |rest: &[u8]| {
            let fitting =
                self.pairs.iter().filter(|(_, ours)| !ours.is_empty() && rest.starts_with(ours.as_bytes()));
            fitting.max_by_key(|(_, ours)| ours.len()).map(|(to, from)| (from, to))
        };
        String::from_utf8_lossy(&replace(text.as_bytes(), longest)).into_owned()
    }
}

/// Goes through `text` once; where `pair` knows what the rest begins with, that is replaced.
fn replace<'a>(text: &[u8], pair: impl Fn(&[u8]) -> Option<(&'a String, &'a String)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if let Some((from, to)) = pair(&text[at..]) {
            out.extend_from_slice(to.as_bytes());
            at += from.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_names_win_and_both_directions_agree() {
        let mut names = Names::default();
        names.bind("m", "master-9");
        names.bind("m-S0", "master-9-S4");
        assert_eq!(names.to_ours(b"m-S0 of m"), b"master-9-S4 of master-9");
        assert_eq!(names.to_recorded("master-9-S4 of master-9"), "m-S0 of m");
        names.bind("m", "other");
        assert_eq!(names.ours("m"), Some("other"));
    }
}
