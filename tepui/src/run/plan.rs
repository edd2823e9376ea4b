//! What is to run, how much of it fits into an offer, and how its end becomes an exit code.

use tepui_core_placement::{Offered, Wanted};
use tepui_scheduler::v1;
use tepui_wire_mesos::convert::{Format, to_wire};

use crate::{cli, exit, exit::Failure};

/// Instances of one command.
pub(super) struct Plan {
    /// Of the framework and, with a number, of the tasks.
    pub(super) name: String,
    /// Who runs it.
    pub(super) user: String,
    pub(super) instances: u32,
    launched: u32,
    /// What one instance needs.
    pub(super) wanted: Wanted,
    command: v1::CommandInfo,
    /// Makes task ids of one run different from those of another.
    run: u32,
}

impl Plan {
    pub(super) fn new(arguments: &cli::Run) -> Result<Self, Failure> {
        for (flag, value) in [("--cpus", arguments.cpus), ("--mem", arguments.mem)] {
            if !value.is_finite() || value < 0.001 {
                return Err(Failure::user(format!("{flag} must be at least 0.001, not {value}")));
            }
        }
        let Some((program, _)) = arguments.command.split_first() else {
            return Err(Failure::user("there is no command to run"));
        };
        let program_name = program.rsplit('/').next().unwrap_or(program);
        let variables = arguments.env.iter().map(|variable| v1::environment::Variable {
            name: variable.key.clone(),
            value: Some(variable.value.clone()),
            ..v1::environment::Variable::default()
        });
        Ok(Self {
            name: arguments.name.clone().unwrap_or_else(|| program_name.to_owned()),
            user: arguments.user.clone().unwrap_or_else(tepui_containment::user::current),
            instances: arguments.instances,
            launched: 0,
            wanted: Wanted::cpus_and_mem(arguments.cpus, arguments.mem),
            command: v1::CommandInfo {
                shell: Some(false),
                value: Some(program.clone()),
                arguments: arguments.command.clone(),
                environment: Some(v1::Environment { variables: variables.collect() }),
                user: arguments.user.clone(),
                ..v1::CommandInfo::default()
            },
            run: std::process::id(),
        })
    }

    /// Whether every instance has been launched.
    pub(super) const fn is_launched(&self) -> bool {
        self.launched == self.instances
    }

    /// Instances that were planned into an offer which could not be used.
    pub(super) fn give_back(&mut self, count: usize) {
        self.launched -= u32::try_from(count).unwrap_or(self.launched).min(self.launched);
    }

    /// As many tasks as fit.
    pub(super) fn use_offer(&mut self, offer: &v1::Offer) -> Vec<v1::TaskInfo> {
        let (mut offered, format) = (Offered::from(offer), Format::of(&offer.resources));
        let mut tasks = Vec::new();
        while self.launched < self.instances {
            let Ok(resources) = offered.take(&self.wanted) else { break };
            let id = self.task_id();
            tasks.push(v1::TaskInfo {
                name: self.name.clone(),
                task_id: v1::TaskId { value: id },
                agent_id: offer.agent_id.clone(),
                resources: to_wire(&resources, format),
                command: Some(self.command.clone()),
                ..v1::TaskInfo::default()
            });
            self.launched += 1;
        }
        tasks
    }

    fn task_id(&self) -> String {
        let name: String = self
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
            .collect();
        format!("{name}-{}-{}", self.run, self.launched)
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with an exit code.
    Exit(u8),
    /// By a signal.
    Signal(i32),
}

/// How the command ended, as the message of a terminal update says it; none if it did not run.
///
/// The message is the only place where a command's exit code travels, in tepui as in Mesos.
pub(super) fn end_of(status: &v1::TaskStatus) -> Option<End> {
    let message = status.message.as_deref()?;
    if let Some(code) = message.strip_prefix("Command exited with status ") {
        return code.trim().parse().ok().map(End::Exit);
    }
    let signal = message.strip_prefix("Command terminated with signal ")?;
    Some(End::Signal(signal_number(signal.trim_end_matches(" (core dumped)"))))
}

/// The exit code that a terminal update means.
pub(super) fn exit_code(status: &v1::TaskStatus) -> u8 {
    match end_of(status) {
        Some(End::Exit(code)) => code,
        Some(End::Signal(signal)) => exit::of_signal(signal),
        None if status.state() == v1::TaskState::TaskFinished => 0,
        None => 1,
    }
}

/// The number of a signal from the words that strsignal(3) has for it; an unknown one counts as SIGKILL.
fn signal_number(words: &str) -> i32 {
    const WORDS: [(&str, i32); 16] = [
        ("Hangup", 1),
        ("Interrupt", 2),
        ("Quit", 3),
        ("Illegal instruction", 4),
        ("Trace/breakpoint trap", 5),
        ("Aborted", 6),
        ("Bus error", 7),
        ("Floating point exception", 8),
        ("Killed", 9),
        ("User defined signal 1", 10),
        ("Segmentation fault", 11),
        ("User defined signal 2", 12),
        ("Broken pipe", 13),
        ("Alarm clock", 14),
        ("Terminated", 15),
        ("Bad system call", 31),
    ];
    WORDS.iter().find(|(known, _)| *known == words).map_or(9, |(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(state: v1::TaskState, message: &str) -> v1::TaskStatus {
        v1::TaskStatus { state: state.into(), message: Some(message.to_owned()), ..v1::TaskStatus::default() }
    }

    #[test]
    fn the_end_of_a_command_becomes_its_exit_code() {
        use v1::TaskState::{TaskFailed, TaskFinished, TaskKilled, TaskLost};
        let rows = [
            (ended(TaskFinished, "Command exited with status 0"), 0),
            (ended(TaskFailed, "Command exited with status 3"), 3),
            (ended(TaskKilled, "Command terminated with signal Terminated"), 143),
            (ended(TaskFailed, "Command terminated with signal Segmentation fault (core dumped)"), 139),
            (ended(TaskLost, "Reconciliation: Task is unknown"), 1),
        ];
        for (status, code) in rows {
            assert_eq!(exit_code(&status), code, "{status:?}");
        }
    }
}
