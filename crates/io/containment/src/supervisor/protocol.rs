//! What agent and supervisor say to each other: frames of a little-endian `u32` length, one byte of kind,
//! and fields. Numbers are little-endian, strings are a `u32` length and bytes, lists a `u32` count.
//!
//! Both sides open with their version, and the supervisor answers with the lower of the two. A newer agent
//! must go on speaking the versions before its own, because supervisors outlive agents: what was added later
//! has kinds of its own, which are used only where there is something to say in them.
//!
//! Version 2 added kind 6 of requests (a launch with [`Spawn::parent`], [`Spawn::stdio`] and
//! [`Spawn::confinement`]) and kind 7 of events ([`Event::Io`]), the only frame with which descriptors travel.

use crate::{
    capabilities::Capabilities,
    launch::{Rlimit, Stdio},
    user::Credentials,
};

/// The version of this protocol.
pub const VERSION: u8 = 2;

/// Longest frame, in bytes; an environment is at most 2 MiB on Linux.
pub const FRAME_MAX: usize = 8 << 20;

/// From the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// First on every connection; answered by `Hello`, the list and `ListEnd`.
    Hello {
        /// The agent's version.
        version: u8,
    },
    /// Start a process; answered by `Started` or `LaunchFailed`.
    Launch(Box<Spawn>),
    /// Send a signal; not answered.
    Signal {
        /// Which container.
        container_id: String,
        /// Signal number.
        signal: i32,
        /// To its whole process group.
        group: bool,
    },
    /// Answered by one `Container` each and `ListEnd`.
    List,
    /// The exit of this container has been dealt with.
    Forget {
        /// Which container.
        container_id: String,
    },
}

/// A process to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spawn {
    /// Name of the container; one path component.
    pub container_id: String,
    /// The program; without a slash it is searched in `PATH` of `environment`.
    pub path: String,
    /// `argv`, from 0 on.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// Working directory.
    pub directory: String,
    /// File to append to.
    pub stdout: String,
    /// File to append to.
    pub stderr: String,
    /// Who to become.
    pub credentials: Option<Credentials>,
    /// Limits to set.
    pub rlimits: Vec<Rlimit>,
    /// Files of cgroups to write itself into.
    pub cgroup_procs: Vec<String>,
    /// The container that this one ends with.
    pub parent: Option<String>,
    /// What its standard input and output are.
    pub stdio: Stdio,
    /// What of the machine it sees and may do.
    pub confinement: Confinement,
}

/// What of the machine a process sees and may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Namespaces of its own.
    pub make: Namespaces,
    /// Namespaces of its parent's process; before those of its own.
    pub join: Namespaces,
    /// Bytes of a `/dev/shm` of its own; needs a mount namespace of its own. 0: none.
    pub shm_bytes: u64,
    /// What it has and can get; `None`: what its user has.
    pub capabilities: Option<Capabilities>,
    /// Executing a program never gives it more.
    pub no_new_privileges: bool,
}

/// Some of the kinds of namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// Process ids.
    pub pid: bool,
    /// System V semaphores, queues and memory, POSIX queues.
    pub ipc: bool,
    /// Mounts.
    pub mount: bool,
}

impl Namespaces {
    const fn bits(self) -> u8 {
        self.pid as u8 | (self.ipc as u8) << 1 | (self.mount as u8) << 2
    }

    const fn of_bits(bits: u8) -> Self {
        Self { pid: bits & 1 != 0, ipc: bits & 2 != 0, mount: bits & 4 != 0 }
    }

    /// Whether there are any.
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// From the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// First on every connection.
    Hello {
        /// The supervisor's version.
        version: u8,
    },
    /// One container of the list.
    Container {
        /// Which.
        container_id: String,
        /// Its process.
        pid: i32,
        /// As in [`crate::RecoveredContainer::exited`].
        exited: Option<Option<i32>>,
    },
    /// The list is complete.
    ListEnd,
    /// A process runs.
    Started {
        /// Which.
        container_id: String,
        /// Its process.
        pid: i32,
    },
    /// A process could not be started.
    LaunchFailed {
        /// Which.
        container_id: String,
        /// The system's error of executing the program; 0 when it did not come to that.
        errno: i32,
        /// In words.
        what: String,
    },
    /// A process ended.
    Exited {
        /// Which.
        container_id: String,
        /// Raw wait status; `None` when somebody else was its parent.
        status: Option<i32>,
    },
    /// The agent's ends of a container's input and output travel with this: three pipes, or the master of a
    /// terminal. Before `Started`, and for terminals again after each list.
    Io {
        /// Which.
        container_id: String,
        /// Whether it is a terminal.
        tty: bool,
    },
}

/// A frame that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrame {
    /// Longer than [`FRAME_MAX`].
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// A kind that this version does not know.
    #[error("unknown kind of frame {0}")]
    Kind(u8),
    /// Shorter or longer than its fields, or not text.
    #[error("a frame does not fit its fields")]
    Malformed,
}

/// Takes the next whole frame's body off `buffer` from `start` on: the body and where the next one starts.
pub(crate) fn next_frame(buffer: &[u8], start: usize) -> Result<Option<(&[u8], usize)>, InvalidFrame> {
    let Some(rest) = buffer.get(start..) else { return Ok(None) };
    let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > FRAME_MAX {
        return Err(InvalidFrame::TooLong(length));
    }
    Ok(rest.get(..length).map(|body| (body, start + 4 + length)))
}

impl Request {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        frame(out, |out| match self {
            Self::Hello { version } => out.extend([1, *version]),
            Self::Launch(spawn) => {
                out.push(if spawn.is_of_version_one() { 2 } else { 6 });
                spawn.encode(out);
            }
            Self::Signal { container_id, signal, group } => {
                out.push(3);
                put_text(out, container_id);
                out.extend(signal.to_le_bytes());
                out.push(u8::from(*group));
            }
            Self::List => out.push(4),
            Self::Forget { container_id } => {
                out.push(5);
                put_text(out, container_id);
            }
        });
    }

    /// Reads the body of a frame.
    ///
    /// # Errors
    /// [`InvalidFrame`].
    pub fn decode(body: &[u8]) -> Result<Self, InvalidFrame> {
        let mut fields = Fields(body);
        let request = match fields.byte()? {
            1 => Self::Hello { version: fields.byte()? },
            2 => Self::Launch(Box::new(Spawn::decode(&mut fields)?)),
            6 => {
                let mut spawn = Spawn::decode(&mut fields)?;
                spawn.decode_added(&mut fields)?;
                Self::Launch(Box::new(spawn))
            }
            3 => Self::Signal {
                container_id: fields.text()?,
                signal: fields.number()?,
                group: fields.byte()? != 0,
            },
            4 => Self::List,
            5 => Self::Forget { container_id: fields.text()? },
            kind => return Err(InvalidFrame::Kind(kind)),
        };
        fields.end(request)
    }
}

impl Spawn {
    /// Whether a supervisor of version 1 can start this.
    pub(crate) fn is_of_version_one(&self) -> bool {
        self.parent.is_none() && self.stdio == Stdio::Files && self.confinement == Confinement::default()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for text in [&self.container_id, &self.path, &self.directory, &self.stdout, &self.stderr] {
            put_text(out, text);
        }
        for texts in [&self.arguments, &self.environment, &self.cgroup_procs] {
            put_count(out, texts.len());
            texts.iter().for_each(|text| put_text(out, text));
        }
        out.push(u8::from(self.credentials.is_some()));
        if let Some(credentials) = &self.credentials {
            out.extend(credentials.uid.to_le_bytes());
            out.extend(credentials.gid.to_le_bytes());
            put_count(out, credentials.groups.len());
            credentials.groups.iter().for_each(|group| out.extend(group.to_le_bytes()));
        }
        put_count(out, self.rlimits.len());
        for rlimit in &self.rlimits {
            out.extend(rlimit.resource.to_le_bytes());
            out.extend(rlimit.soft.to_le_bytes());
            out.extend(rlimit.hard.to_le_bytes());
        }
        if !self.is_of_version_one() {
            self.encode_added(out);
        }
    }

    fn encode_added(&self, out: &mut Vec<u8>) {
        put_option(out, self.parent.as_deref());
        let (kind, rows, columns) = match self.stdio {
            Stdio::Files => (0, 0, 0),
            Stdio::Pipes => (1, 0, 0),
            Stdio::Tty { rows, columns } => (2, rows, columns),
        };
        out.push(kind);
        out.extend(rows.to_le_bytes());
        out.extend(columns.to_le_bytes());
        let confinement = &self.confinement;
        out.extend([confinement.make.bits(), confinement.join.bits()]);
        out.extend(confinement.shm_bytes.to_le_bytes());
        out.push(u8::from(confinement.no_new_privileges));
        out.push(u8::from(confinement.capabilities.is_some()));
        if let Some(capabilities) = confinement.capabilities {
            out.extend(capabilities.effective.to_le_bytes());
            out.extend(capabilities.bounding.to_le_bytes());
        }
    }

    fn decode_added(&mut self, fields: &mut Fields<'_>) -> Result<(), InvalidFrame> {
        self.parent = fields.option()?;
        let (kind, rows, columns) = (fields.byte()?, fields.short()?, fields.short()?);
        self.stdio = match kind {
            0 => Stdio::Files,
            1 => Stdio::Pipes,
            2 => Stdio::Tty { rows, columns },
            _ => return Err(InvalidFrame::Malformed),
        };
        self.confinement = Confinement {
            make: Namespaces::of_bits(fields.byte()?),
            join: Namespaces::of_bits(fields.byte()?),
            shm_bytes: fields.long()?,
            no_new_privileges: fields.byte()? != 0,
            capabilities: match fields.byte()? {
                0 => None,
                _ => Some(Capabilities { effective: fields.long()?, bounding: fields.long()? }),
            },
        };
        Ok(())
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, InvalidFrame> {
        let (container_id, path, directory) = (fields.text()?, fields.text()?, fields.text()?);
        let (stdout, stderr) = (fields.text()?, fields.text()?);
        let arguments = fields.list(Fields::text)?;
        let environment = fields.list(Fields::text)?;
        let cgroup_procs = fields.list(Fields::text)?;
        let credentials = if fields.byte()? == 0 {
            None
        } else {
            let (uid, gid) = (fields.unsigned()?, fields.unsigned()?);
            Some(Credentials { uid, gid, groups: fields.list(Fields::unsigned)? })
        };
        let rlimits = fields.list(|fields| {
            Ok(Rlimit { resource: fields.unsigned()?, soft: fields.long()?, hard: fields.long()? })
        })?;
        Ok(Self {
            container_id,
            path,
            arguments,
            environment,
            directory,
            stdout,
            stderr,
            credentials,
            rlimits,
            cgroup_procs,
            ..Self::default()
        })
    }
}

impl Event {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        frame(out, |out| match self {
            Self::Hello { version } => out.extend([1, *version]),
            Self::Container { container_id, pid, exited } => {
                out.push(2);
                put_text(out, container_id);
                out.extend(pid.to_le_bytes());
                out.push(u8::from(exited.is_some()));
                put_status(out, exited.flatten());
            }
            Self::ListEnd => out.push(3),
            Self::Started { container_id, pid } => {
                out.push(4);
                put_text(out, container_id);
                out.extend(pid.to_le_bytes());
            }
            Self::LaunchFailed { container_id, errno, what } => {
                out.push(5);
                put_text(out, container_id);
                out.extend(errno.to_le_bytes());
                put_text(out, what);
            }
            Self::Exited { container_id, status } => {
                out.push(6);
                put_text(out, container_id);
                put_status(out, *status);
            }
            Self::Io { container_id, tty } => {
                out.push(7);
                put_text(out, container_id);
                out.push(u8::from(*tty));
            }
        });
    }

    /// Reads the body of a frame.
    ///
    /// # Errors
    /// [`InvalidFrame`].
    pub fn decode(body: &[u8]) -> Result<Self, InvalidFrame> {
        let mut fields = Fields(body);
        let event = match fields.byte()? {
            1 => Self::Hello { version: fields.byte()? },
            2 => {
                let (container_id, pid) = (fields.text()?, fields.number()?);
                let exited = fields.byte()? != 0;
                let status = fields.status()?;
                Self::Container { container_id, pid, exited: exited.then_some(status) }
            }
            3 => Self::ListEnd,
            4 => Self::Started { container_id: fields.text()?, pid: fields.number()? },
            5 => Self::LaunchFailed {
                container_id: fields.text()?,
                errno: fields.number()?,
                what: fields.text()?,
            },
            6 => Self::Exited { container_id: fields.text()?, status: fields.status()? },
            7 => Self::Io { container_id: fields.text()?, tty: fields.byte()? != 0 },
            kind => return Err(InvalidFrame::Kind(kind)),
        };
        fields.end(event)
    }
}

fn frame(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

fn put_option(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

fn put_status(out: &mut Vec<u8>, status: Option<i32>) {
    out.push(u8::from(status.is_some()));
    out.extend(status.unwrap_or_default().to_le_bytes());
}

/// What is left of a frame.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvalidFrame> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(InvalidFrame::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn byte(&mut self) -> Result<u8, InvalidFrame> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<i32, InvalidFrame> {
        self.array().map(i32::from_le_bytes)
    }

    fn unsigned(&mut self) -> Result<u32, InvalidFrame> {
        self.array().map(u32::from_le_bytes)
    }

    fn short(&mut self) -> Result<u16, InvalidFrame> {
        self.array().map(u16::from_le_bytes)
    }

    fn option(&mut self) -> Result<Option<String>, InvalidFrame> {
        if self.byte()? == 0 { Ok(None) } else { self.text().map(Some) }
    }

    fn long(&mut self) -> Result<u64, InvalidFrame> {
        self.array().map(u64::from_le_bytes)
    }

    fn status(&mut self) -> Result<Option<i32>, InvalidFrame> {
        let known = self.byte()? != 0;
        let status = self.number()?;
        Ok(known.then_some(status))
    }

    fn text(&mut self) -> Result<String, InvalidFrame> {
        let length = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        let (text, rest) = self.0.split_at_checked(length).ok_or(InvalidFrame::Malformed)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| InvalidFrame::Malformed)
    }

    fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, InvalidFrame>,
    ) -> Result<Vec<T>, InvalidFrame> {
        // No room is set aside for a count that the rest of the frame may not keep.
        (0..self.unsigned()?).map(|_| element(self)).collect()
    }

    fn end<T>(&self, value: T) -> Result<T, InvalidFrame> {
        if self.0.is_empty() { Ok(value) } else { Err(InvalidFrame::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Vec<Request> {
        vec![
            Request::Hello { version: 1 },
            Request::Launch(Box::new(Spawn {
                container_id: "c".into(),
                path: "/bin/sh".into(),
                arguments: vec!["sh".into(), "-c".into(), "true".into()],
                environment: vec!["A=b".into(), "ü=".into()],
                directory: "/s".into(),
                stdout: "/s/stdout".into(),
                stderr: "/s/stderr".into(),
                credentials: Some(Credentials { uid: 1, gid: 2, groups: vec![2, 3] }),
                rlimits: vec![Rlimit { resource: 7, soft: 1, hard: u64::MAX }],
                cgroup_procs: vec!["/x/cgroup.procs".into()],
                ..Spawn::default()
            })),
            Request::Launch(Box::new(Spawn {
                container_id: "c.d".into(),
                parent: Some("c".into()),
                stdio: Stdio::Tty { rows: 24, columns: 80 },
                ..Spawn::default()
            })),
            Request::Launch(Box::new(Spawn {
                stdio: Stdio::Pipes,
                confinement: Confinement {
                    make: Namespaces { pid: true, ipc: false, mount: true },
                    join: Namespaces { pid: false, ipc: true, mount: false },
                    shm_bytes: 1 << 40,
                    capabilities: Some(Capabilities { effective: 1, bounding: u64::MAX }),
                    no_new_privileges: true,
                },
                ..Spawn::default()
            })),
            Request::Signal { container_id: "c".into(), signal: 15, group: true },
            Request::List,
            Request::Forget { container_id: "c".into() },
        ]
    }

    fn events() -> Vec<Event> {
        vec![
            Event::Hello { version: 1 },
            Event::Container { container_id: "c".into(), pid: 7, exited: None },
            Event::Container { container_id: "c".into(), pid: 7, exited: Some(None) },
            Event::Container { container_id: "c".into(), pid: 7, exited: Some(Some(1792)) },
            Event::ListEnd,
            Event::Started { container_id: "c".into(), pid: 7 },
            Event::LaunchFailed { container_id: "c".into(), errno: 2, what: "no".into() },
            Event::Exited { container_id: "c".into(), status: Some(9) },
            Event::Exited { container_id: "c".into(), status: None },
            Event::Io { container_id: "c".into(), tty: true },
        ]
    }

    #[test]
    fn everything_comes_back() {
        let mut buffer = Vec::new();
        requests().iter().for_each(|request| request.encode(&mut buffer));
        let (mut start, mut read) = (0, Vec::new());
        while let Some((body, next)) = next_frame(&buffer, start).unwrap() {
            read.push(Request::decode(body).unwrap());
            start = next;
        }
        assert_eq!(read, requests());
        for event in events() {
            let mut buffer = Vec::new();
            event.encode(&mut buffer);
            let (body, next) = next_frame(&buffer, 0).unwrap().unwrap();
            assert_eq!((Event::decode(body).unwrap(), next), (event, buffer.len()));
        }
    }

    #[test]
    fn a_part_of_a_frame_is_never_a_frame() {
        for request in requests() {
            let mut buffer = Vec::new();
            request.encode(&mut buffer);
            for length in 0..buffer.len() {
                assert_eq!(next_frame(&buffer[..length], 0), Ok(None));
            }
            for length in 0..buffer.len() - 4 {
                assert!(Request::decode(&buffer[4..4 + length]).is_err());
            }
            buffer.push(0);
            assert_eq!(Request::decode(&buffer[4..]), Err(InvalidFrame::Malformed));
        }
        for event in events() {
            let mut buffer = Vec::new();
            event.encode(&mut buffer);
            for length in 0..buffer.len() - 4 {
                assert!(Event::decode(&buffer[4..4 + length]).is_err());
            }
        }
    }

    #[test]
    fn lies_about_lengths_are_errors() {
        assert_eq!(next_frame(&u32::MAX.to_le_bytes(), 0), Err(InvalidFrame::TooLong(u32::MAX as usize)));
        let mut body = vec![5];
        body.extend(u32::MAX.to_le_bytes());
        assert_eq!(Request::decode(&body), Err(InvalidFrame::Malformed));
        assert_eq!(Request::decode(&[99]), Err(InvalidFrame::Kind(99)));
    }
}
