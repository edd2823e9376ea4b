//! What survives the agent, in files exactly as Mesos lays them out below `<work_dir>/meta`.
//!
//! A protobuf file is its length in four bytes of the machine's own order and the bytes. Files are replaced
//! by a temporary file and a rename; `task.updates` only grows. Nothing is forced to the disk but the agent's
//! own identity: it is the process that may die, and with the machine everything here ends anyway.

pub(crate) mod layout;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod write;

#[cfg(test)]
mod tests;
