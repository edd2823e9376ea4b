//! Executors that speak libprocess (v0): registration, coming back, updates, the end of a link.
//! Must not live here: what an update leads to (see `updates`), and how such an executor is spoken to (see `contact`).

use std::time::Duration;

use tepui_model::{ContainerId, ExecutorId, FrameworkId, Reason, Source, TaskState, Tick};
use tepui_wire_mesos::{internal, v1::executor::call};

use crate::{
    Upid,
    agent::Agent,
    contact::Contact,
    effect::{Checkpoint, Effect},
    executor_api::check_status,
    executors::{Executor, Framework, Queued},
    life::Address,
    outbox::After,
    report::Report,
    snapshot::{ExecutorState, Phase},
    timers::Timer,
};

/// Between attempts to reach an executor whose link broke although its container lives.
const RELINK_INTERVAL: Duration = Duration::from_secs(1);

/// Whatever the settings say.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

impl Agent {
    /// A new executor says that it is there. One that is not expected is told to shut down.
    pub(crate) fn register_executor(
        &mut self,
        now: Tick,
        from: &Upid,
        message: internal::RegisterExecutorMessage,
    ) {
        let (framework, executor_id) =
            (FrameworkId::from(message.framework_id), ExecutorId::from(message.executor_id));
        let Some(executor) =
            self.expected_executor(&framework, &executor_id).filter(|_| self.phase != Phase::Recovering)
        else {
            return self.refuse_executor(from);
        };
        let (is_it, listens) = (executor.process() == Some(from), executor.contact().is_some());
        match executor.state() {
            // It did not hear the answer.
            ExecutorState::Running if is_it && listens => {
                return self.confirm_registration(from, &framework, &executor_id);
            }
            // The answer waits.
            ExecutorState::Running if is_it && matches!(executor.address, Some(Address::Unwritten(_))) => {
                return;
            }
            ExecutorState::Running if is_it => {}
            ExecutorState::Registering => {}
            ExecutorState::Running | ExecutorState::Terminating | ExecutorState::Terminated => {
                return self.refuse_executor(from);
            }
        }
        if !is_it && self.executors.get(&framework).is_some_and(Framework::checkpoint) {
            // The next agent has to call it back: if this one was killed now, an executor with something to do would be
            // lost, and that with it.
            return self.write_process(&framework, &executor_id, from);
        }
        self.meet_process(&framework, &executor_id, from);
        self.welcome(now, &framework, &executor_id, from);
    }

    fn write_process(&mut self, framework: &FrameworkId, executor_id: &ExecutorId, from: &Upid) {
        self.meet_process(framework, executor_id, from);
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        executor.lose_process();
        executor.address = Some(Address::Unwritten(from.clone()));
        let container = executor.container_id.clone();
        let (framework, executor) = (framework.clone(), executor_id.clone());
        self.out.then(After::Process { framework, executor, container });
    }

    /// Where an executor listens is written down: it hears that it is registered, and what is to do.
    pub(crate) fn process_durable(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        container: &ContainerId,
    ) {
        let relinking = self.timers.at(&Timer::Reconnect(container.clone())).is_some();
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        if executor.container_id != *container {
            return;
        }
        let Some(Address::Unwritten(process)) = executor.address.clone() else { return };
        executor.address = Some(Address::Written(process.clone()));
        match executor.state() {
            // Its link broke meanwhile: it is asked to come back.
            ExecutorState::Running if relinking => {}
            ExecutorState::Running => {
                executor.listens_at(&process);
                self.welcome(now, framework, executor_id, &process);
            }
            _ => self.refuse_executor(&process),
        }
    }

    /// A registered executor hears that it is, and gets what waits for it.
    fn welcome(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId, from: &Upid) {
        let Some(state) = self.executors.get(framework) else { return };
        let id = state.id.clone();
        if state.executor(executor_id).is_some_and(|executor| !executor.is_useless()) {
            self.confirm_registration(from, framework, executor_id);
        }
        self.refuse_groups(now, &id, executor_id);
        self.resume_executor(now, &id, executor_id, call::Subscribe::default());
    }

    fn confirm_registration(&mut self, from: &Upid, framework: &FrameworkId, executor: &ExecutorId) {
        let (Some(slave_id), Some(state)) = (&self.agent_id, self.executors.get(framework)) else {
            return;
        };
        let Some(executor) = state.executor(executor) else { return };
        let message = internal::ExecutorRegisteredMessage {
            executor_info: (*executor.info).clone(),
            framework_id: (&state.id).into(),
            framework_info: (*state.info).clone(),
            slave_id: slave_id.into(),
            slave_info: self.slave_info_for_executors(),
        };
        self.out.send(from, message);
    }

    fn confirm_reregistration(&mut self, from: &Upid) {
        if let Some(slave_id) = &self.agent_id {
            let slave_id = slave_id.into();
            let slave_info = self.slave_info_for_executors();
            self.out.send(from, internal::ExecutorReregisteredMessage { slave_id, slave_info });
        }
    }

    /// An executor answers to the agent's call to come back, with what it has not heard the end of.
    pub(crate) fn reregister_executor(
        &mut self,
        now: Tick,
        from: &Upid,
        message: internal::ReregisterExecutorMessage,
    ) {
        let (framework, executor_id) =
            (FrameworkId::from(message.framework_id), ExecutorId::from(message.executor_id));
        let Some(executor) = self.expected_executor(&framework, &executor_id) else {
            return self.refuse_executor(from);
        };
        let (is_it, listens) = (executor.process() == Some(from), executor.contact().is_some());
        match executor.state() {
            // It was asked twice and answers twice: what was sent to it in between would seem to be lost.
            ExecutorState::Running if is_it && listens => {
                self.confirm_reregistration(from);
                for update in message.updates {
                    self.take_update(now, &framework, &executor_id, update);
                }
                return;
            }
            ExecutorState::Running if is_it => {}
            ExecutorState::Registering => {}
            ExecutorState::Running | ExecutorState::Terminating | ExecutorState::Terminated => {
                return self.refuse_executor(from);
            }
        }
        self.meet_process(&framework, &executor_id, from);
        self.confirm_reregistration(from);
        for update in message.updates {
            self.take_update(now, &framework, &executor_id, update);
        }
        let Some(id) = self.executors.get(&framework).map(|framework| framework.id.clone()) else { return };
        let subscribe =
            call::Subscribe { unacknowledged_tasks: message.tasks, unacknowledged_updates: Vec::new() };
        self.resume_executor(now, &id, &executor_id, subscribe);
        self.recovery_progress(now);
    }

    /// An executor that may speak to the agent: its framework is not being ended, and it has a process of its own.
    fn expected_executor(&self, framework: &FrameworkId, executor: &ExecutorId) -> Option<&Executor> {
        let framework = self
            .executors
            .get(framework)
            .filter(|framework| !framework.terminating && self.phase != Phase::Terminating)?;
        framework.executor(executor).filter(|executor| executor.command.is_none() && !executor.life.is_held())
    }

    fn refuse_executor(&mut self, from: &Upid) {
        self.stats.dropped_messages += 1;
        self.out.send(from, internal::ShutdownExecutorMessage::default());
    }

    /// Takes an executor's address: it listens from now on.
    fn meet_process(&mut self, framework: &FrameworkId, executor_id: &ExecutorId, from: &Upid) {
        let Some(state) = self.executors.get_mut(framework) else { return };
        let (id, checkpoint) = (state.id.clone(), state.checkpoint());
        let Some(executor) = state.executor_mut(executor_id) else { return };
        executor.life.run();
        executor.listens_at(from);
        let known = executor.address.replace(Address::Written(from.clone()));
        let (run, container) = (executor.run(&id), executor.container_id.clone());
        for timer in [Timer::ExecutorRegistration(container.clone()), Timer::Reconnect(container)] {
            self.timers.cancel(&timer);
        }
        if known.is_some_and(|known| known.process() == from) {
            // Asked to come back: the link was made then.
            return;
        }
        self.out.push(Effect::Link { to: from.clone() });
        if checkpoint {
            self.out.write(Checkpoint::Registered { run, process: from.clone() });
        }
    }

    /// Task groups have no message in the older protocol.
    pub(crate) fn refuse_groups(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId) {
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let mut refused = Vec::new();
        executor.queue.retain_mut(|queued| match queued {
            Queued::Task(_) => true,
            Queued::Group(tasks) => {
                refused.append(tasks);
                false
            }
        });
        for task in refused {
            let live = self
                .executor_mut(framework, executor_id)
                .and_then(|executor| executor.tasks().get(&task))
                .is_some_and(crate::executors::Task::is_live);
            if live {
                let words =
                    format!("Executor '{executor_id}' does not speak the v1 API, which task groups need");
                let report = Report::new(Reason::TaskGroupInvalid, words);
                self.report(now, framework, &task, TaskState::Error, Source::Agent, report);
            }
        }
    }

    /// An update of an executor that speaks libprocess.
    pub(crate) fn process_update(&mut self, now: Tick, from: &Upid, message: internal::StatusUpdateMessage) {
        let framework = FrameworkId::from(&message.update.framework_id);
        let Some(executor) = self.executor_at(&framework, from) else {
            self.stats.invalid_status_updates += 1;
            return;
        };
        // One of the last agent's executors has yet to say what it has not heard the end of, and this with it: updates
        // that the last agent did not get any more must not be overtaken.
        let awaited = self
            .executor_mut(&framework, &executor)
            .is_some_and(|executor| executor.state() == ExecutorState::Registering);
        if !awaited {
            self.take_update(now, &framework, &executor, message.update);
        }
    }

    /// A message of an executor that speaks libprocess.
    pub(crate) fn process_message(&mut self, from: &Upid, message: internal::ExecutorToFrameworkMessage) {
        let framework = FrameworkId::from(message.framework_id);
        let sender = self.executor_at(&framework, from);
        match sender.filter(|executor| executor.as_str() == message.executor_id.value) {
            Some(executor) => self.executor_message(&framework, &executor, message.data),
            None => self.stats.invalid_framework_messages += 1,
        }
    }

    /// The executor that listens at an address.
    fn executor_at(&self, framework: &FrameworkId, process: &Upid) -> Option<ExecutorId> {
        let executors = self.executors.get(framework)?.executors();
        let found = executors.values().find(|executor| executor.process() == Some(process));
        found.map(|executor| executor.id().clone())
    }

    /// An update in the older form goes the way of all others, or is dropped: nobody could be told why.
    fn take_update(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor: &ExecutorId,
        update: internal::StatusUpdate,
    ) {
        let internal::StatusUpdate { executor_id, slave_id, timestamp, uuid, mut status, .. } = update;
        if slave_id.is_some_and(|id| self.agent_id.as_ref().is_none_or(|own| own.as_str() != id.value)) {
            self.stats.invalid_status_updates += 1;
            return;
        }
        status.uuid = uuid;
        status.source = Some(Source::Executor.number());
        status.executor_id = executor_id.or(status.executor_id).filter(|id| id.value == executor.as_str());
        status.timestamp.get_or_insert(timestamp);
        if status.state == TaskState::Staging.number() {
            self.stats.invalid_status_updates += 1;
            self.shutdown_executor(now, framework, executor);
        } else if check_status(&status, executor, framework).is_ok() {
            if !self.misses(framework, &status) {
                self.executor_update(now, framework, executor, status);
            }
        } else {
            self.stats.invalid_status_updates += 1;
        }
    }

    /// The link to an executor broke. Its container's end will be told if it is that; if it is not, what was under way
    /// to it may be lost, and it is asked what it has.
    pub(crate) fn process_exited(&mut self, now: Tick, peer: &Upid) {
        let lost = Contact::Process(peer.clone());
        for executor in self.executors.all_mut().filter(|executor| executor.process() == Some(peer)) {
            if executor.contact() == Some(&lost) {
                executor.lose_process();
            }
            if matches!(executor.state(), ExecutorState::Registering | ExecutorState::Running) {
                self.timers.set(Timer::Reconnect(executor.container_id.clone()), now + RELINK_INTERVAL);
            }
        }
    }

    /// Asks an executor of the last agent to come back; one that speaks HTTP does so by itself.
    pub(crate) fn call_back(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId) {
        let interval = self.config.executor_reregistration_retry_interval;
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let container = executor.container_id.clone();
        let (Some(process), Some(slave_id)) = (executor.process().cloned(), &self.agent_id) else {
            return;
        };
        self.out.push(Effect::Link { to: process.clone() });
        self.out.send(&process, internal::ReconnectExecutorMessage { slave_id: slave_id.into() });
        if let Some(interval) = interval {
            self.timers.set(Timer::Reconnect(container), now + interval.max(SHORTEST_INTERVAL));
        }
    }

    /// Asks again, until the executor has answered.
    pub(crate) fn ask_to_reconnect(&mut self, now: Tick, container: &ContainerId) {
        let Some((framework, executor_id)) = self.executors.owner(container).cloned() else { return };
        let waiting = self.executor_mut(&framework, &executor_id).is_some_and(|executor| {
            executor.contact().is_none()
                && matches!(executor.state(), ExecutorState::Registering | ExecutorState::Running)
        });
        if !waiting {
            return;
        }
        self.call_back(now, &framework, &executor_id);
        let timer = Timer::Reconnect(container.clone());
        if self.timers.at(&timer).is_none() {
            self.timers.set(timer, now + RELINK_INTERVAL);
        }
    }

    /// The agent as executors of the older kind are told of it.
    fn slave_info_for_executors(&self) -> internal::SlaveInfo {
        let info = self.agent_info();
        internal::SlaveInfo {
            hostname: info.hostname,
            port: info.port,
            resources: info.resources,
            attributes: info.attributes,
            id: info.id,
            domain: info.domain,
            checkpoint: Some(true),
        }
    }
}
