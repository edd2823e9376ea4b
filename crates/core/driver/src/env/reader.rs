//! Reading one variable after the other, and remembering what is wrong with each.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use tepui_wire_libprocess::Address;

use super::{Problem, Protocol, TlsEnv};

/// Looks variables up and gathers what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) protocol: Protocol,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn get(&self, variable: &str) -> Option<&'a str> {
        self.env.get(variable).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, variable: &str) -> Option<String> {
        self.get(variable).map(str::to_owned)
    }

    pub(super) fn required(&mut self, variable: &'static str) -> String {
        self.text(variable).unwrap_or_else(|| {
            self.problems.push(Problem::Missing { variable });
            String::new()
        })
    }

    fn unreadable(&mut self, variable: &str, value: &str, reason: impl fmt::Display) {
        let (variable, value, reason) = (variable.to_owned(), value.to_owned(), reason.to_string());
        let problem = Problem::Unreadable { variable, value, reason };
        // Some variables are looked at more than once.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn duration(&mut self, variable: &'static str, wanted: bool, default: Duration) -> Duration {
        let Some(value) = self.get(variable).filter(|_| wanted) else { return default };
        tepui_model::parse_duration(value).unwrap_or_else(|reason| {
            self.unreadable(variable, value, reason);
            default
        })
    }

    pub(super) fn agent(&mut self) -> Address {
        const PID: &str = "MESOS_SLAVE_PID";
        const ENDPOINT: &str = "MESOS_AGENT_ENDPOINT";
        let tls = self.tls_enabled();
        let mut address = Address { tls, host: String::new(), port: 0, path: String::new() };
        let endpoint = self.get(ENDPOINT).filter(|_| self.protocol == Protocol::Http);
        if self.get(PID).is_none() && endpoint.is_none() {
            self.problems.push(Problem::Missing { variable: PID });
        }
        if let Some(value) = self.get(PID) {
            match Address::parse_upid(value) {
                Ok(pid) => address = Address { tls, ..pid },
                Err(error) => self.unreadable(PID, value, error.reason),
            }
        }
        if let Some(value) = endpoint {
            match Address::parse(value, 5051) {
                Ok(endpoint) => {
                    address = Address { tls: tls || endpoint.tls, path: address.path, ..endpoint }
                }
                Err(error) => self.unreadable(ENDPOINT, value, error.reason),
            }
        }
        address
    }

    /// Whatever reads itself from a text.
    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, variable: &'static str) -> Option<T> {
        let value = self.get(variable)?;
        value.parse().map_err(|error| self.unreadable(variable, value, error)).ok()
    }

    /// libprocess messages carry the agent's id from the first one on.
    pub(super) fn agent_id(&mut self) -> Option<String> {
        const VARIABLE: &str = "MESOS_SLAVE_ID";
        match self.protocol {
            Protocol::Http => self.text(VARIABLE),
            Protocol::Libprocess => Some(self.required(VARIABLE)),
        }
    }

    pub(super) fn tls(&mut self) -> Option<TlsEnv> {
        let tls = TlsEnv {
            verify_server_cert: self
                .ssl("VERIFY_SERVER_CERT")
                .or_else(|| self.ssl("VERIFY_CERT"))
                .is_some_and(|(variable, value)| self.boolean(&variable, value)),
            ca_file: self.ssl("CA_FILE").map(|(_, value)| value.to_owned()),
            ca_dir: self.ssl("CA_DIR").map(|(_, value)| value.to_owned()),
            cert_file: self.ssl("CERT_FILE").map(|(_, value)| value.to_owned()),
            key_file: self.ssl("KEY_FILE").map(|(_, value)| value.to_owned()),
        };
        self.tls_enabled().then_some(tls)
    }

    fn tls_enabled(&mut self) -> bool {
        self.ssl("ENABLED").is_some_and(|(variable, value)| self.boolean(&variable, value))
    }

    /// A variable of TLS under its name of today or of before, and what it is called.
    fn ssl(&self, name: &str) -> Option<(String, &'a str)> {
        ["LIBPROCESS_SSL_", "SSL_"].iter().find_map(|prefix| {
            let variable = format!("{prefix}{name}");
            self.get(&variable).map(|value| (variable, value))
        })
    }

    fn boolean(&mut self, variable: &str, value: &str) -> bool {
        if !matches!(value, "1" | "true" | "0" | "false") {
            self.unreadable(variable, value, "expected true or false");
        }
        matches!(value, "1" | "true")
    }
}
