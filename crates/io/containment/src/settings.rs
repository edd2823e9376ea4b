//! What an operator may say about containers. Must not live here: what follows from it (see [`crate::isolation`]).

use std::{collections::BTreeSet, time::Duration};

use tepui_core_settings::{Value, settings};

use crate::{
    capabilities::CapabilitySet,
    isolation::{Isolator, Launcher},
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

settings! {
    /// How containers are made and held. Names and defaults are those of Mesos's flags.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Containment {
        /// How containers are held: posix/cpu, posix/mem, posix/rlimits, cgroups/cpu, cgroups/mem, cgroups/pids,
        /// cgroups/all, namespaces/pid, namespaces/ipc, filesystem/posix, filesystem/linux, linux/capabilities,
        /// linux/nnp, disk/du. The agent does not start without what is named here (default: cgroups/cpu,cgroups/mem
        /// where this machine lets us; the log says where not).
        isolation: Option<BTreeSet<Isolator>> = None, placeholder("NAME,...");
        /// How processes are kept together: `posix` by process group and session, `linux` by cgroup as well
        /// (default: linux where this machine lets us).
        launcher: Option<Launcher> = None;
        /// The cgroup that all containers' are under.
        cgroups_root: String = "mesos".to_owned(), placeholder("NAME");
        /// Cpus are a limit, not only a share: also idle ones are not used beyond it.
        cgroups_enable_cfs: bool = false;
        /// Memory limits count swap (cgroups of version 1).
        cgroups_limit_swap: bool = false;
        /// With linux/capabilities: what containers have that do not ask, as `{"capabilities":["NET_RAW"]}`.
        effective_capabilities: Option<CapabilitySet> = None;
        /// With linux/capabilities: the most that a container may have.
        bounding_capabilities: Option<CapabilitySet> = None;
        /// With disk/du: containers whose sandbox is larger than their disk are ended.
        enforce_container_disk_quota: bool = false;
        /// With disk/du: how often sandboxes are measured.
        container_disk_watch_interval: Duration = secs(15);
        /// How long a fetch may go without a byte before it has failed.
        fetcher_stall_timeout: Duration = secs(60);
    }
}

impl Containment {
    /// Nothing that needs a power: process groups and sessions.
    pub fn posix() -> Self {
        Self { launcher: Some(Launcher::Posix), ..Self::only([Isolator::PosixCpu, Isolator::PosixMem]) }
    }

    /// Held by these and no others.
    pub fn only(isolators: impl IntoIterator<Item = Isolator>) -> Self {
        Self { isolation: Some(isolators.into_iter().collect()), ..Self::default() }
    }
}

impl Value for Isolator {
    const PLACEHOLDER: &'static str = "NAME";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::isolation::UnknownIsolator| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Launcher {
    const PLACEHOLDER: &'static str = "posix|linux";

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// As Mesos has them on a command line: JSON, `{"capabilities": ["NET_RAW"]}`.
impl Value for CapabilitySet {
    const PLACEHOLDER: &'static str = "JSON";

    fn read(text: &str) -> Result<Self, String> {
        let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
        let names = json
            .as_ref()
            .and_then(|json| json.get("capabilities")?.as_array())
            .and_then(|list| list.iter().map(|name| name.as_str()).collect::<Option<Vec<_>>>())
            .ok_or(r#"expected {"capabilities": ["NAME", ...]}"#)?;
        Self::named(names)
    }

    fn show(&self) -> String {
        let names: Vec<String> = self.names().map(|name| format!("\"{name}\"")).collect();
        format!(r#"{{"capabilities":[{}]}}"#, names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use tepui_core_settings::{Given, Origin, layered};

    use super::*;

    fn told(name: &'static str, text: &str) -> Result<Containment, String> {
        layered([Given { name, text: text.to_owned(), origin: Origin::Flag }])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn capabilities_are_json() {
        let text = r#"{"capabilities":["CHOWN","NET_RAW"]}"#;
        let set = told("effective_capabilities", text).unwrap().effective_capabilities.unwrap();
        assert_eq!((set, set.show()), (CapabilitySet::named(["NET_RAW", "CHOWN"]).unwrap(), text.to_owned()));
        for wrong in ["[]", "NET_RAW", r#"{"capabilities":[1]}"#] {
            let error = told("bounding_capabilities", wrong).unwrap_err();
            assert!(error.ends_with(r#"expected {"capabilities": ["NAME", ...]}"#), "{error}");
        }
        assert!(told("bounding_capabilities", r#"{"capabilities":["FLY"]}"#).unwrap_err().contains("'FLY'"));
    }

    #[test]
    fn isolators_and_launchers_that_are_none() {
        let isolation = told("isolation", "cgroups/mem, posix/disk").unwrap().isolation.unwrap();
        assert_eq!(isolation, [Isolator::CgroupsMem, Isolator::DiskDu].into());
        let error = told("isolation", "cgroups/cpu,cgroup/mem").unwrap_err();
        assert!(error.contains("'cgroup/mem' (did you mean 'cgroups/mem'?)"), "{error}");
        assert!(told("launcher", "windows").unwrap_err().contains("posix and linux"));
    }
}
