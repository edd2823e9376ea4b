//! What tasks write, copied to our own stdout and stderr.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tepui_scheduler::v1::{TaskState, TaskStatus};
use tokio::sync::{Notify, mpsc, watch};

use super::progress::Progress;
use crate::{
    api::Unanswered,
    tail::{Agent, PATIENCE, Tail},
};

/// The first and the longest time between two looks at a file that does not grow.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// Our stdout and stderr, shared by all copies. Remembers the first failure to write.
#[derive(Clone, Default)]
pub(super) struct Output {
    failure: Arc<Mutex<Option<io::Error>>>,
    failed: Arc<Notify>,
}

impl Output {
    fn write(&self, progress: &Progress, stderr: bool, data: &[u8]) {
        let written = progress.aside(|| {
            if stderr {
                io::stderr().lock().write_all(data)
            } else {
                let mut out = io::stdout().lock();
                out.write_all(data).and_then(|()| out.flush())
            }
        });
        if let Err(error) = written {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            if failure.is_none() {
                *failure = Some(error);
                self.failed.notify_one();
            }
        }
    }

    /// Resolves, once, when something cannot be written: nobody is there to read any more.
    pub(super) async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Whether all could be written. A reader that went away is not worth words.
    pub(super) fn finish(&self) -> io::Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// A task whose output is copied.
pub(super) struct Copy {
    pub(super) agent: Arc<Agent>,
    /// Virtual path of its sandbox.
    pub(super) sandbox: String,
    pub(super) output: Output,
    pub(super) progress: Progress,
}

impl Copy {
    /// Copies until the task has ended (`last` has its last update) and all is copied; then passes the update on. An
    /// agent that does not answer is asked again, after the end not for ever.
    pub(super) async fn run(
        self,
        mut last: watch::Receiver<Option<TaskStatus>>,
        copied: mpsc::Sender<TaskStatus>,
    ) {
        let mut files = [
            (false, Tail::new(self.agent.clone(), &self.sandbox, "stdout")),
            (true, Tail::new(self.agent.clone(), &self.sandbox, "stderr")),
        ];
        let mut wait = LOOK.0;
        let mut lost: Option<Instant> = None;
        loop {
            // Looked at before the files: what was written before the end is then seen.
            let end = last.borrow_and_update().clone();
            let copy = self.copy(&mut files).await;
            if matches!(copy, Ok(true)) {
                (wait, lost) = (LOOK.0, None);
                continue;
            }
            if let Some(end) = end {
                if let Err(error) = &copy
                    && lost.get_or_insert_with(Instant::now).elapsed() < patience(&end)
                {
                    tracing::debug!("asking again for the rest of a task's output: {error}");
                } else {
                    if let Err(error) = copy {
                        let task = &end.task_id.value;
                        self.progress
                            .say(&format!("tepui: the rest of what task {task} wrote is lost: {error}"));
                    }
                    // Nobody may be left who wants to know.
                    let _ = copied.send(end).await;
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LOOK.1),
                // The sender went away: nobody wants more.
                changed = last.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Copies what there is now; whether there was anything.
    async fn copy(&self, files: &mut [(bool, Tail)]) -> Result<bool, Unanswered> {
        let mut grew = false;
        for (stderr, file) in files {
            if let Some(data) = file.read().await? {
                self.output.write(&self.progress, *stderr, &data);
                grew = true;
            }
        }
        Ok(grew)
    }
}

/// How long the rest of the output is asked for. An agent that told of the end itself may be back soon.
fn patience(end: &TaskStatus) -> Duration {
    match end.state() {
        TaskState::TaskFinished | TaskState::TaskFailed | TaskState::TaskKilled => PATIENCE,
        _ => Duration::ZERO,
    }
}
