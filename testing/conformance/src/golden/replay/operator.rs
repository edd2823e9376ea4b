//! The recorded operator's side: the event stream that it held open while frameworks came and went.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{ANSWER, Replay, framework::text};
use crate::{
    Outcome,
    golden::transcript::Exchange,
    http::{Connection, Stream},
};

/// How long to wait, in all, for events that the recording has.
const EVENTS: Duration = Duration::from_secs(10);
const NAME: &str = "master/SUBSCRIBE-stream";

/// The stream of `golden/master/SUBSCRIBE-stream`.
#[derive(Debug)]
pub struct Operator {
    stream: Stream,
    recorded: BTreeMap<String, Vec<Value>>,
}

impl Operator {
    /// Subscribes, and compares the head.
    pub fn subscribe(replay: &mut Replay) -> Outcome<Self> {
        let exchange = Exchange::load(NAME)?;
        let mut connection = Connection::open(replay.master)?;
        connection.send(&replay.request(&exchange))?;
        let stream = connection
            .into_stream(ANSWER)?
            .map_err(|response| format!("{NAME}: {} {}", response.status, response.text()))?;
        if let Some(recorded) = exchange.responses().first() {
            replay.comparison.heads(NAME, &replay.names, recorded, &stream.head);
        }
        Ok(Self { stream, recorded: by_key(exchange.records()?) })
    }

    /// Compares what came with what was recorded: of each task in order, and of frameworks in order.
    pub fn compare_events(mut self, replay: &mut Replay) -> Outcome {
        let wanted: usize = self.recorded.values().map(Vec::len).sum();
        let end = Instant::now() + EVENTS;
        let mut events = Vec::new();
        while events.len() < wanted && !self.stream.finished() && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            events.extend(self.stream.next(left)?.filter(|event| key(event).is_some()));
        }
        // What nobody recorded would have come by now, too.
        while let Some(event) = self.stream.next(super::SILENCE)? {
            events.extend(Some(event).filter(|event| key(event).is_some()));
        }
        let ours = by_key(events);
        let keys = |table: &BTreeMap<String, Vec<Value>>| {
            let counts = table.iter().map(|(key, list)| format!("{key}: {}", list.len()));
            counts.collect::<Vec<_>>().join("\n        ")
        };
        if keys(&self.recorded) != keys(&ours) {
            replay.comparison.note(NAME, "events", keys(&self.recorded), keys(&ours));
        }
        for (key, list) in &self.recorded {
            for (recorded, ours) in list.iter().zip(ours.get(key).into_iter().flatten()) {
                replay.comparison.values(&format!("{NAME} {key}"), &replay.names, "$", recorded, ours);
            }
        }
        Ok(())
    }
}

fn by_key(events: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut table: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in events {
        if let Some(key) = key(&event) {
            table.entry(key).or_default().push(event);
        }
    }
    table
}

/// What events are put together under: those of a task by its id, the others by what they are about.
fn key(event: &Value) -> Option<String> {
    let task = |path| Some(format!("task {}", text(event, path)));
    match event["type"].as_str()? {
        "HEARTBEAT" => None,
        "TASK_ADDED" => task("/task_added/task/task_id/value"),
        "TASK_UPDATED" => task("/task_updated/status/task_id/value"),
        kind => Some(kind.split('_').next().unwrap_or(kind).to_lowercase()),
    }
}
