//! Tables of (what happens) -> (what the master does), in the words of the wire.

mod agents;
mod cluster;
mod drain;
mod frameworks;
mod groups;
mod launch;
mod offers;
mod operators;
mod readmission;
mod reconcile;
mod refusals;
mod scale;
mod updates;
