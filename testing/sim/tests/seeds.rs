//! Some seeds on every run, and the proof that the simulator notices a defect.

use sim::{Options, Sabotage, Summary, Violation, run};

/// Enough to see every kind of fault; many more run before a change is taken.
const SEEDS: u64 = 30;
/// A defect as coarse as these shows soon.
const FEW: u64 = 10;

fn seed(seed: u64, sabotage: Option<Sabotage>) -> Result<Summary, Box<Violation>> {
    run(Options { seed, print: false, sabotage }, None)
}

#[test]
fn seeds_hold() {
    for number in 1..=SEEDS {
        if let Err(violation) = seed(number, None) {
            panic!("{violation}");
        }
    }
}

/// What a seed decides, it decides every time.
#[test]
fn a_seed_is_one_story() {
    assert_eq!(seed(1, None).expect("holds"), seed(1, None).expect("holds"));
}

/// A defect is found, and the report shows where it was put in.
#[test]
fn defects_are_noticed() {
    for (sabotage, invariants) in [(Sabotage::SkipWrites, &["8"][..]), (Sabotage::NoRetry, &["5", "10"])] {
        let violation = (1..=FEW).find_map(|number| seed(number, Some(sabotage)).err());
        let violation = violation.expect("a defect that shows within a few seeds");
        let number = violation.invariant.split(':').next().unwrap_or_default();
        assert!(invariants.contains(&number), "{violation}");
        assert!(violation.trace.iter().any(|line| line.contains("SABOTAGE")), "{violation}");
    }
}
