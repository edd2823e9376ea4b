//! For programs without a runtime.
//!
//! The driver brings its own: [`ExecutorDriver`] with its callbacks needs nothing, and
//! [`run`] is a whole `main`. [`Events`] is for those who would rather take what happens in a loop:
//!
//! ```no_run
//! # fn main() -> Result<(), tepui_executor::StartError> {
//! use tepui_executor::{Event, ExecutorDriver, blocking};
//!
//! let (driver, events) = blocking::events(ExecutorDriver::builder())?;
//! driver.start();
//! for event in events {
//!     if let Event::Shutdown = event {
//!         driver.stop();
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use crate::{Builder, DriverStatus, Event, Executor, ExecutorDriver, StartError};

/// Runs `executor` for the agent that started this process, until its end. Blocks the thread.
///
/// # Errors
/// [`StartError`]; nothing was started.
pub fn run(executor: impl Executor + 'static) -> Result<DriverStatus, StartError> {
    ExecutorDriver::from_env(executor).map(|driver| driver.run())
}

/// [`Builder::events`] without a runtime.
///
/// # Errors
/// [`StartError`]; nothing was started.
pub fn events(builder: Builder) -> Result<(ExecutorDriver, Events), StartError> {
    builder.events().map(|(driver, events)| (driver, Events(events)))
}

/// The events of a driver. [`next`](Iterator::next) blocks the thread, so it must not be called within a runtime.
/// Dropping it stops the driver.
#[derive(Debug)]
pub struct Events(crate::Events);

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.0.next_blocking()
    }
}
