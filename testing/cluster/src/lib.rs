//! Real processes: kill -9, restarts, faults, bad input.
//!
//! Here is what the tests share: a [`fleet`] of a master and agents that are killed and started again, a [`scheduler`]
//! that keeps a [`ledger`] of everything it is told, and [`dice`] for what happens at random, from a printed seed.
//! [`kills`] is the program that kills an agent again and again.
//! [`bad`] is executors that do everything wrong.
//! How processes are started, and how raw HTTP is spoken, is in the crate `conformance`.

pub mod bad;
pub mod dice;
pub mod fleet;
pub mod kills;
pub mod ledger;
pub mod mutation;
pub mod scheduler;
