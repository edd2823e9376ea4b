//! What a core and its shell call the things between them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A request that waits for an answer, and the event stream that it may become. The shell numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The request: there the answer goes.
    pub connection: ConnectionId,
    /// The event stream that the caller calls its own, as it named it.
    pub stream_id: Option<String>,
    /// As whom the caller has proved to be.
    pub principal: Option<String>,
}

impl Caller {
    /// Somebody who claims nothing.
    pub const fn anonymous(connection: ConnectionId) -> Self {
        Self { connection, stream_id: None, principal: None }
    }
}

/// A durable write under way. A core numbers them; the shell says when one is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token(pub u64);

impl From<u64> for Token {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// The answer to a call: an HTTP status and a plain-text body (empty, or the words of an error).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// `text/plain` body; empty for a success without an answer.
    pub body: String,
}

impl Reply {
    /// 202: taken, nothing to say yet.
    pub const fn accepted() -> Self {
        Self { status: 202, body: String::new() }
    }

    /// 200 without a body.
    pub const fn ok() -> Self {
        Self { status: 200, body: String::new() }
    }

    /// Any other status with its words.
    pub fn error(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into() }
    }
}

/// What became of a call that asked for something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It was taken; what comes of it is told elsewhere.
    Accepted,
    /// It was not done.
    Refused(Refusal),
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Why something that was asked for was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// What kind of reason: all that a program needs to know.
    pub kind: RefusalKind,
    /// The reason for the person who asked.
    pub words: String,
}

/// The kinds of refusals that callers can tell apart. How they are said on a wire is decided there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RefusalKind {
    /// What was asked makes no sense.
    Invalid,
    /// Not this caller.
    Forbidden,
    /// What it is about is not there.
    NotFound,
    /// It does not fit to how things are now.
    Conflict,
    /// It was tried, and failed.
    Failed,
    /// Nobody here can do it.
    Unsupported,
    /// Not now; it may be asked again.
    Unavailable,
}

impl RefusalKind {
    /// A refusal of this kind.
    pub fn because(self, words: impl Into<String>) -> Refusal {
        Refusal { kind: self, words: words.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (said, words) in [
            (ConnectionId(7).to_string(), "connection 7"),
            (RefusalKind::NotFound.because("no such task").to_string(), "no such task"),
        ] {
            assert_eq!(said, words);
        }
        let refusal = RefusalKind::Conflict.because("twice");
        assert_eq!(Outcome::from(refusal.clone()), Outcome::Refused(refusal));
        assert_eq!(Token::from(3), Token(3));
    }
}
