//! The supervisor: the parent of an agent's containers.
//!
//! A process of its own, so that containers live on when the agent is killed or upgraded, and so that
//! somebody is there to take their exit statuses. It has one thread and one poll loop, does what it is told
//! over a unix socket ([`protocol`]), and soon writes down two small files per container:
//! `containers/<id>/pid` (see `process`) and, at the end, `containers/<id>/status` (the raw wait status in decimal). They
//! stay until the agent says that it has dealt with the exit.
//!
//! It ends by itself when no container runs and no agent is connected. When it is ephemeral it also ends,
//! with all containers, as soon as the agent's connection closes.
//!
//! What does not live here: sandboxes, fetching, cgroup limits (the child only joins what the agent made).

mod agent;
mod children;
mod namespaces;
mod process;
pub mod protocol;
mod server;
mod table;

use std::{
    ffi::OsString,
    io::Write as _,
    os::fd::{AsFd as _, OwnedFd},
    os::unix::net::UnixListener,
    path::PathBuf,
    process::ExitCode,
};

/// Name of the socket in the runtime directory.
pub const SOCKET: &str = "supervisor.sock";

/// Name of the file with the supervisor's process id, for people and tests.
pub const PID_FILE: &str = "supervisor.pid";

/// How a supervisor is run; what its command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) runtime_dir: PathBuf,
    pub(crate) ephemeral: bool,
    pub(crate) remove_at_end: Vec<PathBuf>,
    pub(crate) remove_empty_at_end: Vec<PathBuf>,
}

impl Arguments {
    /// The words after `supervisor`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| format!("{} needs a value", argument.display()));
            match argument.to_str() {
                Some("--runtime-dir") => parsed.runtime_dir = value()?.into(),
                Some("--remove-at-end") => parsed.remove_at_end.push(value()?.into()),
                Some("--remove-empty-at-end") => parsed.remove_empty_at_end.push(value()?.into()),
                Some("--ephemeral") => parsed.ephemeral = true,
                _ => return Err(format!("unknown argument {}", argument.display())),
            }
        }
        if parsed.runtime_dir.as_os_str().is_empty() {
            return Err("--runtime-dir is missing".to_owned());
        }
        Ok(parsed)
    }

    /// The words to give to a new process.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let mut words = vec!["--runtime-dir".into(), self.runtime_dir.clone().into()];
        if self.ephemeral {
            words.push("--ephemeral".into());
        }
        for directory in &self.remove_at_end {
            words.extend(["--remove-at-end".into(), directory.clone().into()]);
        }
        for directory in &self.remove_empty_at_end {
            words.extend(["--remove-empty-at-end".into(), directory.clone().into()]);
        }
        words
    }
}

/// Runs a supervisor until its work is done. `arguments` are the words after `supervisor`; descriptor 0 is
/// the listening socket. To be called first thing in a process that has no other threads.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    crate::sys::default_signals();
    let result = Arguments::parse(arguments).and_then(|arguments| {
        let listener = inherit_listener().map_err(|error| {
            format!("descriptor 0 is not a listening socket ({error}); the agent starts supervisors, people need not")
        })?;
        server::Server::new(arguments, listener).and_then(server::Server::run).map_err(|error| error.to_string())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be left to read it.
            let _ = writeln!(std::io::stderr(), "tepui supervisor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the socket from descriptor 0 and puts /dev/null there.
fn inherit_listener() -> std::io::Result<UnixListener> {
    let stdin = std::io::stdin();
    let listener: OwnedFd = rustix::io::fcntl_dupfd_cloexec(stdin.as_fd(), 3)?;
    if !rustix::net::sockopt::socket_acceptconn(&listener)? {
        return Err(std::io::Error::from(std::io::ErrorKind::NotConnected));
    }
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    let listener = UnixListener::from(listener);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_reads_what_it_writes() {
        let arguments = Arguments {
            runtime_dir: "/run/x y".into(),
            ephemeral: true,
            remove_at_end: vec!["/tmp/a".into(), "/tmp/b".into()],
            remove_empty_at_end: vec!["/tmp/c".into()],
        };
        assert_eq!(Arguments::parse(arguments.to_words()), Ok(arguments));
        assert!(Arguments::parse([]).is_err());
        assert!(Arguments::parse(["--runtime-dir".into()]).is_err());
        assert!(Arguments::parse(["--what".into()]).is_err());
    }
}
