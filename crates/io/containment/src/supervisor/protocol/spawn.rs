//! A process to start: all that a launch says, in the order in which it travels.

use super::{
    InvalidFrame,
    frame::{Fields, put_count, put_option, put_text},
};
use crate::{
    capabilities::Capabilities,
    launch::{Rlimit, Stdio},
    user::Credentials,
};

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
    /// Namespaces of its own; that of process ids is below its parent's.
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

impl Spawn {
    /// Whether a supervisor of version 1 can start this.
    pub(crate) fn is_of_version_one(&self) -> bool {
        self.parent.is_none() && self.stdio == Stdio::Files && self.confinement == Confinement::default()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
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

    pub(super) fn decode_added(&mut self, fields: &mut Fields<'_>) -> Result<(), InvalidFrame> {
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

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, InvalidFrame> {
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
