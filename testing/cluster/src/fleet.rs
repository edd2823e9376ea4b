//! A master and agents that are killed and started again at the same place: same port, same work directory.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use conformance::{
    Outcome,
    cluster::{Agent, Master, active_agents},
    peers,
    process::{Yard, inhabitants, wait_for},
};

/// Far more than a cluster takes to come back on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A free port below those that the system hands out: nothing takes it while its owner is down, not even an attempt to
/// connect to it.
pub fn lasting_port() -> Outcome<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let end: u16 = range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32_768);
    let (begin, end) = (10_000, end.clamp(10_100, 32_768));
    // Tests in other processes begin elsewhere.
    let offset = u16::try_from(std::process::id() % 1_000).unwrap_or(0) * 20;
    for _ in begin..end {
        let next = offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = begin + next % (end - begin);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free port".into())
}

/// A master and its agents, each up or down.
#[derive(Debug)]
pub struct Fleet {
    binary: PathBuf,
    home: PathBuf,
    /// The master's port.
    pub port: u16,
    master: Option<Master>,
    agents: Vec<Place>,
    /// What master and agents are told beside where they are.
    flags: Vec<String>,
    starts: usize,
}

#[derive(Debug)]
struct Place {
    port: u16,
    work: PathBuf,
    agent: Option<Agent>,
}

impl Fleet {
    /// Starts everything in `yard`.
    pub fn start(yard: &Yard, agents: usize) -> Outcome<Self> {
        Self::start_with(yard, agents, &[])
    }

    /// Starts everything in `yard`, each with these flags.
    pub fn start_with(yard: &Yard, agents: usize, flags: &[&str]) -> Outcome<Self> {
        let home = yard.path().to_owned();
        let places = (0..agents).map(|number| {
            Ok(Place { port: lasting_port()?, work: home.join(format!("agent-{number}")), agent: None })
        });
        let mut fleet = Self {
            binary: peers::tepui()?,
            port: lasting_port()?,
            master: None,
            agents: places.collect::<Outcome<_>>()?,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            starts: 0,
            home,
        };
        fleet.start_what_is_down()?;
        fleet.wait_until_whole()?;
        Ok(fleet)
    }

    /// How many agents there are.
    pub fn size(&self) -> usize {
        self.agents.len()
    }

    /// kill -9 of the master.
    pub fn kill_master(&mut self) {
        self.master = None;
    }

    /// kill -9 of an agent, not of what it started.
    pub fn kill_agent(&mut self, number: usize) {
        if let Some(place) = self.agents.get_mut(number) {
            place.agent = None;
        }
    }

    /// Starts whatever was killed; everything answers then.
    pub fn start_what_is_down(&mut self) -> Outcome {
        self.starts += 1;
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        if self.master.is_none() {
            let work = self.home.join("master");
            put_aside(&work.join("master.log"), self.starts);
            self.master = Some(Master::start_at(&self.binary, self.port, &work, &flags)?);
        }
        for place in &mut self.agents {
            if place.agent.is_none() {
                put_aside(&place.work.join("agent.log"), self.starts);
                let (port, work) = (place.port, place.work.clone());
                place.agent = Some(Agent::start_at(&self.binary, port, work, self.port, &flags)?);
            }
        }
        Ok(())
    }

    /// Waits until every agent is registered.
    pub fn wait_until_whole(&self) -> Outcome {
        wait_for("all agents at the master", PATIENCE, || {
            (active_agents(self.port) == Some(self.size())).then_some(())
        })
    }

    /// Waits until no process of any task is left.
    pub fn wait_until_idle(&self) -> Outcome {
        let sandboxes = |place: &Place| inhabitants(&place.work.join("slaves"));
        wait_for("the end of every task's processes", PATIENCE, || {
            self.agents.iter().all(|place| sandboxes(place).is_empty()).then_some(())
        })
    }
}

/// Keeps the log of the process before.
fn put_aside(log: &Path, number: usize) {
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{number}"));
    // There is none the first time.
    let _ = fs::rename(log, name);
}
