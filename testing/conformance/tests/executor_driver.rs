//! Our executor driver with its example executors, over both protocols, under the genuine Mesos and under tepui: the same
//! lines, and over a restart of the agent.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use conformance::{
    Outcome,
    cluster::{Agent, Genuine, Master},
    peers,
    process::{Running, Yard, in_yard, wait_for},
};

const LIMIT: Duration = Duration::from_secs(100);
/// How an executor is told to speak.
const TONGUES: &[&str] = &["", "--json", "--v0"];
/// What Mesos's own test-executor prints, for three tasks.
const TEST_EXECUTOR: &[&str] = &[
    "Registered executor on 127.0.0.1",
    "Starting task test-0",
    "Finishing task test-0",
    "Starting task test-1",
    "Finishing task test-1",
    "Starting task test-2",
    "Finishing task test-2",
];
/// What Mesos's long-lived-executor prints.
const LONG_LIVED_EXECUTOR: &[&str] = &[
    "Registered executor on 127.0.0.1",
    "Starting task test-0",
    "Starting task test-1",
    "Starting task test-2",
];

/// Sandboxes are looked at after their executors have ended, also on a disk that is nearly full.
const KEEP: [&str; 2] = ["--gc-disk-headroom", "0"];

/// Where tasks are to run.
struct Place<'a> {
    yard: &'a Yard,
    master: String,
    /// The agent's work directory.
    work: &'a Path,
}

/// Tasks that a scheduler has been asked to launch.
struct Launched {
    scheduler: Running,
    /// What sandboxes there were before.
    before: Vec<PathBuf>,
}

impl Place<'_> {
    /// Launches three tasks of one of our executors, in a framework of their own.
    fn launch(&self, executor: &str, more: &[&str]) -> Outcome<Launched> {
        let before = sandboxes(self.work);
        let (name, options) = executor.split_once(' ').unwrap_or((executor, ""));
        // In local mode executors of the genuine one write to its own output instead of the sandbox.
        let executor = format!("exec {} {options} > said", peers::example(name)?.display());
        let mut scheduler = Command::new(peers::example("test_scheduler")?);
        scheduler.args(["--user", "root", "--tasks", "3", "--master", &self.master, "--executor", &executor]);
        scheduler.args(more);
        let scheduler =
            Running::start(&format!("scheduler-{}", before.len()), &mut scheduler, self.yard.path())?;
        Ok(Launched { scheduler, before })
    }

    /// The executor's sandbox.
    fn sandbox(&self, launched: &Launched) -> Option<PathBuf> {
        sandboxes(self.work).into_iter().find(|path| !launched.before.contains(path))
    }

    /// Waits until the executor has said so many lines.
    fn said(&self, launched: &Launched, count: usize) -> Outcome<Vec<String>> {
        wait_for(&format!("{count} lines of the executor"), LIMIT, || {
            let text = fs::read_to_string(self.sandbox(launched)?.join("said")).ok()?;
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Waits until all tasks have finished.
    fn finished(&self, launched: &mut Launched) -> Outcome {
        launched.scheduler.wait(LIMIT)?;
        let output = launched.scheduler.output();
        if output.contains("tasks=3 finished=3 failed=0") { Ok(()) } else { Err(output.into()) }
    }

    /// Each of our executors says what Mesos's say, whatever it speaks.
    fn examples(&self) -> Outcome {
        for tongue in TONGUES {
            let mut launched = self.launch(&format!("test_executor {tongue}"), &[])?;
            self.finished(&mut launched)?;
            assert_eq!(self.said(&launched, TEST_EXECUTOR.len())?, TEST_EXECUTOR, "{tongue}");
        }
        for tongue in ["", "--v0"] {
            let mut launched = self.launch(&format!("long_lived_executor --seconds 0.2 {tongue}"), &[])?;
            self.finished(&mut launched)?;
            assert_eq!(self.said(&launched, LONG_LIVED_EXECUTOR.len())?, LONG_LIVED_EXECUTOR, "{tongue}");
        }
        let mut launched = self.launch("task_group_executor", &["--group", "--command", "test -n x"])?;
        self.finished(&mut launched)?;
        let mut said = self.said(&launched, 9)?;
        assert_eq!(said[..2], ["registered on 127.0.0.1", "group 0 of 3 tasks"]);
        assert_eq!(said.pop().as_deref(), Some("nothing left to do"));
        let finished = said.iter().filter(|line| line.ends_with("TASK_FINISHED")).count();
        assert_eq!((said.len(), finished), (8, 3), "{said:?}");
        // One that fails takes the others with it.
        let command = "if mkdir first 2>/dev/null; then exit 3; else exec sleep 1000; fi";
        let mut launched = self.launch("task_group_executor", &["--group", "--command", command])?;
        launched.scheduler.wait(LIMIT)?;
        let said = self.said(&launched, 9)?;
        let of = |state: &str| said.iter().filter(|line| line.ends_with(state)).count();
        assert_eq!((of("TASK_FAILED"), of("TASK_KILLED")), (1, 2), "{said:?}");
        Ok(())
    }
}

/// The directories of every executor's runs below an agent's work directory.
fn sandboxes(work: &Path) -> Vec<PathBuf> {
    let mut found = vec![work.to_owned()];
    for name in ["slaves", "*", "frameworks", "*", "executors", "*", "runs", "*"] {
        let mut next = Vec::new();
        for directory in found {
            match name {
                "*" => {
                    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
                    let paths = entries.map(|entry| entry.path());
                    next.extend(paths.filter(|path| path.is_dir() && !path.is_symlink()));
                }
                name => next.push(directory.join(name)),
            }
        }
        found = next;
    }
    found
}

#[test]
fn under_the_genuine_mesos() {
    in_yard(|yard| {
        // Executors find the agent below its own prefix by themselves; no proxy is between.
        let environment = r#"{"PATH":"/usr/local/bin:/usr/bin:/bin"}"#;
        let extra = [("MESOS_EXECUTOR_ENVIRONMENT_VARIABLES", environment)];
        let Some(mesos) = Genuine::start(yard, 1, &extra)? else { return Ok(()) };
        let master = format!("127.0.0.1:{}/master/api/v1/scheduler", mesos.port);
        Place { yard, master, work: &mesos.agent_work(0) }.examples()
    });
}

#[test]
fn under_tepui() {
    in_yard(|yard| {
        let mut master = Master::start(yard, &[])?;
        let agent = Agent::start(yard, master.port, &KEEP)?;
        master.wait_for_agents(1)?;
        Place { yard, master: format!("127.0.0.1:{}", master.port), work: &agent.work }.examples()
    });
}

#[test]
fn over_a_restart_of_tepui_s_agent() {
    in_yard(|yard| {
        let mut master = Master::start(yard, &[])?;
        let mut agent = Agent::start(yard, master.port, &KEEP)?;
        master.wait_for_agents(1)?;
        let (port, work) = (agent.port, agent.work.clone());
        let place = Place { yard, master: format!("127.0.0.1:{}", master.port), work: &work };
        for tongue in ["", "--v0"] {
            let executor = format!("long_lived_executor --seconds 4 {tongue}");
            let mut launched = place.launch(&executor, &["--checkpoint"])?;
            place.said(&launched, LONG_LIVED_EXECUTOR.len())?;
            agent.process.signal(rustix::process::Signal::KILL)?;
            agent.process.wait(LIMIT)?;
            agent = Agent::start_at(&peers::tepui()?, port, work.clone(), master.port, &KEEP)?;
            place.finished(&mut launched)?;
            let said = place.said(&launched, LONG_LIVED_EXECUTOR.len() + 1)?;
            let (last, before) = said.split_last().ok_or("nothing")?;
            assert_eq!(
                (before, last.as_str()),
                (&said[..4], "Re-registered executor on 127.0.0.1"),
                "{tongue}"
            );
            assert_eq!(before, LONG_LIVED_EXECUTOR, "{tongue}");
        }
        Ok(())
    });
}

/// An agent that wants a token from its executors, and serves them through a socket in the file system.
#[test]
fn with_a_token_through_a_socket() {
    in_yard(|yard| {
        let key = yard.path().join("key");
        fs::write(&key, "a secret of the agent's own, long enough")?;
        let key = key.display().to_string();
        let mut master = Master::start(yard, &[])?;
        let agent = Agent::start(
            yard,
            master.port,
            &["--authenticate-http-executors", "--jwt-secret-key", &key, "--http-executor-domain-sockets"],
        )?;
        master.wait_for_agents(1)?;
        let place = Place { yard, master: format!("127.0.0.1:{}", master.port), work: &agent.work };
        // What a task inherits is what the executor has left in its environment.
        let command =
            "env | grep -c ^MESOS_EXECUTOR_AUTHENTICATION_TOKEN= > token; test -n \"$MESOS_DOMAIN_SOCKET\"";
        let mut launched = place.launch("task_group_executor", &["--group", "--command", command])?;
        place.finished(&mut launched)?;
        let sandbox = place.sandbox(&launched).ok_or("no sandbox")?;
        assert_eq!(fs::read_to_string(sandbox.join("token"))?.trim(), "0");
        Ok(())
    });
}
