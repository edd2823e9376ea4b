//! The whole cluster on one seed.
//!
//! A master, agents, executors and schedulers as their real cores, on a simulated network, disk and clock. One seed
//! decides everything: latencies, crashes, partitions, what the schedulers want. The design's invariants are checked
//! after every step; then faults end, and the cluster has to converge.
//!
//! ```text
//!            Event (due at a Tick)
//!   queue ───────────────────────► World::step ──► a core's handle(now, event)
//!     ▲                                                   │ effects
//!     └── latency, order, loss ◄── network, disks ◄───────┘
//! ```
//!
//! Must not live here: decisions. What a node does is its core's; what happens to it is this crate's.

pub mod agent;
pub mod executor;
pub mod faults;
pub mod history;
pub mod host;
pub mod invariants;
pub mod master;
pub mod network;
pub mod past;
pub mod report;
pub mod run;
pub mod scheduler;
pub mod trace;
pub mod work;
mod world;

pub use past::{NoPast, Past};
pub use run::{Options, Sabotage, Summary, Violation, run};
