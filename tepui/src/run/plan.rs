//! What is to run, how much of it fits into an offer, and how its end becomes an exit code.

use std::{cmp::Ordering, fmt};

use tepui_scheduler::v1;

use crate::{cli, exit, exit::Failure};

/// Instances of one command.
pub(super) struct Plan {
    /// Of the framework and, with a number, of the tasks.
    pub(super) name: String,
    /// Who runs it.
    pub(super) user: String,
    pub(super) instances: u32,
    launched: u32,
    cpus: f64,
    mem: f64,
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
            cpus: arguments.cpus,
            mem: arguments.mem,
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
    pub(super) fn use_offer(&mut self, mut offer: v1::Offer) -> Vec<v1::TaskInfo> {
        let mut tasks = Vec::new();
        while self.launched < self.instances {
            let Some(resources) = take_all(&mut offer.resources, &[("cpus", self.cpus), ("mem", self.mem)])
            else {
                break;
            };
            let id = self.task_id();
            tasks.push(v1::TaskInfo {
                name: self.name.clone(),
                task_id: v1::TaskId { value: id },
                agent_id: offer.agent_id.clone(),
                resources,
                command: Some(self.command.clone()),
                ..v1::TaskInfo::default()
            });
            self.launched += 1;
        }
        tasks
    }

    /// What one instance needs.
    pub(super) const fn wanted(&self) -> Amount {
        Amount { cpus: self.cpus, mem: self.mem }
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

/// CPUs, and memory in MB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    cpus: f64,
    mem: f64,
}

impl Amount {
    /// By CPUs, then memory.
    pub(super) fn total_cmp(&self, other: &Self) -> Ordering {
        self.cpus.total_cmp(&other.cpus).then(self.mem.total_cmp(&other.mem))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cpus and {} MB", self.cpus, self.mem)
    }
}

/// What an offer has of what instances need.
pub(super) fn offered(offer: &v1::Offer) -> Amount {
    let sum = |name: &str| {
        let usable =
            offer.resources.iter().filter(|resource| resource.name == name && resource.revocable.is_none());
        value(
            usable
                .filter_map(|resource| resource.scalar.as_ref())
                .map(|scalar| thousandths(scalar.value))
                .sum(),
        )
    };
    Amount { cpus: sum("cpus"), mem: sum("mem") }
}

/// Takes scalars out of an offer, all of them or none.
fn take_all(resources: &mut Vec<v1::Resource>, wanted: &[(&str, f64)]) -> Option<Vec<v1::Resource>> {
    let before = resources.clone();
    let mut taken = Vec::new();
    for (name, amount) in wanted {
        match take(resources, name, *amount) {
            Some(part) => taken.extend(part),
            None => {
                *resources = before;
                return None;
            }
        }
    }
    Some(taken)
}

/// Takes a scalar out of an offer, in pieces if it has to be; resources have three decimals.
fn take(resources: &mut [v1::Resource], name: &str, amount: f64) -> Option<Vec<v1::Resource>> {
    let mut missing = thousandths(amount);
    let mut taken = Vec::new();
    for resource in
        resources.iter_mut().filter(|resource| resource.name == name && resource.revocable.is_none())
    {
        let Some(scalar) = &mut resource.scalar else { continue };
        let here = thousandths(scalar.value).min(missing);
        if here == 0 {
            continue;
        }
        missing -= here;
        scalar.value = value(thousandths(scalar.value) - here);
        let mut piece = resource.clone();
        piece.scalar = Some(v1::value::Scalar { value: value(here) });
        taken.push(piece);
    }
    (missing == 0).then_some(taken)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "resources are far below what an i64 of thousandths holds"
)]
fn thousandths(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "the wire carries doubles")]
fn value(thousandths: i64) -> f64 {
    thousandths as f64 / 1000.0
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

    fn scalar(name: &str, value: f64) -> v1::Resource {
        v1::Resource {
            name: name.to_owned(),
            scalar: Some(v1::value::Scalar { value }),
            ..v1::Resource::default()
        }
    }

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

    #[test]
    fn an_offer_is_used_up_in_pieces_and_never_exceeded() {
        let mut offer = vec![scalar("cpus", 0.3), scalar("cpus", 0.3), scalar("mem", 100.0)];
        let taken = take_all(&mut offer, &[("cpus", 0.4), ("mem", 32.0)]).unwrap();
        let cpus: Vec<f64> =
            taken.iter().filter(|r| r.name == "cpus").map(|r| r.scalar.unwrap().value).collect();
        assert_eq!(cpus, [0.3, 0.1]);
        assert!(take_all(&mut offer, &[("mem", 32.0), ("cpus", 0.4)]).is_none(), "only 0.2 cpus are left");
        assert_eq!(offer[2].scalar.unwrap().value, 68.0, "and nothing else was taken");
    }
}
