//! The store in a file of our own: one process, one file, one transaction per commit.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use redb::{
    Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageError, TableDefinition,
};
use tepui_core_kit::Write;

use crate::{Store, StoreError};

const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const TERM: &str = "term";

/// The registry is small; redb's own default would be a gigabyte.
const CACHE_BYTES: usize = 4 << 20;

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the disk has it.
    Durable,
    /// At once: a crash may lose it. For tests and for what is thrown away anyway.
    Ephemeral,
}

/// A store in one file, which only its owner can read.
#[derive(Debug)]
pub struct EmbeddedStore {
    database: Database,
    durability: Durability,
    path: PathBuf,
}

impl EmbeddedStore {
    /// Opens the store in the file `path`, and makes it (and its directory) if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Locked`] or [`StoreError::Damaged`].
    pub fn open(path: impl Into<PathBuf>, durability: Durability) -> Result<Self, StoreError> {
        let path = path.into();
        prepare(&path).map_err(|source| StoreError::Open { path: path.clone(), source })?;
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path)
            .map_err(|error| opening(&path, error))?;
        let store = Self { database, durability, path };
        // Both tables are there from now on, so that reading needs no special case.
        store.write(|_, _| Ok(()))?;
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write<T>(
        &self,
        work: impl FnOnce(
            &mut redb::Table<'_, &str, &[u8]>,
            &mut redb::Table<'_, &str, u64>,
        ) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut transaction = self.database.begin_write().map_err(failed)?;
        if self.durability == Durability::Ephemeral {
            transaction.set_durability(redb::Durability::None).map_err(failed)?;
        }
        let result = {
            let mut entries = transaction.open_table(ENTRIES).map_err(failed)?;
            let mut meta = transaction.open_table(META).map_err(failed)?;
            work(&mut entries, &mut meta)?
        };
        transaction.commit().map_err(failed)?;
        Ok(result)
    }
}

impl Store for EmbeddedStore {
    fn begin_term(&self) -> Result<u64, StoreError> {
        self.write(|_, meta| {
            let term = current(meta)? + 1;
            meta.insert(TERM, term).map_err(failed)?;
            Ok(term)
        })
    }

    fn commit(&self, term: u64, writes: &[Write]) -> Result<(), StoreError> {
        self.write(|entries, meta| {
            let current = current(meta)?;
            if term < current {
                return Err(StoreError::Deposed { term, current });
            }
            for Write { key, value } in writes {
                match value {
                    Some(value) => entries.insert(key.as_str(), value.as_ref()).map(drop),
                    None => entries.remove(key.as_str()).map(drop),
                }
                .map_err(failed)?;
            }
            Ok(())
        })
    }

    fn scan(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let entries = transaction.open_table(ENTRIES).map_err(failed)?;
        let mut found = Vec::new();
        for entry in entries.range(prefix..).map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            found.push((key.value().to_owned(), Bytes::copy_from_slice(value.value())));
        }
        Ok(found)
    }
}

fn current(meta: &redb::Table<'_, &str, u64>) -> Result<u64, StoreError> {
    Ok(meta.get(TERM).map_err(failed)?.map_or(0, |term| term.value()))
}

/// Makes the directory and the file with the right mode before anything secret is in them, and finds out whether they
/// can be written.
fn prepare(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

fn opening(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path },
        // Something that is no store at all is reported as an I/O error of this kind.
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() != io::ErrorKind::InvalidData => {
            StoreError::Open { path, source }
        }
        other => StoreError::Damaged { path, reason: other.to_string() },
    }
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}
