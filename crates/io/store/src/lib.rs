//! What must survive a crash: the Store trait, its conformance suite, and the embedded store.
