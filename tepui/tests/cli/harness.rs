//! Running the binary, with a temporary directory of its own, so that what it leaves behind is seen.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use conformance::{
    Outcome,
    cluster::{Agent, Master},
    http,
    process::{Yard, free_port, inhabitants, wait_for},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Far more than anything here takes on a machine that has much else to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The binary under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tepui"))
}

/// Where a command's temporary files go.
pub(crate) fn temporary(yard: &Yard) -> PathBuf {
    yard.path().join("tmp")
}

/// Makes `command` independent of who runs the tests, and of all but the yard.
pub(crate) fn settle(command: &mut Command, yard: &Yard) -> Outcome {
    fs::create_dir_all(temporary(yard))?;
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TEPUI_") || name.starts_with("MESOS_")) {
            command.env_remove(name);
        }
    }
    command.env("TMPDIR", temporary(yard)).current_dir(yard.path());
    Ok(())
}

/// How a command ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    /// None: by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn json(&self) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.stdout).map_err(|error| format!("{error} in {self:?}"))?)
    }
}

/// A command that runs. Killed, by its pid, when dropped.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Started {
    /// Starts `command` with its streams in files of the yard.
    pub(crate) fn spawn(mut command: Command, yard: &Yard) -> Outcome<Self> {
        settle(&mut command, yard)?;
        let streams = tempfile_names(yard)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(fs::File::create(&streams.0)?)
            .stderr(fs::File::create(&streams.1)?)
            .spawn()?;
        Ok(Self { child, stdout: streams.0, stderr: streams.1 })
    }

    pub(crate) fn stdout(&self) -> Vec<u8> {
        fs::read(&self.stdout).unwrap_or_default()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// Waits until its stdout holds `text`; it must still run then.
    pub(crate) fn wait_for_output(&mut self, text: &str) -> Outcome {
        let seen = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        wait_for(&format!("{text:?} on stdout"), LIMIT, || seen(&self.stdout()).then_some(()))?;
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("it ended with {status} before its output was seen").into()),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Outcome {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no pid")?;
        Ok(kill_process(pid, signal)?)
    }

    pub(crate) fn end(mut self) -> Outcome<Ran> {
        let status: ExitStatus = wait_for("the end of tepui", LIMIT, || self.child.try_wait().ok().flatten())
            .map_err(|error| format!("{error}; its stderr: {}", self.stderr()))?;
        Ok(Ran { code: status.code(), stdout: self.stdout(), stderr: self.stderr() })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tempfile_names(yard: &Yard) -> Outcome<(PathBuf, PathBuf)> {
    let streams = yard.path().join("streams");
    fs::create_dir_all(&streams)?;
    let number = fs::read_dir(&streams)?.count();
    Ok((streams.join(format!("{number}.out")), streams.join(format!("{number}.err"))))
}

/// Starts `tepui` with these arguments.
pub(crate) fn start(yard: &Yard, arguments: &[&str]) -> Outcome<Started> {
    let mut command = Command::new(binary());
    command.args(arguments);
    Started::spawn(command, yard)
}

/// Runs `tepui` with these arguments to its end.
pub(crate) fn tepui(yard: &Yard, arguments: &[&str]) -> Outcome<Ran> {
    start(yard, arguments)?.end()
}

/// No process and no temporary file is left of the embedded clusters that ran in this yard.
pub(crate) fn nothing_is_left(yard: &Yard) -> Outcome {
    wait_for("everything to be gone", Duration::from_secs(20), || {
        let files = fs::read_dir(temporary(yard)).map_or(0, Iterator::count);
        (files == 0 && inhabitants(&temporary(yard)).is_empty()).then_some(())
    })
    .map_err(|error| {
        let files: Vec<_> = fs::read_dir(temporary(yard)).into_iter().flatten().flatten().collect();
        format!("{error}: {files:?}, processes {:?}", inhabitants(&temporary(yard))).into()
    })
}

/// A named pipe: tasks that read it wait until it is opened.
pub(crate) struct Gate {
    path: PathBuf,
}

impl Gate {
    pub(crate) fn new(yard: &Yard, name: &str) -> Outcome<Self> {
        let path = yard.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
        Ok(Self { path })
    }

    /// What a shell does to wait.
    pub(crate) fn wait(&self) -> String {
        format!(": < '{}'", self.path.display())
    }

    /// Lets everybody through, for as long as the answer lives.
    pub(crate) fn open(&self) -> Outcome<fs::File> {
        // Both ways: that never blocks.
        Ok(fs::OpenOptions::new().read(true).write(true).open(&self.path)?)
    }
}

/// A master and an agent in processes of their own.
pub(crate) struct Site {
    pub(crate) master: Master,
    pub(crate) agent: Agent,
}

impl Site {
    pub(crate) fn start(yard: &Yard) -> Outcome<Self> {
        let mut master = Self::master(yard)?;
        let agent = Self::agent(yard, &master)?;
        master.wait_for_agents(1)?;
        Ok(Self { master, agent })
    }

    pub(crate) fn master(yard: &Yard) -> Outcome<Master> {
        Master::start_at(binary(), free_port()?, &yard.path().join("master"), &[])
    }

    pub(crate) fn agent(yard: &Yard, master: &Master) -> Outcome<Agent> {
        Agent::start_at(binary(), free_port()?, yard.path().join("agent"), master.port, &[])
    }

    /// Kills the agent, hard.
    pub(crate) fn kill_agent(&mut self) -> Outcome {
        self.agent.process.signal(Signal::KILL)?;
        self.agent.process.wait(LIMIT).map(drop)
    }

    /// Starts a killed agent again: at a port that the system chooses if it `moves`; if `early`, it is killed once more
    /// before it has said anything.
    pub(crate) fn start_agent(&mut self, moves: bool, early: bool) -> Outcome {
        let (work, old) = (self.agent.work.clone(), self.agent.port);
        let start = |port| Agent::spawn_at(binary(), port, work.clone(), self.master.port, &[]);
        let port = if moves { 0 } else { old };
        if early {
            drop(start(port)?);
        }
        self.agent = start(port)?;
        if !moves {
            return self.agent.wait_until_it_answers();
        }
        self.agent.port = wait_for("the agent's new port", LIMIT, || {
            let agents = http::get(self.master.port, "/slaves").ok()?.json().ok()?;
            let port = agents.pointer("/slaves/0/pid")?.as_str()?.rsplit(':').next()?.parse().ok()?;
            Some(port).filter(|port| *port != old)
        })?;
        Ok(())
    }

    /// `host:port` of the master.
    pub(crate) fn address(&self) -> String {
        address(&self.master)
    }

    /// The task whose id ends with `-number`, once it is in `state`.
    pub(crate) fn wait_for_task(&self, number: u32, state: &str) -> Outcome<String> {
        let end = format!("-{number}");
        wait_for(&format!("task {number} in {state}"), LIMIT, || {
            let tasks = http::get(self.master.port, "/tasks").ok()?.json().ok()?;
            let tasks = tasks["tasks"].as_array()?;
            let task = tasks.iter().find(|task| {
                task["state"] == state && task["id"].as_str().is_some_and(|id| id.ends_with(&end))
            })?;
            task["id"].as_str().map(str::to_owned)
        })
    }
}

/// `host:port` of a master.
pub(crate) fn address(master: &Master) -> String {
    format!("127.0.0.1:{}", master.port)
}
