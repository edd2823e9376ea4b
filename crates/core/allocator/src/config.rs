//! What an operator can set.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use tepui_model::{FaultDomain, InvalidResources, ResourceName, ResourceQuantities, Resources, Role, Scalar};

/// What an operator can set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The least time for which refused resources are kept from a framework. (In Mesos this is the time
    /// between allocations; here it only keeps a framework that refuses for zero seconds from spinning.)
    pub allocation_interval: Duration,
    /// What is worth offering: at least one of these must be there. Empty: everything is.
    pub min_allocatable: Vec<ResourceQuantities>,
    /// Whether agents with gpus are kept for frameworks that are `GPU_RESOURCES`.
    pub filter_gpu_resources: bool,
    /// Resources that do not count for who has how much.
    pub fair_sharing_excluded: BTreeSet<ResourceName>,
    /// Where the master is; agents of other regions are for frameworks that are `REGION_AWARE`.
    pub domain: Option<FaultDomain>,
}

impl Default for Config {
    fn default() -> Self {
        let least = |name: ResourceName, thousandths| -> ResourceQuantities {
            [(name, Scalar::from_millis(thousandths))].into_iter().collect()
        };
        Self {
            allocation_interval: Duration::from_secs(1),
            min_allocatable: vec![least(ResourceName::CPUS, 10), least(ResourceName::MEM, 32_000)],
            filter_gpu_resources: true,
            fair_sharing_excluded: BTreeSet::new(),
            domain: None,
        }
    }
}

/// Reads what is worth offering: alternatives separated by `|`, such as `cpus:0.01|mem:32` or
/// `cpus:1;mem:64|gpus:1`. An empty text means that everything is.
///
/// # Errors
/// Names the first piece that is wrong.
pub fn parse_min_allocatable(text: &str) -> Result<Vec<ResourceQuantities>, InvalidResources> {
    text.split('|')
        .filter(|alternative| !alternative.trim().is_empty())
        .map(|alternative| Ok(Resources::parse(alternative, &Role::star())?.to_quantities()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_its_text_says() {
        assert_eq!(parse_min_allocatable("cpus:0.01|mem:32"), Ok(Config::default().min_allocatable));
        assert_eq!(parse_min_allocatable(""), Ok(Vec::new()));
        assert!(parse_min_allocatable("cpus").is_err());
    }
}
