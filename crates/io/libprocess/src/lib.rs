//! Messages between processes: a process has an id at an address, and what it is sent arrives in order.
//!
//! Messages travel as HTTP requests between others ([`tepui_wire_libprocess`] frames them), so that what receives
//! them here stands in front of a handler of requests. Must not live here: what a message means, and who exists.
//!
//! | to | see |
//! |---|---|
//! | send messages, notice the end of peers | [`Links`] |
//! | receive messages | [`Messages`] |

mod links;
mod messages;

pub use links::{Exited, LinkOptions, Links};
pub use messages::{IncomingMessage, Messages};
