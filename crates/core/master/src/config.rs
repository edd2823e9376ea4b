//! What a master is told before it starts. Must not live here: anything that changes while it runs.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_wire_mesos::v1;

use crate::Settings;

/// Who the master is, and its settings, which are read as if they were fields of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What the operator may say about its decisions.
    pub settings: Settings,
    /// Who this master is, as SUBSCRIBED and GET_MASTER show it. Its id is the prefix of every id that this
    /// master gives out, so it must be new at each start.
    pub info: v1::MasterInfo,
    /// Time between two heartbeats on an event stream.
    pub heartbeat_interval: Duration,
}

impl Config {
    /// The master that `info` describes, as Mesos's defaults have it.
    pub fn new(info: v1::MasterInfo) -> Self {
        Self { settings: Settings::default(), info, heartbeat_interval: Duration::from_secs(15) }
    }

    /// How long an agent waits for a ping before it looks for the master anew; told at registration.
    pub(crate) fn total_ping_timeout(&self) -> Duration {
        self.agent_ping_timeout * self.max_agent_ping_timeouts
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl DerefMut for Config {
    fn deref_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}
