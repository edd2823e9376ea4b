//! Namespaces of process ids, with their first processes.

use std::{
    cell::Cell,
    fs, io,
    mem::MaybeUninit,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr,
};

use rustix::process::{Signal, pidfd_send_signal};

use super::{STACK_WORDS, clone, errno, wait_for};

/// Makes a pid namespace with its first process, which does nothing but take in orphans.
pub(crate) fn new() -> io::Result<i32> {
    clone(take_in_orphans, libc::CLONE_NEWPID | libc::SIGCHLD, ptr::null())
}

/// Makes a pid namespace below the one that children are made in now, which may be another than our own. Its
/// first process is a child of ours all the same.
///
/// A namespace is always made below that of the process that makes it: so a child makes it, as our sibling.
pub(crate) fn below() -> io::Result<i32> {
    let mut stack: Vec<MaybeUninit<u128>> = vec![MaybeUninit::uninit(); STACK_WORDS];
    let top = stack.as_mut_ptr_range().end;
    let below = Below { top: top.cast(), pidfd: Cell::new(-1), errno: Cell::new(libc::ESRCH) };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES | libc::SIGCHLD;
    let helper = clone(make_below, flags, (&raw const below).cast())?;
    wait_for(helper);
    // Who was killed on the way leaves nothing.
    let error = || io::Error::from_raw_os_error(below.errno.get());
    if below.pidfd.get() < 0 {
        return Err(error());
    }
    // SAFETY: the descriptors of the child were ours, and nobody else knows of this one.
    let pidfd = unsafe { OwnedFd::from_raw_fd(below.pidfd.get()) };
    number(&pidfd).ok_or_else(|| {
        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        error()
    })
}

/// The number that we know a process by.
fn number(pidfd: &OwnedFd) -> Option<i32> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())?;
    (pid > 1).then_some(pid)
}

/// What a child needs that makes a namespace, and what it leaves behind.
struct Below {
    /// Of a stack for the first process.
    top: *mut libc::c_void,
    pidfd: Cell<i32>,
    errno: Cell<i32>,
}

extern "C" fn make_below(argument: *mut libc::c_void) -> libc::c_int {
    let flags = libc::CLONE_NEWPID | libc::CLONE_PARENT | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: `below` gave a Below that lives until this process ends, with a stack that nobody else
    // uses; the first process has a copy of everything.
    unsafe {
        let below = &*argument.cast::<Below>();
        if libc::clone(take_in_orphans, below.top, flags, ptr::null_mut(), below.pidfd.as_ptr()) < 0 {
            below.errno.set(errno());
        }
        libc::_exit(0)
    }
}

extern "C" fn take_in_orphans(_: *mut libc::c_void) -> libc::c_int {
    // SAFETY: system calls without pointers, but for names that are constant.
    unsafe {
        // Orphans whose end nobody wants to know go by themselves.
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        libc::setsid();
        libc::prctl(libc::PR_SET_NAME, c"tepui-init".as_ptr());
        libc::close_range(0, u32::MAX, 0);
        loop {
            libc::pause();
        }
    }
}
