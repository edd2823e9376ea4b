//! From prepared to ended: what the supervisor tells of containers, and what follows from it.

use std::{fs::File, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use super::{Actor, Done};
use crate::{
    cgroup::Cgroup,
    containerizer::{
        Event, FailureKind,
        containers::{Exit, Preparation, Remains},
        limitation,
        prepare::{PrepareError, Prepared},
    },
    io::KeptIo,
    supervisor::protocol,
};

impl Actor {
    pub(super) fn prepared(&mut self, container_id: String, result: Result<Prepared, PrepareError>) {
        let cgroup = result.as_ref().map(|prepared| prepared.cgroup.clone()).unwrap_or_default();
        match (self.containers.prepared(&container_id, cgroup), result) {
            (Preparation::Unknown, _) => {}
            (Preparation::Destroyed, _) => {
                let message = "The container was destroyed while it was being launched".to_owned();
                self.launch_failed(container_id, FailureKind::Destroyed, message);
            }
            (Preparation::Wanted, Ok(Prepared { spawn, .. })) => {
                if self.link.version() < 2 && !spawn.is_of_version_one() {
                    let message = "The running supervisor is of an earlier version, which cannot do this; it is \
                                   replaced once its containers have ended";
                    self.launch_failed(container_id, FailureKind::Spawn, message.to_owned());
                } else {
                    self.link.request(&protocol::Request::Launch(Box::new(spawn)));
                }
            }
            (Preparation::Wanted, Err(error)) => {
                self.launch_failed(container_id, error.kind, error.message);
            }
        }
    }

    pub(super) fn handle_event(&mut self, event: protocol::Event) {
        match event {
            protocol::Event::Started { container_id, pid } => self.started(container_id, pid),
            protocol::Event::LaunchFailed { container_id, errno, what } => {
                self.leave_word(&container_id, &what);
                let kind = match errno {
                    0 => FailureKind::Spawn,
                    libc::ENOENT => FailureKind::NoProgram,
                    _ => FailureKind::NotExecutable,
                };
                self.launch_failed(container_id, kind, what);
            }
            protocol::Event::Exited { container_id, status } => self.exited(container_id, status),
            protocol::Event::Io { container_id, tty } => {
                match self.link.take_descriptors().and_then(|set| KeptIo::new(tty, set)) {
                    Some(io) if self.containers.get(&container_id).is_some() || tty => {
                        self.ios.insert(container_id, io);
                    }
                    Some(_) => {}
                    None => tracing::warn!(
                        container = container_id,
                        "its input and output did not arrive: does this process have too many descriptors?"
                    ),
                }
            }
            protocol::Event::Hello { .. } | protocol::Event::Container { .. } | protocol::Event::ListEnd => {}
        }
    }

    pub(super) fn started(&mut self, container_id: String, pid: i32) {
        let Some(destroyed) = self.containers.started(&container_id, pid) else { return };
        if let Some(container) = self.containers.get(&container_id) {
            self.memory.started(&container_id, &container.cgroup);
        }
        if destroyed {
            self.kill_group(container_id.clone());
        }
        self.waiting.push_back(Event::Started { container_id, pid });
    }

    pub(super) fn kill_group(&mut self, container_id: String) {
        let kill = protocol::Request::Signal { container_id, signal: libc::SIGKILL, group: true };
        self.link.request(&kill);
    }

    /// Two supervisors: the one was asked for the process, the other knows nothing of it.
    pub(super) fn never_started(&mut self, container_id: String) {
        let message = "The supervisor was lost before it started the process".to_owned();
        self.launch_failed(container_id, FailureKind::Spawn, message);
    }

    /// Tells the failure once the container's cgroup is gone.
    fn launch_failed(&mut self, container_id: String, kind: FailureKind, message: String) {
        let Some(cgroup) = self.containers.failed(&container_id) else { return };
        let event = Event::LaunchFailed { container_id, kind, message };
        if cgroup.exists() {
            self.work.spawn_blocking(move || {
                cgroup.destroy();
                Done::Ended(event)
            });
        } else {
            self.ended(event);
        }
    }

    /// Says in the sandbox why there is nothing else in it: there its owner looks first.
    fn leave_word(&self, container_id: &str, what: &str) {
        let sandbox = self.containers.get(container_id).and_then(|container| container.sandbox.as_ref());
        let Some(sandbox) = sandbox else { return };
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let stderr =
            File::options().append(true).create(true).custom_flags(flags).open(sandbox.join("stderr"));
        // The failure is told in any case.
        let _ = stderr.and_then(|mut stderr| writeln!(stderr, "{what}"));
    }

    /// Ends what is nested in the container first.
    pub(super) fn exited(&mut self, container_id: String, status: Option<i32>) {
        self.memory.ended(&container_id);
        match self.containers.exited(&container_id, status) {
            Exit::Empty => self.emptied(container_id, status),
            Exit::Nested(nested) => nested.into_iter().for_each(|nested| self.destroy(nested)),
            Exit::Unknown => {}
        }
    }

    /// Tells the exit once nothing is left of the container.
    fn emptied(&mut self, container_id: String, status: Option<i32>) {
        let Some(remains) = self.containers.emptied(&container_id) else { return };
        let Remains { cgroup, limitation, noted } = remains;
        if cgroup == Cgroup::default() {
            self.ended(Event::Exited { container_id, status, limitation });
            return;
        }
        self.work.spawn_blocking(move || {
            let limitation = limitation.or_else(|| limitation::of_memory(&cgroup, status, &noted));
            cgroup.destroy();
            Done::Ended(Event::Exited { container_id, status, limitation })
        });
    }

    /// Nothing is left of a container, which is what its parent may have waited for.
    pub(super) fn ended(&mut self, event: Event) {
        let (Event::Exited { container_id, .. } | Event::LaunchFailed { container_id, .. }) = &event else {
            return;
        };
        let parent = self.containers.ended(container_id);
        self.waiting.push_back(event);
        if let Some((parent, status)) = parent {
            self.emptied(parent, status);
        }
    }
}
