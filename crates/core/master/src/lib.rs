//! The master's decisions: agents, frameworks, offers, tasks, reconciliation, registry.
