//! Connections on which nothing sensible happens, or nothing at all.

use std::{io::Write as _, net::TcpStream, thread, time::Duration};

use cluster::dice::Dice;
use conformance::{
    http::{self, Connection},
    process::{in_yard, wait_for},
};
use serde_json::json;

use crate::harness::{LIMIT, Site, memory, raw_post};

#[test]
fn half_a_request_keeps_nobody_waiting() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let body = json!({"type": "GET_HEALTH"}).to_string();
        let whole = raw_post("/api/v1", Some("application/json"), "", body.as_bytes());
        let mut held = Vec::new();
        for port in [site.master.port, site.agent.port] {
            // Cut at every place, and left open.
            for end in 0..whole.len() {
                let mut connection = Connection::open(port)?;
                connection.send(&whole[..end])?;
                held.push((connection, end));
            }
        }
        site.works()?;
        // And every half becomes a whole.
        for (connection, end) in &mut held {
            connection.send(&whole[*end..])?;
            assert_eq!(connection.response(LIMIT)?.code(), 200);
        }
        // Or goes away in the middle.
        for port in [site.master.port, site.agent.port] {
            for end in (1..whole.len()).step_by(7) {
                Connection::open(port)?.send(&whole[..end])?;
            }
        }
        drop(held);
        site.works()
    });
}

#[test]
fn a_reader_that_reads_nothing_keeps_nobody_waiting() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let (pid, port) = (site.master.process.pid(), site.master.port);
        let before = memory(pid)?.0;
        // Far more answers than fit into what the system buffers for a connection.
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        let requests = "GET /flags HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
        let taken = (0..300).take_while(|_| stream.write_all(requests.as_bytes()).is_ok()).count();
        assert!(taken < 300, "a client that never reads must be stopped some time");
        site.works()?;
        let after = memory(pid)?.0;
        assert!(after < before + 64, "from {before} to {after} MiB");
        Ok(())
    });
}

#[test]
fn garbage_on_the_port() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let mut dice = Dice::for_test("garbage");
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
        for port in [site.master.port, site.agent.port] {
            for round in 0..60 {
                let random: Vec<u8> = (0..dice.below(4_000)).map(|_| dice.any().to_le_bytes()[0]).collect();
                let bytes = match round % 5 {
                    0 => hello.to_vec(),
                    1 => vec![0; 100_000],
                    2 => b"\r\n".repeat(1_000),
                    _ => random,
                };
                let mut connection = Connection::open(port)?;
                // It may be closed before all of it was sent.
                let _ = connection.send(&bytes);
                let (answer, _closed) = connection.drain(Duration::from_millis(20)).unwrap_or_default();
                let answer = String::from_utf8_lossy(&answer).into_owned();
                assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{bytes:?}: {answer}");
            }
        }
        site.works()
    });
}

#[test]
fn a_thousand_connections_come_and_go() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let (port, pid) = (site.master.port, site.master.process.pid());
        let descriptors = || std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let before = descriptors();
        let open = |_| {
            thread::spawn(move || {
                let connections: Vec<_> = (0..250).filter_map(|_| Connection::open(port).ok()).collect();
                connections.len()
            })
        };
        let threads: Vec<_> = (0..4).map(open).collect();
        let opened: usize = threads.into_iter().filter_map(|thread| thread.join().ok()).sum();
        assert_eq!(opened, 1_000);
        assert_eq!(http::get(port, "/health")?.code(), 200);
        wait_for("closed connections to be given back", LIMIT, || {
            (descriptors() <= before + 10).then_some(())
        })?;
        site.works()
    });
}
