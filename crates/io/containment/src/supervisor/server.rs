//! The poll loop.

mod leftovers;

use std::{
    io::{self, Write as _},
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
};

use super::{
    Arguments, PID_FILE, SOCKET,
    agent::Agent,
    children::{self, SpawnFailure, Started},
    namespaces::OwnPids,
    protocol::{self, Event, Request, Spawn},
    table::{Ended, State, Table},
};
use crate::sys;

/// How long a supervisor with nothing to do waits for an agent.
const LINGER: Duration = Duration::from_secs(2);
/// How long after an exit stray processes of that container are looked for.
const SWEEP_DELAY: Duration = Duration::from_millis(200);
/// Requests dealt with before the other descriptors get a look.
const REQUESTS_PER_TURN: usize = 8;

/// The supervisor.
#[derive(Debug)]
pub(crate) struct Server {
    arguments: Arguments,
    listener: UnixListener,
    child_signals: OwnedFd,
    agent: Option<Agent>,
    had_agent: bool,
    own_pids: OwnPids,
    table: Table,
    idle_since: Instant,
    sweep_at: Option<Instant>,
}

/// Which descriptors have something.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    signal: bool,
    listener: bool,
    agent: bool,
    adopted: bool,
}

impl Server {
    pub(crate) fn new(arguments: Arguments, listener: UnixListener) -> io::Result<Self> {
        // Away from the agent's terminal and its signals.
        let _ = rustix::process::setsid();
        let _ = rustix::process::chdir("/");
        sys::close_inherited_on_exec();
        // Orphans of the containers become our children, not init's.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        let child_signals = sys::child_signals()?;
        let table = Table::open(&arguments.runtime_dir, !arguments.ephemeral)?;
        std::fs::write(arguments.runtime_dir.join(PID_FILE), std::process::id().to_string())?;
        Ok(Self {
            arguments,
            listener,
            child_signals,
            agent: None,
            had_agent: false,
            own_pids: OwnPids::open()?,
            table,
            idle_since: Instant::now(),
            sweep_at: None,
        })
    }

    pub(crate) fn run(mut self) -> io::Result<()> {
        // Children of a supervisor before this one may have been handed to us.
        self.take_ended_children();
        while !self.is_done() {
            let ready = self.wait()?;
            if ready.signal {
                self.take_ended_children();
            }
            if ready.adopted {
                self.take_ended_adopted();
            }
            if ready.listener {
                self.accept();
            }
            if ready.agent {
                self.read_agent();
            }
            self.handle_requests();
            self.write_agent();
            self.sweep();
            self.write_files(Some(Instant::now()));
        }
        self.write_files(None);
        // The socket last: without it the agent starts another supervisor, which finds and makes the same files.
        for file in [PID_FILE, SOCKET] {
            let _ = std::fs::remove_file(self.arguments.runtime_dir.join(file));
        }
        if self.arguments.ephemeral {
            self.end_everything();
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let ephemeral_end = self.arguments.ephemeral && self.had_agent;
        self.agent.is_none()
            && (ephemeral_end || (self.table.running() == 0 && self.idle_since.elapsed() >= LINGER))
    }

    fn wait(&self) -> io::Result<Ready> {
        let has_request = self.agent.as_ref().is_some_and(Agent::has_request);
        let timeout = if has_request { Some(Duration::ZERO) } else { self.timeout() };
        let mut descriptors =
            vec![PollFd::new(&self.child_signals, PollFlags::IN), PollFd::new(&self.listener, PollFlags::IN)];
        descriptors.extend(self.agent.as_ref().map(Agent::to_poll));
        descriptors.extend(self.table.adopted().map(|(pidfd, _)| PollFd::new(pidfd, PollFlags::IN)));
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        match rustix::event::poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let has =
            |index: usize| descriptors.get(index).is_some_and(|descriptor| !descriptor.revents().is_empty());
        let with_agent = usize::from(self.agent.is_some());
        Ok(Ready {
            signal: has(0),
            listener: has(1),
            agent: with_agent == 1 && has(2),
            adopted: (2 + with_agent..descriptors.len()).any(has),
        })
    }

    /// Until when nothing needs to be done by itself.
    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let linger = (self.agent.is_none() && self.table.running() == 0).then(|| self.idle_since + LINGER);
        let next = [linger, self.sweep_at, self.table.next_write()].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(now))
    }

    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else { return };
        let Ok(agent) = Agent::new(stream) else { return };
        self.had_agent = true;
        // There is one agent: a second connection is the same one after its restart.
        self.agent = Some(agent);
    }

    fn drop_agent(&mut self) {
        self.agent = None;
        self.idle_since = Instant::now();
        // It may be followed by one that looks at the files.
        self.write_files(None);
    }

    fn read_agent(&mut self) {
        if self.agent.as_mut().is_some_and(|agent| !agent.read_some()) {
            self.drop_agent();
        }
    }

    fn write_agent(&mut self) {
        if self.agent.as_mut().is_some_and(|agent| !agent.write_some()) {
            self.drop_agent();
        }
    }

    fn handle_requests(&mut self) {
        for _ in 0..REQUESTS_PER_TURN {
            let Some(agent) = &mut self.agent else { return };
            match agent.next_request() {
                Ok(Some(request)) => self.handle(request),
                Ok(None) => return,
                Err(_) => {
                    self.drop_agent();
                    return;
                }
            }
        }
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Hello { version } => {
                if let Some(agent) = &mut self.agent {
                    agent.greet(version.min(protocol::VERSION));
                }
                self.list();
                if version > 1 {
                    self.hand_terminals_over();
                }
            }
            Request::Launch(spawn) => {
                let event = self.launch(&spawn);
                self.tell(&event);
            }
            Request::Signal { container_id, signal, group } => {
                if let Some(pid) = self.table.running_pid(&container_id) {
                    // It may just have ended; its exit is on the way then.
                    let _ = sys::kill(if group { -pid } else { pid }, signal);
                }
            }
            Request::List => self.list(),
            Request::Forget { container_id } => self.table.forget(&container_id),
        }
    }

    fn launch(&mut self, spawn: &Spawn) -> Event {
        let container_id = spawn.container_id.clone();
        let result = if !is_file_name(&container_id) {
            Err(SpawnFailure::before(format!("'{container_id}' cannot be the id of a container")))
        } else if self.table.contains(&container_id) {
            Err(SpawnFailure::before(format!("Container '{container_id}' exists already")))
        } else if let Some(name) = &spawn.parent {
            match self.table.running_pid(name) {
                Some(parent) => children::spawn(spawn, Some(parent), &self.own_pids),
                None => {
                    let what = format!("The parent container '{name}' is not running");
                    Err(SpawnFailure::before(what))
                }
            }
        } else {
            children::spawn(spawn, None, &self.own_pids)
        };
        match result {
            Ok(Started { pid, init, agent_ends }) => {
                let cgroups =
                    spawn.cgroup_procs.iter().filter_map(|procs| Some(Path::new(procs).parent()?.into()));
                self.table.started(&container_id, pid, init, cgroups.collect());
                match agent_ends {
                    sys::AgentEnds::None => {}
                    sys::AgentEnds::Pipes(pipes) => self.hand_over(&container_id, false, pipes.into()),
                    sys::AgentEnds::Tty(master) => {
                        if let Ok(copy) = master.try_clone() {
                            self.hand_over(&container_id, true, vec![copy]);
                        }
                        self.table.keep_terminal(&container_id, master);
                    }
                }
                Event::Started { container_id, pid }
            }
            Err(SpawnFailure { errno, what }) => Event::LaunchFailed { container_id, errno, what },
        }
    }

    fn list(&mut self) {
        let Some(agent) = &mut self.agent else { return };
        for (container_id, container) in self.table.iter() {
            let exited = match container.state {
                State::Exited(status) => Some(status),
                State::Child | State::Adopted(_) | State::Emptying(_) => None,
            };
            agent.answer(&Event::Container {
                container_id: container_id.clone(),
                pid: container.pid,
                exited,
            });
        }
        agent.answer(&Event::ListEnd);
    }

    /// Sends the agent's ends of a container's input and output. Where there is no agent they are closed.
    fn hand_over(&mut self, container_id: &str, tty: bool, descriptors: Vec<OwnedFd>) {
        if let Some(agent) = &mut self.agent {
            agent.hand_over(&Event::Io { container_id: container_id.to_owned(), tty }, descriptors);
        }
    }

    /// An agent that comes back gets the terminals of its containers back.
    fn hand_terminals_over(&mut self) {
        for (container_id, master) in self.table.terminals() {
            self.hand_over(&container_id, true, vec![master]);
        }
    }

    fn tell(&mut self, event: &Event) {
        // Where nobody listens: what matters is in the table and goes with the list.
        if let Some(agent) = &mut self.agent {
            agent.tell(event);
        }
    }

    fn take_ended_children(&mut self) {
        let mut signals = [0; 1024];
        while matches!(rustix::io::read(&self.child_signals, &mut signals), Ok(length) if length == signals.len())
        {
        }
        while let Some(pid) = sys::ended_child() {
            // While its first process is not taken, the number of its group belongs to nobody else.
            if self.table.is_running_pid(pid) {
                let _ = sys::kill(-pid, libc::SIGKILL);
            }
            let status = sys::reap(pid);
            self.ended(pid, status);
        }
    }

    fn take_ended_adopted(&mut self) {
        let mut descriptors: Vec<PollFd<'_>> =
            self.table.adopted().map(|(pidfd, _)| PollFd::new(pidfd, PollFlags::IN)).collect();
        if rustix::event::poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() {
            return;
        }
        let ended: Vec<i32> = self
            .table
            .adopted()
            .zip(&descriptors)
            .filter(|(_, descriptor)| !descriptor.revents().is_empty())
            .map(|((_, pid), _)| pid)
            .collect();
        for pid in ended {
            let _ = sys::kill(-pid, libc::SIGKILL);
            self.ended(pid, None);
        }
    }

    fn ended(&mut self, pid: i32, status: Option<i32>) {
        let (container_id, status) = match self.table.ended(pid, status) {
            Ended::Nothing => return,
            Ended::Emptying(init) => {
                let _ = sys::kill(init, libc::SIGKILL);
                return;
            }
            Ended::Container(container_id, status) => (container_id, status),
        };
        for nested in self.table.running_inside(&container_id) {
            let _ = sys::kill(-nested, libc::SIGKILL);
        }
        self.tell(&Event::Exited { container_id, status });
        let now = Instant::now();
        self.sweep_at.get_or_insert(now + SWEEP_DELAY);
        if self.agent.is_none() {
            self.idle_since = now;
        }
    }

    /// Writes down what is due by `now`, or everything.
    fn write_files(&mut self, now: Option<Instant>) {
        for (container_id, error) in self.table.write_due(now) {
            let _ = writeln!(
                io::stderr(),
                "tepui supervisor: cannot write down container {container_id}: {error}"
            );
        }
    }
}

fn is_file_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 242 && text != "." && text != ".." && !text.contains(['/', '\0'])
}
