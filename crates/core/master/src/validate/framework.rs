//! What a framework says about itself.

use std::collections::BTreeSet;

use tepui_model::{Role, validate_id};
use tepui_wire_mesos::v1::{FrameworkInfo, framework_info::capability::Type as Capability};

use super::{Invalid, invalid};
use crate::{
    Config,
    framework::{failover_timeout, has, role, roles},
};

/// All rules that need only the description and the settings.
pub(crate) fn check(config: &Config, info: &FrameworkInfo) -> Result<(), Invalid> {
    check_roles(info)?;
    check_id(info)?;
    check_failover_timeout(info)?;
    check_root(config, info)?;
    check_whitelist(config, info)
}

fn check_roles(info: &FrameworkInfo) -> Result<(), Invalid> {
    if has(info, Capability::MultiRole) {
        if role(info).is_some() {
            return invalid("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable");
        }
        let distinct: BTreeSet<&String> = info.roles.iter().collect();
        if distinct.len() != info.roles.len() {
            return invalid("'FrameworkInfo.roles' contains duplicate items");
        }
        for role in &info.roles {
            if let Err(error) = Role::validate(role) {
                return invalid(format!("'FrameworkInfo.roles' contains invalid role: {error}"));
            }
        }
    } else {
        if !info.roles.is_empty() {
            return invalid(
                "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
            );
        }
        if let Some(role) = role(info)
            && let Err(error) = Role::validate(role)
        {
            return invalid(format!("'FrameworkInfo.role' is not a valid role: {error}"));
        }
    }
    Ok(())
}

fn check_id(info: &FrameworkInfo) -> Result<(), Invalid> {
    match &info.id {
        Some(id) if !id.value.is_empty() => {
            validate_id(&id.value).map_err(|error| Invalid(error.to_string()))
        }
        _ => Ok(()),
    }
}

fn check_failover_timeout(info: &FrameworkInfo) -> Result<(), Invalid> {
    match failover_timeout(info) {
        Some(_) => Ok(()),
        None => invalid(format!(
            "The framework failover_timeout ({}) is invalid",
            info.failover_timeout.unwrap_or_default()
        )),
    }
}

fn check_root(config: &Config, info: &FrameworkInfo) -> Result<(), Invalid> {
    if info.user == "root" && !config.root_submissions {
        return invalid("User 'root' is not allowed to run frameworks without --root_submissions set");
    }
    Ok(())
}

fn check_whitelist(config: &Config, info: &FrameworkInfo) -> Result<(), Invalid> {
    let Some(allowed) = &config.roles else { return Ok(()) };
    let unknown: Vec<String> = roles(info)
        .iter()
        .filter(|role| !role.is_star() && !allowed.contains(role.as_str()))
        .map(ToString::to_string)
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    invalid(format!("Roles {{ {} }} are not present in the master's --roles", unknown.join(", ")))
}

/// Suppressed roles must be roles of the framework.
pub(crate) fn check_suppressed(info: &FrameworkInfo, suppressed: &[String]) -> Result<(), Invalid> {
    let roles = roles(info);
    let unknown: Vec<&str> =
        suppressed.iter().map(String::as_str).filter(|role| !roles.contains(*role)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    invalid(format!("Suppressed roles {{ {} }} are not contained in the set of roles", unknown.join(", ")))
}

/// What may not change once a framework is registered; for UPDATE_FRAMEWORK.
pub(crate) fn check_update(old: &FrameworkInfo, new: &FrameworkInfo) -> Result<(), Invalid> {
    if old.principal != new.principal {
        return invalid("Changing framework's principal is not allowed.");
    }
    if old.user != new.user {
        return invalid(format!(
            "Updating 'FrameworkInfo.user' is unsupported; attempted to update from '{}' to '{}'",
            old.user, new.user
        ));
    }
    if old.checkpoint.unwrap_or(false) != new.checkpoint.unwrap_or(false) {
        return invalid("Updating 'FrameworkInfo.checkpoint' is unsupported");
    }
    Ok(())
}
