//! What a master is started with.

use std::net::SocketAddr;

use tepui_libprocess::LinkOptions;
use tepui_store::Durability;
use tepui_transport::{ServerOptions, StreamLimit};

use crate::Settings;

/// What a master is started with: the operator's settings, and what only programs say.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the operator may say.
    pub settings: Settings,
    /// Whether a write of the registry waits for the disk.
    pub durability: Durability,
    /// Bounds of the HTTP server.
    pub server: ServerOptions,
    /// Bounds of the connections to agents.
    pub links: LinkOptions,
    /// How much of an event stream may wait for its reader.
    pub stream: StreamLimit,
}

impl Options {
    /// With these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            durability: Durability::Durable,
            server: ServerOptions::default(),
            links: LinkOptions::default(),
            stream: StreamLimit::default(),
        }
    }

    /// For a cluster that lives as long as its process: any free port on loopback, nothing written.
    pub fn ephemeral() -> Self {
        Self::new(Settings { port: 0, work_dir: None, ..Settings::default() })
    }

    /// Where it is to listen.
    pub(crate) const fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.settings.ip, self.settings.port)
    }
}
