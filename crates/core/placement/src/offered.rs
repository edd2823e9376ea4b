//! An offer, with what is left of it.

use tepui_model::{Attribute, Range, Ranges, Resource, ResourceName, Resources, Scalar, Value};
use tepui_wire_mesos::v1;

use crate::{Lack, Wanted};

/// An agent's attributes, and its resources that are offered and not taken yet.
#[derive(Clone, Debug)]
pub struct Offered {
    attributes: Vec<Attribute>,
    /// What may be taken, in the order in which it is: what is reserved first. Else in the order of the offer.
    usable: Vec<Resource>,
    /// What is not taken for an amount or a number: what may be taken back, what is shared, volumes, whole disks.
    special: Resources,
}

impl Offered {
    /// Resources that are offered on an agent with these attributes.
    pub fn new(resources: &Resources, attributes: Vec<Attribute>) -> Self {
        let mut usable = resources.filter(is_usable);
        usable.move_last(Resource::is_unreserved);
        Self {
            attributes,
            usable: usable.iter().cloned().collect(),
            special: resources.filter(|resource| !is_usable(resource)),
        }
    }

    /// What is left.
    pub fn left(&self) -> Resources {
        let mut left: Resources = self.usable.iter().cloned().collect();
        left += &self.special;
        left
    }

    /// Takes what is wanted out of what is left: all of it, or nothing.
    ///
    /// # Errors
    /// All that is lacking.
    pub fn take(&mut self, wanted: &Wanted) -> Result<Resources, Vec<Lack>> {
        let lacks = self.lacks(wanted);
        if !lacks.is_empty() {
            return Err(lacks);
        }
        let mut taken = Resources::new();
        for (name, amount) in wanted.amounts.iter() {
            let mut missing = amount;
            self.take_each(wanted, name, &mut taken, |value| {
                let Value::Scalar(here) = value else { return None };
                let piece = missing.min(here.or_zero());
                missing -= piece;
                Some(Value::Scalar(piece))
            });
        }
        self.take_each(wanted, &ResourceName::PORTS, &mut taken, |value| match value {
            Value::Ranges(here) => Some(Value::Ranges(common(here, &wanted.ports))),
            _ => None,
        });
        let mut missing = wanted.any_ports;
        self.take_each(wanted, &ResourceName::PORTS, &mut taken, |value| {
            let Value::Ranges(here) = value else { return None };
            let piece = first(here, missing);
            missing -= piece.count();
            Some(Value::Ranges(piece))
        });
        Ok(taken)
    }

    /// Moves a piece of each resource that may be used to those that are taken.
    fn take_each(
        &mut self,
        wanted: &Wanted,
        name: &ResourceName,
        taken: &mut Resources,
        mut piece_of: impl FnMut(&Value) -> Option<Value>,
    ) {
        for resource in self.usable.iter_mut().filter(|resource| is_for(wanted, name, resource)) {
            if let Some(piece) = piece_of(&resource.value) {
                resource.value.subtract(&piece);
                taken.add_one(Resource { value: piece, ..resource.clone() });
            }
        }
    }

    /// What is lacking for what is wanted; nothing if it fits.
    pub fn lacks(&self, wanted: &Wanted) -> Vec<Lack> {
        let mut lacks = Vec::new();
        for want in &wanted.attributes {
            let named = self.attributes.iter().filter(|attribute| attribute.name == want.name);
            let have: Vec<_> = named.map(|attribute| attribute.value.clone()).collect();
            if !have.contains(&want.value) {
                lacks.push(Lack::Attribute { want: want.clone(), have });
            }
        }
        for (name, want) in wanted.amounts.iter() {
            let have = self.amount(wanted, name);
            if have < want {
                lacks.push(Lack::Amount { name: name.clone(), have, want });
            }
        }
        let mut ports = self.ports(wanted);
        if !ports.contains(&wanted.ports) {
            let mut missing = wanted.ports.clone();
            missing.subtract(&ports);
            lacks.push(Lack::Ports(missing));
        }
        ports.subtract(&wanted.ports);
        let (have, want) = (ports.count(), wanted.any_ports);
        if have < want {
            lacks.push(Lack::AnyPorts { have, want });
        }
        lacks
    }

    fn amount(&self, wanted: &Wanted, name: &ResourceName) -> Scalar {
        let usable = self.usable.iter().filter(|resource| is_for(wanted, name, resource));
        usable.filter_map(Resource::as_scalar).map(Scalar::or_zero).sum()
    }

    fn ports(&self, wanted: &Wanted) -> Ranges {
        let mut ports = Ranges::new();
        let usable = self.usable.iter().filter(|resource| is_for(wanted, &ResourceName::PORTS, resource));
        usable.filter_map(Resource::as_ranges).for_each(|ranges| ports.add(ranges));
        ports
    }
}

impl From<&v1::Offer> for Offered {
    /// What of it makes no sense is not there to be taken.
    fn from(offer: &v1::Offer) -> Self {
        let resources = offer.resources.iter().filter_map(|resource| resource.try_into().ok());
        let attributes = offer.attributes.iter().filter_map(|attribute| attribute.try_into().ok());
        Self::new(&resources.collect(), attributes.collect())
    }
}

fn is_usable(resource: &Resource) -> bool {
    !resource.revocable && !resource.shared && resource.disk.is_none()
}

fn is_for(wanted: &Wanted, name: &ResourceName, resource: &Resource) -> bool {
    resource.name == *name && !(wanted.unreserved && resource.is_reserved())
}

/// The numbers that are in both.
fn common(one: &Ranges, other: &Ranges) -> Ranges {
    let mut only_one = one.clone();
    only_one.subtract(other);
    let mut common = one.clone();
    common.subtract(&only_one);
    common
}

/// The first numbers, so many as are missing.
fn first(ranges: &Ranges, mut missing: u64) -> Ranges {
    let mut pieces = Vec::new();
    for Range { begin, end } in ranges.iter() {
        if missing == 0 {
            break;
        }
        let piece = Range { begin, end: end.min(begin.saturating_add(missing - 1)) };
        missing -= piece.count();
        pieces.push((piece.begin, piece.end));
    }
    pieces.into_iter().collect()
}
