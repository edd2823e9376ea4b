//! Starting, ending, outliving.

use std::{
    fs,
    os::unix::fs::FileTypeExt as _,
    process::Command,
    time::{Duration, Instant},
};

use tepui_containment::{
    Containerizer, Event, FailureKind, Program, RecoveredContainer, Rlimit, StartError, rotation::Rotation,
};

use crate::harness::{Cluster, exited, is_alive, next, read_pid, started, until};

#[tokio::test]
async fn runs_a_command_and_tells_how_it_ended() {
    let cluster = Cluster::new();
    let (containerizer, mut events, recovered) = cluster.start().await;
    assert_eq!(recovered, []);
    let line = "echo $GREETING $PATH; echo err >&2; pwd; cat; exit 7";
    containerizer.launch(cluster.shell("a", line)).await.unwrap();
    let pid = started(&mut events, "a").await;
    assert_eq!(exited(&mut events, "a").await, Some(7 << 8));
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let sandbox = cluster.sandbox("a").canonicalize().unwrap();
    assert_eq!(cluster.output("a", "stdout"), format!("hello {path}\n{}\n", sandbox.display()));
    assert_eq!(cluster.output("a", "stderr"), "err\n");
    let files = cluster.options.runtime_dir.join("containers/a");
    until("the status is written", || read_pid(&files.join("status")) == Some(7 << 8)).await;
    assert_eq!(read_pid(&files.join("pid")), Some(pid));
    containerizer.forget("a").await.unwrap();
    until("the files go", || !files.exists()).await;
    let socket = fs::metadata(cluster.options.runtime_dir.join("supervisor.sock")).unwrap();
    assert!(socket.file_type().is_socket());
    containerizer.stop().await;
}

#[tokio::test]
async fn runs_programs_with_their_arguments() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let mut launch = cluster.shell("a", "");
    launch.program = Program::Exec {
        path: "printf".to_owned(),
        arguments: ["x", "%s-", "a b", "$c"].map(str::to_owned).to_vec(),
    };
    containerizer.launch(launch).await.unwrap();
    started(&mut events, "a").await;
    assert_eq!(exited(&mut events, "a").await, Some(0));
    assert_eq!(cluster.output("a", "stdout"), "a b-$c-");
    containerizer.stop().await;
}

#[tokio::test]
async fn says_why_something_does_not_start() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let program = |path: &str| Program::Exec { path: path.to_owned(), arguments: Vec::new() };
    let mut prepared = cluster.shell("prepared", "");
    prepared.rlimits = vec![Rlimit { resource: 7, soft: 64, hard: 64 }];
    let mut limitless = cluster.shell("limitless", "true");
    limitless.rlimits = vec![Rlimit { resource: 7, soft: 1 << 40, hard: 1 << 40 }];
    for (id, launch, reason, text) in [
        (
            "a",
            cluster.shell("a", ""),
            FailureKind::NoProgram,
            "Failed to execute '/no/such/program': No such file",
        ),
        ("b", cluster.shell("b", ""), FailureKind::NoProgram, "in none of the directories of PATH"),
        (
            "c",
            cluster.shell("c", ""),
            FailureKind::NotExecutable,
            "Failed to execute '/etc/passwd': Permission denied",
        ),
        ("prepared", prepared, FailureKind::NoProgram, "Failed to execute '/no/such/program': No such file"),
        ("limitless", limitless, FailureKind::Spawn, "Failed to set its rlimits: Operation not permitted"),
        ("../x", cluster.shell("../x", "true"), FailureKind::Spawn, "cannot be the id"),
    ] {
        let mut launch = launch;
        match id {
            "b" => launch.program = program("no-such-program"),
            "c" => launch.program = program("/etc/passwd"),
            "limitless" => {}
            "../x" => launch.sandbox = cluster.sandbox("x"),
            _ => launch.program = program("/no/such/program"),
        }
        containerizer.launch(launch).await.unwrap();
        match next(&mut events).await {
            Event::LaunchFailed { container_id, kind, message } => {
                assert_eq!((container_id.as_str(), kind), (id, reason));
                assert!(message.contains(text), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fs::read_dir(cluster.options.runtime_dir.join("containers")).unwrap().count(), 0);
    containerizer.stop().await;
}

#[tokio::test]
async fn a_signal_reaches_one_or_all() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "trap 'echo got it; exit 3' TERM; sleep 1000 & echo $! > child; echo ready; wait";
    containerizer.launch(cluster.shell("a", line)).await.unwrap();
    started(&mut events, "a").await;
    until("it is ready", || cluster.output("a", "stdout") == "ready\n").await;
    let child = read_pid(&cluster.sandbox("a").join("child")).unwrap();
    assert!(is_alive(child));
    containerizer.signal("a", libc::SIGTERM, false).await.unwrap();
    assert_eq!(exited(&mut events, "a").await, Some(3 << 8));
    assert_eq!(cluster.output("a", "stdout"), "ready\ngot it\n");
    // The end of the first process is the end of its group.
    until("the child ends", || !is_alive(child)).await;
    // Nothing to signal: no harm.
    containerizer.signal("a", libc::SIGTERM, true).await.unwrap();

    containerizer.launch(cluster.shell("b", "sleep 1000 & echo $! > child; echo ready; wait")).await.unwrap();
    let pid = started(&mut events, "b").await;
    until("it is ready", || cluster.output("b", "stdout") == "ready\n").await;
    containerizer.destroy("b").await.unwrap();
    assert_eq!(exited(&mut events, "b").await, Some(libc::SIGKILL));
    let child = read_pid(&cluster.sandbox("b").join("child")).unwrap();
    until("both end", || !is_alive(child) && !is_alive(pid)).await;
    containerizer.stop().await;
}

#[tokio::test]
async fn what_leaves_its_group_but_not_its_session_ends_too() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    // Job control puts the background job into a group of its own.
    let line = "set -m; sleep 1000 & echo $! > child; echo ready";
    containerizer.launch(cluster.shell("a", line)).await.unwrap();
    started(&mut events, "a").await;
    assert_eq!(exited(&mut events, "a").await, Some(0));
    let child = read_pid(&cluster.sandbox("a").join("child")).unwrap();
    until("the child ends", || !is_alive(child)).await;
    containerizer.stop().await;
}

#[tokio::test]
async fn containers_outlive_the_agent_and_their_exits_wait_for_it() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    for (id, line) in [("short", "read x < go; exit 5"), ("long", "echo up; read x < go2; exit 6")] {
        let sandbox = cluster.sandbox(id);
        fs::create_dir_all(&sandbox).unwrap();
        for fifo in ["go", "go2"] {
            assert!(Command::new("mkfifo").arg(sandbox.join(fifo)).status().unwrap().success());
        }
        containerizer.launch(cluster.shell(id, line)).await.unwrap();
        started(&mut events, id).await;
    }
    // As good as a kill -9 of the agent: the connection breaks without a word.
    drop((containerizer, events));
    fs::write(cluster.sandbox("short").join("go"), "x\n").unwrap();
    let status = cluster.options.runtime_dir.join("containers/short/status");
    until("the status is written", || fs::read_to_string(&status).is_ok_and(|text| !text.is_empty())).await;

    let (containerizer, mut events, recovered) = cluster.start_again().await;
    let found: Vec<_> =
        recovered.iter().map(|container| (container.container_id.as_str(), container.exited)).collect();
    assert_eq!(found, [("long", None), ("short", Some(Some(5 << 8)))]);
    containerizer.forget("short").await.unwrap();
    fs::write(cluster.sandbox("long").join("go2"), "x\n").unwrap();
    assert_eq!(exited(&mut events, "long").await, Some(6 << 8));
    until("short is forgotten", || !status.exists()).await;
    containerizer.stop().await;
}

#[tokio::test]
async fn a_killed_supervisor_is_replaced_and_its_containers_adopted() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(cluster.shell("a", "exec sleep 1000")).await.unwrap();
    let pid = started(&mut events, "a").await;
    drop((containerizer, events));
    until("the process is written down", || {
        read_pid(&cluster.options.runtime_dir.join("containers/a/pid")) == Some(pid)
    })
    .await;
    cluster.kill_supervisor().await;
    assert!(is_alive(pid));
    let (containerizer, mut events, recovered) = cluster.start_again().await;
    let adopted = RecoveredContainer { container_id: "a".to_owned(), pid, exited: None, limitation: None };
    assert_eq!(recovered, [adopted]);
    containerizer.destroy("a").await.unwrap();
    // Somebody else was its parent: nobody knows how it ended.
    assert_eq!(exited(&mut events, "a").await, None);
    assert!(!is_alive(pid));
    containerizer.stop().await;
}

#[tokio::test]
async fn a_supervisor_killed_under_a_running_agent_is_replaced() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(cluster.shell("a", "exec sleep 1000")).await.unwrap();
    let pid = started(&mut events, "a").await;
    until("the process is written down", || {
        read_pid(&cluster.options.runtime_dir.join("containers/a/pid")) == Some(pid)
    })
    .await;
    cluster.kill_supervisor().await;
    containerizer.launch(cluster.shell("b", "exit 4")).await.unwrap();
    // The launch may have met the old one or the new one.
    match next(&mut events).await {
        Event::Started { .. } => assert_eq!(exited(&mut events, "b").await, Some(4 << 8)),
        Event::LaunchFailed { container_id, .. } => assert_eq!(container_id, "b"),
        other => panic!("{other:?}"),
    }
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a").await, None);
    containerizer.stop().await;
}

#[tokio::test]
async fn an_ephemeral_one_leaves_nothing() {
    let mut cluster = Cluster::new();
    let extra = cluster.directory.path().join("extra");
    fs::create_dir(&extra).unwrap();
    cluster.options.ephemeral = true;
    cluster.options.remove_at_end = vec![extra.clone()];
    let (shared, used) = (cluster.directory.path().join("shared"), cluster.directory.path().join("used"));
    fs::create_dir(&shared).unwrap();
    fs::create_dir_all(used.join("by-others")).unwrap();
    cluster.options.remove_empty_at_end = vec![shared.clone(), used.clone()];
    let (containerizer, mut events, _) = cluster.start().await;
    // One in the group, and one that has left group, session and parent.
    let line = "sleep 1000 & echo $! > child; (setsid sh -c 'echo $$ > daemon; exec sleep 1000' &) ; \
                until [ -s daemon ]; do sleep 0.01; done; echo ready; wait";
    containerizer.launch(cluster.shell("a", line)).await.unwrap();
    let pid = started(&mut events, "a").await;
    until("it is ready", || cluster.output("a", "stdout") == "ready\n").await;
    let child = read_pid(&cluster.sandbox("a").join("child")).unwrap();
    let daemon = read_pid(&cluster.sandbox("a").join("daemon")).unwrap();
    assert!(is_alive(child) && is_alive(daemon));
    containerizer.stop().await;
    assert!(!is_alive(pid) && !is_alive(child) && !is_alive(daemon));
    assert!(!extra.exists() && !shared.exists() && used.exists());
    assert!(!cluster.options.runtime_dir.join("supervisor.sock").exists());
}

#[tokio::test]
async fn one_runtime_directory_has_one_agent() {
    let cluster = Cluster::new();
    let (containerizer, _events, _) = cluster.start().await;
    assert!(matches!(Containerizer::start(cluster.options.clone()).await, Err(StartError::InUse { .. })));
    containerizer.stop().await;
    let mut options = cluster.options.clone();
    options.runtime_dir = "/proc/nowhere".into();
    assert!(matches!(Containerizer::start(options).await, Err(StartError::RuntimeDir { .. })));
}

#[tokio::test]
async fn a_supervisor_without_work_ends_by_itself() {
    let cluster = Cluster::new();
    let (containerizer, events, _) = cluster.start().await;
    drop((containerizer, events));
    let socket = cluster.options.runtime_dir.join("supervisor.sock");
    until("the supervisor ends", || !socket.exists()).await;
}

#[tokio::test]
async fn a_thousand_launches_in_one_breath() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    const COUNT: usize = 1000;
    let start = Instant::now();
    for number in 0..COUNT {
        let id = format!("c{number}");
        let mut launch = cluster.shell(&id, "");
        launch.program = Program::Exec { path: "/bin/true".to_owned(), arguments: Vec::new() };
        containerizer.launch(launch).await.unwrap();
    }
    let mut ended = 0;
    while ended < COUNT {
        match next(&mut events).await {
            Event::Started { .. } => {}
            Event::Exited { container_id, status, .. } => {
                assert_eq!(status, Some(0));
                ended += 1;
                containerizer.forget(&container_id).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    let through = start.elapsed();
    let start = Instant::now();
    for _ in 0..200 {
        Command::new("/bin/true").status().unwrap();
    }
    let bare = start.elapsed() * 5;
    eprintln!("{COUNT} launches: {through:?}; bare: {bare:?}");
    containerizer.stop().await;
}

#[tokio::test]
async fn becomes_another_user() {
    if rustix::process::geteuid().as_raw() != 0 {
        return;
    }
    let cluster = Cluster::new();
    fs::set_permissions(cluster.directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let (containerizer, mut events, _) = cluster.start().await;
    let mut launch = cluster.shell("a", "id -un; id -G; ulimit -n; echo x > file; cat /etc/shadow");
    launch.user = Some("nobody".to_owned());
    launch.rlimits = vec![Rlimit { resource: libc::RLIMIT_NOFILE, soft: 77, hard: 77 }];
    containerizer.launch(launch).await.unwrap();
    started(&mut events, "a").await;
    assert_eq!(exited(&mut events, "a").await, Some(1 << 8));
    assert_eq!(cluster.output("a", "stdout"), "nobody\n65534\n77\n");
    assert!(cluster.output("a", "stderr").contains("Permission denied"));
    let owner =
        std::os::unix::fs::MetadataExt::uid(&fs::metadata(cluster.sandbox("a").join("file")).unwrap());
    assert_eq!(owner, 65534);

    let mut launch = cluster.shell("b", "true");
    launch.user = Some("no-such-user-here".to_owned());
    containerizer.launch(launch).await.unwrap();
    match next(&mut events).await {
        Event::LaunchFailed { kind: FailureKind::User, message, .. } => {
            assert_eq!(
                message,
                "Failed to chown directory to 'no-such-user-here': No such user 'no-such-user-here'"
            );
        }
        other => panic!("{other:?}"),
    }
    containerizer.stop().await;
}

#[tokio::test]
async fn logs_are_rotated() {
    let mut cluster = Cluster::new();
    cluster.options.rotation = Some(Rotation { size_max: 1000, files: 1 });
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "yes | head -c 5000; until [ -s stdout.1 ]; do sleep 0.01; done; echo after";
    containerizer.launch(cluster.shell("a", line)).await.unwrap();
    started(&mut events, "a").await;
    assert_eq!(exited(&mut events, "a").await, Some(0));
    assert_eq!(cluster.output("a", "stdout.1").len(), 5000);
    assert_eq!(cluster.output("a", "stdout"), "after\n");
    containerizer.stop().await;
}

#[tokio::test]
async fn a_launch_is_destroyed_while_it_fetches() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/file", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // Slowly without end, until the fetcher hangs up.
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while std::io::Write::write_all(&mut stream, b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut launch = cluster.shell("a", "true");
    launch.uris = vec![tepui_containment::Uri::new(uri)];
    containerizer.launch(launch).await.unwrap();
    until("it fetches", || cluster.sandbox("a").join("file").exists()).await;
    containerizer.destroy("a").await.unwrap();
    assert!(matches!(next(&mut events).await, Event::LaunchFailed { kind: FailureKind::Destroyed, .. }));
    server.join().unwrap();
    containerizer.stop().await;
}
