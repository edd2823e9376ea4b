//! The core's words for containers in those of the containerizer, and back.

use tepui_containment::{Class, FailureKind, Program, Rlimit, Uri};
use tepui_core_agent::{
    ContainerClass, Launch, LaunchFailure, LaunchFailureReason, LaunchKind, Limits, Stdio, flat_id,
};
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
    // Only executors' sandboxes have earlier and later ones beside them.
    let runs = std::path::Path::new(&launch.sandbox).parent().filter(|_| launch.kind != LaunchKind::Nested);
    Ok(tepui_containment::Launch {
        container_id: flat_id(&launch.container_id),
        parent: launch.container_id.parent.as_deref().map(flat_id),
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
    let memory = limits.mem_limit_bytes.unwrap_or(limits.mem_bytes);
    tepui_containment::Limits {
        cpus: thousandths(limits.cpus_milli),
        cpus_hard: limits.cpus_limit_milli.filter(|cpus| *cpus >= 0).map(thousandths),
        // Nothing asked for, or explicitly no limit.
        memory_bytes: u64::try_from(memory).ok().filter(|bytes| *bytes > 0),
    }
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
        FailureKind::Spawn => LaunchFailureReason::Exec,
        FailureKind::Destroyed => LaunchFailureReason::Other,
    };
    LaunchFailure { reason, message }
}
