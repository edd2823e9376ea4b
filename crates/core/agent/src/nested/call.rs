//! Calls about containers, and the rules for their form. Must not live here: whether a container is there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tepui_model::{ContainerId, validate_id};
use tepui_wire_mesos::v1::{
    self,
    agent::{
        Call,
        call::{self, Type, attach_container_input},
    },
};

/// Longest flat id, in bytes: it is the name of directories.
const FLAT_ID_MAX: usize = 242;
const SIGKILL: i32 = 9;
/// The highest signal number there is.
const SIGNAL_MAX: i32 = 64;

/// A call about containers that is well formed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ContainerCall {
    /// LAUNCH_CONTAINER, LAUNCH_NESTED_CONTAINER, LAUNCH_NESTED_CONTAINER_SESSION.
    Launch(Box<LaunchRequest>),
    /// WAIT_CONTAINER, WAIT_NESTED_CONTAINER.
    Wait {
        /// Whose end.
        container: ContainerId,
        /// To be answered in the older form.
        nested: bool,
    },
    /// KILL_CONTAINER, KILL_NESTED_CONTAINER.
    Kill {
        /// Which.
        container: ContainerId,
        /// The signal.
        signal: i32,
    },
    /// REMOVE_CONTAINER, REMOVE_NESTED_CONTAINER.
    Remove {
        /// Which.
        container: ContainerId,
    },
    /// ATTACH_CONTAINER_OUTPUT.
    AttachOutput {
        /// To which.
        container: ContainerId,
    },
    /// ATTACH_CONTAINER_INPUT: its first record.
    AttachInput {
        /// To which.
        container: ContainerId,
    },
}

/// A container that somebody wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchRequest {
    /// What to launch, in the newest form of the call.
    pub launch: call::LaunchContainer,
    /// The container ends with the connection that asked for it, and its output goes there.
    pub session: bool,
}

impl ContainerCall {
    /// Reads a call; `None` if it is not about containers.
    ///
    /// # Errors
    /// What is wrong with its form, in Mesos's words.
    #[expect(deprecated, reason = "the older forms are still spoken")]
    pub fn read(call: Call) -> Result<Option<Self>, String> {
        let Some(kind) = call.r#type.and_then(|kind| Type::try_from(kind).ok()) else { return Ok(None) };
        let name = kind.as_str_name().to_ascii_lowercase();
        let absent = || format!("Expecting '{name}' to be present");
        let check = |container: &v1::ContainerId, nested: bool| {
            check_id(container).map_err(|error| format!("'{name}.container_id' is invalid: {error}"))?;
            if nested && container.parent.is_none() {
                return Err(format!("Expecting '{name}.container_id.parent' to be present"));
            }
            Ok(ContainerId::from(container))
        };
        let read = match kind {
            Type::LaunchNestedContainer => {
                let launch = call.launch_nested_container.ok_or_else(absent)?;
                check(&launch.container_id, true)?;
                Self::launch(launch.container_id, launch.command, launch.container, false)
            }
            Type::LaunchNestedContainerSession => {
                let launch = call.launch_nested_container_session.ok_or_else(absent)?;
                check(&launch.container_id, true)?;
                Self::launch(launch.container_id, launch.command, launch.container, true)
            }
            Type::LaunchContainer => {
                let launch = call.launch_container.ok_or_else(absent)?;
                check(&launch.container_id, false)?;
                Self::Launch(Box::new(LaunchRequest { launch, session: false }))
            }
            Type::WaitNestedContainer => {
                let container = check(&call.wait_nested_container.ok_or_else(absent)?.container_id, true)?;
                Self::Wait { container, nested: true }
            }
            Type::WaitContainer => {
                let container = check(&call.wait_container.ok_or_else(absent)?.container_id, false)?;
                Self::Wait { container, nested: false }
            }
            Type::KillNestedContainer => {
                let kill = call.kill_nested_container.ok_or_else(absent)?;
                let container = check(&kill.container_id, true)?;
                Self::Kill { container, signal: check_signal(&name, kill.signal)? }
            }
            Type::KillContainer => {
                let kill = call.kill_container.ok_or_else(absent)?;
                let container = check(&kill.container_id, false)?;
                Self::Kill { container, signal: check_signal(&name, kill.signal)? }
            }
            Type::RemoveNestedContainer => {
                let container = check(&call.remove_nested_container.ok_or_else(absent)?.container_id, true)?;
                Self::Remove { container }
            }
            Type::RemoveContainer => {
                let container = check(&call.remove_container.ok_or_else(absent)?.container_id, false)?;
                Self::Remove { container }
            }
            Type::AttachContainerOutput => {
                let container = check(&call.attach_container_output.ok_or_else(absent)?.container_id, false)?;
                Self::AttachOutput { container }
            }
            Type::AttachContainerInput => {
                let attach = call.attach_container_input.ok_or_else(absent)?;
                Self::AttachInput { container: check(&attached(attach)?, false)? }
            }
            _ => return Ok(None),
        };
        Ok(Some(read))
    }

    fn launch(
        container_id: v1::ContainerId,
        command: Option<v1::CommandInfo>,
        container: Option<v1::ContainerInfo>,
        session: bool,
    ) -> Self {
        let (resources, limits) = (Vec::new(), BTreeMap::new());
        let launch = call::LaunchContainer { container_id, command, resources, container, limits };
        Self::Launch(Box::new(LaunchRequest { launch, session }))
    }
}

/// Whom the first record of an input names.
fn attached(attach: call::AttachContainerInput) -> Result<v1::ContainerId, String> {
    use attach_container_input::Type;
    let absent = |field: &str| format!("Expecting 'attach_container_input.{field}' to be present");
    match attach.r#type.and_then(|kind| Type::try_from(kind).ok()).ok_or_else(|| absent("type"))? {
        Type::Unknown => Err("'attach_container_input.type' is unknown".to_owned()),
        Type::ContainerId => attach.container_id.ok_or_else(|| absent("container_id")),
        Type::ProcessIo => Err(absent("container_id")),
    }
}

fn check_signal(name: &str, signal: Option<i32>) -> Result<i32, String> {
    match signal.unwrap_or(SIGKILL) {
        signal @ 1..=SIGNAL_MAX => Ok(signal),
        other => Err(format!("'{name}.signal' is invalid: there is no signal {other}")),
    }
}

/// Checks an id and those of its parents.
fn check_id(container: &v1::ContainerId) -> Result<(), String> {
    let length = ContainerId::from(container).to_string().len();
    if length > FLAT_ID_MAX {
        return Err(format!("with those of its parents it has {length} characters, more than {FLAT_ID_MAX}"));
    }
    let mut next = Some(container);
    let mut place = String::new();
    while let Some(id) = next {
        let error = match validate_id(&id.value) {
            Err(error) => Some(error.to_string()),
            Ok(()) if id.value.contains(['.', ' ']) => {
                Some(format!("'ContainerID.value' '{}' contains invalid characters", id.value))
            }
            Ok(()) => None,
        };
        if let Some(error) = error {
            return Err(format!("{place}{error}"));
        }
        place.push_str("'ContainerID.parent' is invalid: ");
        next = id.parent.as_deref();
    }
    Ok(())
}
