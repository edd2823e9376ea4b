//! One seed from its beginning to its end, and what there is to say about it afterwards.

use std::{fmt, time::Duration};

use crate::{invariants, past::Past, report, world::World};

/// How long faults go on.
pub(crate) const FAULTS: Duration = Duration::from_secs(120);
/// How long the cluster may take to converge after them: longer than the longest timer of Mesos, the ten
/// minutes that a lost agent has.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
/// How often one looks whether it has.
const LOOK: Duration = Duration::from_secs(1);
/// More events than this are a storm.
const MOST_STEPS: u64 = 2_000_000;

/// A defect put in on purpose, to see that the simulator notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Disks confirm what they never wrote.
    SkipWrites,
    /// Agents never send an update a second time.
    NoRetry,
}

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Decides everything.
    pub seed: u64,
    /// Print every line of the trace.
    pub print: bool,
    /// A defect to put in.
    pub sabotage: Option<Sabotage>,
}

/// A run without a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Events that happened.
    pub steps: u64,
    /// Tasks that were launched and ended.
    pub tasks: usize,
    /// Simulated time.
    pub elapsed: Duration,
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The seed that shows it.
    pub seed: u64,
    /// Number and words of the invariant.
    pub invariant: &'static str,
    /// What was seen instead.
    pub what: String,
    /// The lines that led to it.
    pub trace: Vec<String>,
    /// What has to be said beside the seed to see it again.
    pub arguments: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        writeln!(f)?;
        writeln!(f, "seed {} breaks invariant {}", self.seed, self.invariant)?;
        writeln!(f, "    {}", self.what)?;
        write!(f, "the whole story: cargo run -p sim -- --seed {}{}", self.seed, self.arguments)
    }
}

/// Simulates one seed, on a master with a past or on a new one.
///
/// Nothing is recorded at first, as most seeds hold. One that does not is run again for its story.
///
/// # Errors
/// The first [`Violation`].
pub fn run(options: Options, past: Option<&Past>) -> Result<Summary, Box<Violation>> {
    let first = simulate(options, options.print, past);
    let Err(violation) = first else { return first };
    if options.print {
        return Err(Box::new(Violation { trace: Vec::new(), ..*violation }));
    }
    match simulate(options, true, past) {
        Err(again) if (again.invariant, &again.what) == (violation.invariant, &violation.what) => Err(again),
        other => Err(Box::new(Violation {
            seed: options.seed,
            invariant: "0: one seed, one story",
            what: format!("{} the first time, {other:?} the second", violation.what),
            trace: Vec::new(),
            arguments: violation.arguments,
        })),
    }
}

fn simulate(options: Options, recording: bool, past: Option<&Past>) -> Result<Summary, Box<Violation>> {
    let mut world = World::new(options, recording, past);
    let mut steps = 0;
    let outcome = live(&mut world, &mut steps);
    match outcome.and_then(|()| invariants::at_the_end(&mut world)) {
        Ok(()) => Ok(Summary {
            steps,
            tasks: world
                .nodes
                .schedulers()
                .flat_map(|node| node.tasks.values())
                .filter(|task| task.agent.is_some())
                .count(),
            elapsed: world.now.since(world.start),
        }),
        Err((invariant, what)) => {
            let trace = report::story(world.trace.lines(), &what);
            let arguments = past.map_or_else(String::new, Past::arguments);
            Err(Box::new(Violation { seed: options.seed, invariant, what, trace, arguments }))
        }
    }
}

fn live(world: &mut World, steps: &mut u64) -> invariants::Outcome {
    world.begin();
    let patience = PATIENCE + world.left_behind.patience;
    let mut next_look = world.start;
    loop {
        *steps += 1;
        world.step()?;
        // To look at everything costs more than a step.
        if world.faults_over && world.now >= next_look {
            if world.is_quiet() {
                return Ok(());
            }
            next_look = world.now + LOOK;
        }
        if world.now.since(world.start) > FAULTS + patience || *steps > MOST_STEPS {
            return Err(invariants::convergence::unfinished(world));
        }
    }
}
