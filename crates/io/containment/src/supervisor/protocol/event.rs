//! What the supervisor tells.

use super::{
    InvalidFrame,
    frame::{Fields, frame, put_status, put_text},
};

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
        let mut fields = Fields::new(body);
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
