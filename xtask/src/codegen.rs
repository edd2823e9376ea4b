//! What is generated: prost's structs from `proto/` and the table of every message, without protoc; the reference of
//! settings from the roles' declarations.

mod settings;
mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Every .proto file of the repository, relative to `proto/`.
const FILES: &[&str] = &[
    "mesos/v1/mesos.proto",
    "mesos/v1/scheduler/scheduler.proto",
    "mesos/v1/executor/executor.proto",
    "mesos/v1/master/master.proto",
    "mesos/v1/agent/agent.proto",
    "mesos/v1/quota/quota.proto",
    "mesos/v1/maintenance/maintenance.proto",
    "mesos/v1/allocator/allocator.proto",
    "mesos/internal/messages.proto",
];

/// Large fields that most messages do not have. Inline they would make every TaskInfo and every Resource several
/// times as large, and moving these about is much of what a master does.
const BOXED: &[&str] = &[
    "mesos.v1.Resource.disk",
    "mesos.v1.Resource.reservation",
    "mesos.v1.TaskInfo.executor",
    "mesos.v1.TaskInfo.container",
    "mesos.v1.TaskInfo.health_check",
    "mesos.v1.TaskInfo.check",
    "mesos.v1.TaskInfo.discovery",
    "mesos.v1.Task.container",
    "mesos.v1.Task.health_check",
    "mesos.v1.Task.discovery",
    "mesos.v1.ExecutorInfo.container",
    "mesos.v1.ExecutorInfo.discovery",
    "mesos.v1.executor.Event.subscribed",
    "mesos.v1.scheduler.Event.subscribed",
    "mesos.v1.scheduler.Call.subscribe",
    "mesos.v1.scheduler.Call.update_framework",
];

/// Generates into a temporary directory, then compares (`check`) or replaces what is checked in.
pub(crate) fn run(check: bool) -> Result<(), Box<dyn std::error::Error>> {
    let root = root();
    // By process, so that a test and a developer's run do not meet.
    let fresh = root.join(format!("target/codegen-{}", std::process::id()));
    let result = everything(&root, &fresh, check);
    fs::remove_dir_all(&fresh)?;
    let stale = result?;
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale generated files, run `cargo xtask codegen`: {}", stale.join(", ")).into())
}

/// Generates every room's files below `fresh` and names those that are stale.
fn everything(root: &Path, fresh: &Path, check: bool) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (code, pages) = (fresh.join("code"), fresh.join("pages"));
    fs::create_dir_all(&code)?;
    fs::create_dir_all(&pages)?;
    generate(root, &code)?;
    fs::write(pages.join("settings.md"), settings::render())?;
    let mut stale = compare(&code, &root.join("crates/wire/mesos/src/generated"), check)?;
    stale.extend(compare(&pages, &root.join("docs"), check)?);
    Ok(stale)
}

/// Writes every generated file of code to `fresh`.
fn generate(root: &Path, fresh: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(FILES, [root.join("proto")])?;
    let mut config = prost_build::Config::new();
    for field in BOXED {
        config.boxed(field);
    }
    config.out_dir(fresh).bytes(["."]).btree_map(["."]).compile_fds(descriptors.clone())?;
    fs::write(fresh.join("descriptors.rs"), tables::render(descriptors)?)?;
    Ok(())
}

/// Names the files that differ (`check`), or replaces them and names none.
fn compare(fresh: &Path, target: &Path, check: bool) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    fs::create_dir_all(target)?;
    let mut stale = Vec::new();
    for entry in fs::read_dir(fresh)? {
        let entry = entry?;
        let to = target.join(entry.file_name());
        let new = fs::read(entry.path())?;
        if fs::read(&to).ok().as_deref() != Some(new.as_slice()) {
            if check {
                stale.push(to.display().to_string());
            } else {
                fs::write(&to, new)?;
            }
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_code_is_not_stale() {
        super::run(true).unwrap();
    }
}
