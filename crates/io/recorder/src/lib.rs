//! The flight recorder: everything that enters a core is written down, and a run can be had again.
//!
//! [`Recorded`] stands where a core stands and behaves as it does. Once it has a [`Recorder`], each event goes into a file
//! before the core sees it, and of each effect a digest. [`replay()`] runs what was written through the same core and fails
//! with the first effect that differs.
//!
//! ```text
//!   shell ── events ──► Recorded<C> ── events ──► C
//!                           │ a chunk for each drain; dropped and counted when too much waits
//!                           ▼
//!                        a thread ──► DIR/master-01790000000000000000/00000001.rec, 00000002.rec, ...
//! ```
//!
//! A segment begins with the core's start or with its whole state, so that the oldest may be deleted. The format is told in
//! `format`.
//!
//! Must not live here: what a core's events are, and what is secret in them (that is blanked where they are encoded).

mod format;
mod recorded;
mod recorder;
mod replay;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

pub use recorded::Recorded;
pub use recorder::{Limits, RecordError, Recorder};
pub use replay::{Difference, ReplayError, Replayed, Run, replay, replay_with, runs};
pub use settings::Recording;
