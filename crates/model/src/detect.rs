//! What a machine has to offer, by Mesos's rules. The facts about the machine are arguments.

use crate::{
    resource::{InvalidResources, Resource, ResourceName},
    resources::Resources,
    role::Role,
    value::{Ranges, Scalar},
};

const MB: u64 = 1024 * 1024;
const GB: u64 = 1024 * MB;

/// What is known of a machine; what could not be found out is `None`, and gets a modest default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Processors that this process may use.
    pub cpus: Option<u32>,
    /// Bytes of memory.
    pub mem_bytes: Option<u64>,
    /// Bytes of the file system with the work directory.
    pub disk_bytes: Option<u64>,
}

/// What an agent offers: what `text` (`--resources`) says, and by default
/// - `cpus`: all processors (1 if unknown);
/// - `mem`: all but 1 GB, or half of it below 2 GB (1 GB if unknown);
/// - `disk`: all but 5 GB, or half of it below 10 GB (10 GB if unknown);
/// - `ports`: 31000 to 32000;
///
/// each for `default_role`. A name that the text mentions gets no default, even if the amount is zero.
///
/// # Errors
/// If the text is wrong.
pub fn detect_resources(
    machine: Machine,
    text: Option<&str>,
    default_role: &Role,
) -> Result<Resources, InvalidResources> {
    let text = text.unwrap_or_default();
    let mut resources = Resources::parse(text, default_role)?;
    let mut add = |name: ResourceName, resource: Resource| {
        // `cpus:0` leaves no trace in the parsed resources but still says that there shall be none.
        if !mentions(text, name.as_str()) {
            resources.extend(owned_by(resource, default_role));
        }
    };
    let cpus = Scalar::from_whole(machine.cpus.unwrap_or(1).into());
    add(ResourceName::CPUS, Resource::scalar(ResourceName::CPUS, cpus));
    let mem = machine.mem_bytes.map_or(GB, |bytes| usable(bytes, 2 * GB, GB));
    add(ResourceName::MEM, Resource::scalar(ResourceName::MEM, megabytes(mem)));
    let disk = machine.disk_bytes.map_or(10 * GB, |bytes| usable(bytes, 10 * GB, 5 * GB));
    add(ResourceName::DISK, Resource::scalar(ResourceName::DISK, megabytes(disk)));
    add(ResourceName::PORTS, Resource::ranges(ResourceName::PORTS, Ranges::single(31_000, 32_000)));
    Ok(resources)
}

/// Machines that have enough keep a fixed part for themselves, small ones keep half.
const fn usable(bytes: u64, enough: u64, kept: u64) -> u64 {
    if bytes >= enough { bytes - kept } else { bytes / 2 }
}

/// Whole megabytes; the rest is cut off.
fn megabytes(bytes: u64) -> Scalar {
    Scalar::from_whole(i64::try_from(bytes / MB).unwrap_or(i64::MAX))
}

fn owned_by(resource: Resource, role: &Role) -> Option<Resource> {
    if role.is_star() {
        return Some(resource);
    }
    Some(resource.reserved_by(crate::resource::Reservation::fixed(role.clone())))
}

fn mentions(text: &str, name: &str) -> bool {
    text.split(';').any(|piece| {
        let end = piece.find(['(', '[', '{', '<', ':']).unwrap_or(piece.len());
        piece[..end].trim() == name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(cpus: u32, mem: u64, disk: u64, text: &str) -> String {
        let machine = Machine { cpus: Some(cpus), mem_bytes: Some(mem), disk_bytes: Some(disk) };
        detect_resources(machine, Some(text), &Role::star()).unwrap().to_string()
    }

    #[test]
    fn defaults() {
        const GIB: u64 = 1 << 30;
        for (mem, disk, amounts) in [
            (16 * GIB, 100 * GIB, "mem:15360; disk:97280"),
            (2 * GIB, 10 * GIB + 1, "mem:1024; disk:5120"),
            (2 * GIB, 10 * GIB, "mem:1024; disk:5120"),
            (2 * GIB - 2, 10 * GIB - 2, "mem:1023; disk:5119"),
            (GIB + GIB / 2, 9 * GIB, "mem:768; disk:4608"),
            (GIB, 4 * GIB, "mem:512; disk:2048"),
            (4 << 20, (6 << 20) - 2, "mem:2; disk:2"),
        ] {
            assert_eq!(detect(4, mem, disk, ""), format!("cpus:4; {amounts}; ports:[31000-32000]"));
        }
        assert_eq!(
            detect_resources(Machine::default(), None, &Role::star()).unwrap().to_string(),
            "cpus:1; mem:1024; disk:10240; ports:[31000-32000]"
        );
    }

    #[test]
    fn text_wins() {
        assert_eq!(
            detect(4, 4 * GB, 20 * GB, "disk:0;cpus(ads):2;cpus:1;gpus:1"),
            "cpus(reservations: [(STATIC,ads)]):2; cpus:1; gpus:1; mem:3072; ports:[31000-32000]"
        );
        // A name is what stands before the first bracket or the colon.
        for text in ["mem{REV}:1", "mem<SHARED>:1", " mem : 1", "mem[PATH:/p]:1", "mem(*):1"] {
            assert!(detect(1, 4 * GB, 4 * GB, text).matches("mem").count() == 1, "{text}");
        }
        assert!(detect(1, 4 * GB, 4 * GB, "memory:1").contains("mem:3072"));
        assert!(detect_resources(Machine::default(), Some("cpus"), &Role::star()).is_err());
    }

    #[test]
    fn default_role_owns_what_is_detected() {
        let resources = detect_resources(Machine::default(), Some("mem(*):5"), &Role::new("ads")).unwrap();
        assert_eq!(resources.reserved_for(&Role::new("ads")).names().len(), 3);
        assert_eq!(resources.unreserved().to_string(), "mem:5");
    }
}
