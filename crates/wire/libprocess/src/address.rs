//! Where an agent or a master listens.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An HTTP endpoint: what `--master`, a `Location` header or the agent's environment says, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// `https` instead of `http`.
    pub tls: bool,
    /// Host name or IP address; an IPv6 address without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path, with a leading slash; empty when none was given.
    pub path: String,
}

/// An address that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an address: {reason}")]
pub struct InvalidAddress {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Address {
    /// Reads `host:port`, `http://host:port/path`, `https://...`, or `//host:port/path` (as Mesos writes it in
    /// `Location`: the scheme is that of the request). Without a port it is `default_port`.
    ///
    /// # Errors
    /// [`InvalidAddress`] with what is wrong.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, InvalidAddress> {
        let invalid = |reason| InvalidAddress { text: text.to_owned(), reason };
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err(invalid("the scheme must be http or https")),
            None => (false, text.strip_prefix("//").unwrap_or(text)),
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (host, port) = split_port(authority).map_err(invalid)?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@') {
            return Err(invalid("it needs a host"));
        }
        let port = match port {
            None => default_port,
            Some(port) => port.parse().map_err(|_| invalid("the port must be a number up to 65535"))?,
        };
        if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(invalid("the path has a blank in it"));
        }
        Ok(Self { tls, host: host.to_owned(), port, path: path.trim_end_matches('/').to_owned() })
    }

    /// Reads the UPID of an agent, `slave(1)@10.0.0.1:5051`; the path becomes `/slave(1)`.
    ///
    /// # Errors
    /// [`InvalidAddress`] with what is wrong.
    pub fn parse_upid(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = |reason| InvalidAddress { text: text.to_owned(), reason };
        let (id, authority) = text.split_once('@').ok_or_else(|| invalid("expected id@ip:port"))?;
        if id.is_empty() || id.contains(['/', ' ']) {
            return Err(invalid("the id before the @ is empty or has a slash or a blank in it"));
        }
        let (_, Some(_)) = split_port(authority).map_err(invalid)? else {
            return Err(invalid("expected id@ip:port"));
        };
        let address = Self::parse(authority, 0).map_err(|error| invalid(error.reason))?;
        Ok(Self { path: format!("/{id}"), ..address })
    }

    /// `host:port`, with brackets around an IPv6 address: what the `Host` header carries.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The same host with another path.
    #[must_use]
    pub fn with_path(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority(), self.path)
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("only a port may follow the bracket"),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err("an IPv6 address needs brackets"),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, expected) in [
            ("localhost:5050", "http://localhost:5050"),
            ("localhost", "http://localhost:5050"),
            ("http://10.0.0.1:8080/", "http://10.0.0.1:8080"),
            ("https://master", "https://master:5050"),
            ("//10.0.0.2:5050/api/v1/scheduler", "http://10.0.0.2:5050/api/v1/scheduler"),
            ("[::1]:5051", "http://[::1]:5051"),
            ("[::1]", "http://[::1]:5050"),
        ] {
            assert_eq!(
                Address::parse(text, 5050).map(|address| address.to_string()).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for text in
            ["", ":5050", "ftp://x", "x:port", "x:99999", "::1:5050", "[::1", "[::1]x", "a b:1", "x:1/a b"]
        {
            let error = Address::parse(text, 5050).unwrap_err();
            assert_eq!(error.text, text);
            assert!(!error.reason.is_empty());
        }
    }

    #[test]
    fn upids_become_addresses_with_the_process_in_the_path() {
        let address = Address::parse_upid("slave(1)@10.0.0.1:5051").unwrap();
        assert_eq!(address.to_string(), "http://10.0.0.1:5051/slave(1)");
        for text in
            ["slave(1)", "@1.2.3.4:5", "slave(1)@", "slave(1)@1.2.3.4", "a/b@1.2.3.4:5", "a@1.2.3.4:x"]
        {
            assert!(Address::parse_upid(text).is_err(), "{text}");
        }
    }
}
