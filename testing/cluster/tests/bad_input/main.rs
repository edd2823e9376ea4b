//! Bad input: a clear error or a clean close, nobody dies, and everybody else is served as if nothing were.

mod bodies;
mod connections;
mod harness;
mod mutations;
mod streams;
