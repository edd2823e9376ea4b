//! The JSON dialect of Mesos, written from and read into protobuf bytes by the table of a message.
//!
//! One codec for every message: nothing here knows any one of them.

mod read;
mod write;

pub use read::{from_slice, to_protobuf};
pub use write::{to_string, to_vec, write};
