//! The state machine's face: what goes in and what comes out, each to its family. Must not live here: the rules.

use tepui_core_kit::Core;
use tepui_model::{ConnectionId, ContainerId, Tick, Token};

use crate::{
    agent::Agent,
    effect::{Effect, Exit},
    event::{Event, Start},
    failure::LaunchFailure,
    outbox::After,
    timers::Timer,
};

impl Core for Agent {
    const NAME: &'static str = "agent";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// Starts an agent on what the last one left behind.
    fn start(now: Tick, start: Start) -> Self {
        let Start { config, seed, recovered } = start;
        let mut agent = Self::new(now, config, seed);
        agent.schedule_heartbeat(now);
        agent.recover(now, recovered);
        agent
    }

    fn handle(&mut self, now: Tick, event: Event) {
        match event {
            Event::MasterDetected(master) => self.master_detected(now, master),
            Event::Message { from, message } => self.message(now, &from, message),
            Event::Exited(peer) if self.master.as_ref() == Some(&peer) => self.master_lost(now),
            Event::Exited(peer) => self.process_exited(now, &peer),
            Event::Called { from, caller, call } => self.call(now, from, caller.as_ref(), *call),
            Event::ContainerCalled { from, call } => self.container_call(now, from, call),
            Event::StreamClosed(stream) => self.stream_closed(now, stream),
            Event::Launched { container, outcome } => self.container_started(now, container, outcome),
            Event::ContainerExited { container, exit } => self.container_gone(now, &container, exit),
            Event::Probed { container, id, outcome } => self.probed(now, &container, id, &outcome),
            Event::Persisted(token) => self.persisted(now, token),
            Event::DiskUsage(fraction) => self.disk_usage(now, fraction),
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Registration => self.attempt_registration(now),
                Timer::Ping => self.master_lost(now),
                Timer::Recovery => self.recovery_over(now),
                Timer::Heartbeat => {
                    self.heartbeat();
                    self.schedule_heartbeat(now);
                }
                Timer::Gc => self.collect_garbage(now),
                Timer::ExecutorRegistration(container) => self.executor_not_registered(now, &container),
                Timer::ShutdownGrace(container) => self.destroy_container(&container),
                Timer::KillGrace(container) => self.kill_grace_over(&container),
                Timer::Completion(container) => self.completion_time_reached(now, &container),
                Timer::Reconnect(container) => self.ask_to_reconnect(now, &container),
                Timer::Checks(container) => self.checks_due(now, &container),
                Timer::Retry { framework, task } => self.retry(now, &framework, &task),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Tick> {
        self.timers.next()
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.out.pop()
    }

    fn check_invariants(&self) -> Result<(), String> {
        self.check_streams()?;
        self.nested.check()?;
        self.check_books()
    }
}

impl Agent {
    /// An executor may subscribe again; the container of a session ends.
    fn stream_closed(&mut self, now: Tick, stream: ConnectionId) {
        self.executors.stream_closed(stream);
        self.session_closed(now, stream);
    }

    /// What became of an [`Effect::Launch`]: the process id of the container's first process, or why not.
    fn container_started(&mut self, now: Tick, container: ContainerId, outcome: Result<u32, LaunchFailure>) {
        let Some((framework, executor)) = self.executors.owner(&container).cloned() else {
            if self.nested.knows(&container) {
                self.container_launched(now, &container, outcome);
            } else if outcome.is_ok() {
                self.out.push(Effect::Destroy { container });
            }
            return;
        };
        match outcome {
            Ok(pid) => {
                self.launched(now, &framework, &executor, pid);
                self.begin_children(&container);
            }
            Err(failure) => self.launch_failed(now, &framework, &executor, failure),
        }
    }

    /// A container ended, all of it.
    pub(crate) fn container_gone(&mut self, now: Tick, container: &ContainerId, exit: Exit) {
        match self.executors.owner(container).cloned() {
            Some((framework, executor)) => {
                if self.children_are_over(now, container, &exit) {
                    self.executor_exited(now, &framework, &executor, exit);
                }
            }
            None => self.container_exited(now, container, exit),
        }
    }

    /// An [`Effect::Persist`] is durable.
    fn persisted(&mut self, now: Tick, token: Token) {
        for after in self.out.persisted(token) {
            match after {
                After::Registered => self.registered_durable(now),
                After::Task { framework, executor, container, task } => {
                    self.task_durable(now, &framework, &executor, &container, &task);
                }
                After::Update { framework, task, uuid, executor } => {
                    self.update_durable(now, &framework, &task, &uuid, executor.as_ref());
                }
                After::Container { container } => self.container_durable(&container),
                After::Process { framework, executor, container } => {
                    self.process_durable(now, &framework, &executor, &container);
                }
                After::Kill { container } => self.kill_durable(container),
                After::Acknowledgement { framework, task } => {
                    self.acknowledgement_durable(now, &framework, &task)
                }
            }
        }
    }
}
