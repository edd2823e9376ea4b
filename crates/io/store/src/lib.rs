//! What must survive a crash: the [`Store`] trait, and the embedded stores.
//!
//! A store maps keys to values. A write carries the term of the leader that makes it; once a later term has begun,
//! writes of an earlier one fail, so that a deposed leader cannot do harm. What a key or a value means is
//! the business of the cores.
//!
//! [`Writer`] is how a shell writes: it collects what is queued into one transaction and reports what is
//! durable.

#[cfg(test)]
mod conformance;
mod embedded;
mod memory;
mod writer;

use std::{io, path::PathBuf};

use bytes::Bytes;
use tepui_core_kit::Write;

pub use embedded::{Durability, EmbeddedStore};
pub use memory::MemoryStore;
pub use writer::Writer;

/// Keys and values that survive.
///
/// The methods block; they are called from a thread that may.
pub trait Store: Send + Sync + 'static {
    /// Begins a new term, greater than all before it, and returns it. From now on writes of earlier terms fail.
    ///
    /// # Errors
    /// [`StoreError`].
    fn begin_term(&self) -> Result<u64, StoreError>;

    /// Makes all of `writes` durable in their order, or none of them.
    ///
    /// # Errors
    /// [`StoreError::Deposed`] if a later term has begun.
    fn commit(&self, term: u64, writes: &[Write]) -> Result<(), StoreError>;

    /// All keys that begin with `prefix`, in order, with their values.
    ///
    /// # Errors
    /// [`StoreError`].
    fn scan(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError>;
}

/// Why a store does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or the file cannot be made or opened.
    #[error("cannot open the store {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the store {path} is in use by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is no store, or a damaged one.
    #[error("the store {path} cannot be read: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody else leads now.
    #[error("a write of term {term} came too late: term {current} has begun")]
    Deposed {
        /// The term of the write.
        term: u64,
        /// The term that is current.
        current: u64,
    },
    /// Reading or writing failed (a full disk, for one).
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
