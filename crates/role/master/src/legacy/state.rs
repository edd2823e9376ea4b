//! `/state` and `/roles`.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tepui_core_master::views;
use tepui_wire_legacy::{flags, version_info};
use tepui_wire_mesos::v1::{self, master_info::capability::Type as Capability};

use super::{Source, put, resources, to_bytes};
use crate::MESOS_VERSION;

/// What `/state` shows besides the cluster.
pub(crate) struct State<'a> {
    pub(crate) flags: &'a [(String, String)],
}

impl Source<'_> {
    /// `/state`.
    pub(crate) fn state(&self, of: &State<'_>) -> Bytes {
        let snapshot = self.snapshot;
        let info = &snapshot.config.info;
        let mut object = Map::new();
        let version = version_info(MESOS_VERSION);
        put(&mut object, "version", version.version);
        put(&mut object, "build_date", version.build_date);
        put(&mut object, "build_time", version.build_time);
        put(&mut object, "build_user", "");
        put(&mut object, "start_time", snapshot.started.as_secs_f64());
        put(&mut object, "elected_time", snapshot.started.as_secs_f64());
        put(&mut object, "id", info.id.as_str());
        put(&mut object, "pid", info.pid.as_deref().unwrap_or_default());
        put(&mut object, "hostname", info.hostname.as_deref().unwrap_or_default());
        put(&mut object, "capabilities", capabilities(info));
        let active = self.agents().iter().filter(|agent| agent.active).count();
        put(&mut object, "activated_slaves", double(active));
        put(&mut object, "deactivated_slaves", double(self.agents().len() - active));
        put(&mut object, "unreachable_slaves", double(snapshot.unreachable_agents.len()));
        put(&mut object, "leader", info.pid.as_deref().unwrap_or_default());
        let leader = json!({
            "id": info.id,
            "pid": info.pid.as_deref().unwrap_or_default(),
            "port": info.port,
            "hostname": info.hostname.as_deref().unwrap_or_default(),
        });
        put(&mut object, "leader_info", leader);
        if let Some(cluster) = &snapshot.config.cluster {
            put(&mut object, "cluster", cluster.as_str());
        }
        put(&mut object, "flags", flags(of.flags.iter().map(|(name, value)| (name, value))));
        put(&mut object, "slaves", self.slave_list(None, false));
        put(&mut object, "recovered_slaves", self.recovered_slaves(None));
        let (frameworks, completed) = self.framework_lists(None);
        put(&mut object, "frameworks", frameworks);
        put(&mut object, "completed_frameworks", completed);
        put(&mut object, "orphan_tasks", Vec::<Value>::new());
        put(&mut object, "unregistered_frameworks", Vec::<Value>::new());
        to_bytes(&object.into())
    }

    /// `/roles`.
    pub(crate) fn roles(&self) -> Bytes {
        let roles = views::roles(self.snapshot);
        let mut object = Map::new();
        put(&mut object, "roles", roles.iter().map(|role| self.role(role)).collect::<Vec<Value>>());
        to_bytes(&object.into())
    }

    /// `/weights`.
    pub(crate) fn weights(&self) -> Bytes {
        let weights =
            self.snapshot.weights.iter().map(|(role, weight)| json!({ "role": role, "weight": weight }));
        to_bytes(&weights.collect::<Vec<Value>>().into())
    }

    fn role(&self, role: &v1::Role) -> Value {
        let (frameworks, _) = self.framework_slices();
        let of_role =
            |resource: &&v1::Resource| resources::allocated_to(resource) == Some(role.name.as_str());
        let allocated = || frameworks.iter().flat_map(|one| &one.allocated_resources).filter(of_role);
        let offered = || frameworks.iter().flat_map(|one| &one.offered_resources).filter(of_role);
        let reserved = self
            .agents()
            .iter()
            .flat_map(|agent| &agent.total_resources)
            .filter(|resource| resources::reserved_for(resource) == Some(role.name.as_str()));
        let nothing = || Value::from(Map::new());
        let mut quota = Map::new();
        put(&mut quota, "role", role.name.as_str());
        put(&mut quota, "guarantee", nothing());
        put(&mut quota, "limit", nothing());
        put(&mut quota, "consumed", resources::quantities(allocated()));
        let mut object = Map::new();
        put(&mut object, "name", role.name.as_str());
        put(&mut object, "weight", role.weight);
        put(&mut object, "quota", quota);
        put(&mut object, "resources", resources::quantities(allocated().chain(offered())));
        put(&mut object, "allocated", resources::quantities(allocated()));
        put(&mut object, "offered", resources::quantities(offered()));
        put(&mut object, "reserved", resources::quantities(reserved));
        let ids: Vec<Value> = role.frameworks.iter().map(|id| id.value.as_str().into()).collect();
        put(&mut object, "frameworks", ids);
        object.into()
    }
}

fn capabilities(info: &v1::MasterInfo) -> Vec<Value> {
    let known = info.capabilities.iter().filter_map(|has| Capability::try_from(has.r#type?).ok());
    known.map(|capability| capability.as_str_name().into()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "the endpoint writes doubles")]
const fn double(count: usize) -> f64 {
    count as f64
}
