//! 1. A task runs on at most one agent, and is begun once.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "1: a task runs on at most one agent, and is begun once";

/// Looks for a task whose work was begun twice.
pub(crate) fn check(world: &World) -> Outcome {
    match &world.history.begun_again {
        Some(task) => {
            let agents = world.history.begun.get(task);
            Err((WORDS, format!("{task} was begun more than once, on agents {agents:?}")))
        }
        None => Ok(()),
    }
}
