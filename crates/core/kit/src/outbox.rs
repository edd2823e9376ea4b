//! What is to be done, in order, with the writes of several events in one batch.
//! Must not live here: what a finished write leads to.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_model::Token;

use crate::Attempts;

/// One change of what survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The key.
    pub key: String,
    /// Its new value; none removes it.
    pub value: Option<Bytes>,
}

/// A batch of writes: all of it or nothing. The shell says when it is durable, by its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persist<W> {
    /// Names the batch.
    pub token: Token,
    /// The writes, in order.
    pub writes: Vec<W>,
}

/// Effects that were not taken yet, and what waits for writes.
///
/// `E` is a core's effect, `W` one write, `P` what goes on once a write is durable. Writes that are made between two polls
/// leave together, before the effects that were asked for meanwhile: what may not happen before a write belongs into a `P`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outbox<E, W, P> {
    effects: VecDeque<Entry<E>>,
    /// Barriers among `effects`: writes made after one must not overtake it.
    barriers: usize,
    writes: Vec<W>,
    after: Vec<P>,
    waiting: BTreeMap<Token, Vec<P>>,
    tokens: Attempts<Token>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry<E> {
    effect: E,
    barrier: bool,
}

impl<E, W, P> Default for Outbox<E, W, P> {
    fn default() -> Self {
        Self {
            effects: VecDeque::new(),
            barriers: 0,
            writes: Vec::new(),
            after: Vec::new(),
            waiting: BTreeMap::new(),
            tokens: Attempts::new(),
        }
    }
}

impl<E: From<Persist<W>>, W, P> Outbox<E, W, P> {
    /// Nothing is to be done.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for something to be done, whether or not the writes made so far are durable by then.
    pub fn push(&mut self, effect: impl Into<E>) {
        self.effects.push_back(Entry { effect: effect.into(), barrier: false });
    }

    /// Asks for something that comes after the writes made so far and before those made later.
    pub fn push_between_writes(&mut self, effect: impl Into<E>) {
        if let Some(persist) = self.take_writes() {
            self.push(persist);
        }
        self.barriers += 1;
        self.effects.push_back(Entry { effect: effect.into(), barrier: true });
    }

    /// Writes something that nothing waits for.
    pub fn write(&mut self, write: W) {
        self.writes.push(write);
    }

    /// Waits for everything that was written so far; [`Outbox::persisted`] gives it back.
    pub fn then(&mut self, after: P) {
        self.after.push(after);
    }

    /// What waited for a batch, in the order in which it began to wait.
    pub fn persisted(&mut self, token: Token) -> Vec<P> {
        self.waiting.remove(&token).unwrap_or_default()
    }

    /// Everything that waits for a write, whether or not that has left.
    pub fn waiting(&self) -> impl Iterator<Item = &P> {
        self.waiting.values().flatten().chain(&self.after)
    }

    /// Batches that have left and that something waits for, oldest first.
    pub fn awaited(&self) -> impl Iterator<Item = Token> {
        self.waiting.keys().copied()
    }

    /// Whether anything waits for a batch that has left.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether there is nothing to be done.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.writes.is_empty() && self.after.is_empty()
    }

    /// The next effect: writes before the effects that were asked for beside them.
    pub fn pop(&mut self) -> Option<E> {
        if self.barriers == 0
            && let Some(persist) = self.take_writes()
        {
            return Some(persist);
        }
        let Some(entry) = self.effects.pop_front() else {
            return self.take_writes();
        };
        if entry.barrier {
            self.barriers -= 1;
        }
        Some(entry.effect)
    }

    fn take_writes(&mut self) -> Option<E> {
        if self.writes.is_empty() && self.after.is_empty() {
            return None;
        }
        let token = self.tokens.begin();
        let after = std::mem::take(&mut self.after);
        if !after.is_empty() {
            self.waiting.insert(token, after);
        }
        Some(Persist { token, writes: std::mem::take(&mut self.writes) }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Effect {
        Do(u8),
        Persist(Persist<char>),
    }

    impl From<Persist<char>> for Effect {
        fn from(persist: Persist<char>) -> Self {
            Self::Persist(persist)
        }
    }

    fn persist(token: u64, writes: &str) -> Effect {
        Effect::Persist(Persist { token: Token(token), writes: writes.chars().collect() })
    }

    fn drain(outbox: &mut Outbox<Effect, char, &'static str>) -> Vec<Effect> {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[test]
    fn writes_of_several_events_leave_together_and_first() {
        let mut outbox = Outbox::new();
        outbox.push(Effect::Do(1));
        outbox.write('a');
        outbox.then("first");
        outbox.push(Effect::Do(2));
        outbox.write('b');
        outbox.then("second");
        assert!(outbox.waiting().eq(&["first", "second"]));
        assert!(!outbox.is_waiting() && !outbox.is_empty());
        assert_eq!(drain(&mut outbox), [persist(1, "ab"), Effect::Do(1), Effect::Do(2)]);
        assert!(outbox.is_waiting() && outbox.is_empty());
        assert!(outbox.waiting().eq(&["first", "second"]));
        assert_eq!(outbox.persisted(Token(9)), Vec::<&str>::new());
        assert_eq!(outbox.persisted(Token(1)), ["first", "second"]);
        assert!(!outbox.is_waiting());
        assert_eq!(outbox.persisted(Token(1)), Vec::<&str>::new());
    }

    #[test]
    fn a_write_overtakes_no_barrier() {
        let mut outbox = Outbox::new();
        outbox.write('a');
        outbox.push_between_writes(Effect::Do(1));
        outbox.write('b');
        assert_eq!(drain(&mut outbox), [persist(1, "a"), Effect::Do(1), persist(2, "b")]);
        outbox.push(Effect::Do(2));
        outbox.write('c');
        assert_eq!(drain(&mut outbox), [persist(3, "c"), Effect::Do(2)], "the barrier is over");
    }

    #[test]
    fn who_waits_without_a_write_of_its_own_waits_for_those_before() {
        let mut outbox = Outbox::<Effect, char, _>::new();
        outbox.then("nothing written");
        assert!(!outbox.is_empty());
        assert_eq!(drain(&mut outbox), [persist(1, "")]);
        assert_eq!(outbox.persisted(Token(1)), ["nothing written"]);
    }
}
