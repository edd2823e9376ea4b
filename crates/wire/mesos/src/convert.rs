//! Resources and attributes of the wire as those of the model, and back.
//!
//! The wire has two formats for who a resource is reserved for: a stack of `reservations`, and the older `role` (a
//! static reservation) with `reservation` (a dynamic one). The model has the stack only. What is read from the wire
//! is checked here, with the texts that Mesos's clients read; whether somebody may use a resource is not decided
//! here.
#![expect(deprecated, reason = "the wire still speaks the older format")]

mod attribute;
mod disk;
mod id;
mod validate;

pub use attribute::InvalidAttribute;

use tepui_model::{
    Label, Labels, Range, Reservation, ReservationKind, Resource, Resources, Role, Scalar, Set, Value,
    role::InvalidRole,
};

use crate::{
    DecodeError, json,
    v1::{
        self,
        resource::{
            AllocationInfo, ReservationInfo, RevocableInfo, SharedInfo,
            reservation_info::Type as ReservationType,
        },
        value::{self, Type},
    },
};

/// Which format of reservations to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The stack: for frameworks with RESERVATION_REFINEMENT, between our own, and in RunTask.
    Refined,
    /// `role` and `reservation`: for other frameworks, and when an agent registers. A refined reservation cannot be
    /// said so and stays a stack; of a static one, only the role can.
    Old,
    /// Both at once: in what operators are shown.
    Both,
}

impl Format {
    /// The format of these: the refined one if they name no `role`.
    pub fn of(resources: &[v1::Resource]) -> Self {
        match resources.iter().any(|resource| resource.role.is_some()) {
            true => Self::Old,
            false => Self::Refined,
        }
    }
}

/// A resource on the wire that cannot be one. The text is what clients read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Resource '{resource}' is invalid: {reason}")]
pub struct InvalidResource {
    /// The resource as text, as far as it can be told.
    pub resource: String,
    /// Which rule it breaks.
    pub reason: String,
}

/// A text that operators give for `--resources` that is neither of its two forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResourcesText {
    /// The short form is wrong.
    #[error(transparent)]
    Text(#[from] tepui_model::InvalidResources),
    /// The JSON form is wrong.
    #[error("Some JSON resources were not formatted properly: {}", .0.reason())]
    Json(DecodeError),
    /// A resource is wrong.
    #[error(transparent)]
    Resource(#[from] InvalidResource),
    /// The default role is none.
    #[error(transparent)]
    Role(#[from] InvalidRole),
    /// One name for two kinds of value.
    #[error("Resources with the same name ('{0}') but different types are not allowed")]
    Types(String),
}

/// Reads resources; what can be joined is joined.
///
/// # Errors
/// The first resource that is invalid.
pub fn resources<'a>(wire: impl IntoIterator<Item = &'a v1::Resource>) -> Result<Resources, InvalidResource> {
    let mut resources = Resources::new();
    for resource in wire {
        resources.add_one(Resource::try_from(resource)?);
    }
    Ok(resources)
}

/// Reads what operators write: the short form, or a JSON array of resources. Resources without a role are
/// reserved for `default_role`, unless that is `*`.
///
/// # Errors
/// [`InvalidResourcesText`].
pub fn parse_resources(text: &str, default_role: &str) -> Result<Resources, InvalidResourcesText> {
    let default_role = Role::try_new(default_role)?;
    if !text.trim_start().starts_with('[') {
        return Ok(Resources::parse(text, &default_role)?);
    }
    let mut wire: Vec<v1::Resource> =
        json::list_from_slice(text.as_bytes()).map_err(InvalidResourcesText::Json)?;
    for resource in &mut wire {
        if resource.reservations.is_empty() && resource.role.is_none() {
            resource.role = Some(default_role.as_str().to_owned());
        }
    }
    let mut types = std::collections::BTreeMap::new();
    for resource in &wire {
        if *types.entry(resource.name.as_str()).or_insert(resource.r#type) != resource.r#type {
            return Err(InvalidResourcesText::Types(resource.name.clone()));
        }
    }
    Ok(resources(&wire)?)
}

/// Writes resources. What is shared is written as often as it is held.
pub fn to_wire(resources: &Resources, format: Format) -> Vec<v1::Resource> {
    let mut wire = Vec::with_capacity(resources.len());
    for (resource, shares) in resources.iter_with_shares() {
        wire.extend((0..shares).map(|_| resource_to_wire(resource, format)));
    }
    wire
}

/// Writes one resource.
pub fn resource_to_wire(resource: &Resource, format: Format) -> v1::Resource {
    let mut wire = v1::Resource {
        provider_id: resource.provider_id.as_ref().map(|id| v1::ResourceProviderId { value: id.to_string() }),
        name: resource.name.as_str().to_owned(),
        allocation_info: resource
            .allocation_role
            .as_ref()
            .map(|role| AllocationInfo { role: Some(role.as_str().to_owned()) }),
        reservations: resource.reservations.iter().map(reservation_to_wire).collect(),
        disk: resource.disk.as_deref().map(|disk| Box::new(disk.into())),
        revocable: resource.revocable.then_some(RevocableInfo {}),
        shared: resource.shared.then_some(SharedInfo {}),
        ..v1::Resource::default()
    };
    match &resource.value {
        Value::Scalar(scalar) => {
            wire.set_type(Type::Scalar);
            wire.scalar = Some((*scalar).into());
        }
        Value::Ranges(ranges) => {
            wire.set_type(Type::Ranges);
            wire.ranges = Some(ranges.into());
        }
        Value::Set(set) => {
            wire.set_type(Type::Set);
            wire.set = Some(set.into());
        }
    }
    set_format(&mut wire, format);
    wire
}

/// Rewrites the reservations of a resource that is valid, whichever format it has, in another format.
pub fn set_format(wire: &mut v1::Resource, format: Format) {
    let stack = match wire.reservations.is_empty() {
        true => reservations(wire).iter().map(reservation_to_wire).collect(),
        false => std::mem::take(&mut wire.reservations),
    };
    (wire.role, wire.reservation) = (None, None);
    if format != Format::Refined && stack.len() < 2 {
        let last = stack.last();
        wire.role = Some(last.and_then(|last| last.role.clone()).unwrap_or_else(|| Role::DEFAULT.to_owned()));
        wire.reservation = last
            .filter(|last| last.r#type() == ReservationType::Dynamic)
            .map(|last| Box::new(ReservationInfo { r#type: None, role: None, ..last.clone() }));
        if format == Format::Old {
            return;
        }
    }
    wire.reservations = stack;
}

impl TryFrom<&v1::Resource> for Resource {
    type Error = InvalidResource;

    fn try_from(wire: &v1::Resource) -> Result<Self, Self::Error> {
        match validate::resource(wire) {
            Ok(()) => Ok(read(wire)),
            Err(reason) => Err(InvalidResource { resource: read(wire).to_string(), reason }),
        }
    }
}

impl From<&Resource> for v1::Resource {
    /// In the refined format.
    fn from(resource: &Resource) -> Self {
        resource_to_wire(resource, Format::Refined)
    }
}

/// Reads a resource without looking whether it is valid.
fn read(wire: &v1::Resource) -> Resource {
    let value = match (Type::try_from(wire.r#type), &wire.scalar, &wire.ranges, &wire.set) {
        (Ok(Type::Ranges), _, Some(ranges), _) => Value::Ranges(ranges.into()),
        (Ok(Type::Set), _, _, Some(set)) => Value::Set(set.into()),
        (_, scalar, _, _) => Value::Scalar(scalar.as_ref().map_or(Scalar::ZERO, Into::into)),
    };
    let mut resource = Resource::new(wire.name.as_str(), value);
    resource.provider_id = wire.provider_id.as_ref().map(|id| id.value.as_str().into());
    resource.allocation_role =
        wire.allocation_info.as_ref().and_then(|info| info.role.as_deref()).map(Role::new);
    resource.reservations = reservations(wire);
    resource.disk = wire.disk.as_deref().map(|disk| Box::new(disk.into()));
    resource.revocable = wire.revocable.is_some();
    resource.shared = wire.shared.is_some();
    resource
}

fn reservations(wire: &v1::Resource) -> Vec<Reservation> {
    let of = |info: &ReservationInfo, kind, role: &str| Reservation {
        kind,
        role: Role::new(role),
        principal: info.principal.clone(),
        labels: info.labels.as_ref().map(Into::into),
    };
    if !wire.reservations.is_empty() {
        let refined = |info: &ReservationInfo| {
            let kind = match info.r#type() {
                ReservationType::Static => ReservationKind::Static,
                ReservationType::Dynamic | ReservationType::Unknown => ReservationKind::Dynamic,
            };
            of(info, kind, info.role.as_deref().unwrap_or_default())
        };
        return wire.reservations.iter().map(refined).collect();
    }
    match (wire.role.as_deref(), &wire.reservation) {
        (None | Some(Role::DEFAULT), _) => Vec::new(),
        (Some(role), None) => vec![Reservation::fixed(Role::new(role))],
        (Some(role), Some(info)) => vec![of(info, ReservationKind::Dynamic, role)],
    }
}

fn reservation_to_wire(reservation: &Reservation) -> ReservationInfo {
    let kind = match reservation.kind {
        ReservationKind::Static => ReservationType::Static,
        ReservationKind::Dynamic => ReservationType::Dynamic,
    };
    ReservationInfo {
        r#type: Some(kind.into()),
        role: Some(reservation.role.as_str().to_owned()),
        principal: reservation.principal.clone(),
        labels: reservation.labels.as_ref().map(Into::into),
    }
}

impl From<&v1::Labels> for Labels {
    fn from(wire: &v1::Labels) -> Self {
        let label = |label: &v1::Label| Label { key: label.key.clone(), value: label.value.clone() };
        Self(wire.labels.iter().map(label).collect())
    }
}

impl From<&Labels> for v1::Labels {
    fn from(labels: &Labels) -> Self {
        let label = |label: &Label| v1::Label { key: label.key.clone(), value: label.value.clone() };
        Self { labels: labels.0.iter().map(label).collect() }
    }
}

impl From<&value::Scalar> for Scalar {
    fn from(wire: &value::Scalar) -> Self {
        Self::from_f64(wire.value)
    }
}

impl From<Scalar> for value::Scalar {
    fn from(scalar: Scalar) -> Self {
        Self { value: scalar.to_f64() }
    }
}

impl From<&value::Ranges> for tepui_model::Ranges {
    fn from(wire: &value::Ranges) -> Self {
        wire.range.iter().map(|range| (range.begin, range.end)).collect()
    }
}

impl From<&tepui_model::Ranges> for value::Ranges {
    fn from(ranges: &tepui_model::Ranges) -> Self {
        let range = ranges.iter().map(|Range { begin, end }| value::Range { begin, end }).collect();
        Self { range }
    }
}

impl From<&value::Set> for Set {
    fn from(wire: &value::Set) -> Self {
        wire.item.iter().map(String::as_str).collect()
    }
}

impl From<&Set> for value::Set {
    fn from(set: &Set) -> Self {
        Self { item: set.iter().map(str::to_owned).collect() }
    }
}

#[cfg(test)]
mod tests;
