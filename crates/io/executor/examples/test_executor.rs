//! An executor whose tasks do nothing: it reports each as RUNNING and then as FINISHED, and prints a line for
//! every callback. It is the one that the tests and the benchmark launch by the thousand.
//!
//! ```text
//! cargo build --release --examples -p tepui-executor -p tepui-scheduler
//! ```
//!
//! Under tepui, with `tepui up --port 5050` running in another terminal:
//!
//! ```text
//! target/release/examples/test_scheduler --master 127.0.0.1:5050 --tasks 10 \
//!     --executor $PWD/target/release/examples/test_executor
//! ```
//!
//! Under a real Mesos the same; `--master` is its master, and the path of the executor must be there on its
//! agents. By hand it does not start, because it is an agent that gives it its environment; it says which
//! variables are missing.
//!
//! Options, in the executor's command: `--quiet` (print nothing), `--finish` (send only FINISHED), `--json`
//! (speak JSON instead of protobuf). Log lines go to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;

use bytes::Bytes;
use tepui_executor::{
    Config, ContentType, DriverEnv, DriverStatus, Executor, ExecutorDriver, Options, StartError, v1,
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
        executor_info: v1::ExecutorInfo,
        framework_info: v1::FrameworkInfo,
        agent_info: v1::AgentInfo,
    ) {
        self.say(|| {
            format!(
                "registered: executor {} of framework '{}' on {}",
                executor_info.executor_id.value, framework_info.name, agent_info.hostname
            )
        });
    }

    fn reregistered(&mut self, _driver: &ExecutorDriver, agent_info: v1::AgentInfo) {
        self.say(|| format!("reregistered on {}", agent_info.hostname));
    }

    fn disconnected(&mut self, _driver: &ExecutorDriver) {
        self.say(|| "disconnected".to_owned());
    }

    fn launch_task(&mut self, driver: &ExecutorDriver, task: v1::TaskInfo) {
        self.say(|| format!("launch_task: {}", task.task_id.value));
        let update = |state: v1::TaskState| v1::TaskStatus {
            task_id: task.task_id.clone(),
            state: state.into(),
            ..Default::default()
        };
        if !self.finish_only {
            driver.send_status_update(update(v1::TaskState::TaskRunning));
        }
        driver.send_status_update(update(v1::TaskState::TaskFinished));
    }

    fn kill_task(&mut self, _driver: &ExecutorDriver, task_id: v1::TaskId, _policy: Option<v1::KillPolicy>) {
        // Every task has finished by the time a kill can come.
        self.say(|| format!("kill_task: {}", task_id.value));
    }

    fn framework_message(&mut self, driver: &ExecutorDriver, data: Bytes) {
        self.say(|| format!("framework_message: {} bytes, sent back", data.len()));
        driver.send_framework_message(data);
    }

    fn update_acknowledged(&mut self, _driver: &ExecutorDriver, task_id: v1::TaskId, _uuid: Bytes) {
        self.say(|| format!("update_acknowledged: {}", task_id.value));
    }

    fn update_refused(&mut self, _driver: &ExecutorDriver, status: v1::TaskStatus, reason: &str) {
        self.say(|| format!("update_refused: {}: {reason}", status.task_id.value));
    }

    fn shutdown(&mut self, driver: &ExecutorDriver) {
        self.say(|| "shutdown".to_owned());
        driver.stop();
    }

    fn error(&mut self, _driver: &ExecutorDriver, message: &str) {
        self.say(|| format!("error: {message}"));
    }
}

fn driver() -> Result<ExecutorDriver, StartError> {
    let given = |option: &str| std::env::args().skip(1).any(|argument| argument == option);
    let env: DriverEnv = tepui_executor::environment()?;
    let options = Options {
        content_type: if given("--json") { ContentType::Json } else { ContentType::Protobuf },
        authentication_token: env.authentication_token.clone(),
        ..Options::default()
    };
    let executor = TestExecutor { quiet: given("--quiet"), finish_only: given("--finish") };
    ExecutorDriver::with_config(executor, Config::from_env(&env), options)
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
