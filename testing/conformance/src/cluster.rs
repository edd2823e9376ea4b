//! Clusters of separate processes: tepui's, and the genuine Mesos's.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{
    Outcome, http, peers,
    process::{Running, Yard, free_port},
};

/// How long a process may take until it answers.
const READY: Duration = Duration::from_secs(30);

/// What every agent here has to give, so that a test does not depend on the machine.
pub const RESOURCES: &str = "cpus:8;mem:16384;disk:10240;ports:[31000-32000]";

/// `tepui master`.
#[derive(Debug)]
pub struct Master {
    /// The process.
    pub process: Running,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Master {
    /// Starts a master in `yard` with further arguments, and waits until it answers.
    pub fn start(yard: &Yard, arguments: &[&str]) -> Outcome<Self> {
        Self::start_at(&peers::tepui()?, free_port()?, &yard.path().join("master"), arguments)
    }

    /// The same with a given binary, port and work directory: for a restart.
    pub fn start_at(binary: &Path, port: u16, work: &Path, arguments: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(binary);
        command
            .args([
                "master",
                "--ip",
                "127.0.0.1",
                "--hostname",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--work-dir",
            ])
            .arg(work)
            .args(arguments);
        let mut process = Running::start("master", &mut command, work)?;
        process.wait_until(READY, || answers(port, "/master/health"))?;
        Ok(Self { process, port })
    }

    /// Waits until so many agents are registered and active.
    pub fn wait_for_agents(&mut self, count: usize) -> Outcome {
        let port = self.port;
        self.process.wait_until(READY, || active_agents(port) == Some(count))
    }
}

/// `tepui agent`.
#[derive(Debug)]
pub struct Agent {
    /// The process.
    pub process: Running,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its work directory.
    pub work: PathBuf,
}

impl Agent {
    /// Starts an agent in `yard` for the master at `127.0.0.1:master`, and waits until it answers.
    pub fn start(yard: &Yard, master: u16, arguments: &[&str]) -> Outcome<Self> {
        let port = free_port()?;
        let work = yard.path().join(format!("agent-{port}"));
        Self::start_at(&peers::tepui()?, port, work, master, arguments)
    }

    /// The same with a given binary, port and work directory: for a restart.
    pub fn start_at(
        binary: &Path,
        port: u16,
        work: PathBuf,
        master: u16,
        arguments: &[&str],
    ) -> Outcome<Self> {
        let mut agent = Self::spawn_at(binary, port, work, master, arguments)?;
        agent.wait_until_it_answers()?;
        Ok(agent)
    }

    /// The same without waiting for an answer.
    pub fn spawn_at(
        binary: &Path,
        port: u16,
        work: PathBuf,
        master: u16,
        arguments: &[&str],
    ) -> Outcome<Self> {
        let mut command = Command::new(binary);
        command
            .args(["agent", "--ip", "127.0.0.1", "--hostname", "127.0.0.1", "--port", &port.to_string()])
            .args(["--master", &format!("127.0.0.1:{master}"), "--resources", RESOURCES, "--work-dir"])
            .arg(&work)
            .args(arguments);
        let process = Running::start("agent", &mut command, &work)?;
        Ok(Self { process, port, work })
    }

    /// Waits until it answers. Its own end is an error with its last words.
    pub fn wait_until_it_answers(&mut self) -> Outcome {
        let port = self.port;
        self.process.wait_until(READY, || answers(port, "/slave(1)/health"))
    }
}

/// A genuine Mesos 1.11.0 in local mode: a master, and agents in the same process.
#[derive(Debug)]
pub struct Genuine {
    /// The process.
    pub process: Running,
    /// Its port: only paths with a prefix (`/master/...`, `/slave(1)/...`) answer there.
    pub port: u16,
    /// The port of a proxy that adds the prefix, as a stand-alone master or agent would.
    pub plain_port: u16,
    home: PathBuf,
    _proxy: Running,
}

impl Genuine {
    /// Starts one with so many agents and further environment variables. None where it cannot be had.
    pub fn start(yard: &Yard, agents: usize, environment: &[(&str, &str)]) -> Outcome<Option<Self>> {
        let Some(mut command) = peers::genuine()? else { return Ok(None) };
        let (port, plain_port) = (free_port()?, free_port()?);
        let home = yard.path().join(format!("genuine-{port}"));
        let executors = serde_json::json!({
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TEPUI_AGENT_ENDPOINT": format!("127.0.0.1:{plain_port}"),
        });
        command
            .env_remove("MESOS_MASTER")
            .env("LIBPROCESS_IP", "127.0.0.1")
            .env("LIBPROCESS_PORT", port.to_string())
            .env("MESOS_WORK_DIR", home.join("work"))
            .env("MESOS_RUNTIME_DIR", home.join("run"))
            .env("MESOS_FETCHER_CACHE_DIR", home.join("fetch"))
            .env("MESOS_NUM_SLAVES", agents.to_string())
            .env("MESOS_HOSTNAME", "127.0.0.1")
            .env("MESOS_RESOURCES", RESOURCES)
            .env("MESOS_LAUNCHER", "posix")
            .env("MESOS_ISOLATION", "posix/cpu,posix/mem")
            .env("MESOS_SYSTEMD_ENABLE_SUPPORT", "false")
            .env("MESOS_LAUNCHER_DIR", peers::ours("peers").join("launcher"))
            .env("MESOS_LOGGING_LEVEL", "WARNING")
            .env("MESOS_EXECUTOR_ENVIRONMENT_VARIABLES", executors.to_string())
            .envs(environment.iter().copied());
        let mut process = Running::start("genuine-mesos", &mut command, &home)?;
        let log = home.join("genuine-mesos.log");
        process.wait_until(READY, || {
            std::fs::read_to_string(&log).is_ok_and(|text| text.lines().any(|line| line == "READY"))
                && active_agents_at(port, "/master/slaves") == Some(agents)
        })?;
        let mut proxy = Command::new("python3");
        proxy.arg("-B").arg(peers::ours("peers").join("prefix_proxy.py"));
        proxy.args([plain_port.to_string(), port.to_string()]);
        let mut proxy = Running::start("prefix-proxy", &mut proxy, &home)?;
        proxy.wait_until(READY, || answers(plain_port, "/health"))?;
        Ok(Some(Self { process, port, plain_port, home, _proxy: proxy }))
    }

    /// The work directory of one of its agents, counted from 0.
    pub fn agent_work(&self, index: usize) -> PathBuf {
        self.home.join("work/agents").join(index.to_string()).join("work")
    }
}

fn answers(port: u16, path: &str) -> bool {
    http::get(port, path).is_ok_and(|response| response.code() == 200)
}

/// How many agents a tepui master knows as active.
pub fn active_agents(port: u16) -> Option<usize> {
    active_agents_at(port, "/slaves")
}

/// The same, with the path at which the master answers.
pub fn active_agents_at(port: u16, path: &str) -> Option<usize> {
    let state = http::get(port, path).ok()?.json().ok()?;
    Some(state["slaves"].as_array()?.iter().filter(|agent| agent["active"] == Value::Bool(true)).count())
}
