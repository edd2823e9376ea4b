//! A recorded framework's life, lived again.
//!
//! The recording cannot be followed blindly: offers come in other sizes, updates at other moments. So a call that used
//! a recorded offer takes all offers that are held once they amount to as much, and an acknowledgement waits for the
//! update of the same task and state. What came on the stream is compared at the end, task by task.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{ANSWER, Replay, assemble};
use crate::{
    Outcome,
    golden::{exceptions, transcript::Exchange},
    http::{self, Connection, Stream},
    process::wait_for,
};

/// How long to wait for an event that the recording has.
const EVENT: Duration = Duration::from_secs(20);
/// How long to wait for offers to amount to what the recorded one had; leftovers may be bound elsewhere.
const WHOLE_OFFER: Duration = Duration::from_secs(4);

/// One subscribed framework.
#[derive(Debug)]
pub struct Framework {
    /// The name of the recorded stream's exchange.
    pub name: String,
    stream: Stream,
    /// What the recording's stream has.
    recorded: Vec<Value>,
    /// What came on ours so far.
    pub events: Vec<Value>,
    /// Offers that are ours at the moment, by id.
    held: BTreeMap<String, Value>,
    /// The recorded calls that were sent, as text.
    sent: String,
}

impl Framework {
    /// Sends the recorded SUBSCRIBE `directory/stream` and learns the names from the first answers.
    pub fn subscribe(replay: &mut Replay, directory: &str) -> Outcome<Self> {
        let exchange = Exchange::load(&format!("{directory}/stream"))?;
        let mut connection = Connection::open(replay.master)?;
        connection.send(&replay.request(&exchange))?;
        let recorded_head = exchange.responses().into_iter().next().ok_or("no recorded answer")?;
        let stream = connection
            .into_stream(ANSWER)?
            .map_err(|response| format!("{}: {} {}", exchange.name, response.status, response.text()))?;
        replay.comparison.heads(&exchange.name, &replay.names, &recorded_head, &stream.head);
        if let (Some(recorded), Some(ours)) =
            (recorded_head.header("Mesos-Stream-Id"), stream.head.header("Mesos-Stream-Id"))
        {
            replay.names.bind(recorded, ours);
        }
        let recorded = exchange.records()?;
        let mut framework = Self {
            name: exchange.name,
            stream,
            recorded,
            events: Vec::new(),
            held: BTreeMap::new(),
            sent: String::new(),
        };
        framework.learn(replay)?;
        Ok(framework)
    }

    /// Ids of framework, master and agent, from the first events.
    fn learn(&mut self, replay: &mut Replay) -> Outcome {
        let first = self.recorded.first().cloned().ok_or("an empty recording")?;
        self.wait("the first event", EVENT, |events| events.first().cloned())?;
        let ours = self.events[0].clone();
        for path in ["/subscribed/framework_id/value", "/subscribed/master_info/id"] {
            bind(replay, &first, &ours, path);
        }
        replay.comparison.values(&self.name, &replay.names, "$", &first, &ours);
        let offers = |events: &[Value]| events.iter().find(|event| event["type"] == "OFFERS").cloned();
        if let Some(recorded) = offers(&self.recorded) {
            let ours = self.wait("an offer", EVENT, offers)?;
            bind(replay, &recorded, &ours, "/offers/offers/0/agent_id/value");
            let (expected, actual) = (&recorded["offers"]["offers"][0], &ours["offers"]["offers"][0]);
            replay.comparison.values(&self.name, &replay.names, "$.offers.offers[]", expected, actual);
        }
        Ok(())
    }

    /// Takes in what has come, for at most `limit`, until `enough` finds what it looks for.
    pub fn wait<T>(
        &mut self,
        what: &str,
        limit: Duration,
        enough: impl Fn(&[Value]) -> Option<T>,
    ) -> Outcome<T> {
        let end = Instant::now() + limit;
        loop {
            if let Some(found) = enough(&self.events) {
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("waited {limit:?} in vain for {what}").into());
            }
            match self.stream.next(left)? {
                Some(event) => self.take_in(event),
                None if self.stream.finished() => {
                    return Err(format!("the stream ended before {what}").into());
                }
                None => {}
            }
        }
    }

    fn take_in(&mut self, event: Value) {
        for offer in event["offers"]["offers"].as_array().into_iter().flatten() {
            self.held.insert(text(offer, "/id/value"), offer.clone());
        }
        self.held.remove(&text(&event, "/rescind/offer_id/value"));
        self.events.push(event);
    }

    /// The sandbox of a command task that has said something, by the layout of the agent's work directory; from here on
    /// its container's id stands for the recorded one.
    pub fn learn_sandbox(&mut self, replay: &mut Replay, task: &str, agent_work: &Path) -> Outcome<PathBuf> {
        let of_task = |events: &[Value]| {
            let mut of_task =
                events.iter().filter(|event| text(event, "/update/status/task_id/value") == task);
            of_task.next().cloned()
        };
        let recorded = of_task(&self.recorded).ok_or("no recorded update")?;
        let ours = self.wait("an update", EVENT, of_task)?;
        let container = "/update/status/container_status/container_id/value";
        bind(replay, &recorded, &ours, container);
        let framework = text(&self.events[0], "/subscribed/framework_id/value");
        let agent = text(&ours, "/update/status/agent_id/value");
        let run = text(&ours, container);
        Ok(agent_work.join(format!("slaves/{agent}/frameworks/{framework}/executors/{task}/runs/{run}")))
    }

    /// Waits until a command task's shell has got as far as its `trap '' TERM`.
    pub fn await_deafness(&mut self, task: &str) -> Outcome {
        let pid = self.wait(&format!("the process of {task}"), EVENT, |events| {
            let of_task = events.iter().filter(|event| text(event, "/update/status/task_id/value") == task);
            of_task
                .rev()
                .find_map(|event| event.pointer("/update/status/container_status/executor_pid")?.as_u64())
        })?;
        wait_for(&format!("{task} to ignore SIGTERM"), EVENT, || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
            // Signal 15, counted from the lowest bit as signal 1.
            (ignored >> 14 & 1 == 1).then_some(())
        })
    }

    /// True once the other side has ended the stream, within `limit`.
    pub fn ends(&mut self, limit: Duration) -> Outcome<bool> {
        let end = Instant::now() + limit;
        while !self.stream.finished() && Instant::now() < end {
            if let Some(event) = self.stream.next(end.saturating_duration_since(Instant::now()))? {
                self.take_in(event);
            }
        }
        Ok(self.stream.finished())
    }

    /// Sends one recorded call of this framework and compares the answer.
    pub fn call(&mut self, replay: &mut Replay, exchange: &Exchange) -> Outcome {
        if let Some(why) = exceptions::not_sent(&exchange.name) {
            replay.left_out.push(format!("{}: {why}", exchange.name));
            return Ok(());
        }
        let Some(mut body) = exchange.request_json() else { return replay.exchange(exchange) };
        if body["type"] == "ACKNOWLEDGE" {
            self.await_update(replay, &body)?;
        }
        if let Some(kind) = ["accept", "decline"].into_iter().find(|kind| body[kind]["offer_ids"].is_array())
        {
            self.gather_offers(replay, &mut body, kind)?;
        }
        use_our_executor(&mut body);
        self.sent.push_str(&body.to_string());
        let (head, old) = exchange.request_parts();
        let body = replay.names.to_ours(body.to_string().as_bytes());
        let request = assemble(&replay.names.to_ours(head), &body, old.len());
        replay.send(exchange, &request)
    }

    /// Gives all offers back for the time of some reads: the recording was made while none was out. Not a recorded call.
    pub fn without_offers(
        &mut self,
        replay: &mut Replay,
        reads: impl FnOnce(&mut Replay) -> Outcome,
    ) -> Outcome {
        let offers: Vec<Value> =
            std::mem::take(&mut self.held).into_keys().map(|id| json!({"value": id})).collect();
        self.extra_call(replay, json!({"type": "SUPPRESS"}))?;
        self.extra_call(replay, json!({"type": "DECLINE", "decline": {"offer_ids": offers}}))?;
        reads(replay)?;
        self.extra_call(replay, json!({"type": "REVIVE"}))
    }

    fn extra_call(&mut self, replay: &Replay, mut call: Value) -> Outcome {
        call["framework_id"] = self.events[0]["subscribed"]["framework_id"].clone();
        let header = self.stream.head.header("Mesos-Stream-Id").unwrap_or_default();
        let answer =
            http::post(replay.master, "/api/v1/scheduler", &call, &format!("Mesos-Stream-Id: {header}\r\n"))?;
        if answer.code() == 202 { Ok(()) } else { Err(format!("{call}: {}", answer.text()).into()) }
    }

    /// Waits for the update that the recorded call acknowledges, as often as it was repeated in the recording.
    fn await_update(&mut self, replay: &mut Replay, body: &Value) -> Outcome {
        let uuid = text(body, "/acknowledge/uuid");
        let same: Vec<&Value> =
            self.recorded.iter().filter(|event| text(event, "/update/status/uuid") == uuid).collect();
        // A made-up one, to provoke an error.
        let Some(recorded) = same.first() else { return Ok(()) };
        let (task, state) =
            (text(recorded, "/update/status/task_id/value"), text(recorded, "/update/status/state"));
        let (times, names) = (same.len(), replay.names.clone());
        let found = self.wait(&format!("{state} of {task}"), EVENT, |events| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for event in events {
                let uuid = text(event, "/update/status/uuid");
                let fits = text(event, "/update/status/task_id/value") == task
                    && text(event, "/update/status/state") == state
                    && !uuid.is_empty()
                    // One that was acknowledged before has a name in the recording.
                    && names.to_recorded(&uuid) == uuid;
                if fits {
                    *counts.entry(uuid).or_default() += 1;
                }
            }
            counts.into_iter().find(|(_, count)| *count >= times).map(|(uuid, _)| uuid)
        })?;
        replay.names.bind(uuid, found);
        Ok(())
    }

    /// Puts all held offers in the place of a recorded one that was valid when it was used.
    fn gather_offers(&mut self, replay: &mut Replay, body: &mut Value, kind: &str) -> Outcome {
        let recorded_id = text(body, &format!("/{kind}/offer_ids/0/value"));
        let mut offers =
            self.recorded.iter().flat_map(|event| event["offers"]["offers"].as_array().into_iter().flatten());
        let Some(recorded) = offers.find(|offer| text(offer, "/id/value") == recorded_id).cloned() else {
            return Ok(());
        };
        if replay.names.ours(&recorded_id).is_some() {
            // Used before: now it is meant to be stale.
            return Ok(());
        }
        let (cpus, mem) = (scalar(&recorded, "cpus"), scalar(&recorded, "mem"));
        let end = Instant::now() + WHOLE_OFFER;
        while Instant::now() < end {
            let sum = |name| self.held.values().map(|offer| scalar(offer, name)).sum::<f64>();
            if sum("cpus") > cpus - 1e-6 && sum("mem") > mem - 1e-6 {
                break;
            }
            if let Some(event) = self.stream.next(end.saturating_duration_since(Instant::now()))? {
                self.take_in(event);
            }
        }
        let held: Vec<String> = std::mem::take(&mut self.held).into_keys().collect();
        let first = held.first().ok_or_else(|| format!("no offers in place of {recorded_id}"))?;
        replay.names.bind(recorded_id, first);
        body[kind]["offer_ids"] = held.iter().map(|id| json!({"value": id})).collect();
        Ok(())
    }

    /// Events about tasks and executors that no call sent here has named belong to calls that were left out.
    fn asked_for(&self, event: &Value) -> bool {
        let about =
            ["/update/status/task_id/value", "/failure/executor_id/value"].map(|path| text(event, path));
        about.iter().all(|name| name.is_empty() || self.sent.contains(&json!(name).to_string()))
    }

    /// What the recording has, by key, without what belongs to calls that were left out.
    fn expected(&self) -> BTreeMap<String, Vec<Value>> {
        let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in self.recorded.iter().filter(|event| self.asked_for(event)) {
            if let Some(key) = key(event) {
                expected.entry(key).or_default().push(event.clone());
            }
        }
        expected
    }

    /// Waits until all recorded updates, failures and messages have come. That some do not is seen in the comparison.
    pub fn await_events(&mut self) {
        let mut expected = self.expected();
        // The end of the story, not of this chapter.
        expected.remove("ERROR");
        let _ = self.wait("all recorded events", EVENT, |events| {
            expected.iter().all(|(name, list)| of_key(events, name).len() >= list.len()).then_some(())
        });
    }

    /// Compares what came with what was recorded: updates task by task, failures and messages in their order.
    pub fn compare_events(&self, replay: &mut Replay) {
        for (name, list) in self.expected() {
            let actual = of_key(&self.events, &name);
            let at = format!("{} {name}", self.name);
            if actual.len() != list.len() {
                let show = |list: &[Value]| {
                    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n        ")
                };
                replay.comparison.note(&at, "number of events", show(&list), show(&actual));
            }
            for (expected, actual) in list.iter().zip(&actual) {
                replay.comparison.values(&at, &replay.names, "$", expected, actual);
            }
        }
    }
}

/// What events are put together under: updates by their task, others by their type.
fn key(event: &Value) -> Option<String> {
    match event["type"].as_str()? {
        "UPDATE" => Some(format!("UPDATE of {}", text(event, "/update/status/task_id/value"))),
        "FAILURE" => Some(format!("FAILURE of {}", text(event, "/failure/executor_id/value"))),
        kind @ ("MESSAGE" | "ERROR" | "RESCIND") => Some(kind.to_owned()),
        // Heartbeats and offers come when they come.
        _ => None,
    }
}

fn of_key(events: &[Value], name: &str) -> Vec<Value> {
    events.iter().filter(|event| key(event).as_deref() == Some(name)).cloned().collect()
}

/// The recorded executor program becomes one that only shows its environment: the replay itself speaks for it.
fn use_our_executor(body: &mut Value) {
    // Indexing a mutable value would add what is not there.
    let operations = body.pointer_mut("/accept/operations").and_then(Value::as_array_mut);
    for operation in operations.into_iter().flatten() {
        let tasks = operation.pointer_mut("/launch/task_infos").and_then(Value::as_array_mut);
        for command in
            tasks.into_iter().flatten().filter_map(|task| task.pointer_mut("/executor/command/value"))
        {
            if command.as_str().is_some_and(|command| command.contains("golden_executor")) {
                *command = json!("env > environment.part; mv environment.part environment; exec sleep 1000");
            }
        }
    }
}

fn bind(replay: &mut Replay, recorded: &Value, ours: &Value, path: &str) {
    let (recorded, ours) = (text(recorded, path), text(ours, path));
    if !recorded.is_empty() && !ours.is_empty() {
        replay.names.bind(recorded, ours);
    }
}

/// The text at a JSON pointer; empty when there is none.
pub(super) fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// How much of a scalar resource an offer has, over all its parts.
fn scalar(offer: &Value, name: &str) -> f64 {
    let resources = offer["resources"].as_array().into_iter().flatten();
    resources
        .filter(|resource| resource["name"] == name)
        .filter_map(|resource| resource["scalar"]["value"].as_f64())
        .sum()
}

/// Waits until the master shows the framework in the given `connected` state; None waits for it to be gone.
pub fn await_connected(replay: &Replay, recorded_id: &str, connected: Option<bool>) -> Outcome {
    let id = replay.names.ours(recorded_id).ok_or("a framework that never subscribed")?.to_owned();
    wait_for("the framework's connection to end", EVENT, || {
        let answer =
            http::post(replay.master, "/api/v1", &json!({"type": "GET_FRAMEWORKS"}), "").ok()?.json().ok()?;
        let frameworks = answer["get_frameworks"]["frameworks"].as_array()?;
        let found = frameworks.iter().find(|framework| text(framework, "/framework_info/id/value") == id);
        (found.map(|framework| framework["connected"] == json!(true)) == connected).then_some(())
    })
}
