//! What the agent asks for.

use super::{
    InvalidFrame, Spawn,
    frame::{Fields, frame, put_text},
};

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
        let mut fields = Fields::new(body);
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
