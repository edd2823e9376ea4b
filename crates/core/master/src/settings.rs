//! What an operator may say about a master's decisions. Must not live here: what only shells look at (addresses, the
//! registry's directory: see the master's role).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_core_settings::{Value, check, settings};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn mins(minutes: u64) -> Duration {
    secs(60 * minutes)
}

settings! {
    /// The settings of a master that its core looks at. Names and defaults are those of Mesos's flags.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Settings {
        /// Name of the cluster, for people.
        cluster: Option<String> = None;
        /// How often an agent is pinged, and how long its answer may take.
        agent_ping_timeout: Duration = secs(15), aliases(&["slave_ping_timeout"]);
        /// How many pings in a row may go unanswered before an agent counts as unreachable.
        max_agent_ping_timeouts: u32 = 5, aliases(&["max_slave_ping_timeouts"]);
        /// How long a lost agent may take to come back.
        agent_reregister_timeout: Duration = mins(10), aliases(&["slave_reregister_timeout"]);
        /// The period of batch allocations, and the shortest time for which a declined offer stays away.
        allocation_interval: Duration = secs(1);
        /// Take an offer back after this long (default: never).
        offer_timeout: Option<Duration> = None;
        /// Roles that frameworks may use, comma separated (default: any).
        roles: Option<BTreeSet<String>> = None;
        /// Weights of roles: role=weight, comma separated; a role that is not named has 1.
        weights: BTreeMap<String, f64> = BTreeMap::new(), check(heavy), placeholder("ROLE=WEIGHT,...");
        /// How many ended frameworks to remember.
        max_completed_frameworks: usize = 50;
        /// How many ended tasks to remember for each framework.
        max_completed_tasks_per_framework: usize = 1000;
        /// How many tasks on unreachable agents to remember for each framework.
        max_unreachable_tasks_per_framework: usize = 1000;
        /// How long an unreachable or gone agent is remembered.
        registry_max_agent_age: Duration = mins(14 * 24 * 60);
        /// How many unreachable and how many gone agents are remembered.
        registry_max_agent_count: usize = 100 * 1024;
        /// How often the lists of unreachable and gone agents are pruned.
        registry_gc_interval: Duration = mins(15), check(check::positive);
        /// Whether frameworks may run tasks as root.
        root_submissions: bool = true;
        /// An offer holds at least one of these, as `cpus:0.01|mem:32` (empty: anything is offered).
        min_allocatable_resources: Alternatives = Alternatives::of([("cpus", 0.01), ("mem", 32.0)]);
        /// Whether agents with GPUs are offered only to frameworks that know GPUs.
        filter_gpu_resources: bool = true;
        /// How many operators may watch events; the oldest is dropped for one more.
        max_operator_event_stream_subscribers: usize = 1000;
    }
}

/// Weights are above zero.
fn heavy(weights: &BTreeMap<String, f64>) -> Result<(), String> {
    match weights.iter().find(|(_, weight)| !(weight.is_finite() && **weight > 0.0)) {
        None => Ok(()),
        Some((role, weight)) => Err(format!("must be above 0, and the weight of '{role}' is {weight}")),
    }
}

/// Quantities of resources by name, one set or another: `cpus:1;mem:64|gpus:1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alternatives(pub Vec<BTreeMap<String, f64>>);

impl Alternatives {
    /// Each of these alone.
    fn of<const N: usize>(quantities: [(&str, f64); N]) -> Self {
        Self(quantities.map(|(name, amount)| BTreeMap::from([(name.to_owned(), amount)])).into())
    }
}

impl Value for Alternatives {
    const PLACEHOLDER: &'static str = "QUANTITIES|...";

    fn read(text: &str) -> Result<Self, String> {
        let quantity = |text: &str| -> Result<(String, f64), String> {
            let (name, amount) = text.split_once(':').unwrap_or_default();
            match amount.trim().parse::<f64>() {
                Ok(amount) if amount.is_finite() && amount >= 0.0 && !name.trim().is_empty() => {
                    Ok((name.trim().to_owned(), amount))
                }
                _ => Err("expected quantities such as cpus:0.01|mem:32".to_owned()),
            }
        };
        let set = |text: &str| text.split(';').map(quantity).collect::<Result<BTreeMap<_, _>, _>>();
        if text.is_empty() {
            Ok(Self::default())
        } else {
            text.split('|').map(set).collect::<Result<_, _>>().map(Self)
        }
    }

    fn show(&self) -> String {
        let quantity = |(name, amount): (&String, &f64)| format!("{name}:{amount}");
        let set = |set: &BTreeMap<String, f64>| set.iter().map(quantity).collect::<Vec<_>>().join(";");
        self.0.iter().map(set).collect::<Vec<_>>().join("|")
    }
}

#[cfg(test)]
mod tests {
    use tepui_core_settings::{Given, Origin, layered};

    use super::*;

    fn told(name: &'static str, text: &str) -> Result<Settings, String> {
        layered([Given { name, text: text.to_owned(), origin: Origin::Flag }])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn weights_are_above_zero() {
        assert_eq!(told("weights", "a=2.5").unwrap().weights["a"], 2.5);
        for wrong in ["0", "-1", "NaN", "inf"] {
            let error = told("weights", &format!("b=1,a={wrong}")).unwrap_err();
            assert!(error.starts_with("--weights must be above 0, and the weight of 'a' is "), "{error}");
        }
        assert!(told("weights", "a=x").is_err());
    }

    #[test]
    fn quantities_are_read_as_mesos_writes_them() {
        let value =
            told("min_allocatable_resources", "cpus:1;mem:64|gpus:2").unwrap().min_allocatable_resources;
        assert_eq!((value.0.len(), value.0[0]["mem"], value.0[1]["gpus"]), (2, 64.0, 2.0));
        assert_eq!(value.show(), "cpus:1;mem:64|gpus:2");
        assert_eq!(told("min_allocatable_resources", "").unwrap().min_allocatable_resources.0.len(), 0);
        for wrong in ["cpus", "cpus:", ":1", "cpus:-1", "cpus:many", "cpus:1|", "cpus:1;;mem:1", "cpus:NaN"] {
            assert!(told("min_allocatable_resources", wrong).is_err(), "{wrong}");
        }
    }
}
