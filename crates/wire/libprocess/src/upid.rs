//! Who a message is from and to.

use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What would break the path of a request. Parentheses stay: `slave(1)` travels as it is.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'/').add(b'<').add(b'>').add(b'?');

/// The name of a process anywhere: `slave(1)@127.0.0.1:5051`.
///
/// The id is empty where Mesos writes "nobody": [`Upid::NOBODY`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Upid {
    /// The process at that address, not percent-encoded: `master`, `slave(1)`, `executor(1)`.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A text that is no UPID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpid {
    /// There is no `@`.
    #[error("expecting '<id>@<ip>:<port>' but got '{0}'")]
    Form(String),
    /// The id could not stand in a request.
    #[error("the id of '{0}' holds a space or a control character")]
    Id(String),
    /// What follows the `@` is not an address and a port.
    #[error("'{0}' is not '<ip>:<port>'")]
    Address(String),
    /// The host has a name. Names are not looked up here; whoever can may do so and try again.
    #[error("'{host}' is a name where an IP address is needed")]
    Hostname {
        /// The process.
        id: String,
        /// The name that stands for an address.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Upid {
    /// How messages name somebody who is no process, as a scheduler that speaks HTTP.
    pub const NOBODY: &str = "@0.0.0.0:0";

    /// The process `id` at `address`.
    pub fn new(id: impl Into<String>, address: SocketAddr) -> Self {
        Self { id: id.into(), address }
    }

    /// Whether this is nobody: no id, or no port to send to.
    pub fn is_nobody(&self) -> bool {
        self.id.is_empty() || self.address.port() == 0
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

impl FromStr for Upid {
    type Err = InvalidUpid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, address) = text.split_once('@').ok_or_else(|| InvalidUpid::Form(text.to_owned()))?;
        if id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidUpid::Id(text.to_owned()));
        }
        if let Ok(address) = address.parse::<SocketAddr>() {
            return Ok(Self::new(id, address));
        }
        let invalid = || InvalidUpid::Address(address.to_owned());
        let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
        if port.is_empty() || !port.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(invalid());
        }
        let port: u16 = port.parse().map_err(|_| invalid())?;
        // Mesos writes IPv6 addresses without brackets.
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(Self::new(id, SocketAddr::new(ip, port)));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(invalid());
        }
        Err(InvalidUpid::Hostname { id: id.to_owned(), host: host.to_owned(), port })
    }
}

/// An id as it stands in the path of a request.
pub fn encode_id(id: &str) -> Cow<'_, str> {
    utf8_percent_encode(id, PATH).into()
}

/// An id from the path of a request: `slave(1)` and `slave%281%29` are the same process.
pub fn decode_id(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}
