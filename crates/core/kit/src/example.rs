//! The smallest whole core: what one is made of, in the order in which it is written.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tepui_core_kit::{Chance, Core, Outbox, Persist, Seed, Timers};
use tepui_model::{Tick, Token};

/// What a lamp starts from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// It burns no longer than that, whatever is asked of it.
    pub longest: Duration,
    /// Its chance.
    pub seed: Seed,
    /// What the last one wrote down.
    pub burning_until: Option<Tick>,
}

/// What happens to a lamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody wants light.
    Lit {
        /// For how long.
        seconds: u64,
    },
    /// A write is durable.
    Persisted(Token),
}

/// What a lamp wants done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Write down until when it burns.
    Persist(Persist<Tick>),
    /// Turn the light on or off.
    Switch {
        /// On.
        on: bool,
    },
}

impl From<Persist<Tick>> for Effect {
    fn from(persist: Persist<Tick>) -> Self {
        Self::Persist(persist)
    }
}

/// What may fall due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Timer {
    Out,
}

/// A lamp.
///
/// ```text
///   Dark ──Lit──► (written) ──Persisted──► Burning ──its time is over──► Dark
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Lamp {
    longest: Duration,
    chance: Chance,
    timers: Timers<Timer>,
    out: Outbox<Effect, Tick, Tick>,
}

impl Core for Lamp {
    const NAME: &'static str = "lamp";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    fn start(now: Tick, start: Start) -> Self {
        let mut lamp = Self {
            longest: start.longest,
            chance: Chance::new(start.seed),
            timers: Timers::new(),
            out: Outbox::new(),
        };
        if let Some(until) = start.burning_until.filter(|until| *until > now) {
            lamp.burn(until);
        }
        lamp
    }

    fn handle(&mut self, now: Tick, event: Event) {
        match event {
            Event::Lit { seconds } => {
                // No two lamps of a street go out at once.
                let until = now
                    + Duration::from_secs(seconds).min(self.longest)
                    + self.chance.up_to(Duration::from_millis(10));
                self.out.write(until);
                self.out.then(until);
            }
            Event::Persisted(token) => {
                for until in self.out.persisted(token) {
                    self.burn(until);
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        while let Some(Timer::Out) = self.timers.pop(now) {
            self.out.push(Effect::Switch { on: false });
        }
    }

    fn poll_timeout(&self) -> Option<Tick> {
        self.timers.next()
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.out.pop()
    }
}

impl Lamp {
    fn burn(&mut self, until: Tick) {
        self.timers.set(Timer::Out, until);
        self.out.push(Effect::Switch { on: true });
    }
}
