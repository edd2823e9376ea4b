//! Making processes: a container's own, the first of a [pid namespace](pid_namespace), and trials.
//!
//! A child shares this process's memory until its program is executed, and this process stands still until
//! then. So it costs what the program costs, not what this process weighs; between the two only system calls
//! are made, on memory that was allocated before.

pub(crate) mod pid_namespace;

use std::{
    cell::Cell,
    ffi::{CStr, CString},
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd as _, BorrowedFd},
    ptr,
};

use crate::{capabilities::Capabilities, launch::Rlimit, user::Credentials};

/// What a child is started with; all of it lives as long as the call.
#[derive(Debug)]
pub(crate) struct Child<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) arguments: &'a [CString],
    pub(crate) environment: &'a [CString],
    pub(crate) directory: &'a CStr,
    pub(crate) stdio: Stdio<'a>,
    pub(crate) credentials: Option<&'a Credentials>,
    pub(crate) rlimits: &'a [Rlimit],
    /// Files of cgroups to join.
    pub(crate) cgroup_procs: &'a [CString],
    /// Namespaces to enter, mount namespaces last.
    pub(crate) enter: &'a [BorrowedFd<'a>],
    /// `CLONE_NEW*` of namespaces to make.
    pub(crate) unshare: i32,
    /// A private `/proc`.
    pub(crate) mount_proc: bool,
    /// Options of a private `/dev/shm`.
    pub(crate) mount_shm: Option<&'a CStr>,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) no_new_privileges: bool,
}

/// Where its standard input comes from and its output goes to.
#[derive(Debug)]
pub(crate) enum Stdio<'a> {
    /// Nothing, and files to append to.
    Files { stdout: &'a CStr, stderr: &'a CStr },
    /// These.
    Pipes([BorrowedFd<'a>; 3]),
    /// This, which is to control the session.
    Tty(BorrowedFd<'a>),
}

/// How far a child came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Clone,
    Session,
    Stdio,
    Terminal,
    Cgroup,
    Namespaces,
    Mounts,
    Rlimits,
    User,
    Capabilities,
    Privileges,
    Directory,
    Execute,
}

/// A child that was not to be.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) error: io::Error,
}

const LOG_FLAGS: i32 =
    libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_NOFOLLOW | libc::O_NOCTTY | libc::O_CLOEXEC;
/// Words of 16 bytes of a child's stack.
const STACK_WORDS: usize = 4096;

/// Starts a child in its own session.
pub(crate) fn spawn(child: &Child<'_>) -> Result<i32, Failure> {
    let arguments = pointers(child.arguments);
    let environment = pointers(child.environment);
    let plan = Plan {
        child,
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        failure: Cell::new(None),
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let pid =
        clone(run, flags, (&raw const plan).cast()).map_err(|error| Failure { step: Step::Clone, error })?;
    match plan.failure.get() {
        None => Ok(pid),
        Some((step, errno)) => {
            // It has ended by itself.
            wait_for(pid);
            Err(Failure { step, error: io::Error::from_raw_os_error(errno) })
        }
    }
}

/// Whether this process may make such namespaces (`CLONE_NEW*`): tries it in a child.
pub(crate) fn may_unshare(flags: i32) -> io::Result<()> {
    let outcome = Trial { flags, errno: Cell::new(0) };
    let pid =
        clone(try_unshare, libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD, (&raw const outcome).cast())?;
    wait_for(pid);
    match outcome.errno.get() {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Waits for one child that is known to end.
pub(crate) fn wait_for(pid: i32) {
    // SAFETY: the status may be null.
    while unsafe { libc::waitpid(pid, ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

type Main = extern "C" fn(*mut libc::c_void) -> libc::c_int;

fn clone(main: Main, flags: i32, argument: *const libc::c_void) -> io::Result<i32> {
    let mut stack: Vec<MaybeUninit<u128>> = vec![MaybeUninit::uninit(); STACK_WORDS];
    // SAFETY: the stack grows down from its end and is large enough for what these functions do; with
    // CLONE_VM this thread is held by CLONE_VFORK until the child needs neither stack nor argument any more,
    // and without it the child has copies.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len());
        libc::clone(main, top.cast(), flags, argument.cast_mut())
    };
    if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid) }
}

struct Trial {
    flags: i32,
    errno: Cell<i32>,
}

extern "C" fn try_unshare(argument: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `may_unshare` gave a Trial that lives until this process ends.
    unsafe {
        let trial = &*argument.cast::<Trial>();
        if libc::unshare(trial.flags) != 0 {
            trial.errno.set(errno());
        }
        libc::_exit(0)
    }
}

/// Everything that a child needs, and what it leaves behind.
struct Plan<'a> {
    child: &'a Child<'a>,
    arguments: *const *mut libc::c_char,
    environment: *const *mut libc::c_char,
    failure: Cell<Option<(Step, i32)>>,
}

extern "C" fn run(argument: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `spawn` gave a Plan that lives until the program is executed or this process ends.
    unsafe {
        let plan = &*argument.cast::<Plan<'_>>();
        let step = execute(plan);
        plan.failure.set(Some((step, errno())));
        libc::_exit(127)
    }
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Comes back only when something failed: with what, and why in errno.
///
/// # Safety
/// Only in a child that [`clone`] made. Makes system calls only; whatever it points to is in `plan`.
unsafe fn execute(plan: &Plan<'_>) -> Step {
    let child = plan.child;
    // SAFETY: as above. Every string ends with NUL and every array with a null pointer.
    unsafe {
        if libc::setsid() < 0 {
            return Step::Session;
        }
        if !redirect(&child.stdio) {
            return Step::Stdio;
        }
        if matches!(child.stdio, Stdio::Tty(_)) && libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
            return Step::Terminal;
        }
        for procs in child.cgroup_procs {
            let file = libc::open(procs.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            if file < 0 || libc::write(file, c"0".as_ptr().cast(), 1) != 1 {
                return Step::Cgroup;
            }
            libc::close(file);
        }
        for namespace in child.enter {
            if libc::setns(namespace.as_raw_fd(), 0) < 0 {
                return Step::Namespaces;
            }
        }
        if child.unshare != 0 && libc::unshare(child.unshare) < 0 {
            return Step::Namespaces;
        }
        if child.unshare & libc::CLONE_NEWNS != 0 && !mount(child) {
            return Step::Mounts;
        }
        for rlimit in child.rlimits {
            let limit = libc::rlimit { rlim_cur: rlimit.soft, rlim_max: rlimit.hard };
            if libc::prlimit(0, rlimit.resource, &raw const limit, ptr::null_mut()) < 0 {
                return Step::Rlimits;
            }
        }
        if let Some(capabilities) = &child.capabilities
            && !bound(*capabilities, child.credentials)
        {
            return Step::Capabilities;
        }
        if let Some(credentials) = child.credentials
            && !become_user(credentials)
        {
            return Step::User;
        }
        if let Some(capabilities) = &child.capabilities
            && !take(*capabilities)
        {
            return Step::Capabilities;
        }
        if child.no_new_privileges && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 {
            return Step::Privileges;
        }
        if libc::chdir(child.directory.as_ptr()) < 0 {
            return Step::Directory;
        }
        // The runtime ignores SIGPIPE and the supervisor blocks SIGCHLD; the program must not inherit that.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::execve(child.path.as_ptr(), plan.arguments.cast(), plan.environment.cast());
    }
    Step::Execute
}

/// # Safety
/// As [`execute`].
unsafe fn redirect(stdio: &Stdio<'_>) -> bool {
    // SAFETY: as above.
    unsafe {
        let place = |from: i32, to: i32| {
            // On itself dup2 would leave it to be closed on execution.
            if from == to { libc::fcntl(from, libc::F_SETFD, 0) >= 0 } else { libc::dup2(from, to) >= 0 }
        };
        match stdio {
            Stdio::Files { stdout, stderr } => {
                let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
                let stdout = libc::open(stdout.as_ptr(), LOG_FLAGS, 0o644);
                let stderr = libc::open(stderr.as_ptr(), LOG_FLAGS, 0o644);
                null >= 0
                    && stdout >= 0
                    && stderr >= 0
                    && place(null, 0)
                    && place(stdout, 1)
                    && place(stderr, 2)
            }
            Stdio::Pipes([stdin, stdout, stderr]) => {
                place(stdin.as_raw_fd(), 0) && place(stdout.as_raw_fd(), 1) && place(stderr.as_raw_fd(), 2)
            }
            Stdio::Tty(tty) => (0..3).all(|to| place(tty.as_raw_fd(), to)),
        }
    }
}

/// Makes the new mount namespace the container's own: what is mounted in it stays in it.
///
/// # Safety
/// As [`execute`].
unsafe fn mount(child: &Child<'_>) -> bool {
    let quiet = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: as above.
    unsafe {
        let slave = libc::MS_REC | libc::MS_SLAVE;
        if libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), slave, ptr::null()) < 0 {
            return false;
        }
        let proc = c"proc".as_ptr();
        if child.mount_proc && libc::mount(proc, c"/proc".as_ptr(), proc, quiet, ptr::null()) < 0 {
            return false;
        }
        if let Some(options) = child.mount_shm {
            let tmpfs = c"tmpfs".as_ptr();
            let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_STRICTATIME;
            if libc::mount(tmpfs, c"/dev/shm".as_ptr(), tmpfs, flags, options.as_ptr().cast()) < 0 {
                return false;
            }
        }
    }
    true
}

/// Changes this process only: the C library's own functions would ask all threads of the memory.
///
/// # Safety
/// As [`execute`].
unsafe fn become_user(credentials: &Credentials) -> bool {
    let (uid, gid) = (credentials.uid, credentials.gid);
    // SAFETY: as above; the groups are as many as is said.
    unsafe {
        libc::syscall(libc::SYS_setgroups, credentials.groups.len(), credentials.groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, gid, gid, gid) == 0
            && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
    }
}

/// Before the change of user: what can ever be had, and that it is not lost with root.
///
/// # Safety
/// As [`execute`].
unsafe fn bound(capabilities: Capabilities, credentials: Option<&Credentials>) -> bool {
    const SECBIT_NOROOT: i32 = 1;
    // SAFETY: as above; no pointers.
    unsafe {
        for number in 0..u64::BITS {
            let held = libc::prctl(libc::PR_CAPBSET_READ, number, 0, 0, 0);
            if held < 0 {
                // The kernel has no more.
                break;
            }
            if capabilities.bounding & (1 << number) == 0
                && held == 1
                && libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) < 0
            {
                return false;
            }
        }
        let stays_root = credentials.is_none_or(|credentials| credentials.uid == 0);
        // Without this root would be given the whole bounding set when it executes something.
        if stays_root
            && capabilities.effective != capabilities.bounding
            && libc::prctl(libc::PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0) < 0
        {
            return false;
        }
        libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0
    }
}

/// After the change of user: what the program has from the start.
///
/// # Safety
/// As [`execute`].
unsafe fn take(capabilities: Capabilities) -> bool {
    const VERSION_3: u32 = 0x2008_0522;
    let (low, high) = (low_half(capabilities.effective), low_half(capabilities.effective >> 32));
    let header = [VERSION_3, 0];
    let sets = [low, low, low, high, high, high];
    // SAFETY: as above; the layouts are the kernel's: version and pid, then effective, permitted and
    // inheritable of each half.
    unsafe {
        if libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) != 0 {
            return false;
        }
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        (0..u64::BITS)
            .filter(|number| capabilities.effective & (1 << number) != 0)
            .all(|number| libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) == 0)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
const fn low_half(bits: u64) -> u32 {
    bits as u32
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    strings.iter().map(|string| string.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}
