//! Bad executors over HTTP.

use std::{process::ExitCode, thread, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use conformance::{
    Outcome,
    http::{Connection, Response, Stream, post, post_bytes},
};
use serde_json::{Value, json};

use super::{Executor, FOR_EVER, Part, finish, ghost, hang, play_common, uuid, variable};

const PATH: &str = "/api/v1/executor";
const LIMIT: Duration = Duration::from_secs(30);

struct Http {
    port: u16,
    framework: String,
    executor: String,
    agent: String,
    stream: Option<Stream>,
}

/// Plays a part.
pub(super) fn play(part: Part) -> Outcome<ExitCode> {
    let mut executor = Http::from_env()?;
    if part == Part::Connects {
        let _connection = Connection::open(executor.port)?;
        return Ok(hang());
    }
    if let Some(code) = play_common(&mut executor, part)? {
        return Ok(code);
    }
    let task = executor.first_task()?;
    executor.update(&task, "TASK_RUNNING", "")?;
    let played = executor.misbehave(part, &task);
    finish(&mut executor, &task, played)?;
    Ok(ExitCode::SUCCESS)
}

impl Executor for Http {
    fn first_task(&mut self) -> Outcome<String> {
        self.stream = Some(self.subscribe(&json!({}))?);
        let launch = self.event("LAUNCH")?;
        Ok(launch["launch"]["task"]["task_id"]["value"].as_str().ok_or("a task without id")?.to_owned())
    }

    fn update(&mut self, task: &str, state: &str, message: &str) -> Outcome {
        let mut status = self.status(task, state);
        status["message"] = message.into();
        expect(202, &self.call(&json!({"type": "UPDATE", "update": {"status": status}}))?)
    }

    fn wait_for_the_end(&mut self) {
        while self.stream.as_mut().is_some_and(|stream| {
            stream.next(FOR_EVER).is_ok_and(|event| event.is_some_and(|event| event["type"] != "SHUTDOWN"))
        }) {}
    }
}

impl Http {
    fn from_env() -> Outcome<Self> {
        let endpoint = variable("MESOS_AGENT_ENDPOINT")?;
        let port = endpoint.rsplit(':').next().unwrap_or_default().parse()?;
        Ok(Self {
            port,
            framework: variable("MESOS_FRAMEWORK_ID")?,
            executor: variable("MESOS_EXECUTOR_ID")?,
            agent: variable("MESOS_SLAVE_ID")?,
            stream: None,
        })
    }

    fn full(&self, call: &Value) -> Value {
        let mut call = call.clone();
        call["framework_id"] = json!({"value": self.framework});
        call["executor_id"] = json!({"value": self.executor});
        call
    }

    fn call(&self, call: &Value) -> Outcome<Response> {
        post(self.port, PATH, &self.full(call), "")
    }

    fn subscribe(&self, subscribe: &Value) -> Outcome<Stream> {
        let mut connection = Connection::open(self.port)?;
        let call = self.full(&json!({"type": "SUBSCRIBE", "subscribe": subscribe}));
        connection.send(&post_bytes(self.port, PATH, &call, ""))?;
        Ok(connection.into_stream(LIMIT)?.map_err(|response| response.text())?)
    }

    fn event(&mut self, kind: &str) -> Outcome<Value> {
        let stream = self.stream.as_mut().ok_or("not subscribed")?;
        loop {
            let event = stream.next(LIMIT)?.ok_or_else(|| format!("no {kind} came"))?;
            if event["type"] == kind {
                return Ok(event);
            }
        }
    }

    fn status(&self, task: &str, state: &str) -> Value {
        json!({
            "task_id": {"value": task},
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "uuid": BASE64.encode(uuid()),
            "executor_id": {"value": self.executor},
            "agent_id": {"value": self.agent},
        })
    }

    /// An update of TASK_RUNNING with some fields of its status changed must get this answer.
    fn try_update(&self, code: u16, task: &str, change: impl FnOnce(&mut Value)) -> Outcome {
        let mut status = self.status(task, "TASK_RUNNING");
        change(&mut status);
        let answer = self.call(&json!({"type": "UPDATE", "update": {"status": status}}))?;
        Ok(expect(code, &answer).map_err(|problem| format!("{problem} to {status}"))?)
    }

    fn misbehave(&mut self, part: Part, task: &str) -> Outcome {
        match part {
            Part::Rubbish => self.rubbish(),
            Part::UnknownTask => {
                for state in ["TASK_RUNNING", "TASK_FINISHED"] {
                    self.try_update(202, &ghost(task), |status| status["state"] = state.into())?;
                }
                Ok(())
            }
            Part::WrongUuids => self.wrong_uuids(task),
            Part::WrongSources => self.wrong_sources(task),
            Part::FinishesTwice => {
                for state in ["TASK_FINISHED", "TASK_FAILED", "TASK_RUNNING", "TASK_FINISHED"] {
                    self.try_update(202, task, |status| status["state"] = state.into())?;
                }
                Ok(())
            }
            Part::Repeats => {
                let status = self.status(task, "TASK_RUNNING");
                let call = json!({"type": "UPDATE", "update": {"status": status}});
                (0..100).try_for_each(|_| expect(202, &self.call(&call)?))
            }
            Part::Staging => self.try_update(400, task, |status| status["state"] = "TASK_STAGING".into()),
            Part::Reconnects => {
                for _ in 0..30 {
                    thread::sleep(Duration::from_millis(100));
                    self.stream = Some(self.subscribe(&json!({}))?);
                    self.event("SUBSCRIBED")?;
                }
                Ok(())
            }
            Part::Giant => self.giant(task),
            Part::Halves => self.halves(),
            _ => Err(format!("{part:?} is no part here").into()),
        }
    }

    fn rubbish(&self) -> Outcome {
        for (code, content_type, body) in [
            (400, "application/json", b"".to_vec()),
            (400, "application/json", b"\xff\xfe\x00garbage".to_vec()),
            (400, "application/json", b"{\"type\": \"UPDATE\"".to_vec()),
            (400, "application/json", b"[1, 2, 3]".to_vec()),
            (400, "application/json", b"null".to_vec()),
            (400, "application/json", "[".repeat(100_000).into_bytes()),
            (400, "application/x-protobuf", vec![0xff; 1_000]),
            (415, "text/plain", b"hello".to_vec()),
        ] {
            expect(code, &self.raw(content_type, &body)?)?;
        }
        for call in [
            json!({"type": "UPDATE"}),
            json!({"type": "SUBSCRIBE"}),
            json!({"type": "MESSAGE"}),
            json!({"type": "NONSENSE"}),
            json!({"type": 17}),
            json!({"type": "MESSAGE", "message": {"data": "!!! no base64 !!!"}}),
            json!({"type": "UPDATE", "update": {"status": {"state": "TASK_RUNNING"}}}),
        ] {
            let answer = self.call(&call)?;
            expect(400, &answer).map_err(|problem| format!("{problem} to {call}"))?;
        }
        // What is no HTTP gets no answer, and the connection ends.
        let mut connection = Connection::open(self.port)?;
        connection.send(&[b"\x16\x03\x01".as_slice(), &[0x80; 500], b"\r\n\r\n"].concat())?;
        let (answer, _) = connection.drain(Duration::from_millis(500))?;
        if answer.is_empty() { Ok(()) } else { Err(format!("an answer to garbage: {answer:?}").into()) }
    }

    fn raw(&self, content_type: &str, body: &[u8]) -> Outcome<Response> {
        let mut connection = Connection::open(self.port)?;
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.send(&[head.as_bytes(), body].concat())?;
        connection.response(LIMIT)
    }

    fn wrong_uuids(&self, task: &str) -> Outcome {
        for wrong in [&[][..], &[1], &[0; 16], &[0xff; 16], &[7; 15], &[7; 17], &[0x40; 1_000]] {
            let wrong = BASE64.encode(wrong);
            self.try_update(400, task, |status| status["uuid"] = wrong.into())?;
        }
        self.try_update(400, task, |status| drop(status.as_object_mut().map(|fields| fields.remove("uuid"))))
    }

    fn wrong_sources(&self, task: &str) -> Outcome {
        for wrong in ["SOURCE_MASTER", "SOURCE_AGENT"] {
            self.try_update(400, task, |status| status["source"] = wrong.into())?;
        }
        self.try_update(400, task, |status| {
            drop(status.as_object_mut().map(|fields| fields.remove("source")));
        })?;
        self.try_update(400, task, |status| status["executor_id"] = json!({"value": "another"}))?;
        // Taken, and then dropped: it is about somebody else's agent.
        self.try_update(202, task, |status| {
            status["agent_id"] = json!({"value": "another"});
            status["state"] = "TASK_KILLED".into();
        })?;
        for (field, code) in [("framework_id", 400), ("executor_id", 400)] {
            let mut call =
                self.full(&json!({"type": "UPDATE", "update": {"status": self.status(task, "TASK_KILLED")}}));
            call[field] = json!({"value": "another"});
            expect(code, &post(self.port, PATH, &call, "")?)?;
        }
        Ok(())
    }

    /// Large, but an update all the same; and far more than anybody can mean.
    fn giant(&self, task: &str) -> Outcome {
        self.try_update(202, task, |status| status["message"] = "m".repeat(1 << 20).into())?;
        for claim in ["100000000000", "18446744073709551615", "99999999999999999999999"] {
            let mut connection = Connection::open(self.port)?;
            let head = format!(
                "POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {claim}\r\n\r\n"
            );
            connection.send(head.as_bytes())?;
            // Cut off in the middle, by either side.
            for _ in 0..64 {
                if connection.send(&[b' '; 1 << 20]).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn halves(&self) -> Outcome {
        let whole = post_bytes(
            self.port,
            PATH,
            &self.full(&json!({"type": "MESSAGE", "message": {"data": "aGk="}})),
            "",
        );
        let mut connections = Vec::new();
        for cut in (1..whole.len()).step_by(3) {
            let mut connection = Connection::open(self.port)?;
            connection.send(&whole[..cut])?;
            connections.push(connection);
        }
        // Half of them close now, the others when the executor ends.
        connections.truncate(connections.len() / 2);
        std::mem::forget(connections);
        Ok(())
    }
}

fn expect(code: u16, answer: &Response) -> Outcome {
    if answer.code() == code {
        return Ok(());
    }
    Err(format!("{} {}, and not {code}", answer.status, answer.text()).into())
}
