//! Whether a task's scheduler was told the truth, the whole truth, in order, and its end once.

use conformance::Outcome;
use tepui_scheduler::v1::TaskState;

use super::{
    load::{Load, Script},
    notes::{self, Notes},
    written::Written,
};
use crate::ledger::{Entry, RECONCILIATION, Task, is_terminal};

/// Compares what was told of one task with its script, with the notes, and with what agents had written down when they
/// were killed.
///
/// # Errors
/// Says what does not fit.
pub fn task(load: &Load, notes: &Notes, written: &Written, id: &str, task: &Task) -> Outcome {
    let script = load.script(id).ok_or_else(|| format!("{id} was never drawn"))?;
    let started = notes.starts(id);
    let wrong = |what: &str| format!("{id} {what}; begun {started} times; {script:?}; {task:#?}").into();
    let ends = task.entries.iter().filter(|entry| entry.uuid.is_some() && is_terminal(entry.state)).count();
    if ends > 1 {
        return Err(wrong("has ended more than once"));
    }
    let Some(end) = task.end() else { return Err(wrong("has not ended")) };
    match started {
        0 if !may_end_unbegun(script, task, end) => return Err(wrong("ended without a begin")),
        0 => {}
        1 => {
            let as_scripted = end == script.end || (task.killed && end == TaskState::TaskKilled);
            if !as_scripted {
                return Err(wrong("did not end as it should"));
            }
            // A command may have got to its note while it was being started, and be killed then.
            let in_launch = script.steps.is_none() && end == TaskState::TaskKilled;
            if !task.has_run() && !in_launch {
                return Err(wrong("was never said to run"));
            }
        }
        _ => return Err(wrong("was begun more than once")),
    }
    steps(script, task, end).map_err(|what| wrong(&what))?;
    // That it is not known would be enough to say of a task that its agent never took.
    let is_known =
        |entry: &Entry| entry.uuid.is_some() && is_terminal(entry.state) && entry.reason != RECONCILIATION;
    if written.task(id) && !task.entries.iter().any(is_known) {
        return Err(wrong("was written down by an agent, and the next one said nothing of it"));
    }
    let told: Vec<String> =
        task.entries.iter().filter_map(|entry| entry.uuid.as_deref().map(notes::uuid)).collect();
    let lost = |uuid: &&str| !told.iter().any(|told| told == uuid);
    if let Some(uuid) = notes.acknowledged(id).into_iter().find(lost) {
        return Err(wrong(&format!(
            "has an update that was acknowledged to its executor and then lost: {uuid}"
        )));
    }
    if let Some(uuid) = written.updates(id).find(lost) {
        return Err(wrong(&format!("has an update that was written down and then lost: {uuid}")));
    }
    Ok(())
}

/// A task may be dropped before it is begun, as long as its scheduler is told so. A command may be killed when it was
/// said to run and its shell had not got to the note.
fn may_end_unbegun(script: &Script, task: &Task, end: TaskState) -> bool {
    let killed = task.killed || !script.group.is_empty();
    match end {
        TaskState::TaskKilled => killed && (script.steps.is_none() || !task.has_run()),
        TaskState::TaskDropped | TaskState::TaskGone | TaskState::TaskLost => !task.has_run(),
        // Its executor had ended by itself.
        TaskState::TaskFailed => script.steps.is_some() && !task.has_run(),
        _ => false,
    }
}

/// Every step of an executor's task is told, in its place.
fn steps(script: &Script, task: &Task, end: TaskState) -> Result<(), String> {
    let Some(planned) = script.steps else { return Ok(()) };
    // The master's answers to questions come in between.
    let told: Vec<&str> = task
        .entries
        .iter()
        .filter(|entry| entry.uuid.is_some() && entry.state == TaskState::TaskRunning)
        .map(|entry| entry.message.as_str())
        .collect();
    let right = told.iter().enumerate().all(|(index, message)| *message == format!("step {}", index + 1));
    if !right {
        return Err(format!("has its steps in disorder: {told:?}"));
    }
    let whole = end != script.end || !task.has_run() || told.len() == planned;
    if whole { Ok(()) } else { Err(format!("has only the steps {told:?}")) }
}
