//! Several resources, and how to add, subtract and compare them.
//!
//! What can be joined is joined: `cpus:1` and `cpus:2` are `cpus:3`, but reserved and unreserved, allocated
//! and free, or two volumes stay apart. The order is the one of arrival; when something is used up, the last
//! takes its place (so do the texts that clients know).

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ops::{Add, AddAssign, Sub, SubAssign},
};

use crate::{
    quantities::ResourceQuantities,
    resource::{Reservation, Resource, ResourceName},
    role::Role,
    value::{Ranges, Scalar, Value},
};

/// Resources of one agent. Equal if they hold the same, in whatever order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Resources(Vec<Entry>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    resource: Resource,
    /// How many hold it, if it is shared; otherwise 1.
    shares: u32,
}

impl Resources {
    /// Nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many different ones.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each different one, once.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.0.iter().map(|entry| &entry.resource)
    }

    /// Each different one with how often it is there: more than once only if it is shared. On the wire a
    /// shared resource is repeated that often.
    pub fn iter_with_shares(&self) -> impl Iterator<Item = (&Resource, u32)> {
        self.0.iter().map(|entry| (&entry.resource, entry.shares))
    }

    /// Adds one; what is empty is left out.
    pub fn add_one(&mut self, resource: Resource) {
        self.add_shares(resource, 1);
    }

    fn add_shares(&mut self, resource: Resource, shares: u32) {
        if resource.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|entry| entry.resource.can_absorb(&resource)) {
            Some(entry) if resource.shared => entry.shares = entry.shares.saturating_add(shares),
            Some(entry) => entry.resource.value.add(&resource.value),
            None => self.0.push(Entry { resource, shares }),
        }
    }

    /// Adds all of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for entry in &other.0 {
            self.add_shares(entry.resource.clone(), entry.shares);
        }
    }

    /// Takes one away, as far as it is there.
    pub fn subtract_one(&mut self, resource: &Resource) {
        self.subtract_shares(resource, 1);
    }

    fn subtract_shares(&mut self, resource: &Resource, shares: u32) {
        if resource.is_empty() {
            return;
        }
        let Some(index) = self.0.iter().position(|entry| entry.resource.can_release(resource)) else {
            return;
        };
        let entry = &mut self.0[index];
        let used_up = if resource.shared {
            entry.shares = entry.shares.saturating_sub(shares);
            entry.shares == 0
        } else {
            entry.resource.value.subtract(&resource.value);
            entry.resource.is_empty()
        };
        if used_up {
            self.0.swap_remove(index);
        }
    }

    /// Takes all of `other` away, as far as it is there.
    pub fn subtract_all(&mut self, other: &Self) {
        for entry in &other.0 {
            self.subtract_shares(&entry.resource, entry.shares);
        }
    }

    /// Whether all of this one is there.
    pub fn contains_one(&self, resource: &Resource) -> bool {
        self.contains_shares(resource, 1)
    }

    fn contains_shares(&self, resource: &Resource, shares: u32) -> bool {
        resource.is_empty()
            || self.0.iter().any(|entry| {
                entry.resource.can_release(resource)
                    && if resource.shared {
                        entry.shares >= shares
                    } else {
                        entry.resource.value.contains(&resource.value)
                    }
            })
    }

    /// Whether all of `other` is there.
    pub fn contains(&self, other: &Self) -> bool {
        // Entries of one set are different things, but for indivisible disks, of which equal ones stand side by
        // side: there, what has been found once must not be found again.
        if other.0.iter().all(|entry| entry.resource.shared || entry.resource.is_divisible()) {
            return other.0.iter().all(|entry| self.contains_shares(&entry.resource, entry.shares));
        }
        let mut rest = self.clone();
        other.0.iter().all(|entry| {
            let found = rest.contains_shares(&entry.resource, entry.shares);
            rest.subtract_shares(&entry.resource, entry.shares);
            found
        })
    }

    /// Those that fulfil a condition.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&Resource) -> bool) -> Self {
        Self(self.0.iter().filter(|entry| keep(&entry.resource)).cloned().collect())
    }

    /// Keeps those that fulfil a condition.
    pub fn retain(&mut self, mut keep: impl FnMut(&Resource) -> bool) {
        self.0.retain(|entry| keep(&entry.resource));
    }

    /// Moves those that fulfil a condition behind the others; otherwise the order stays.
    pub fn move_last(&mut self, mut last: impl FnMut(&Resource) -> bool) {
        self.0.sort_by_key(|entry| last(&entry.resource));
    }

    /// Those that belong to everybody.
    #[must_use]
    pub fn unreserved(&self) -> Self {
        self.filter(Resource::is_unreserved)
    }

    /// Those that are reserved for whomever.
    #[must_use]
    pub fn reserved(&self) -> Self {
        self.filter(Resource::is_reserved)
    }

    /// Those that are reserved for exactly this role.
    #[must_use]
    pub fn reserved_for(&self, role: &Role) -> Self {
        self.filter(|resource| resource.reservation_role() == Some(role))
    }

    /// Those that may be offered to a role: unreserved, or reserved for it or a role above it.
    #[must_use]
    pub fn allocatable_to(&self, role: &Role) -> Self {
        self.filter(|resource| resource.is_allocatable_to(role))
    }

    /// Those that may be taken back at any time.
    #[must_use]
    pub fn revocable(&self) -> Self {
        self.filter(|resource| resource.revocable)
    }

    /// Those that may not be taken back.
    #[must_use]
    pub fn non_revocable(&self) -> Self {
        self.filter(|resource| !resource.revocable)
    }

    /// Those that several tasks may use.
    #[must_use]
    pub fn shared(&self) -> Self {
        self.filter(|resource| resource.shared)
    }

    /// Those that one task may use.
    #[must_use]
    pub fn non_shared(&self) -> Self {
        self.filter(|resource| !resource.shared)
    }

    /// Those on which something is kept.
    #[must_use]
    pub fn persistent_volumes(&self) -> Self {
        self.filter(Resource::is_persistent_volume)
    }

    /// Those of one name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        self.filter(|resource| resource.name.as_str() == name)
    }

    /// By the role that they are reserved for; those of everybody are not in it.
    pub fn by_reservation(&self) -> BTreeMap<Role, Self> {
        self.group(|resource| resource.reservation_role().cloned())
    }

    /// By the role that they are allocated to; those that are free are not in it.
    pub fn by_allocation(&self) -> BTreeMap<Role, Self> {
        self.group(|resource| resource.allocation_role.clone())
    }

    fn group(&self, key: impl Fn(&Resource) -> Option<Role>) -> BTreeMap<Role, Self> {
        let mut groups: BTreeMap<Role, Self> = BTreeMap::new();
        for entry in &self.0 {
            if let Some(role) = key(&entry.resource) {
                groups.entry(role).or_default().0.push(entry.clone());
            }
        }
        groups
    }

    /// The same, allocated to a role.
    #[must_use]
    pub fn allocate(self, role: &Role) -> Self {
        self.map(|resource| resource.allocation_role = Some(role.clone()))
    }

    /// The same, allocated to nobody.
    #[must_use]
    pub fn unallocate(self) -> Self {
        self.map(|resource| resource.allocation_role = None)
    }

    /// The same, reserved for nobody.
    #[must_use]
    pub fn flatten(self) -> Self {
        self.map(|resource| resource.reservations.clear())
    }

    /// The same with one more layer of reservation on each.
    #[must_use]
    pub fn push_reservation(self, reservation: &Reservation) -> Self {
        self.map(|resource| resource.reservations.push(reservation.clone()))
    }

    /// The same without the last layer of reservation.
    #[must_use]
    pub fn pop_reservation(self) -> Self {
        self.map(|resource| {
            resource.reservations.pop();
        })
    }

    fn map(self, mut change: impl FnMut(&mut Resource)) -> Self {
        let mut changed = Self(Vec::with_capacity(self.0.len()));
        for mut entry in self.0 {
            change(&mut entry.resource);
            // What was different may have become one.
            changed.add_shares(entry.resource, entry.shares);
        }
        changed
    }

    /// How much of each countable thing, whoever's it is; what is shared counts once.
    pub fn to_quantities(&self) -> ResourceQuantities {
        let mut quantities = ResourceQuantities::new();
        for resource in self.iter() {
            if let Value::Scalar(amount) = resource.value {
                quantities.add_one(&resource.name, amount);
            }
        }
        quantities
    }

    /// The sum of a countable thing, if there is any.
    pub fn scalar(&self, name: &str) -> Option<Scalar> {
        self.iter()
            .filter(|resource| resource.name.as_str() == name)
            .filter_map(Resource::as_scalar)
            .reduce(Add::add)
    }

    /// All ranges of a name, if there are any.
    pub fn ranges(&self, name: &str) -> Option<Ranges> {
        self.iter().filter(|resource| resource.name.as_str() == name).filter_map(Resource::as_ranges).fold(
            None,
            |all, ranges| {
                let mut all: Ranges = all.unwrap_or_default();
                all.add(ranges);
                Some(all)
            },
        )
    }

    /// Processors.
    pub fn cpus(&self) -> Option<Scalar> {
        self.scalar("cpus")
    }

    /// Memory in MB.
    pub fn mem(&self) -> Option<Scalar> {
        self.scalar("mem")
    }

    /// Disk in MB.
    pub fn disk(&self) -> Option<Scalar> {
        self.scalar("disk")
    }

    /// Graphics processors.
    pub fn gpus(&self) -> Option<Scalar> {
        self.scalar("gpus")
    }

    /// Ports.
    pub fn ports(&self) -> Option<Ranges> {
        self.ranges("ports")
    }

    /// The different names, in order of first appearance.
    pub fn names(&self) -> Vec<&ResourceName> {
        let mut names: Vec<&ResourceName> = Vec::new();
        for resource in self.iter() {
            if !names.contains(&&resource.name) {
                names.push(&resource.name);
            }
        }
        names
    }
}

impl PartialEq for Resources {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.contains(other) && other.contains(self)
    }
}

impl Eq for Resources {}

impl From<Resource> for Resources {
    fn from(resource: Resource) -> Self {
        let mut resources = Self::new();
        resources.add_one(resource);
        resources
    }
}

impl FromIterator<Resource> for Resources {
    fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
        let mut sum = Self::new();
        sum.extend(resources);
        sum
    }
}

impl Extend<Resource> for Resources {
    fn extend<I: IntoIterator<Item = Resource>>(&mut self, resources: I) {
        for resource in resources {
            self.add_one(resource);
        }
    }
}

impl AddAssign<&Self> for Resources {
    fn add_assign(&mut self, other: &Self) {
        self.add_all(other);
    }
}

impl SubAssign<&Self> for Resources {
    fn sub_assign(&mut self, other: &Self) {
        self.subtract_all(other);
    }
}

impl Add<&Self> for Resources {
    type Output = Self;

    fn add(mut self, other: &Self) -> Self {
        self.add_all(other);
        self
    }
}

impl Sub<&Self> for Resources {
    type Output = Self;

    fn sub(mut self, other: &Self) -> Self {
        self.subtract_all(other);
        self
    }
}
