//! Who can reach whom, how long it takes, and in which order things arrive.
//!
//! Order is kept within a lane (one connection) and between lanes there is none. A broken lane loses what is under
//! way on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    time::Duration,
};

use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use tepui_model::{ConnectionId, Tick};
use tepui_wire_libprocess::Upid;

/// A party of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A master, by number.
    Master(usize),
    /// An agent, by number.
    Agent(usize),
    /// A scheduler, by number.
    Scheduler(usize),
    /// An executor, by its container's id; it lives on its agent's machine.
    Executor(String),
    /// Somebody beside the cluster, by name.
    Guest(&'static str),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master(0) => f.write_str("master"),
            Self::Master(number) => write!(f, "master-{number}"),
            Self::Agent(number) => write!(f, "agent-{number}"),
            Self::Scheduler(number) => write!(f, "scheduler-{number}"),
            Self::Executor(container) => write!(f, "executor-{}", container.get(..6).unwrap_or(container)),
            Self::Guest(name) => f.write_str(name),
        }
    }
}

/// A connection within which order is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// libprocess messages from one node to another.
    Link(Node, Node),
    /// Calls of a client.
    Calls(Node, Node),
    /// Events of a stream, and its end, towards its client.
    Stream(ConnectionId),
    /// A disk's writes.
    Disk(Node),
}

/// The simulated network.
#[derive(Debug, Default)]
pub struct Network {
    /// Pairs that cannot reach each other, smaller first, and until when.
    cut: BTreeMap<(Node, Node), Tick>,
    /// When the last thing on a lane arrives.
    last: BTreeMap<Lane, Tick>,
    /// How often the connection of one node to another broke: messages sent before a break are lost.
    breaks: BTreeMap<(Node, Node), u64>,
    /// Who watches its connection to whom.
    links: BTreeSet<(Node, Node)>,
    /// Who does not read its streams, and until when.
    stalled: BTreeMap<Node, Tick>,
    /// Whose disk is slow, and until when.
    slow: BTreeMap<Node, Tick>,
}

fn pair(a: &Node, b: &Node) -> (Node, Node) {
    if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}

impl Network {
    /// When something sent from `from` to `to` on `lane` now arrives: after a random time, after what was sent
    /// before it, and not while the two are separated.
    pub fn arrival(&mut self, rng: &mut ChaCha8Rng, now: Tick, from: &Node, to: &Node, lane: Lane) -> Tick {
        let mut start = self.cut.get(&pair(from, to)).map_or(now, |heal| now.max(*heal));
        match &lane {
            Lane::Stream(_) => start = self.stalled.get(to).map_or(start, |end| start.max(*end)),
            Lane::Disk(_) if self.slow.get(to).is_some_and(|end| now < *end) => {
                start = start + Duration::from_millis(rng.next_u64() % 3_000);
            }
            Lane::Disk(_) | Lane::Link(..) | Lane::Calls(..) => {}
        }
        let last = self.last.entry(lane).or_insert(Tick::ZERO);
        *last = (start + latency(rng)).max(*last + Duration::from_nanos(1));
        *last
    }

    /// Separates two nodes for some time. What is sent meanwhile arrives later, unless the connection breaks.
    pub fn cut(&mut self, a: &Node, b: &Node, until: Tick) {
        self.cut.insert(pair(a, b), until);
    }

    /// Whether two nodes are separated.
    pub fn is_cut(&self, now: Tick, a: &Node, b: &Node) -> bool {
        self.cut.get(&pair(a, b)).is_some_and(|heal| now < *heal)
    }

    /// `node` reads none of its streams for some time.
    pub fn stall(&mut self, node: &Node, until: Tick) {
        self.stalled.insert(node.clone(), until);
    }

    /// Whether `node` reads its streams.
    pub fn is_stalled(&self, now: Tick, node: &Node) -> bool {
        self.stalled.get(node).is_some_and(|end| now < *end)
    }

    /// `node`'s disk takes seconds for a write for some time.
    pub fn slow_disk(&mut self, node: &Node, until: Tick) {
        self.slow.insert(node.clone(), until);
    }

    /// Ends every separation and every slowness.
    pub fn heal_all(&mut self) {
        self.cut.clear();
        self.stalled.clear();
        self.slow.clear();
    }

    /// The number of breaks so far of the connection on which `from` sends; a message that was sent under another
    /// number is lost.
    pub fn generation(&self, from: &Node, to: &Node) -> u64 {
        self.breaks.get(&(from.clone(), to.clone())).copied().unwrap_or_default()
    }

    /// Breaks the connection on which `from` sends, and only that: each side has its own. Whether `from` watched it.
    pub fn break_one(&mut self, from: &Node, to: &Node) -> bool {
        let connection = (from.clone(), to.clone());
        *self.breaks.entry(connection.clone()).or_default() += 1;
        self.links.remove(&connection)
    }

    /// Breaks the connections between two nodes. The watchers among them, each with the peer that it lost.
    pub fn break_between(&mut self, a: &Node, b: &Node) -> Vec<(Node, Node)> {
        [(a.clone(), b.clone()), (b.clone(), a.clone())]
            .into_iter()
            .filter(|(from, to)| self.break_one(from, to))
            .collect()
    }

    /// `holder` watches its connection to `peer`.
    pub fn link(&mut self, holder: &Node, peer: &Node) {
        self.links.insert((holder.clone(), peer.clone()));
    }

    /// `holder` does not watch any more.
    pub fn unlink(&mut self, holder: &Node, peer: &Node) {
        self.links.remove(&(holder.clone(), peer.clone()));
    }
}

/// Mostly a millisecond or so, sometimes much more.
pub fn latency(rng: &mut ChaCha8Rng) -> Duration {
    let micros = match rng.next_u32() % 100 {
        0..=79 => 100 + rng.next_u64() % 2_000,
        80..=97 => 2_000 + rng.next_u64() % 50_000,
        _ => 50_000 + rng.next_u64() % 1_500_000,
    };
    Duration::from_micros(micros)
}

/// A master's address.
pub fn master_upid(number: usize) -> Upid {
    let host = u8::try_from(number + 1).unwrap_or(u8::MAX);
    Upid { id: "master".to_owned(), address: SocketAddr::from(([10, 0, 0, host], 5050)) }
}

/// An agent's address.
pub fn agent_upid(number: usize) -> Upid {
    let host = u8::try_from(number + 1).unwrap_or(u8::MAX);
    Upid { id: "slave(1)".to_owned(), address: SocketAddr::from(([10, 0, 1, host], 5051)) }
}

/// The address of an executor that speaks libprocess: the `nth` of all.
pub fn executor_upid(nth: u16) -> Upid {
    let [high, low] = nth.to_be_bytes();
    Upid { id: "executor(1)".to_owned(), address: SocketAddr::from(([10, 2, high, low], 9000)) }
}
