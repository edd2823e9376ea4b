//! A master with everything around it played by the test: schedulers, agents, the store, the clock.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use tepui_core_kit::{Core as _, Persist, Seed, Write};
use tepui_model::{Caller, ConnectionId, Outcome, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, answer, internal, json, v1};

use crate::{Config, Effect, Event, Master, Registry, Snapshot, Start};

mod words;

pub(super) use words::*;

/// What the master's id is in the tests.
pub(super) const MASTER: &str = "M";
/// A UUID that the wire takes for one, as base64.
pub(super) const UUID: &str = "E1rY1TznSbW+xd48IC42zQ==";

/// A scheduler, or an operator, with a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    pub(super) id: Option<String>,
    /// Not read yet, as JSON.
    pub(super) events: VecDeque<String>,
    pub(super) closed: bool,
}

pub(super) struct Cluster {
    pub(super) master: Master,
    pub(super) now: Tick,
    pub(super) disk: BTreeMap<String, Bytes>,
    /// Whether writes wait until [`Cluster::write`].
    pub(super) hold: bool,
    /// Whether the master is written down and read back after each event.
    pub(super) reread: bool,
    pub(super) held: VecDeque<Persist<Write>>,
    pub(super) streams: BTreeMap<u64, Stream>,
    pub(super) replies: BTreeMap<u64, Outcome>,
    pub(super) sent: VecDeque<(String, Upid, Message)>,
    pub(super) links: Vec<Upid>,
    pub(super) unlinks: Vec<Upid>,
    pub(super) warnings: Vec<String>,
    connections: u64,
}

pub(super) fn config() -> Config {
    Config::new(v1::MasterInfo {
        id: MASTER.to_owned(),
        ip: 16_777_343,
        port: 5050,
        pid: Some("master@127.0.0.1:5050".to_owned()),
        hostname: Some("127.0.0.1".to_owned()),
        version: Some("1.11.0".to_owned()),
        ..v1::MasterInfo::default()
    })
}

fn start(now: Tick, config: Config, seed: u8, restored: Registry) -> Master {
    Master::start(now, Start { config, seed: Seed([seed; 32]), restored })
}

/// What a registry says. That a scheduler went while the end of its framework was being written is not written.
fn kept(entries: &BTreeMap<String, Bytes>) -> Registry {
    let mut registry = Registry::decode(entries.clone()).unwrap();
    for framework in registry.frameworks.values_mut().filter(|framework| framework.completed.is_some()) {
        framework.disconnected = None;
    }
    registry
}

impl Cluster {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: Config) -> Self {
        let now = Tick::from_nanos(1_000_000_000_000);
        let mut cluster = Self {
            master: start(now, config, 7, Registry::default()),
            now,
            disk: BTreeMap::new(),
            hold: false,
            reread: true,
            held: VecDeque::new(),
            streams: BTreeMap::new(),
            replies: BTreeMap::new(),
            sent: VecDeque::new(),
            links: Vec::new(),
            unlinks: Vec::new(),
            warnings: Vec::new(),
            connections: 0,
        };
        cluster.run();
        cluster
    }

    /// The master dies and another starts on the same disk, as `id`.
    pub(super) fn restart(&mut self, id: &str) {
        self.held.clear();
        self.streams.clear();
        self.sent.clear();
        let mut config = config();
        config.info.id = id.to_owned();
        let registry = Registry::decode(self.disk.clone()).unwrap();
        self.master = start(self.now, config, 8, registry);
        self.run();
    }

    /// Performs what the master wants, and checks that everything fits together.
    pub(super) fn run(&mut self) {
        while let Some(effect) = self.master.poll_effect() {
            match effect {
                Effect::Reply { to, outcome } => {
                    assert_eq!(self.replies.insert(to.0, outcome), None, "answered twice");
                }
                Effect::OpenStream { to, stream_id } => {
                    let id = stream_id.map(|id| id.as_hyphenated().to_string());
                    let stream = Stream { id, ..Stream::default() };
                    assert!(self.streams.insert(to.0, stream).is_none(), "opened twice");
                }
                Effect::SendEvent { to, event } => self.event(to, json::to_string(&*event)),
                Effect::SendOperatorEvent { to, event } => {
                    for to in to {
                        self.event(to, json::to_string(&event.to_wire()));
                    }
                }
                Effect::CloseStream { to } => self.streams.get_mut(&to.0).unwrap().closed = true,
                Effect::Send { from_id, to, message } => self.sent.push_back((from_id, to, message)),
                Effect::Link { to } => self.links.push(to),
                Effect::Unlink { to } => self.unlinks.push(to),
                Effect::Persist(persist) if self.hold => self.held.push_back(persist),
                Effect::Persist(persist) => self.persist(persist),
                Effect::Log { warning: true, message } => self.warnings.push(message),
                Effect::Log { .. } => {}
            }
        }
        self.master.check_invariants().unwrap();
        if self.held.is_empty() {
            assert_eq!(kept(&self.disk), kept(&self.master.registry()), "the master knows what is written");
        }
        if self.reread {
            let written = rmp_serde::to_vec(&self.master).unwrap();
            self.master = rmp_serde::from_slice(&written).unwrap();
        }
    }

    fn event(&mut self, to: ConnectionId, event: String) {
        let stream = self.streams.get_mut(&to.0).expect("a stream that was opened");
        assert!(!stream.closed, "an event on a closed stream: {event}");
        stream.events.push_back(event);
    }

    fn happens(&mut self, event: Event) {
        self.master.handle(self.now, event);
    }

    fn persist(&mut self, persist: Persist<Write>) {
        for Write { key, value } in persist.writes {
            match value {
                Some(value) => self.disk.insert(key, value),
                None => self.disk.remove(&key),
            };
        }
        self.happens(Event::Persisted(persist.token));
    }

    /// The oldest write that is held becomes durable.
    pub(super) fn write(&mut self) {
        let persist = self.held.pop_front().expect("a write");
        self.persist(persist);
        self.run();
    }

    /// Time passes, with all that falls due on the way.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.master.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.master.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    /// Like [`Cluster::pass`], with agents that answer pings.
    pub(super) fn pass_with_pongs(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let step = Duration::from_secs(1).min(end.since(self.now));
            self.pass(step);
            let pings = self.sent.iter().filter(|(_, _, message)| matches!(message, Message::PingSlave(_)));
            for to in pings.map(|(_, to, _)| to.clone()).collect::<Vec<_>>() {
                self.message(&to, internal::PongSlaveMessage {});
            }
            self.sent.retain(|(_, _, message)| !matches!(message, Message::PingSlave(_)));
        }
    }

    /// The link to an agent breaks.
    pub(super) fn lose(&mut self, agent: &Upid) {
        self.happens(Event::Exited(agent.clone()));
        self.run();
    }

    /// A call without an answer yet.
    pub(super) fn begin(&mut self, stream: Option<&str>, principal: Option<&str>, call: &str) -> u64 {
        self.connections += 1;
        let from = self.connections;
        let call = Box::new(json::from_slice(call.as_bytes()).unwrap());
        let caller = Caller {
            connection: ConnectionId(from),
            stream_id: stream.map(str::to_owned),
            principal: principal.map(str::to_owned),
        };
        self.happens(Event::SchedulerCall { caller, call });
        self.run();
        from
    }

    /// A call and its answer.
    pub(super) fn ask(&mut self, stream: Option<&str>, call: &str) -> (u16, String) {
        let from = self.begin(stream, None, call);
        self.reply(from)
    }

    /// The answer to a call, as it is said over HTTP.
    pub(super) fn reply(&mut self, from: u64) -> (u16, String) {
        let reply = answer(self.replies.remove(&from).expect("an answer"));
        (reply.status, reply.body)
    }

    /// A call of a subscribed framework, which is taken.
    pub(super) fn call(&mut self, stream: u64, call: &str) {
        let id = self.streams[&stream].id.clone();
        let (status, body) = self.ask(id.as_deref(), call);
        assert!(status == 202 || status == 200, "{status} {body}");
    }

    pub(super) fn kill_task(&mut self, framework: &str, task: &str) -> (u16, String) {
        self.connections += 1;
        let from = self.connections;
        let caller = Caller::anonymous(ConnectionId(from));
        self.happens(Event::KillTask { caller, framework_id: framework.into(), task_id: task.into() });
        self.run();
        self.reply(from)
    }

    pub(super) fn operator(&mut self, call: &str) -> u64 {
        self.connections += 1;
        let from = self.connections;
        let call = Box::new(json::from_slice(call.as_bytes()).unwrap());
        self.happens(Event::OperatorCall { caller: Caller::anonymous(ConnectionId(from)), call });
        self.run();
        from
    }

    /// Subscribes with this description; drops SUBSCRIBED and HEARTBEAT.
    pub(super) fn subscribe(&mut self, info: &str) -> u64 {
        let id = info.split(r#""id":{"value":""#).nth(1).and_then(|rest| rest.split('"').next());
        let id = id.map_or(String::new(), |id| format!(r#""framework_id":{{"value":"{id}"}},"#));
        let call = format!(r#"{{"type":"SUBSCRIBE",{id}"subscribe":{{"framework_info":{info}}}}}"#);
        let stream = self.begin(None, None, &call);
        assert!(self.next(stream).starts_with(r#"{"type":"SUBSCRIBED""#));
        assert_eq!(self.next(stream), r#"{"type":"HEARTBEAT"}"#);
        stream
    }

    pub(super) fn close(&mut self, stream: u64) {
        self.happens(Event::ConnectionClosed(ConnectionId(stream)));
        self.streams.remove(&stream);
        self.run();
    }

    /// The next event of a stream.
    pub(super) fn next(&mut self, stream: u64) -> String {
        self.streams.get_mut(&stream).unwrap().events.pop_front().expect("an event")
    }

    /// The next event that is not OFFERS.
    pub(super) fn next_but_offers(&mut self, stream: u64) -> String {
        loop {
            let event = self.next(stream);
            if !event.contains(r#""OFFERS""#) {
                return event;
            }
        }
    }

    /// Every event that a stream has now.
    pub(super) fn drain(&mut self, stream: u64) -> Vec<String> {
        self.streams.get_mut(&stream).unwrap().events.drain(..).collect()
    }

    pub(super) fn message(&mut self, from: &Upid, message: impl Into<Message>) {
        self.happens(Event::Message { from: from.clone(), message: message.into() });
        self.run();
    }

    /// What was sent, and forgets it.
    pub(super) fn take_sent(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.sent).into_iter().map(|(_, _, message)| message).collect()
    }

    /// Names of what was sent, pings aside.
    pub(super) fn sent_names(&mut self) -> Vec<String> {
        let names = self.take_sent();
        names
            .iter()
            .filter(|message| !matches!(message, Message::PingSlave(_)))
            .map(|message| {
                let name = message.name().trim_start_matches("mesos.internal.");
                name.trim_end_matches("Message").to_owned()
            })
            .collect()
    }

    /// Registers an agent with 8 cpus.
    pub(super) fn agent(&mut self, port: u16) -> Upid {
        let pid = pid(port);
        self.message(&pid, register());
        pid
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.master.snapshot()
    }

    /// Ids of the offers that a framework has.
    pub(super) fn offers(&self) -> Vec<String> {
        self.snapshot().offers.iter().map(|offer| offer.id.value.clone()).collect()
    }
}
