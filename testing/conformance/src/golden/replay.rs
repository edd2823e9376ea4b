//! Sending what was recorded, and collecting how the answers differ.

mod executor;
mod framework;
mod operator;

use std::time::Duration;

pub use self::{
    executor::Executor,
    framework::{Framework, await_connected},
    operator::Operator,
};
use super::{exceptions, names::Names, shape::Comparison, transcript::Exchange};
use crate::{Outcome, http::Connection};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the other side must be silent to count as having nothing more to say.
const SILENCE: Duration = Duration::from_millis(700);

/// Who is talked to, what things are called there, and what differed so far.
#[derive(Debug)]
pub struct Replay {
    /// The master's port.
    pub master: u16,
    /// The agent's port.
    pub agent: u16,
    /// Names of the recording and of this run.
    pub names: Names,
    /// What differed so far.
    pub comparison: Comparison,
    /// Requests that were left out, with the reason.
    pub left_out: Vec<String>,
}

impl Replay {
    /// A run against these two.
    pub fn new(master: u16, agent: u16) -> Self {
        let mut names = Names::default();
        // The recording's addresses.
        names.bind("127.0.0.1:15050", format!("127.0.0.1:{master}"));
        names.bind("127.0.0.1:15051", format!("127.0.0.1:{agent}"));
        // Where the recorded agent had its helper programs.
        names.bind("/opt/mesos-build/src", "/usr/libexec/mesos");
        Self { master, agent, names, comparison: Comparison::default(), left_out: Vec::new() }
    }

    /// The port that a recorded request went to.
    fn port(&self, exchange: &Exchange) -> u16 {
        let text = String::from_utf8_lossy(&exchange.request);
        let to_agent = text.contains("\r\nHost: 127.0.0.1:15051")
            || !text.contains("\r\nHost: ") && exchange.name.starts_with("agent/");
        if to_agent { self.agent } else { self.master }
    }

    /// Sends one recorded request on a connection of its own, and compares all that comes back, be it one answer,
    /// several, or none.
    pub fn exchange(&mut self, exchange: &Exchange) -> Outcome {
        if let Some(why) = exceptions::not_sent(&exchange.name) {
            self.left_out.push(format!("{}: {why}", exchange.name));
            return Ok(());
        }
        let request = self.request(exchange);
        self.send(exchange, &request)
    }

    /// The request as it has to be said here.
    fn request(&self, exchange: &Exchange) -> Vec<u8> {
        let (head, body) = exchange.request_parts();
        assemble(&self.names.to_ours(head), &self.names.to_ours(body), body.len())
    }

    fn send(&mut self, exchange: &Exchange, request: &[u8]) -> Outcome {
        let recorded = exchange.responses();
        let mut connection = Connection::open(self.port(exchange))?;
        connection.send(request)?;
        for recorded in &recorded {
            if recorded.chunks.is_some() && !recorded.complete {
                // A stream that was still open when the recording ended: its beginning is compared.
                return self.stream_start(exchange, connection);
            }
            match connection.response(ANSWER) {
                Ok(ours) => self.comparison.responses(&exchange.name, &self.names, recorded, &ours),
                Err(problem) => {
                    self.comparison.note(&exchange.name, "answer", &recorded.status, problem);
                    return Ok(());
                }
            }
        }
        let head = String::from_utf8_lossy(exchange.request_parts().0).into_owned();
        let must_close =
            recorded.is_empty() || head.contains(" HTTP/1.0\r\n") || head.contains("\r\nConnection: close");
        if must_close {
            let (rest, closed) = connection.drain(SILENCE)?;
            if !rest.is_empty() || !closed {
                let ours = format!("closed: {closed}, {:?}", String::from_utf8_lossy(&rest));
                self.comparison.note(&exchange.name, "end of the connection", "closed: true", ours);
            }
        }
        Ok(())
    }

    fn stream_start(&mut self, exchange: &Exchange, connection: Connection) -> Outcome {
        let Some(recorded) = exchange.responses().into_iter().next() else { return Ok(()) };
        match connection.into_stream(ANSWER)? {
            Ok(mut stream) => {
                self.comparison.heads(&exchange.name, &self.names, &recorded, &stream.head);
                if let Some(expected) = exchange.records().ok().and_then(|records| records.into_iter().next())
                {
                    match stream.next(ANSWER)? {
                        Some(ours) => {
                            self.comparison.values(&exchange.name, &self.names, "$", &expected, &ours)
                        }
                        None => self.comparison.note(&exchange.name, "record", expected, "nothing"),
                    }
                }
            }
            Err(response) => self.comparison.heads(&exchange.name, &self.names, &recorded, &response),
        }
        Ok(())
    }

    /// Replays a whole directory of exchanges that do not depend on each other.
    pub fn directory(&mut self, name: &str) -> Outcome {
        for exchange in super::transcript::directory(name)? {
            self.exchange(&exchange).map_err(|problem| format!("{}: {problem}", exchange.name))?;
        }
        Ok(())
    }

    /// Everything that differed, as one text; none when nothing did.
    pub fn verdict(&self) -> Outcome {
        if self.comparison.differences.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = self.comparison.differences.iter().map(ToString::to_string).collect();
        Err(format!("{} differences from the recording:\n{}", list.len(), list.join("\n")).into())
    }
}

/// Head and body again, with the body's new length in place of the old one.
fn assemble(head: &[u8], body: &[u8], old_length: usize) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let head = head.replace(
        &format!("\r\nContent-Length: {old_length}\r\n"),
        &format!("\r\nContent-Length: {}\r\n", body.len()),
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_follows_the_body() {
        let request = assemble(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", b"abcdefghijkl", 3);
        assert_eq!(request, b"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nabcdefghijkl");
    }
}
