//! An executor whose tasks do nothing: it reports each as RUNNING and then as FINISHED, and prints what Mesos's own
//! test-executor prints. It is the one that the tests and the benchmark launch by the thousand.
//!
//! How to start it under tepui and under a real Mesos: `examples/README.md`.
//!
//! Options, in the executor's command: `--v0` (speak libprocess instead of HTTP), `--json` (JSON instead of protobuf),
//! `--quiet` (print nothing), `--finish` (send only FINISHED). Log lines go to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;

use bytes::Bytes;
use tepui_executor::{
    ContentType, DriverStatus, Executor, ExecutorDriver, Protocol, StartError, v1,
    v1::{TaskState, TaskStatus},
};

struct TestExecutor {
    quiet: bool,
    finish_only: bool,
}

impl TestExecutor {
    fn say(&self, line: impl FnOnce() -> String) {
        if !self.quiet {
            println!("{}", line());
        }
    }
}

impl Executor for TestExecutor {
    fn registered(
        &mut self,
        _driver: &ExecutorDriver,
        _executor_info: v1::ExecutorInfo,
        _framework_info: v1::FrameworkInfo,
        agent_info: v1::AgentInfo,
    ) {
        self.say(|| format!("Registered executor on {}", agent_info.hostname));
    }

    fn reregistered(&mut self, _driver: &ExecutorDriver, agent_info: v1::AgentInfo) {
        self.say(|| format!("Re-registered executor on {}", agent_info.hostname));
    }

    fn launch_task(&mut self, driver: &ExecutorDriver, task: v1::TaskInfo) {
        let update = |state: TaskState| {
            let (task_id, state) = (task.task_id.clone(), state.into());
            driver.send_status_update(TaskStatus { task_id, state, ..Default::default() });
        };
        self.say(|| format!("Starting task {}", task.task_id.value));
        if !self.finish_only {
            update(TaskState::TaskRunning);
        }
        // Here another executor would do something.
        self.say(|| format!("Finishing task {}", task.task_id.value));
        update(TaskState::TaskFinished);
    }

    fn framework_message(&mut self, driver: &ExecutorDriver, data: Bytes) {
        // Back to where it came from.
        driver.send_framework_message(data);
    }

    fn error(&mut self, _driver: &ExecutorDriver, message: &str) {
        eprintln!("test_executor: {message}");
    }
}

fn driver() -> Result<ExecutorDriver, StartError> {
    let given = |option: &str| std::env::args().skip(1).any(|argument| argument == option);
    let protocol = if given("--v0") { Protocol::Libprocess } else { Protocol::Http };
    let content_type = if given("--json") { ContentType::Json } else { ContentType::Protobuf };
    let executor = TestExecutor { quiet: given("--quiet"), finish_only: given("--finish") };
    ExecutorDriver::builder().protocol(protocol).content_type(content_type).build(executor)
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match driver().map(|driver| driver.run()) {
        Ok(DriverStatus::Stopped) => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("test_executor: ended as {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("test_executor: {error}");
            ExitCode::FAILURE
        }
    }
}
