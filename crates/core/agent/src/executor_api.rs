//! Executors' calls over HTTP: subscription, updates, messages. Must not live here: how an update travels on (see `updates`).

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tepui_model::{
    ConnectionId, ExecutorId, FrameworkId, Outcome, Reason, Refusal, RefusalKind, Source, TaskState, Tick,
};
use tepui_wire_mesos::v1::{
    self,
    executor::{Call, call, event},
};

use crate::{
    agent::Agent,
    claims::Claims,
    contact::Contact,
    effect::{Checkpoint, Effect},
    events,
    executors::{Stage, Task},
    report::{self, Report},
    snapshot::{ExecutorState, Phase},
    timers::Timer,
};

/// So that both ends notice a connection that is only half there.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// What a call is, once it is found to be well formed.
enum Request {
    Unknown,
    Heartbeat,
    Subscribe(call::Subscribe),
    Update(Box<v1::TaskStatus>),
    Message(Bytes),
}

impl Agent {
    pub(crate) fn call(&mut self, now: Tick, from: ConnectionId, caller: Option<&Claims>, call: Call) {
        let framework = FrameworkId::from(&call.framework_id);
        let executor = ExecutorId::from(&call.executor_id);
        let request = match validate(&framework, &executor, call) {
            Ok(Request::Unknown) => return self.out.reply(from, RefusalKind::Unsupported.because("")),
            Ok(Request::Heartbeat) => return self.out.reply(from, Outcome::Accepted),
            Ok(request) => request,
            Err(words) => {
                let words = format!("Failed to validate Executor::Call: {words}");
                return self.out.reply(from, RefusalKind::Invalid.because(words));
            }
        };
        if let Err(refusal) = self.may_call(&framework, &executor, caller, &request) {
            return self.out.reply(from, refusal);
        }
        match request {
            Request::Subscribe(subscribe) => self.subscribe(now, from, &framework, &executor, subscribe),
            Request::Update(status) => self.update_called(now, from, &framework, &executor, status),
            Request::Message(data) => {
                self.out.reply(from, Outcome::Accepted);
                self.executor_message(&framework, &executor, data);
            }
            Request::Unknown | Request::Heartbeat => {}
        }
    }

    fn may_call(
        &self,
        framework: &FrameworkId,
        executor: &ExecutorId,
        caller: Option<&Claims>,
        request: &Request,
    ) -> Result<(), Refusal> {
        let subscribing = matches!(request, Request::Subscribe(_));
        // Of an executor that is back already an update must not wait for the others: the next one, sent right behind it,
        // may be taken, and would overtake it.
        let is_back = matches!(request, Request::Update(_))
            && self.executors.get(framework).is_some_and(|framework| {
                framework.executor(executor).is_some_and(|executor| executor.contact().is_some())
            });
        if self.phase == Phase::Recovering && !subscribing && !is_back {
            return Err(RefusalKind::Unavailable.because("Agent has not finished recovery"));
        }
        let framework = self
            .executors
            .get(framework)
            .ok_or_else(|| RefusalKind::Invalid.because("Framework cannot be found"))?;
        let executor = framework
            .executor(executor)
            .filter(|executor| executor.command.is_none() && !executor.life.is_held())
            .ok_or_else(|| RefusalKind::Invalid.because("Executor cannot be found"))?;
        if let Some(caller) = caller {
            let container = &executor.container_id;
            caller
                .check(&framework.id, executor.id(), container)
                .map_err(|words| RefusalKind::Forbidden.because(words))?;
        }
        if executor.state() == ExecutorState::Registering && !subscribing {
            return Err(RefusalKind::Forbidden.because("Executor is not subscribed"));
        }
        Ok(())
    }

    fn subscribe(
        &mut self,
        now: Tick,
        from: ConnectionId,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
        subscribe: call::Subscribe,
    ) {
        let agent_info = self.agent_info();
        let terminating = self.phase == Phase::Terminating;
        let Some(framework) = self.executors.get_mut(framework_id) else { return };
        let (checkpoint, id) = (framework.checkpoint(), framework.id.clone());
        let (terminating, info) = (terminating || framework.terminating, framework.info.clone());
        let Some(executor) = framework.executor_mut(executor_id) else { return };
        self.out.push(Effect::OpenStream { to: from });
        if terminating || matches!(executor.state(), ExecutorState::Terminating | ExecutorState::Terminated) {
            self.out.event(from, events::shutdown());
            self.out.push(Effect::CloseStream { to: from });
            return;
        }
        executor.address = None;
        let first = executor.state() == ExecutorState::Registering;
        executor.life.run();
        let earlier = self.executors.attach(framework_id, executor_id, from);
        let newer = first || matches!(earlier, Some(Contact::Process(_)));
        if let Some(Contact::Stream(earlier)) = earlier.filter(|earlier| *earlier != Contact::Stream(from)) {
            self.out.push(Effect::CloseStream { to: earlier });
        }
        let Some(executor) = self.executors.executor(framework_id, executor_id) else { return };
        self.timers.cancel(&Timer::ExecutorRegistration(executor.container_id.clone()));
        if newer && checkpoint {
            self.out.write(Checkpoint::Subscribed { run: executor.run(&id) });
        }
        let subscribed = event::Subscribed {
            executor_info: (*executor.info).clone(),
            framework_info: (*info).clone(),
            agent_info,
            container_id: Some((&executor.container_id).into()),
        };
        self.out.event(from, events::subscribed(subscribed));
        self.resume_executor(now, &id, executor_id, subscribe);
        self.recovery_progress(now);
    }

    /// Brings an executor that is back, and the agent, to one view of its tasks.
    pub(crate) fn resume_executor(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        subscribe: call::Subscribe,
    ) {
        for update in subscribe.unacknowledged_updates {
            // The same rules as for an update that comes by itself; a bad one is dropped, as nobody could be told.
            if self.has_no_room(framework, &update.status) {
                continue;
            }
            if check_status(&update.status, executor_id, framework).is_ok() {
                self.executor_update(now, framework, executor_id, update.status);
            } else {
                self.stats.invalid_status_updates += 1;
            }
        }
        let held: BTreeSet<String> =
            subscribe.unacknowledged_tasks.into_iter().map(|task| task.task_id.value).collect();
        let partition_aware = crate::kill::is_partition_aware(self.executors.get(framework));
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let lost: Vec<_> = executor
            .tasks()
            .iter()
            .filter(|(id, task)| {
                task.stage() == Stage::Launched
                    && task.state() == TaskState::Staging
                    && !held.contains(id.as_str())
            })
            .map(|(id, _)| id.clone())
            .collect();
        for task in lost {
            let report = Report::new(Reason::AgentRestarted, "Task launched during agent restart");
            self.report(now, framework, &task, report::dropped(partition_aware), Source::Agent, report);
        }
        self.deliver(framework, executor_id);
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let mut kills = std::mem::take(&mut executor.kills);
        kills.retain(|task, _| executor.tasks().get(task).is_some_and(Task::is_live));
        for (task, policy) in kills {
            self.tell(framework, executor_id, events::kill(&task, policy));
        }
        self.shut_down_if_useless(now, framework, executor_id);
    }

    pub(crate) fn heartbeat(&mut self) {
        for stream in self.executors.streams() {
            self.out.event(*stream, events::heartbeat());
        }
    }

    pub(crate) fn schedule_heartbeat(&mut self, now: Tick) {
        self.timers.set(Timer::Heartbeat, now + HEARTBEAT_INTERVAL);
    }
}

/// Checks a call's form; the error is what the executor reads.
fn validate(framework: &FrameworkId, executor: &ExecutorId, call: Call) -> Result<Request, String> {
    let absent = |field: &str| format!("Expecting '{field}' to be present");
    let kind = call.r#type.and_then(|kind| call::Type::try_from(kind).ok()).ok_or_else(|| absent("type"))?;
    match kind {
        call::Type::Unknown => Ok(Request::Unknown),
        call::Type::Heartbeat => Ok(Request::Heartbeat),
        call::Type::Subscribe => call.subscribe.map(Request::Subscribe).ok_or_else(|| absent("subscribe")),
        call::Type::Message => {
            call.message.map(|message| Request::Message(message.data)).ok_or_else(|| absent("message"))
        }
        call::Type::Update => {
            let status = call.update.ok_or_else(|| absent("update"))?.status;
            check_status(&status, executor, framework)?;
            Ok(Request::Update(Box::new(status)))
        }
    }
}

/// The rules for a status that an executor may send.
pub(crate) fn check_status(
    status: &v1::TaskStatus,
    executor: &ExecutorId,
    framework: &FrameworkId,
) -> Result<(), String> {
    let uuid = status.uuid.as_ref().ok_or("Expecting 'uuid' to be present")?;
    let version = uuid::Uuid::from_slice(uuid).map(|uuid| uuid.get_version_num());
    if !version.is_ok_and(|version| (1..=5).contains(&version)) {
        return Err("Not a valid UUID".to_owned());
    }
    if let Some(named) = status.executor_id.as_ref().filter(|id| id.value != executor.as_str()) {
        let named = &named.value;
        return Err(format!(
            "ExecutorID in Call: {executor} does not match ExecutorID in TaskStatus: {named}"
        ));
    }
    if status.source != Some(Source::Executor.number()) {
        return Err(format!(
            "Received Call from executor {executor} of framework {framework} with invalid source, expecting \
             'SOURCE_EXECUTOR'"
        ));
    }
    match TaskState::from_number(status.state) {
        Some(TaskState::Staging) => Err(format!(
            "Received TASK_STAGING from executor {executor} of framework {framework} which is not allowed"
        )),
        Some(_) => match &status.check_status {
            Some(check) => {
                tepui_core_checks::validate::check_status(check).map_err(|error| error.to_string())
            }
            None => Ok(()),
        },
        None => Err("Expecting 'state' to be present".to_owned()),
    }
}
