//! Bad executors over libprocess: a listening port of their own, and one connection to the agent.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::ExitCode,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use conformance::Outcome;
use tepui_wire_libprocess::{Upid, encode};
use tepui_wire_mesos::{Message, internal, v1};

use super::{Executor, FOR_EVER, Part, finish, ghost, hang, play_common, uuid, variable};

const LIMIT: Duration = Duration::from_secs(30);
/// How long nothing may come where nothing is to come.
const SILENCE: Duration = Duration::from_secs(1);

struct Process {
    /// This executor's own name.
    pid: Upid,
    agent: Upid,
    framework: v1::FrameworkId,
    executor: v1::ExecutorId,
    agent_id: v1::AgentId,
    connection: TcpStream,
    inbox: Receiver<Message>,
}

/// Plays a part.
pub(super) fn play(part: Part) -> Outcome<ExitCode> {
    let mut executor = Process::from_env()?;
    match part {
        Part::Connects => return Ok(hang()),
        Part::Unreachable => {
            executor.pid.address.set_port(1);
            executor.register()?;
            return Ok(hang());
        }
        _ => {}
    }
    if let Some(code) = play_common(&mut executor, part)? {
        return Ok(code);
    }
    let task = executor.first_task()?;
    executor.update(&task, "TASK_RUNNING", "")?;
    let played = executor.misbehave(part, &task);
    finish(&mut executor, &task, played)?;
    Ok(ExitCode::SUCCESS)
}

impl Executor for Process {
    fn first_task(&mut self) -> Outcome<String> {
        self.register()?;
        self.expect(LIMIT, |message| match message {
            Message::RunTask(run) => Some(run.task.task_id.value),
            _ => None,
        })
    }

    fn update(&mut self, task: &str, state: &str, message: &str) -> Outcome {
        let mut update = self.status_update(task, state)?;
        update.status.message = Some(message.to_owned());
        self.send_update(update.clone())?;
        self.acknowledged(&update)
    }

    fn wait_for_the_end(&mut self) {
        // The agent's end or its word.
        let _ =
            self.expect(FOR_EVER, |message| matches!(message, Message::ShutdownExecutor(_)).then_some(()));
    }
}

impl Process {
    fn from_env() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let pid = Upid::new("executor(1)", listener.local_addr()?);
        let agent: Upid = variable("MESOS_SLAVE_PID")?.parse()?;
        let (sender, inbox) = channel();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let sender = sender.clone();
                // A connection that ends takes nothing with it.
                thread::spawn(move || drop(serve(connection, &sender)));
            }
        });
        Ok(Self {
            connection: connect(agent.address)?,
            pid,
            agent,
            framework: v1::FrameworkId { value: variable("MESOS_FRAMEWORK_ID")? },
            executor: v1::ExecutorId { value: variable("MESOS_EXECUTOR_ID")? },
            agent_id: v1::AgentId { value: variable("MESOS_SLAVE_ID")? },
            inbox,
        })
    }

    fn register(&mut self) -> Outcome {
        self.send(internal::RegisterExecutorMessage {
            framework_id: self.framework.clone(),
            executor_id: self.executor.clone(),
        })
    }

    fn send(&mut self, message: impl Into<Message>) -> Outcome {
        let message = message.into();
        let bytes = encode(&self.pid, &self.agent, message.name(), &message.encode());
        Ok(self.connection.write_all(&bytes)?)
    }

    fn send_update(&mut self, update: internal::StatusUpdate) -> Outcome {
        let pid = Some(self.pid.to_string());
        self.send(internal::StatusUpdateMessage { update, pid })
    }

    fn status_update(&self, task: &str, state: &str) -> Outcome<internal::StatusUpdate> {
        let uuid = Some(Bytes::copy_from_slice(&uuid()));
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        let state = v1::TaskState::from_str_name(state).ok_or_else(|| format!("{state} is no state"))?;
        Ok(internal::StatusUpdate {
            framework_id: self.framework.clone(),
            executor_id: Some(self.executor.clone()),
            slave_id: Some(self.agent_id.clone()),
            status: v1::TaskStatus {
                task_id: v1::TaskId { value: task.to_owned() },
                state: state.into(),
                agent_id: Some(self.agent_id.clone()),
                uuid: uuid.clone(),
                ..v1::TaskStatus::default()
            },
            timestamp,
            uuid,
            latest_state: None,
        })
    }

    /// The first message within `limit` that is one of those that are waited for.
    fn expect<T>(&self, limit: Duration, wanted: impl Fn(Message) -> Option<T>) -> Outcome<T> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.inbox.recv_timeout(left).map_err(|error| format!("no message: {error}"))?;
            if let Some(found) = wanted(message) {
                return Ok(found);
            }
        }
    }

    fn acknowledged(&self, update: &internal::StatusUpdate) -> Outcome {
        let uuid = update.uuid.clone().unwrap_or_default();
        self.expect(LIMIT, |message| match message {
            Message::StatusUpdateAcknowledgement(acknowledgement) => {
                (acknowledgement.uuid == uuid).then_some(())
            }
            _ => None,
        })
    }

    /// Sends an update that is changed somewhere. It is dropped: nothing comes.
    fn dropped(&mut self, task: &str, change: impl FnOnce(&mut internal::StatusUpdate)) -> Outcome {
        let mut update = self.status_update(task, "TASK_KILLED")?;
        change(&mut update);
        self.send_update(update)
    }

    fn silence(&self) -> Outcome {
        match self.expect(SILENCE, Some) {
            Ok(message) => Err(format!("an answer to what is to be dropped: {message:?}").into()),
            Err(_) => Ok(()),
        }
    }

    fn misbehave(&mut self, part: Part, task: &str) -> Outcome {
        match part {
            Part::Rubbish => self.rubbish(),
            Part::UnknownTask => {
                for state in ["TASK_RUNNING", "TASK_FINISHED"] {
                    let update = self.status_update(&ghost(task), state)?;
                    self.send_update(update)?;
                }
                Ok(())
            }
            Part::WrongUuids => {
                for wrong in [&[][..], &[1], &[0; 16], &[0xff; 16], &[7; 15], &[7; 17], &[0x40; 1_000]] {
                    self.dropped(task, |update| update.uuid = Some(wrong.into()))?;
                }
                self.dropped(task, |update| update.uuid = None)?;
                self.silence()
            }
            Part::WrongSources => {
                let other = || "another".to_owned();
                self.dropped(task, |update| update.slave_id = Some(v1::AgentId { value: other() }))?;
                self.dropped(task, |update| update.status.agent_id = Some(v1::AgentId { value: other() }))?;
                self.dropped(task, |update| update.framework_id.value = other())?;
                self.claim_to_be_elsewhere(task)?;
                self.silence()
            }
            Part::FinishesTwice => {
                for state in ["TASK_FINISHED", "TASK_FAILED", "TASK_RUNNING", "TASK_FINISHED"] {
                    let update = self.status_update(task, state)?;
                    self.send_update(update.clone())?;
                    self.acknowledged(&update)?;
                }
                Ok(())
            }
            Part::Repeats => {
                let update = self.status_update(task, "TASK_RUNNING")?;
                for _ in 0..100 {
                    self.send_update(update.clone())?;
                }
                self.acknowledged(&update)
            }
            Part::Staging => {
                let update = self.status_update(task, "TASK_STAGING")?;
                self.send_update(update)?;
                self.expect(LIMIT, |message| matches!(message, Message::ShutdownExecutor(_)).then_some(()))?;
                hang();
                Ok(())
            }
            Part::Reconnects => {
                for _ in 0..30 {
                    thread::sleep(Duration::from_millis(100));
                    let _ = self.connection.shutdown(Shutdown::Both);
                    self.connection = connect(self.agent.address)?;
                    self.register()?;
                }
                Ok(())
            }
            Part::Giant => {
                let mut update = self.status_update(task, "TASK_RUNNING")?;
                update.status.message = Some("m".repeat(1 << 20));
                self.send_update(update.clone())?;
                self.acknowledged(&update)
            }
            Part::Halves => self.halves(),
            _ => Err(format!("{part:?} is no part here").into()),
        }
    }

    /// The same words from an address that is not this executor's.
    fn claim_to_be_elsewhere(&mut self, task: &str) -> Outcome {
        let own = self.pid.clone();
        for stranger in ["executor(1)@127.0.0.1:2", "slave(1)@127.0.0.1:3", "master@127.0.0.1:4"] {
            self.pid = stranger.parse()?;
            self.dropped(task, |_| ())?;
        }
        self.pid = self.agent.clone();
        self.dropped(task, |_| ())?;
        self.pid = own;
        Ok(())
    }

    /// What is no message, or none for the agent.
    fn rubbish(&mut self) -> Outcome {
        let update = "mesos.internal.StatusUpdateMessage";
        for (name, body) in [
            (update, &b""[..]),
            (update, b"garbage"),
            (update, &[0xff; 1_000]),
            ("mesos.internal.RegisterExecutorMessage", b""),
            ("mesos.internal.ReregisterExecutorMessage", b"\x0a\x00"),
            ("mesos.internal.NoSuchMessage", b"x"),
            ("no name at all", b"x"),
            ("mesos.internal.ShutdownMessage", b""),
            ("mesos.internal.RunTaskMessage", b""),
        ] {
            let bytes = encode(&self.pid, &self.agent, name, body);
            self.connection.write_all(&bytes)?;
        }
        // Words that only the master may say.
        let (framework_id, task_id) = (self.framework.clone(), v1::TaskId { value: "any".to_owned() });
        self.send(internal::KillTaskMessage {
            framework_id: framework_id.clone(),
            task_id,
            kill_policy: None,
        })?;
        self.send(internal::ShutdownFrameworkMessage { framework_id })?;
        let nobody = Upid::new("nobody", self.agent.address);
        let bytes = encode(&self.pid, &nobody, update, b"x");
        self.connection.write_all(&bytes)?;
        let mut stranger = connect(self.agent.address)?;
        stranger.write_all(b"POST /slave(1)/x HTTP/1.1\r\nLibprocess-From: not a pid\r\n\r\n")?;
        self.silence()
    }

    fn halves(&self) -> Outcome {
        let message = Message::from(internal::RegisterExecutorMessage {
            framework_id: self.framework.clone(),
            executor_id: self.executor.clone(),
        });
        let whole = encode(&self.pid, &self.agent, message.name(), &message.encode());
        for cut in (1..whole.len()).step_by(3) {
            let mut connection = connect(self.agent.address)?;
            connection.write_all(&whole[..cut])?;
            // Some close now, the others when the executor ends.
            if cut.is_multiple_of(2) {
                std::mem::forget(connection);
            }
        }
        Ok(())
    }
}

/// A connection whose answers are read and thrown away.
fn connect(address: SocketAddr) -> Outcome<TcpStream> {
    let connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    let mut answers = connection.try_clone()?;
    thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
    Ok(connection)
}

/// Reads the agent's messages, and answers each.
fn serve(connection: TcpStream, inbox: &Sender<Message>) -> Outcome {
    let mut answers = connection.try_clone()?;
    let mut reader = BufReader::new(connection);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let chunked = headers(&mut reader)?;
        let body = if chunked { chunks(&mut reader)? } else { Vec::new() };
        answers.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
        let name = path.rsplit('/').next().unwrap_or_default();
        inbox.send(Message::decode(name, body.into())?)?;
    }
}

/// Reads to the end of the head; true: a chunked body follows.
fn headers(reader: &mut impl std::io::BufRead) -> Outcome<bool> {
    let mut chunked = false;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim() {
            "" => return Ok(chunked),
            header => chunked |= header.to_ascii_lowercase().starts_with("transfer-encoding"),
        }
    }
}

fn chunks(reader: &mut impl std::io::BufRead) -> Outcome<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16)?;
        reader.by_ref().take(size).read_to_end(&mut body)?;
        let mut end = String::new();
        reader.read_line(&mut end)?;
        if size == 0 {
            return Ok(body);
        }
    }
}
