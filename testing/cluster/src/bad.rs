//! Executors that do everything wrong: the program `bad-executor` plays one of the parts of [`Part`], over HTTP
//! ([`http`]) or over libprocess ([`libprocess`]), byte for byte without any library of ours for executors.
//!
//! A part that is meant to be survived ends its task with TASK_FINISHED if it got the answers that it expected, and
//! otherwise with TASK_FAILED and the answers that it got.

pub mod http;
pub mod libprocess;

use std::{
    io::Write as _,
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use conformance::{Outcome, Problem};

/// As good as for ever.
const FOR_EVER: Duration = Duration::from_secs(1_000);

/// How an executor goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Exits with 7 at once.
    Exits,
    /// Does nothing at all.
    Hangs,
    /// Connects to its agent, and says nothing.
    Connects,
    /// Exits as soon as it has a task.
    DiesWithTask,
    /// Exits when its task runs.
    DiesRunning,
    /// Aborts when its task runs.
    Crashes,
    /// Its task runs, and it listens to nobody.
    Deaf,
    /// Exits when its task runs, and leaves a process behind, in a session of its own.
    ForksAway,
    /// Writes 64 MiB to its output.
    Floods,
    /// Sends what is no call, in many forms.
    Rubbish,
    /// Sends updates of a task that nobody knows.
    UnknownTask,
    /// Sends updates with uuids that are none.
    WrongUuids,
    /// Sends updates that claim to come from somebody else.
    WrongSources,
    /// Ends its task twice, and has it run again after that.
    FinishesTwice,
    /// Sends one update a hundred times.
    Repeats,
    /// Says that its task is staging.
    Staging,
    /// Subscribes ten times a second.
    Reconnects,
    /// Sends bodies of many megabytes.
    Giant,
    /// Begins requests that it does not end.
    Halves,
    /// Gives an address where nobody listens.
    Unreachable,
}

/// The task that nobody knows.
pub fn ghost(task: &str) -> String {
    format!("ghost-of-{task}")
}

/// Over which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// HTTP.
    V1,
    /// Libprocess.
    V0,
}

/// Plays a part to its end.
pub fn play(protocol: Protocol, part: Part) -> ExitCode {
    let played = match (part, protocol) {
        (Part::Exits, _) => return ExitCode::from(7),
        (Part::Hangs, _) => return hang(),
        (_, Protocol::V1) => http::play(part),
        (_, Protocol::V0) => libprocess::play(part),
    };
    match played {
        Ok(code) => code,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}

/// What a protocol must be able to do for the parts that are the same in both.
trait Executor {
    /// Registers, and waits for a task.
    fn first_task(&mut self) -> Outcome<String>;
    /// Sends a right update.
    fn update(&mut self, task: &str, state: &str, message: &str) -> Outcome;
    /// Waits until the agent wants its end or is gone.
    fn wait_for_the_end(&mut self);
}

/// The parts that do not depend on the protocol; none: it is not one of them.
fn play_common(executor: &mut impl Executor, part: Part) -> Outcome<Option<ExitCode>> {
    let task = match part {
        Part::DiesWithTask
        | Part::DiesRunning
        | Part::Crashes
        | Part::Deaf
        | Part::ForksAway
        | Part::Floods => executor.first_task()?,
        _ => return Ok(None),
    };
    if part == Part::DiesWithTask {
        return Ok(Some(ExitCode::from(8)));
    }
    executor.update(&task, "TASK_RUNNING", "")?;
    let code = match part {
        Part::Crashes => std::process::abort(),
        Part::Deaf => hang(),
        Part::ForksAway => {
            Command::new("setsid").args(["sleep", &FOR_EVER.as_secs().to_string()]).spawn()?;
            ExitCode::SUCCESS
        }
        Part::Floods => {
            flood()?;
            finish(executor, &task, Ok(()))?;
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(9),
    };
    Ok(Some(code))
}

/// Ends the task as it was played, and waits for the end.
fn finish(executor: &mut impl Executor, task: &str, played: Result<(), Problem>) -> Outcome {
    match played {
        Ok(()) => executor.update(task, "TASK_FINISHED", "as it should be")?,
        Err(problem) => executor.update(task, "TASK_FAILED", &problem.to_string())?,
    }
    executor.wait_for_the_end();
    Ok(())
}

fn hang() -> ExitCode {
    thread::sleep(FOR_EVER);
    ExitCode::SUCCESS
}

fn flood() -> Outcome {
    let line = [b'x'; 1 << 16];
    let mut stdout = std::io::stdout().lock();
    for _ in 0..1_024 {
        stdout.write_all(&line)?;
    }
    Ok(stdout.flush()?)
}

/// A version 4 UUID.
fn uuid() -> [u8; 16] {
    use std::hash::{BuildHasher as _, RandomState};
    let mut bytes = [0; 16];
    for half in bytes.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(std::process::id()).to_le_bytes());
    }
    bytes[6] = 0x40 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    bytes
}

/// A variable of the executor's environment.
fn variable(name: &str) -> Outcome<String> {
    Ok(std::env::var(name).map_err(|error| format!("{name}: {error}"))?)
}
