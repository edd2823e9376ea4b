//! What is lacking over many agents.

use std::fmt;

use crate::Lack;

/// How many agents were looked at for one thing that is wanted, and what they lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    agents: usize,
    fitting: usize,
    lacks: Vec<(usize, Lack)>,
}

impl Tally {
    /// Counts an agent that lacks this; one that lacks nothing fits.
    pub fn add(&mut self, lacks: &[Lack]) {
        self.agents += 1;
        self.fitting += usize::from(lacks.is_empty());
        for lack in lacks {
            match self.lacks.iter_mut().find(|(_, known)| known.is_like(lack)) {
                Some((count, known)) => {
                    *count += 1;
                    if lack.is_less_than(known) {
                        *known = lack.clone();
                    }
                }
                None => self.lacks.push((1, lack.clone())),
            }
        }
    }

    /// How many agents were looked at.
    pub const fn agents(&self) -> usize {
        self.agents
    }

    /// How many of them lack nothing.
    pub const fn fitting(&self) -> usize {
        self.fitting
    }

    /// How many agents lack what, in order of first appearance; of amounts, the lack that is least. An agent counts
    /// for each thing that it lacks.
    pub fn lacks(&self) -> impl Iterator<Item = (usize, &Lack)> {
        self.lacks.iter().map(|(count, lack)| (*count, lack))
    }
}

impl fmt::Display for Tally {
    /// `0 of 5 agents: 3 too little memory (have 1024, want 2048), 2 port 8080 taken`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} agent{}", self.fitting, self.agents, if self.agents == 1 { "" } else { "s" })?;
        for (index, (count, lack)) in self.lacks().enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{count} {lack}")?;
        }
        Ok(())
    }
}
