//! What happens to an executor, one event after the other, instead of callbacks.

use tepui_core_driver::{DriverStatus, executor::Callback};
use tokio::sync::mpsc;

use crate::ExecutorDriver;

/// What happens to an executor: the callbacks of [`Executor`](crate::Executor) as values.
pub type Event = Callback;

/// The events of a driver, from [`Builder::events`](crate::Builder::events). Dropping it stops the driver: there is
/// nobody left to run tasks.
///
/// ```no_run
/// # async fn example() -> Result<(), tepui_executor::StartError> {
/// use tepui_executor::{Event, ExecutorDriver, v1};
///
/// let (driver, mut events) = ExecutorDriver::builder().events()?;
/// driver.start();
/// while let Some(event) = events.next().await {
///     match event {
///         Event::LaunchTask(task) => {
///             driver.send_status_update(v1::TaskStatus {
///                 task_id: task.task_id,
///                 state: v1::TaskState::TaskFinished.into(),
///                 ..Default::default()
///             });
///         }
///         Event::Shutdown => {
///             driver.stop();
///         }
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Events {
    driver: ExecutorDriver,
    queue: mpsc::Receiver<Event>,
}

impl Events {
    pub(crate) const fn new(driver: ExecutorDriver, queue: mpsc::Receiver<Event>) -> Self {
        Self { driver, queue }
    }

    /// The next event; `None` when the driver has ended. After it was stopped or aborted nothing comes but
    /// [`Event::Error`].
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let event = self.queue.recv().await?;
            if self.counts(&event) {
                return Some(event);
            }
        }
    }

    pub(crate) fn next_blocking(&mut self) -> Option<Event> {
        loop {
            let event = self.queue.blocking_recv()?;
            if self.counts(&event) {
                return Some(event);
            }
        }
    }

    /// What was in the queue when the driver ended is not told, but for the reason of the end.
    fn counts(&self, event: &Event) -> bool {
        self.driver.status() == DriverStatus::Running || matches!(event, Event::Error(_))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // What was aborted stays so.
        if self.driver.status() == DriverStatus::Running {
            self.driver.stop();
        }
    }
}
