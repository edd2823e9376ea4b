//! The whole cluster on one seed: simulated network, disk, clock and faults.
