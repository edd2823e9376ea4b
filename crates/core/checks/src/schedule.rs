//! When the next probe of one kind is due, and when the one under way is given up.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use tepui_model::Tick;

use crate::ProbeId;

/// A description may ask for no pause at all; the machine that the task runs on must not be kept busy with probes.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// The times of a check.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) delay: Duration,
    pub(crate) interval: Duration,
    /// `None`: a probe may take for ever.
    pub(crate) timeout: Option<Duration>,
}

impl Times {
    pub(crate) fn new(delay: f64, interval: f64, timeout: f64) -> Self {
        Self {
            delay: seconds(delay),
            interval: seconds(interval).max(SHORTEST_INTERVAL),
            timeout: Some(seconds(timeout)).filter(|timeout| !timeout.is_zero()),
        }
    }
}

/// What is negative or no number is nothing, what is too much is for ever.
pub(crate) fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(if value > 0.0 { Duration::MAX } else { Duration::ZERO })
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum State {
    Due(Tick),
    UnderWay {
        id: ProbeId,
        deadline: Option<Tick>,
    },
    Paused {
        /// Not before this, when it is resumed.
        earliest: Tick,
    },
}

/// What a schedule asks for when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Now {
    Nothing,
    Begin,
    GiveUp(ProbeId),
}

/// Probes of one kind, one at a time.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) times: Times,
    state: State,
}

impl Schedule {
    pub(crate) fn new(times: Times, now: Tick) -> Self {
        Self { times, state: State::Due(now + times.delay) }
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Tick> {
        match self.state {
            State::Due(at) => Some(at),
            State::UnderWay { deadline, .. } => deadline,
            State::Paused { .. } => None,
        }
    }

    pub(crate) fn look(&self, now: Tick) -> Now {
        match self.state {
            State::Due(at) if at <= now => Now::Begin,
            State::UnderWay { id, deadline: Some(deadline) } if deadline <= now => Now::GiveUp(id),
            _ => Now::Nothing,
        }
    }

    pub(crate) fn begin(&mut self, now: Tick, id: ProbeId) {
        self.state = State::UnderWay { id, deadline: self.times.timeout.map(|timeout| now + timeout) };
    }

    /// Whether this is the probe under way; then the next one is due after the interval.
    pub(crate) fn end(&mut self, now: Tick, id: ProbeId) -> bool {
        let current = matches!(self.state, State::UnderWay { id: current, .. } if current == id);
        if current {
            self.state = State::Due(now + self.times.interval);
        }
        current
    }

    /// Gives back the probe that was under way.
    pub(crate) fn pause(&mut self, now: Tick) -> Option<ProbeId> {
        match self.state {
            State::Due(at) => {
                self.state = State::Paused { earliest: at };
                None
            }
            State::UnderWay { id, .. } => {
                self.state = State::Paused { earliest: now };
                Some(id)
            }
            State::Paused { .. } => None,
        }
    }

    pub(crate) fn resume(&mut self, now: Tick) {
        if let State::Paused { earliest } = self.state {
            self.state = State::Due(earliest.max(now));
        }
    }
}
