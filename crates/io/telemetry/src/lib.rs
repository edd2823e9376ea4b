//! Logs and metrics: one place where both are set up.
//!
//! What is counted is decided where things happen; this room only carries it: to stderr, to `/metrics` and to
//! `/metrics/snapshot`.

pub mod logging;
pub mod metrics;
pub mod system;

pub use logging::{InvalidFilter, LogOptions, init};
pub use metrics::{Kind, Pacer, Sample};
