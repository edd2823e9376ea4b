//! Why a recording cannot be had again, in words for a person.

use std::{fmt, io, path::PathBuf};

use tepui_model::Tick;

/// Why a run cannot be had again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file or a directory cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing in the directory is a recording.
    #[error(
        "{path} holds no recording: expecting directories such as 'master-01790000000000000000' with segments '*.rec'"
    )]
    NoRecording {
        /// The directory.
        path: PathBuf,
    },
    /// A segment was changed after it was written.
    #[error("{path} is damaged: record {record}, at byte {offset}, {what}")]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Number of the record in its segment, from 1.
        record: u64,
        /// Where it begins.
        offset: usize,
        /// In words.
        what: String,
    },
    /// A segment is missing between two others.
    #[error("segment {missing} of {path} is missing")]
    Missing {
        /// The run's directory.
        path: PathBuf,
        /// Its number.
        missing: u64,
    },
    /// Another core was recorded.
    #[error("{path} is a recording of '{recorded}', not of '{expected}'")]
    OtherCore {
        /// The segment.
        path: PathBuf,
        /// Whose recording it is.
        recorded: String,
        /// Whose it should be.
        expected: &'static str,
    },
    /// The core behaves otherwise than it did.
    #[error("{0}")]
    Differs(Box<Difference>),
}

/// The first place at which a replay is not what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The segment.
    pub path: PathBuf,
    /// Number of the record in its segment, from 1.
    pub record: u64,
    /// The time of the core.
    pub now: Tick,
    /// The last event that entered before, as the core shows it; none after its start.
    pub after: Option<String>,
    /// What was recorded: the name of an effect; none: there was none.
    pub recorded: Option<String>,
    /// What the core wants done now; none: nothing.
    pub now_wanted: Option<String>,
    /// The program that recorded.
    pub program: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, record, now, after, recorded, now_wanted, program } = self;
        let nothing = || "nothing".to_owned();
        write!(
            f,
            "the core differs from the one that was recorded (by {program}): {}, record {record}, at {} s, after {}: recorded was {}, now it is {}",
            path.display(),
            now.as_secs_f64(),
            after.clone().unwrap_or_else(|| "its start".to_owned()),
            recorded.clone().unwrap_or_else(nothing),
            now_wanted.clone().unwrap_or_else(nothing),
        )
    }
}
