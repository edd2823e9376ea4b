//! Who listens: the event streams of schedulers and operators. Must not live here: what they are told.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tepui_model::{ConnectionId, FrameworkId};

/// The event streams.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Audience {
    streams: BTreeMap<ConnectionId, Stream>,
    /// The operators among them, oldest first.
    operators: VecDeque<ConnectionId>,
}

/// What a connection has become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stream {
    /// A SUBSCRIBE whose framework is being written; `closed` once the other side has gone.
    Subscribing { closed: bool },
    /// A scheduler's events.
    Scheduler(FrameworkId),
    /// An operator's events.
    Operator,
}

/// Who has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leaver {
    /// The scheduler of this framework.
    Scheduler(FrameworkId),
    /// An operator.
    Operator,
}

impl Audience {
    /// A scheduler is to have a stream once its framework is written.
    pub(crate) fn expect_scheduler(&mut self, connection: ConnectionId) {
        self.streams.insert(connection, Stream::Subscribing { closed: false });
    }

    /// Whether a scheduler that is to have a stream is still there.
    pub(crate) fn is_expected(&self, connection: ConnectionId) -> bool {
        self.streams.get(&connection) == Some(&Stream::Subscribing { closed: false })
    }

    /// A scheduler has a stream.
    pub(crate) fn add_scheduler(&mut self, connection: ConnectionId, id: FrameworkId) {
        self.streams.insert(connection, Stream::Scheduler(id));
    }

    /// A scheduler's stream ends from here.
    pub(crate) fn remove_scheduler(&mut self, connection: ConnectionId) {
        self.streams.remove(&connection);
    }

    /// An operator has a stream, as one of so many; gives those that make room.
    pub(crate) fn add_operator(&mut self, connection: ConnectionId, limit: usize) -> Vec<ConnectionId> {
        let excess = (self.operators.len() + 1).saturating_sub(limit.max(1));
        let oldest: Vec<ConnectionId> = self.operators.drain(..excess).collect();
        for operator in &oldest {
            self.streams.remove(operator);
        }
        self.operators.push_back(connection);
        self.streams.insert(connection, Stream::Operator);
        oldest
    }

    /// Who has a stream or is to have one.
    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.streams.keys().copied()
    }

    /// The operators that watch, oldest first.
    pub(crate) const fn operators(&self) -> &VecDeque<ConnectionId> {
        &self.operators
    }

    /// The other side of a connection has gone; whose stream that was.
    pub(crate) fn leave(&mut self, connection: ConnectionId) -> Option<Leaver> {
        match self.streams.remove(&connection)? {
            Stream::Subscribing { .. } => {
                self.streams.insert(connection, Stream::Subscribing { closed: true });
                None
            }
            Stream::Scheduler(id) => Some(Leaver::Scheduler(id)),
            Stream::Operator => {
                self.operators.retain(|operator| *operator != connection);
                Some(Leaver::Operator)
            }
        }
    }

    /// Whether the list of operators and the streams agree.
    pub(crate) fn check(&self) -> Result<(), String> {
        let operators = self.streams.values().filter(|stream| **stream == Stream::Operator).count();
        let strangers = self.operators.iter().find(|it| self.streams.get(*it) != Some(&Stream::Operator));
        match strangers {
            Some(stranger) => Err(format!("{stranger} watches and has no stream")),
            None if operators != self.operators.len() => {
                Err("an operator's stream watches nothing".to_owned())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_operators_make_room() {
        let mut audience = Audience::default();
        let joined: Vec<Vec<ConnectionId>> =
            (1..=3).map(|number| audience.add_operator(ConnectionId(number), 2)).collect();
        assert_eq!(joined, [vec![], vec![], vec![ConnectionId(1)]]);
        assert_eq!(
            audience.add_operator(ConnectionId(4), 0),
            [ConnectionId(2), ConnectionId(3)],
            "one may always"
        );
        assert_eq!(audience.leave(ConnectionId(1)), None, "it had made room");
        assert_eq!(audience.leave(ConnectionId(4)), Some(Leaver::Operator));
        assert!(audience.operators().is_empty());
        audience.check().unwrap();
    }

    #[test]
    fn a_scheduler_that_went_before_it_was_subscribed_is_not_expected_any_more() {
        let mut audience = Audience::default();
        let (one, other) = (ConnectionId(1), ConnectionId(2));
        audience.expect_scheduler(one);
        audience.expect_scheduler(other);
        assert_eq!(audience.leave(one), None);
        assert!(!audience.is_expected(one) && audience.is_expected(other));
        audience.add_scheduler(other, FrameworkId::new("f"));
        assert!(!audience.is_expected(other), "it is there");
        assert_eq!(audience.leave(other), Some(Leaver::Scheduler(FrameworkId::new("f"))));
        assert_eq!(audience.leave(other), None);
    }
}
