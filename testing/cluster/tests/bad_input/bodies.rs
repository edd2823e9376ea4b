//! Bodies and heads that say nothing sensible.

use conformance::{
    Outcome,
    http::{self, Connection},
    process::in_yard,
};
use serde_json::json;

use crate::harness::{Framework, LIMIT, Site, exchange, memory, raw_post};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// Every API that takes calls: the port, and the path.
fn apis(site: &Site) -> [(u16, &'static str); 4] {
    [
        (site.master.port, "/api/v1"),
        (site.master.port, "/api/v1/scheduler"),
        (site.agent.port, "/api/v1"),
        (site.agent.port, "/slave(1)/api/v1/executor"),
    ]
}

/// The answer must be `code` and contain all words.
fn answered(port: u16, bytes: &[u8], code: u16, words: &[&str]) -> Outcome {
    let answer = exchange(port, bytes)?;
    let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    assert_eq!(answer.code(), code, "{sent}\n{}", answer.text());
    for word in words {
        assert!(answer.text().contains(word), "{sent}\nmust be answered with '{word}': {}", answer.text());
    }
    Ok(())
}

#[test]
fn json_that_is_none() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        for (port, path) in apis(&site) {
            for body in
                ["", "{", "]", "{\"type\": }", "nul", "{} {}", "\u{feff}{}", "{\"type\": \"\\ud800\"}"]
            {
                answered(port, &raw_post(path, Some(JSON), "", body.as_bytes()), 400, &["JSON"])?;
            }
            answered(port, &raw_post(path, Some(JSON), "", b"\xff\xfe{}"), 400, &[])?;
            for body in ["[]", "7", "\"SUBSCRIBE\"", "null"] {
                answered(port, &raw_post(path, Some(JSON), "", body.as_bytes()), 400, &["JSON"])?;
            }
        }
        site.works()
    });
}

#[test]
fn json_that_is_too_deep() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        for (port, path) in apis(&site) {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let body = format!("{{\"a\":{}1{}}}", open.repeat(100_000), close.repeat(100_000));
                answered(port, &raw_post(path, Some(JSON), "", body.as_bytes()), 400, &[])?;
            }
        }
        site.works()
    });
}

#[test]
fn protobuf_that_is_none() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        // A length beyond the end; a varint without end; a field number 0; groups that nest without end.
        let bodies: [&[u8]; 4] = [b"\x0a\xff\x01x", &[0xff; 20], b"\x00\x01", &[0x0b; 10_000]];
        for (port, path) in apis(&site) {
            for body in bodies {
                answered(port, &raw_post(path, Some(PROTOBUF), "", body), 400, &[])?;
            }
            // Nothing at all is a message without fields.
            answered(port, &raw_post(path, Some(PROTOBUF), "", b""), 400, &[])?;
        }
        site.works()
    });
}

#[test]
fn required_fields_that_are_missing() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let (master, agent) = (site.master.port, site.agent.port);
        let rows = [
            (master, "/api/v1/scheduler", json!({"type": "SUBSCRIBE"}), "subscribe"),
            (
                master,
                "/api/v1/scheduler",
                json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"name": "x"}}}),
                "user",
            ),
            (master, "/api/v1/scheduler", json!({"type": "KILL", "framework_id": {}, "kill": {}}), "value"),
            (master, "/api/v1", json!({"type": "TEARDOWN"}), "teardown"),
            (agent, "/api/v1", json!({"type": "READ_FILE"}), "read_file"),
            (agent, "/api/v1", json!({"type": "READ_FILE", "read_file": {"path": "/"}}), "offset"),
            (agent, "/slave(1)/api/v1/executor", json!({"type": "SUBSCRIBE"}), "executor_id"),
        ];
        for (port, path, body, word) in rows {
            answered(port, &raw_post(path, Some(JSON), "", body.to_string().as_bytes()), 400, &[word])?;
        }
        site.works()
    });
}

#[test]
fn content_types_that_are_wrong_or_missing() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        for (port, path) in apis(&site) {
            let body = json!({"type": "GET_HEALTH"}).to_string();
            for mime in ["text/plain", "application/xml", "application/json; charset=utf-8"] {
                answered(port, &raw_post(path, Some(mime), "", body.as_bytes()), 415, &["application/json"])?;
            }
            let answer = exchange(port, &raw_post(path, None, "", body.as_bytes()))?;
            assert!([400, 415].contains(&answer.code()), "{path}: {answer:?}");
            let get = exchange(port, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())?;
            assert_eq!(get.code(), 405, "{path}");
        }
        let refuse = "Accept: text/html\r\n";
        for port in [site.master.port, site.agent.port] {
            let body = json!({"type": "GET_HEALTH"}).to_string();
            answered(
                port,
                &raw_post("/api/v1", Some(JSON), refuse, body.as_bytes()),
                406,
                &["application/json"],
            )?;
        }
        site.works()
    });
}

#[test]
fn stream_ids_and_frameworks_that_do_not_exist() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let port = site.master.port;
        let framework = Framework::subscribe(port, "one")?;
        let other = Framework::subscribe(port, "other")?;
        let call = json!({"type": "REVIVE", "framework_id": {"value": framework.id}});
        let with = |headers: &str| http::post(port, "/api/v1/scheduler", &call, headers);
        assert_eq!(with("")?.code(), 400);
        for id in ["nonsense", "", &other.stream_id] {
            assert_eq!(with(&format!("Mesos-Stream-Id: {id}\r\n"))?.code(), 400, "{id}");
        }
        assert_eq!(with(&format!("Mesos-Stream-Id: {}\r\n", framework.stream_id))?.code(), 202);
        let stranger = json!({"type": "REVIVE", "framework_id": {"value": "nobody"}});
        let id = format!("Mesos-Stream-Id: {}\r\n", framework.stream_id);
        let answer = http::post(port, "/api/v1/scheduler", &stranger, &id)?;
        assert_eq!((answer.code(), answer.text().as_str()), (400, "Framework cannot be found"));
        // They hold the offers.
        drop((framework, other));
        site.works()
    });
}

#[test]
fn bodies_that_are_too_large() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        for (port, path) in apis(&site) {
            // Said beforehand: refused before it is sent.
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: ");
            let huge = exchange(port, format!("{head}99999999999\r\n\r\n").as_bytes())?;
            assert_eq!(huge.code(), 413, "{huge:?}");
            let absurd = exchange(port, format!("{head}{}\r\n\r\n", "9".repeat(40)).as_bytes())?;
            assert!([400, 413].contains(&absurd.code()), "{absurd:?}");
        }
        // Found out on the way: in chunks without end. What still comes after the answer is thrown away.
        let head = "POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        let before = memory(site.master.process.pid())?.0;
        let mut connection = Connection::open(site.master.port)?;
        connection.send(head.as_bytes())?;
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
        // The writes fail once the connection is closed.
        let _ = (0..400).try_for_each(|_| connection.send(&chunk));
        let (bytes, closed) = connection.drain(LIMIT)?;
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        // A reset may overtake the answer.
        assert!(closed && (answer.is_empty() || answer.starts_with("HTTP/1.1 413")), "{answer}");
        let most = memory(site.master.process.pid())?.1;
        assert!(most < before + 300, "400 MiB were sent; from {before} to {most} MiB");
        site.works()
    });
}

#[test]
fn heads_that_are_too_large_or_none() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        for port in [site.master.port, site.agent.port] {
            let long = format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
            let many = format!("GET /health HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(100_000));
            let path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "p".repeat(1 << 20));
            for (request, codes) in [
                (long.as_str(), [431, 400]),
                (&many, [431, 400]),
                (&path, [414, 431]),
                ("GET /health HTTP/9.9\r\nHost: x\r\n\r\n", [505, 400]),
                ("GET\r\n\r\n", [400, 400]),
                ("GET /health HTTP/1.1\r\nBad header\r\n\r\n", [400, 400]),
                ("POST /api/v1 HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", [400, 400]),
                ("POST /api/v1 HTTP/1.1\r\nContent-Length: -1\r\n\r\n", [400, 400]),
                ("POST /api/v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", [400, 400]),
            ] {
                let mut connection = Connection::open(port)?;
                // It may be refused, and closed, before all of it was sent.
                let _ = connection.send(request.as_bytes());
                let (bytes, closed) = connection.drain(LIMIT)?;
                let answer = String::from_utf8_lossy(&bytes).into_owned();
                let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
                let begin = &request[..request.len().min(80)];
                assert!(answer.is_empty() || codes.contains(&code), "{begin:?}: {answer}");
                assert!(closed, "{begin:?} must end its connection");
            }
        }
        site.works()
    });
}
