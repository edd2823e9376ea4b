//! The tepui binary: roles (master, agent, up) and the command line.
//!
//! Here flags become options and outcomes become words and exit codes. What a role does is in the rooms below.

mod api;
mod attached;
mod cli;
mod config;
mod daemon;
mod executor;
mod exit;
mod logs;
mod operate;
mod query;
mod replay;
mod retire;
mod run;
mod tail;
mod up;
mod values;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use tepui_telemetry::LogOptions;

use crate::{
    cli::{Cli, Command},
    exit::Failure,
};

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    // The supervisor is one small process that lives long: no runtime, no layers, nothing before it.
    if arguments.get(1).is_some_and(|command| command == "supervisor") {
        return tepui_containment::supervisor::main(std::env::args_os().skip(2));
    }
    match start(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            // Nobody can be told that stderr is gone.
            let _ = writeln!(std::io::stderr().lock(), "tepui: {failure}");
            failure.code()
        }
    }
}

fn start(arguments: &[String]) -> Result<ExitCode, Failure> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows how to print help and errors, and which exit code each has.
            // Whoever closed the pipe has seen enough of it.
            let _ = error.print();
            return Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)));
        }
    };
    // It makes a runtime of its own, after a look at its environment that needs a single thread.
    if let Command::Executor(cli::Executor::Default) = cli.command {
        return executor::default();
    }
    let daemon = matches!(cli.command, Command::Master(_) | Command::Agent(_) | Command::Up(_));
    tepui_telemetry::init(if daemon { LogOptions::DAEMON } else { LogOptions::COMMAND })
        .map_err(|error| Failure::user(error.to_string()))?;
    // A core is one task: more threads than half of the processors only pass work to and fro between them, and
    // leave less of the machine to executors.
    let threads = std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).clamp(1, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let outcome = runtime.block_on(perform(cli.command));
    // Readers of the terminal may be in the middle of a blocking read; nothing is waited for.
    runtime.shutdown_background();
    outcome
}

async fn perform(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(arguments) => return run::run(arguments).await,
        Command::Up(arguments) => up::up(&arguments).await?,
        Command::Master(flags) => daemon::master(flags).await?,
        Command::Agent(flags) => daemon::agent(flags).await?,
        // Did not come this far.
        Command::Executor(_) => {}
        Command::Agents(query) => query::agents(&query).await?,
        Command::Frameworks(query) => query::frameworks(&query).await?,
        Command::Tasks(query) => query::tasks(&query).await?,
        Command::Offers(query) => query::offers(&query).await?,
        Command::Exec(arguments) => return attached::exec(arguments).await,
        Command::Attach(arguments) => return attached::attach(arguments).await,
        Command::Logs(arguments) => logs::logs(&arguments).await?,
        Command::Kill(arguments) => operate::kill(&arguments).await?,
        Command::Teardown(arguments) => operate::teardown(&arguments).await?,
        Command::Drain(arguments) => retire::drain(&arguments).await?,
        Command::Deactivate(arguments) => retire::deactivate(&arguments).await?,
        Command::Reactivate(arguments) => retire::reactivate(&arguments).await?,
        Command::Explain(arguments) => query::explain(&arguments).await?,
        Command::Replay(arguments) => replay::replay_all(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
