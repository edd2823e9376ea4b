//! A recorded executor's side of things.
//!
//! The agent starts a process that does nothing; its calls are sent from here, and its stream is read here.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{ANSWER, Replay, framework::text};
use crate::{
    Outcome,
    golden::transcript::{self, Exchange},
    http::{Connection, Stream},
    peers,
    process::wait_for,
};

const EVENT: Duration = Duration::from_secs(20);

/// The executor of `golden/executor`.
#[derive(Debug)]
pub struct Executor {
    stream: Option<Stream>,
    recorded: Vec<Value>,
    events: Vec<Value>,
    calls: Vec<Exchange>,
}

impl Executor {
    /// Loads the recording.
    pub fn new() -> Outcome<Self> {
        let recorded = Exchange::load("executor/exec.stream")?.records()?;
        let calls = transcript::directory("executor")?;
        Ok(Self { stream: None, recorded, events: Vec::new(), calls })
    }

    /// Waits for the process in its sandbox, and returns its environment.
    pub fn started(agent_work: &Path) -> Outcome<String> {
        let find = || -> Option<PathBuf> {
            let agents = fs::read_dir(agent_work.join("slaves")).ok()?.flatten();
            agents
                .flat_map(|agent| {
                    fs::read_dir(agent.path().join("frameworks")).into_iter().flatten().flatten()
                })
                .map(|framework| framework.path().join("executors/golden-exec/runs/latest/environment"))
                .find(|path| path.is_file())
        };
        Ok(fs::read_to_string(wait_for("the executor's process", EVENT, find)?)?)
    }

    /// Compares the process's environment with the recorded one.
    pub fn compare_environment(replay: &mut Replay, ours: &str) -> Outcome {
        let names = &replay.names;
        let recorded = fs::read_to_string(peers::ours("golden/executor/exec.environ.txt"))?;
        let table = |text: &str| -> BTreeMap<String, String> {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect()
        };
        let (recorded, ours) = (table(&recorded), table(&names.to_recorded(ours)));
        for (name, value) in &recorded {
            let actual = ours.get(name).map_or("none", String::as_str);
            let same = match name.as_str() {
                // Below the agent's own work directory the layout is the same.
                "MESOS_DIRECTORY" | "MESOS_SANDBOX" | "PWD" => layout(value) == layout(actual),
                // Set by the recorded executor's interpreter.
                "LC_CTYPE" => true,
                _ => super::super::shape::normal(value) == super::super::shape::normal(actual),
            };
            if !same {
                replay.comparison.note("executor/environment", name, value, actual);
            }
        }
        // The shell's own.
        let by_the_shell = ["_", "OLDPWD", "SHLVL"];
        for (name, value) in &ours {
            if !recorded.contains_key(name) && !by_the_shell.contains(&name.as_str()) {
                replay.comparison.note("executor/environment", name, "none", value);
            }
        }
        Ok(())
    }

    /// Subscribes, and compares the head.
    pub fn subscribe(&mut self, replay: &mut Replay) -> Outcome {
        let exchange = Exchange::load("executor/exec.stream")?;
        let mut connection = Connection::open(replay.agent)?;
        connection.send(&replay.request(&exchange))?;
        let stream = connection
            .into_stream(ANSWER)?
            .map_err(|response| format!("{}: {} {}", exchange.name, response.status, response.text()))?;
        if let Some(recorded) = exchange.responses().first() {
            replay.comparison.heads(&exchange.name, &replay.names, recorded, &stream.head);
        }
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends the recorded calls of these numbers.
    pub fn calls(&mut self, replay: &mut Replay, numbers: std::ops::RangeInclusive<usize>) -> Outcome {
        for exchange in &self.calls {
            let number =
                exchange.short_name().strip_prefix("exec.").and_then(|rest| rest.get(..2)?.parse().ok());
            if number.is_some_and(|number: usize| numbers.contains(&number)) {
                replay.exchange(exchange)?;
            }
        }
        Ok(())
    }

    /// Waits for the next event of a type that was not waited for before.
    pub fn expect(&mut self, kind: &str) -> Outcome {
        let stream = self.stream.as_mut().ok_or("not subscribed")?;
        loop {
            match stream.next(EVENT)? {
                Some(event) => {
                    let found = event["type"] == kind;
                    self.events.push(event);
                    if found {
                        return Ok(());
                    }
                }
                None => return Err(format!("no {kind} for the executor; it got {:?}", self.events).into()),
            }
        }
    }

    /// Compares all events, type by type.
    pub fn compare_events(&self, replay: &mut Replay) {
        let of = |events: &[Value], kind: &str| -> Vec<Value> {
            events.iter().filter(|event| event["type"] == kind).cloned().collect()
        };
        for kind in ["SUBSCRIBED", "LAUNCH", "ACKNOWLEDGED", "MESSAGE", "KILL", "SHUTDOWN"] {
            let (recorded, ours) = (of(&self.recorded, kind), of(&self.events, kind));
            let at = format!("executor/exec.stream {kind}");
            if recorded.len() != ours.len() {
                let uuids =
                    |list: &[Value]| list.iter().map(|e| text(e, "/acknowledged/uuid")).collect::<Vec<_>>();
                replay.comparison.note(
                    &at,
                    "number of events",
                    uuids(&recorded).join(" "),
                    uuids(&ours).join(" "),
                );
            }
            for (recorded, ours) in recorded.iter().zip(&ours) {
                replay.comparison.values(&at, &replay.names, "$", recorded, ours);
            }
        }
    }
}

/// A sandbox's path from `slaves` on, its ids made equal.
fn layout(path: &str) -> String {
    super::super::shape::normal(path.find("/slaves/").map_or(path, |at| &path[at..]))
}
