//! Namespaces of containers: which the next child is made in, and which it enters.
//!
//! A container with process ids of its own has two processes at least. The first of the namespace does nothing
//! but take in orphans; the container's process is the second, so that it is not surprised by being the first
//! (for which signals have no default effect). Both are children of the supervisor, which so learns exactly
//! how the container's process ended, and ends the first one then, and with it all that is left.
//!
//! A nested container's namespace is below that of its parent, whose processes see those inside; the kernel
//! ends it with its parent's.

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use super::protocol::Namespaces;
use crate::sys::{
    self,
    spawn::{self, pid_namespace},
};

/// This process's own namespace of process ids.
#[derive(Debug)]
pub(crate) struct OwnPids(OwnedFd);

impl OwnPids {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self(open("self", "pid")?))
    }

    /// Makes a child in a pid namespace: that of `parent` or our own, or a new one below it. The second result
    /// is the first process of a new one.
    pub(crate) fn child_in<T, E>(
        &self,
        new: bool,
        parent: Option<i32>,
        failed: impl Fn(io::Error) -> E,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Option<i32>), E> {
        if !new && parent.is_none() {
            return make().map(|child| (child, None));
        }
        let mut init = None;
        let result = enter(new, parent, &mut init).map_err(failed).and_then(|()| make());
        let restored = sys::enter_for_children(self.0.as_fd());
        if restored.is_err() || result.is_err() {
            if let Some(init) = init {
                let _ = sys::kill(init, libc::SIGKILL);
                spawn::wait_for(init);
            }
            // Every child from now on would be in the wrong place: what is left is for the next supervisor.
            if restored.is_err() {
                std::process::abort();
            }
        }
        result.map(|child| (child, init))
    }
}

/// Has the next children made in the namespace of `parent`, or in a new one below it, of which `init` becomes
/// the first process.
fn enter(new: bool, parent: Option<i32>, init: &mut Option<i32>) -> io::Result<()> {
    let enter = |member: i32| sys::enter_for_children(open(&member.to_string(), "pid")?.as_fd());
    parent.map_or(Ok(()), enter)?;
    if !new {
        return Ok(());
    }
    let made = if parent.is_some() { pid_namespace::below() } else { pid_namespace::new() };
    enter(*init.insert(made?))
}

/// The other namespaces of `parent`, mounts last: with them the names of everything change.
pub(crate) fn of_parent(join: Namespaces, parent: Option<i32>) -> io::Result<Vec<OwnedFd>> {
    let Some(parent) = parent else { return Ok(Vec::new()) };
    let parent = parent.to_string();
    let wanted = [(join.ipc, "ipc"), (join.mount, "mnt")];
    wanted.iter().filter(|(joins, _)| *joins).map(|(_, kind)| open(&parent, kind)).collect()
}

/// What to unshare for those of its own; process ids are not among it.
pub(crate) fn flags(make: Namespaces) -> i32 {
    let ipc = if make.ipc { libc::CLONE_NEWIPC } else { 0 };
    let mount = if make.mount { libc::CLONE_NEWNS } else { 0 };
    ipc | mount
}

fn open(process: &str, kind: &str) -> io::Result<OwnedFd> {
    Ok(File::open(format!("/proc/{process}/ns/{kind}"))?.into())
}
