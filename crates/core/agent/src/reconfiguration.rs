//! Whether what the last agent left may be taken up with the settings of now. Must not live here: taking it up (see `recovery`).

use tepui_model::{AgentId, Attribute, Resource, Resources, Tick, Value};
use tepui_wire_mesos::{convert, internal, v1};

use crate::{Config, Recovered, RecoveredSandbox, environment, resources, settings::ReconfigurationPolicy};

/// Why an agent does not take up what the last one left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryRefused {
    /// The settings do not fit what was written down.
    #[error(
        "Failed to perform recovery: {problem}\n\
         If recovery failed due to a change in configuration and you want to\n\
         keep the current agent id, you might want to change the\n\
         `--reconfiguration_policy` flag to a more permissive value.\n\
         \n\
         To restart this agent with a new agent id instead, do as follows:\n\
         rm -f {work_dir}/meta/slaves/latest\n\
         This ensures that the agent does not recover old live executors."
    )]
    Incompatible {
        /// What does not fit.
        problem: String,
        /// Where it was written down.
        work_dir: String,
    },
    /// Something cannot be read, and `--strict` says that this matters.
    #[error(
        "Failed to perform recovery: {first}{}\n\
         To go on without what cannot be read, start the agent with --strict=false: tasks that are only written \
         down there are lost.\n\
         To restart this agent with a new agent id instead, do as follows:\n\
         rm -f {work_dir}/meta/slaves/latest",
        if *count > 1 { format!(" (and {} more)", count - 1) } else { String::new() }
    )]
    Corrupt {
        /// The first thing that cannot be read.
        first: String,
        /// How many there are.
        count: u64,
        /// Where.
        work_dir: String,
    },
}

impl Recovered {
    /// Decides whether an agent with these settings goes on as the one that was here. On a machine that was started anew
    /// nothing is lost by beginning as a new one: then it does that where it could not go on.
    ///
    /// # Errors
    /// Says what does not fit, and what can be done about it.
    pub fn admit(mut self, config: &Config, now: Tick) -> Result<Self, RecoveryRefused> {
        let work_dir = config.work_dir.trim_end_matches('/').to_owned();
        if config.strict && self.errors > 0 {
            let first =
                self.complaints.first().cloned().unwrap_or_else(|| "some file cannot be read".to_owned());
            return Err(RecoveryRefused::Corrupt { first, count: self.errors, work_dir });
        }
        let Some(old) = &self.agent else { return Ok(self) };
        let Err(problem) = compatible(config, old) else { return Ok(self) };
        if !self.rebooted {
            return Err(RecoveryRefused::Incompatible { problem, work_dir });
        }
        self.become_new(config, now);
        Ok(self)
    }

    /// Drops what the last agent was; its sandboxes wait to be deleted.
    fn become_new(&mut self, config: &Config, now: Tick) {
        let Some(id) = self.agent.take().and_then(|info| info.id).map(AgentId::from) else { return };
        self.replaced = Some(id.clone());
        self.drain = None;
        for framework in std::mem::take(&mut self.frameworks) {
            let framework_id = framework.info.id.unwrap_or_default().into();
            for executor in framework.executors {
                let name = executor.info.executor_id.into();
                let container = &executor.container_id;
                let path = environment::sandbox(config, Some(&id), &framework_id, &name, container);
                self.sandboxes.push(RecoveredSandbox { path, modified: now });
            }
        }
    }
}

/// Compares settings with what was written down of earlier ones; the error says what does not fit.
fn compatible(config: &Config, old: &internal::SlaveInfo) -> Result<(), String> {
    let before = Offered::of(&old.resources, &old.attributes)?;
    let now = Offered::of(&config.resources, &config.attributes)?;
    let mut changes = Vec::new();
    if old.hostname != config.hostname {
        changes.push(format!("Hostname changed from {} to {}", old.hostname, config.hostname));
    }
    let port = old.port.unwrap_or_default();
    if config.fixed_port && port != i32::from(config.port) {
        changes.push(format!("Port changed from {port} to {}", config.port));
    }
    let additive = config.reconfiguration_policy == ReconfigurationPolicy::Additive;
    if old.domain != config.domain && !(additive && old.domain.is_none()) {
        changes.push("Domain changed".to_owned());
    }
    if additive {
        changes.extend(before.missing_in(&now));
        return match changes.into_iter().next() {
            None => Ok(()),
            Some(change) => {
                Err(format!("Configuration change not permitted under 'additive' policy: {change}"))
            }
        };
    }
    changes.extend(before.differences(&now));
    if changes.is_empty() {
        return Ok(());
    }
    Err(format!("Incompatible agent info detected. {}", changes.join("; ")))
}

/// What an agent offers.
struct Offered {
    resources: Resources,
    attributes: Vec<Attribute>,
}

impl Offered {
    fn of(resources: &[v1::Resource], attributes: &[v1::Attribute]) -> Result<Self, String> {
        let mut resources = resources.to_vec();
        resources::upgrade(&mut resources);
        let resources = convert::resources(&resources).map_err(|error| error.to_string())?;
        let attributes: Result<Vec<Attribute>, _> = attributes.iter().map(Attribute::try_from).collect();
        let mut attributes = attributes.map_err(|error| error.to_string())?;
        attributes.sort();
        Ok(Self { resources, attributes })
    }

    /// Everything that is not the same, for people.
    fn differences(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.resources != now.resources {
            changes.push(format!(
                "Resources changed from {} to {}",
                list(self.resources.iter()),
                list(now.resources.iter())
            ));
        }
        if self.attributes != now.attributes {
            changes.push(format!(
                "Attributes changed from {} to {}",
                list(self.attributes.iter()),
                list(now.attributes.iter())
            ));
        }
        changes
    }

    /// What there was and is no more, or not as much, in the words that operators of Mesos know.
    fn missing_in(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for resource in self.resources.iter().filter(|resource| !now.resources.contains_one(resource)) {
            let same = |other: &&Resource| {
                other.name == resource.name && other.reservations == resource.reservations
            };
            changes.push(match (now.resources.iter().find(same), &resource.value) {
                (None, _) => format!("Resource not found: {resource}"),
                (Some(other), Value::Scalar(old)) => format!(
                    "Value of scalar resource '{}' decreased from {old} to {}",
                    resource.name, other.value
                ),
                (Some(other), old @ (Value::Ranges(_) | Value::Set(_))) => format!(
                    "Previous value of {} resource '{}' ({old}) not included in current {}",
                    if matches!(old, Value::Set(_)) { "set" } else { "range" },
                    resource.name,
                    other.value
                ),
            });
        }
        for attribute in &self.attributes {
            match now.attributes.iter().find(|other| other.name == attribute.name) {
                None => changes.push(format!("Couldn't find attribute {attribute}")),
                Some(other) if other.value != attribute.value && !now.attributes.contains(attribute) => {
                    changes.push(format!(
                        "Value of attribute '{}' changed from {} to {}",
                        attribute.name, attribute.value, other.value
                    ))
                }
                Some(_) => {}
            }
        }
        changes
    }
}

fn list<T: std::fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    format!("'{}'", items.join("; "))
}
