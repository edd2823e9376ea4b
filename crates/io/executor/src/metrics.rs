//! The metrics text file, for the textfile collector of Prometheus's node_exporter.
//!
//! The names of the series and of the file are those of the BCS executors, whose dashboards read them. Unlike theirs
//! the file is never seen half-written, is there at once, and is removed when the driver ends, so that an executor
//! that is gone does not go on reporting.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tepui_core_driver::executor::{Counters, ExecutorDriver};
use tokio::time::Instant;

/// Between two writes.
const INTERVAL: Duration = Duration::from_mins(1);

/// `<directory>/<executor id>.prom`.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    directory: PathBuf,
    executor: String,
    due: Instant,
    /// The connection, as the file has it.
    written: Option<bool>,
}

impl MetricsFile {
    pub(crate) fn new(directory: PathBuf, executor: String) -> Self {
        Self { directory, executor, due: Instant::now(), written: None }
    }

    /// Writes the file if its time has come, or the connection has changed. Answers when to come again.
    pub(crate) fn keep(&mut self, driver: &ExecutorDriver) -> Instant {
        let (now, connected) = (Instant::now(), driver.is_subscribed());
        if now >= self.due || self.written != Some(connected) {
            self.due = now + INTERVAL;
            self.written = Some(connected);
            if let Err(error) = self.write(&series(&self.executor, connected, driver.counters())) {
                tracing::warn!(%error, file = %self.path().display(), "cannot write the metrics file");
            }
        }
        self.due
    }

    fn path(&self) -> PathBuf {
        self.directory.join(format!("{}.prom", file_name(&self.executor)))
    }

    /// Whole or not at all: under another name first, which the collector does not read.
    fn write(&self, text: &str) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let path = self.path();
        let part = path.with_extension("prom.part");
        fs::write(&part, text)?;
        fs::rename(part, path)
    }
}

impl Drop for MetricsFile {
    fn drop(&mut self) {
        if self.written.is_some()
            && let Err(error) = fs::remove_file(self.path())
        {
            tracing::debug!(%error, "cannot remove the metrics file");
        }
    }
}

fn series(executor: &str, connected: bool, counters: Counters) -> String {
    let label = executor.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, labels: &str, value: u64| {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{labels} {value}\n");
    };
    let taskgroup = format!("{{taskgroup=\"{label}\"}}");
    put(
        "bkbcs_executor_slave_connection",
        "gauge",
        "Whether the executor is connected to its agent.",
        "",
        u64::from(connected),
    );
    put(
        "bkbcs_executor_taskgroup_status_report_total",
        "counter",
        "Status updates reported.",
        &taskgroup,
        counters.updates,
    );
    put(
        "bkbcs_executor_taskgroup_status_ack_total",
        "counter",
        "Status updates acknowledged by the agent.",
        &taskgroup,
        counters.acknowledgements,
    );
    text
}

/// An executor's id may not name another directory.
fn file_name(executor: &str) -> String {
    Path::new(&executor.replace('/', "_")).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_are_those_that_dashboards_read() {
        let text = series("a\"b", true, Counters { updates: 3, acknowledgements: 2 });
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "bkbcs_executor_slave_connection 1",
                "bkbcs_executor_taskgroup_status_report_total{taskgroup=\"a\\\"b\"} 3",
                "bkbcs_executor_taskgroup_status_ack_total{taskgroup=\"a\\\"b\"} 2",
            ]
        );
        assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE")).count(), 3);
        assert_eq!(file_name("../../etc/x"), ".._.._etc_x");
    }
}
