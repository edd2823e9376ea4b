//! The agent protocol's messages, each to its family. Must not live here: what they lead to.

use tepui_model::{ExecutorId, FrameworkId, Tick};
use tepui_wire_mesos::{Message, internal};

use crate::{
    Upid,
    agent::Agent,
    effect::Checkpoint,
    events,
    snapshot::{ExecutorState, Phase},
};

impl Agent {
    pub(crate) fn message(&mut self, now: Tick, from: &Upid, message: Message) {
        if self.hold(from, &message) {
            return;
        }
        match message {
            Message::SlaveRegistered(message) => self.slave_registered(now, from, *message),
            Message::SlaveReregistered(message) => self.slave_reregistered(now, from, *message),
            Message::PingSlave(message) => self.ping(now, from, *message),
            // Schedulers of the older kind send these straight to the agent.
            Message::FrameworkToExecutor(message) => self.framework_message(*message),
            Message::StatusUpdateAcknowledgement(message) => self.acknowledgement(now, *message),
            Message::RegisterExecutor(message) => self.register_executor(now, from, *message),
            Message::ReregisterExecutor(message) => self.reregister_executor(now, from, *message),
            Message::StatusUpdate(message) => self.process_update(now, from, *message),
            Message::ExecutorToFramework(message) => self.process_message(from, *message),
            _ if self.master.as_ref() != Some(from) => self.stats.dropped_messages += 1,
            Message::RunTask(message) => self.run_task(now, *message),
            Message::RunTaskGroup(message) => self.run_task_group(now, *message),
            Message::KillTask(message) => {
                let (framework, task) = (message.framework_id.into(), message.task_id.into());
                self.kill_task(now, &framework, &task, message.kill_policy);
            }
            Message::ShutdownExecutor(message) => {
                if let (Some(framework), Some(executor)) = (message.framework_id, message.executor_id) {
                    self.shutdown_executor(now, &framework.into(), &executor.into());
                }
            }
            Message::ShutdownFramework(message) => self.shutdown_framework(now, &message.framework_id.into()),
            Message::Shutdown(_) => self.shutdown(now),
            Message::UpdateFramework(message) => self.update_framework(*message),
            Message::DrainSlave(message) => self.drain(now, message.config),
            _ => self.stats.dropped_messages += 1,
        }
    }

    /// A scheduler's words for an executor; nothing is kept for one that is not there.
    fn framework_message(&mut self, message: internal::FrameworkToExecutorMessage) {
        let framework = FrameworkId::from(message.framework_id);
        let executor = ExecutorId::from(message.executor_id);
        let listens = self
            .executors
            .get(&framework)
            .filter(|framework| !framework.terminating && self.phase != Phase::Terminating)
            .and_then(|framework| framework.executor(&executor))
            .is_some_and(|executor| executor.state() == ExecutorState::Running);
        if listens && self.tell(&framework, &executor, events::message(message.data)) {
            self.stats.valid_framework_messages += 1;
        } else {
            self.stats.invalid_framework_messages += 1;
        }
    }

    /// The framework changed, or its scheduler moved.
    fn update_framework(&mut self, message: internal::UpdateFrameworkMessage) {
        let id = FrameworkId::from(message.framework_id);
        let Some(framework) = self.executors.get_mut(&id) else { return };
        if framework.terminating {
            return;
        }
        if let Some(info) = message
            .framework_info
            .filter(|info| info.id.as_ref().is_some_and(|named| named.value == id.as_str()))
        {
            framework.info = info.into();
        }
        if let Some(pid) = message.pid {
            framework.pid = pid;
        }
        self.write_framework(&id);
    }

    /// Writes a framework down, unless it is written as it is already.
    pub(crate) fn write_framework(&mut self, framework_id: &FrameworkId) {
        let Some(framework) = self.executors.get(framework_id).filter(|framework| framework.checkpoint())
        else {
            return;
        };
        let written = self
            .written_frameworks
            .get(framework_id)
            .is_some_and(|(info, pid)| *info == framework.info && *pid == framework.pid);
        if written {
            return;
        }
        let (info, pid) = (framework.info.clone(), framework.pid.clone());
        self.out.write(Checkpoint::Framework { info: Box::new((*info).clone()), pid: pid.clone() });
        self.written_frameworks.insert(framework_id.clone(), (info, pid));
    }

    /// An executor's words for its scheduler: straight to one of the older kind, through the master to the others.
    pub(crate) fn executor_message(
        &mut self,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
        data: bytes::Bytes,
    ) {
        let (Some(framework), Some(slave_id)) = (self.executors.get(framework_id), &self.agent_id) else {
            return;
        };
        let direct = framework.pid.parse::<Upid>().ok().filter(|pid| !pid.is_nobody());
        let Some(to) = direct.or_else(|| self.master.clone().filter(|_| self.phase == Phase::Running)) else {
            self.stats.invalid_framework_messages += 1;
            return;
        };
        let message = internal::ExecutorToFrameworkMessage {
            slave_id: slave_id.into(),
            framework_id: framework_id.into(),
            executor_id: executor_id.into(),
            data,
        };
        self.stats.valid_framework_messages += 1;
        self.out.send(&to, message);
    }
}
