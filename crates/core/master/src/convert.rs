//! Resources of the wire as resources that can be added, and back.
//!
//! The wire has three ways to say that something is reserved: `role` alone (static), `role` with `reservation`
//! (dynamic), and a stack of `reservations`. Inside there is only the stack.

use tepui_model::{
    DiskInfo, DiskSource, DiskSourceKind, Label, Labels, Persistence, Ranges, Reservation, ReservationKind,
    Resource, Resources, Role, Scalar, Set, Value, Volume, VolumeMode,
};
use tepui_wire_mesos::v1::{
    self, resource,
    value::{self, Type},
};

/// How reservations are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// As a stack, for those who know refinement; and towards agents.
    Refined,
    /// By `role`, for everybody else. A refined reservation cannot be said so, and stays a stack.
    Old,
    /// Both at once, for operators.
    Both,
}

/// Why a resource on the wire is none. The texts are what clients read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidResource(String);

/// Reads resources; equal kinds are joined.
pub(crate) fn resources(wire: &[v1::Resource]) -> Result<Resources, InvalidResource> {
    let mut resources = Resources::new();
    for resource in wire {
        resources.add_one(one(resource)?);
    }
    Ok(resources)
}

/// Reads one resource.
pub(crate) fn one(wire: &v1::Resource) -> Result<Resource, InvalidResource> {
    read(wire).map_err(|reason| InvalidResource(format!("Resource '{}' is invalid: {reason}", wire.name)))
}

fn read(wire: &v1::Resource) -> Result<Resource, String> {
    if wire.name.is_empty() {
        return Err("Empty resource name".to_owned());
    }
    let value = value(wire)?;
    let disk = match &wire.disk {
        Some(_) if wire.name != "disk" => {
            return Err(format!("DiskInfo should not be set for {} resource", wire.name));
        }
        disk => disk.as_ref().map(|info| Box::new(disk_info(info))),
    };
    let mut read = Resource::new(wire.name.as_str(), value);
    read.provider_id = wire.provider_id.as_ref().map(|id| id.value.as_str().into());
    read.allocation_role = match wire.allocation_info.as_ref().and_then(|info| info.role.as_deref()) {
        Some(role) => Some(Role::new(role)),
        None => None,
    };
    read.reservations = reservations(wire)?;
    read.disk = disk;
    read.revocable = wire.revocable.is_some();
    read.shared = wire.shared.is_some();
    Ok(read)
}

fn value(wire: &v1::Resource) -> Result<Value, String> {
    match Type::try_from(wire.r#type) {
        Ok(Type::Scalar) => match (&wire.scalar, &wire.ranges, &wire.set) {
            (Some(scalar), None, None) if scalar.value < 0.0 => {
                Err("Invalid scalar resource: value < 0".to_owned())
            }
            (Some(scalar), None, None) if scalar.value.is_finite() => {
                Ok(Value::Scalar(Scalar::from_f64(scalar.value)))
            }
            _ => Err("Invalid scalar resource".to_owned()),
        },
        Ok(Type::Ranges) => match (&wire.scalar, &wire.ranges, &wire.set) {
            (None, Some(ranges), None) => read_ranges(ranges),
            _ => Err("Invalid ranges resource".to_owned()),
        },
        Ok(Type::Set) => match (&wire.scalar, &wire.ranges, &wire.set) {
            (None, None, Some(set)) => read_set(set),
            _ => Err("Invalid set resource".to_owned()),
        },
        Ok(Type::Text) => Err("Unsupported resource type".to_owned()),
        Err(_) => Err("Invalid resource type".to_owned()),
    }
}

fn read_ranges(ranges: &value::Ranges) -> Result<Value, String> {
    let mut sorted: Vec<(u64, u64)> = Vec::with_capacity(ranges.range.len());
    for range in &ranges.range {
        if range.begin > range.end {
            return Err("Invalid ranges resource: begin > end".to_owned());
        }
        sorted.push((range.begin, range.end));
    }
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[1].0 <= pair[0].1) {
        return Err("Invalid ranges resource: overlapping ranges".to_owned());
    }
    Ok(Value::Ranges(sorted.into_iter().collect::<Ranges>()))
}

fn read_set(set: &value::Set) -> Result<Value, String> {
    let items: Set = set.item.iter().map(String::as_str).collect();
    if items.len() != set.item.len() {
        return Err("Invalid set resource: duplicated elements".to_owned());
    }
    Ok(Value::Set(items))
}

fn reservations(wire: &v1::Resource) -> Result<Vec<Reservation>, String> {
    if !wire.reservations.is_empty() {
        return wire.reservations.iter().map(reservation).collect();
    }
    match wire.role.as_deref() {
        None | Some(Role::DEFAULT) => match &wire.reservation {
            Some(_) => Err("Invalid reservation: role \"*\" cannot be dynamically reserved".to_owned()),
            None => Ok(Vec::new()),
        },
        Some(role) => {
            Role::validate(role).map_err(|error| error.to_string())?;
            Ok(vec![match &wire.reservation {
                Some(info) => Reservation {
                    kind: ReservationKind::Dynamic,
                    role: Role::new(role),
                    principal: info.principal.clone(),
                    labels: info.labels.as_ref().map(labels),
                },
                None => Reservation::fixed(Role::new(role)),
            }])
        }
    }
}

fn reservation(info: &resource::ReservationInfo) -> Result<Reservation, String> {
    let kind = match info.r#type.map(resource::reservation_info::Type::try_from) {
        Some(Ok(resource::reservation_info::Type::Static)) => ReservationKind::Static,
        Some(Ok(resource::reservation_info::Type::Dynamic)) => ReservationKind::Dynamic,
        _ => return Err("Invalid reservation: type is missing or unknown".to_owned()),
    };
    let role = info.role.as_deref().unwrap_or_default();
    if role == Role::DEFAULT {
        return Err("Invalid reservation: role \"*\" cannot be reserved".to_owned());
    }
    Role::validate(role).map_err(|error| format!("Invalid reservation: {error}"))?;
    Ok(Reservation {
        kind,
        role: Role::new(role),
        principal: info.principal.clone(),
        labels: info.labels.as_ref().map(labels),
    })
}

fn labels(wire: &v1::Labels) -> Labels {
    Labels(
        wire.labels
            .iter()
            .map(|label| Label { key: label.key.clone(), value: label.value.clone() })
            .collect(),
    )
}

fn wire_labels(labels: &Labels) -> v1::Labels {
    let label = |label: &Label| v1::Label { key: label.key.clone(), value: label.value.clone() };
    v1::Labels { labels: labels.0.iter().map(label).collect() }
}

fn disk_info(wire: &resource::DiskInfo) -> DiskInfo {
    DiskInfo {
        persistence: wire.persistence.as_ref().map(|persistence| Persistence {
            id: persistence.id.clone(),
            principal: persistence.principal.clone(),
        }),
        volume: wire.volume.as_ref().map(|volume| Volume {
            mode: match v1::volume::Mode::try_from(volume.mode) {
                Ok(v1::volume::Mode::Ro) => VolumeMode::ReadOnly,
                _ => VolumeMode::ReadWrite,
            },
            container_path: volume.container_path.clone(),
            host_path: volume.host_path.clone(),
        }),
        source: wire.source.as_ref().map(disk_source),
    }
}

fn disk_source(wire: &resource::disk_info::Source) -> DiskSource {
    use resource::disk_info::source::Type as Kind;
    DiskSource {
        kind: match Kind::try_from(wire.r#type) {
            Ok(Kind::Path) => DiskSourceKind::Path,
            Ok(Kind::Mount) => DiskSourceKind::Mount,
            Ok(Kind::Block) => DiskSourceKind::Block,
            Ok(Kind::Raw) => DiskSourceKind::Raw,
            _ => DiskSourceKind::Unknown,
        },
        root: wire
            .path
            .as_ref()
            .and_then(|path| path.root.clone())
            .or_else(|| wire.mount.as_ref().and_then(|mount| mount.root.clone())),
        vendor: wire.vendor.clone(),
        id: wire.id.clone(),
        metadata: wire.metadata.as_ref().map(labels),
        profile: wire.profile.clone(),
    }
}

/// Writes resources; what is shared is repeated as often as it is held.
pub(crate) fn to_wire(resources: &Resources, format: Format) -> Vec<v1::Resource> {
    let mut wire = Vec::with_capacity(resources.len());
    for (resource, shares) in resources.iter_with_shares() {
        for _ in 0..shares {
            wire.push(one_to_wire(resource, format));
        }
    }
    wire
}

fn one_to_wire(resource: &Resource, format: Format) -> v1::Resource {
    let mut wire = v1::Resource {
        provider_id: resource.provider_id.as_ref().map(|id| v1::ResourceProviderId { value: id.to_string() }),
        name: resource.name.as_str().to_owned(),
        allocation_info: resource
            .allocation_role
            .as_ref()
            .map(|role| resource::AllocationInfo { role: Some(role.as_str().to_owned()) }),
        disk: resource.disk.as_ref().map(|disk| disk_to_wire(disk)),
        revocable: resource.revocable.then(resource::RevocableInfo::default),
        shared: resource.shared.then(resource::SharedInfo::default),
        ..v1::Resource::default()
    };
    match &resource.value {
        Value::Scalar(scalar) => {
            wire.r#type = Type::Scalar as i32;
            wire.scalar = Some(value::Scalar { value: scalar.to_f64() });
        }
        Value::Ranges(ranges) => {
            wire.r#type = Type::Ranges as i32;
            let range =
                ranges.iter().map(|range| value::Range { begin: range.begin, end: range.end }).collect();
            wire.ranges = Some(value::Ranges { range });
        }
        Value::Set(set) => {
            wire.r#type = Type::Set as i32;
            wire.set = Some(value::Set { item: set.iter().map(str::to_owned).collect() });
        }
    }
    reservations_to_wire(&resource.reservations, format, &mut wire);
    wire
}

fn reservations_to_wire(reservations: &[Reservation], format: Format, wire: &mut v1::Resource) {
    let old = format != Format::Refined && reservations.len() <= 1;
    if old {
        wire.role = Some(reservations.first().map_or(Role::DEFAULT, |first| first.role.as_str()).to_owned());
        wire.reservation =
            reservations.first().filter(|first| first.kind == ReservationKind::Dynamic).map(|first| {
                resource::ReservationInfo {
                    principal: first.principal.clone(),
                    labels: first.labels.as_ref().map(wire_labels),
                    ..resource::ReservationInfo::default()
                }
            });
    }
    if !old || format == Format::Both {
        wire.reservations = reservations
            .iter()
            .map(|reservation| resource::ReservationInfo {
                r#type: Some(match reservation.kind {
                    ReservationKind::Static => resource::reservation_info::Type::Static,
                    ReservationKind::Dynamic => resource::reservation_info::Type::Dynamic,
                } as i32),
                role: Some(reservation.role.as_str().to_owned()),
                principal: reservation.principal.clone(),
                labels: reservation.labels.as_ref().map(wire_labels),
            })
            .collect();
    }
}

fn disk_to_wire(disk: &DiskInfo) -> resource::DiskInfo {
    resource::DiskInfo {
        persistence: disk.persistence.as_ref().map(|persistence| resource::disk_info::Persistence {
            id: persistence.id.clone(),
            principal: persistence.principal.clone(),
        }),
        volume: disk.volume.as_ref().map(|volume| v1::Volume {
            mode: match volume.mode {
                VolumeMode::ReadWrite => v1::volume::Mode::Rw,
                VolumeMode::ReadOnly => v1::volume::Mode::Ro,
            } as i32,
            container_path: volume.container_path.clone(),
            host_path: volume.host_path.clone(),
            ..v1::Volume::default()
        }),
        source: disk.source.as_ref().map(source_to_wire),
    }
}

fn source_to_wire(source: &DiskSource) -> resource::disk_info::Source {
    use resource::disk_info::source::{Mount, Path, Type as Kind};
    let mut wire = resource::disk_info::Source {
        vendor: source.vendor.clone(),
        id: source.id.clone(),
        metadata: source.metadata.as_ref().map(wire_labels),
        profile: source.profile.clone(),
        ..resource::disk_info::Source::default()
    };
    let kind = match source.kind {
        DiskSourceKind::Unknown => Kind::Unknown,
        DiskSourceKind::Path => {
            wire.path = Some(Path { root: source.root.clone() });
            Kind::Path
        }
        DiskSourceKind::Mount => {
            wire.mount = Some(Mount { root: source.root.clone() });
            Kind::Mount
        }
        DiskSourceKind::Block => Kind::Block,
        DiskSourceKind::Raw => Kind::Raw,
    };
    wire.r#type = kind as i32;
    wire
}

/// Rewrites how a resource says what it is reserved for, into the stack that agents understand.
pub(crate) fn refine(wire: &mut v1::Resource, read: &Resource) {
    wire.role = None;
    wire.reservation = None;
    if wire.reservations.is_empty() && !read.reservations.is_empty() {
        reservations_to_wire(&read.reservations, Format::Refined, wire);
    }
}
