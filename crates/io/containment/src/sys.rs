//! The few system calls that no safe interface offers. All unsafe code of this crate is here.
//!
//! Nothing is decided here: each function is one thing that the supervisor asks of the system.
#![expect(unsafe_code, reason = "posix_spawn, signalfd, waitid, openpty and what runs between fork and exec")]

use std::{
    ffi::{CStr, CString},
    io,
    mem::MaybeUninit,
    os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    ptr,
};

use tokio::io::unix::AsyncFd;

use crate::{
    launch::{self, Rlimit},
    user::Credentials,
};

/// Blocks SIGCHLD in this thread and gives a descriptor that becomes readable when a child ends.
pub(crate) fn child_signals() -> io::Result<OwnedFd> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set before anything reads it; the other calls get pointers to it
    // that are valid for their duration; the descriptor that signalfd returns is owned by nobody else.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let descriptor = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Undoes what was ignored before this program began (`nohup` ignores SIGHUP): an ignored signal stays ignored
/// through exec, and containers are to be started as if by nobody. SIGPIPE is the business of Rust's runtime.
pub(crate) fn default_signals() {
    let ignorable = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGCHLD,
        libc::SIGALRM,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGWINCH,
    ];
    for signal in ignorable {
        // SAFETY: sets the default action, which is no code of ours.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// Makes every descriptor from 3 on close when a program is executed, whoever opened it. Best effort.
pub(crate) fn close_inherited_on_exec() {
    let cloexec = i32::try_from(libc::CLOSE_RANGE_CLOEXEC).unwrap_or_default();
    // SAFETY: only sets a flag on descriptors; takes no pointers.
    unsafe {
        libc::close_range(3, u32::MAX, cloexec);
    }
}

/// Tells the runtime's reactor about a descriptor.
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open as long as it lives, always has the same number, and is given away here.
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}

/// A child that has ended, left as it is: its process id (and group) stay taken until [`reap`].
pub(crate) fn ended_child() -> Option<i32> {
    ended(libc::WNOHANG)
}

/// Waits for a child to end. `None`: there are no children.
pub(crate) fn wait_for_ended_child() -> Option<i32> {
    ended(0)
}

fn ended(flags: i32) -> Option<i32> {
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: `info` is valid for writing, and zeroed, so that si_pid is 0 when no child has ended.
        let pid = unsafe {
            if libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), libc::WEXITED | libc::WNOWAIT | flags) != 0 {
                if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                return None;
            }
            info.assume_init_ref().si_pid()
        };
        return (pid > 0).then_some(pid);
    }
}

/// Takes the status of a child that has ended.
pub(crate) fn reap(pid: i32) -> Option<i32> {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let reaped = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
    (reaped == pid).then_some(status)
}

/// The session of a process (0: this one); 0 when its leader is outside this process's pid namespace.
///
/// rustix has no name for that 0: its `getsid` panics on it.
pub(crate) fn session(pid: i32) -> io::Result<i32> {
    // SAFETY: takes no pointers.
    let session = unsafe { libc::getsid(pid) };
    if session < 0 { Err(io::Error::last_os_error()) } else { Ok(session) }
}

/// Sends a signal to a process, or with a negative number to a group.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers. 0, -1 and 1 mean "many" or "init": never ours.
    if (-1..=1).contains(&pid) || unsafe { libc::kill(pid, signal) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// What a child is started with; the strings live as long as the call.
pub(crate) struct Child<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) arguments: &'a [CString],
    pub(crate) environment: &'a [CString],
    pub(crate) directory: &'a CStr,
    pub(crate) stdout: &'a CStr,
    pub(crate) stderr: &'a CStr,
}

/// What a child does before its program is executed, where posix_spawn cannot.
pub(crate) struct Preparation<'a> {
    pub(crate) credentials: Option<&'a Credentials>,
    pub(crate) rlimits: &'a [Rlimit],
    pub(crate) cgroup_procs: &'a [CString],
}

const LOG_FLAGS: i32 = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_NOFOLLOW;

/// Starts a child in its own session with posix_spawn, which shares the parent's memory until the program
/// is executed and so costs what the program costs, not what the parent weighs.
pub(crate) fn spawn(child: &Child<'_>) -> io::Result<i32> {
    let arguments = pointers(child.arguments);
    let environment = pointers(child.environment);
    let mut attributes = Attributes::new()?;
    let mut actions = Actions::new()?;
    let flags =
        i32::from(libc::POSIX_SPAWN_SETSID) | libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK;
    let mut pid = 0;
    // SAFETY: `attributes` and `actions` are initialised and stay so until they are dropped; all strings
    // end with NUL and all arrays with a null pointer, and they outlive the call; `pid` is valid for writing.
    let result = unsafe {
        let attributes = attributes.0.as_mut_ptr();
        let actions = actions.0.as_mut_ptr();
        let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(mask.as_mut_ptr());
        check(libc::posix_spawnattr_setsigmask(attributes, mask.as_ptr()))?;
        // The runtime ignores SIGPIPE; the program must not inherit that.
        libc::sigaddset(mask.as_mut_ptr(), libc::SIGPIPE);
        check(libc::posix_spawnattr_setsigdefault(attributes, mask.as_ptr()))?;
        check(libc::posix_spawnattr_setflags(attributes, i16::try_from(flags).unwrap_or_default()))?;
        let null = c"/dev/null".as_ptr();
        check(libc::posix_spawn_file_actions_addopen(actions, 0, null, libc::O_RDONLY, 0))?;
        check(libc::posix_spawn_file_actions_addopen(actions, 1, child.stdout.as_ptr(), LOG_FLAGS, 0o644))?;
        check(libc::posix_spawn_file_actions_addopen(actions, 2, child.stderr.as_ptr(), LOG_FLAGS, 0o644))?;
        check(libc::posix_spawn_file_actions_addchdir_np(actions, child.directory.as_ptr()))?;
        libc::posix_spawn(
            &raw mut pid,
            child.path.as_ptr(),
            actions,
            attributes,
            arguments.as_ptr(),
            environment.as_ptr(),
        )
    };
    check(result).map(|()| pid)
}

/// The ends of a child's input and output that the agent gets.
#[derive(Debug)]
pub(crate) enum AgentEnds {
    None,
    /// To its input, from its output and its error output.
    Pipes([OwnedFd; 3]),
    /// The master.
    Tty(OwnedFd),
}

/// The ends that the child gets.
#[derive(Debug)]
pub(crate) enum ChildEnds {
    Files,
    Pipes([OwnedFd; 3]),
    Tty(OwnedFd),
}

/// Makes pipes or a terminal; a terminal belongs to the one who will use it.
pub(crate) fn stdio(
    stdio: launch::Stdio,
    credentials: Option<&Credentials>,
) -> io::Result<(AgentEnds, ChildEnds)> {
    match stdio {
        launch::Stdio::Files => Ok((AgentEnds::None, ChildEnds::Files)),
        launch::Stdio::Pipes => {
            let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
            let ((child_in, agent_in), (agent_out, child_out), (agent_err, child_err)) =
                (pipe()?, pipe()?, pipe()?);
            let agent_ends = AgentEnds::Pipes([agent_in, agent_out, agent_err]);
            Ok((agent_ends, ChildEnds::Pipes([child_in, child_out, child_err])))
        }
        launch::Stdio::Tty { rows, columns } => {
            let (master, slave) = open_terminal(rows, columns)?;
            if let Some(credentials) = credentials {
                std::os::unix::fs::fchown(&slave, Some(credentials.uid), None)?;
            }
            Ok((AgentEnds::Tty(master), ChildEnds::Tty(slave)))
        }
    }
}

fn open_terminal(rows: u16, columns: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: the numbers are valid for writing and `size` for reading; no name and no settings are asked
    // for; both descriptors that it gives are owned by nobody else.
    let (master, slave) = unsafe {
        check_errno(libc::openpty(
            &raw mut master,
            &raw mut slave,
            ptr::null_mut(),
            ptr::null(),
            &raw const size,
        ))?;
        (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    };
    for descriptor in [&master, &slave] {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((master, slave))
}

/// Starts a child that first becomes another user, joins cgroups or sets limits, or that has other input and
/// output than files.
pub(crate) fn spawn_prepared(
    child: &Child<'_>,
    preparation: &Preparation<'_>,
    ends: ChildEnds,
) -> io::Result<i32> {
    let open = |path: &CStr| {
        let flags = rustix::fs::OFlags::WRONLY
            | rustix::fs::OFlags::CREATE
            | rustix::fs::OFlags::APPEND
            | rustix::fs::OFlags::NOFOLLOW
            | rustix::fs::OFlags::CLOEXEC;
        rustix::fs::open(path, flags, rustix::fs::Mode::from_raw_mode(0o644))
    };
    // The program is not `Command`'s own: the closure executes it itself, with the pointers made here.
    let mut command = Command::new("/");
    let mut plan = Plan::new(child, preparation);
    match ends {
        ChildEnds::Files => {
            command.stdin(Stdio::null()).stdout(open(child.stdout)?).stderr(open(child.stderr)?);
        }
        ChildEnds::Pipes([stdin, stdout, stderr]) => {
            command.stdin(stdin).stdout(stdout).stderr(stderr);
        }
        ChildEnds::Tty(slave) => {
            plan.controlling_terminal = true;
            command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave);
        }
    }
    // SAFETY: between fork and exec `Plan::run` only makes system calls on memory allocated before the fork.
    unsafe {
        command.pre_exec(move || plan.run());
    }
    let child = command.spawn()?;
    i32::try_from(child.id()).map_err(io::Error::other)
}

/// Everything the forked child needs, allocated before the fork.
struct Plan {
    path: CString,
    arguments: Vec<CString>,
    argument_pointers: Vec<*mut libc::c_char>,
    environment: Vec<CString>,
    environment_pointers: Vec<*mut libc::c_char>,
    directory: CString,
    credentials: Option<Credentials>,
    rlimits: Vec<Rlimit>,
    cgroup_procs: Vec<CString>,
    /// Standard input is a terminal that is to control the session.
    controlling_terminal: bool,
}

// SAFETY: the pointers point into the strings of the same value, which nobody changes.
unsafe impl Send for Plan {}
// SAFETY: as above; `run` only reads.
unsafe impl Sync for Plan {}

impl Plan {
    fn new(child: &Child<'_>, preparation: &Preparation<'_>) -> Self {
        let (arguments, environment) = (child.arguments.to_vec(), child.environment.to_vec());
        Self {
            path: child.path.to_owned(),
            // A CString's bytes are on the heap: moving the CString does not move them.
            argument_pointers: pointers(&arguments),
            arguments,
            environment_pointers: pointers(&environment),
            environment,
            directory: child.directory.to_owned(),
            credentials: preparation.credentials.cloned(),
            rlimits: preparation.rlimits.to_vec(),
            cgroup_procs: preparation.cgroup_procs.to_vec(),
            controlling_terminal: false,
        }
    }

    /// Runs in the forked child. Returns only when something failed.
    fn run(&self) -> io::Result<()> {
        debug_assert_eq!(self.arguments.len() + 1, self.argument_pointers.len());
        debug_assert_eq!(self.environment.len() + 1, self.environment_pointers.len());
        // SAFETY: async-signal-safe system calls only; every pointer is to memory that this value owns.
        unsafe {
            check_errno(libc::setsid())?;
            if self.controlling_terminal {
                check_errno(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
            }
            for procs in &self.cgroup_procs {
                let file = libc::open(procs.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                check_errno(file)?;
                let written = libc::write(file, c"0".as_ptr().cast(), 1);
                let error = io::Error::last_os_error();
                libc::close(file);
                if written != 1 {
                    return Err(error);
                }
            }
            for rlimit in &self.rlimits {
                let limit = libc::rlimit { rlim_cur: rlimit.soft, rlim_max: rlimit.hard };
                check_errno(libc::prlimit(0, rlimit.resource, &raw const limit, ptr::null_mut()))?;
            }
            if let Some(credentials) = &self.credentials {
                check_errno(libc::setgroups(credentials.groups.len(), credentials.groups.as_ptr()))?;
                check_errno(libc::setresgid(credentials.gid, credentials.gid, credentials.gid))?;
                check_errno(libc::setresuid(credentials.uid, credentials.uid, credentials.uid))?;
            }
            check_errno(libc::chdir(self.directory.as_ptr()))?;
            libc::execve(
                self.path.as_ptr(),
                self.argument_pointers.as_ptr().cast(),
                self.environment_pointers.as_ptr().cast(),
            );
        }
        Err(io::Error::last_os_error())
    }
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    strings.iter().map(|string| string.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

fn check(errno: i32) -> io::Result<()> {
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

fn check_errno(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

struct Attributes(MaybeUninit<libc::posix_spawnattr_t>);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: initialises what it is given.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        Ok(Self(attributes))
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`.
        unsafe {
            libc::posix_spawnattr_destroy(self.0.as_mut_ptr());
        }
    }
}

struct Actions(MaybeUninit<libc::posix_spawn_file_actions_t>);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: initialises what it is given.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        Ok(Self(actions))
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`.
        unsafe {
            libc::posix_spawn_file_actions_destroy(self.0.as_mut_ptr());
        }
    }
}

/// True when `path` may be executed by this process.
pub(crate) fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}
