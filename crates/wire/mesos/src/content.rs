//! The two encodings that a peer may ask for.

use bytes::Bytes;
use tepui_wire_protobuf::{self as protobuf, Described};

use crate::{DecodeError, json};

/// How a message is written in a body or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentType {
    /// The Mesos JSON dialect, on one line.
    Json,
    /// Binary protobuf.
    Protobuf,
}

impl ContentType {
    /// The media type, as it stands in `Content-Type`.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// The encoding with exactly this media type. Mesos compares literally: no parameters, no other case.
    pub fn from_mime(mime: &str) -> Option<Self> {
        [Self::Json, Self::Protobuf].into_iter().find(|content| content.mime() == mime)
    }

    /// Writes a message.
    pub fn encode<M: Described>(self, message: &M) -> Bytes {
        match self {
            Self::Json => json::to_vec(message).into(),
            Self::Protobuf => protobuf::to_bytes(message),
        }
    }

    /// Reads a message and checks its required fields.
    ///
    /// # Errors
    /// [`DecodeError`] when the body is not such a message.
    pub fn decode<M: Described>(self, body: Bytes) -> Result<M, DecodeError> {
        match self {
            Self::Json => json::from_slice(&body),
            Self::Protobuf => Ok(protobuf::from_bytes(body)?),
        }
    }
}
