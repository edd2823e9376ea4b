//! What every store must do, run against each of them; and what only the one in a file can get wrong.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use assert_matches::assert_matches;
use bytes::Bytes;
use tepui_core_kit::Write;

use crate::{Durability, EmbeddedStore, MemoryStore, Store, StoreError, Writer};

fn set(key: &str, value: &str) -> Write {
    Write { key: key.to_owned(), value: Some(Bytes::copy_from_slice(value.as_bytes())) }
}

fn remove(key: &str) -> Write {
    Write { key: key.to_owned(), value: None }
}

fn entries(store: &dyn Store, prefix: &str) -> Vec<String> {
    let found = store.scan(prefix).unwrap();
    found.into_iter().map(|(key, value)| format!("{key}={}", String::from_utf8_lossy(&value))).collect()
}

/// The suite, for a store that is empty.
fn conforms(store: &dyn Store) {
    assert_eq!(entries(store, ""), Vec::<String>::new());
    let first = store.begin_term().unwrap();
    store.commit(first, &[set("b/1", "x"), set("a/2", "y"), set("a/10", ""), set("a", "z")]).unwrap();
    assert_eq!(entries(store, ""), ["a=z", "a/10=", "a/2=y", "b/1=x"]);
    assert_eq!(entries(store, "a/"), ["a/10=", "a/2=y"]);
    assert_eq!(entries(store, "c"), Vec::<String>::new());

    // Within one commit the later write wins, and removing what is not there is no mistake.
    store
        .commit(first, &[set("a", "1"), remove("a"), set("k", "1"), set("k", "2"), remove("nothing")])
        .unwrap();
    assert_eq!(entries(store, ""), ["a/10=", "a/2=y", "b/1=x", "k=2"]);

    let second = store.begin_term().unwrap();
    assert!(second > first);
    let late = store.commit(first, &[set("k", "late")]);
    assert_matches!(late, Err(StoreError::Deposed { term, current }) if term == first && current == second);
    assert_eq!(entries(store, "k"), ["k=2"]);
    store.commit(second, &[set("k", "3")]).unwrap();
    assert_eq!(entries(store, "k"), ["k=3"]);

    let large = Bytes::from(vec![7; 3 << 20]);
    store.commit(second, &[Write { key: "large".to_owned(), value: Some(large.clone()) }]).unwrap();
    assert_eq!(store.scan("large").unwrap(), [("large".to_owned(), large)]);
}

#[test]
fn memory_conforms() {
    conforms(&MemoryStore::new());
}

#[test]
fn embedded_conforms() {
    for durability in [Durability::Durable, Durability::Ephemeral] {
        let directory = tempfile::tempdir().unwrap();
        conforms(&EmbeddedStore::open(directory.path().join("registry"), durability).unwrap());
    }
}

#[test]
fn embedded_survives() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/er/registry");
    let store = EmbeddedStore::open(&path, Durability::Durable).unwrap();
    let term = store.begin_term().unwrap();
    store.commit(term, &[set("a", "1")]).unwrap();
    drop(store);
    let store = EmbeddedStore::open(&path, Durability::Durable).unwrap();
    assert_eq!(entries(&store, ""), ["a=1"]);
    assert!(store.begin_term().unwrap() > term);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn embedded_says_why_it_cannot_open() {
    let directory = tempfile::tempdir().unwrap();
    let open = |path: &Path| EmbeddedStore::open(path, Durability::Durable).map(drop);

    let path = directory.path().join("registry");
    let held = EmbeddedStore::open(&path, Durability::Durable).unwrap();
    let locked = open(&path).unwrap_err();
    assert_matches!(locked, StoreError::Locked { .. });
    assert!(locked.to_string().ends_with("registry is in use by another process"), "{locked}");
    drop(held);
    open(&path).unwrap();

    let garbage = directory.path().join("garbage");
    std::fs::write(&garbage, b"this is no store, but something that somebody wrote once").unwrap();
    assert_matches!(open(&garbage), Err(StoreError::Damaged { .. }));

    // Not a directory: unwritable for root, too.
    let below = garbage.join("registry");
    assert_matches!(open(&below), Err(StoreError::Open { path, .. }) if path == below);
    assert_matches!(open(Path::new("/proc/registry")), Err(StoreError::Open { .. }));
}

/// Counts commits, and holds the first until it is told to go on.
struct Counting {
    inner: MemoryStore,
    commits: AtomicUsize,
    gate: std::sync::Mutex<()>,
}

impl Store for Counting {
    fn begin_term(&self) -> Result<u64, StoreError> {
        self.inner.begin_term()
    }

    fn commit(&self, term: u64, writes: &[Write]) -> Result<(), StoreError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        drop(self.gate.lock().unwrap());
        self.inner.commit(term, writes)
    }

    fn scan(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.inner.scan(prefix)
    }
}

#[tokio::test]
async fn queued_writes_become_one_commit_and_are_reported_in_order() {
    let counting = Arc::new(Counting {
        inner: MemoryStore::new(),
        commits: AtomicUsize::new(0),
        gate: std::sync::Mutex::new(()),
    });
    let term = counting.begin_term().unwrap();
    let (writer, mut reports) = Writer::start(counting.clone(), term).unwrap();
    let gate = counting.clone();
    let held = tokio::task::spawn_blocking(move || {
        let guard = gate.gate.lock().unwrap();
        while gate.commits.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        // The first commit stands at the gate; what comes now must wait for it.
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(guard);
    });
    for number in 0..100 {
        writer.write(number, vec![set("k", &number.to_string())]).await.unwrap();
    }
    for number in 0..100 {
        assert_eq!(reports.recv().await.unwrap().unwrap(), number);
    }
    held.await.unwrap();
    let commits = counting.commits.load(Ordering::SeqCst);
    assert!(commits <= 3, "{commits} commits for 100 writes");
    assert_eq!(entries(counting.as_ref(), ""), ["k=99"]);
}

#[tokio::test]
async fn a_deposed_writer_says_so_and_stops() {
    let store = Arc::new(MemoryStore::new());
    let term = store.begin_term().unwrap();
    let (writer, mut reports) = Writer::start(store.clone(), term).unwrap();
    store.begin_term().unwrap();
    writer.write(1, vec![set("k", "1")]).await.unwrap();
    assert_matches!(reports.recv().await, Some(Err(StoreError::Deposed { .. })));
    assert!(reports.recv().await.is_none());
    assert_matches!(writer.write(2, vec![]).await, Err(StoreError::Closed));
}
