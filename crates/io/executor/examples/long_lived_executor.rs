//! An executor that stays: each task has a thread of its own, which does nothing for a while and then reports that it
//! has finished. It prints what Mesos's own long-lived-executor prints.
//!
//! How to start it under tepui and under a real Mesos: `examples/README.md`.
//!
//! Options, in the executor's command: `--v0` (speak libprocess instead of HTTP), `--seconds N` (how long a task takes;
//! 100). Log lines go to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tepui_executor::{
    DriverStatus, Executor, ExecutorDriver, Protocol, StartError, v1,
    v1::{TaskState, TaskStatus},
};

/// Tasks that run, by id. A task whose end is dropped is to end at once.
type Running = Arc<Mutex<BTreeMap<String, mpsc::Sender<()>>>>;

struct LongLivedExecutor {
    time: Duration,
    running: Running,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn update(driver: &ExecutorDriver, task: &str, state: TaskState) {
    let task_id = v1::TaskId { value: task.to_owned() };
    driver.send_status_update(TaskStatus { task_id, state: state.into(), ..Default::default() });
}

impl Executor for LongLivedExecutor {
    fn registered(
        &mut self,
        _driver: &ExecutorDriver,
        _executor_info: v1::ExecutorInfo,
        _framework_info: v1::FrameworkInfo,
        agent_info: v1::AgentInfo,
    ) {
        println!("Registered executor on {}", agent_info.hostname);
    }

    fn reregistered(&mut self, _driver: &ExecutorDriver, agent_info: v1::AgentInfo) {
        println!("Re-registered executor on {}", agent_info.hostname);
    }

    fn launch_task(&mut self, driver: &ExecutorDriver, task: v1::TaskInfo) {
        let id = task.task_id.value;
        println!("Starting task {id}");
        let (end, ended) = mpsc::channel();
        lock(&self.running).insert(id.clone(), end);
        update(driver, &id, TaskState::TaskRunning);
        let (time, running) = (self.time, self.running.clone());
        // The thread's own handle: the driver lives at least as long.
        let (driver, task) = (driver.clone(), id.clone());
        let work = move || {
            // Here another executor would do something.
            let killed = ended.recv_timeout(time) != Err(RecvTimeoutError::Timeout);
            lock(&running).remove(&task);
            update(&driver, &task, if killed { TaskState::TaskKilled } else { TaskState::TaskFinished });
        };
        if let Err(error) = thread::Builder::new().spawn(work) {
            eprintln!("long_lived_executor: no thread for task {id}: {error}");
            lock(&self.running).remove(&id);
        }
    }

    fn kill_task(&mut self, _driver: &ExecutorDriver, task_id: v1::TaskId, _policy: Option<v1::KillPolicy>) {
        lock(&self.running).remove(&task_id.value);
    }

    fn shutdown(&mut self, driver: &ExecutorDriver) {
        // Nobody waits for the threads: these are their tasks' last words.
        for task in std::mem::take(&mut *lock(&self.running)).into_keys() {
            update(driver, &task, TaskState::TaskKilled);
        }
        driver.stop();
    }

    fn error(&mut self, _driver: &ExecutorDriver, message: &str) {
        eprintln!("long_lived_executor: {message}");
    }
}

fn driver() -> Result<ExecutorDriver, StartError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |option: &str| arguments.iter().skip_while(|argument| *argument != option).nth(1);
    let seconds = after("--seconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(100.0);
    let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let v0 = arguments.iter().any(|argument| argument == "--v0");
    let executor = LongLivedExecutor { time, running: Running::default() };
    ExecutorDriver::builder().protocol(if v0 { Protocol::Libprocess } else { Protocol::Http }).build(executor)
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match driver().map(|driver| driver.run()) {
        Ok(DriverStatus::Stopped) => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("long_lived_executor: ended as {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("long_lived_executor: {error}");
            ExitCode::FAILURE
        }
    }
}
