//! Why a body was refused, in the words that Mesos has for it.

use tepui_wire_protobuf::Invalid;

/// A body that is not the message it should be.
///
/// Displayed as the master and both HTTP APIs of schedulers and executors word it; the agent's operator API leaves
/// out the introduction: [`DecodeError::agent_text`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The text is not JSON: what remains of the line where it stops being so.
    #[error("Failed to parse body into JSON: {0}")]
    Syntax(String),
    /// The JSON is not this message.
    #[error("Failed to convert JSON into {message} protobuf: {reason}")]
    Convert {
        /// The message's name without its package.
        message: &'static str,
        /// What does not fit, with the field's name or path.
        reason: String,
    },
    /// The bytes are not this message. Peers read no more than this; `reason` is for logs.
    #[error("Failed to parse body into {message} protobuf")]
    Protobuf {
        /// The message's name without its package.
        message: &'static str,
        /// What does not fit: `Missing required fields: a.b, c[2].d`, or what the decoder says.
        reason: String,
    },
}

impl DecodeError {
    /// The words of the agent's operator API, which converts without an introduction.
    pub fn agent_text(&self) -> String {
        match self {
            Self::Syntax(_) => self.to_string(),
            Self::Convert { reason, .. } => reason.clone(),
            Self::Protobuf { .. } => "Failed to parse body into a protobuf object".to_owned(),
        }
    }

    /// What is wrong, without an introduction: for logs.
    pub fn reason(&self) -> &str {
        match self {
            Self::Syntax(reason) | Self::Convert { reason, .. } | Self::Protobuf { reason, .. } => reason,
        }
    }
}

impl From<Invalid> for DecodeError {
    fn from(Invalid { message, reason }: Invalid) -> Self {
        Self::Protobuf { message, reason }
    }
}
