//! A real agent's conversation with executors over libprocess, message by message: what it was told, ours is told, and
//! what it said, ours has to say. Three executors; in the middle the agent is killed and started again.

use std::collections::{BTreeMap, VecDeque};
use tepui_core_kit::Core as _;
use tepui_model::ContainerId;

use bytes::Bytes;
use tepui_wire_mesos::{Message, v1};

use super::{Rig, disk::Disk, scalar, sent};
use crate::{Config, ContainerState, Effect, Upid};

/// Sender, receiver, name and body of each message, in order.
const RECORDED: &str = include_str!("../../testdata/v0-executors.tsv");

struct Line {
    from: Upid,
    to: Upid,
    message: Message,
}

fn lines() -> Vec<Line> {
    let line = |line: &str| {
        let [from, to, name, hex] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let body: Bytes = hex.as_bytes().chunks(2).map(byte).collect::<Vec<_>>().into();
        let message = Message::decode(name, body).unwrap();
        Line { from: super::upid(from), to: super::upid(to), message }
    };
    RECORDED.lines().map(line).collect()
}

fn config(pid: Upid) -> Config {
    let mut config = Config::new(pid, "127.0.0.1", 17051);
    config.work_dir = "/w".to_owned();
    let range = v1::value::Range { begin: 31000, end: 31100 };
    let ports = v1::Resource {
        name: "ports".to_owned(),
        r#type: v1::value::Type::Ranges.into(),
        ranges: Some(v1::value::Ranges { range: vec![range] }),
        ..v1::Resource::default()
    };
    config.resources = vec![scalar("cpus", 4.0), scalar("mem", 4096.0), scalar("disk", 1024.0), ports];
    config
}

/// The replay: our agent among the recorded parties.
struct Replay {
    rig: Rig,
    disk: Disk,
    config: Config,
    master: Upid,
    /// What ours has said and the recording has not yet.
    said: VecDeque<(Upid, Message)>,
    containers: BTreeMap<String, ContainerId>,
    /// What the recording will tell of each executor: its info, and its process id.
    infos: BTreeMap<String, v1::ExecutorInfo>,
    pids: BTreeMap<String, u32>,
    commands: BTreeMap<String, Option<v1::CommandInfo>>,
}

impl Replay {
    fn new(lines: &[Line], agent: Upid, master: Upid) -> Self {
        let (mut infos, mut pids) = (BTreeMap::new(), BTreeMap::new());
        for line in lines {
            match &line.message {
                Message::ExecutorRegistered(message) => {
                    let info = message.executor_info.clone();
                    infos.insert(info.executor_id.value.clone(), info);
                }
                Message::StatusUpdate(message) => {
                    let status = &message.update.status;
                    if let Some(pid) = status.container_status.as_ref().and_then(|status| status.executor_pid)
                    {
                        pids.insert(status.task_id.value.clone(), pid);
                    }
                }
                _ => {}
            }
        }
        let config = config(agent);
        let mut rig = Rig::with(config.clone(), crate::Recovered::default());
        rig.durable = false;
        let (said, containers, commands) = (VecDeque::new(), BTreeMap::new(), BTreeMap::new());
        let mut replay =
            Self { rig, disk: Disk::default(), config, master, said, containers, infos, pids, commands };
        replay.detect();
        replay
    }

    fn detect(&mut self) {
        self.rig.agent.handle(self.rig.now, crate::Event::MasterDetected(Some(self.master.clone())));
        self.settle();
    }

    /// Takes effects, and starts what is to be started; writes stay under way.
    fn settle(&mut self) {
        loop {
            let effects = self.rig.effects();
            if effects.is_empty() {
                return;
            }
            self.take(&effects);
        }
    }

    fn take(&mut self, effects: &[Effect]) {
        self.disk.take(effects);
        for effect in effects {
            match effect {
                Effect::Send { to, message } => self.said.push_back((to.clone(), message.clone())),
                Effect::Launch(launch) => {
                    let executor = launch.executor_id.to_string();
                    let pid = self.pids[&executor];
                    self.rig.agent.handle(
                        self.rig.now,
                        crate::Event::Launched { container: launch.container_id.clone(), outcome: Ok(pid) },
                    );
                    self.containers.insert(executor, launch.container_id.clone());
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, from: &Upid, mut message: Message) {
        // The recorded executors are those of command tasks, which ours would play itself: here they are custom ones.
        if let Message::RunTask(message) = &mut message {
            let id = message.task.task_id.value.clone();
            message.task.executor = Some(Box::new(self.infos[&id].clone()));
            self.commands.insert(id, message.task.command.take());
        }
        let launches = matches!(message, Message::RunTask(_));
        self.rig.agent.handle(self.rig.now, crate::Event::Message { from: from.clone(), message });
        self.settle();
        if launches {
            let effects = self.rig.persist();
            self.take(&effects);
            self.settle();
        }
    }

    fn expect(&mut self, to: &Upid, mut expected: Message) {
        if matches!(expected, Message::ReconnectExecutor(_)) {
            self.restart();
        }
        let position = |said: &VecDeque<(Upid, Message)>| said.iter().position(|(other, _)| other == to);
        if position(&self.said).is_none() {
            let effects = self.rig.persist();
            self.take(&effects);
            self.settle();
        }
        let index = position(&self.said).unwrap_or_else(|| panic!("nothing said to {to}, not {expected:?}"));
        let (_, mut message) = self.said.remove(index).unwrap();
        match (&mut message, &mut expected) {
            (Message::RunTask(message), _) => {
                message.task.executor = None;
                message.task.command = self.commands[&message.task.task_id.value].clone();
            }
            (Message::StatusUpdate(_), Message::StatusUpdate(expected)) => {
                let status = &mut expected.update.status;
                let container = self.containers[&status.task_id.value].clone();
                status.container_status.as_mut().unwrap().container_id = Some((&container).into());
            }
            _ => {}
        }
        assert_eq!(message, expected, "to {to}");
    }

    /// Who has finished ends; then the agent dies.
    fn restart(&mut self) {
        self.rig.persist();
        for executor in ["t1", "t3"] {
            let container = self.containers[executor].clone();
            let effects = self.rig.exited(&container, 0);
            self.disk.take(&effects);
            assert!(matches!(sent(&effects)[..], [Message::ExitedExecutor(_)]), "{effects:?}");
        }
        assert!(self.said.is_empty(), "{:?}", self.said);
        self.rig = Rig::with(self.config.clone(), self.disk.containers(&ContainerState::Alive));
        self.rig.durable = false;
        self.detect();
    }
}

#[test]
fn ours_says_what_the_real_one_said() {
    let lines = lines();
    let (agent, master) = (lines[0].to.clone(), lines[0].from.clone());
    let mut replay = Replay::new(&lines, agent.clone(), master);
    for line in lines {
        // What the two agents tell the master about themselves is another table's business.
        replay.said.retain(|(_, message)| {
            !matches!(
                message,
                Message::RegisterSlave(_) | Message::ReregisterSlave(_) | Message::UpdateSlave(_)
            )
        });
        if line.from == agent {
            replay.expect(&line.to, line.message);
        } else {
            replay.tell(&line.from, line.message);
            if replay.rig.agent.agent_id().is_none() {
                replay.rig.persist();
                replay.settle();
            }
        }
    }
    assert!(replay.said.is_empty(), "{:?}", replay.said);
    replay.rig.persist();
    assert!(replay.rig.agent.updates.is_empty(), "everything was acknowledged");
}
