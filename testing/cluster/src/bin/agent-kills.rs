//! Kills an agent with SIGKILL again and again while tasks start, run and end, and sees to it that no update is lost or
//! out of order, that every task has exactly one end, and that nothing is left behind.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use clap::{Parser, Subcommand};
use cluster::{
    kills::{self, Plan},
    ledger::{Ledger, is_terminal},
};
use conformance::{Outcome, process::Yard};
use tepui_executor::Protocol;

/// Kill an agent at random moments under load, and see whether anything is lost.
#[derive(Parser)]
struct Arguments {
    /// How often to kill it.
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// Where chance comes from; a seed repeats a run as far as processes and clocks allow it.
    #[arg(long)]
    seed: Option<u64>,
    /// Tasks under way at a time.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Be the executor of the tasks. Agents start this.
    #[command(hide = true)]
    Executor {
        /// Speak libprocess instead of HTTP.
        #[arg(long)]
        v0: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Role::Executor { v0 }) = arguments.role {
        return kills::executor::main(if v0 { Protocol::Libprocess } else { Protocol::Http });
    }
    match campaign(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\nFAILED: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn campaign(arguments: &Arguments) -> Outcome {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let seed = arguments.seed.unwrap_or_else(|| u64::from(clock()));
    let program: PathBuf = kills::program()?;
    let plan = Plan { rounds: arguments.rounds, seed, at_once: arguments.at_once, program };
    let yard = Yard::new()?;
    println!("{} rounds with --seed {seed}", plan.rounds);
    let begun = Instant::now();
    let outcome = kills::run(&yard, &plan, |round, ledger| progress(&plan, round, ledger, begun));
    let summary = match outcome {
        Ok(summary) => summary,
        Err(problem) => {
            println!("\nkept {}", yard.keep().display());
            return Err(problem);
        }
    };
    println!(
        "\n{} kills in {:.0} s: {} updates arrived, among them all {} that executors saw acknowledged; none lost, \
         none out of order, each task ended once, nothing left behind",
        plan.rounds,
        begun.elapsed().as_secs_f64(),
        summary.updates,
        summary.acknowledged
    );
    let list = |what: &str, of: &mut dyn Iterator<Item = (&str, usize)>| {
        of.for_each(|(name, count)| println!("{count:8} {what}{name}"));
    };
    list("", &mut summary.ends.iter().map(|(name, count)| (*name, *count)));
    list("never ran: ", &mut summary.unrun.iter().map(|(name, count)| (name.as_str(), *count)));
    Ok(())
}

/// One line that is written over on a terminal, and now and then a line elsewhere.
fn progress(plan: &Plan, round: u32, ledger: &Ledger, begun: Instant) {
    let terminal = std::io::stdout().is_terminal();
    if !terminal && !round.is_multiple_of(25) && round != plan.rounds {
        return;
    }
    let (start, end) = if terminal { ("\r", "  ") } else { ("", "\n") };
    let (ended, all) = (ledger.count(is_terminal), ledger.tasks.len());
    let seconds = begun.elapsed().as_secs_f64();
    print!("{start}round {round} of {}, {seconds:.0} s: {ended} of {all} tasks have ended{end}", plan.rounds);
    // A terminal that is gone is no reason to stop.
    let _ = std::io::stdout().flush();
}
