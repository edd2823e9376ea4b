//! The few system calls that no safe interface offers. All unsafe code of this crate is here.
//!
//! Nothing is decided here: each function is one thing that the supervisor asks of the system.
#![expect(unsafe_code, reason = "signalfd, waitid, openpty, clone and what runs between clone and exec")]

pub(crate) mod spawn;

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    path::Path,
    ptr,
};

use tokio::io::unix::AsyncFd;

use crate::{launch, user::Credentials};

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

fn check_errno(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets the children of this thread be made in another pid namespace from now on.
pub(crate) fn enter_for_children(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes a descriptor that is open and no pointers.
    check_errno(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWPID) })
}

/// True when `path` may be executed by this process.
pub(crate) fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}
