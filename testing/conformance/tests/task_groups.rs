//! A task group by our default executor: under tepui's agent, and in the place of Mesos's own under the genuine one.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use conformance::{
    Outcome,
    cluster::{Agent, Genuine, Master},
    peers,
    process::{Yard, in_yard, run_to_end},
};

const LIMIT: Duration = Duration::from_secs(60);

/// Two tasks as one group, which both finish.
fn launch(yard: &Yard, master: u16) -> Outcome {
    let mut scheduler = Command::new(peers::example("test_scheduler")?);
    scheduler.args(["--master", &format!("127.0.0.1:{master}"), "--group", "--tasks", "2", "--mem", "32"]);
    scheduler.args(["--timeout", "50", "--command", "echo hello; sleep 0.5"]);
    run_to_end("test_scheduler", &mut scheduler, yard.path(), LIMIT)?;
    Ok(())
}

#[test]
fn under_our_agent() {
    in_yard(|yard| {
        let mut master = Master::start(yard, &[])?;
        let _agent = Agent::start(yard, master.port, &[])?;
        master.wait_for_agents(1)?;
        launch(yard, master.port)
    });
}

/// Mesos's helper programs, and ours as its default executor.
fn launcher(yard: &Yard) -> Outcome<PathBuf> {
    let directory = yard.path().join("launcher");
    fs::create_dir(&directory)?;
    for name in ["mesos-containerizer", "mesos-fetcher"] {
        symlink(peers::ours("peers").join("launcher").join(name), directory.join(name))?;
    }
    let executor = directory.join("mesos-default-executor");
    fs::write(&executor, format!("#!/bin/sh\nexec '{}' executor default\n", peers::tepui()?.display()))?;
    fs::set_permissions(&executor, fs::Permissions::from_mode(0o755))?;
    Ok(directory)
}

#[test]
fn under_the_genuine_agent() {
    in_yard(|yard| {
        let launcher = launcher(yard)?.display().to_string();
        let Some(mesos) = Genuine::start(yard, 1, &[("MESOS_LAUNCHER_DIR", &launcher)])? else {
            return Ok(());
        };
        launch(yard, mesos.plain_port)
    });
}
