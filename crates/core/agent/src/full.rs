//! A task with so many unacknowledged updates that there is no room for more: whoever makes more of them waits.
//! Must not live here: the way of an update that is taken (see `updates`).

use bytes::Bytes;
use tepui_model::{
    ConnectionId, ExecutorId, FrameworkId, Outcome, RefusalKind, Source, TaskId, TaskState, Tick,
};
use tepui_wire_mesos::v1;

use crate::{
    agent::Agent,
    report::Report,
    update_stream::{Blocked, Stream},
};

impl Agent {
    /// An UPDATE that may be made. It is answered once the update is taken, so that its executor makes no more of them.
    pub(crate) fn update_called(
        &mut self,
        now: Tick,
        from: ConnectionId,
        framework: &FrameworkId,
        executor: &ExecutorId,
        status: Box<v1::TaskStatus>,
    ) {
        let task = TaskId::from(&status.task_id);
        match self.full_stream(framework, &task, status.uuid.as_ref()) {
            None => {
                self.out.reply(from, Outcome::Accepted);
                self.executor_update(now, framework, executor, *status);
            }
            Some(stream) => {
                if !stream.wait(Blocked { from, executor: executor.clone(), status }) {
                    let words = format!("Too many updates of task '{task}' wait to be acknowledged");
                    self.out.reply(from, RefusalKind::Unavailable.because(words));
                }
            }
        }
    }

    /// Whether there is no room for an update in the older form. Its executor keeps it until it hears that the agent has
    /// it, and is asked for it when there is room.
    pub(crate) fn misses(&mut self, framework: &FrameworkId, status: &v1::TaskStatus) -> bool {
        let stream = self.full_stream(framework, &(&status.task_id).into(), status.uuid.as_ref());
        stream.map(Stream::miss).is_some()
    }

    /// Whether there is no room even for an update that an executor brings when it comes back.
    pub(crate) fn has_no_room(&self, framework: &FrameworkId, status: &v1::TaskStatus) -> bool {
        let stream = self.updates.get(framework, &(&status.task_id).into());
        stream.is_some_and(|stream| stream.is_overfull(status.uuid.as_ref()))
    }

    /// What a check has shown. Without room only the last of it is kept.
    pub(crate) fn report_check(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId, report: Report) {
        if let Some(stream) = self.full_stream(framework, task, None) {
            stream.owe(report);
            return;
        }
        self.report(now, framework, task, TaskState::Running, Source::Executor, report);
    }

    fn full_stream(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: Option<&Bytes>,
    ) -> Option<&mut Stream> {
        self.updates.get_mut(framework, task).filter(|stream| stream.blocks(uuid))
    }

    /// An update was acknowledged: what waited is taken, as far as there is room.
    pub(crate) fn room_made(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId) {
        loop {
            let stream = self.updates.get_mut(framework, task);
            let Some(stream) = stream.filter(|stream| stream.has_room()) else { return };
            let Some(Blocked { from, executor, status }) = stream.take_waiting() else {
                let (owed, missed) = stream.take_owed();
                if let Some(report) = owed {
                    self.report(now, framework, task, TaskState::Running, Source::Executor, *report);
                }
                if missed {
                    self.ask_for_missed(now, framework, task);
                }
                return;
            };
            self.out.reply(from, Outcome::Accepted);
            self.executor_update(now, framework, &executor, *status);
        }
    }

    fn ask_for_missed(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId) {
        let executor = self.executors.get(framework).and_then(|known| known.tasks().get(task)).cloned();
        if let Some(executor) = executor {
            self.call_back(now, framework, &executor);
        }
    }

    /// Nothing is said any more of what these wait for.
    pub(crate) fn release(&mut self, stream: Stream) {
        for Blocked { from, .. } in stream.into_waiting() {
            self.out.reply(from, Outcome::Accepted);
        }
    }
}
