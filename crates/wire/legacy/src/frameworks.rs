//! Frameworks, as far as master and agent show the same of them.

use serde_json::{Map, Value};
use tepui_wire_mesos::v1::{self, framework_info::capability::Type::MultiRole};

use super::put;

/// The role of a framework, or its roles if it has the capability.
#[expect(deprecated, reason = "frameworks without MULTI_ROLE have it")]
pub fn put_roles(object: &mut Map<String, Value>, info: &v1::FrameworkInfo) {
    if info.capabilities.iter().any(|has| has.r#type == Some(MultiRole as i32)) {
        put(object, "roles", info.roles.clone());
    } else {
        put(object, "role", info.role.as_deref().unwrap_or("*"));
    }
}
