//! What must not be left when every task has ended: processes, containers, cgroups, checkpoints.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use conformance::{Outcome, http, process::wait_for};

use super::load::TAG;

/// How long ended things may take to be tidied up.
const TIDY: Duration = Duration::from_secs(30);

/// Waits until nothing is left; the error names what is. `work` is the work directory of the agent that listens at
/// `port`.
pub fn nothing(tag: &str, work: &Path, port: u16) -> Outcome {
    let mut left = Vec::new();
    let waited = wait_for("nothing to be left", TIDY, || {
        left = processes(tag);
        left.extend(containers(port));
        left.extend(cgroups(port));
        left.extend(files(work));
        left.is_empty().then_some(())
    });
    waited.map_err(|_| format!("still there after {TIDY:?}: {}", left.join("; ")).into())
}

/// Processes with the campaign's mark in their environment, whatever they call themselves and wherever they are.
pub fn processes(tag: &str) -> Vec<String> {
    let mark = format!("{TAG}={tag}");
    let marked =
        |environment: Vec<u8>| environment.split(|byte| *byte == 0).any(|one| one == mark.as_bytes());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| fs::read(entry.path().join("environ")).is_ok_and(marked))
        .map(|entry| {
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
            format!(
                "process {} {arguments}({})",
                entry.file_name().to_string_lossy(),
                whereabouts(&entry.path())
            )
        })
        .collect()
}

/// What tells where a process comes from.
fn whereabouts(process: &Path) -> String {
    let environment = fs::read(process.join("environ")).unwrap_or_default();
    let sandbox = environment
        .split(|byte| *byte == 0)
        .find_map(|one| Some(String::from_utf8_lossy(one.strip_prefix(b"MESOS_DIRECTORY=")?).into_owned()));
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let parent = status.lines().find(|line| line.starts_with("PPid:")).unwrap_or_default();
    let cgroups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    let cgroup = cgroups.lines().find(|line| line.contains("memory")).unwrap_or_default();
    format!("{}; {parent}; {cgroup}", sandbox.unwrap_or_default())
}

fn containers(port: u16) -> Vec<String> {
    match http::get(port, "/containers").and_then(|answer| answer.json()) {
        Ok(containers) => {
            let containers = containers.as_array().cloned().unwrap_or_default();
            containers.iter().map(|one| format!("container {}", one["container_id"])).collect()
        }
        Err(problem) => vec![format!("no answer about containers: {problem}")],
    }
}

/// The cgroup that all containers of the agent at `port` are under.
pub fn cgroups_root(port: u16) -> String {
    format!("agent-kills-{port}")
}

/// That, in every hierarchy that has it.
fn cgroups_roots(port: u16) -> Vec<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path());
    let roots = hierarchies.chain([top.to_owned()]).map(|one| one.join(cgroups_root(port)));
    roots.filter(|root| root.is_dir()).collect()
}

/// Removes it, empty as it is.
pub fn remove_cgroups(port: u16) {
    for root in cgroups_roots(port) {
        // One that is not has been told.
        let _ = fs::remove_dir(root);
    }
}

fn cgroups(port: u16) -> Vec<String> {
    let children = |root: &PathBuf| {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
    };
    let left = cgroups_roots(port).iter().flat_map(children).collect::<Vec<_>>();
    left.iter().map(|path| format!("cgroup {}", path.display())).collect()
}

/// Checkpoints of executors, and what the supervisor keeps of containers.
fn files(work: &Path) -> Vec<String> {
    let executors = grandchildren(&work.join("meta/slaves"), &["*", "frameworks", "*", "executors", "*"]);
    let kept = grandchildren(&work.join("runtime/containers"), &["*"]);
    executors.iter().chain(&kept).map(|path| format!("file {}", path.display())).collect()
}

/// What an executor wrote to its stderr, or its agent for it. That of a command has its task's id.
pub fn stderr(work: &Path, executor: &str) -> String {
    let path = ["*", "frameworks", "*", "executors", executor, "runs", "*", "stderr"];
    let files = grandchildren(&work.join("slaves"), &path);
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// What is below a directory at this path, with `*` for any name. Links are not followed.
pub(super) fn grandchildren(directory: &Path, path: &[&str]) -> Vec<PathBuf> {
    let Some((first, rest)) = path.split_first() else { return vec![directory.to_owned()] };
    if *first != "*" {
        return grandchildren(&directory.join(first), rest);
    }
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let entries = entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    entries.flat_map(|entry| grandchildren(&entry.path(), rest)).collect()
}
