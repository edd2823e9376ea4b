//! The executor's sandbox.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Component, Path},
};

/// Lets `tasks/<task>` lead to `containers/<container>`.
pub(super) fn link(sandbox: &Path, task: &str, container: &str) -> io::Result<()> {
    // A master refuses such ids; ours is not the place to find out that one did not.
    let mut parts = Path::new(task).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the task's id is no file name"));
    }
    let tasks = sandbox.join("tasks");
    fs::create_dir_all(&tasks)?;
    match symlink(sandbox.join("containers").join(container), tasks.join(task)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn a_link_for_each_task_and_none_outside() {
        let sandbox = tempfile::tempdir().unwrap();
        link(sandbox.path(), "t", "c").unwrap();
        link(sandbox.path(), "t", "c").unwrap();
        let target = std::fs::read_link(sandbox.path().join("tasks/t")).unwrap();
        assert_eq!(target, sandbox.path().join("containers/c"));
        for bad in ["..", "../x", "a/b", "/x", ""] {
            link(sandbox.path(), bad, "c").unwrap_err();
        }
    }
}
