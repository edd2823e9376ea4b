//! The recorded requests, sent to a tepui master and agent in the recorded order: every answer must be what a real Mesos
//! answered, but for what `conformance::golden::exceptions` lists.

use std::{fs, path::Path, time::Duration};

use conformance::{
    Outcome,
    cluster::{Agent, Genuine, Master},
    golden::{
        exceptions::Exceptions,
        replay::{Executor, Framework, Operator, Replay, await_connected},
        shape::{Comparison, normal},
        transcript::{self, Exchange},
    },
    http,
    process::{Yard, in_yard, wait_for},
};
use serde_json::json;

/// Every directory of exchanges.
const DIRECTORIES: &[&str] = &[
    "agent/api-idle",
    "agent/api-with-running-task",
    "agent/api-with-task-group",
    "agent/errors",
    "agent/files",
    "agent/legacy-idle",
    "agent/legacy-with-running-task",
    "agent/nested",
    "executor",
    "master/api-after-teardown",
    "master/api-idle",
    "master/api-with-disconnected-framework",
    "master/api-with-running-task",
    "master/api-with-task-group",
    "master/errors",
    "master/legacy-after-teardown",
    "master/legacy-idle",
    "master/legacy-with-running-task",
    "scheduler/after-disconnect-resubscribe",
    "scheduler/command-env",
    "scheduler/errors",
    "scheduler/failover-resubscribe",
    "scheduler/main",
    "scheduler/partition-aware",
    "scheduler/protobuf",
];

/// The framework whose life `scheduler/main` and the failovers after it tell.
const FRAMEWORK: &str = "290f69b5-048f-44eb-9a6a-ba892ceb7d93-0000";
/// The container that others were nested in.
const ROOT: &str = "60a375f7-9e6b-4104-bd7e-f76ebf301f0f";
/// The one without a failover timeout.
const FLEETING: &str = "290f69b5-048f-44eb-9a6a-ba892ceb7d93-0001";

/// The recording agrees with itself, without any exception: what is read is read whole, and compared.
#[test]
fn the_recording_agrees_with_itself() -> Outcome {
    let mut comparison = Comparison { exceptions: Exceptions::none(), ..Comparison::default() };
    let names = Default::default();
    let mut count = 0;
    for directory in DIRECTORIES {
        for exchange in transcript::directory(directory)? {
            let bytes: usize = exchange.responses().iter().map(|response| response.body.len()).sum();
            assert!(
                bytes <= exchange.response.len() && exchange.responses().iter().all(|one| one.code() >= 200)
            );
            for response in exchange.responses() {
                comparison.responses(&exchange.name, &names, &response, &response);
                count += 1;
            }
        }
    }
    assert!(count > 250, "{count} responses");
    assert_eq!(comparison.differences, []);
    assert_eq!(Exchange::load("scheduler/main/stream")?.records()?.len(), 71);
    assert!(Exchange::load("scheduler/failover0-resubscribe/stream")?.ended());
    assert_eq!(
        Exchange::load("executor/exec.stream")?.records()?.last().map(|last| last["type"].clone()),
        Some("SHUTDOWN".into())
    );
    Ok(())
}

/// The replay itself, against another real Mesos, as far as that one can be asked: it has no command executor. What
/// differs in that older version is known by name.
#[test]
fn the_genuine_mesos_agrees() {
    in_yard(|yard| {
        let Some(mesos) = Genuine::start(yard, 1, &[("MESOS_ATTRIBUTES", "rack:r1;zone:z1")])? else {
            return Ok(());
        };
        let mut replay = Replay::new(mesos.plain_port, mesos.plain_port);
        replay.directory("scheduler/errors")?;
        replay.directory("master/errors")?;
        let without_commands = |number| matches!(number, 1..=26 | 36..=39 | 65..=77);
        let framework = main_story(&mut replay, &mesos.agent_work(0), without_commands)?;
        failover(&mut replay, framework, |_| Ok(()))?;
        let known = [
            // The older version says it in other words, and does not know a name of its own capability.
            ("scheduler/errors/suppressed-role-not-in-roles", "$.error.message"),
            ("scheduler/", "$.subscribed.master_info.capabilities[]"),
            // The framework that starts the cluster was there before.
            (
                "master/api-with-disconnected-framework/GET_FRAMEWORKS",
                "$.get_frameworks.completed_frameworks",
            ),
        ];
        replay.comparison.differences.retain(|found| {
            !known.iter().any(|(exchange, at)| found.exchange.starts_with(exchange) && found.at == *at)
        });
        replay.verdict()
    });
}

fn ours(yard: &Yard) -> Outcome<(Master, Agent, Replay)> {
    let mut master = Master::start(yard, &["--cluster", "golden"])?;
    // As the recorded one was started.
    let flags = ["--attributes", "rack:r1;zone:z1", "--isolation", "posix/cpu,posix/mem"];
    let agent = Agent::start(yard, master.port, &flags)?;
    master.wait_for_agents(1)?;
    let mut replay = Replay::new(master.port, agent.port);
    replay.names.bind("/opt/mesos-run/agent", agent.work.display().to_string());
    Ok((master, agent, replay))
}

#[test]
fn malformed_requests() {
    in_yard(|yard| {
        let (_master, _agent, mut replay) = ours(yard)?;
        for directory in ["scheduler/errors", "master/errors", "agent/errors"] {
            replay.directory(directory)?;
        }
        replay.verdict()
    });
}

#[test]
fn reads_of_an_idle_cluster() {
    in_yard(|yard| {
        let (_master, _agent, mut replay) = ours(yard)?;
        for directory in ["master/api-idle", "master/legacy-idle", "agent/api-idle", "agent/legacy-idle"] {
            replay.directory(directory)?;
        }
        replay.exchange(&Exchange::load("master/SUBSCRIBE-stream-recordio-accept")?)?;
        replay.exchange(&Exchange::load("scheduler/protobuf/SUBSCRIBE-json-accept-protobuf")?)?;
        replay.verdict()
    });
}

/// Calls about containers. They were nested in an executor's; here it is one that stands alone and has its id.
#[test]
fn containers() {
    in_yard(|yard| {
        let (_master, agent, mut replay) = ours(yard)?;
        let launch = json!({ "type": "LAUNCH_CONTAINER", "launch_container": {
            "container_id": { "value": ROOT }, "command": { "value": "exec sleep 1000" } } });
        let launched = http::post(agent.port, "/api/v1", &launch, "")?;
        if launched.code() != 200 {
            return Err(format!("{}: {}", launched.status, launched.text()).into());
        }
        replay.directory("agent/nested")?;
        replay.verdict()
    });
}

#[test]
fn a_framework_s_life() {
    in_yard(|yard| {
        let (_master, agent, mut replay) = ours(yard)?;
        let operator = Operator::subscribe(&mut replay)?;
        let framework = main_story(&mut replay, &agent.work, |_| true)?;
        failover(&mut replay, framework, reads_after_teardown)?;
        operator.compare_events(&mut replay)?;
        replay.verdict()
    });
}

/// `scheduler/main`, its custom executor's side, and the reads that were recorded meanwhile; only calls of the numbers
/// asked for.
fn main_story(replay: &mut Replay, agent_work: &Path, wanted: impl Fn(u32) -> bool) -> Outcome<Framework> {
    let mut framework = Framework::subscribe(replay, "scheduler/main")?;
    let mut executor = Executor::new()?;
    for exchange in transcript::directory("scheduler/main")? {
        let number: u32 = exchange.short_name().get(..2).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        // The last one is about a stream that was failed over: later.
        if number == 82 || !wanted(number) {
            continue;
        }
        if number == 51 {
            framework.await_deafness("stubborn")?;
        }
        framework.call(replay, &exchange).map_err(|problem| format!("{}: {problem}", exchange.name))?;
        match number {
            // One command task runs.
            42 => framework.without_offers(replay, |replay| {
                for kind in ["master/api", "master/legacy", "agent/api", "agent/legacy"] {
                    replay.directory(&format!("{kind}-with-running-task"))?;
                }
                Ok(())
            })?,
            // A task group runs.
            61 => framework.without_offers(replay, |replay| {
                for kind in ["master", "agent"] {
                    replay.directory(&format!("{kind}/api-with-task-group"))?;
                }
                Ok(())
            })?,
            65 => {
                let environment = Executor::started(agent_work)?;
                if wanted(42) {
                    Executor::compare_environment(replay, &environment)?;
                }
                executor.calls(replay, 0..=10)?;
                executor.subscribe(replay)?;
                executor.expect("LAUNCH")?;
                executor.calls(replay, 11..=16)?;
            }
            68 => {
                executor.expect("MESSAGE")?;
                executor.calls(replay, 17..=17)?;
            }
            69 => {
                executor.expect("KILL")?;
                executor.calls(replay, 18..=18)?;
            }
            71 => {
                executor.expect("LAUNCH")?;
                executor.calls(replay, 19..=25)?;
            }
            75 => executor.expect("SHUTDOWN")?,
            _ => {}
        }
    }
    executor.compare_events(replay);
    framework.await_events();
    Ok(framework)
}

/// Another scheduler takes over, is cut off, comes back, and tears down; then one without a failover timeout.
fn failover(
    replay: &mut Replay,
    mut first: Framework,
    after_teardown: impl Fn(&mut Replay) -> Outcome,
) -> Outcome {
    let second = Framework::subscribe(replay, "scheduler/failover-resubscribe")?;
    if !first.ends(Duration::from_secs(5))? {
        replay.comparison.note("scheduler/main/stream", "end", "ended by the failover", "goes on");
    }
    first.compare_events(replay);
    replay.exchange(&Exchange::load("scheduler/main/82-ERR-old-stream-id-after-failover")?)?;
    drop(second);
    await_connected(replay, FRAMEWORK, Some(false))?;
    replay.directory("master/api-with-disconnected-framework")?;
    replay.directory("scheduler/failover-resubscribe")?;
    let mut third = Framework::subscribe(replay, "scheduler/after-disconnect-resubscribe")?;
    let [teardown, after] = &transcript::directory("scheduler/after-disconnect-resubscribe")?[..] else {
        return Err("two recorded calls expected".into());
    };
    replay.exchange(teardown)?;
    if !third.ends(Duration::from_secs(5))? {
        replay.comparison.note(&third.name, "end", "ended by the teardown", "goes on");
    }
    replay.exchange(after)?;
    after_teardown(replay)?;
    replay.exchange(&Exchange::load("scheduler/resubscribe-after-teardown/stream")?)?;

    drop(Framework::subscribe(replay, "scheduler/failover0")?);
    await_connected(replay, FLEETING, None)?;
    replay.exchange(&Exchange::load("scheduler/failover0-resubscribe/stream")?)
}

/// What the master remembers of the framework.
fn reads_after_teardown(replay: &mut Replay) -> Outcome {
    replay.directory("master/api-after-teardown")?;
    replay.directory("master/legacy-after-teardown")
}

#[test]
fn a_partition_aware_framework_s_life() {
    in_yard(|yard| {
        let (_master, _agent, mut replay) = ours(yard)?;
        let mut framework = Framework::subscribe(&mut replay, "scheduler/partition-aware")?;
        for exchange in transcript::directory("scheduler/partition-aware")? {
            framework
                .call(&mut replay, &exchange)
                .map_err(|problem| format!("{}: {problem}", exchange.name))?;
        }
        framework.await_events();
        framework.compare_events(&mut replay);
        replay.verdict()
    });
}

/// A command task that shows its environment, and the ways to its sandbox. The recorded task ended after two seconds;
/// ours runs until the teardown, so that a slow machine sees the same.
#[test]
fn the_sandbox_of_a_command_task() {
    in_yard(|yard| {
        let (_master, agent, mut replay) = ours(yard)?;
        let [accept, starting, running, _, teardown] = &transcript::directory("scheduler/command-env")?[..]
        else {
            return Err("five recorded calls expected".into());
        };
        replay.names.bind("to-stderr >&2; sleep 2", "to-stderr >&2; sleep 1000");
        let mut framework = Framework::subscribe(&mut replay, "scheduler/command-env")?;
        for call in [accept, starting, running] {
            framework.call(&mut replay, call)?;
        }
        let sandbox = framework.learn_sandbox(&mut replay, "cenv", &agent.work)?;
        let written = |name| fs::read_to_string(sandbox.join(name)).unwrap_or_default();
        wait_for("the task's last words", Duration::from_secs(20), || {
            written("stderr").contains("to-stderr").then_some(())
        })?;
        replay.directory("agent/files")?;
        let download = Exchange::load("agent/files/download")?.responses();
        let recorded = download.first().ok_or("nothing was recorded")?.text();
        compare_output(&mut replay, &recorded, &written("stdout"));
        framework.call(&mut replay, teardown)?;
        replay.verdict()
    });
}

/// What `env | sort; pwd; ls -la` wrote, up to the list of files with their times.
fn compare_output(replay: &mut Replay, recorded: &str, ours: &str) {
    let lines = |text: &str| {
        let lines = text.lines().take_while(|line| !line.starts_with("total "));
        lines.map(normal).collect::<Vec<_>>().join("\n")
    };
    let (recorded, ours) = (lines(recorded), lines(&replay.names.to_recorded(ours)));
    if recorded != ours {
        replay.comparison.note("agent/files", "stdout", recorded, ours);
    }
}
