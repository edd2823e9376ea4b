//! How containers are held: isolators under Mesos's names, and whether this machine lets us.
//!
//! What an isolator does is elsewhere: limits in [`crate::cgroup`], namespaces and capabilities in the
//! [supervisor](mod@crate::supervisor), disk use in [`crate::disk`].

use std::{fmt, str::FromStr};

use tepui_core_settings::nearest;

use crate::{
    Containment,
    capabilities::CapabilitySet,
    cgroup::{Controller, Hierarchies},
    sys,
};

/// A way to hold a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolator {
    /// Nothing more than the use of cpu from /proc.
    PosixCpu,
    /// Nothing more than the use of memory from /proc.
    PosixMem,
    /// POSIX limits that a container asks for; always on.
    PosixRlimits,
    /// Cpu shares, and quotas where they are asked for.
    CgroupsCpu,
    /// A memory limit.
    CgroupsMem,
    /// A count of processes.
    CgroupsPids,
    /// Every cgroup of these that the machine has.
    CgroupsAll,
    /// Process ids of its own.
    NamespacesPid,
    /// System V and POSIX communication of its own.
    NamespacesIpc,
    /// The machine's own files; always on.
    FilesystemPosix,
    /// Mounts of its own.
    FilesystemLinux,
    /// Capabilities as the container or the agent says.
    LinuxCapabilities,
    /// No new privileges by executing something.
    LinuxNnp,
    /// The use of the disk by a walk through the sandbox.
    DiskDu,
}

const OURS: [(Isolator, &str); 14] = [
    (Isolator::PosixCpu, "posix/cpu"),
    (Isolator::PosixMem, "posix/mem"),
    (Isolator::PosixRlimits, "posix/rlimits"),
    (Isolator::CgroupsCpu, "cgroups/cpu"),
    (Isolator::CgroupsMem, "cgroups/mem"),
    (Isolator::CgroupsPids, "cgroups/pids"),
    (Isolator::CgroupsAll, "cgroups/all"),
    (Isolator::NamespacesPid, "namespaces/pid"),
    (Isolator::NamespacesIpc, "namespaces/ipc"),
    (Isolator::FilesystemPosix, "filesystem/posix"),
    (Isolator::FilesystemLinux, "filesystem/linux"),
    (Isolator::LinuxCapabilities, "linux/capabilities"),
    (Isolator::LinuxNnp, "linux/nnp"),
    (Isolator::DiskDu, "disk/du"),
];

/// What a Mesos agent has besides.
const MESOS_ONLY: [&str; 27] = [
    "filesystem/shared",
    "disk/xfs",
    "cgroups/blkio",
    "cgroups/cpuset",
    "cgroups/devices",
    "cgroups/hugetlb",
    "cgroups/net_cls",
    "cgroups/net_prio",
    "cgroups/perf_event",
    "cgroups/io",
    "appc/runtime",
    "docker/runtime",
    "docker/volume",
    "linux/devices",
    "linux/seccomp",
    "volume/host_path",
    "volume/sandbox_path",
    "volume/image",
    "volume/secret",
    "volume/csi",
    "gpu/nvidia",
    "network/cni",
    "network/port_mapping",
    "network/ports",
    "environment_secret",
    "windows/cpu",
    "windows/mem",
];

/// A name that is no isolator of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownIsolator {
    /// Mesos has it.
    #[error("tepui does not have Mesos's isolator '{0}'; it has {list}", list = names())]
    MesosOnly(String),
    /// Nobody has it.
    #[error("there is no isolator '{name}'{}; tepui has {}", did_you_mean(nearest), names())]
    Nobody {
        /// As it was given.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
}

fn names() -> String {
    OURS.map(|(_, name)| name).join(", ")
}

fn did_you_mean(nearest: &Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default()
}

impl FromStr for Isolator {
    type Err = UnknownIsolator;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Mesos's name of before disk/du.
        let text = if text == "posix/disk" { "disk/du" } else { text };
        if let Some((isolator, _)) = OURS.iter().find(|(_, name)| *name == text) {
            return Ok(*isolator);
        }
        if MESOS_ONLY.contains(&text) {
            return Err(UnknownIsolator::MesosOnly(text.to_owned()));
        }
        let nearest = nearest(text, OURS.map(|(_, name)| name));
        Err(UnknownIsolator::Nobody { name: text.to_owned(), nearest })
    }
}

impl fmt::Display for Isolator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = OURS.iter().find(|(isolator, _)| isolator == self).map(|(_, name)| *name);
        formatter.write_str(name.unwrap_or_default())
    }
}

/// How processes are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// By process group and session.
    Posix,
    /// By cgroup as well.
    Linux,
}

impl FromStr for Launcher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "posix" => Ok(Self::Posix),
            "linux" => Ok(Self::Linux),
            _ => Err(format!("there is no launcher '{text}'; tepui has posix and linux")),
        }
    }
}

impl fmt::Display for Launcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Posix => "posix",
            Self::Linux => "linux",
        })
    }
}

/// Isolation that was asked for and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotIsolate {
    /// A power is missing.
    #[error("--isolation={isolator} needs {power}, which this agent does not have: {error}")]
    Power {
        /// For what.
        isolator: Isolator,
        /// Which.
        power: &'static str,
        /// What the system said.
        error: String,
    },
    /// A cgroup hierarchy is missing.
    #[error("--isolation={isolator} cannot be had: {why}")]
    Cgroup {
        /// For what.
        isolator: Isolator,
        /// In words.
        why: String,
    },
    /// The launcher cannot be had.
    #[error("--launcher=linux cannot be had: {0}")]
    Launcher(String),
    /// Two flags contradict each other.
    #[error("--isolation={0} needs --launcher=linux")]
    NeedsLinuxLauncher(Isolator),
    /// Capabilities that the agent has not got.
    #[error("--{flag} has capabilities that this agent does not have itself: {missing}")]
    Capabilities {
        /// Which flag.
        flag: &'static str,
        /// Which of them.
        missing: CapabilitySet,
    },
    /// The effective ones are not all among the bounding ones.
    #[error("--effective-capabilities has what --bounding-capabilities does not allow: {0}")]
    NotBounded(CapabilitySet),
}

/// What containers of this agent are held by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) hierarchies: Hierarchies,
    pub(crate) pid_namespace: bool,
    pub(crate) ipc_namespace: bool,
    pub(crate) mount_namespace: bool,
    pub(crate) capabilities: bool,
    pub(crate) no_new_privileges: bool,
    pub(crate) disk: bool,
}

impl Containment {
    fn has(&self, isolator: Isolator) -> bool {
        self.isolation.as_ref().is_some_and(|isolators| isolators.contains(&isolator))
    }

    /// Finds out what can be had, and makes the containers' root cgroup where it is needed.
    pub(crate) fn prepare(&self) -> Result<Held, CannotIsolate> {
        self.check_capabilities()?;
        let pid_namespace = self.has(Isolator::NamespacesPid);
        let ipc_namespace = self.has(Isolator::NamespacesIpc);
        let needs = |isolator: Isolator, flags: i32| {
            if !self.has(isolator) {
                return Ok(());
            }
            if self.launcher == Some(Launcher::Posix) {
                return Err(CannotIsolate::NeedsLinuxLauncher(isolator));
            }
            sys::spawn::may_unshare(flags).map_err(|error| CannotIsolate::Power {
                isolator,
                power: "the capability SYS_ADMIN (root)",
                error: error.to_string(),
            })
        };
        needs(Isolator::NamespacesPid, libc::CLONE_NEWPID | libc::CLONE_NEWNS)?;
        needs(Isolator::NamespacesIpc, libc::CLONE_NEWIPC | libc::CLONE_NEWNS)?;
        needs(Isolator::FilesystemLinux, libc::CLONE_NEWNS)?;
        Ok(Held {
            hierarchies: self.hierarchies()?,
            pid_namespace,
            ipc_namespace,
            // Without its own /proc a namespace of process ids is a trap for whoever looks into it.
            mount_namespace: pid_namespace || self.has(Isolator::FilesystemLinux),
            capabilities: self.has(Isolator::LinuxCapabilities),
            no_new_privileges: self.has(Isolator::LinuxNnp),
            disk: self.has(Isolator::DiskDu),
        })
    }

    fn hierarchies(&self) -> Result<Hierarchies, CannotIsolate> {
        let root = self.cgroups_root.as_str();
        let Some(isolators) = &self.isolation else {
            if self.launcher == Some(Launcher::Posix) {
                return Ok(Hierarchies::default());
            }
            // The limits, without what would only count.
            let (hierarchies, missing) = Hierarchies::prepare(&[Controller::Cpu, Controller::Memory], root);
            if self.launcher == Some(Launcher::Linux) && hierarchies.is_empty() {
                return self.freezer(root);
            }
            for (controller, why) in missing {
                tracing::warn!("containers are not limited in {controller}: {why}");
            }
            return Ok(hierarchies);
        };
        let all = [Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Pids];
        let wanted: Vec<(Isolator, Controller)> = isolators
            .iter()
            .flat_map(|isolator| {
                let controllers: &[Controller] = match isolator {
                    Isolator::CgroupsCpu => &all[..2],
                    Isolator::CgroupsMem => &all[2..3],
                    Isolator::CgroupsPids => &all[3..],
                    Isolator::CgroupsAll => &all,
                    _ => &[],
                };
                controllers.iter().map(|controller| (*isolator, *controller))
            })
            .collect();
        if wanted.is_empty() {
            return self.freezer(root);
        }
        let controllers: Vec<Controller> = wanted.iter().map(|(_, controller)| *controller).collect();
        let (hierarchies, missing) = Hierarchies::prepare(&controllers, root);
        for (isolator, controller) in wanted {
            let missing = missing.iter().find(|(missing, _)| *missing == controller);
            let tolerated = isolator == Isolator::CgroupsAll && !hierarchies.is_empty();
            // Version 2 counts with the limits.
            if let Some((_, why)) = missing
                && !tolerated
                && controller != Controller::Cpuacct
            {
                return Err(CannotIsolate::Cgroup { isolator, why: why.clone() });
            }
        }
        Ok(hierarchies)
    }

    /// With no other cgroup the linux launcher keeps processes together by one that does nothing else.
    fn freezer(&self, root: &str) -> Result<Hierarchies, CannotIsolate> {
        if self.launcher != Some(Launcher::Linux) {
            return Ok(Hierarchies::default());
        }
        let (hierarchies, mut missing) = Hierarchies::prepare(&[Controller::Freezer], root);
        match missing.pop() {
            None => Ok(hierarchies),
            Some((_, why)) => Err(CannotIsolate::Launcher(why)),
        }
    }

    fn check_capabilities(&self) -> Result<(), CannotIsolate> {
        if !self.has(Isolator::LinuxCapabilities) {
            return Ok(());
        }
        let own = CapabilitySet::own();
        let setpcap = CapabilitySet::named(["SETPCAP"]).unwrap_or_default();
        if !setpcap.without(own).is_empty() {
            return Err(CannotIsolate::Power {
                isolator: Isolator::LinuxCapabilities,
                power: "the capability SETPCAP (root)",
                error: "Operation not permitted".to_owned(),
            });
        }
        for (flag, set) in [
            ("effective-capabilities", self.effective_capabilities),
            ("bounding-capabilities", self.bounding_capabilities),
        ] {
            let missing = set.unwrap_or_default().without(own);
            if !missing.is_empty() {
                return Err(CannotIsolate::Capabilities { flag, missing });
            }
        }
        match (self.effective_capabilities, self.bounding_capabilities) {
            (Some(effective), Some(bounding)) if !effective.without(bounding).is_empty() => {
                Err(CannotIsolate::NotBounded(effective.without(bounding)))
            }
            _ => Ok(()),
        }
    }

    /// Whether all of it can be had on this machine.
    ///
    /// # Errors
    /// [`CannotIsolate`].
    pub fn try_out(&self) -> Result<(), CannotIsolate> {
        self.prepare().map(drop)
    }

    /// The launcher; where none was asked for, what the agent's user lets us expect.
    pub fn launcher(&self) -> Launcher {
        let expected = if crate::user::is_root() { Launcher::Linux } else { Launcher::Posix };
        self.launcher.unwrap_or(expected)
    }

    /// The value of `--isolation` that says the same.
    pub fn names(&self) -> String {
        match &self.isolation {
            None if self.launcher() == Launcher::Posix => "posix/cpu,posix/mem".to_owned(),
            None => "cgroups/cpu,cgroups/mem".to_owned(),
            Some(isolators) => isolators.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_mesos() {
        for (isolator, name) in OURS {
            assert_eq!(name.parse(), Ok(isolator));
            assert_eq!(isolator.to_string(), name);
        }
        assert_eq!("posix/disk".parse(), Ok(Isolator::DiskDu));
        let error = "network/cni".parse::<Isolator>().unwrap_err().to_string();
        assert!(error.starts_with("tepui does not have Mesos's isolator 'network/cni'; it has posix/cpu, "));
        let error = "cgroup/mem".parse::<Isolator>().unwrap_err().to_string();
        assert!(
            error.starts_with("there is no isolator 'cgroup/mem' (did you mean 'cgroups/mem'?); tepui has")
        );
        let error = "rubbish-through-and-through".parse::<Isolator>().unwrap_err().to_string();
        assert!(error.starts_with("there is no isolator 'rubbish-through-and-through'; tepui has"));
    }

    #[test]
    fn contradictions_are_refused() {
        let mut isolation = Containment {
            cgroups_root: "tepui-test".to_owned(),
            ..Containment::only([Isolator::NamespacesPid])
        };
        isolation.launcher = Some(Launcher::Posix);
        assert_eq!(
            isolation.prepare().unwrap_err().to_string(),
            "--isolation=namespaces/pid needs --launcher=linux"
        );
        let own = CapabilitySet::own();
        let mut isolation = Containment::only([Isolator::LinuxCapabilities]);
        isolation.bounding_capabilities = Some(CapabilitySet(1));
        isolation.effective_capabilities = Some(CapabilitySet(2));
        let message = isolation.prepare().unwrap_err().to_string();
        if own.0 & 0x103 == 0x103 {
            let expected =
                "--effective-capabilities has what --bounding-capabilities does not allow: DAC_OVERRIDE";
            assert_eq!(message, expected);
            isolation.effective_capabilities = Some(CapabilitySet(1 << 63));
            assert!(isolation.prepare().is_err());
        } else {
            assert!(message.contains("SETPCAP"), "{message}");
        }
    }
}
