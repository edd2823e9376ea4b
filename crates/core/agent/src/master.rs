//! Finding and keeping the master: registration, pings, lost connections.
//! Must not live here: what the master's other messages ask for.

use tepui_model::{AgentId, FrameworkId, Reason, Source, TaskId, Tick};
use tepui_wire_mesos::{Message, internal, v1};

use crate::{
    Upid,
    agent::Agent,
    effect::{Checkpoint, Effect},
    executors,
    outbox::After,
    report,
    report::Report,
    resources,
    snapshot::{ExecutorState, Phase},
    timers::Timer,
};

impl Agent {
    pub(crate) fn master_detected(&mut self, now: Tick, master: Option<Upid>) {
        if self.master == master && self.phase == Phase::Running {
            return;
        }
        self.disconnect();
        self.master = master;
        self.registration.restart();
        self.timers.cancel(&Timer::Registration);
        if self.phase == Phase::Disconnected {
            self.attempt_registration(now);
        }
    }

    /// The connection broke or the pings stopped: the same master may be back in a moment.
    pub(crate) fn master_lost(&mut self, now: Tick) {
        self.registration.lose();
        if self.phase != Phase::Running {
            return;
        }
        self.disconnect();
        self.registration.restart();
        self.schedule_registration(now);
    }

    /// Leaves the state of being registered.
    fn disconnect(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Disconnected;
        }
        self.timers.cancel(&Timer::Ping);
        self.pause_updates();
    }

    /// Sends a registration and plans the next, in case that nothing comes of it.
    pub(crate) fn attempt_registration(&mut self, now: Tick) {
        let Some(master) = self.master.clone() else { return };
        if self.phase != Phase::Disconnected || self.registration.is_named() {
            return;
        }
        self.registration.attempt();
        self.out.push(Effect::Link { to: master.clone() });
        match &self.agent_id {
            None => self.out.send(&master, self.register_message()),
            Some(id) => self.out.send(&master, self.reregister_message(id)),
        }
        self.schedule_registration(now);
    }

    fn schedule_registration(&mut self, now: Tick) {
        let wait = self.registration.wait(&mut self.chance);
        self.timers.set(Timer::Registration, now + wait);
    }

    fn register_message(&self) -> internal::RegisterSlaveMessage {
        internal::RegisterSlaveMessage {
            slave: self.slave_info(None),
            checkpointed_resources: Vec::new(),
            version: Some(self.config.version.clone()),
            agent_capabilities: capabilities(),
            resource_version_uuid: Some(self.registration.version_uuid()),
        }
    }

    pub(crate) fn reregister_message(&self, id: &AgentId) -> internal::ReregisterSlaveMessage {
        let mut message = internal::ReregisterSlaveMessage {
            slave: self.slave_info(Some(id)),
            version: Some(self.config.version.clone()),
            agent_capabilities: capabilities(),
            resource_version_uuid: Some(self.registration.version_uuid()),
            ..internal::ReregisterSlaveMessage::default()
        };
        for framework in self.executors.values() {
            message.frameworks.push((*framework.info).clone());
            for executor in framework.executors().values() {
                if executor.command.is_none() && executor.state() != ExecutorState::Terminated {
                    let mut info = (*executor.info).clone();
                    resources::downgrade(&mut info.resources);
                    message.executor_infos.push(info);
                }
                for (task_id, task) in executor.tasks() {
                    // A new master would wait for an acknowledgement that has been given already.
                    if self.is_end_acknowledged(&framework.id, task_id) {
                        continue;
                    }
                    let mut task = (*task.task).clone();
                    resources::downgrade(&mut task.resources);
                    message.tasks.push(task);
                }
            }
        }
        message
    }

    /// The agent as the agent protocol describes it.
    pub(crate) fn slave_info(&self, id: Option<&AgentId>) -> internal::SlaveInfo {
        let mut resources = self.config.resources.clone();
        resources::downgrade(&mut resources);
        internal::SlaveInfo {
            hostname: self.config.hostname.clone(),
            port: Some(i32::from(self.config.port)),
            resources,
            attributes: self.config.attributes.clone(),
            id: id.map(Into::into),
            domain: self.config.domain.clone(),
            checkpoint: Some(true),
        }
    }

    /// The agent as v1 describes it.
    pub(crate) fn agent_info(&self) -> v1::AgentInfo {
        v1::AgentInfo {
            hostname: self.config.hostname.clone(),
            port: Some(i32::from(self.config.port)),
            resources: self.config.resources.clone(),
            attributes: self.config.attributes.clone(),
            id: self.agent_id.as_ref().map(Into::into),
            // Only the master's answers show it.
            checkpoint: None,
            domain: self.config.domain.clone(),
        }
    }

    /// The master took the agent as a new one. Even if the connection has broken since, the id is ours: the master may have
    /// sent tasks with it, and only who comes back with that id is asked about them.
    pub(crate) fn slave_registered(
        &mut self,
        now: Tick,
        from: &Upid,
        message: internal::SlaveRegisteredMessage,
    ) {
        let expected = self.expects_registration(from);
        let ours = self.master.as_ref() == Some(from) && self.phase == Phase::Disconnected;
        if !(expected || ours) || tepui_model::validate_id(&message.slave_id.value).is_err() {
            return;
        }
        self.take_ping_timeout(message.connection);
        let id = AgentId::from(message.slave_id);
        match &self.agent_id {
            // An answer that was repeated or came late.
            Some(known) if *known == id && expected => self.running(now),
            Some(_) => self.stats.dropped_messages += 1,
            None if self.registration.is_named() => {}
            None => {
                let info = self.slave_info(Some(&id));
                self.registration.name(id, expected.then(|| from.clone()));
                self.timers.cancel(&Timer::Registration);
                self.out.write_then(Checkpoint::Agent(Box::new(info)), After::Registered);
            }
        }
    }

    /// The id is safe: now it may be used.
    pub(crate) fn registered_durable(&mut self, now: Tick) {
        let Some((id, master)) = self.registration.take_name() else { return };
        self.agent_id = Some(id);
        let held = self.registration.take_held();
        if self.phase == Phase::Disconnected {
            if master.is_some() && master == self.master {
                self.running(now);
            } else {
                self.attempt_registration(now);
            }
        }
        for (from, message) in held {
            self.message(now, &from, message);
        }
    }

    /// Keeps a message for the moment when the new id may be used. `true`: kept.
    pub(crate) fn hold(&mut self, from: &Upid, message: &Message) -> bool {
        let waiting = self.registration.is_named() && self.agent_id.is_none();
        if !waiting
            || matches!(message, Message::PingSlave(_) | Message::SlaveRegistered(_) | Message::Shutdown(_))
        {
            return false;
        }
        if !self.registration.hold(from, message) {
            self.stats.dropped_messages += 1;
        }
        true
    }

    /// The master knows the agent again.
    pub(crate) fn slave_reregistered(
        &mut self,
        now: Tick,
        from: &Upid,
        message: internal::SlaveReregisteredMessage,
    ) {
        if !self.expects_registration(from) || !self.is_own_id(&message.slave_id) {
            self.stats.dropped_messages += 1;
            return;
        }
        self.take_ping_timeout(message.connection);
        self.running(now);
        // A registration that was repeated crossed the launch of an executor: the master has compared itself with what was
        // here before, and counts that executor no more.
        if let Some(master) = &self.master
            && self.registration.tells_too_little()
        {
            let again = self.reregister_message(&message.slave_id.into());
            self.out.send(master, again);
        }
        for reconciliation in message.reconciliations {
            self.reconcile(now, reconciliation);
        }
    }

    /// Whether an id on the wire is the agent's.
    pub(crate) fn is_own_id(&self, id: &v1::AgentId) -> bool {
        self.agent_id.as_ref().is_some_and(|own| own.as_str() == id.value)
    }

    fn expects_registration(&self, from: &Upid) -> bool {
        let broken = self.phase == Phase::Disconnected && self.registration.is_broken();
        self.master.as_ref() == Some(from)
            && !broken
            && matches!(self.phase, Phase::Disconnected | Phase::Running)
    }

    fn take_ping_timeout(&mut self, connection: Option<internal::MasterSlaveConnection>) {
        let seconds = connection.and_then(|connection| connection.total_ping_timeout_seconds);
        self.registration.set_ping_timeout(seconds);
    }

    fn running(&mut self, now: Tick) {
        let was_running = self.phase == Phase::Running;
        self.phase = Phase::Running;
        self.timers.cancel(&Timer::Registration);
        self.timers.set(Timer::Ping, now + self.registration.ping_timeout());
        if was_running {
            return;
        }
        let (Some(master), Some(slave_id)) = (&self.master, &self.agent_id) else { return };
        let text = format!("registered with {master} as agent {slave_id}");
        self.out.push(Effect::Log(text));
        let update = internal::UpdateSlaveMessage {
            slave_id: slave_id.into(),
            update_oversubscribed_resources: Some(false),
            operations: Some(internal::update_slave_message::Operations::default()),
            resource_version_uuid: Some(self.registration.version_uuid()),
            resource_providers: Some(internal::update_slave_message::ResourceProviders::default()),
            oversubscribed_resources: Vec::new(),
        };
        self.out.send(master, update);
        self.resume_updates(now);
    }

    /// Tasks that the master believes to be here: those that are not are reported dropped.
    fn reconcile(&mut self, now: Tick, reconciliation: internal::ReconcileTasksMessage) {
        let id = FrameworkId::from(reconciliation.framework_id);
        let known = self.executors.get(&id);
        let partition_aware = known.map(|framework| framework.partition_aware()).unwrap_or_else(|| {
            reconciliation.framework.as_ref().is_some_and(|info| {
                executors::has_capability(info, v1::framework_info::capability::Type::PartitionAware)
            })
        });
        for status in reconciliation.statuses {
            let task = TaskId::from(status.task_id);
            let known =
                self.executors.get(&id).is_some_and(|framework| framework.tasks().contains_key(&task));
            if !known {
                let report = Report::new(Reason::Reconciliation, "Reconciliation: task unknown to the agent");
                self.report(now, &id, &task, report::dropped(partition_aware), Source::Agent, report);
            }
        }
    }

    /// The master's observer asks whether we live, and says whether the master thinks us registered.
    pub(crate) fn ping(&mut self, now: Tick, from: &Upid, ping: internal::PingSlaveMessage) {
        self.out.send(from, internal::PongSlaveMessage {});
        if self.phase != Phase::Running {
            return;
        }
        if ping.connected {
            self.timers.set(Timer::Ping, now + self.registration.ping_timeout());
            return;
        }
        self.disconnect();
        self.registration.restart();
        self.attempt_registration(now);
    }
}

/// What agents of Mesos's own age can do.
fn capabilities() -> Vec<v1::agent_info::Capability> {
    use v1::agent_info::capability::Type;
    [
        Type::MultiRole,
        Type::HierarchicalRole,
        Type::ReservationRefinement,
        Type::ResourceProvider,
        Type::ResizeVolume,
        Type::AgentOperationFeedback,
        Type::AgentDraining,
        Type::TaskResourceLimits,
    ]
    .into_iter()
    .map(|kind| v1::agent_info::Capability { r#type: Some(kind.into()) })
    .collect()
}
