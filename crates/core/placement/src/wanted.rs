//! What one task or executor needs.

use tepui_model::{Attribute, Ranges, ResourceName, ResourceQuantities, Scalar};

/// What has to be there, all of it on one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// So much of each countable thing.
    pub amounts: ResourceQuantities,
    /// Exactly these ports.
    pub ports: Ranges,
    /// So many more ports, whichever.
    pub any_ports: u64,
    /// The agent has each of these attributes, with this value.
    pub attributes: Vec<Attribute>,
    /// Nothing of it may be reserved. Else what is reserved is taken first, as nobody else can use it.
    pub unreserved: bool,
}

impl Wanted {
    /// So much of each countable thing.
    pub fn amounts<N: Into<ResourceName>>(amounts: impl IntoIterator<Item = (N, Scalar)>) -> Self {
        Self { amounts: amounts.into_iter().collect(), ..Self::default() }
    }

    /// CPUs, and memory in MB.
    pub fn cpus_and_mem(cpus: f64, mem: f64) -> Self {
        Self::amounts([
            (ResourceName::CPUS, Scalar::from_f64(cpus)),
            (ResourceName::MEM, Scalar::from_f64(mem)),
        ])
    }
}
