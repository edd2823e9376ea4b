//! What agent and supervisor say to each other: frames of a little-endian `u32` length, one byte of kind,
//! and fields. Numbers are little-endian, strings are a `u32` length and bytes, lists a `u32` count.
//!
//! Both sides open with their version, and the supervisor answers with the lower of the two. A newer agent
//! must go on speaking the versions before its own, because supervisors outlive agents: what was added later
//! has kinds of its own, which are used only where there is something to say in them.
//!
//! Version 2 added kind 6 of requests (a launch with [`Spawn::parent`], [`Spawn::stdio`] and
//! [`Spawn::confinement`]) and kind 7 of events ([`Event::Io`]), the only frame with which descriptors travel.

mod event;
mod frame;
mod request;
mod spawn;

pub use event::Event;
pub(crate) use frame::next_frame;
pub use frame::{FRAME_MAX, InvalidFrame};
pub use request::Request;
pub use spawn::{Confinement, Namespaces, Spawn};

/// The version of this protocol.
pub const VERSION: u8 = 2;

#[cfg(test)]
mod tests;
