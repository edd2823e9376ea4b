//! Write an executor for Mesos or tepui.
//!
//! An executor is a process that an agent starts for a framework and that runs the framework's tasks. Implement
//! [`Executor`], give it to an [`ExecutorDriver`], and [`run`](ExecutorDriver::run) that: it subscribes to the
//! agent named in the environment, calls the executor back, and sees to it that status updates arrive.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use tepui_executor::{DriverStatus, Executor, ExecutorDriver, v1};
//!
//! struct Instant;
//!
//! impl Executor for Instant {
//!     fn launch_task(&mut self, driver: &ExecutorDriver, task: v1::TaskInfo) {
//!         // A long task belongs on a thread of its own (an ExecutorDriver can be cloned and moved there).
//!         driver.send_status_update(v1::TaskStatus {
//!             task_id: task.task_id,
//!             state: v1::TaskState::TaskFinished.into(),
//!             ..Default::default()
//!         });
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     match ExecutorDriver::from_env(Instant).map(|driver| driver.run()) {
//!         Ok(DriverStatus::Stopped) => ExitCode::SUCCESS,
//!         Ok(_) => ExitCode::FAILURE,
//!         Err(error) => {
//!             eprintln!("{error}"); // every variable that is missing or unreadable, at once
//!             ExitCode::FAILURE
//!         }
//!     }
//! }
//! ```
//!
//! # What to know
//!
//! * **Callbacks come one at a time, in the order of the agent's events**, on a thread of their own. While one
//!   runs, the others wait, and when very many wait, the agent's stream is not read. Return soon.
//! * **Methods may be called from anywhere**, also from callbacks, from async code and from other threads; they
//!   do not wait (but [`join`](ExecutorDriver::join) and [`run`](ExecutorDriver::run) do).
//! * **An update is never dropped.** It is kept and repeated until the agent acknowledges it, over lost
//!   connections and restarts of the agent. [`stop`](ExecutorDriver::stop) lets the updates already given leave
//!   first: no need to sleep after the last one.
//! * **Losing the agent.** If the framework checkpoints, the driver tries again, at random times up to
//!   `MESOS_SUBSCRIPTION_BACKOFF_MAX` apart, and gives up after `MESOS_RECOVERY_TIMEOUT`. If not, it shuts down
//!   at once.
//! * **SHUTDOWN.** [`Executor::shutdown`] is called; when `MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD` has passed and
//!   the driver has not been stopped, **the whole process group is killed**, as Mesos's library does. The agent
//!   makes each executor the leader of its own group; by hand, use `setsid`.
//! * **A panic** in a callback aborts the driver and is reported to [`Executor::error`].
//!
//! * **Dropping** the last handle of a running driver stops it.
//!
//! It works with and without a tokio runtime of yours: callbacks run on a thread of the driver's own, `Events` are for
//! async code, [`blocking`] has the same for other code. [`Builder`] chooses: the protocol (v1 over HTTP by default,
//! or v0 over libprocess), the encoding, where metrics go. The agent is reached as its environment says: plainly, with
//! TLS (`LIBPROCESS_SSL_*`), or through a socket in the file system (`MESOS_DOMAIN_SOCKET`).
//!
//! What each method and callback does in each state, beside Mesos's own drivers: `docs/executor-driver.md`.

pub mod blocking;
mod builder;
mod callbacks;
mod carrier;
pub mod default_executor;
mod driver;
mod environment;
mod events;
mod metrics;
mod shell;
mod start_error;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use builder::Builder;
pub use driver::ExecutorDriver;
pub use environment::{environment, environment_for};
pub use events::{Event, Events};
pub use start_error::StartError;
pub use tepui_core_driver::{
    DriverEnv, DriverStatus, InvalidEnv, Protocol,
    env::{LibprocessEnv, Problem, TlsEnv, Token},
    executor::{Config, Counters},
};
pub use tepui_core_kit::Backoff;
pub use tepui_transport::InvalidTls;
pub use tepui_wire_libprocess::Address;
pub use tepui_wire_mesos::{ContentType, v1};

/// What an executor does. Only [`launch_task`](Self::launch_task) must be written.
pub trait Executor: Send {
    /// The first subscription: the agent knows this executor.
    fn registered(
        &mut self,
        driver: &ExecutorDriver,
        executor_info: v1::ExecutorInfo,
        framework_info: v1::FrameworkInfo,
        agent_info: v1::AgentInfo,
    ) {
        let _ = (driver, executor_info, framework_info, agent_info);
    }

    /// A later subscription, after the agent was lost. Nothing has to be sent again: the driver did it.
    fn reregistered(&mut self, driver: &ExecutorDriver, agent_info: v1::AgentInfo) {
        let _ = (driver, agent_info);
    }

    /// The agent is lost. The driver is at work on it, or calls [`shutdown`](Self::shutdown) next.
    fn disconnected(&mut self, driver: &ExecutorDriver) {
        let _ = driver;
    }

    /// A task to run. No other task with its id is running.
    fn launch_task(&mut self, driver: &ExecutorDriver, task: v1::TaskInfo);

    /// Tasks to run together, or not at all. By default each is launched alone.
    fn launch_task_group(&mut self, driver: &ExecutorDriver, group: v1::TaskGroupInfo) {
        for task in group.tasks {
            self.launch_task(driver, task);
        }
    }

    /// A task to end, which may have ended already, or never have come. The grace is the policy's, or else the
    /// one of the task.
    fn kill_task(
        &mut self,
        driver: &ExecutorDriver,
        task_id: v1::TaskId,
        kill_policy: Option<v1::KillPolicy>,
    ) {
        let _ = (driver, task_id, kill_policy);
    }

    /// A message from the scheduler. Messages may be lost, and are never repeated.
    fn framework_message(&mut self, driver: &ExecutorDriver, data: Bytes) {
        let _ = (driver, data);
    }

    /// An update has arrived for good.
    fn update_acknowledged(&mut self, driver: &ExecutorDriver, task_id: v1::TaskId, uuid: Bytes) {
        let _ = (driver, task_id, uuid);
    }

    /// An update will never arrive, because it is wrong in itself (a contradictory check status, TASK_STAGING).
    /// The driver logs it, too.
    fn update_refused(&mut self, driver: &ExecutorDriver, status: v1::TaskStatus, reason: &str) {
        let _ = (driver, status, reason);
    }

    /// End all tasks, send their last updates, and stop the driver before the grace is over. By default it
    /// is stopped at once.
    fn shutdown(&mut self, driver: &ExecutorDriver) {
        driver.stop();
    }

    /// The end by an error. The driver is aborted already.
    fn error(&mut self, driver: &ExecutorDriver, message: &str) {
        let _ = (driver, message);
    }
}
