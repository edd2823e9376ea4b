//! `tepui exec | attach`: a command beside a task, and a task's own input and output, on this terminal.

mod find;
mod input;
mod terminal;

use std::{io::Write as _, process::ExitCode, time::Duration};

use tepui_shell::Signals;
use tepui_transport::RecordStream;
use tepui_wire_mesos::v1::{
    self,
    agent::{
        Call, ProcessIo,
        call::{self, Type},
        process_io::data,
    },
};
use tokio::task::JoinHandle;

use self::{find::Place, input::Input, terminal::Terminal};
use crate::{
    api::Unanswered,
    cli::{Attach, Exec},
    exit::{self, Failure},
};

/// How long the exit status may take to come once there is no more output.
const STATUS_WAIT: Duration = Duration::from_secs(30);

/// `tepui exec`.
pub(crate) async fn exec(exec: Exec) -> Result<ExitCode, Failure> {
    let terminal = match exec.tty {
        true => Some(Terminal::open().map_err(|_| {
            Failure::user(
                "--tty needs a terminal on standard input; leave it out when the input is a pipe or a file",
            )
        })?),
        false => None,
    };
    let place = find::task(&exec.target.master, &exec.task).await?;
    let container = v1::ContainerId { value: random_id()?, parent: Some(Box::new(place.container.clone())) };
    let session = call::LaunchNestedContainerSession {
        container_id: container.clone(),
        command: Some(command(&exec, terminal.is_some())),
        container: terminal.as_ref().map(Terminal::container_info),
    };
    let launch =
        Call { launch_nested_container_session: Some(session), ..of(Type::LaunchNestedContainerSession) };
    let output = place.agent.stream(&launch).await.map_err(|error| refused(error, &exec, &place))?;
    let status = wait_for(&place, container.clone());
    let input =
        Input::begin(&place.agent, container.clone(), terminal.as_ref(), exec.interactive, false).await?;
    let raw = terminal.map(Terminal::raw).transpose()?;
    let ending = follow(output, Some(input)).await;
    drop(raw);
    let code = match ending {
        Ending::Over => finish(&place, status).await,
        other => other.code(),
    };
    let remove = call::RemoveContainer { container_id: container };
    // Only tidies up; without it the agent does, some day.
    let _ = place.agent.ask(&Call { remove_container: Some(remove), ..of(Type::RemoveContainer) }).await;
    code
}

/// `tepui attach`.
pub(crate) async fn attach(attach: Attach) -> Result<ExitCode, Failure> {
    let place = find::task(&attach.target.master, &attach.task).await?;
    let output = call::AttachContainerOutput { container_id: place.container.clone() };
    let output = Call { attach_container_output: Some(output), ..of(Type::AttachContainerOutput) };
    let output = place.agent.stream(&output).await?;
    let status = wait_for(&place, place.container.clone());
    let terminal = Terminal::open().ok();
    let looks_only = attach.no_stdin || (terminal.is_some() && !place.tty);
    if looks_only && !attach.no_stdin {
        let words = "has no terminal: this only shows what it writes";
        // Nobody can be told that stderr is gone.
        let _ = writeln!(std::io::stderr().lock(), "tepui: task {} {words}", place.task);
    }
    let (mut raw, mut input) = (None, None);
    if !looks_only {
        let container = place.container.clone();
        input = Some(Input::begin(&place.agent, container, terminal.as_ref(), true, true).await?);
        raw = terminal.map(Terminal::raw).transpose()?;
    }
    let ending = follow(output, input).await;
    drop(raw);
    match ending {
        Ending::Over => finish(&place, status).await,
        other => other.code(),
    }
}

/// Why there is nothing more to do.
enum Ending {
    /// The container has ended, or at least its output.
    Over,
    /// The user wants no more of it, and leaves it running.
    Detached,
    /// A signal came to us, or nobody reads what we write.
    Signal(i32),
    Failed(Failure),
}

impl Ending {
    fn code(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Over | Self::Detached => Ok(ExitCode::SUCCESS),
            Self::Signal(number) => Ok(ExitCode::from(exit::of_signal(number))),
            Self::Failed(failure) => Err(failure),
        }
    }
}

/// Copies everything to and fro until one side ends.
async fn follow(output: RecordStream, input: Option<Input>) -> Ending {
    let hangup = async {
        match Signals::to_hang_up() {
            Ok(mut signals) => Ending::Signal(signals.next().await),
            Err(_) => std::future::pending().await,
        }
    };
    let input = async {
        match input {
            Some(input) => input.run().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ending = copy(output) => ending,
        ending = input => ending,
        ending = hangup => ending,
    }
}

/// Writes what comes out of the container where it belongs.
async fn copy(mut output: RecordStream) -> Ending {
    loop {
        let record = match output.next().await {
            Ok(Some(record)) => record,
            Ok(None) => return Ending::Over,
            Err(error) => return Ending::Failed(Failure::fault(format!("lost the agent: {error}"))),
        };
        let record: ProcessIo = match tepui_wire_mesos::ContentType::Protobuf.decode(record) {
            Ok(record) => record,
            Err(error) => return Ending::Failed(Failure::fault(error.to_string())),
        };
        let Some(piece) = record.data else { continue };
        let bytes = piece.data.unwrap_or_default();
        let stderr = piece.r#type == Some(data::Type::Stderr.into());
        // Whoever reads ours may take their time, and the rest of us must go on.
        let written = tokio::task::spawn_blocking(move || write(stderr, &bytes)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        if let Err(error) = written {
            return match error.kind() {
                // As SIGPIPE ends a program whose reader has gone.
                std::io::ErrorKind::BrokenPipe => Ending::Signal(13),
                _ => Ending::Failed(error.into()),
            };
        }
    }
}

fn write(stderr: bool, bytes: &[u8]) -> std::io::Result<()> {
    if stderr {
        return std::io::stderr().lock().write_all(bytes);
    }
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Asks for a container's end while it still runs: afterwards it may be forgotten.
fn wait_for(place: &Place, container_id: v1::ContainerId) -> JoinHandle<Result<Option<i32>, Unanswered>> {
    let agent = place.agent.patient();
    tokio::spawn(async move {
        let wait = call::WaitContainer { container_id };
        let answer = agent.ask(&Call { wait_container: Some(wait), ..of(Type::WaitContainer) }).await?;
        Ok(answer.wait_container.and_then(|wait| wait.exit_status))
    })
}

/// The command's own exit code.
async fn finish(
    place: &Place,
    status: JoinHandle<Result<Option<i32>, Unanswered>>,
) -> Result<ExitCode, Failure> {
    let unknown =
        || Failure::fault(format!("it has ended, but agent {} does not say how", place.agent.address()));
    let status = tokio::time::timeout(STATUS_WAIT, status).await;
    let status = status.ok().and_then(Result::ok).and_then(Result::ok).flatten().ok_or_else(unknown)?;
    Ok(ExitCode::from(match status & 0x7f {
        0 => u8::try_from((status >> 8) & 0xff).unwrap_or(u8::MAX),
        signal => exit::of_signal(signal),
    }))
}

/// What is to run beside the task.
fn command(exec: &Exec, tty: bool) -> v1::CommandInfo {
    let variable = |name: &str, value: &str| v1::environment::Variable {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..v1::environment::Variable::default()
    };
    let mut variables = Vec::new();
    // Programs draw for the terminal that they are shown on.
    if let Some(term) = std::env::var("TERM").ok().filter(|_| tty) {
        variables.push(variable("TERM", &term));
    }
    variables.extend(exec.env.iter().map(|assignment| variable(&assignment.key, &assignment.value)));
    v1::CommandInfo {
        shell: Some(false),
        value: exec.command.first().cloned(),
        arguments: exec.command.clone(),
        user: exec.user.clone(),
        environment: Some(v1::Environment { variables }),
        ..v1::CommandInfo::default()
    }
}

fn refused(error: Unanswered, exec: &Exec, place: &Place) -> Failure {
    match error {
        Unanswered::Refused { status: 400, text, launch, .. } => {
            let command = exec.command.first().map_or("", String::as_str);
            let words = format!("cannot run '{command}' beside task {}: {text}", place.task);
            match launch.as_deref() {
                Some(tepui_agent::NO_PROGRAM) => Failure::no_program(words),
                Some(tepui_agent::NOT_EXECUTABLE) => Failure::not_executable(words),
                _ => Failure::fault(words),
            }
        }
        other => other.into(),
    }
}

fn of(kind: Type) -> Call {
    Call { r#type: Some(kind.into()), ..Call::default() }
}

/// An id that nobody else has.
fn random_id() -> Result<String, Failure> {
    let bytes = getrandom::u64().and_then(|high| Ok((high, getrandom::u64()?)));
    let (high, low) = bytes.map_err(|error| Failure::fault(format!("no randomness: {error}")))?;
    Ok(format!("exec-{high:016x}{low:016x}"))
}
