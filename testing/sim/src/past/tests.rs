use std::fs;

use assert_matches::assert_matches;
use tempfile::TempDir;
use tepui_core_agent::{Agent, Start as AgentStart};
use tepui_core_kit::Seed;
use tepui_core_master::{Config, Event, Registry, Start};
use tepui_model::{Caller, ConnectionId};
use tepui_recorder::{Limits, Recorded, Recorder};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, internal, json, v1};

use super::*;

const BEGAN: u64 = 1_780_000_000;

/// A master that is recorded, with everything around it played by the test.
struct Played {
    master: Recorded<Master>,
    now: Tick,
    connections: u64,
    /// Writes are not confirmed any more.
    hold: bool,
    disk: BTreeMap<String, Bytes>,
    offers: Vec<String>,
    streams: BTreeMap<ConnectionId, String>,
}

impl Played {
    fn new(directory: &Path) -> Self {
        let now = Tick::from_nanos(BEGAN * 1_000_000_000);
        let recorder = Recorder::new(directory, Limits::default(), "tepui 0.1.0").unwrap();
        let info = v1::MasterInfo { id: "M".to_owned(), port: 5050, ..v1::MasterInfo::default() };
        let start = Start { config: Config::new(info), seed: Seed::from(7), restored: Registry::default() };
        let mut played = Self {
            master: Recorded::start(now, start, Some(recorder)).unwrap(),
            now,
            connections: 0,
            hold: false,
            disk: BTreeMap::new(),
            offers: Vec::new(),
            streams: BTreeMap::new(),
        };
        played.run();
        played
    }

    fn run(&mut self) {
        while let Some(effect) = self.master.poll_effect() {
            match effect {
                Effect::Persist(persist) if !self.hold => {
                    for Write { key, value } in persist.writes {
                        match value {
                            Some(value) => self.disk.insert(key, value),
                            None => self.disk.remove(&key),
                        };
                    }
                    self.master.handle(self.now, Event::Persisted(persist.token));
                }
                Effect::OpenStream { to, stream_id } => {
                    self.streams.insert(to, stream_id.map(|id| id.to_string()).unwrap_or_default());
                }
                Effect::SendEvent { event, .. } => {
                    let offers = event.offers.iter().flat_map(|offers| &offers.offers);
                    self.offers.extend(offers.map(|offer| offer.id.value.clone()));
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.now = self.now + Duration::from_secs(1);
        self.master.handle_timeout(self.now);
        self.run();
        self.master.handle(self.now, event);
        self.run();
    }

    /// A scheduler's call; those after its SUBSCRIBE name its stream.
    fn call(&mut self, stream: Option<ConnectionId>, call: &str) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let stream_id = stream.map(|stream| self.streams[&stream].clone());
        let caller = Caller { connection, stream_id, principal: None };
        self.tell(Event::SchedulerCall {
            caller,
            call: Box::new(json::from_slice(call.as_bytes()).unwrap()),
        });
        connection
    }

    fn subscribe(&mut self, failover_seconds: u32) -> ConnectionId {
        let info = format!(
            r#"{{"user":"root","name":"recorded","failover_timeout":{failover_seconds},"checkpoint":true}}"#
        );
        self.call(None, &format!(r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{info}}}}}"#))
    }

    fn register(&mut self, port: u16) {
        let resources = r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":1}},
                            {"name":"mem","type":"SCALAR","scalar":{"value":64}}]"#;
        let slave = internal::SlaveInfo {
            hostname: "recorded".to_owned(),
            port: Some(i32::from(port)),
            resources: json::list_from_slice(resources.as_bytes()).unwrap(),
            checkpoint: Some(true),
            ..internal::SlaveInfo::default()
        };
        let capabilities = (1..=8).map(|r#type| v1::agent_info::Capability { r#type: Some(r#type) });
        let message = internal::RegisterSlaveMessage {
            slave,
            version: Some("1.11.0".to_owned()),
            agent_capabilities: capabilities.collect(),
            ..internal::RegisterSlaveMessage::default()
        };
        self.tell(Event::Message { from: pid(port), message: Message::RegisterSlave(Box::new(message)) });
    }

    /// Launches a task on all that the last offer has.
    fn launch(&mut self, stream: ConnectionId, framework: &str, agent: &str, task: &str) {
        let offer = self.offers.pop().expect("an offer");
        let task = format!(
            r#"{{"name":"{task}","task_id":{{"value":"{task}"}},"agent_id":{{"value":"{agent}"}},
               "command":{{"value":"true"}},"resources":[
               {{"name":"cpus","type":"SCALAR","scalar":{{"value":1}}}},
               {{"name":"mem","type":"SCALAR","scalar":{{"value":64}}}}]}}"#
        );
        let accept = format!(
            r#"{{"type":"ACCEPT","framework_id":{{"value":"{framework}"}},"accept":{{
               "offer_ids":[{{"value":"{offer}"}}],"operations":[
               {{"type":"LAUNCH","launch":{{"task_infos":[{task}]}}}}]}}}}"#
        );
        self.call(Some(stream), &accept);
    }
}

fn pid(port: u16) -> Upid {
    Upid { id: "slave(1)".to_owned(), address: ([127, 0, 0, 1], port).into() }
}

/// Two frameworks with a task each, one of which may be away for a week; an agent without any; an operator that watches; and
/// a third framework that is being written.
fn record(directory: &Path) -> Played {
    let mut played = Played::new(directory);
    let patient = played.subscribe(7 * 86_400);
    played.register(15_051);
    played.launch(patient, "M-0000", "M-S0", "patient-task");
    let hasty = played.subscribe(0);
    // Nothing is offered to the first, so that the next is the second's.
    played.call(Some(patient), r#"{"type":"SUPPRESS","framework_id":{"value":"M-0000"}}"#);
    played.register(15_052);
    played.launch(hasty, "M-0001", "M-S1", "hasty-task");
    let caller = Caller::anonymous(ConnectionId(1_000));
    let subscribe = json::from_slice(br#"{"type":"SUBSCRIBE"}"#).unwrap();
    played.tell(Event::OperatorCall { caller, call: Box::new(subscribe) });
    played.register(15_053);
    played.hold = true;
    played.subscribe(60);
    played
}

fn recording() -> (TempDir, BTreeMap<String, Bytes>) {
    let home = TempDir::new().unwrap();
    let disk = record(home.path()).disk;
    (home, disk)
}

#[test]
fn a_world_begins_with_what_was_recorded() {
    let (home, disk) = recording();
    let past = Past::read(home.path(), None).unwrap();
    assert!(past.now().as_secs_f64() > BEGAN as f64);
    assert_eq!(past.disk, disk);
    assert_eq!(past.writing.len(), 1, "the third framework is being written");

    let mut node = MasterNode::new(0);
    let left_behind = past.lives_on_in(&mut node);
    assert_eq!(left_behind.agents.iter().map(AgentId::as_str).collect::<Vec<_>>(), ["M-S0", "M-S1", "M-S2"]);
    let frameworks = node.host.core().unwrap().snapshot().frameworks;
    let tasks = |id: &str| frameworks[id].tasks.keys().map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(
        (tasks("M-0000"), tasks("M-0001")),
        (vec!["patient-task".to_owned()], vec!["hasty-task".to_owned()])
    );

    let early = Past::read(home.path(), Some(0.5)).unwrap();
    assert_eq!(early.disk.keys().collect::<Vec<_>>(), ["master"], "nobody had come");
    assert_matches!(Past::read(home.path(), Some(-1.0)), Err(NoPast::Moment(_)));
}

#[test]
fn seeds_hold_on_a_master_that_was_recorded() {
    let (home, _) = recording();
    let past = Past::read(home.path(), None).unwrap();
    for seed in 1..=3 {
        let options = crate::Options { seed, print: false, sabotage: None };
        let summary = crate::run(options, Some(&past)).unwrap_or_else(|violation| panic!("{violation}"));
        assert!(summary.tasks > 0, "{summary:?}");
    }
}

#[test]
fn a_damaged_recording_is_refused() {
    let (home, _) = recording();
    let directory = runs(home.path()).unwrap().remove(0).path;
    let segment = fs::read_dir(directory).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let refused = Past::read(home.path(), None).unwrap_err().to_string();
    assert!(refused.contains("is damaged: record"), "{refused}");
}

#[test]
fn a_recording_without_a_master_is_refused() {
    let home = TempDir::new().unwrap();
    let refused = Past::read(home.path(), None).unwrap_err().to_string();
    assert!(refused.contains("holds no recording"), "{refused}");

    let recorder = Recorder::new(home.path(), Limits::default(), "tepui 0.1.0").unwrap();
    let config = tepui_core_agent::Config::new(pid(15_051), "recorded".to_owned(), 15_051);
    let start = AgentStart { config, seed: Seed::from(1), recovered: tepui_core_agent::Recovered::default() };
    drop(Recorded::<Agent>::start(Tick::from_nanos(BEGAN * 1_000_000_000), start, Some(recorder)).unwrap());
    let refused = Past::read(home.path(), None).unwrap_err();
    assert_matches!(refused, NoPast::NoMaster { .. });
    assert!(refused.to_string().contains("holds no recording of a master"), "{refused}");
}
