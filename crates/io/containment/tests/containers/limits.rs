//! Memory, processes, disk: limited and measured.

use std::{fs, path::Path};

use tepui_containment::{
    Containment, Event, FailureKind, Isolator, Launch, Launcher, Limitation, Limited, Limits, Stdio,
    rotation::Rotation,
};

use crate::harness::{Cluster, exited, is_alive, next, read_pid, started, until};

fn memory() -> Containment {
    Containment::only([Isolator::CgroupsCpu, Isolator::CgroupsMem])
}

fn limits(megabytes: u64) -> Limits {
    Limits { cpus: 0.5, memory_bytes: Some(megabytes << 20), ..Limits::default() }
}

/// A shell whose variable doubles until it is too much.
const HUNGRY: &str = "x=0123456789; while :; do x=$x$x; done";

#[tokio::test]
async fn too_much_memory_is_told_with_figures() {
    let Some(cluster) = Cluster::with(memory()) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(Launch { limits: limits(32), ..cluster.shell("a", HUNGRY) }).await.unwrap();
    started(&mut events, "a").await;
    match next(&mut events).await {
        Event::Exited { status: Some(9), limitation: Some(limitation), .. } => {
            let Limitation { limited, message, used_bytes } = limitation;
            assert_eq!(limited, Limited::Memory);
            assert!(
                message.starts_with("Memory limit exceeded: Requested: 32MB Maximum Used: "),
                "{message}"
            );
            assert!(message.contains("\n\nMEMORY STATISTICS: \n"), "{message}");
            assert!((24 << 20..=33 << 20).contains(&used_bytes), "{used_bytes}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.cgroups("a"), Vec::<std::path::PathBuf>::new());
    containerizer.stop().await;
}

#[tokio::test]
async fn a_container_is_ended_when_a_part_of_it_is_killed_for_memory() {
    let Some(cluster) = Cluster::with(memory()) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    // At once, and when it has run for a while; each would end by itself soon after.
    for (id, wait, hungry) in [("early", 0.0, "tail /dev/zero"), ("late", 0.3, HUNGRY)] {
        let line = format!("sleep {wait}; (setsid sh -c '{hungry}'); sleep 0.7; exit 7");
        containerizer.launch(Launch { limits: limits(32), ..cluster.shell(id, &line) }).await.unwrap();
        started(&mut events, id).await;
        match next(&mut events).await {
            Event::Exited { status: Some(9), limitation: Some(limitation), .. } => {
                assert_eq!(limitation.limited, Limited::Memory);
                let figures = "Memory limit exceeded: Requested: 32MB Maximum Used: ";
                assert!(limitation.message.starts_with(figures), "{}", limitation.message);
            }
            other => panic!("{id}: {other:?}"),
        }
    }
    containerizer.stop().await;
}

#[tokio::test]
async fn a_part_that_was_killed_while_the_agent_was_away_ends_the_container() {
    let Some(cluster) = Cluster::with(memory()) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    let line = format!(
        "until [ -e go ]; do sleep 0.02; done; (setsid sh -c '{HUNGRY}'); echo gone; exec sleep 1000"
    );
    containerizer.launch(Launch { limits: limits(32), ..cluster.shell("a", &line) }).await.unwrap();
    started(&mut events, "a").await;
    drop((containerizer, events));
    fs::write(cluster.sandbox("a").join("go"), "").unwrap();
    until("its child is gone", || cluster.output("a", "stdout") == "gone\n").await;
    let (containerizer, mut events, recovered) = cluster.start_again().await;
    assert_eq!((recovered[0].exited, &recovered[0].limitation), (None, &None));
    match next(&mut events).await {
        Event::Exited { status: Some(9), limitation: Some(limitation), .. } => {
            assert!(limitation.message.starts_with("Memory limit exceeded: Requested: 32MB"));
        }
        other => panic!("{other:?}"),
    }
    containerizer.stop().await;
}

#[tokio::test]
async fn what_forks_away_is_still_in_the_cgroup() {
    // The second has no cgroup but the launcher's own.
    let launcher = Containment { launcher: Some(Launcher::Linux), ..Containment::only([Isolator::PosixCpu]) };
    for isolation in [memory(), launcher] {
        let Some(cluster) = Cluster::with(isolation) else { continue };
        let (containerizer, mut events, _) = cluster.start().await;
        for (id, end) in [("destroyed", "sleep 1000"), ("ended", "until [ -s daemon ]; do sleep 0.01; done")]
        {
            let line = format!("(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); {end}");
            containerizer.launch(Launch { limits: limits(64), ..cluster.shell(id, &line) }).await.unwrap();
            started(&mut events, id).await;
            let file = cluster.sandbox(id).join("daemon");
            until("the daemon runs", || read_pid(&file).is_some()).await;
            let daemon = read_pid(&file).unwrap();
            if id == "destroyed" {
                assert!(!cluster.cgroups(id).is_empty());
                containerizer.destroy(id).await.unwrap();
                assert_eq!(exited(&mut events, id).await, Some(9));
            } else {
                assert_eq!(exited(&mut events, id).await, Some(0));
            }
            // Before the end was told.
            assert!(!is_alive(daemon));
        }
        containerizer.stop().await;
    }
}

#[tokio::test]
async fn nested_limits_are_below_those_of_the_parent() {
    let Some(cluster) = Cluster::with(memory()) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(Launch { limits: limits(128), ..cluster.shell("a", "sleep 1000") }).await.unwrap();
    started(&mut events, "a").await;
    let parent = Some("a".to_owned());
    let own = Launch {
        parent: parent.clone(),
        own_limits: true,
        limits: limits(32),
        ..cluster.shell("a.own", HUNGRY)
    };
    containerizer.launch(own).await.unwrap();
    started(&mut events, "a.own").await;
    match next(&mut events).await {
        Event::Exited { container_id, limitation: Some(limitation), .. } => {
            assert_eq!(container_id, "a.own");
            assert!(limitation.message.starts_with("Memory limit exceeded: Requested: 32MB"));
        }
        other => panic!("{other:?}"),
    }
    let shared = Launch { parent, ..cluster.shell("a.shared", "cat /proc/self/cgroup; sleep 1000") };
    containerizer.launch(shared).await.unwrap();
    let pid = started(&mut events, "a.shared").await;
    let root = format!("/{}/a\n", cluster.options.containment.cgroups_root);
    assert!(fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap().replace("/leaf", "").contains(&root));
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a.shared").await, Some(9));
    assert_eq!(exited(&mut events, "a").await, Some(9));
    assert!(cluster.cgroups("a").is_empty());
    containerizer.stop().await;
}

#[tokio::test]
async fn everything_is_measured() {
    let isolation = Containment {
        container_disk_watch_interval: std::time::Duration::ZERO,
        cgroups_enable_cfs: true,
        ..Containment::only([
            Isolator::CgroupsCpu,
            Isolator::CgroupsMem,
            Isolator::CgroupsPids,
            Isolator::DiskDu,
        ])
    };
    let Some(cluster) = Cluster::with(isolation) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "head -c 3000000 /dev/zero > file; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; \
                touch done; sleep 1000";
    let limits = Limits { disk_bytes: Some(1 << 30), ..limits(64) };
    containerizer.launch(Launch { limits, ..cluster.shell("a", line) }).await.unwrap();
    started(&mut events, "a").await;
    until("it has worked", || cluster.sandbox("a").join("done").exists()).await;
    let measured = loop {
        let measured = containerizer.measure().await.unwrap()["a"];
        if measured.disk_used_bytes.is_some_and(|bytes| bytes >= 3_000_000) {
            break measured;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(measured.disk_limit_bytes, Some(1 << 30));
    let used = measured.cgroup.unwrap();
    assert!(used.user_secs.unwrap() + used.system_secs.unwrap() > 0.0);
    assert_eq!((used.cpus_limit, used.memory.limit), (Some(0.5), Some(64 << 20)));
    assert!(used.memory.total.unwrap() > 0);
    assert_eq!((used.processes, measured.processes.processes, measured.processes.threads), (Some(2), 2, 2));
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a").await, Some(9));
    assert!(containerizer.measure().await.unwrap().is_empty());
    containerizer.stop().await;
}

#[tokio::test]
async fn too_much_disk_ends_a_container() {
    let mut isolation = Containment {
        container_disk_watch_interval: std::time::Duration::ZERO,
        ..Containment::only([Isolator::DiskDu])
    };
    for enforce in [false, true] {
        isolation.enforce_container_disk_quota = enforce;
        let Some(cluster) = Cluster::with(isolation.clone()) else { return };
        let (containerizer, mut events, _) = cluster.start().await;
        let line = "head -c 3000000 /dev/zero > file; until [ -e go ]; do sleep 0.02; done; exit 3";
        let limits = Limits { disk_bytes: Some(1 << 20), ..Limits::default() };
        containerizer.launch(Launch { limits, ..cluster.shell("a", line) }).await.unwrap();
        started(&mut events, "a").await;
        if enforce {
            match next(&mut events).await {
                Event::Exited { status: Some(9), limitation: Some(limitation), .. } => {
                    assert_eq!(limitation.limited, Limited::Disk);
                    assert!(limitation.message.starts_with("Disk usage ("), "{}", limitation.message);
                    assert!(limitation.message.ends_with("exceeds quota (1MB)"), "{}", limitation.message);
                }
                other => panic!("{other:?}"),
            }
        } else {
            while containerizer.measure().await.unwrap()["a"].disk_used_bytes < Some(2 << 20) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            fs::write(cluster.sandbox("a").join("go"), "").unwrap();
            assert_eq!(exited(&mut events, "a").await, Some(3 << 8));
        }
        containerizer.stop().await;
    }
}

#[tokio::test]
async fn an_agent_clears_away_what_others_left_empty() {
    let Some(cluster) = Cluster::with(memory()) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(Launch { limits: limits(64), ..cluster.shell("a", "sleep 1000") }).await.unwrap();
    started(&mut events, "a").await;
    let living = cluster.cgroups("a");
    assert!(!living.is_empty());
    drop((containerizer, events));
    // An agent was killed for ever between making and using it.
    let left: Vec<_> = living.iter().map(|directory| directory.with_file_name("left")).collect();
    left.iter().for_each(|directory| fs::create_dir(directory).unwrap());
    let (containerizer, mut events, _) = cluster.start_again().await;
    assert_eq!(cluster.cgroups("left"), Vec::<std::path::PathBuf>::new());
    assert_eq!(cluster.cgroups("a"), living);
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a").await, Some(9));
    assert!(cluster.cgroups("a").is_empty());
    containerizer.stop().await;
}

#[tokio::test]
async fn a_flood_of_output_is_bounded_by_rotation() {
    let mut cluster = Cluster::new();
    cluster.options.rotation = Some(Rotation { size_max: 100_000, files: 2 });
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "i=0; until [ -e stop ]; do head -c 20000 /dev/zero; sleep 0.01; done";
    containerizer.launch(Launch { stdio: Stdio::Files, ..cluster.shell("a", line) }).await.unwrap();
    started(&mut events, "a").await;
    let sandbox = cluster.sandbox("a");
    until("it was rotated twice", || sandbox.join("stdout.2").exists()).await;
    let sizes: u64 =
        fs::read_dir(&sandbox).unwrap().flatten().map(|entry| entry.metadata().unwrap().len()).sum();
    fs::write(sandbox.join("stop"), "").unwrap();
    assert!(sizes < 20 << 20, "{sizes}");
    assert!(!Path::new(&sandbox).join("stdout.3").exists());
    assert_eq!(exited(&mut events, "a").await, Some(0));
    containerizer.stop().await;
}

#[tokio::test]
async fn too_much_memory_while_the_agent_is_away_is_told_after_it() {
    let Some(cluster) = Cluster::with(memory()) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    let line = format!("until [ -e go ]; do sleep 0.02; done; {HUNGRY}");
    containerizer.launch(Launch { limits: limits(32), ..cluster.shell("a", &line) }).await.unwrap();
    containerizer.launch(Launch { limits: limits(32), ..cluster.shell("b", "sleep 1000") }).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(next(&mut events).await, Event::Started { .. }));
    }
    drop((containerizer, events));
    fs::write(cluster.sandbox("a").join("go"), "").unwrap();
    let status = cluster.options.runtime_dir.join("containers/a/status");
    until("it has ended", || read_pid(&status) == Some(9)).await;
    let (containerizer, mut events, recovered) = cluster.start_again().await;
    assert_eq!(recovered[0].exited, Some(Some(9)));
    let limitation = recovered[0].limitation.as_ref().unwrap();
    assert!(limitation.message.starts_with("Memory limit exceeded: Requested: 32MB"));
    assert_eq!((recovered[1].exited, &recovered[1].limitation), (None, &None));
    assert!(cluster.cgroups("a").is_empty());
    containerizer.destroy("b").await.unwrap();
    assert_eq!(exited(&mut events, "b").await, Some(9));
    containerizer.stop().await;
}

/// A file system of its own for sandboxes, as long as this lives.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn new(directory: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(directory).unwrap();
        let arguments = ["-t", "tmpfs", "-o", options, "none"];
        let mount = std::process::Command::new("mount").args(arguments).arg(directory).status();
        if mount.is_ok_and(|status| status.success()) {
            return Some(Self(directory.to_owned()));
        }
        eprintln!("skipped: cannot mount");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn sandboxes_that_cannot_be_written() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let places = cluster.sandbox("");
    for (id, options, words) in [
        ("read-only", "ro", "Read-only file system"),
        ("no-room", "size=64k,nr_inodes=1", "No space left on device"),
    ] {
        let Some(_mounted) = Mounted::new(&places.join(id), options) else { return };
        let mut launch = cluster.shell(id, "true");
        launch.sandbox = places.join(id).join("sandbox");
        containerizer.launch(launch).await.unwrap();
        match next(&mut events).await {
            Event::LaunchFailed { kind: FailureKind::Sandbox, message, .. } => {
                assert!(message.starts_with("Failed to create the sandbox '"), "{message}");
                assert!(message.contains(words), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    // Room for the sandbox, but not for what is in it.
    let Some(_mounted) = Mounted::new(&places.join("little"), "size=64k,nr_inodes=2") else { return };
    let mut launch = cluster.shell("little", "true");
    launch.sandbox = places.join("little/sandbox");
    containerizer.launch(launch).await.unwrap();
    match next(&mut events).await {
        Event::LaunchFailed { kind: FailureKind::Spawn, message, .. } => {
            assert!(message.starts_with("Failed to open the files '"), "{message}");
            assert!(message.contains("No space left on device"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    // A full disk is the task's own affair, and its end is told.
    let Some(_mounted) = Mounted::new(&places.join("full"), "size=64k") else { return };
    let mut launch = cluster.shell("full", "head -c 1000000 /dev/zero > file || exit 7");
    launch.sandbox = places.join("full/sandbox");
    let uri = cluster.directory.path().join("large");
    fs::write(&uri, vec![0; 1 << 20]).unwrap();
    containerizer.launch(launch.clone()).await.unwrap();
    started(&mut events, "full").await;
    assert_eq!(exited(&mut events, "full").await, Some(7 << 8));
    launch.container_id = "fetching".to_owned();
    launch.uris = vec![tepui_containment::Uri::new(uri.to_str().unwrap())];
    containerizer.launch(launch).await.unwrap();
    match next(&mut events).await {
        Event::LaunchFailed { kind: FailureKind::Fetch, message, .. } => {
            assert!(message.contains("No space left on device"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    containerizer.stop().await;
}
