//! Finding a master that has a fixed address.

use std::time::Duration;

use tepui_core_agent::Upid;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Input;

/// The process id of every master.
const PROCESS: &str = "master";
/// First and longest wait before a name that did not resolve is looked up again.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// How often a name is looked up while all is well: the machine behind it may change.
const REFRESH: Duration = Duration::from_secs(30);

/// Looks the master up until it is found, and then whether it has moved. That it is reachable at its
/// address is the core's concern, which registers again and again.
pub(crate) async fn watch(master: String, inputs: mpsc::WeakSender<Input>, shutdown: CancellationToken) {
    let (mut known, mut wait) = (None, RETRY.0);
    loop {
        let found = match tokio::net::lookup_host(&master).await {
            Ok(addresses) => {
                let addresses: Vec<_> = addresses.collect();
                // A name with several addresses: stay with the one we know.
                let kept = known.as_ref().filter(|pid: &&Upid| addresses.contains(&pid.address)).cloned();
                kept.or_else(|| addresses.first().map(|address| Upid::new(PROCESS, *address)))
            }
            Err(error) => {
                if known.is_none() {
                    tracing::warn!("cannot find the master '{master}', trying again: {error}");
                }
                // A name server that is away is no reason to leave a master that is not.
                known.clone()
            }
        };
        if found.is_some() && found != known {
            known.clone_from(&found);
            let Some(inputs) = inputs.upgrade() else { return };
            if inputs.send(Input::MasterDetected(found)).await.is_err() {
                return;
            }
        }
        let pause = if known.is_some() {
            REFRESH
        } else {
            let now = wait;
            wait = (wait * 2).min(RETRY.1);
            now
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
