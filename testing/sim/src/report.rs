//! The story of a violation: the lines of a trace that somebody who was not there needs to understand it.

use std::{collections::BTreeSet, time::Duration};

use crate::trace::{Kind, Line};

/// Lines of the beginning and of the end that are shown of a long story.
const FIRST: usize = 25;
const LAST: usize = 60;
/// A line that was said among so many shown before it is not shown again, but counted.
const FOLD: usize = 6;
/// Faults shortly before the story begins belong to it.
const BEFORE: Duration = Duration::from_secs(5);

/// The story of what `what` is about: a task if it names one, the cluster otherwise.
pub fn story(lines: &[Line], what: &str) -> Vec<String> {
    let mut told = match subject(what) {
        Some(task) => {
            let mut told = vec![format!("--- {task}, and what befell the machines that it met")];
            told.extend(fold(&about(lines, task)));
            told
        }
        None => {
            let mut told = vec!["--- what happened, offers and heartbeats left out".to_owned()];
            told.extend(fold(&lines.iter().filter(|line| line.kind != Kind::Noise).collect::<Vec<_>>()));
            told
        }
    };
    if told.len() > FIRST + LAST {
        let end = told.split_off(told.len() - LAST);
        let left_out = told.len() - FIRST;
        told.truncate(FIRST);
        told.push(format!("{:>13} {left_out} lines left out", "..."));
        told.extend(end);
    }
    told
}

/// The task that a sentence speaks of.
fn subject(what: &str) -> Option<&str> {
    words(what).find(|word| is_task(word))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '-')
}

fn is_task(word: &str) -> bool {
    word.strip_prefix('s').and_then(|rest| rest.split_once("-t")).is_some_and(|(scheduler, task)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(scheduler) && digits(task)
    })
}

/// A task's own lines; and what was done to, or became of, the machines that its lines name.
fn about<'a>(lines: &'a [Line], task: &str) -> Vec<&'a Line> {
    let own = |line: &Line| words(&line.text).any(|word| word == task);
    let mut met: BTreeSet<&str> =
        lines.iter().filter(|line| own(line)).flat_map(|line| nodes(&line.text)).collect();
    let scheduler =
        task.split_once("-t").map(|(scheduler, _)| scheduler.replace('s', "scheduler-")).unwrap_or_default();
    met.insert("master");
    met.insert(&scheduler);
    let begin =
        lines.iter().find(|line| own(line)).map_or(Duration::ZERO, |line| line.at.saturating_sub(BEFORE));
    lines
        .iter()
        .filter(|line| match line.kind {
            Kind::Fault | Kind::Life => {
                let others = words(&line.text).any(is_task);
                own(line) || (line.at >= begin && !others && nodes(&line.text).all(|node| met.contains(node)))
            }
            Kind::Talk | Kind::Noise => own(line),
        })
        .collect()
}

/// The processes that a line names.
fn nodes(text: &str) -> impl Iterator<Item = &str> {
    words(text).filter(|word| {
        *word == "master"
            || ["agent-", "scheduler-", "executor-"]
                .iter()
                .any(|kind| word.strip_prefix(kind).is_some_and(|id| !id.is_empty()))
    })
}

/// Shows what is said again and again once, with how often and until when.
fn fold(lines: &[&Line]) -> Vec<String> {
    let mut shown: Vec<(&Line, u32, Duration)> = Vec::new();
    for line in lines {
        let window = shown.len().saturating_sub(FOLD);
        match shown.iter_mut().skip(window).find(|(earlier, ..)| earlier.text == line.text) {
            Some((_, again, last)) => (*again, *last) = (*again + 1, line.at),
            None => shown.push((line, 0, line.at)),
        }
    }
    shown
        .into_iter()
        .map(|(line, again, last)| match again {
            0 => line.to_string(),
            _ => format!("{line}   (and {again} times more until {:.3}s)", last.as_secs_f64()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u64, kind: Kind, text: &str) -> Line {
        Line { at: Duration::from_secs(at), kind, text: text.to_owned() }
    }

    #[test]
    fn a_task_is_told_with_what_befell_its_machines() {
        let lines = [
            line(1, Kind::Fault, "FAULT agent-0 is killed"),
            line(100, Kind::Talk, "master -> agent-1 RunTask s0-t07"),
            line(101, Kind::Talk, "master -> agent-0 RunTask s0-t08"),
            line(102, Kind::Noise, "master -> scheduler-0 OFFERS of 2"),
            line(103, Kind::Fault, "FAULT agent-0 is killed"),
            line(104, Kind::Fault, "FAULT agent-1 is killed"),
            line(105, Kind::Talk, "agent-1 -> master StatusUpdate s0-t07 TASK_LOST"),
            line(106, Kind::Talk, "agent-1 -> master StatusUpdate s0-t07 TASK_LOST"),
        ];
        assert_eq!(
            story(&lines, "of s0-t07: nothing is known"),
            [
                "--- s0-t07, and what befell the machines that it met",
                "   100.000s  master -> agent-1 RunTask s0-t07",
                "   104.000s  FAULT agent-1 is killed",
                "   105.000s  agent-1 -> master StatusUpdate s0-t07 TASK_LOST   (and 1 times more until 106.000s)",
            ]
        );
    }

    #[test]
    fn a_long_story_keeps_its_beginning_and_its_end() {
        let lines: Vec<Line> = (0..1000).map(|at| line(at, Kind::Talk, &format!("event {at}"))).collect();
        let told = story(&lines, "something");
        assert_eq!(told.len(), FIRST + LAST + 1);
        assert!(
            told[FIRST].contains("lines left out") && told[FIRST + LAST].ends_with("event 999"),
            "{told:?}"
        );
    }
}
