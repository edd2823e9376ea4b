//! Logs and metrics: one place where both are set up.
