//! Resources as sums by name; attributes, which look the same.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tepui_wire_mesos::v1::{self, value::Type};

use super::put;

/// What there is of one name.
enum Sum {
    /// In thousandths: sums of doubles would show.
    Scalar(i64),
    Ranges(Vec<(u64, u64)>),
    Set(Vec<String>),
}

fn sums<'a>(resources: impl IntoIterator<Item = &'a v1::Resource>) -> BTreeMap<String, Sum> {
    let mut sums = BTreeMap::new();
    for resource in resources {
        let suffix = if resource.revocable.is_some() { "_revocable" } else { "" };
        let name = format!("{}{suffix}", resource.name);
        match Type::try_from(resource.r#type) {
            Ok(Type::Scalar) => {
                let amount = resource.scalar.as_ref().map_or(0, |scalar| thousandths(scalar.value));
                if let Sum::Scalar(sum) = sums.entry(name).or_insert(Sum::Scalar(0)) {
                    *sum += amount;
                }
            }
            Ok(Type::Ranges) => {
                let ranges = resource.ranges.iter().flat_map(|ranges| &ranges.range);
                if let Sum::Ranges(sum) = sums.entry(name).or_insert(Sum::Ranges(Vec::new())) {
                    sum.extend(ranges.map(|range| (range.begin, range.end)));
                }
            }
            Ok(Type::Set) => {
                if let Sum::Set(sum) = sums.entry(name).or_insert(Sum::Set(Vec::new())) {
                    sum.extend(resource.set.iter().flat_map(|set| &set.item).cloned());
                }
            }
            _ => {}
        }
    }
    sums
}

#[expect(clippy::cast_possible_truncation, reason = "no machine has 2^53 thousandths of anything")]
fn thousandths(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 thousandths of anything")]
fn value(sum: Sum) -> Value {
    match sum {
        Sum::Scalar(sum) => (sum as f64 / 1000.0).into(),
        Sum::Ranges(mut ranges) => {
            ranges.sort_unstable();
            let mut merged: Vec<(u64, u64)> = Vec::new();
            for (begin, end) in ranges {
                match merged.last_mut() {
                    Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                    _ => merged.push((begin, end)),
                }
            }
            let texts: Vec<String> = merged.iter().map(|(begin, end)| format!("{begin}-{end}")).collect();
            format!("[{}]", texts.join(", ")).into()
        }
        Sum::Set(mut items) => {
            items.sort_unstable();
            items.dedup();
            format!("{{{}}}", items.join(", ")).into()
        }
    }
}

/// The usual object: four names always, the others as there are.
pub fn summary<'a>(resources: impl IntoIterator<Item = &'a v1::Resource>) -> Value {
    let mut sums = sums(resources);
    let mut object = Map::new();
    for name in ["disk", "mem", "gpus", "cpus"] {
        put(&mut object, name, value(sums.remove(name).unwrap_or(Sum::Scalar(0))));
    }
    for (name, sum) in sums {
        put(&mut object, &name, value(sum));
    }
    object.into()
}

/// Only the scalars there are.
pub fn quantities<'a>(resources: impl IntoIterator<Item = &'a v1::Resource>) -> Value {
    let mut object = Map::new();
    for (name, sum) in sums(resources) {
        if matches!(sum, Sum::Scalar(1..)) {
            put(&mut object, &name, value(sum));
        }
    }
    object.into()
}

/// The role for which a resource is reserved, if it is.
pub fn reserved_for(resource: &v1::Resource) -> Option<&str> {
    let stacked = resource.reservations.last().and_then(|reservation| reservation.role.as_deref());
    stacked.or(role_of(resource)).filter(|role| *role != "*")
}

#[expect(deprecated, reason = "resources in the old format carry it")]
fn role_of(resource: &v1::Resource) -> Option<&str> {
    resource.role.as_deref()
}

/// Resources by the role that they are reserved for, and those that are reserved for none.
pub fn by_reservation<'a>(
    resources: impl IntoIterator<Item = &'a v1::Resource>,
) -> (BTreeMap<&'a str, Vec<&'a v1::Resource>>, Vec<&'a v1::Resource>) {
    let mut reserved: BTreeMap<&str, Vec<&v1::Resource>> = BTreeMap::new();
    let mut unreserved = Vec::new();
    for resource in resources {
        match reserved_for(resource) {
            Some(role) => reserved.entry(role).or_default().push(resource),
            None => unreserved.push(resource),
        }
    }
    (reserved, unreserved)
}

/// Reserved resources as sums, by role.
pub fn summary_by_role(reserved: &BTreeMap<&str, Vec<&v1::Resource>>) -> Value {
    let mut object = Map::new();
    for (role, of_role) in reserved {
        put(&mut object, role, summary(of_role.iter().copied()));
    }
    object.into()
}

/// Attributes, by name.
pub fn attributes(attributes: &[v1::Attribute]) -> Value {
    let mut object = Map::new();
    for attribute in attributes {
        put(&mut object, &attribute.name, attribute_value(attribute));
    }
    object.into()
}

fn attribute_value(attribute: &v1::Attribute) -> Value {
    let as_resource = v1::Resource {
        name: attribute.name.clone(),
        r#type: attribute.r#type,
        scalar: attribute.scalar,
        ranges: attribute.ranges.clone(),
        set: attribute.set.clone(),
        ..v1::Resource::default()
    };
    match Type::try_from(attribute.r#type) {
        Ok(Type::Text) => attribute.text.as_ref().map_or("", |text| text.value.as_str()).into(),
        Ok(Type::Scalar) => attribute.scalar.as_ref().map_or(0.0, |scalar| scalar.value).into(),
        _ => summary([&as_resource]).get(&attribute.name).cloned().unwrap_or_default(),
    }
}

/// The role to which a resource is allocated.
pub fn allocated_to(resource: &v1::Resource) -> Option<&str> {
    resource.allocation_info.as_ref()?.role.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_bytes;

    fn scalar(name: &str, amount: f64) -> v1::Resource {
        v1::Resource {
            name: name.to_owned(),
            r#type: Type::Scalar as i32,
            scalar: Some(v1::value::Scalar { value: amount }),
            ..v1::Resource::default()
        }
    }

    fn ports(ranges: &[(u64, u64)]) -> v1::Resource {
        let range = ranges.iter().map(|(begin, end)| v1::value::Range { begin: *begin, end: *end }).collect();
        v1::Resource {
            name: "ports".to_owned(),
            r#type: Type::Ranges as i32,
            ranges: Some(v1::value::Ranges { range }),
            ..v1::Resource::default()
        }
    }

    #[test]
    fn sums_have_three_decimals_and_ranges_are_joined() {
        let mut revocable = scalar("cpus", 1.0);
        revocable.revocable = Some(v1::resource::RevocableInfo::default());
        let resources =
            [scalar("cpus", 0.1), scalar("cpus", 0.2), revocable, ports(&[(5, 9), (1, 2)]), ports(&[(3, 3)])];
        assert_eq!(
            to_bytes(&summary(&resources)),
            r#"{"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":0.3,"cpus_revocable":1.0,"ports":"[1-3, 5-9]"}"#
        );
        assert_eq!(to_bytes(&quantities(&resources)), r#"{"cpus":0.3,"cpus_revocable":1.0}"#);
        assert_eq!(to_bytes(&quantities(&[])), "{}");
    }
}
