//! What it costs to record.

use super::{
    Bench, Row,
    noop::{Measured, Shape, beside, ours_with},
};
use crate::shell::Outcome;

/// No-op tasks through a master and an agent that record, beside the same without it.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let shape = Shape { tasks: 50, waves: 100 * bench.rounds, v0: false };
    let record = format!("--record={}", bench.yard.path().join("recordings").display());
    let rates = |flags: &[&str]| -> Measured {
        ours_with(bench, &shape, flags).map_err(|problem| problem.to_string())
    };
    let (plain, recorded) = (rates(&[]), rates(&[&record]));
    Ok(beside("no-op tasks, 50 with one ACCEPT, recorded", &recorded, "not recorded", &plain).into())
}
