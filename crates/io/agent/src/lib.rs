//! The agent's shell: it waits, asks the core, and performs what the core decided.
