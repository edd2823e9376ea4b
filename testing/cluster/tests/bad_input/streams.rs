//! Event streams that nobody reads.

use std::{thread, time::Instant};

use conformance::{
    Outcome,
    http::{self, Connection},
    process::{in_yard, wait_for},
};
use serde_json::json;
use tepui_wire_mesos::{ContentType, v1};

use crate::harness::{Framework, LIMIT, Site, exchange, memory, raw_post};

/// What a master keeps for one stream, in MiB (its default), and how much more than that it may take while it does.
const KEPT: usize = 256;

/// A RECONCILE that is answered with some 10 MB of updates.
fn large_question(framework: &Framework) -> Vec<u8> {
    let name = "n".repeat(60_000);
    let tasks = (0..160).map(|number| v1::scheduler::call::reconcile::Task {
        task_id: v1::TaskId { value: format!("{number}-{name}") },
        agent_id: None,
    });
    let call = v1::scheduler::Call {
        framework_id: Some(v1::FrameworkId { value: framework.id.clone() }),
        r#type: Some(v1::scheduler::call::Type::Reconcile.into()),
        reconcile: Some(v1::scheduler::call::Reconcile { tasks: tasks.collect() }),
        ..v1::scheduler::Call::default()
    };
    let body = ContentType::Protobuf.encode(&call);
    let headers = format!("Mesos-Stream-Id: {}\r\n", framework.stream_id);
    raw_post("/api/v1/scheduler", Some("application/x-protobuf"), &headers, &body)
}

#[test]
fn a_framework_that_stops_reading_loses_its_stream_and_nobody_else_anything() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let (port, pid) = (site.master.port, site.master.process.pid());
        let before = memory(pid)?.0;
        // It holds the agent's offer, too: that must come back.
        let mut stalled = Framework::subscribe(port, "stalled")?;
        stalled.event("OFFERS")?;
        let mut other = Framework::subscribe(port, "other")?;
        let question = large_question(&stalled);
        let refused = (0..60).find_map(|_| match exchange(port, &question) {
            Ok(answer) if answer.code() == 202 => None,
            other => Some(other),
        });
        // 600 MB were asked for; somewhere before that is too much, and a framework that will not wait for its
        // failover is gone with its stream.
        let refused = refused.ok_or("all was taken")??;
        assert_eq!((refused.code(), refused.text().as_str()), (400, "Framework cannot be found"));
        let most = memory(pid)?.1;
        assert!(most < before + 2 * KEPT, "from {before} to {most} MiB");
        other.event("OFFERS")?;
        assert_eq!(other.call(port, json!({"type": "REVIVE"}))?.code(), 202);
        // What the system had buffered can be read, and then it ends.
        let ended = wait_for("the end of the stream", LIMIT, || match stalled.stream.next(LIMIT) {
            Ok(Some(_)) => None,
            Ok(None) | Err(_) => Some(stalled.stream.finished()),
        })?;
        assert!(ended, "and not just silence");
        drop(other);
        site.works()
    });
}

#[test]
fn frameworks_that_vanish_give_their_offers_back() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let port = site.master.port;
        for round in 0..20 {
            let mut framework = Framework::subscribe(port, &format!("short-lived {round}"))?;
            framework.event("OFFERS")?;
        }
        site.works()?;
        let state = http::get(port, "/state")?.json()?;
        assert_eq!(state["frameworks"].as_array().map(Vec::len), Some(0));
        Ok(())
    });
}

#[test]
fn an_operator_who_stops_reading_slows_nobody_down() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let port = site.master.port;
        let subscribe = json!({"type": "SUBSCRIBE"});
        let streams = (0..5).map(|_| -> Outcome<Connection> {
            let mut connection = Connection::open(port)?;
            connection.send(&http::post_bytes(port, "/api/v1", &subscribe, ""))?;
            Ok(connection)
        });
        let _held: Vec<Connection> = streams.collect::<Outcome<_>>()?;
        let begin = Instant::now();
        let busy = thread::spawn(move || -> Outcome {
            for round in 0..100 {
                Framework::subscribe(port, &format!("news {round}"))?;
            }
            Ok(())
        });
        busy.join().map_err(|_| "panicked")??;
        assert!(begin.elapsed() < LIMIT);
        site.works()
    });
}
