//! Loading what was recorded.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{
    Outcome,
    http::{self, Response},
    peers,
};

/// One recorded request and what came back.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Directory and name, such as `scheduler/main/01-DECLINE`.
    pub name: String,
    /// The request's exact bytes.
    pub request: Vec<u8>,
    /// The exact bytes of the answer.
    pub response: Vec<u8>,
}

impl Exchange {
    /// Loads one by its name.
    pub fn load(name: &str) -> Outcome<Self> {
        let read = |kind: &str| {
            let path = peers::ours("golden").join(format!("{name}.{kind}.http"));
            fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Self { name: name.to_owned(), request: read("req")?, response: read("resp")? })
    }

    /// The last part of the name.
    pub fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The request's head, up to and with its empty line, and its body.
    pub fn request_parts(&self) -> (&[u8], &[u8]) {
        let end = self
            .request
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map_or(self.request.len(), |at| at + 4);
        self.request.split_at(end)
    }

    /// The request's body, when it is JSON.
    pub fn request_json(&self) -> Option<Value> {
        serde_json::from_slice(self.request_parts().1).ok()
    }

    /// The answers: none when the other side just closed, several for pipelined requests.
    pub fn responses(&self) -> Vec<Response> {
        let mut responses = Vec::new();
        let mut at = 0;
        while let Some((response, used)) = http::parse(&self.response[at..]) {
            responses.push(response);
            at += used;
        }
        responses
    }

    /// The records of a stream of JSON, in their order.
    pub fn records(&self) -> Outcome<Vec<Value>> {
        let responses = self.responses();
        let chunks = responses.first().and_then(|response| response.chunks.as_ref());
        chunks.into_iter().flatten().map(|chunk| http::record(chunk)).collect()
    }

    /// True when the recorded stream came to its end.
    pub fn ended(&self) -> bool {
        self.responses().first().is_some_and(|response| response.complete)
    }
}

/// All exchanges of a directory in the order of their names, streams left out.
pub fn directory(name: &str) -> Outcome<Vec<Exchange>> {
    let path = peers::ours("golden").join(name);
    let entries = fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let names: BTreeSet<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().strip_suffix(".req.http").map(str::to_owned))
        .filter(|short| {
            short != "stream" && !short.ends_with(".stream") && !short.starts_with("SUBSCRIBE-stream")
        })
        .collect();
    names.iter().map(|short| Exchange::load(&format!("{name}/{short}"))).collect()
}
