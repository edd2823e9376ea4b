//! Which hierarchies this machine has, and what of them may be used.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Controller, Place, Version};

/// Where cgroups are mounted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mounts {
    /// Version 1: controllers and where.
    pub(super) one: Vec<(Vec<String>, PathBuf)>,
    pub(super) unified: Option<PathBuf>,
}

impl Mounts {
    /// Reads `/proc/self/mountinfo`.
    pub(super) fn read(mountinfo: &str) -> Self {
        let mut mounts = Self::default();
        for line in mountinfo.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let Some(mount) = left.split(' ').nth(4) else { continue };
            let mut right = right.split(' ');
            let (Some(kind), Some(options)) = (right.next(), right.nth(1)) else { continue };
            match kind {
                "cgroup2" => mounts.unified = Some(mount.into()),
                "cgroup" => mounts.one.push((options.split(',').map(str::to_owned).collect(), mount.into())),
                _ => {}
            }
        }
        mounts
    }

    /// The cgroup `root` with this controller, made if it is not there. The error is in words.
    pub(super) fn place(&self, controller: Controller, root: &str) -> Result<Place, String> {
        let name = controller.name();
        let one = self.one.iter().find(|(controllers, _)| controllers.iter().any(|known| known == name));
        let place = |version, hierarchy: &Path| {
            let directory = hierarchy.join(root);
            let cannot = |error: io::Error| format!("cannot use {}: {error}", directory.display());
            fs::create_dir_all(&directory).map_err(cannot)?;
            rustix::fs::access(&directory, rustix::fs::Access::WRITE_OK)
                .map_err(|error| cannot(error.into()))?;
            Ok(Place { version, controllers: controller.bit(), directory: directory.clone() })
        };
        if let Some((_, hierarchy)) = one {
            return place(Version::One, hierarchy);
        }
        let Some(unified) = &self.unified else {
            return Err(format!("there is no cgroup hierarchy with {name}"));
        };
        let found = place(Version::Two, unified)?;
        if matches!(controller, Controller::Cpuacct | Controller::Freezer) {
            // Part of every cgroup of version 2.
            return Ok(found);
        }
        [unified, &found.directory]
            .into_iter()
            .try_for_each(|directory| enable(directory, controller.bit()))
            .map_err(|error| {
                format!("the cgroup hierarchy {} does not offer {name}: {error}", unified.display())
            })?;
        Ok(found)
    }
}

/// Switches controllers of version 2 on for the cgroups below a directory.
pub(super) fn enable(directory: &Path, controllers: u8) -> io::Result<()> {
    let file = directory.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&file)?;
    for controller in [Controller::Cpu, Controller::Memory, Controller::Pids] {
        let name = controller.name();
        if controllers & controller.bit() == 0 || enabled.split_whitespace().any(|known| known == name) {
            continue;
        }
        let offered = fs::read_to_string(directory.join("cgroup.controllers"))?;
        if !offered.split_whitespace().any(|known| known == name) {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the kernel has it elsewhere or not at all",
            ));
        }
        fs::write(&file, format!("+{name}"))?;
    }
    Ok(())
}
