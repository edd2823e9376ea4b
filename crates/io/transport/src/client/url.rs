//! Addresses of HTTP endpoints.

use std::{fmt, str::FromStr};

/// Text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Neither `http://host:port/path` nor `host:port`.
    #[error("'{0}' is no address: expected host:port or http://host:port/path")]
    Form(String),
    /// TLS is not spoken yet.
    #[error("'{0}': only http is supported")]
    Scheme(String),
}

/// `http://host:port/path?query`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    host: String,
    port: u16,
    target: String,
}

impl Url {
    /// An endpoint. `target` is the path with its slash in front, and the query if there is one, encoded.
    pub fn new(host: impl Into<String>, port: u16, target: impl Into<String>) -> Self {
        Self { host: host.into(), port, target: target.into() }
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// `host:port`.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The same server, another path.
    #[must_use]
    pub fn with_target(&self, target: impl Into<String>) -> Self {
        Self { target: target.into(), ..self.clone() }
    }

    /// Where a `Location` leads to: a whole URL, one without scheme (`//host:port/path`), or a path. Mesos may
    /// leave out the path; then the same one is meant at the other server.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it is none of these.
    pub fn join(&self, location: &str) -> Result<Self, InvalidUrl> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Ok(self.with_target(location));
        }
        let mut url: Self = location.parse()?;
        if url.target == "/" && !location.ends_with('/') {
            url.target.clone_from(&self.target);
        }
        Ok(url)
    }
}

impl FromStr for Url {
    type Err = InvalidUrl;

    /// Reads `http://host[:port][/path]`, `//host:port[/path]` or `host:port[/path]`.
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let form = || InvalidUrl::Form(text.to_owned());
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(InvalidUrl::Scheme(text.to_owned())),
            None => text.strip_prefix("//").unwrap_or(text),
        };
        let (authority, target) = match rest.find(['/', '?']) {
            Some(start) => rest.split_at(start),
            None => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| form())?),
            _ if text.contains("://") => (authority, 80),
            _ => return Err(form()),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(form());
        }
        let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
        Ok(Self::new(host, port, target))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_printed() {
        for (text, printed) in [
            ("http://h:1/api/v1?x=1", "http://h:1/api/v1?x=1"),
            ("HTTP://h", "http://h:80/"),
            ("h:5050", "http://h:5050/"),
            ("//127.0.0.1:5050/state", "http://127.0.0.1:5050/state"),
            ("http://[::1]:5050", "http://[::1]:5050/"),
            ("http://[::1]/x", "http://[::1]:80/x"),
            ("http://h:1?q", "http://h:1/?q"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), printed);
        }
        for text in ["", "h", "h:port", ":1", "https://h:1", "http://h:1/a b", "zk://h:1/x"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn locations_lead_on() {
        let from: Url = "http://a:1/api/v1/scheduler".parse().unwrap();
        for (location, to) in [
            ("//b:2", "http://b:2/api/v1/scheduler"),
            ("//b:2/master/api", "http://b:2/master/api"),
            ("http://b:2/", "http://b:2/"),
            ("/x", "http://a:1/x"),
        ] {
            assert_eq!(from.join(location).unwrap().to_string(), to);
        }
    }
}
