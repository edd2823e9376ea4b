//! 6. Updates of one task arrive in order, each repeated until acknowledged.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "6: updates of one task arrive in order";

/// Compares the order in which updates were first heard with the order in which they were made.
pub fn check(world: &World) -> Outcome {
    for (task, heard) in &world.history.heard {
        let Some(made) = world.history.made.get(task) else { continue };
        let place = |uuid: &Vec<u8>| made.iter().position(|known| known == uuid);
        let mut seen = Vec::new();
        let mut last = None;
        for uuid in heard.iter().filter_map(|update| update.uuid.as_ref()) {
            if seen.contains(&uuid) {
                continue;
            }
            seen.push(uuid);
            let place = place(uuid);
            if place < last {
                return Err((WORDS, format!("{task}: update number {place:?} came after number {last:?}")));
            }
            last = place;
        }
    }
    Ok(())
}
