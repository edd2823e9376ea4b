//! Containers: what the supervisor on an agent's machine does, whether or not the agent is there.

use std::{collections::BTreeMap, time::Duration};

use rand_chacha::rand_core::Rng as _;
use tepui_core_agent::{self as agent, Exit, Launch, LaunchFailure, LaunchFailureReason, LaunchKind};
use tepui_core_driver::{
    DriverEnv,
    executor::{Config, Event as Input, Start, Transport},
};
use tepui_core_kit::{Core as _, Seed};
use tepui_model::ContainerId;
use tepui_wire_libprocess::Upid;

use super::{Event, World, effects, exchange::Chance as _};
use crate::{
    agent::Container,
    executor::ExecutorNode,
    network::{Node, agent_upid, executor_upid},
    trace::trace,
    work::Work,
};

/// Raw wait status of a process that signal 15 ended.
const SIGTERM: i32 = 15;
/// Raw wait status of a process that signal 9 ended.
const SIGKILL: i32 = 9;

impl World {
    /// The agent makes what a container needs, which takes a moment and dies with it.
    pub(crate) fn prepare(&mut self, number: usize, launch: Launch) {
        let wait = Duration::from_micros(self.rng.next_u64() % 30_000);
        let Some(agent) = self.nodes.agent_mut(number) else { return };
        agent.preparing.insert(launch.container_id.to_string());
        let incarnation = agent.host.incarnation();
        self.after(wait, Event::Prepared { agent: number, incarnation, launch: Box::new(launch) });
    }

    /// What it needs is there.
    pub(crate) fn prepared(&mut self, number: usize, incarnation: u64, launch: Launch) -> Option<Node> {
        let agent = self.nodes.agent_mut(number).filter(|agent| agent.host.incarnation() == incarnation)?;
        agent.host.core()?;
        // One that is to be destroyed meanwhile is not launched.
        if agent.preparing.remove(launch.container_id.as_str()) {
            self.launch(number, launch);
        }
        None
    }

    fn launch(&mut self, number: usize, launch: Launch) {
        let id = launch.container_id.to_string();
        let command = launch.kind == LaunchKind::Command;
        if !self.faults_over && self.rng.chance(40) {
            trace!(self, Fault: "FAULT agent-{number} cannot launch {}", launch.executor_id);
            let incarnation = self.nodes.incarnation(&Node::Agent(number));
            return self.soon(Event::LaunchFailed {
                agent: number,
                incarnation,
                container: launch.container_id,
            });
        }
        let work = launch.command.value.as_deref().and_then(Work::parse);
        let task = command.then(|| launch.executor_id.to_string());
        let name = Node::Executor(id.clone());
        match &task {
            Some(task) => {
                trace!(
                    self,
                    "agent-{number} launches {task} as a command, container {}",
                    &id[..6.min(id.len())]
                );
                self.history.begins(task, number);
            }
            None => trace!(self, Life: "agent-{number} launches {name}"),
        }
        let framework = launch.framework_id.to_string();
        let container = Container { id: launch.container_id, framework, task, work, exit: None, told: false };
        let Some(agent) = self.nodes.agent_mut(number) else { return };
        agent.containers.insert(id.clone(), container);
        let incarnation = agent.host.incarnation();
        let due = effects::start_up(self.now, self.rng.next_u64());
        self.at(due, Event::Launched { agent: number, incarnation, container: id.clone() });
        match work {
            Some(work) if command => {
                let exit = Exit { wait_status: Some(i32::from(work.exit) << 8), limitation: None };
                self.at(due + work.duration, Event::Ended { agent: number, container: id, exit });
            }
            _ if command => self.end_container(number, &id, 127 << 8),
            _ => self.start_executor(number, id, launch.environment),
        }
    }

    fn start_executor(&mut self, number: usize, container: String, environment: Vec<(String, String)>) {
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        match DriverEnv::parse(&environment) {
            Ok(environment) => {
                let mut config = Config::from_env(&environment);
                let upid = self.rng.chance(2).then(|| self.new_process());
                if let Some(own) = upid.clone() {
                    config.transport = Transport::Libprocess { own, agent: agent_upid(number) };
                }
                let start = Start { config, seed: Seed::from(self.rng.next_u64()) };
                let mut executor = ExecutorNode::new(number, upid, self.rng.chance(6));
                executor.host.start(self.now, start).handle(self.now, Input::Start);
                self.nodes.insert(Node::Executor(container.clone()), executor);
                if !self.faults_over && self.rng.chance(30) {
                    return trace!(self, Fault: "FAULT {} hangs before it subscribes", Node::Executor(container.clone()));
                }
                // Its first act comes when its process runs.
                let wait = Duration::from_micros(50 + self.rng.next_u64() % 50_000);
                self.after(wait, Event::Wake(Node::Executor(container), 1));
            }
            Err(error) => {
                trace!(self, "an executor cannot use its environment: {error}");
                self.end_container(number, &container, 1 << 8);
            }
        }
    }

    fn new_process(&mut self) -> Upid {
        self.next_process = self.next_process.wrapping_add(1);
        executor_upid(self.next_process)
    }

    pub(crate) fn launch_failed(
        &mut self,
        number: usize,
        incarnation: u64,
        container: &ContainerId,
    ) -> Option<Node> {
        let reasons = [
            LaunchFailureReason::Sandbox,
            LaunchFailureReason::Fetch,
            LaunchFailureReason::NoProgram,
            LaunchFailureReason::NotExecutable,
            LaunchFailureReason::Other,
        ];
        let reason = reasons[self.rng.next_u64() as usize % reasons.len()];
        let now = self.now;
        let agent = self.nodes.agent_mut(number).filter(|agent| agent.host.incarnation() == incarnation)?;
        let failure = LaunchFailure { reason, message: "as the simulator wants it".to_owned() };
        let event = agent::Event::Launched { container: container.clone(), outcome: Err(failure) };
        agent.host.core_mut()?.handle(now, event);
        Some(Node::Agent(number))
    }

    pub(crate) fn launched(&mut self, number: usize, incarnation: u64, container: &str) -> Option<Node> {
        let now = self.now;
        let agent = self.nodes.agent_mut(number)?;
        if agent.host.incarnation() != incarnation {
            return None;
        }
        let id = agent.containers.get(container)?.id.clone();
        let event = agent::Event::Launched { container: id, outcome: Ok(effects::PID) };
        agent.host.core_mut()?.handle(now, event);
        Some(Node::Agent(number))
    }

    pub(crate) fn signal(&mut self, number: usize, container: &str, signal: i32) {
        let Some(agent) = self.nodes.agent(number) else { return };
        let known = agent.containers.get(container);
        let name = known.and_then(|known| known.task.as_deref()).unwrap_or(container);
        trace!(self, "agent-{number} sends signal {signal} to {name}");
        let stubborn = known.and_then(|container| container.work).is_some_and(|work| work.stubborn);
        match signal {
            SIGTERM if stubborn => {}
            SIGTERM => self.end_container(number, container, SIGTERM),
            SIGKILL => self.end_container(number, container, SIGKILL),
            _ => {}
        }
    }

    pub(crate) fn destroy(&mut self, number: usize, container: &str) {
        let Some(agent) = self.nodes.agent_mut(number) else { return };
        if agent.preparing.remove(container) {
            let container = ContainerId::new(container);
            let incarnation = agent.host.incarnation();
            return self.soon(Event::LaunchFailed { agent: number, incarnation, container });
        }
        let Some(known) = agent.containers.get(container) else { return };
        if known.exit.is_none() {
            self.end_container(number, container, SIGKILL);
        } else if !known.told {
            self.tell_end(number, container);
        }
    }

    pub(crate) fn end_container(&mut self, number: usize, container: &str, wait_status: i32) {
        let exit = Exit { wait_status: Some(wait_status), limitation: None };
        self.soon(Event::Ended { agent: number, container: container.to_owned(), exit });
    }

    pub(crate) fn container_ends(&mut self, number: usize, container: &str, exit: Exit) -> Option<Node> {
        let known = self.nodes.agent_mut(number)?.containers.get_mut(container)?;
        if known.exit.is_some() {
            return None;
        }
        let status = exit.wait_status.unwrap_or_default();
        let what = known.task.clone().unwrap_or_else(|| Node::Executor(container.to_owned()).to_string());
        if let (Some(task), Some(status)) = (&known.task, exit.wait_status) {
            self.history.ended.insert(task.clone(), status);
        }
        known.exit = Some(exit);
        trace!(self, Life: "on agent-{number}, {what} ends with wait status {status}");
        let executor = Node::Executor(container.to_owned());
        if self.nodes.is_up(&executor) {
            self.break_between(&executor, &Node::Agent(number));
            self.nodes.remove(&executor);
        }
        self.tell_end(number, container);
        None
    }

    fn tell_end(&mut self, number: usize, container: &str) {
        let incarnation = self.nodes.incarnation(&Node::Agent(number));
        self.soon(Event::EndTold { agent: number, incarnation, container: container.to_owned() });
    }

    pub(crate) fn end_told(&mut self, number: usize, incarnation: u64, container: &str) -> Option<Node> {
        let now = self.now;
        let agent = self.nodes.agent_mut(number)?;
        if agent.host.incarnation() != incarnation {
            return None;
        }
        let core = agent.host.core_mut()?;
        let known = agent.containers.get_mut(container)?;
        if known.told {
            return None;
        }
        known.told = true;
        let exit = known.exit.clone().unwrap_or_default();
        core.handle(now, agent::Event::ContainerExited { container: known.id.clone(), exit });
        Some(Node::Agent(number))
    }
}
