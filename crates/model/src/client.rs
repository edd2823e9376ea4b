//! What became of what a client asked for, as its core needs to know it. Must not live here: the numbers of HTTP, which
//! are weighed where answers are read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Reply;

/// Why a subscription ended or never came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// The SUBSCRIBE was answered, but not with a stream.
    Refused {
        /// What the client may hope for.
        prospect: Prospect,
        /// The answer in words.
        words: String,
    },
    /// No connection, a connection that broke, or a record that could not be read: in words.
    Broken(String),
    /// The peer ended the stream in an orderly way.
    Ended,
}

/// What somebody may hope for whose SUBSCRIBE was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prospect {
    /// The peer is alive and will take it: it starts, recovers or is busy.
    Later,
    /// Another peer is to be asked, at this address (as it came).
    Elsewhere(String),
    /// Whoever asks again is refused again.
    Never,
    /// The answer has no meaning here.
    Unclear,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { words, .. } => write!(f, "SUBSCRIBE was answered with {words}"),
            Self::Broken(reason) => f.write_str(reason),
            Self::Ended => f.write_str("the event stream ended"),
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It was taken.
    Taken,
    /// It was refused.
    Refused {
        /// Why, as far as it matters to what comes next.
        fault: Fault,
        /// The answer, for people.
        reply: Reply,
    },
    /// There was no answer, in words; it may or may not have been heard.
    Unanswered(String),
}

/// Where the fault lies when a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// In the call: whoever makes it again is refused again.
    Call,
    /// In the subscription: the peer does not know it, or is not the one to be asked any more.
    Subscription,
    /// In the peer, or in the moment.
    Peer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let refused = Loss::Refused { prospect: Prospect::Later, words: "503: not now".to_owned() };
        for (loss, words) in [
            (refused, "SUBSCRIBE was answered with 503: not now"),
            (Loss::Broken("no route".to_owned()), "no route"),
            (Loss::Ended, "the event stream ended"),
        ] {
            assert_eq!(loss.to_string(), words);
        }
    }
}
