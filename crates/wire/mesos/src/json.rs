//! The JSON dialect of Mesos, written from and read into protobuf bytes by the table of a message.
//!
//! One codec for every message: nothing here knows any one of them.
//!
//! Written: fields by their names in the .proto files, in the order of declaration; enums by name, bytes in base64,
//! 64-bit integers as numbers, doubles with a point; unset fields with a default that is not deprecated; no empty
//! lists. Read: unknown fields are ignored, null is unset, numbers and bools may be quoted, one element may stand for
//! a list, names that an enum does not have unset the field unless it is required.

mod read;
mod write;

pub use read::{from_slice, list_from_slice, to_protobuf};
pub use write::{number, to_string, to_vec, write};

#[cfg(test)]
mod tests;
