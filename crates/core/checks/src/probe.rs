//! What is asked of a task, taken from the wire's descriptions.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tepui_wire_mesos::v1::{
    CheckInfo, CommandInfo, HealthCheck, check_info, health_check, network_info::Protocol,
};

/// Something to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Probe {
    /// Run a command in the task's container.
    Command(Box<CommandInfo>),
    /// GET, following redirects; certificates are not looked at.
    Http {
        /// `http` or `https`.
        scheme: Scheme,
        /// The loopback address.
        address: IpAddr,
        /// Port.
        port: u32,
        /// With its leading slash; may be empty.
        path: String,
    },
    /// Connect.
    Tcp {
        /// The loopback address.
        address: IpAddr,
        /// Port.
        port: u32,
    },
}

/// How to speak to the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// `None`: the description is incomplete.
pub(crate) fn of_check(check: &CheckInfo) -> Option<Probe> {
    match check.r#type() {
        check_info::Type::Command => {
            check.command.as_ref().map(|command| Probe::Command(Box::new(command.command.clone())))
        }
        check_info::Type::Http => check.http.as_ref().map(|http| Probe::Http {
            scheme: Scheme::Http,
            address: V4,
            port: http.port,
            path: http.path.clone().unwrap_or_default(),
        }),
        check_info::Type::Tcp => check.tcp.as_ref().map(|tcp| Probe::Tcp { address: V4, port: tcp.port }),
        check_info::Type::Unknown => None,
    }
}

/// `None`: the description is incomplete.
pub(crate) fn of_health_check(check: &HealthCheck) -> Option<Probe> {
    match check.r#type() {
        health_check::Type::Command => {
            check.command.as_ref().map(|command| Probe::Command(Box::new(command.clone())))
        }
        health_check::Type::Http => check.http.as_ref().map(|http| Probe::Http {
            scheme: if http.scheme.as_deref() == Some("https") { Scheme::Https } else { Scheme::Http },
            address: loopback(http.protocol()),
            port: http.port,
            path: http.path.clone().unwrap_or_default(),
        }),
        health_check::Type::Tcp => {
            check.tcp.as_ref().map(|tcp| Probe::Tcp { address: loopback(tcp.protocol()), port: tcp.port })
        }
        health_check::Type::Unknown => None,
    }
}

const fn loopback(protocol: Protocol) -> IpAddr {
    match protocol {
        Protocol::IPv4 => V4,
        Protocol::IPv6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}
