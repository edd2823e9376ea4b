//! Starting, limiting and ending processes: sandboxes, cgroups, the fetcher, log rotation.
