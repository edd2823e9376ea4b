//! 4. A terminal state is terminal, and comes once.
//!
//! What the master makes itself has no uuid and may be a guess: a framework without PARTITION_AWARE hears TASK_LOST
//! of a task on a lost agent and may hear of it again. What comes from the agent with a uuid is the truth.

use super::Outcome;
use crate::history::{Heard, is_terminal};

const WORDS: &str = "4: a terminal state is terminal";

/// Looks for an update that follows a terminal one and is not a repetition of it.
pub fn check(task: &str, heard: &[Heard]) -> Outcome {
    let mut ended: Option<&Heard> = None;
    for update in heard.iter().filter(|update| update.uuid.is_some()) {
        match ended {
            Some(end) if end.uuid != update.uuid => {
                let what = format!("{task} had ended as {:?}, then came {:?}", end.state, update.state);
                return Err((WORDS, what));
            }
            Some(_) => {}
            None if is_terminal(update.state) => ended = Some(update),
            None => {}
        }
    }
    Ok(())
}
