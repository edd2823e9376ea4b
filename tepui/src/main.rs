//! The tepui binary: roles (master, agent, up) and the command line.
fn main() {}
