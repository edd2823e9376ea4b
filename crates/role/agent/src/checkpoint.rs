//! What survives the agent, in files exactly as Mesos lays them out below `<work_dir>/meta`.
//!
//! A protobuf file is its length in four bytes of the machine's own order and the bytes. Files are replaced
//! by a temporary file and a rename; `task.updates` only grows. What must be there before the rest means anything comes last
//! (the link to a run, a task's info), and is deleted first. So the agent may die at any moment: what it had written is found,
//! and nothing else.
//!
//! Forced to the disk is what the agent promises to others beyond the machine's life: its own identity and a drain. The
//! rest is not, unless asked for: with the machine every task here ends anyway, and what the disk did not get is told as
//! the end by a reboot.

mod disk;
pub(crate) mod layout;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod write;

#[cfg(test)]
mod tests;
