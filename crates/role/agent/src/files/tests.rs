use std::os::unix::fs::symlink;

use super::*;

struct Sandbox {
    directory: tempfile::TempDir,
    attached: Attached,
}

fn sandbox() -> Sandbox {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("sandbox");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("stdout"), "0123456789").unwrap();
    fs::write(root.join("sub/file"), "x").unwrap();
    fs::write(directory.path().join("secret"), "secret").unwrap();
    symlink(directory.path().join("secret"), root.join("out")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("stdout", root.join("inside")).unwrap();
    let mut attached = Attached::default();
    attached.add("/frameworks/f/executors/e/runs/latest", root.clone());
    attached.add(root.to_str().unwrap().to_owned(), root);
    Sandbox { directory, attached }
}

fn data(sandbox: &Sandbox, path: &str, offset: u64, length: Option<u64>) -> Result<String, FilesError> {
    read(&sandbox.attached, path, Some(offset), length).map(|piece| String::from_utf8(piece.data).unwrap())
}

#[test]
fn reads_pieces_by_both_names() {
    let sandbox = sandbox();
    let real = sandbox.directory.path().join("sandbox/stdout");
    for path in ["/frameworks/f/executors/e/runs/latest/stdout", real.to_str().unwrap()] {
        assert_eq!(data(&sandbox, path, 0, None).unwrap(), "0123456789");
        assert_eq!(data(&sandbox, path, 8, Some(100)).unwrap(), "89");
        assert_eq!(data(&sandbox, path, 2, Some(3)).unwrap(), "234");
        assert_eq!(data(&sandbox, path, 10, None).unwrap(), "");
        assert_eq!(data(&sandbox, path, u64::MAX, None).unwrap(), "");
        let size = read(&sandbox.attached, path, None, None).unwrap();
        assert_eq!(size, Piece { size: 10, data: Vec::new() });
        assert_eq!(download(&sandbox.attached, path).unwrap(), ("stdout".to_owned(), b"0123456789".to_vec()));
    }
    let inside = "/frameworks/f/executors/e/runs/latest/inside";
    assert_eq!(data(&sandbox, inside, 0, Some(1)).unwrap(), "0");
}

#[test]
fn nothing_outside_is_there() {
    let sandbox = sandbox();
    let root = sandbox.directory.path().join("sandbox");
    let secret = sandbox.directory.path().join("secret");
    let real = |suffix: &str| format!("{}{suffix}", root.display());
    for path in [
        "",
        "/",
        "stdout",
        "/etc/passwd",
        "/frameworks",
        "/frameworks/f/executors/e/runs/latestx/stdout",
        "/frameworks/f/executors/e/runs/latest/out",
        "/frameworks/f/executors/e/runs/latest/up/secret",
        "/frameworks/f/executors/e/runs/latest/../secret",
        "/frameworks/f/executors/e/runs/latest/sub/../../secret",
        "/frameworks/f/executors/e/runs/latest/sub/../stdout",
        "/frameworks/f/executors/e/runs/latest/./stdout",
        "/frameworks/f/executors/e/runs/latest/nope",
        "/frameworks/f/executors/e/runs/latest/stdout/x",
        secret.to_str().unwrap(),
        &real("/../secret"),
        &real("/out"),
        &real("x"),
    ] {
        assert!(matches!(data(&sandbox, path, 0, None), Err(FilesError::NotFound)), "{path}");
        assert!(matches!(list(&sandbox.attached, path), Err(FilesError::NotFound)), "{path}");
        assert!(matches!(download(&sandbox.attached, path), Err(FilesError::NotFound)), "{path}");
    }
}

#[test]
fn what_is_no_file_is_not_read() {
    let sandbox = sandbox();
    let latest = "/frameworks/f/executors/e/runs/latest";
    assert!(matches!(data(&sandbox, latest, 0, None), Err(FilesError::Directory)));
    let fifo = sandbox.directory.path().join("sandbox/fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert!(matches!(data(&sandbox, fifo.to_str().unwrap(), 0, None), Err(FilesError::NotFound)));
}

#[test]
fn lists_as_a_mesos_agent_does() {
    let sandbox = sandbox();
    let entries = list(&sandbox.attached, "/frameworks/f/executors/e/runs/latest/").unwrap();
    let paths: Vec<&str> = entries.iter().map(|entry| entry.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(paths, ["inside", "out", "stdout", "sub", "up"]);
    let stdout = entries[2].legacy();
    let members: Vec<&String> = stdout.as_object().unwrap().keys().collect();
    assert_eq!(members, ["gid", "mode", "mtime", "nlink", "path", "size", "uid"]);
    assert_eq!(stdout["mode"], "-rw-r--r--");
    assert_eq!(stdout["size"], 10);
    let info = v1::FileInfo::from(entries[2].clone());
    assert_eq!((info.size, info.mode.unwrap() & 0o777), (Some(10), 0o644));
    assert_eq!(mode_text(0o040_750), "drwxr-x---");
}
