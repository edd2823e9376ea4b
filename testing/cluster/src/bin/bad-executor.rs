//! An executor that does something wrong: see `cluster::bad`.

use std::process::ExitCode;

use clap::Parser;
use cluster::bad::{Part, Protocol, play};

/// Be a bad executor.
#[derive(Parser)]
struct Arguments {
    /// What to speak.
    protocol: Protocol,
    /// What to do wrong.
    part: Part,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    play(arguments.protocol, arguments.part)
}
