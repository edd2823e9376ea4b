//! Outgoing libprocess messages: one ordered connection per address, and word of its end.
//!
//! Messages to processes at one address go over one connection, in the order in which they were sent. Whatever
//! comes back on it is read and thrown away: it is receipts. A peer that was linked and whose connection ends, or cannot
//! be made, is reported once ([`Exited`]) and is not linked any more.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tepui_transport::net;
use tepui_wire_libprocess::{Upid, encode};
use tepui_wire_mesos::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error};

/// A linked process whose connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exited {
    /// The process.
    pub pid: Upid,
}

/// The bounds of the links.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a peer may refuse to read.
    pub write_timeout: Duration,
    /// How long a connection that nobody linked stays without a message.
    pub idle_timeout: Duration,
    /// Messages that wait for one address. A peer with more is taken to be gone: its connection ends, what waits is
    /// dropped, and its linked processes are reported.
    pub queue_max: usize,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            queue_max: 100_000,
        }
    }
}

enum Command {
    /// A message as it goes out: what waits here takes no more room than on the wire.
    Send(Bytes),
    Link(Upid),
    Unlink(Upid),
}

struct Peer {
    commands: mpsc::Sender<Command>,
    /// Ends the connection at once.
    cut: CancellationToken,
}

struct Shared {
    options: LinkOptions,
    address: SocketAddr,
    exited: mpsc::Sender<Exited>,
    peers: Mutex<BTreeMap<SocketAddr, Peer>>,
    connections: TaskTracker,
}

impl Shared {
    fn peers(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outgoing side of a process that speaks libprocess. Clones share the connections, which close when the
/// last clone is dropped and what waits was written.
#[derive(Clone)]
pub struct Links {
    shared: Arc<Shared>,
}

impl Links {
    /// Links of the processes that listen at `address` (as it is advertised: peers answer to it). The ends of linked
    /// processes are told to `exited`.
    pub fn new(address: SocketAddr, exited: mpsc::Sender<Exited>, options: LinkOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                options,
                address,
                exited,
                peers: Mutex::default(),
                connections: TaskTracker::new(),
            }),
        }
    }

    /// Sends a message from our process `from_id`. Never waits; a message that cannot be delivered is lost, as on any
    /// broken connection.
    ///
    /// Must be called within a tokio runtime, as the other methods.
    pub fn send(&self, from_id: &str, to: &Upid, message: Message) {
        let from = Upid { id: from_id.into(), address: self.shared.address };
        let request = encode(&from, to, message.name(), &message.encode());
        self.command(to.address, Command::Send(request));
    }

    /// Keeps a connection to `to`'s address and reports its end. A process that is linked already gets a new
    /// connection in place of the old one, whose end is not reported.
    pub fn link(&self, to: &Upid) {
        self.command(to.address, Command::Link(to.clone()));
    }

    /// Closes every connection as soon as what waits for it was written, and returns then. For a process that is
    /// about to end: the links are of no use afterwards.
    pub async fn finish(&self) {
        for (_, peer) in std::mem::take(&mut *self.shared.peers()) {
            drop(peer.commands);
        }
        self.shared.connections.close();
        self.shared.connections.wait().await;
    }

    /// Stops watching `to`.
    pub fn unlink(&self, to: &Upid) {
        self.command(to.address, Command::Unlink(to.clone()));
    }

    fn command(&self, address: SocketAddr, command: Command) {
        let mut peers = self.shared.peers();
        let peer = match peers.get(&address) {
            Some(peer) => peer,
            None if matches!(command, Command::Unlink(_)) => return,
            None => peers.entry(address).or_insert(start(&self.shared, address)),
        };
        match peer.commands.try_send(command) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(lost)) => {
                if !peer.cut.is_cancelled() {
                    error!(%address, "a peer does not read what it is sent: closing the connection");
                    peer.cut.cancel();
                }
                drop(peers);
                if let Command::Link(pid) = lost {
                    self.report(pid);
                }
            }
            // A connection takes itself out of the map before it stops to listen.
            Err(mpsc::error::TrySendError::Closed(_)) => error!(%address, "a connection ended unnoticed"),
        }
    }

    fn report(&self, pid: Upid) {
        let exited = self.shared.exited.clone();
        tokio::spawn(async move { exited.send(Exited { pid }).await });
    }
}

fn start(shared: &Arc<Shared>, address: SocketAddr) -> Peer {
    let (commands, queue) = mpsc::channel(shared.options.queue_max);
    let cut = CancellationToken::new();
    let connection = Connection {
        address,
        options: shared.options.clone(),
        queue,
        cut: cut.clone(),
        linked: BTreeSet::new(),
        out: BytesMut::new(),
        reconnect: false,
    };
    // The task must not keep the links alive, or they would never end.
    let (weak, exited) = (Arc::downgrade(shared), shared.exited.clone());
    shared.connections.spawn(async move {
        let mut connection = connection;
        let reason = connection.run().await;
        debug!(%address, reason, linked = connection.linked.len(), "a link ended");
        if let Some(shared) = weak.upgrade() {
            shared.peers().remove(&address);
        }
        // Nobody can reach the queue any more; what is in it was meant for the connection that ended.
        connection.queue.close();
        while let Ok(command) = connection.queue.try_recv() {
            connection.take(command, false);
        }
        for pid in std::mem::take(&mut connection.linked) {
            if exited.send(Exited { pid }).await.is_err() {
                return;
            }
        }
    });
    Peer { commands, cut }
}

/// Messages collected into one write.
const OUT_BYTES: usize = 128 * 1024;

struct Connection {
    address: SocketAddr,
    options: LinkOptions,
    queue: mpsc::Receiver<Command>,
    cut: CancellationToken,
    linked: BTreeSet<Upid>,
    out: BytesMut,
    reconnect: bool,
}

impl Connection {
    /// Works until there is a reason to stop.
    async fn run(&mut self) -> &'static str {
        loop {
            let connecting = timeout(self.options.connect_timeout, TcpStream::connect(self.address));
            let mut stream = tokio::select! {
                connected = connecting => match connected {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(_)) => return "cannot connect",
                    Err(_) => return "no connection in time",
                },
                () = self.cut.cancelled() => return "too much waits for it",
            };
            net::prepare(&stream);
            if let Some(reason) = self.converse(&mut stream).await {
                return reason;
            }
            self.reconnect = false;
        }
    }

    /// Talks over one connection until it ends; `None` when it is to be replaced.
    async fn converse(&mut self, stream: &mut TcpStream) -> Option<&'static str> {
        let (mut reader, mut writer) = stream.split();
        let mut receipts = BytesMut::with_capacity(4096);
        let mut active = Instant::now();
        loop {
            if self.reconnect && self.out.is_empty() {
                return None;
            }
            let idle = self.linked.is_empty() && self.out.is_empty();
            tokio::select! {
                command = self.queue.recv(), if self.out.is_empty() => {
                    let Some(command) = command else { return Some("not needed any more") };
                    active = Instant::now();
                    self.take(command, true);
                    while self.out.len() < OUT_BYTES
                        && !self.reconnect
                        && let Ok(command) = self.queue.try_recv()
                    {
                        self.take(command, true);
                    }
                }
                wrote = write(&mut writer, &mut self.out), if !self.out.is_empty() => {
                    if !wrote {
                        return Some("cannot write");
                    }
                    active = Instant::now();
                }
                open = discard(&mut reader, &mut receipts) => {
                    if !open {
                        return Some("closed by the peer");
                    }
                }
                () = sleep_until(active + self.options.write_timeout), if !self.out.is_empty() => {
                    return Some("the peer does not read");
                }
                () = sleep_until(active + self.options.idle_timeout), if idle => {
                    return Some("not used");
                }
                () = self.cut.cancelled() => return Some("too much waits for it"),
            }
        }
    }

    fn take(&mut self, command: Command, connected: bool) {
        match command {
            Command::Send(request) if connected => self.out.extend_from_slice(&request),
            Command::Send(_) => {}
            Command::Link(pid) => {
                if !self.linked.insert(pid) {
                    self.reconnect = true;
                }
            }
            Command::Unlink(pid) => {
                self.linked.remove(&pid);
            }
        }
    }
}

async fn write(writer: &mut WriteHalf<'_>, out: &mut BytesMut) -> bool {
    match writer.write(out).await {
        Ok(count @ 1..) => {
            out.advance(count);
            true
        }
        _ => false,
    }
}

async fn discard(reader: &mut ReadHalf<'_>, receipts: &mut BytesMut) -> bool {
    receipts.clear();
    matches!(reader.read_buf(receipts).await, Ok(1..))
}
