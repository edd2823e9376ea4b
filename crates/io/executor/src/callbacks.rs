//! The thread on which the user's callbacks run, one at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tepui_core_driver::{DriverStatus, executor::Callback};
use tokio::sync::mpsc;

use crate::{Executor, ExecutorDriver};

/// Until the shell is done, or the driver ended and there is nothing to say about it.
pub(crate) fn run(
    mut executor: Box<dyn Executor>,
    driver: &ExecutorDriver,
    mut queue: mpsc::Receiver<Callback>,
) {
    while let Some(callback) = queue.blocking_recv() {
        // What was in the queue when the driver ended is not delivered, but for the reason of the end.
        let last = matches!(callback, Callback::Error(_));
        if driver.status() != DriverStatus::Running && !last {
            continue;
        }
        let name = name(&callback);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call(executor.as_mut(), driver, callback))) {
            let message = format!("the callback {name} panicked: {}", words(panic.as_ref()));
            tracing::error!("{message}");
            driver.abort();
            if !last {
                // If this panics, too, there is nobody left to tell.
                let _ = catch_unwind(AssertUnwindSafe(|| executor.error(driver, &message)));
            }
            return;
        }
    }
}

fn call(executor: &mut dyn Executor, driver: &ExecutorDriver, callback: Callback) {
    match callback {
        Callback::Registered { executor_info, framework_info, agent_info } => {
            executor.registered(driver, *executor_info, *framework_info, *agent_info);
        }
        Callback::Reregistered { agent_info } => executor.reregistered(driver, *agent_info),
        Callback::Disconnected => executor.disconnected(driver),
        Callback::LaunchTask(task) => executor.launch_task(driver, *task),
        Callback::LaunchTaskGroup(group) => executor.launch_task_group(driver, group),
        Callback::KillTask { task_id, kill_policy } => executor.kill_task(driver, task_id, kill_policy),
        Callback::FrameworkMessage(data) => executor.framework_message(driver, data),
        Callback::UpdateAcknowledged { task_id, uuid } => executor.update_acknowledged(driver, task_id, uuid),
        Callback::UpdateRefused { status, reason } => executor.update_refused(driver, *status, &reason),
        Callback::Shutdown => executor.shutdown(driver),
        Callback::Error(message) => executor.error(driver, &message),
    }
}

const fn name(callback: &Callback) -> &'static str {
    match callback {
        Callback::Registered { .. } => "registered",
        Callback::Reregistered { .. } => "reregistered",
        Callback::Disconnected => "disconnected",
        Callback::LaunchTask(_) => "launch_task",
        Callback::LaunchTaskGroup(_) => "launch_task_group",
        Callback::KillTask { .. } => "kill_task",
        Callback::FrameworkMessage(_) => "framework_message",
        Callback::UpdateAcknowledged { .. } => "update_acknowledged",
        Callback::UpdateRefused { .. } => "update_refused",
        Callback::Shutdown => "shutdown",
        Callback::Error(_) => "error",
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
