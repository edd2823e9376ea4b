//! 6. Updates of one task arrive in order, each repeated until acknowledged.

use super::Outcome;
use crate::history::Heard;

const WORDS: &str = "6: updates of one task arrive in order";

/// Compares the order in which updates were first heard with the order in which they were made. A later one shows that
/// the acknowledgement of an earlier one cannot be lost any more, and so that is not repeated after it.
pub fn check(task: &str, heard: &[Heard], made: &[Vec<u8>]) -> Outcome {
    let mut seen = Vec::new();
    let mut last = None;
    for uuid in heard.iter().filter_map(|update| update.uuid.as_ref()) {
        if seen.contains(&uuid) {
            if seen.last() != Some(&uuid) {
                return Err((WORDS, format!("{task}: an update came again after a later one")));
            }
            continue;
        }
        seen.push(uuid);
        let place = made.iter().position(|known| known == uuid);
        if place < last {
            return Err((WORDS, format!("{task}: update number {place:?} came after number {last:?}")));
        }
        last = place;
    }
    Ok(())
}
