//! What an operator may say about recordings.

use std::path::PathBuf;

use tepui_core_settings::settings;
use tepui_model::Size;

use crate::{Limits, RecordError, Recorder};

settings! {
    /// Whether and where a role records.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Recording {
        /// Directory to record to: everything that happens, for `tepui replay`. What is declared to be secret in it is
        /// blanked; the rest, plain variables of tasks included, is there for who may read the directory.
        record: Option<PathBuf> = None, placeholder("DIR"), ours();
        /// What recordings may take on the disk; the oldest make room.
        record_max_size: Size = Size(1 << 30), check(enough), ours();
    }
}

/// Below that, segments would hold little but the states that they begin with.
const LEAST: Size = Size(16 << 20);

fn enough(size: &Size) -> Result<(), String> {
    if *size >= LEAST { Ok(()) } else { Err(format!("must be at least {LEAST}, and is {size}")) }
}

impl Recording {
    /// The recorder, if there is to be one.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn recorder(&self) -> Result<Option<Recorder>, RecordError> {
        const PROGRAM: &str = concat!("tepui ", env!("CARGO_PKG_VERSION"));
        let limits = Limits::of(self.record_max_size.0);
        self.record.as_deref().map(|directory| Recorder::new(directory, limits, PROGRAM)).transpose()
    }
}
