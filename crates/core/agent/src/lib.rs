//! The agent's decisions: executors, tasks, status-update streams, recovery.
