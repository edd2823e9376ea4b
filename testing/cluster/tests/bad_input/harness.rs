//! One master, one agent, and proof that they are well.

use std::{fs, time::Duration};

use cluster::scheduler::{Job, Scheduler};
use conformance::{
    Outcome,
    cluster::{Agent, Master},
    http::{self, Connection, Response, Stream},
    process::Yard,
};
use serde_json::{Value, json};
use tepui_scheduler::v1::TaskState;

/// Far more than an answer takes on a machine that has much else to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Site {
    pub(crate) master: Master,
    pub(crate) agent: Agent,
}

impl Site {
    pub(crate) fn start(yard: &Yard) -> Outcome<Self> {
        let mut master = Master::start(yard, &[])?;
        let agent = Agent::start(yard, master.port, &[])?;
        master.wait_for_agents(1)?;
        Ok(Self { master, agent })
    }

    /// Both processes live and answer.
    pub(crate) fn is_well(&mut self) -> Outcome {
        for (process, port) in
            [(&mut self.master.process, self.master.port), (&mut self.agent.process, self.agent.port)]
        {
            // An end is an error here, with its last words.
            process
                .wait_until(LIMIT, || http::get(port, "/health").is_ok_and(|answer| answer.code() == 200))?;
            if process.output().contains("panicked") {
                return Err(format!("something panicked:\n{}", process.output()).into());
            }
        }
        Ok(())
    }

    /// And a framework runs a task on them as ever.
    pub(crate) fn works(&mut self) -> Outcome {
        self.is_well()?;
        let job = Job::command("sane", "true");
        let scheduler = Scheduler::start(self.master.port, vec![job], 1)?;
        scheduler.wait_for_the_end()?;
        let finished = scheduler.ledger().count(|state| state == TaskState::TaskFinished);
        if finished == 1 { Ok(()) } else { Err(format!("{:?}", scheduler.ledger().tasks).into()) }
    }
}

/// A SUBSCRIBE of a framework called `name`.
pub(crate) fn subscribe_call(name: &str) -> Value {
    json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {
        "user": "root", "name": name, "roles": ["*"], "capabilities": [{"type": "MULTI_ROLE"}]}}})
}

/// A subscribed framework.
pub(crate) struct Framework {
    pub(crate) id: String,
    pub(crate) stream_id: String,
    pub(crate) stream: Stream,
}

impl Framework {
    pub(crate) fn subscribe(port: u16, name: &str) -> Outcome<Self> {
        let mut connection = Connection::open(port)?;
        connection.send(&http::post_bytes(port, "/api/v1/scheduler", &subscribe_call(name), ""))?;
        let mut stream = connection.into_stream(LIMIT)?.map_err(|response| response.text())?;
        let stream_id = stream.head.header("Mesos-Stream-Id").ok_or("no stream id")?.to_owned();
        let event = stream.next(LIMIT)?.ok_or("no SUBSCRIBED")?;
        let id = event["subscribed"]["framework_id"]["value"].as_str().ok_or("no framework id")?.to_owned();
        Ok(Self { id, stream_id, stream })
    }

    pub(crate) fn call(&self, port: u16, mut call: Value) -> Outcome<Response> {
        call["framework_id"] = json!({"value": self.id});
        http::post(port, "/api/v1/scheduler", &call, &format!("Mesos-Stream-Id: {}\r\n", self.stream_id))
    }

    /// The next event of this type.
    pub(crate) fn event(&mut self, kind: &str) -> Outcome<Value> {
        loop {
            let event = self.stream.next(LIMIT)?.ok_or_else(|| format!("no {kind} came"))?;
            if event["type"] == kind {
                return Ok(event);
            }
        }
    }
}

/// The bytes of a POST with any head and body.
pub(crate) fn raw_post(path: &str, content_type: Option<&str>, headers: &str, body: &[u8]) -> Vec<u8> {
    let content_type = content_type.map(|mime| format!("Content-Type: {mime}\r\n")).unwrap_or_default();
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\n{content_type}{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Sends it on a connection of its own and gives the answer.
pub(crate) fn exchange(port: u16, bytes: &[u8]) -> Outcome<Response> {
    let mut connection = Connection::open(port)?;
    connection.send(bytes)?;
    connection.response(LIMIT)
}

/// How much memory a process holds now, and the most it ever held, in MiB.
pub(crate) fn memory(pid: u32) -> Outcome<(usize, usize)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Option<usize> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let kib = |name: &str| field(name).ok_or_else(|| format!("no {name} of process {pid}"));
    Ok((kib("VmRSS:")? / 1024, kib("VmHWM:")? / 1024))
}
