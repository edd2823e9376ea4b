//! Binary protobuf by tables.
//!
//! | what | see |
//! |---|---|
//! | what fields a message has | [`MessageDescriptor`], [`Described`] |
//! | the fields as they lie in the bytes | [`scan`] |
//! | messages without what is secret in them | [`secrets`] |
//! | reading with the check of required fields, which prost does not make | [`from_bytes`], [`check`] |
//!
//! Must not live here: any message, any dialect of JSON, any wording of an API's errors.

pub mod descriptor;
mod required;
pub mod scan;
pub mod secrets;

pub use descriptor::{Described, EnumDescriptor, FieldDescriptor, Kind, Label, MessageDescriptor};
pub use required::{Invalid, check, from_bytes, missing, to_bytes};
pub use scan::Malformed;
