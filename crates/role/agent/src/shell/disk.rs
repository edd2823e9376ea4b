//! Watching how full the disk is.

use std::{path::PathBuf, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Input;

/// Tells the core at once and then every `interval`.
pub(crate) async fn watch(
    work_dir: PathBuf,
    interval: Duration,
    inputs: mpsc::WeakSender<Input>,
    shutdown: CancellationToken,
) {
    loop {
        let path = work_dir.clone();
        let usage = tokio::task::spawn_blocking(move || tepui_containment::machine::disk_usage(&path)).await;
        if let Ok(Ok(fraction)) = usage {
            let Some(inputs) = inputs.upgrade() else { return };
            if inputs.send(Input::DiskUsage(fraction)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(interval.max(Duration::from_millis(100))) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
