//! What of the machine a container will see and may do, from what it asks for and what the agent allows.

use crate::{
    capabilities::{Capabilities, CapabilitySet},
    isolation::Held,
    launch::{Class, IpcMode, Launch},
    settings::Containment,
    supervisor::protocol::{Confinement, Namespaces},
};

/// The error is for the one who wanted the container.
pub(super) fn confinement(
    launch: &Launch,
    held: &Held,
    containment: &Containment,
) -> Result<Confinement, String> {
    let (make, join, shm_bytes) = namespaces(launch, held);
    Ok(Confinement {
        make,
        join,
        shm_bytes,
        capabilities: capabilities(launch, held, containment)?,
        no_new_privileges: held.no_new_privileges,
    })
}

fn namespaces(launch: &Launch, held: &Held) -> (Namespaces, Namespaces, u64) {
    let nested = launch.parent.is_some();
    let (mut make, mut join, mut shm_bytes) = (Namespaces::default(), Namespaces::default(), 0);
    let kinds = Namespaces { pid: held.pid_namespace, ipc: held.ipc_namespace, mount: held.mount_namespace };
    if nested && launch.class == Class::Debug {
        return (make, Namespaces { mount: kinds.mount || kinds.ipc, ..kinds }, 0);
    }
    let (mode, own_pids) = (launch.linux.ipc_mode, !launch.linux.share_pid_namespace);
    make.pid = kinds.pid && own_pids;
    join.pid = kinds.pid && !own_pids && nested;
    if kinds.ipc {
        let own = mode == IpcMode::Private || (mode == IpcMode::Default && !nested);
        make.ipc = own;
        join.ipc = !own && nested;
        if mode == IpcMode::Private {
            // Half of the memory is what the system itself gives a /dev/shm.
            shm_bytes =
                launch.linux.shm_bytes.unwrap_or_else(|| rustix::system::sysinfo().totalram / 2).max(1);
        }
    }
    make.mount = kinds.mount || shm_bytes > 0;
    // Its parent may have mounts of its own for either reason.
    join.mount = nested && (kinds.mount || kinds.ipc);
    (make, join, shm_bytes)
}

fn capabilities(
    launch: &Launch,
    held: &Held,
    containment: &Containment,
) -> Result<Option<Capabilities>, String> {
    let (effective, bounding) = (launch.linux.effective_capabilities, launch.linux.bounding_capabilities);
    if !held.capabilities {
        return if effective.is_some() || bounding.is_some() {
            Err("The container asks for capabilities, but this agent does not run with \
                 --isolation=linux/capabilities"
                .to_owned())
        } else {
            Ok(None)
        };
    }
    let allowed = containment.bounding_capabilities.unwrap_or_else(CapabilitySet::own);
    for (kind, wanted) in [("effective", effective), ("bounding", bounding)] {
        let beyond = wanted.unwrap_or_default().without(allowed);
        if !beyond.is_empty() {
            return Err(format!(
                "The {kind} capabilities that the container asks for are not allowed: {beyond}"
            ));
        }
    }
    let effective = effective.or(containment.effective_capabilities);
    let bounding = bounding.or(containment.bounding_capabilities);
    let (effective, bounding) = match (effective, bounding) {
        (None, None) => return Ok(None),
        (Some(one), None) | (None, Some(one)) => (one, one),
        (Some(effective), Some(bounding)) => (effective, bounding),
    };
    let beyond = effective.without(bounding);
    if !beyond.is_empty() {
        return Err(format!("The effective capabilities are not all among the bounding ones: {beyond}"));
    }
    Ok(Some(Capabilities { effective: effective.0, bounding: bounding.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::Linux;

    fn held() -> Held {
        Held {
            pid_namespace: true,
            ipc_namespace: true,
            mount_namespace: true,
            capabilities: true,
            ..Held::default()
        }
    }

    fn show(namespaces: Namespaces) -> String {
        let Namespaces { pid, ipc, mount } = namespaces;
        [(pid, 'p'), (ipc, 'i'), (mount, 'm')].iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect()
    }

    #[test]
    fn who_has_which_namespaces() {
        for (nested, class, share, mode, made, joined, shm) in [
            (false, Class::Default, false, IpcMode::Default, "pim", "", false),
            (false, Class::Default, true, IpcMode::ShareParent, "m", "", false),
            (false, Class::Default, false, IpcMode::Private, "pim", "", true),
            (true, Class::Default, false, IpcMode::Default, "pm", "im", false),
            (true, Class::Default, true, IpcMode::ShareParent, "m", "pim", false),
            (true, Class::Default, true, IpcMode::Private, "im", "pm", true),
            (true, Class::Debug, false, IpcMode::Private, "", "pim", false),
        ] {
            let launch = Launch {
                parent: nested.then(|| "p".to_owned()),
                class,
                linux: Linux { share_pid_namespace: share, ipc_mode: mode, ..Linux::default() },
                ..Launch::default()
            };
            let (make, join, shm_bytes) = namespaces(&launch, &held());
            assert_eq!(
                (show(make).as_str(), show(join).as_str(), shm_bytes > 0),
                (made, joined, shm),
                "{nested} {class:?} {share} {mode:?}"
            );
            let (make, join, shm_bytes) = namespaces(&launch, &Held::default());
            assert!(!make.any() && !join.any() && shm_bytes == 0);
        }
    }

    #[test]
    fn who_has_which_capabilities() {
        let set = |bits| Some(CapabilitySet(bits));
        for (asked, allowed, result) in [
            ((None, None), (None, None), Ok(None)),
            ((set(1), None), (None, set(3)), Ok(Some((1, 3)))),
            ((None, set(1)), (None, set(3)), Ok(Some((1, 1)))),
            ((None, None), (set(2), set(3)), Ok(Some((2, 3)))),
            ((set(1), None), (set(2), set(3)), Ok(Some((1, 3)))),
            ((set(4), None), (None, set(3)), Err("The effective capabilities that the container asks for")),
            ((set(3), set(1)), (None, set(3)), Err("The effective capabilities are not all among")),
            ((None, set(1)), (set(2), set(3)), Err("The effective capabilities are not all among")),
        ] {
            let linux =
                Linux { effective_capabilities: asked.0, bounding_capabilities: asked.1, ..Linux::default() };
            let launch = Launch { linux, ..Launch::default() };
            let isolation = Containment {
                effective_capabilities: allowed.0,
                bounding_capabilities: allowed.1,
                ..Containment::default()
            };
            match (capabilities(&launch, &held(), &isolation), result) {
                (Ok(got), Ok(expected)) => {
                    assert_eq!(got.map(|got| (got.effective, got.bounding)), expected);
                }
                (Err(got), Err(expected)) => assert!(got.starts_with(expected), "{got}"),
                (got, expected) => panic!("{got:?} instead of {expected:?}"),
            }
        }
        let linux = Linux { effective_capabilities: set(1), ..Linux::default() };
        let launch = Launch { linux, ..Launch::default() };
        assert!(capabilities(&launch, &Held::default(), &Containment::default()).is_err());
    }
}
