//! The form of a scheduler's call, before anybody looks at its meaning.

use tepui_wire_mesos::v1::scheduler::{Call, call::Type};

use super::{Invalid, invalid};

/// Which call it is, if it has what such a call needs.
pub(crate) fn check(call: &Call, principal: Option<&str>) -> Result<Type, Invalid> {
    // An unknown number reads as an unset field, as with every proto2 enum.
    let Some(Ok(kind)) = call.r#type.map(Type::try_from) else {
        return invalid("Expecting 'type' to be present");
    };
    if kind == Type::Subscribe {
        subscribe(call, principal)?;
        return Ok(kind);
    }
    if call.framework_id.is_none() {
        return invalid("Expecting 'framework_id' to be present");
    }
    if let Some((field, true)) = payload(call, kind) {
        return invalid(format!("Expecting '{field}' to be present"));
    }
    match kind {
        // A real master dies of it.
        Type::Unknown => return invalid("Unsupported call type UNKNOWN"),
        Type::Acknowledge => uuid(call.acknowledge.as_ref().map_or(&[], |acknowledge| &acknowledge.uuid))?,
        Type::AcknowledgeOperationStatus => {
            uuid(call.acknowledge_operation_status.as_ref().map_or(&[], |acknowledge| &acknowledge.uuid))?;
        }
        Type::UpdateFramework => {
            let info = call.update_framework.as_ref().map(|update| &update.framework_info);
            if info.and_then(|info| info.id.as_ref()) != call.framework_id.as_ref() {
                return invalid("'framework_id' differs from 'update_framework.framework_info.id'");
            }
        }
        _ => {}
    }
    Ok(kind)
}

fn subscribe(call: &Call, principal: Option<&str>) -> Result<(), Invalid> {
    let Some(subscribe) = &call.subscribe else {
        return invalid("Expecting 'subscribe' to be present");
    };
    let info = &subscribe.framework_info;
    // An unset id and an empty one are the same.
    let in_call = call.framework_id.as_ref().map_or("", |id| id.value.as_str());
    let in_info = info.id.as_ref().map_or("", |id| id.value.as_str());
    if in_call != in_info {
        return invalid("'framework_id' differs from 'subscribe.framework_info.id'");
    }
    match (principal, &info.principal) {
        (Some(authenticated), Some(claimed)) if authenticated != claimed => invalid(format!(
            "Authenticated principal '{authenticated}' does not match principal '{claimed}' set in `FrameworkInfo`"
        )),
        _ => Ok(()),
    }
}

/// The field that a call of this kind must have, and whether it is missing.
fn payload(call: &Call, kind: Type) -> Option<(&'static str, bool)> {
    Some(match kind {
        Type::Accept => ("accept", call.accept.is_none()),
        Type::Decline => ("decline", call.decline.is_none()),
        Type::AcceptInverseOffers => ("accept_inverse_offers", call.accept_inverse_offers.is_none()),
        Type::DeclineInverseOffers => ("decline_inverse_offers", call.decline_inverse_offers.is_none()),
        Type::Kill => ("kill", call.kill.is_none()),
        Type::Shutdown => ("shutdown", call.shutdown.is_none()),
        Type::Acknowledge => ("acknowledge", call.acknowledge.is_none()),
        Type::AcknowledgeOperationStatus => {
            ("acknowledge_operation_status", call.acknowledge_operation_status.is_none())
        }
        Type::Reconcile => ("reconcile", call.reconcile.is_none()),
        Type::ReconcileOperations => ("reconcile_operations", call.reconcile_operations.is_none()),
        Type::Message => ("message", call.message.is_none()),
        Type::Request => ("request", call.request.is_none()),
        Type::UpdateFramework => ("update_framework", call.update_framework.is_none()),
        Type::Unknown | Type::Subscribe | Type::Teardown | Type::Revive | Type::Suppress => return None,
    })
}

/// 16 bytes with the variant of RFC 4122 and a version of it.
fn uuid(bytes: &[u8]) -> Result<(), Invalid> {
    match uuid::Uuid::from_slice(bytes) {
        Ok(uuid)
            if uuid.get_variant() == uuid::Variant::RFC4122 && (1..=5).contains(&uuid.get_version_num()) =>
        {
            Ok(())
        }
        _ => invalid("Not a valid UUID"),
    }
}
