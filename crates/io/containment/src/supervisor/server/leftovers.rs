//! Ending what containers leave behind.

use std::{path::PathBuf, time::Instant};

use super::Server;
use crate::sys;

impl Server {
    /// Ends processes of ended containers that left their process group but not their session.
    pub(super) fn sweep(&mut self) {
        if self.sweep_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.sweep_at = None;
        for pid in own_children() {
            if !self.table.is_running_pid(pid)
                && sys::session(pid).is_ok_and(|session| {
                    !self.table.is_running_pid(session) && self.table.ended_lately(session)
                })
            {
                let _ = sys::kill(pid, libc::SIGKILL);
            }
        }
    }

    /// The end of an ephemeral supervisor: no process, cgroup or directory stays.
    pub(super) fn end_everything(&mut self) {
        for pid in self.table.running_pids() {
            let _ = sys::kill(-pid, libc::SIGKILL);
        }
        loop {
            // What had left its group, and what becomes ours when its parent dies.
            for pid in own_children() {
                let _ = sys::kill(pid, libc::SIGKILL);
            }
            let Some(pid) = sys::wait_for_ended_child() else { break };
            sys::reap(pid);
        }
        for (_, container) in self.table.iter() {
            for cgroup in &container.cgroups {
                let _ = std::fs::remove_dir(cgroup);
            }
        }
        for directory in &self.arguments.remove_at_end {
            let _ = std::fs::remove_dir_all(directory);
        }
        for directory in &self.arguments.remove_empty_at_end {
            let _ = std::fs::remove_dir(directory);
        }
    }
}

/// All child processes, including those that were orphaned into our care.
fn own_children() -> Vec<i32> {
    let own = std::process::id();
    let children: PathBuf = format!("/proc/self/task/{own}/children").into();
    let list = std::fs::read_to_string(children).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
