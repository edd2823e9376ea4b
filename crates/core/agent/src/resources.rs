//! The two formats of reservations on the wire, and the sums that limits are made of.
//! Must not live here: who may use what; that is the master's.

use serde::{Deserialize, Serialize};
use tepui_wire_mesos::v1::{self, Resource, resource::ReservationInfo};

use crate::effect::Limits;

/// CPUs of the executor that Mesos would start for a command task, in thousandths.
const COMMAND_EXECUTOR_CPUS_MILLI: i64 = 100;
/// Its memory in thousandths of a megabyte.
const COMMAND_EXECUTOR_MEM_MILLI: i64 = 32_000;
const BYTES_PER_MILLI_MEGABYTE: i128 = 1024 * 1024;

/// Writes `role` and `reservation` instead of `reservations`, as the agent protocol has it for what both formats can say.
#[expect(deprecated, reason = "the wire still speaks it")]
pub(crate) fn downgrade(resources: &mut [Resource]) {
    for resource in resources {
        match resource.reservations.as_slice() {
            [] if resource.role.is_none() => resource.role = Some("*".to_owned()),
            [one] => {
                resource.role = Some(one.role.clone().unwrap_or_else(|| "*".to_owned()));
                if one.r#type() == v1::resource::reservation_info::Type::Dynamic {
                    let old = ReservationInfo { r#type: None, role: None, ..one.clone() };
                    resource.reservation = Some(Box::new(old));
                }
                resource.reservations.clear();
            }
            // A refined reservation has no older form.
            _ => {}
        }
    }
}

/// Reads `role` and `reservation` into `reservations`.
#[expect(deprecated, reason = "the wire still speaks it")]
pub(crate) fn upgrade(resources: &mut [Resource]) {
    use v1::resource::reservation_info::Type;
    for resource in resources {
        let role = resource.role.take();
        let old = resource.reservation.take();
        if !resource.reservations.is_empty() {
            continue;
        }
        if let Some(role) = role.filter(|role| role != "*") {
            let kind = if old.is_some() { Type::Dynamic } else { Type::Static };
            let mut reservation = *old.unwrap_or_default();
            reservation.r#type = Some(kind.into());
            reservation.role = Some(role);
            resource.reservations.push(reservation);
        }
    }
}

/// What Mesos's command executor itself would use, for the role that the task's resources were allocated to.
pub(crate) fn command_executor_overhead(task: &[Resource]) -> Vec<Resource> {
    let allocation_info = task.first().and_then(|resource| resource.allocation_info.clone());
    let scalar = |name: &str, value: f64| Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        allocation_info: allocation_info.clone(),
        ..Resource::default()
    };
    let cpus = to_f64(COMMAND_EXECUTOR_CPUS_MILLI);
    let mem = to_f64(COMMAND_EXECUTOR_MEM_MILLI);
    vec![scalar("cpus", cpus), scalar("mem", mem)]
}

#[expect(clippy::cast_precision_loss, reason = "thousandths of real amounts are far below 2^53")]
fn to_f64(milli: i64) -> f64 {
    milli as f64 / 1000.0
}

/// Thousandths of a scalar; zero for what is not a number.
#[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
fn to_milli(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}

/// The part of resources that containers are limited by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    cpus: i64,
    mem: i64,
    /// Of the sandbox: persistent volumes have their own.
    disk: i64,
    /// Beyond the request, for tasks with a limit of their own; in the same units.
    cpus_more: i64,
    mem_more: i64,
    cpus_limited: i64,
    mem_limited: i64,
    cpus_unlimited: i64,
    mem_unlimited: i64,
}

impl Sum {
    /// Sums up an executor's own resources.
    pub(crate) fn of(resources: &[Resource]) -> Self {
        let mut sum = Self::default();
        for resource in resources {
            let Some(scalar) = &resource.scalar else { continue };
            let milli = to_milli(scalar.value);
            match resource.name.as_str() {
                "cpus" => sum.cpus = sum.cpus.saturating_add(milli),
                "mem" => sum.mem = sum.mem.saturating_add(milli),
                "disk" if resource.disk.is_none() => sum.disk = sum.disk.saturating_add(milli),
                _ => {}
            }
        }
        sum
    }

    /// Sums up a task's resources with its limits.
    pub(crate) fn of_task(task: &v1::Task) -> Self {
        let mut sum = Self::of(&task.resources);
        if let Some(limit) = task.limits.get("cpus") {
            (sum.cpus_limited, sum.cpus_unlimited, sum.cpus_more) = beyond(limit.value, sum.cpus);
        }
        if let Some(limit) = task.limits.get("mem") {
            (sum.mem_limited, sum.mem_unlimited, sum.mem_more) = beyond(limit.value, sum.mem);
        }
        sum
    }

    /// Adds what another uses.
    pub(crate) fn add(&mut self, other: &Self) {
        self.each(other, i64::saturating_add);
    }

    /// Takes away what another used.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.each(other, i64::saturating_sub);
    }

    fn each(&mut self, other: &Self, with: fn(i64, i64) -> i64) {
        self.cpus = with(self.cpus, other.cpus);
        self.mem = with(self.mem, other.mem);
        self.disk = with(self.disk, other.disk);
        self.cpus_more = with(self.cpus_more, other.cpus_more);
        self.mem_more = with(self.mem_more, other.mem_more);
        self.cpus_limited = with(self.cpus_limited, other.cpus_limited);
        self.mem_limited = with(self.mem_limited, other.mem_limited);
        self.cpus_unlimited = with(self.cpus_unlimited, other.cpus_unlimited);
        self.mem_unlimited = with(self.mem_unlimited, other.mem_unlimited);
    }

    /// As the launcher wants it.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            cpus_milli: self.cpus,
            mem_bytes: bytes(self.mem),
            disk_bytes: bytes(self.disk),
            cpus_limit_milli: limit(
                self.cpus_limited,
                self.cpus_unlimited,
                self.cpus.saturating_add(self.cpus_more),
                |x| x,
            ),
            mem_limit_bytes: limit(
                self.mem_limited,
                self.mem_unlimited,
                self.mem.saturating_add(self.mem_more),
                bytes,
            ),
        }
    }
}

/// Whether there is a limit, whether it is none at all, and how far it is beyond the request.
fn beyond(limit: f64, request: i64) -> (i64, i64, i64) {
    if limit.is_finite() { (1, 0, to_milli(limit).saturating_sub(request)) } else { (1, 1, 0) }
}

fn limit(limited: i64, unlimited: i64, value: i64, unit: fn(i64) -> i64) -> Option<i64> {
    match (limited, unlimited) {
        (0, _) => None,
        (_, 0) => Some(unit(value)),
        _ => Some(-1),
    }
}

fn bytes(milli_megabytes: i64) -> i64 {
    let bytes = i128::from(milli_megabytes) * BYTES_PER_MILLI_MEGABYTE / 1000;
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(name: &str, value: f64) -> Resource {
        Resource {
            name: name.to_owned(),
            r#type: v1::value::Type::Scalar.into(),
            scalar: Some(v1::value::Scalar { value }),
            ..Resource::default()
        }
    }

    fn reserved(kind: v1::resource::reservation_info::Type) -> Resource {
        let reservation = ReservationInfo {
            r#type: Some(kind.into()),
            role: Some("web".to_owned()),
            principal: Some("ops".to_owned()),
            labels: None,
        };
        Resource { reservations: vec![reservation], ..scalar("cpus", 1.0) }
    }

    #[test]
    #[expect(deprecated, reason = "the wire still speaks it")]
    fn unreserved_resources_travel_with_the_star_role() {
        let mut resources = vec![scalar("cpus", 1.0)];
        downgrade(&mut resources);
        assert_eq!(resources[0].role.as_deref(), Some("*"));
        upgrade(&mut resources);
        assert_eq!(resources, vec![scalar("cpus", 1.0)]);
    }

    #[test]
    fn a_dynamic_reservation_survives_both_formats() {
        let before = vec![reserved(v1::resource::reservation_info::Type::Dynamic)];
        let mut resources = before.clone();
        downgrade(&mut resources);
        assert!(resources[0].reservations.is_empty());
        upgrade(&mut resources);
        assert_eq!(resources, before);
    }

    #[test]
    fn a_refined_reservation_stays_as_it_is() {
        let mut refined = reserved(v1::resource::reservation_info::Type::Static);
        refined.reservations.push(refined.reservations[0].clone());
        let mut resources = vec![refined.clone()];
        downgrade(&mut resources);
        assert_eq!(resources, vec![refined]);
    }

    #[test]
    fn limits_are_sums_in_thousandths() {
        let mut sum = Sum::of(&[scalar("cpus", 0.1), scalar("mem", 32.0)]);
        let task =
            v1::Task { resources: vec![scalar("cpus", 0.5), scalar("mem", 64.0)], ..v1::Task::default() };
        sum.add(&Sum::of_task(&task));
        assert_eq!(sum.limits().cpus_milli, 600);
        assert_eq!(sum.limits().mem_bytes, 96 * 1024 * 1024);
        assert_eq!(sum.limits().cpus_limit_milli, None);
        sum.subtract(&Sum::of_task(&task));
        assert_eq!(sum, Sum::of(&[scalar("cpus", 0.1), scalar("mem", 32.0)]));
    }

    #[test]
    fn a_tasks_own_limits_and_infinity() {
        let mut task = v1::Task { resources: vec![scalar("cpus", 0.5)], ..v1::Task::default() };
        task.limits.insert("cpus".to_owned(), v1::value::Scalar { value: 2.0 });
        assert_eq!(Sum::of_task(&task).limits().cpus_limit_milli, Some(2000));
        task.limits.insert("cpus".to_owned(), v1::value::Scalar { value: f64::INFINITY });
        assert_eq!(Sum::of_task(&task).limits().cpus_limit_milli, Some(-1));
    }

    #[test]
    fn nonsense_numbers_do_not_overflow() {
        let mut sum = Sum::of(&[scalar("cpus", f64::NAN), scalar("mem", f64::INFINITY)]);
        sum.add(&sum.clone());
        assert_eq!(sum.limits().cpus_milli, 0);
        assert_eq!(sum.limits().mem_bytes, i64::MAX);
    }
}
