//! What tasks write, copied to our own stdout and stderr.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::progress::Progress;
use crate::{api::Api, tail::Tail};

/// The first and the longest time between two looks at a file that does not grow.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// Our stdout and stderr, shared by all copies. Remembers the first failure to write.
#[derive(Clone, Default)]
pub(super) struct Output {
    failure: Arc<Mutex<Option<io::Error>>>,
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
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    /// Whether all could be written. A reader that went away is not our failure.
    pub(super) fn finish(&self) -> io::Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// Copies what a task writes until it is over and all is copied.
pub(super) async fn copy(
    agent: Api,
    sandbox: String,
    output: Output,
    progress: Progress,
    mut over: watch::Receiver<bool>,
) {
    let mut files = [
        (false, Tail::new(agent.clone(), sandbox.clone(), "stdout")),
        (true, Tail::new(agent, sandbox, "stderr")),
    ];
    let mut wait = LOOK.0;
    loop {
        // Looked at before the files: what was written before the end is then seen.
        let last = *over.borrow_and_update();
        let mut grew = false;
        for (stderr, file) in &mut files {
            match file.read().await {
                Ok(Some(data)) => {
                    output.write(&progress, *stderr, &data);
                    grew = true;
                }
                Ok(None) => {}
                Err(error) => tracing::debug!("cannot read a task's output: {error}"),
            }
        }
        if grew {
            wait = LOOK.0;
            continue;
        }
        if last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(LOOK.1),
            // The sender went away: as good as over.
            changed = over.changed() => if changed.is_err() { return },
        }
    }
}
