//! The core's words for containers in those of the containerizer, and back.

use tepui_containment::{
    Class, FailureKind, IpcMode, Limited, Linux, Program, Rlimit, Uri, capabilities::CapabilitySet,
};
use tepui_core_agent::{
    ContainerClass, Launch, LaunchFailure, LaunchFailureReason, LaunchKind, Limitation, Limits, Stdio,
};
use tepui_model::Reason;
use tepui_wire_mesos::v1;

/// What to start. The error is for the scheduler.
pub(super) fn convert(launch: Launch) -> Result<tepui_containment::Launch, String> {
    if let Some(container) = &launch.container {
        supported(container)?;
    }
    let command = launch.command;
    let value = command.value.unwrap_or_default();
    let program = if command.shell.unwrap_or(true) {
        if value.is_empty() {
            return Err("The command of a shell must have a value".to_owned());
        }
        Program::Shell(value)
    } else {
        Program::Exec { path: value, arguments: command.arguments }
    };
    let rlimits = launch.container.as_ref().and_then(|container| container.rlimit_info.as_ref());
    let linux = launch.container.as_ref().and_then(|container| container.linux_info.as_ref());
    // Only executors' sandboxes have earlier and later ones beside them.
    let runs = std::path::Path::new(&launch.sandbox).parent().filter(|_| launch.kind != LaunchKind::Nested);
    Ok(tepui_containment::Launch {
        container_id: launch.container_id.to_string(),
        parent: launch.container_id.parent().map(ToString::to_string),
        class: match launch.class {
            ContainerClass::Default => Class::Default,
            ContainerClass::Debug => Class::Debug,
        },
        own_limits: launch.own_limits,
        stdio: match launch.stdio {
            Stdio::Files => tepui_containment::Stdio::Files,
            Stdio::Pipes => tepui_containment::Stdio::Pipes,
            Stdio::Tty { rows, columns } => tepui_containment::Stdio::Tty { rows, columns },
        },
        directory: launch.directory.map(Into::into),
        program,
        environment: launch.environment,
        latest_link_in: runs.map(Into::into),
        sandbox: launch.sandbox.into(),
        user: launch.user,
        limits: limits(&launch.limits),
        rlimits: rlimits.map(rlimits_of).transpose()?.unwrap_or_default(),
        linux: linux.map(linux_of).transpose()?.unwrap_or_default(),
        uris: command.uris.into_iter().map(uri).collect(),
    })
}

fn supported(container: &v1::ContainerInfo) -> Result<(), String> {
    let docker = v1::container_info::Type::Docker;
    if container.r#type == i32::from(docker) || container.docker.is_some() {
        return Err("Docker containers are not supported by this agent".to_owned());
    }
    if container.mesos.as_ref().is_some_and(|mesos| mesos.image.is_some()) {
        return Err("Container images are not supported by this agent".to_owned());
    }
    if !container.volumes.is_empty() {
        return Err("Volumes are not supported by this agent".to_owned());
    }
    Ok(())
}

fn uri(uri: v1::command_info::Uri) -> Uri {
    Uri {
        value: uri.value,
        executable: uri.executable.unwrap_or(false),
        extract: uri.extract.unwrap_or(true),
        output_file: uri.output_file,
    }
}

/// Limits for the containerizer.
pub(super) fn limits(limits: &Limits) -> tepui_containment::Limits {
    // Nothing asked for is nothing limited.
    let wanted = |bytes: i64| u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    tepui_containment::Limits {
        cpus: thousandths(limits.cpus_milli),
        cpus_hard: limits
            .cpus_limit_milli
            .map(|cpus| if cpus < 0 { f64::INFINITY } else { thousandths(cpus) }),
        memory_bytes: match limits.mem_limit_bytes {
            Some(limit) if limit < 0 => Some(u64::MAX),
            limit => wanted(limit.unwrap_or(limits.mem_bytes)),
        },
        memory_soft_bytes: wanted(limits.mem_bytes),
        disk_bytes: wanted(limits.disk_bytes),
        ..tepui_containment::Limits::default()
    }
}

fn linux_of(info: &v1::LinuxInfo) -> Result<Linux, String> {
    if info.seccomp.is_some() {
        return Err("Seccomp profiles are not supported by this agent".to_owned());
    }
    #[expect(deprecated, reason = "clients of before Mesos 1.3 use it for the effective ones")]
    let effective = info.effective_capabilities.as_ref().or(info.capability_info.as_ref());
    let mode = info.ipc_mode.and_then(|mode| v1::linux_info::IpcMode::try_from(mode).ok());
    let ipc_mode = match mode {
        Some(v1::linux_info::IpcMode::Private) => IpcMode::Private,
        Some(v1::linux_info::IpcMode::ShareParent) => IpcMode::ShareParent,
        Some(v1::linux_info::IpcMode::Unknown) | None => IpcMode::Default,
    };
    if info.shm_size.is_some() && ipc_mode != IpcMode::Private {
        return Err("Only a container whose IPC mode is PRIVATE has a shm_size of its own".to_owned());
    }
    Ok(Linux {
        effective_capabilities: effective.map(capabilities_of).transpose()?,
        bounding_capabilities: info.bounding_capabilities.as_ref().map(capabilities_of).transpose()?,
        share_pid_namespace: info.share_pid_namespace.unwrap_or(false),
        ipc_mode,
        // In megabytes.
        shm_bytes: info.shm_size.map(|size| u64::from(size) << 20),
    })
}

fn capabilities_of(info: &v1::CapabilityInfo) -> Result<CapabilitySet, String> {
    let names: Vec<&str> = info
        .capabilities
        .iter()
        .map(|capability| {
            v1::capability_info::Capability::try_from(*capability).map_or("UNKNOWN", |it| it.as_str_name())
        })
        .collect();
    CapabilitySet::named(names).map_err(|error| format!("The container asks for capabilities: {error}"))
}

/// What ended a container, for the core.
pub(crate) fn limitation(limitation: tepui_containment::Limitation) -> Limitation {
    let (reason, name) = match limitation.limited {
        Limited::Memory => (Reason::ContainerLimitationMemory, "mem"),
        Limited::Disk => (Reason::ContainerLimitationDisk, "disk"),
    };
    let megabytes = u32::try_from(limitation.used_bytes >> 20).unwrap_or(u32::MAX);
    let resource = v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value: megabytes.into() }),
        ..v1::Resource::default()
    };
    Limitation { reason, message: limitation.message, resources: vec![resource] }
}

#[expect(clippy::cast_precision_loss, reason = "cpus of one machine")]
fn thousandths(value: i64) -> f64 {
    value as f64 / 1000.0
}

fn rlimits_of(info: &v1::RLimitInfo) -> Result<Vec<Rlimit>, String> {
    info.rlimits
        .iter()
        .map(|rlimit| {
            let kind = v1::r_limit_info::r_limit::Type::try_from(rlimit.r#type.unwrap_or_default())
                .map_err(|_| "Unknown kind of rlimit".to_owned())?;
            let name = kind.as_str_name();
            let resource = tepui_containment::launch::rlimit_number(name.trim_start_matches("RLMT_"))
                .ok_or_else(|| format!("{name} is not supported by this agent"))?;
            match (rlimit.soft, rlimit.hard) {
                (Some(soft), Some(hard)) => Ok(Rlimit { resource, soft, hard }),
                (None, None) => Ok(Rlimit { resource, soft: u64::MAX, hard: u64::MAX }),
                _ => Err(format!("{name} must have both a soft and a hard limit, or neither")),
            }
        })
        .collect()
}

/// Why a launch failed, for the core.
pub(super) fn failure(kind: FailureKind, message: String) -> LaunchFailure {
    let reason = match kind {
        FailureKind::User | FailureKind::Sandbox => LaunchFailureReason::Sandbox,
        FailureKind::Fetch => LaunchFailureReason::Fetch,
        FailureKind::NoProgram => LaunchFailureReason::NoProgram,
        FailureKind::NotExecutable => LaunchFailureReason::NotExecutable,
        FailureKind::Spawn | FailureKind::Destroyed => LaunchFailureReason::Other,
    };
    LaunchFailure { reason, message }
}
