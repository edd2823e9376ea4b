//! Stand-in until the framing crate has its own.

use std::{fmt, str::FromStr};

/// Address of an actor: `id@ip:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upid {
    /// Name of the actor.
    pub id: String,
    /// Where it is.
    pub address: std::net::SocketAddr,
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

impl FromStr for Upid {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, address) = text.split_once('@').unwrap_or(("", text));
        Ok(Self { id: id.to_owned(), address: address.parse()? })
    }
}
