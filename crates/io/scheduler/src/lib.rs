//! Write a scheduler for Mesos or tepui.
//!
//! A scheduler subscribes to a master as a framework, is offered resources of agents, and decides which tasks run
//! on them. [`SchedulerDriver::connect`] subscribes; [`Events::next`] says what happens; the driver's methods
//! are the calls.
//!
//! ```no_run
//! use tepui_scheduler::{Event, SchedulerDriver, launch, v1};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let framework = v1::FrameworkInfo {
//!     user: "nobody".to_owned(),
//!     name: "one task".to_owned(),
//!     roles: vec!["*".to_owned()],
//!     capabilities: tepui_scheduler::capabilities([v1::framework_info::capability::Type::MultiRole]),
//!     ..Default::default()
//! };
//! let (driver, mut events) = SchedulerDriver::connect(framework, "127.0.0.1:5050")?;
//! let mut launched = false;
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::Subscribed { framework_id, .. } => println!("I am {}", framework_id.value),
//!         Event::Offers(offers) => {
//!             for offer in offers {
//!                 // A call is refused (and says so) while there is no subscription; the offer is void then.
//!                 if std::mem::replace(&mut launched, true) {
//!                     driver.decline([offer.id], None)?;
//!                 } else {
//!                     let task = v1::TaskInfo {
//!                         name: "hello".to_owned(),
//!                         task_id: v1::TaskId { value: "hello-1".to_owned() },
//!                         agent_id: offer.agent_id,
//!                         resources: offer.resources, // or a part of them
//!                         command: Some(v1::CommandInfo {
//!                             value: Some("echo hello".to_owned()),
//!                             ..Default::default()
//!                         }),
//!                         ..Default::default()
//!                     };
//!                     driver.accept([offer.id], [launch([task])], None)?;
//!                 }
//!             }
//!         }
//!         Event::Update(status) => {
//!             println!("{}: {:?}", status.task_id.value, status.state());
//!             if status.state() == v1::TaskState::TaskFinished {
//!                 driver.teardown();
//!             }
//!         } // acknowledged when the next event is asked for
//!         Event::Error { message } => eprintln!("the end: {message}"),
//!         _ => {}
//!     }
//! }
//! driver.joined().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What to know
//!
//! * **The driver reconnects by itself**: it follows redirects to the leading master, watches the master's
//!   heartbeats, and after a loss subscribes again with the framework's id, at random times up to 2 s apart at
//!   first, doubling to 1 min. [`Event::Disconnected`] and [`Event::Subscribed`] tell of it.
//! * **Calls are refused while there is no subscription** ([`Refused::NotSubscribed`]), not kept for later. A
//!   call that was taken and then failed comes back as [`Event::CallFailed`].
//! * **Updates are acknowledged when the next event is asked for**, or by [`SchedulerDriver::acknowledge`] with
//!   [`Acknowledgement::Explicit`]. Updates without a uuid are never acknowledged.
//! * **An update may come more than once**, until its acknowledgement has arrived. Whoever minds compares uuids.
//! * **Read the events.** When very many wait, the master's stream is not read, and the master will in the end
//!   close it.
//! * **Failover.** Keep the framework's id, and put it into `FrameworkInfo.id` the next time; how long the
//!   framework waits is its `failover_timeout` (by default not at all: its tasks are killed).
//!
//! It works with and without a tokio runtime of yours ([`Events::blocking_next`]). Not yet: TLS, and finding
//! the leading master through ZooKeeper or etcd.

mod driver;
mod shell;
#[cfg(test)]
mod tests;

use tepui_wire_mesos::v1::{
    ExecutorInfo, TaskGroupInfo, TaskInfo,
    framework_info::{Capability, capability},
    offer::{Operation, operation},
};

pub use driver::{Credential, Events, Options, SchedulerDriver, StartError};
pub use tepui_core_driver::{
    CallToken, DriverStatus,
    scheduler::{Acknowledgement, CallError, Callback as Event, Config, Receipt, Refused, calls},
};
pub use tepui_core_kit::Backoff;
pub use tepui_wire_libprocess::{Address, InvalidAddress};
pub use tepui_wire_mesos::{ContentType, v1};

/// The operation that launches these tasks, each alone.
pub fn launch(tasks: impl IntoIterator<Item = TaskInfo>) -> Operation {
    Operation {
        r#type: Some(operation::Type::Launch.into()),
        launch: Some(operation::Launch { task_infos: tasks.into_iter().collect() }),
        ..Operation::default()
    }
}

/// The operation that launches these tasks together, by one executor.
pub fn launch_group(executor: ExecutorInfo, tasks: impl IntoIterator<Item = TaskInfo>) -> Operation {
    let task_group = TaskGroupInfo { tasks: tasks.into_iter().collect() };
    Operation {
        r#type: Some(operation::Type::LaunchGroup.into()),
        launch_group: Some(operation::LaunchGroup { executor, task_group }),
        ..Operation::default()
    }
}

/// For `FrameworkInfo.capabilities`.
pub fn capabilities(types: impl IntoIterator<Item = capability::Type>) -> Vec<Capability> {
    types.into_iter().map(|kind| Capability { r#type: Some(kind.into()) }).collect()
}
