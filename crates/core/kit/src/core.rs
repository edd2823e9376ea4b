//! The grammar that every core speaks.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use tepui_model::Tick;

/// What can be written down and read back: events, and what a core starts from.
pub trait Record: Debug + Serialize + DeserializeOwned {}

impl<T: Debug + Serialize + DeserializeOwned> Record for T {}

/// A state machine: events in, effects out, and nothing beside that.
///
/// The same start, the same events at the same times and the same polls lead to the same effects, on every machine. It is a
/// value that can be written down whole and read back (derive serde's traits on everything in it): a recording goes on from
/// there.
pub trait Core: Sized + Serialize + DeserializeOwned {
    /// Its name, for people and for recordings: `master`.
    const NAME: &'static str;

    /// Raised when the same events shall lead to other effects than before, so that a replay of an older recording knows
    /// that differences are meant.
    const VERSION: u32 = 1;

    /// All that one is made of: settings, a seed, and what earlier ones left behind.
    type Start: Record;

    /// Something that happened outside.
    type Event: Record;

    /// Something that the shell is to do, in the order in which it comes.
    type Effect: Debug + Serialize;

    /// One that begins now.
    fn start(now: Tick, start: Self::Start) -> Self;

    /// Something happened. Time never goes back: a `now` before the last one counts as the last one.
    fn handle(&mut self, now: Tick, event: Self::Event);

    /// Time has come to `now`; to be called when [`Core::poll_timeout`] is due.
    fn handle_timeout(&mut self, now: Tick);

    /// When [`Core::handle_timeout`] wants to be called next; none: not before the next event.
    fn poll_timeout(&self) -> Option<Tick>;

    /// The next thing to do, until there is none; to be drained after every event, or after several of them. Drains are
    /// part of what a core sees: what is decided between two of them may be joined.
    fn poll_effect(&mut self) -> Option<Self::Effect>;

    /// Whether its own books fit together; for the simulator and the tests.
    ///
    /// # Errors
    /// What does not, in words.
    fn check_invariants(&self) -> Result<(), String> {
        Ok(())
    }
}
