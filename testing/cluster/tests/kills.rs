//! The short form of `agent-kills`: an agent killed with SIGKILL at random moments, under load.

use std::path::PathBuf;

use cluster::{
    dice::Dice,
    kills::{self, Plan},
};
use conformance::process::{in_yard, remark};

/// `CLUSTER_SEED` repeats a run.
#[test]
fn nothing_is_lost_by_killing_the_agent() {
    let seed = Dice::for_test("kills").any();
    in_yard(|yard| {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_agent-kills"));
        let summary = kills::run(yard, &Plan { rounds: 20, seed, at_once: 12, program }, |_, _| ())?;
        remark(&format!("{summary:?}"));
        assert!(summary.ends.len() > 1, "{summary:?}");
        assert!(summary.acknowledged > 0, "{summary:?}");
        Ok(())
    });
}
