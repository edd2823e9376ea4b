//! The binary as a person or a script meets it: arguments in; output, words and exit codes out. Real processes on free
//! loopback ports, and nothing left of them.

mod attached;
mod harness;
mod operate;
mod refusals;
mod run;
