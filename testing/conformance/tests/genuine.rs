//! Against the genuine Mesos 1.11.0: our client programs, which must pass there if they are to prove anything here, and
//! our agent below its master.

use std::time::Duration;

use conformance::{
    Outcome,
    cluster::{Agent, Genuine, Master, active_agents_at},
    http,
    peers::{self, Parser},
    process::{Yard, in_yard, run_to_end, wait_for},
};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(100);

/// The programs of `tests/clients.rs`, one after the other on one cluster.
#[test]
fn the_clients_pass_against_it() {
    in_yard(clients);
}

fn clients(yard: &Yard) -> Outcome {
    let Some(mesos) = Genuine::start(yard, 1, &[])? else { return Ok(()) };
    let master = format!("127.0.0.1:{}", mesos.plain_port);
    for parser in [Parser::Native, Parser::Pure] {
        let mut client = peers::pymesos(parser, "pymesos_operator.py")?;
        run_to_end("operator", client.args([&master, "1"]), yard.path(), LIMIT)?;
        for acknowledge in ["explicit", "implicit"] {
            let mut client = peers::pymesos(parser, "pymesos_scheduler.py")?;
            run_to_end(acknowledge, client.args([&master, acknowledge]), yard.path(), LIMIT)?;
        }
    }
    let executors =
        [("mesos-go", Some(peers::mesos_go_executor()?)), ("compactor", peers::compactor_executor()?)];
    for (name, command) in executors {
        let Some(command) = command else { continue };
        let mut client = peers::pymesos(Parser::Native, "pymesos_scheduler.py")?;
        run_to_end(name, client.args([&master, "explicit", name, &command]), yard.path(), LIMIT)?;
    }
    // Without Mesos's command executor, which is not part of the package, command tasks fail there.
    let mut client = peers::node("mesos_framework.js")?;
    client.args([&master, "failed"]).current_dir(yard.path());
    run_to_end("mesos-framework", &mut client, yard.path(), LIMIT)?;
    Ok(())
}

/// A tepui agent registers with it, runs a framework's executor and command tasks, and is asked to end them.
#[test]
fn our_agent_serves_its_master() {
    in_yard(our_agent);
}

fn our_agent(yard: &Yard) -> Outcome {
    let Some(mesos) = Genuine::start(yard, 0, &[])? else { return Ok(()) };
    let _agent = Agent::start(yard, mesos.port, &[])?;
    wait_for("our agent at the genuine master", Duration::from_secs(30), || {
        (active_agents_at(mesos.port, "/master/slaves") == Some(1)).then_some(())
    })?;
    let master = format!("127.0.0.1:{}", mesos.plain_port);
    for acknowledge in ["explicit", "implicit"] {
        let mut client = peers::pymesos(Parser::Native, "pymesos_scheduler.py")?;
        run_to_end(acknowledge, client.args([&master, acknowledge]), yard.path(), LIMIT)?;
    }
    let mut client = peers::node("mesos_framework.js")?;
    client.arg(&master).current_dir(yard.path());
    run_to_end("mesos-framework", &mut client, yard.path(), LIMIT)?;
    Ok(())
}

/// What operators may do to an agent, and what they are told and shown: the same of its master and of ours.
#[test]
fn agents_are_taken_out_of_use_alike() {
    in_yard(|yard| {
        let Some(mesos) = Genuine::start(yard, 0, &[])? else { return Ok(()) };
        let agent = Agent::start(yard, mesos.port, &[])?;
        let theirs = out_of_use(mesos.plain_port)?;
        drop(agent);
        let master = Master::start(yard, &[])?;
        let _agent = Agent::start(yard, master.port, &[])?;
        let ours = out_of_use(master.port)?;
        let differing: Vec<_> = theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours).collect();
        assert!(differing.is_empty() && theirs.len() == ours.len(), "{differing:#?}");
        Ok(())
    });
}

/// Calls about the only agent, which is called `AGENT`, each with the answer and what is shown of the agent then.
fn out_of_use(port: u16) -> Outcome<Vec<String>> {
    let operate = |call: &Value| http::post(port, "/api/v1", call, "");
    let agents = || -> Outcome<Value> {
        Ok(operate(&json!({ "type": "GET_AGENTS" }))?.json()?["get_agents"]["agents"][0].clone())
    };
    let id = wait_for("the agent", Duration::from_secs(30), || {
        Some(agents().ok()?["agent_info"]["id"]["value"].as_str()?.to_owned())
    })?;
    let about = |kind: &str, id: &str, more: Value| {
        let mut of = json!({ "agent_id": { "value": id } });
        if let (Some(of), Value::Object(more)) = (of.as_object_mut(), more) {
            of.extend(more);
        }
        json!({ "type": kind, kind.to_lowercase(): of })
    };
    let table = [
        json!({ "type": "DRAIN_AGENT" }),
        json!({ "type": "DEACTIVATE_AGENT" }),
        json!({ "type": "REACTIVATE_AGENT", "reactivate_agent": {} }),
        about("DRAIN_AGENT", "x", json!({})),
        about("DEACTIVATE_AGENT", "x", json!({})),
        about("REACTIVATE_AGENT", "x", json!({})),
        about("REACTIVATE_AGENT", &id, json!({})),
        about("DEACTIVATE_AGENT", &id, json!({})),
        about("DEACTIVATE_AGENT", &id, json!({})),
        about("REACTIVATE_AGENT", &id, json!({})),
        about("DRAIN_AGENT", &id, json!({ "max_grace_period": { "nanoseconds": 5 } })),
        about("DEACTIVATE_AGENT", &id, json!({})),
        about("DRAIN_AGENT", &id, json!({ "max_grace_period": { "seconds": 2, "nanos": 5 } })),
        about("REACTIVATE_AGENT", &id, json!({})),
        about("DRAIN_AGENT", &id, json!({})),
        about("DRAIN_AGENT", &id, json!({ "mark_gone": true })),
        about("DRAIN_AGENT", &id, json!({})),
        // Mesos goes on to call one that it has marked gone DRAINING when it is to be reactivated.
        about("DEACTIVATE_AGENT", &id, json!({})),
    ];
    let mut story = Vec::new();
    for call in table {
        let answer = operate(&call)?;
        // With nothing on it, it is drained a moment later.
        let shown = wait_for("the end of a drain", Duration::from_secs(30), || {
            let agent = agents().ok()?;
            (agent["drain_info"]["state"] != "DRAINING").then_some(agent)
        })?;
        let started = &shown["estimated_drain_start_time"]["nanoseconds"];
        let started = started.as_u64().map(|nanoseconds| nanoseconds % 1_000_000_000);
        let slave = http::get(port, "/slaves")?.json()?["slaves"][0].clone();
        let line = format!(
            "{call} -> {} {:?}; {} {} {} {started:?}; {} {} {}",
            answer.code(),
            answer.text(),
            shown["active"],
            shown["deactivated"],
            shown["drain_info"],
            slave["active"],
            slave["deactivated"],
            slave["drain_info"],
        );
        story.push(line.replace(&id, "AGENT"));
    }
    Ok(story)
}
