//! The authentication token is erased from the environment, if that is sound. A program with one thread: no harness.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::{env, process::Command, sync::mpsc, thread};

const TOKEN: &str = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";

fn main() {
    match env::args().nth(1).as_deref() {
        Some("alone") => child(true),
        Some("in company") => {
            // Another thread, for as long as it takes.
            let (end, ended) = mpsc::channel::<()>();
            let company = thread::spawn(move || ended.recv());
            child(false);
            drop(end);
            let _ = company.join();
        }
        _ => {
            for case in ["alone", "in company"] {
                let status = Command::new(env::current_exe().unwrap())
                    .arg(case)
                    .envs([("MESOS_FRAMEWORK_ID", "F"), ("MESOS_EXECUTOR_ID", "E"), (TOKEN, "a.b.c")])
                    .env("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:1")
                    .status();
                assert!(status.unwrap().success(), "{case}");
                println!("test {case} ... ok");
            }
        }
    }
}

fn child(erased: bool) {
    let read = tepui_executor::environment().unwrap();
    assert_eq!(read.authentication_token.as_ref().map(|token| token.reveal()), Some("a.b.c"));
    assert_eq!(env::var_os(TOKEN).is_none(), erased);
    // What it starts does not inherit it.
    let output = Command::new("env").output().unwrap();
    assert_eq!(!String::from_utf8_lossy(&output.stdout).contains("a.b.c"), erased);
}
