//! What an operator decides before the master starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_wire_mesos::v1;

/// The master's settings. [`Config::new`] has the defaults of a Mesos master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Who this master is, as SUBSCRIBED and GET_MASTER show it. Its id is the prefix of every id that this
    /// master gives out, so it must be new at each start.
    pub info: v1::MasterInfo,
    /// Name of the cluster, for people.
    pub cluster: Option<String>,
    /// How often an agent is pinged.
    pub agent_ping_timeout: Duration,
    /// How many pings in a row may stay unanswered before the agent counts as unreachable.
    pub max_agent_ping_timeouts: u32,
    /// How long a disconnected or recovered agent has to re-register before it counts as unreachable.
    pub agent_reregister_timeout: Duration,
    /// The period of batch allocations; also the least time for which a declined offer stays filtered.
    pub allocation_interval: Duration,
    /// How long a scheduler may sit on an offer; without it, for ever.
    pub offer_timeout: Option<Duration>,
    /// How many completed frameworks are remembered.
    pub max_completed_frameworks: usize,
    /// How many completed tasks of one framework are remembered.
    pub max_completed_tasks_per_framework: usize,
    /// How many tasks on unreachable agents are remembered for one framework.
    pub max_unreachable_tasks_per_framework: usize,
    /// The roles that frameworks may use; without it, any valid role.
    pub roles: Option<BTreeSet<String>>,
    /// Weights of roles; a role that is not named has 1.
    pub weights: BTreeMap<String, f64>,
    /// Time between two heartbeats on an event stream.
    pub heartbeat_interval: Duration,
    /// How long an unreachable or gone agent is remembered.
    pub registry_max_agent_age: Duration,
    /// How many unreachable and how many gone agents are remembered.
    pub registry_max_agent_count: usize,
    /// How often the lists of unreachable and gone agents are pruned.
    pub registry_gc_interval: Duration,
    /// Whether frameworks may run tasks as root.
    pub root_submissions: bool,
    /// An offer holds at least one of these quantities (`cpus:0.01|mem:32`); empty: anything is offered.
    pub min_allocatable_resources: Vec<BTreeMap<String, f64>>,
    /// Whether agents with GPUs are offered only to frameworks that know GPUs.
    pub filter_gpu_resources: bool,
    /// How many operators may watch events; the oldest is dropped for one more.
    pub max_operator_event_stream_subscribers: usize,
}

impl Config {
    /// The defaults of a Mesos master for the master that `info` describes.
    pub fn new(info: v1::MasterInfo) -> Self {
        Self {
            info,
            cluster: None,
            agent_ping_timeout: Duration::from_secs(15),
            max_agent_ping_timeouts: 5,
            agent_reregister_timeout: Duration::from_secs(10 * 60),
            allocation_interval: Duration::from_secs(1),
            offer_timeout: None,
            max_completed_frameworks: 50,
            max_completed_tasks_per_framework: 1000,
            max_unreachable_tasks_per_framework: 1000,
            roles: None,
            weights: BTreeMap::new(),
            heartbeat_interval: Duration::from_secs(15),
            registry_max_agent_age: Duration::from_secs(14 * 24 * 60 * 60),
            registry_max_agent_count: 100 * 1024,
            registry_gc_interval: Duration::from_secs(15 * 60),
            root_submissions: true,
            min_allocatable_resources: vec![
                BTreeMap::from([("cpus".to_owned(), 0.01)]),
                BTreeMap::from([("mem".to_owned(), 32.0)]),
            ],
            filter_gpu_resources: true,
            max_operator_event_stream_subscribers: 1000,
        }
    }

    /// How long an agent waits for a ping before it looks for the master anew; told at registration.
    pub(crate) fn total_ping_timeout(&self) -> Duration {
        self.agent_ping_timeout * self.max_agent_ping_timeouts
    }
}
