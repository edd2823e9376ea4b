//! Recorded exchanges with a real Mesos, and the comparison of ours with them.
//!
//! [`transcript`] loads a recording, [`names`] maps the recording's ids to those of the run at hand, [`shape`] compares
//! answers, [`exceptions`] lists what may differ and why, and [`replay`] sends requests and collects differences.

pub mod exceptions;
pub mod names;
pub mod replay;
pub mod shape;
pub mod transcript;
