//! Is an answer what the recording says it should be?
//!
//! Compared are the status line, the headers in their order, and the body: the same members in the same order, the same
//! types, the same texts and numbers. Ids, times, process ids and ports differ from run to run and count only by type.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
};

use serde_json::Value;

use super::{
    exceptions::{Exceptions, Leave},
    names::Names,
};
use crate::http::{self, Response};

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which exchange, such as `master/errors/bad-json`.
    pub exchange: String,
    /// Where in it: `status`, `header Location`, or a path into the JSON such as `$.get_tasks.tasks[].name`.
    pub at: String,
    /// What the recording has.
    pub recorded: String,
    /// What came.
    pub ours: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {}\n    recorded: {}\n    ours:     {}",
            self.exchange, self.at, self.recorded, self.ours
        )
    }
}

/// Headers whose value is another one each time.
const VARYING_HEADERS: &[&str] = &["date", "content-length", "mesos-stream-id"];

/// Members whose number is another one each time.
const VARYING_NUMBERS: &[&str] = &[
    "timestamp",
    "nanoseconds",
    "port",
    "pid",
    "executor_pid",
    "ip",
    "start_time",
    "elected_time",
    "build_time",
    "registered_time",
    "reregistered_time",
    "unregistered_time",
    "mtime",
    "size",
    "offset",
];

/// Compares answers, and remembers what differed.
#[derive(Debug, Default)]
pub struct Comparison {
    /// What was found so far.
    pub differences: Vec<Difference>,
    /// The listed exceptions, and which of them were needed.
    pub exceptions: Exceptions,
}

impl Comparison {
    /// Notes a difference, unless an exception covers it.
    pub fn note(&mut self, exchange: &str, at: &str, recorded: impl ToString, ours: impl ToString) {
        if self.exceptions.find(exchange, at).is_some() {
            return;
        }
        let (recorded, ours) = (shortened(recorded.to_string()), shortened(ours.to_string()));
        let difference = Difference { exchange: exchange.to_owned(), at: at.to_owned(), recorded, ours };
        if !self.differences.contains(&difference) {
            self.differences.push(difference);
        }
    }

    /// Compares two whole responses.
    pub fn responses(&mut self, exchange: &str, names: &Names, recorded: &Response, ours: &Response) {
        self.heads(exchange, names, recorded, ours);
        let (expected, actual) = (plain_body(recorded), plain_body(ours));
        match (json(&expected), json(&actual)) {
            (Ok(expected), Ok(actual)) => self.values(exchange, names, "$", &expected, &actual),
            _ if recorded.header("Content-Type") == Some("application/x-protobuf")
                && recorded.chunks.is_none() =>
            {
                if fields(&expected) != fields(&actual) {
                    self.note(
                        exchange,
                        "fields",
                        format!("{:?}", fields(&expected)),
                        format!("{:?}", fields(&actual)),
                    );
                }
            }
            _ if recorded.chunks.is_some() && ours.chunks.is_some() => {
                self.streams(exchange, names, recorded, ours)
            }
            _ => {
                let expected = normal(&String::from_utf8_lossy(&expected));
                let actual = normal(&names.to_recorded(&String::from_utf8_lossy(&actual)));
                if expected != actual {
                    self.note(exchange, "body", expected, actual);
                }
            }
        }
    }

    /// Compares status lines and headers.
    pub fn heads(&mut self, exchange: &str, names: &Names, recorded: &Response, ours: &Response) {
        if recorded.status != ours.status {
            self.note(exchange, "status", &recorded.status, format!("{} {}", ours.status, ours.text()));
        }
        let order =
            |response: &Response| response.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if order(recorded) != order(ours) {
            self.note(exchange, "headers", order(recorded).join(", "), order(ours).join(", "));
        }
        for (name, value) in &recorded.headers {
            if VARYING_HEADERS.contains(&name.to_lowercase().as_str()) {
                continue;
            }
            let actual = ours.header(name).map(|value| normal(&names.to_recorded(value)));
            if actual.as_deref() != Some(normal(value).as_str()) {
                self.note(
                    exchange,
                    &format!("header {name}"),
                    value,
                    actual.unwrap_or_else(|| "none".to_owned()),
                );
            }
        }
    }

    /// Compares the records of two streams, one by one.
    fn streams(&mut self, exchange: &str, names: &Names, recorded: &Response, ours: &Response) {
        let chunks = |response: &Response| response.chunks.clone().unwrap_or_default();
        let (expected, actual) = (chunks(recorded), chunks(ours));
        if expected.len() > actual.len() || (recorded.complete && expected.len() != actual.len()) {
            self.note(exchange, "number of records", expected.len(), actual.len());
        }
        for (expected, actual) in expected.iter().zip(&actual) {
            match (http::record(expected), http::record(actual)) {
                (Ok(expected), Ok(actual)) => self.values(exchange, names, "$", &expected, &actual),
                (Err(_), Err(_)) if fields(message(expected)) == fields(message(actual)) => {}
                (_, Err(problem)) => self.note(exchange, "record", format!("{expected:?}"), problem),
                (Err(problem), _) => self.note(exchange, "record", problem, String::from_utf8_lossy(actual)),
            }
        }
    }

    /// Compares two values found at the path `at`.
    pub fn values(&mut self, exchange: &str, names: &Names, at: &str, recorded: &Value, ours: &Value) {
        match self.exceptions.find(exchange, at) {
            Some(Leave::Anything) => return,
            Some(Leave::Elements) => return self.any_elements(exchange, names, at, recorded, ours),
            Some(Leave::Members) => return self.common_members(exchange, names, at, recorded, ours),
            Some(Leave::Value) if std::mem::discriminant(recorded) == std::mem::discriminant(ours) => return,
            Some(Leave::Value) | None => {}
        }
        match (recorded, ours) {
            (Value::Object(expected), Value::Object(actual)) => {
                let keys =
                    |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
                let mut left_out = |key: &String| {
                    self.exceptions.find(exchange, &format!("{at}.{key}")) == Some(Leave::Anything)
                };
                let expected_keys: Vec<_> = keys(expected).into_iter().filter(|key| !left_out(key)).collect();
                let actual_keys: Vec<_> = keys(actual).into_iter().filter(|key| !left_out(key)).collect();
                if expected_keys != actual_keys {
                    self.note(exchange, at, expected_keys.join(", "), actual_keys.join(", "));
                }
                for (key, value) in expected {
                    if let Some(other) = actual.get(key) {
                        self.values(exchange, names, &format!("{at}.{key}"), value, other);
                    }
                }
            }
            (Value::Array(expected), Value::Array(actual)) if is_set(expected) && is_set(actual) => {
                self.sets(exchange, names, at, expected, actual);
            }
            (Value::Array(expected), Value::Array(actual)) => {
                if expected.len() != actual.len() {
                    self.note(
                        exchange,
                        at,
                        format!("{} elements", expected.len()),
                        format!("{}: {ours}", actual.len()),
                    );
                }
                for (expected, actual) in expected.iter().zip(actual) {
                    self.values(exchange, names, &format!("{at}[]"), expected, actual);
                }
            }
            (Value::String(expected), Value::String(actual)) => {
                let same = normal(expected) == normal(&names.to_recorded(actual));
                if !(same || at.ends_with("uuid") && expected.len() == actual.len()) {
                    self.note(exchange, at, expected, actual);
                }
            }
            (Value::Number(expected), Value::Number(actual)) => {
                let varies = VARYING_NUMBERS.contains(&at.rsplit('.').next().unwrap_or_default());
                if expected.is_f64() != actual.is_f64() || !varies && expected != actual {
                    self.note(exchange, at, expected, actual);
                }
            }
            _ if recorded == ours => {}
            _ => self.note(exchange, at, recorded, ours),
        }
    }

    /// Arrays that Mesos writes in the order of a hash map: elements are paired by their ids.
    fn sets(&mut self, exchange: &str, names: &Names, at: &str, recorded: &[Value], ours: &[Value]) {
        let table = |list: &[Value], said: &dyn Fn(&str) -> String| -> BTreeMap<String, Value> {
            list.iter().filter_map(|one| Some((normal(&said(identity(one)?)), one.clone()))).collect()
        };
        let expected = table(recorded, &str::to_owned);
        let actual = table(ours, &|text| names.to_recorded(text));
        let keys = |table: &BTreeMap<String, Value>| table.keys().cloned().collect::<Vec<_>>().join(", ");
        if keys(&expected) != keys(&actual) {
            self.note(exchange, at, keys(&expected), keys(&actual));
        }
        for (id, element) in &expected {
            if let Some(other) = actual.get(id) {
                self.values(exchange, names, &format!("{at}[]"), element, other);
            }
        }
    }

    /// Arrays whose elements may be others, but of the same shape as those recorded.
    fn any_elements(&mut self, exchange: &str, names: &Names, at: &str, recorded: &Value, ours: &Value) {
        let (Value::Array(expected), Value::Array(actual)) = (recorded, ours) else {
            return self.note(exchange, &format!("{at} as an array"), recorded, ours);
        };
        let Some(first) = expected.first() else { return };
        for element in actual {
            // One of the same name if there is one, else just any.
            let pair =
                expected.iter().find(|known| known.get("name") == element.get("name")).unwrap_or(first);
            self.values(exchange, names, &format!("{at}[]"), pair, element);
        }
    }

    /// Objects that are tables: ours need not have every entry, but what it has must be of the recorded type.
    fn common_members(&mut self, exchange: &str, names: &Names, at: &str, recorded: &Value, ours: &Value) {
        let (Value::Object(expected), Value::Object(actual)) = (recorded, ours) else {
            return self.note(exchange, &format!("{at} as an object"), recorded, ours);
        };
        for (key, value) in actual {
            if let Some(known) = expected.get(key) {
                self.values(exchange, names, &format!("{at}.{key}"), known, value);
            }
        }
    }
}

/// The id by which a task, executor or framework is known among its like.
fn identity(element: &Value) -> Option<&str> {
    let paths = [
        "/task_id/value",
        "/executor_info/executor_id/value",
        "/framework_info/id/value",
        "/executor_id/value",
        "/id",
        "/executor_id",
    ];
    // A status is one of a sequence, not of a set.
    let one_of_a_set = element.get("timestamp").is_none();
    paths.iter().find_map(|path| element.pointer(path)?.as_str()).filter(|_| one_of_a_set)
}

/// True for arrays of things with ids, all different.
fn is_set(list: &[Value]) -> bool {
    let ids: BTreeSet<&str> = list.iter().filter_map(identity).collect();
    !list.is_empty() && ids.len() == list.len()
}

/// JSON, also in the call that JSONP makes of it.
fn json(body: &[u8]) -> serde_json::Result<Value> {
    let inner =
        body.strip_prefix(b"cb(").and_then(|rest| rest.strip_suffix(b");").or(rest.strip_suffix(b")")));
    serde_json::from_slice(inner.unwrap_or(body))
}

fn shortened(text: String) -> String {
    if text.chars().count() > 400 { text.chars().take(400).chain(['…']).collect() } else { text }
}

/// The body without gzip.
fn plain_body(response: &Response) -> Vec<u8> {
    if response.header("Content-Encoding") == Some("gzip") {
        let mut plain = Vec::new();
        if flate2::read::GzDecoder::new(response.body.as_slice()).read_to_end(&mut plain).is_ok() {
            return plain;
        }
    }
    response.body.clone()
}

/// A record's message: what follows its length and a newline.
fn message(record: &[u8]) -> &[u8] {
    record.iter().position(|byte| *byte == b'\n').map_or(record, |at| &record[at + 1..])
}

/// Numbers and wire types of a protobuf message's fields, in their order; None when it is none.
fn fields(bytes: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let skip = match tag & 7 {
            0 => varint(&mut rest).map(|_| 0)?,
            1 => 8,
            2 => usize::try_from(varint(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        rest = rest.get(skip..)?;
        found.push((tag >> 3, tag & 7));
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A text with what differs from run to run replaced: ids by their kind, and loopback ports.
pub fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if is_uuid(rest) {
            out.push_str("<uuid>");
            rest = &rest[36..];
            // -S3 is an agent, -O17 an offer, -0001 a framework; a master's id stands alone.
            let suffix = rest.strip_prefix('-').unwrap_or_default();
            let (kind, digits) = suffix.strip_prefix(['S', 'O']).map_or((1, suffix), |digits| (2, digits));
            let count = digits.bytes().take_while(u8::is_ascii_digit).count();
            if count > 0 {
                out.push_str(if kind == 2 { &rest[..2] } else { "-" });
                out.push('#');
                rest = &rest[kind + count..];
            }
        } else if let Some(after) = rest.strip_prefix("127.0.0.1:") {
            out.push_str("127.0.0.1:#");
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

fn is_uuid(text: &str) -> bool {
    text.len() >= 36
        && text.bytes().take(36).enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(recorded: Value, ours: Value) -> Vec<String> {
        let mut comparison = Comparison::default();
        comparison.values("test", &Names::default(), "$", &recorded, &ours);
        comparison.differences.into_iter().map(|difference| difference.at).collect()
    }

    #[test]
    fn ids_and_ports_are_normal() {
        let id = "290f69b5-048f-44eb-9a6a-ba892ceb7d93";
        assert_eq!(normal(&format!("a {id} b")), "a <uuid> b");
        assert_eq!(normal(&format!("{id}-S0/{id}-O17/{id}-0001")), "<uuid>-S#/<uuid>-O#/<uuid>-#");
        assert_eq!(normal("slave(1)@127.0.0.1:5051"), "slave(1)@127.0.0.1:#");
        assert_eq!(normal("Übung"), "Übung");
    }

    #[test]
    fn the_same_shape_is_no_difference() {
        let recorded =
            json!({"timestamp": 1.5, "id": {"value": "290f69b5-048f-44eb-9a6a-ba892ceb7d93-S0"}, "n": 8.0});
        let ours =
            json!({"timestamp": 9.25, "id": {"value": "ffffffff-048f-44eb-9a6a-ba892ceb7d93-S4"}, "n": 8.0});
        assert_eq!(differences(recorded, ours), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_seen() {
        let cases = [
            (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}), "$"),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), "$"),
            (json!({"a": 8.0}), json!({"a": 8}), "$.a"),
            (json!({"timestamp": 8.0}), json!({"timestamp": 8}), "$.timestamp"),
            (json!({"a": "x"}), json!({"a": "y"}), "$.a"),
            (json!({"a": "1"}), json!({"a": 1}), "$.a"),
            (json!({"a": []}), json!({"a": [1]}), "$.a"),
            (json!([{"a": true}]), json!([{"a": false}]), "$[].a"),
            (json!([{"id": "x", "a": 1}, {"id": "y"}]), json!([{"id": "y"}, {"id": "x", "a": 2}]), "$[].a"),
            (json!([{"id": "x"}]), json!([{"id": "y"}]), "$"),
        ];
        for (recorded, ours, at) in cases {
            assert_eq!(differences(recorded.clone(), ours.clone()), [at], "{recorded} {ours}");
        }
    }

    #[test]
    fn heads_are_compared() {
        let parse = |bytes: &[u8]| http::parse(bytes).unwrap().0;
        let recorded = parse(b"HTTP/1.1 200 OK\r\nDate: x\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n");
        let ours = parse(b"HTTP/1.1 202 Accepted\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n");
        let mut comparison = Comparison::default();
        comparison.responses("test", &Names::default(), &recorded, &ours);
        let found: Vec<_> = comparison.differences.iter().map(|difference| difference.at.as_str()).collect();
        assert_eq!(found, ["status", "headers", "header Allow"]);
    }
}
