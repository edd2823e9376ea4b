//! libprocess framing: UPIDs, and messages as HTTP requests.
//!
//! Masters, agents, v0 executors and v0 schedulers are processes with an id at an address. A message is an HTTP
//! request to the receiver's address; what comes back is only a receipt, and an answer is a message of its own.
//! What a message holds, and every connection, is the business of others.

mod address;
mod request;
mod upid;

pub use address::{Address, InvalidAddress};
pub use request::{Incoming, Refusal, encode, recognise, sender_field};
pub use upid::{InvalidUpid, Upid, decode_id, encode_id};
