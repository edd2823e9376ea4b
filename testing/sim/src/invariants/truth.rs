//! 17. What is said of the end of a command is how it ended, whoever was there to see it.
//!
//! A framework that does not checkpoint has agreed to lose that with its agent's process.

use super::Outcome;
use crate::{history::is_terminal, world::World};
use tepui_wire_mesos::v1::TaskState;

const WORDS: &str = "17: a command's end is told as it was";

/// Compares what its agent said of a task's end with how its process ended by itself.
pub(crate) fn check(world: &World, task: &str) -> Outcome {
    let heard = world.history.heard.get(task).map_or(&[][..], Vec::as_slice);
    let end = heard.iter().find(|update| update.uuid.is_some() && is_terminal(update.state));
    let (Some(end), Some(status)) = (end, world.history.ended.get(task)) else { return Ok(()) };
    let excused = world.scheduler_of(task).is_none_or(|scheduler| {
        let agent = scheduler.tasks.get(task).and_then(|task| task.agent.as_ref());
        !scheduler.checkpoint || agent.is_none_or(|id| world.history.gone_agents.contains(&id.value))
    });
    let by_itself = status & 0x7f == 0;
    let right = match end.state {
        TaskState::TaskFinished => *status == 0,
        TaskState::TaskFailed => *status != 0,
        // It may have ended just when it was to be killed.
        TaskState::TaskKilled => true,
        _ => !by_itself,
    };
    if right || excused {
        return Ok(());
    }
    Err((WORDS, format!("{task} ended with wait status {status}, and its agent said {:?}", end.state)))
}
