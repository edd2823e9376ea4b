//! Command tasks: their rate beside bare process starts, and how long one takes to run.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use conformance::http::{Connection, Stream, post_bytes};
use serde_json::{Value, json};

use super::{Bench, Row, Series, noop};
use crate::shell::Outcome;

const TASKS: usize = 500;
const LATENCIES: usize = 200;
const EVENT: Duration = Duration::from_secs(10);

/// Rate and latency.
pub(super) fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let cluster = bench.cluster()?;
    let master = format!("127.0.0.1:{}", cluster.master.port);
    let (mut ours, mut bare, mut shell) = (Vec::new(), Vec::new(), Vec::new());
    // By turns, so that a change of the machine's mood hits all.
    for _ in 0..bench.rounds {
        ours.push(noop::rate(bench, &master, TASKS, &["--command", "true"])?);
        bare.push(spawn_rate(&mut Command::new("true"))?);
        shell.push(spawn_rate(Command::new("sh").args(["-c", "true"]))?);
    }
    let ours = Series::new(ours);
    let row = |other, rates| Row {
        what: "command tasks `true`".to_owned(),
        unit: "tasks/s",
        ours: ours.clone(),
        other: Some((other, Series::new(rates))),
    };
    let mut rows = vec![row("posix_spawn of `true`", bare), row("posix_spawn of `sh -c true`", shell)];
    let latencies = latencies(cluster.master.port).and_then(|list| Ok(Series::new(list)?));
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        rows.push(Row {
            what: format!("ACCEPT to TASK_RUNNING, {name}"),
            unit: "ms",
            ours: latencies
                .as_ref()
                .map_err(ToString::to_string)
                .and_then(|list| Series::new(vec![list.quantile(share)])),
            other: None,
        });
    }
    Ok(rows)
}

/// `tepui run -- true` beside `true`.
pub(super) fn measure_run(bench: &Bench) -> Outcome<Vec<Row>> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..4 * bench.rounds {
        ours.push(milliseconds(Command::new(&bench.tepui).args(["run", "--", "true"]))?);
        bare.push(milliseconds(&mut Command::new("true"))?);
    }
    let beyond = ours.iter().zip(&bare).map(|(ours, bare)| ours - bare).collect();
    Ok(vec![
        Row {
            what: "`tepui run -- true`".to_owned(),
            unit: "ms",
            ours: Series::new(ours),
            other: Some(("`true`", Series::new(bare))),
        },
        Row {
            what: "`tepui run -- true` beyond `true`".to_owned(),
            unit: "ms",
            ours: Series::new(beyond),
            other: None,
        },
    ])
}

fn milliseconds(command: &mut Command) -> Outcome<f64> {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    if status.success() {
        Ok(took)
    } else {
        Err(format!("{:?} ended with {status}", command.get_program()).into())
    }
}

/// Starts and ends of a process a second, one after the other. Without anything to set up in the child the standard
/// library uses posix_spawn.
fn spawn_rate(command: &mut Command) -> Outcome<f64> {
    let start = Instant::now();
    for _ in 0..TASKS {
        command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let tasks = TASKS as f64;
    Ok(tasks / start.elapsed().as_secs_f64())
}

/// Milliseconds from sending an ACCEPT with one command task to reading its TASK_RUNNING, one task after the other.
fn latencies(port: u16) -> Outcome<Vec<f64>> {
    let mut framework = Framework::subscribe(port)?;
    let mut list = Vec::new();
    for number in 0..LATENCIES {
        list.push(framework.run_one(&format!("latency-{number}"))?);
    }
    framework.call(json!({"type": "TEARDOWN"}))?;
    Ok(list)
}

/// The barest scheduler there is.
struct Framework {
    port: u16,
    stream: Stream,
    calls: Connection,
    id: Value,
    stream_id: String,
    held: BTreeMap<String, Value>,
}

impl Framework {
    fn subscribe(port: u16) -> Outcome<Self> {
        let info = json!({"user": "root", "name": "latency", "failover_timeout": 0.0});
        let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
        let mut connection = Connection::open(port)?;
        connection.send(&post_bytes(port, "/api/v1/scheduler", &call, ""))?;
        let mut stream = connection.into_stream(EVENT)?.map_err(|response| response.text())?;
        let stream_id = stream.head.header("Mesos-Stream-Id").unwrap_or_default().to_owned();
        let first = stream.next(EVENT)?.ok_or("no SUBSCRIBED")?;
        let id = first["subscribed"]["framework_id"].clone();
        Ok(Self { port, stream, calls: Connection::open(port)?, id, stream_id, held: BTreeMap::new() })
    }

    fn call(&mut self, mut call: Value) -> Outcome {
        call["framework_id"] = self.id.clone();
        let header = format!("Mesos-Stream-Id: {}\r\n", self.stream_id);
        self.calls.send(&post_bytes(self.port, "/api/v1/scheduler", &call, &header))?;
        let answer = self.calls.response(EVENT)?;
        if answer.code() == 202 {
            Ok(())
        } else {
            Err(format!("{}: {}", answer.status, answer.text()).into())
        }
    }

    /// The next event; offers are taken in on the way.
    fn event(&mut self) -> Outcome<Value> {
        let event = self.stream.next(EVENT)?.ok_or("no event came")?;
        for offer in event["offers"]["offers"].as_array().into_iter().flatten() {
            self.held.insert(
                offer["id"]["value"].as_str().unwrap_or_default().to_owned(),
                offer["agent_id"].clone(),
            );
        }
        if let Some(gone) = event["rescind"]["offer_id"]["value"].as_str() {
            self.held.remove(gone);
        }
        Ok(event)
    }

    fn run_one(&mut self, name: &str) -> Outcome<f64> {
        while self.held.is_empty() {
            self.event()?;
        }
        let (offer, agent) = self.held.pop_first().ok_or("no offer")?;
        let resource =
            |name: &str, value: f64| json!({"name": name, "type": "SCALAR", "scalar": {"value": value}});
        let task = json!({
            "name": name, "task_id": {"value": name}, "agent_id": agent, "command": {"value": "true"},
            "resources": [resource("cpus", 0.001), resource("mem", 1.0)],
        });
        let start = Instant::now();
        self.call(json!({"type": "ACCEPT", "accept": {
            "offer_ids": [{"value": offer}], "filters": {"refuse_seconds": 0.0},
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
        }}))?;
        let mut running = None;
        loop {
            let event = self.event()?;
            let status = &event["update"]["status"];
            if status["task_id"]["value"] != name {
                continue;
            }
            if status["state"] == "TASK_RUNNING" {
                running.get_or_insert_with(|| start.elapsed());
            }
            self.call(json!({"type": "ACKNOWLEDGE", "acknowledge": {
                "agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"],
            }}))?;
            if status["state"] == "TASK_FINISHED" {
                break;
            }
        }
        Ok(running.ok_or_else(|| format!("{name} never ran"))?.as_secs_f64() * 1000.0)
    }
}
