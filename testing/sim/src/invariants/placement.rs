//! 1. A task runs on at most one agent, and is begun once.

use super::Outcome;
use crate::world::World;

const WORDS: &str = "1: a task runs on at most one agent, and is begun once";

/// Looks for a task whose work was begun twice.
pub fn check(world: &World) -> Outcome {
    for (task, agents) in &world.history.begun {
        if agents.len() > 1 {
            return Err((WORDS, format!("{task} was begun {} times, on agents {agents:?}", agents.len())));
        }
    }
    Ok(())
}
