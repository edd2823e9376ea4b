//! Clients written for Mesos by others, unmodified, against a tepui master and agent in processes of their own.
//!
//! Each of our programs on top of them exits with 0 only when it saw everything that it expected; the same programs pass
//! against the genuine Mesos (`tests/genuine.rs`).

use std::time::Duration;

use conformance::{
    Outcome,
    cluster::{Agent, Master},
    peers::{self, Parser},
    process::{Yard, in_yard, inhabitants, run_to_end, wait_for},
};

const LIMIT: Duration = Duration::from_secs(100);

struct Ours {
    master: Master,
    agent: Agent,
}

fn ours(yard: &Yard) -> Outcome<Ours> {
    let mut master = Master::start(yard, &[])?;
    let agent = Agent::start(yard, master.port, &[])?;
    master.wait_for_agents(1)?;
    Ok(Ours { master, agent })
}

/// After a teardown no executor is left behind.
fn nothing_is_left(cluster: &Ours) -> Outcome {
    let sandboxes = cluster.agent.work.join("slaves");
    wait_for("the end of all executors", Duration::from_secs(20), || {
        inhabitants(&sandboxes).is_empty().then_some(())
    })
}

fn pymesos(yard: &Yard, parser: Parser) -> Outcome {
    let cluster = ours(yard)?;
    let master = format!("127.0.0.1:{}", cluster.master.port);
    run_to_end(
        "operator",
        peers::pymesos(parser, "pymesos_operator.py")?.args([&master, "1"]),
        yard.path(),
        LIMIT,
    )?;
    for acknowledge in ["explicit", "implicit"] {
        let mut client = peers::pymesos(parser, "pymesos_scheduler.py")?;
        run_to_end(acknowledge, client.args([&master, acknowledge]), yard.path(), LIMIT)?;
    }
    nothing_is_left(&cluster)
}

#[test]
fn pymesos_with_its_native_parser() {
    in_yard(|yard| pymesos(yard, Parser::Native));
}

#[test]
fn pymesos_with_its_pure_parser() {
    in_yard(|yard| pymesos(yard, Parser::Pure));
}

#[test]
fn mesos_framework_runs_command_tasks() {
    in_yard(|yard| {
        let cluster = ours(yard)?;
        let mut client = peers::node("mesos_framework.js")?;
        client.arg(format!("127.0.0.1:{}", cluster.master.port)).current_dir(yard.path());
        run_to_end("mesos-framework", &mut client, yard.path(), LIMIT)?;
        nothing_is_left(&cluster)
    });
}

/// Executors on other people's libprocess, with a scheduler that is known to be good.
fn foreign_executor(yard: &Yard, name: &str, command: &str) -> Outcome {
    let cluster = ours(yard)?;
    let master = format!("127.0.0.1:{}", cluster.master.port);
    let mut scheduler = peers::pymesos(Parser::Native, "pymesos_scheduler.py")?;
    run_to_end(name, scheduler.args([&master, "explicit", name, command]), yard.path(), LIMIT)?;
    nothing_is_left(&cluster)
}

#[test]
fn an_executor_on_mesos_gos_older_driver() {
    in_yard(|yard| foreign_executor(yard, "mesos-go", &peers::mesos_go_executor()?));
}

#[test]
fn an_executor_on_compactor() {
    in_yard(|yard| match peers::compactor_executor()? {
        Some(command) => foreign_executor(yard, "compactor", &command),
        None => Ok(()),
    });
}
