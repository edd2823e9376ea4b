//! Against the genuine Mesos 1.11.0: our client programs, which must pass there if they are to prove anything here, and
//! our agent below its master.

use std::time::Duration;

use conformance::{
    Outcome,
    cluster::{Agent, Genuine, active_agents_at},
    peers::{self, Parser},
    process::{Yard, in_yard, run_to_end, wait_for},
};

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
