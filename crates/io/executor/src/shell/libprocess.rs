//! libprocess messages: a listener for the agent's, links for ours.

use std::{io, net::TcpListener, sync::Arc};

use tepui_core_driver::executor::{Event, Transport};
use tepui_libprocess::{Exited, IncomingMessage, LinkOptions, Links, Messages};
use tepui_transport::{Request, Response, ServerOptions, serve};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Messages that may wait here. When there are more, the agent's connection is not read until there is room.
const MESSAGES_MAX: usize = 256;
/// Ends of links that may wait here. There is one link.
const EXITED_MAX: usize = 16;

/// One process of libprocess: `executor(1)`.
pub(super) struct Libprocess {
    own: String,
    links: Links,
    messages: mpsc::Receiver<IncomingMessage>,
    exited: mpsc::Receiver<Exited>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl Libprocess {
    /// Begins to listen.
    pub(super) fn new(listener: TcpListener, transport: &Transport) -> io::Result<Self> {
        let Transport::Libprocess { own, .. } = transport else {
            return Err(io::Error::other("the driver speaks HTTP"));
        };
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (sender, messages) = mpsc::channel(MESSAGES_MAX);
        let (exited_sender, exited) = mpsc::channel(EXITED_MAX);
        let links = Links::new(own.address, exited_sender, LinkOptions::default());
        let shutdown = CancellationToken::new();
        let process = own.id.clone();
        let inbox = move |id: &str| (id == process).then(|| sender.clone());
        // There is nothing else to ask an executor for.
        let others = |_: Request| std::future::ready(Response::not_found());
        let handler = Arc::new(Messages::new(inbox, Arc::new(others)));
        let server = tokio::spawn(serve(listener, ServerOptions::default(), handler, shutdown.clone()));
        Ok(Self { own: own.id.clone(), links, messages, exited, shutdown, server })
    }

    pub(super) fn link(&self, to: &Upid) {
        self.links.link(to);
    }

    pub(super) fn send(&self, to: &Upid, message: Message) {
        self.links.send(&self.own, to, message);
    }

    pub(super) async fn next(&mut self, room: bool) -> Event {
        tokio::select! {
            Some(exited) = self.exited.recv() => Event::Exited(exited.pid),
            Some(message) = self.messages.recv(), if room => received(message),
            else => std::future::pending().await,
        }
    }

    pub(super) fn take(&mut self, room: bool) -> Option<Event> {
        if room { self.messages.try_recv().ok().map(received) } else { None }
    }

    /// Sends what waits and stops to listen.
    pub(super) async fn finish(self) {
        let Self { links, messages, exited, shutdown, server, .. } = self;
        drop((messages, exited));
        links.finish().await;
        shutdown.cancel();
        let _ = server.await;
    }
}

fn received(message: IncomingMessage) -> Event {
    Event::Received { from: message.from, message: Box::new(message.message) }
}
