//! Ids, resources, roles, attributes, task states and time: the words that everything else is said in.
//!
//! Nothing here does I/O, reads a clock or draws chance; nothing here knows a wire format.

pub mod exchange;
pub mod time;

pub use exchange::{ConnectionId, Reply, Token};
pub use time::Tick;
