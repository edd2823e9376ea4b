//! Groups on their way into their containers, and what the agent says to that.

use tepui_core_checks::empty_status;
use tepui_model::{Reason, TaskState, Tick};
use tepui_wire_mesos::v1::{ContainerStatus, TaskGroupInfo, TaskStatus};

use crate::{
    Answer, DefaultExecutor, Effect, calls,
    container::{Container, Purpose, Step, What},
    executor::Life,
};

impl DefaultExecutor {
    pub(crate) fn launch_group(&mut self, now: Tick, group: TaskGroupInfo) {
        let Some(own) = self.own.clone().filter(|_| !self.shutting_down && self.life != Life::Stopped) else {
            return self.warn("a task group came too early or too late: ignored");
        };
        self.life = Life::Serving;
        self.groups += 1;
        let number = self.groups;
        for task in group.tasks {
            let id = self.container_in(own.clone(), "");
            let task_id = task.task_id.value.clone();
            let mut container = Container::new(id, task, number);
            container.launch = Step::Due(now);
            let status = status(&container, TaskState::Starting);
            self.containers.insert(task_id.clone(), container);
            self.update(status);
            self.call_if_due(now, &task_id, What::Launch);
        }
    }

    /// Makes the call that is due for a container, if the agent is there.
    pub(crate) fn call_if_due(&mut self, now: Tick, task_id: &str, what: What) {
        let connected = self.connected;
        let Some(container) = self.containers.get_mut(task_id) else { return };
        let due = container.step(what).and_then(|step| step.due()).is_some_and(|due| due <= now);
        if !due || !connected {
            return;
        }
        let call = match what {
            What::Launch => calls::launch(&container.id, &container.task, &self.config.container_ip),
            What::Wait => calls::wait(&container.id),
            What::Kill => calls::kill(&container.id, container.kill.as_ref().map_or(0, |kill| kill.signal)),
        };
        let id = self.call(Purpose::Step { task_id: task_id.to_owned(), what }, call);
        if let Some(step) = self.containers.get_mut(task_id).and_then(|container| container.step(what)) {
            *step = Step::UnderWay(id);
        }
    }

    /// A call that will not be answered: it is made again when the agent is back.
    pub(crate) fn missed(&mut self, now: Tick, purpose: &Purpose) {
        if let Purpose::Step { task_id, what } = purpose
            && let Some(step) = self.containers.get_mut(task_id).and_then(|container| container.step(*what))
        {
            *step = Step::Due(now);
        }
    }

    pub(crate) fn answered(&mut self, now: Tick, purpose: Purpose, answer: Answer) {
        let (task_id, what) = match purpose {
            Purpose::Step { task_id, what } => (task_id, what),
            other => return self.session_answered(now, other, answer),
        };
        if let Answer::Missed(reason) = answer {
            self.warn(format!("{what:?} of task '{task_id}' is asked for again: {reason}"));
            let due = now + self.config.retry_interval;
            return self.missed(due, &Purpose::Step { task_id, what });
        }
        match (what, answer) {
            (What::Launch, Answer::Refused(text)) => self.not_launched(now, &task_id, &text),
            (What::Launch, _) => self.launched(now, &task_id),
            (What::Wait, answer) => self.ended(now, &task_id, answer),
            (What::Kill, _) => {
                if let Some(step) = self.containers.get_mut(&task_id).and_then(|it| it.step(What::Kill)) {
                    *step = Step::Done;
                }
            }
        }
    }

    /// A container runs. The tasks of a group are called running when all of them do.
    fn launched(&mut self, now: Tick, task_id: &str) {
        let Some(container) = self.containers.get_mut(task_id) else { return };
        container.launch = Step::Done;
        let link = Effect::Link { task_id: task_id.to_owned(), container: container.id.value.clone() };
        let (group, killed) = (container.group, container.kill.is_some());
        self.effects.push_back(link);
        if killed {
            // What was asked for while it was on its way.
            if let Some(step) = self.containers.get_mut(task_id).and_then(|it| it.step(What::Kill)) {
                *step = Step::Due(now);
            }
            self.call_if_due(now, task_id, What::Kill);
            self.wait(now, task_id);
        }
        self.run_if_all_launched(now, group);
    }

    fn run_if_all_launched(&mut self, now: Tick, group: u64) {
        let members = self.members(group);
        let all = members
            .iter()
            .all(|id| self.containers.get(id).is_some_and(|it| it.launch == Step::Done || it.kill.is_some()));
        if !all {
            return;
        }
        let running: Vec<String> = members
            .into_iter()
            .filter(|id| self.containers.get(id).is_some_and(|it| it.kill.is_none() && it.wait == Step::Idle))
            .collect();
        for id in &running {
            self.run(now, id);
        }
        for id in &running {
            self.wait(now, id);
        }
    }

    fn run(&mut self, now: Tick, task_id: &str) {
        let Some(container) = self.containers.get_mut(task_id) else { return };
        let time = container.task.max_completion_time.as_ref().map(crate::kill::duration);
        container.deadline = time.map(|time| now + time);
        let status = status(container, TaskState::Running);
        self.update(status);
        self.begin_checks(now, task_id);
    }

    pub(crate) fn wait(&mut self, now: Tick, task_id: &str) {
        if let Some(container) = self.containers.get_mut(task_id)
            && container.wait == Step::Idle
        {
            container.wait = Step::Due(now);
            self.call_if_due(now, task_id, What::Wait);
        }
    }

    /// The agent will not have this container.
    fn not_launched(&mut self, now: Tick, task_id: &str, text: &str) {
        let Some(container) = self.containers.get(task_id) else { return };
        let status = TaskStatus {
            reason: Some(Reason::ContainerLaunchFailed.number()),
            message: Some(format!("Failed to launch container: {text}")),
            ..status(container, TaskState::Failed)
        };
        self.over(now, task_id, status);
    }

    /// The tasks of a group that have not ended.
    pub(crate) fn members(&self, group: u64) -> Vec<String> {
        let members = self.containers.iter().filter(|(_, container)| container.group == group);
        members.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn update(&mut self, status: TaskStatus) {
        self.unsettled += 1;
        self.effects.push_back(Effect::Update(Box::new(status)));
    }
}

/// A status without results of checks.
pub(crate) fn status(container: &Container, state: TaskState) -> TaskStatus {
    TaskStatus {
        task_id: container.task.task_id.clone(),
        state: state.number(),
        check_status: container.task.check.as_deref().map(empty_status),
        container_status: Some(ContainerStatus {
            container_id: Some(container.id.clone()),
            ..ContainerStatus::default()
        }),
        ..TaskStatus::default()
    }
}
