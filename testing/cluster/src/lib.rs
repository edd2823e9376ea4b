//! Real processes: kill -9, restarts, faults.
