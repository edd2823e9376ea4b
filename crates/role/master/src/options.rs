//! What a master is started with.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use tepui_core_master::Config;
use tepui_libprocess::LinkOptions;
use tepui_store::Durability;
use tepui_transport::{ServerOptions, StreamLimit};
use tepui_wire_mesos::v1::MasterInfo;

/// What a master is started with. The default listens on Mesos's port on loopback and keeps nothing.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that others are told, if it is not the one listened at.
    pub advertise_ip: Option<IpAddr>,
    /// The port that others are told, if it is not the one listened at.
    pub advertise_port: Option<u16>,
    /// The host name that others are told; the advertised address if there is none.
    pub hostname: Option<String>,
    /// Where the registry is kept. Without it the master keeps everything in memory and forgets it at its end.
    pub work_dir: Option<PathBuf>,
    /// Whether a write of the registry waits for the disk.
    pub durability: Durability,
    /// The core's settings. `info` is filled in by the shell.
    pub config: Config,
    /// Bounds of the HTTP server.
    pub server: ServerOptions,
    /// Bounds of the connections to agents.
    pub links: LinkOptions,
    /// How much of an event stream may wait for its reader.
    pub stream: StreamLimit,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 5050)),
            advertise_ip: None,
            advertise_port: None,
            hostname: None,
            work_dir: None,
            durability: Durability::Durable,
            config: Config::new(MasterInfo::default()),
            server: ServerOptions::default(),
            links: LinkOptions::default(),
            stream: StreamLimit::default(),
        }
    }
}

impl Options {
    /// For a cluster that lives as long as its process: any free port on loopback, nothing written.
    pub fn ephemeral() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Self::default() }
    }
}
