//! Generated code: prost's structs from `proto/`, without protoc.

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

/// Generates into a temporary directory, then compares (`check`) or replaces what is checked in.
pub(crate) fn run(check: bool) -> Result<(), Box<dyn std::error::Error>> {
    let root = root();
    let target = root.join("crates/wire/mesos/src/generated");
    let fresh = root.join("target/codegen");
    fs::create_dir_all(&fresh)?;
    fs::create_dir_all(&target)?;
    let descriptors = protox::compile(FILES, [root.join("proto")])?;
    prost_build::Config::new()
        .out_dir(&fresh)
        .bytes(["."])
        .btree_map(["."])
        .compile_fds(descriptors)?;
    let mut stale = Vec::new();
    for entry in fs::read_dir(&fresh)? {
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
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale generated code, run `cargo xtask codegen`: {}", stale.join(", ")).into())
}
