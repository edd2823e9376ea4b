//! The supervisor by itself: what `tepui supervisor` runs. The tests use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tepui_containment::supervisor::main(std::env::args_os().skip(1))
}
