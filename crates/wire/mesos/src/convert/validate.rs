//! The rules for a resource on the wire, in the order and the words of Mesos.

use tepui_model::{Labels, Role, Scalar};

use crate::v1::{
    self,
    resource::{
        ReservationInfo, disk_info::source::Type as SourceType, reservation_info::Type as ReservationType,
    },
    value::Type,
};

/// The first rule that the resource breaks.
pub(super) fn resource(wire: &v1::Resource) -> Result<(), String> {
    if wire.name.is_empty() {
        return Err("Empty resource name".to_owned());
    }
    value(wire)?;
    disk(wire)?;
    match wire.reservations.as_slice() {
        [] => old_format(wire)?,
        stack => refined_format(wire, stack)?,
    }
    shared(wire)
}

fn value(wire: &v1::Resource) -> Result<(), String> {
    let reason = match (Type::try_from(wire.r#type), &wire.scalar, &wire.ranges, &wire.set) {
        (Ok(Type::Scalar), Some(scalar), None, None) => {
            // Neither less than nothing, nor so little that it would count as nothing.
            if scalar.value == 0.0
                || (scalar.value.is_finite() && Scalar::from_f64(scalar.value) > Scalar::ZERO)
            {
                return Ok(());
            }
            "Invalid scalar resource: value <= 0"
        }
        (Ok(Type::Ranges), None, Some(ranges), None) => {
            let mut sorted: Vec<_> = ranges.range.iter().map(|range| (range.begin, range.end)).collect();
            sorted.sort_unstable();
            if sorted.iter().any(|(begin, end)| begin > end) {
                "Invalid ranges resource: begin > end"
            } else if sorted.iter().zip(sorted.iter().skip(1)).any(|((_, end), (next, _))| next <= end) {
                "Invalid ranges resource: overlapping ranges"
            } else {
                return Ok(());
            }
        }
        (Ok(Type::Set), None, None, Some(set)) => {
            let mut sorted: Vec<&str> = set.item.iter().map(String::as_str).collect();
            sorted.sort_unstable();
            if sorted.iter().zip(sorted.iter().skip(1)).all(|(item, next)| item != next) {
                return Ok(());
            }
            "Invalid set resource: duplicated elements"
        }
        (Ok(Type::Scalar), ..) => "Invalid scalar resource",
        (Ok(Type::Ranges), ..) => "Invalid ranges resource",
        (Ok(Type::Set), ..) => "Invalid set resource",
        (Ok(Type::Text), ..) => "Unsupported resource type",
        (Err(_), ..) => "Invalid resource type",
    };
    Err(reason.to_owned())
}

fn disk(wire: &v1::Resource) -> Result<(), String> {
    let Some(disk) = &wire.disk else {
        return Ok(());
    };
    if wire.name != "disk" {
        return Err(format!("DiskInfo should not be set for {} resource", wire.name));
    }
    let Some(source) = &disk.source else {
        return Ok(());
    };
    let kind = source.r#type();
    match kind {
        SourceType::Path | SourceType::Mount => Ok(()),
        SourceType::Block | SourceType::Raw if source.mount.is_some() => {
            Err(format!("Mount should not be set for {} disk source", kind.as_str_name()))
        }
        SourceType::Block | SourceType::Raw if source.path.is_some() => {
            Err(format!("Path should not be set for {} disk source", kind.as_str_name()))
        }
        SourceType::Block | SourceType::Raw => Ok(()),
        SourceType::Unknown => Err("Unsupported 'DiskInfo.Source.Type' in 'UNKNOWN'".to_owned()),
    }
}

fn role(role: &str) -> Result<(), String> {
    Role::validate(role).map_err(|error| error.to_string())
}

/// `role`, and `reservation` if it is dynamic.
fn old_format(wire: &v1::Resource) -> Result<(), String> {
    let name = wire.role.as_deref().unwrap_or(Role::DEFAULT);
    role(name)?;
    let Some(reservation) = &wire.reservation else {
        return Ok(());
    };
    for (field, is_set) in [("type", reservation.r#type.is_some()), ("role", reservation.role.is_some())] {
        if is_set {
            return Err(format!(
                "'Resource.ReservationInfo.{field}' must not be set for the 'Resource.reservation' field"
            ));
        }
    }
    if name == Role::DEFAULT {
        return Err("Invalid reservation: role \"*\" cannot be dynamically reserved".to_owned());
    }
    Ok(())
}

/// A stack of reservations, each of them within the one before it.
fn refined_format(wire: &v1::Resource, stack: &[ReservationInfo]) -> Result<(), String> {
    for reservation in stack {
        let unset =
            |field| format!("Invalid reservation: 'Resource.ReservationInfo.{field}' field must be set.");
        if reservation.r#type.is_none() {
            return Err(unset("type"));
        }
        let name = reservation.role.as_deref().ok_or_else(|| unset("role"))?;
        role(name)?;
        if name == Role::DEFAULT {
            return Err("Invalid reservation: role \"*\" cannot be reserved".to_owned());
        }
        if reservation.r#type() == ReservationType::Unknown {
            return Err("Unsupported 'Resource.ReservationInfo.Type'".to_owned());
        }
    }
    for (outer, inner) in stack.iter().zip(stack.iter().skip(1)) {
        if inner.r#type() == ReservationType::Static {
            return Err("Invalid refined reservation: A refined reservation cannot be STATIC".to_owned());
        }
        let (outer, inner) = (outer.role(), inner.role());
        if !Role::new(inner).is_strict_subrole_of(&Role::new(outer)) {
            return Err(format!(
                "Invalid refined reservation: role '{inner}' is not a refinement of '{outer}'"
            ));
        }
    }
    match stack {
        [one] => both_formats(wire, one),
        _ if wire.role.is_some() => Err(alone("role")),
        _ if wire.reservation.is_some() => Err(alone("reservation")),
        _ => Ok(()),
    }
}

fn alone(field: &str) -> String {
    format!(
        "Invalid resource format: 'Resource.{field}' must not be set if there is more than one reservation in \
         'Resource.reservations'"
    )
}

/// The old format may stand beside the stack if both say the same.
fn both_formats(wire: &v1::Resource, one: &ReservationInfo) -> Result<(), String> {
    const SINGLE: &str = "if the single reservation in 'Resource.reservations' is";
    if let Some(role) = wire.role.as_deref()
        && role != one.role()
    {
        return Err(format!(
            "Invalid resource format: 'Resource.role' field with '{role}' does not match the role '{}' in \
             'Resource.reservations'",
            one.role()
        ));
    }
    let Some(old) = &wire.reservation else {
        return match one.r#type() {
            ReservationType::Dynamic if wire.role.is_some() => Err(both_or_none(SINGLE)),
            _ => Ok(()),
        };
    };
    if one.r#type() == ReservationType::Static {
        return Err(format!(
            "Invalid resource format: 'Resource.reservation' must not be set {SINGLE} STATIC"
        ));
    }
    if wire.role.is_none() {
        return Err(both_or_none(SINGLE));
    }
    if old.principal() != one.principal() {
        return Err(format!(
            "Invalid resource format: 'Resource.reservation.principal' field with '{}' does not match the \
             principal '{}' in 'Resource.reservations'",
            old.principal(),
            one.principal()
        ));
    }
    let labels = |info: &ReservationInfo| info.labels.as_ref().map_or_else(Labels::default, Labels::from);
    let (old, one) = (labels(old), labels(one));
    if old != one {
        return Err(format!(
            "Invalid resource format: 'Resource.reservation.labels' field with '{old}' does not match the labels \
             '{one}' in 'Resource.reservations'"
        ));
    }
    Ok(())
}

fn both_or_none(single: &str) -> String {
    format!(
        "Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both set or both not \
         set {single} DYNAMIC"
    )
}

fn shared(wire: &v1::Resource) -> Result<(), String> {
    if wire.shared.is_none() {
        return Ok(());
    }
    if wire.name != "disk" {
        return Err(format!("Resource {} cannot be shared", wire.name));
    }
    if wire.disk.as_ref().is_none_or(|disk| disk.persistence.is_none()) {
        return Err("Only persistent volumes can be shared".to_owned());
    }
    Ok(())
}
