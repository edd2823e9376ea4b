//! The executor of the campaign: a thread for each task, which reports every step that it takes. It notes every start
//! and every acknowledgement, and ends by itself when it has had nothing to do for a while.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use tepui_executor::{DriverStatus, Executor, ExecutorDriver, Protocol, v1};

use super::notes;

/// Where to note things.
pub const NOTES: &str = "AGENT_KILLS_NOTES";
/// With nothing to do for so long, it ends.
const IDLE: Duration = Duration::from_millis(1_500);

struct Noting {
    notes: PathBuf,
    shared: Arc<Mutex<Shared>>,
    watched: bool,
}

impl Noting {
    /// Ends the driver when there is nothing to do for a while. An executor whose agent was killed before it heard that
    /// it is registered only hears that it is registered again.
    fn watch(&mut self, driver: &ExecutorDriver) {
        lock(&self.shared).since = Instant::now();
        if std::mem::replace(&mut self.watched, true) {
            return;
        }
        let (shared, driver) = (Arc::clone(&self.shared), driver.clone());
        thread::spawn(move || {
            while !lock(&shared).is_idle() {
                thread::sleep(IDLE / 10);
            }
            driver.stop();
        });
    }
}

struct Shared {
    /// Tasks that run, and how to end them.
    live: BTreeMap<String, Sender<()>>,
    /// Updates that were sent and are not acknowledged.
    unacknowledged: usize,
    since: Instant,
}

/// Runs the executor.
pub fn main(protocol: Protocol) -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let notes = PathBuf::from(std::env::var_os(NOTES).unwrap_or_default());
    let shared =
        Arc::new(Mutex::new(Shared { live: BTreeMap::new(), unacknowledged: 0, since: Instant::now() }));
    let driver = ExecutorDriver::builder().protocol(protocol).build(Noting { notes, shared, watched: false });
    match driver.map(|driver| driver.run()) {
        Ok(DriverStatus::Stopped) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Executor for Noting {
    fn registered(
        &mut self,
        driver: &ExecutorDriver,
        _: v1::ExecutorInfo,
        _: v1::FrameworkInfo,
        _: v1::AgentInfo,
    ) {
        self.watch(driver);
    }

    fn reregistered(&mut self, driver: &ExecutorDriver, _: v1::AgentInfo) {
        self.watch(driver);
    }

    fn launch_task(&mut self, driver: &ExecutorDriver, task: v1::TaskInfo) {
        let id = task.task_id.value.clone();
        notes::write(&self.notes, &format!("start {id}"));
        let (sender, end) = channel();
        lock(&self.shared).live.insert(id, sender);
        let (shared, driver) = (Arc::clone(&self.shared), driver.clone());
        thread::spawn(move || run(&shared, &driver, &task, &end));
    }

    fn kill_task(&mut self, _: &ExecutorDriver, task_id: v1::TaskId, _: Option<v1::KillPolicy>) {
        if let Some(end) = lock(&self.shared).live.get(&task_id.value) {
            // Its thread may just have come to its end.
            let _ = end.send(());
        }
    }

    fn update_acknowledged(&mut self, _: &ExecutorDriver, task_id: v1::TaskId, uuid: Bytes) {
        notes::write(&self.notes, &format!("ack {} {}", task_id.value, notes::uuid(&uuid)));
        let mut shared = lock(&self.shared);
        shared.unacknowledged = shared.unacknowledged.saturating_sub(1);
        shared.since = Instant::now();
    }
}

impl Shared {
    fn is_idle(&self) -> bool {
        self.live.is_empty() && self.unacknowledged == 0 && self.since.elapsed() > IDLE
    }
}

/// Steps, each reported, and then the end that the task's data asks for.
fn run(shared: &Mutex<Shared>, driver: &ExecutorDriver, task: &v1::TaskInfo, end: &Receiver<()>) {
    let script: Value = serde_json::from_slice(task.data.as_deref().unwrap_or_default()).unwrap_or_default();
    let pause = Duration::from_millis(script["pause"].as_u64().unwrap_or(0));
    let report = |state: v1::TaskState, message: String| {
        lock(shared).unacknowledged += 1;
        driver.send_status_update(v1::TaskStatus {
            task_id: task.task_id.clone(),
            state: state.into(),
            message: Some(message),
            ..v1::TaskStatus::default()
        });
    };
    let scripted =
        if script["fail"] == true { v1::TaskState::TaskFailed } else { v1::TaskState::TaskFinished };
    let steps = script["steps"].as_u64().unwrap_or(1);
    let killed = (1..=steps).any(|step| {
        report(v1::TaskState::TaskRunning, format!("step {step}"));
        !matches!(end.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    });
    let state = if killed { v1::TaskState::TaskKilled } else { scripted };
    report(state, format!("after {steps}"));
    let mut shared = lock(shared);
    shared.live.remove(&task.task_id.value);
    shared.since = Instant::now();
}
