//! An executor that runs task groups: every task is a command, run by a shell, and a group is one thing. When one of
//! its tasks fails or is killed, the others are killed; the executor ends when its last group has ended.
//!
//! How to start it under tepui and under a real Mesos: `examples/README.md`. Task groups are of the executor API over
//! HTTP (v1) only.
//!
//! It takes what happens as events, in a loop of its own, instead of callbacks. Log lines go to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::{
    collections::BTreeMap,
    error::Error,
    process::{Child, Command, ExitCode, ExitStatus},
    time::Duration,
};

use tepui_executor::{
    DriverStatus, Event, Events, ExecutorDriver, v1,
    v1::{TaskState, TaskStatus},
};

/// How often the commands are looked at.
const LOOK: Duration = Duration::from_millis(20);

struct Task {
    group: usize,
    process: Child,
    killed: bool,
}

struct TaskGroupExecutor {
    driver: ExecutorDriver,
    tasks: BTreeMap<String, Task>,
    groups: usize,
}

impl TaskGroupExecutor {
    fn update(&self, id: &str, state: TaskState, message: Option<String>) {
        let task_id = v1::TaskId { value: id.to_owned() };
        println!("task {id}: {}", state.as_str_name());
        self.driver.send_status_update(TaskStatus {
            task_id,
            state: state.into(),
            message,
            ..Default::default()
        });
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Registered { agent_info, .. } => println!("registered on {}", agent_info.hostname),
            Event::Reregistered { agent_info } => println!("registered again on {}", agent_info.hostname),
            Event::Disconnected => println!("disconnected"),
            // One task alone is a group, too.
            Event::LaunchTask(task) => self.launch(vec![*task]),
            Event::LaunchTaskGroup(group) => self.launch(group.tasks),
            Event::KillTask { task_id, .. } => {
                if let Some(task) = self.tasks.get(&task_id.value) {
                    self.kill(task.group);
                }
            }
            Event::Shutdown => {
                (0..self.groups).for_each(|group| self.kill(group));
                self.look();
                self.driver.stop();
            }
            Event::Error(message) => eprintln!("task_group_executor: {message}"),
            _ => {}
        }
    }

    fn launch(&mut self, tasks: Vec<v1::TaskInfo>) {
        let group = self.groups;
        self.groups += 1;
        println!("group {group} of {} tasks", tasks.len());
        for task in tasks {
            let id = task.task_id.value;
            let command = task.command.and_then(|command| command.value).unwrap_or_else(|| "true".to_owned());
            match Command::new("/bin/sh").args(["-c", &command]).spawn() {
                Ok(process) => {
                    self.tasks.insert(id.clone(), Task { group, process, killed: false });
                    self.update(&id, TaskState::TaskRunning, None);
                }
                Err(error) => {
                    self.update(&id, TaskState::TaskFailed, Some(format!("cannot start: {error}")));
                    self.kill(group);
                }
            }
        }
    }

    /// Kills what is left of a group.
    fn kill(&mut self, group: usize) {
        for task in self.tasks.values_mut().filter(|task| task.group == group) {
            task.killed = true;
            if let Err(error) = task.process.kill() {
                eprintln!("task_group_executor: cannot kill: {error}");
            }
        }
    }

    /// Reports the tasks that have ended. What was killed is waited for.
    fn look(&mut self) {
        let ended = |task: &mut Task| {
            if task.killed { task.process.wait().map(Some) } else { task.process.try_wait() }
        };
        let all = self.tasks.iter_mut();
        let gone: Vec<_> = all.filter_map(|(id, task)| Some((id.clone(), ended(task).ok()??))).collect();
        for (id, status) in gone {
            let Some(task) = self.tasks.remove(&id) else { continue };
            match (task.killed, status.success()) {
                (true, _) => self.update(&id, TaskState::TaskKilled, Some("its group was killed".to_owned())),
                (false, true) => self.update(&id, TaskState::TaskFinished, None),
                (false, false) => {
                    self.update(&id, TaskState::TaskFailed, Some(words(status)));
                    self.kill(task.group);
                }
            }
        }
    }

    async fn run(mut self, mut events: Events) -> DriverStatus {
        self.driver.start();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.handle(event),
                    None => break,
                },
                () = tokio::time::sleep(LOOK), if !self.tasks.is_empty() => {
                    self.look();
                    if self.tasks.is_empty() {
                        println!("nothing left to do");
                        self.driver.stop();
                    }
                }
            }
        }
        self.driver.joined().await
    }
}

fn words(status: ExitStatus) -> String {
    format!("the command ended with {status}")
}

fn run() -> Result<DriverStatus, Box<dyn Error>> {
    // Before there is a second thread: only then the agent's token can be erased from the environment.
    let (driver, events) = ExecutorDriver::builder().events()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let executor = TaskGroupExecutor { driver, tasks: BTreeMap::new(), groups: 0 };
    Ok(runtime.block_on(executor.run(events)))
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run() {
        Ok(DriverStatus::Stopped) => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("task_group_executor: ended as {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("task_group_executor: {error}");
            ExitCode::FAILURE
        }
    }
}
