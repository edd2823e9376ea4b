//! The commands that ask and change a running cluster.

use std::time::Duration;

use conformance::{
    Outcome, http,
    http::Connection,
    process::{Yard, in_yard, inhabitants, wait_for},
};
use serde_json::json;

use crate::harness::{Gate, LIMIT, Ran, Site, Started, address, start, tepui};

/// `tepui COMMAND --master ...`; it must exit with 0 and be silent on stderr.
fn ask(yard: &Yard, site: &Site, arguments: &[&str]) -> Outcome<Ran> {
    let master = site.address();
    let ran = tepui(yard, &[arguments, &["--master", &master]].concat())?;
    if ran.code == Some(0) && ran.stderr.is_empty() {
        Ok(ran)
    } else {
        Err(format!("{arguments:?}: {ran:?}").into())
    }
}

/// The columns of a table's row in which `wanted` stands, by the header's words. Columns are two blanks apart.
fn row(table: &str, wanted: &str) -> Outcome<Vec<(String, String)>> {
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let mut lines = table.lines();
    let header = cells(lines.next().unwrap_or_default());
    let row =
        lines.find(|line| line.contains(wanted)).ok_or_else(|| format!("no '{wanted}' in:\n{table}"))?;
    let row = cells(row);
    if row.len() != header.len() {
        return Err(format!("a row with holes:\n{table}").into());
    }
    Ok(header.into_iter().zip(row).collect())
}

fn cell<'a>(row: &'a [(String, String)], column: &str) -> &'a str {
    row.iter().find(|(name, _)| name == column).map_or("(no such column)", |(_, cell)| cell)
}

fn greeter(yard: &Yard, site: &Site, gate: &Gate) -> Outcome<(Started, String)> {
    let script = format!("echo hello; echo oops >&2; {}; echo goodbye", gate.wait());
    let master = site.address();
    let arguments =
        ["run", "--master", &master, "--name", "greeter", "--cpus", "0.5", "--", "sh", "-c", &script];
    let running = start(yard, &arguments)?;
    let task = site.wait_for_task(0, "TASK_RUNNING")?;
    Ok((running, task))
}

#[test]
fn lists_are_tables_for_people_and_json_for_programs() {
    in_yard(|yard| {
        let (site, gate) = (Site::start(yard)?, Gate::new(yard, "gate")?);
        let (running, task) = greeter(yard, &site, &gate)?;

        let tasks = row(&ask(yard, &site, &["tasks"])?.text(), &task)?;
        assert_eq!((cell(&tasks, "NAME"), cell(&tasks, "STATE")), ("greeter", "RUNNING"));
        assert_eq!((cell(&tasks, "CPUS"), cell(&tasks, "MEM")), ("0.5", "32"));
        let json = ask(yard, &site, &["tasks", "--json"])?.json()?;
        assert_eq!(json["get_tasks"]["tasks"][0]["task_id"]["value"], json!(task));

        let agents = ask(yard, &site, &["agents"])?.text();
        let agent = row(&agents, cell(&tasks, "AGENT"))?;
        assert_eq!((cell(&agent, "CPUS"), cell(&agent, "CPUS USED")), ("8", "0.5"));
        assert_eq!(cell(&agent, "ADDRESS"), format!("127.0.0.1:{}", site.agent.port));
        let json = ask(yard, &site, &["agents", "--json"])?.json()?;
        assert_eq!(json["get_agents"]["agents"].as_array().map(Vec::len), Some(1));

        let frameworks = row(&ask(yard, &site, &["frameworks"])?.text(), cell(&tasks, "FRAMEWORK"))?;
        assert_eq!(cell(&frameworks, "NAME"), "tepui run greeter");
        assert_eq!((cell(&frameworks, "ACTIVE"), cell(&frameworks, "ROLES")), ("true", "*"));
        let json = ask(yard, &site, &["frameworks", "--json"])?.json()?;
        assert_eq!(
            json["get_frameworks"]["frameworks"][0]["framework_info"]["id"]["value"],
            cell(&tasks, "FRAMEWORK")
        );

        let _open = gate.open()?;
        assert_eq!(running.end()?.code, Some(0));
        let tasks = row(&ask(yard, &site, &["tasks"])?.text(), &task)?;
        assert_eq!(cell(&tasks, "STATE"), "FINISHED", "what has ended is listed too");
        Ok(())
    });
}

#[test]
fn offers_that_are_out_are_listed() {
    in_yard(|yard| {
        let site = Site::start(yard)?;
        assert_eq!(ask(yard, &site, &["offers", "--json"])?.json()?, json!([]));
        // A framework that keeps what it is offered.
        let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info":
            {"user": "root", "name": "keeper", "roles": ["*"], "capabilities": [{"type": "MULTI_ROLE"}]}}});
        let mut connection = Connection::open(site.master.port)?;
        connection.send(&http::post_bytes(site.master.port, "/api/v1/scheduler", &call, ""))?;
        let mut stream = connection.into_stream(LIMIT)?.map_err(|response| response.text())?;
        let offer = loop {
            let event = stream.next(LIMIT)?.ok_or("no offer")?;
            if event["type"] == "OFFERS" {
                break event["offers"]["offers"][0].clone();
            }
        };
        let id = offer["id"]["value"].as_str().ok_or("an offer without id")?;
        let listed = row(&ask(yard, &site, &["offers"])?.text(), id)?;
        assert_eq!((cell(&listed, "CPUS"), cell(&listed, "MEM")), ("8", "16384"));
        let json = ask(yard, &site, &["offers", "--json"])?.json()?;
        assert_eq!(json[0]["id"], id);
        Ok(())
    });
}

#[test]
fn logs_are_what_a_task_wrote() {
    in_yard(|yard| {
        let (site, gate) = (Site::start(yard)?, Gate::new(yard, "gate")?);
        let (running, task) = greeter(yard, &site, &gate)?;
        let written = |arguments: &[&str]| -> Outcome<String> { Ok(ask(yard, &site, arguments)?.text()) };
        wait_for("its first words", LIMIT, || {
            (written(&["logs", &task]).ok()? == "hello\n"
                && written(&["logs", "--stderr", &task]).ok()? == "oops\n")
                .then_some(())
        })?;
        assert_eq!(written(&["logs", "greeter"])?, "hello\n", "the beginning of an id is enough");

        let master = site.address();
        let mut following = start(yard, &["logs", "-f", &task, "--master", &master])?;
        following.wait_for_output("hello\n")?;
        let _open = gate.open()?;
        let ran = following.end()?;
        assert_eq!((ran.code, ran.text().as_str(), ran.stderr.as_str()), (Some(0), "hello\ngoodbye\n", ""));
        assert_eq!(running.end()?.code, Some(0));
        assert_eq!(written(&["logs", &task])?, "hello\ngoodbye\n", "also after its end");
        assert_eq!(written(&["logs", "-f", "--stderr", &task])?, "oops\n");
        Ok(())
    });
}

#[test]
fn a_log_that_was_emptied_goes_on_from_its_new_beginning() {
    in_yard(|yard| {
        let (site, gate) = (Site::start(yard)?, Gate::new(yard, "gate")?);
        let script = format!("echo the first lines; {}; : > stdout; echo more", gate.wait());
        let master = site.address();
        let flags = ["run", "--master", &master, "--name", "rotated", "--", "sh", "-c", &script];
        let mut running = start(yard, &flags)?;
        running.wait_for_output("the first lines\n")?;
        let mut following = start(yard, &["logs", "-f", "rotated", "--master", &master])?;
        following.wait_for_output("the first lines\n")?;
        let _open = gate.open()?;
        for ran in [running.end()?, following.end()?] {
            assert_eq!((ran.code, ran.text().as_str()), (Some(0), "the first lines\nmore\n"), "{ran:?}");
        }
        Ok(())
    });
}

/// Nothing of any task lives any more.
fn nothing_runs(site: &Site) -> Outcome {
    let sandboxes = site.agent.work.join("slaves");
    wait_for("the end of all tasks", LIMIT, || inhabitants(&sandboxes).is_empty().then_some(()))
}

#[test]
fn a_task_is_killed() {
    in_yard(|yard| {
        let (site, gate) = (Site::start(yard)?, Gate::new(yard, "gate")?);
        let (running, task) = greeter(yard, &site, &gate)?;
        ask(yard, &site, &["kill", &task])?;
        assert_eq!(running.end()?.code, Some(143));
        let tasks = row(&ask(yard, &site, &["tasks"])?.text(), &task)?;
        assert_eq!(cell(&tasks, "STATE"), "KILLED");
        nothing_runs(&site)
    });
}

#[test]
fn a_framework_is_torn_down() {
    in_yard(|yard| {
        let (site, gate) = (Site::start(yard)?, Gate::new(yard, "gate")?);
        let (running, _task) = greeter(yard, &site, &gate)?;
        ask(yard, &site, &["teardown", "tepui run greeter"])?;
        let ran = running.end()?;
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("removed"), "{ran:?}");
        nothing_runs(&site)
    });
}

#[test]
fn an_agent_is_drained_and_used_again() {
    in_yard(|yard| {
        let (site, gate) = (Site::start(yard)?, Gate::new(yard, "gate")?);
        let state = |wanted: &str| -> Outcome {
            let agents = ask(yard, &site, &["agents"])?.text();
            let row = row(&agents, "-S0")?;
            assert_eq!(cell(&row, "STATE"), wanted, "{agents}");
            Ok(())
        };
        state("active")?;
        ask(yard, &site, &["deactivate", "S0"])?;
        state("deactivated")?;
        ask(yard, &site, &["reactivate", "127.0.0.1"])?;
        state("active")?;

        let (running, task) = greeter(yard, &site, &gate)?;
        ask(yard, &site, &["drain", "S0", "--max-grace-period", "3secs", "--wait"])?;
        assert_eq!(running.end()?.code, Some(143));
        state("drained")?;
        let tasks = row(&ask(yard, &site, &["tasks"])?.text(), &task)?;
        assert_eq!(cell(&tasks, "STATE"), "KILLED");

        let waiting = start(yard, &["run", "--master", &site.address(), "--name", "later", "--", "true"])?;
        wait_for("a reason", LIMIT, || {
            let ran = tepui(yard, &["explain", "tepui run later", "--master", &site.address()]).ok()?;
            ran.text().contains("1 agent is drained: it is not offered").then_some(())
        })?;
        ask(yard, &site, &["reactivate", "S0"])?;
        assert_eq!(waiting.end()?.code, Some(0));

        ask(yard, &site, &["drain", "S0", "--mark-gone", "--wait"])?;
        assert!(
            ask(yard, &site, &["agents", "--json"])?.json()?["get_agents"]["agents"].as_array().is_none_or(
                |agents| agents.iter().all(|agent| !agent["agent_info"]["id"]["value"]
                    .as_str()
                    .is_some_and(|id| id.ends_with("-S0")))
            )
        );
        let again = tepui(yard, &["reactivate", "S0", "--master", &site.address()])?;
        assert_eq!(again.code, Some(2), "{again:?}");
        assert!(again.stderr.contains("no agent is called 'S0'"), "{again:?}");
        Ok(())
    });
}

#[test]
fn it_is_explained_why_nothing_runs() {
    in_yard(|yard| {
        let master = Site::master(yard)?;
        let at = address(&master);
        let waiting = start(yard, &["run", "--master", &at, "--name", "big", "--cpus", "100", "--", "true"])?;
        // Of each reason in turn, in words.
        let explain = |what: &str, words: &str| {
            wait_for(&format!("'{words}' about {what}"), LIMIT, || {
                let ran = tepui(yard, &["explain", what, "--master", &at]).ok()?;
                (ran.code == Some(0) && ran.text().contains(words)).then(|| ran.text())
            })
        };
        explain("tepui run big", "there is no agent")?;
        let agent = Site::agent(yard, &master)?;
        explain("tepui run big", "declined by the framework")?;
        wait_for("the scheduler's own words", LIMIT, || {
            waiting.stderr().contains("want 100)").then_some(())
        })?;

        let site = Site { master, agent };
        let (_running, task) = greeter(yard, &site, &Gate::new(yard, "gate")?)?;
        let text = explain(&task, "TASK_RUNNING")?;
        assert!(text.contains(&task), "{text}");
        explain("tepui run greeter", "suppressed")?;
        let facts = tepui(yard, &["explain", &task, "--json", "--master", &at])?.json()?;
        assert_eq!(
            (&facts["facts"][0]["fact"], &facts["facts"][0]["id"]),
            (&"task".into(), &task.as_str().into())
        );
        drop(waiting);
        // Gone, and nobody waits for it.
        wait_for("its end", Duration::from_secs(30), || {
            let ran = tepui(yard, &["frameworks", "--master", &at]).ok()?;
            row(&ran.text(), "tepui run big").is_ok_and(|row| cell(&row, "ACTIVE") == "false").then_some(())
        })
    });
}
