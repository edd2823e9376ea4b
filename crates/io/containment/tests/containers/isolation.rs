//! Namespaces, capabilities and privileges.

use std::fs;

use tepui_containment::{
    Class, Containment, Event, FailureKind, IpcMode, Isolator, Launch, Linux, capabilities::CapabilitySet,
};

use crate::harness::{Cluster, exited, is_alive, next, read_pid, started, until};

fn set(names: &[&str]) -> CapabilitySet {
    CapabilitySet::named(names.iter().copied()).unwrap()
}

/// The namespace of a kind that a process is in.
fn namespace(process: &str, kind: &str) -> String {
    fs::read_link(format!("/proc/{process}/ns/{kind}")).unwrap().display().to_string()
}

#[tokio::test]
async fn process_ids_of_its_own() {
    let Some(cluster) = Cluster::with(Containment::only([Isolator::NamespacesPid])) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    // It is not the first, orphans are taken in, and what it leaves behind ends with it.
    let line = "echo $$; ls /proc | grep -c '^[0-9]'; (setsid sleep 1000 & echo $!) ; \
                (sh -c 'sleep 0.01; exit 3' &); sleep 0.1; ps -ef | grep -c '[d]efunct'; exit 7";
    containerizer.launch(cluster.shell("a", line)).await.unwrap();
    let pid = started(&mut events, "a").await;
    assert_eq!(exited(&mut events, "a").await, Some(7 << 8));
    let output = cluster.output("a", "stdout");
    let numbers: Vec<i32> = output.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!((numbers[0], numbers[3]), (2, 0), "{output}");
    assert!((3..8).contains(&numbers[1]), "{output}");
    assert!(!is_alive(pid));

    // Exact ends: a signal from outside, from itself, and with its default effect.
    for (id, line, signal, status) in [
        ("b", "exec sleep 1000", Some(libc::SIGTERM), libc::SIGTERM),
        ("c", "kill -USR1 $$; sleep 1000", None, libc::SIGUSR1),
        ("d", "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done", Some(libc::SIGTERM), 5 << 8),
        ("e", "sleep 1000", Some(libc::SIGKILL), libc::SIGKILL),
    ] {
        containerizer.launch(cluster.shell(id, line)).await.unwrap();
        started(&mut events, id).await;
        if id == "d" {
            until("it is ready", || cluster.output("d", "stdout") == "up\n").await;
        }
        if let Some(signal) = signal {
            containerizer.signal(id, signal, false).await.unwrap();
        }
        assert_eq!(exited(&mut events, id).await, Some(status), "{id}");
    }
    containerizer.stop().await;
}

#[tokio::test]
async fn a_daemon_does_not_leave_its_process_ids() {
    let Some(cluster) = Cluster::with(Containment::only([Isolator::NamespacesPid])) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    // Left group, session and parent.
    let line = "(setsid sh -c 'sleep 31 & exec sleep 1001' &); sleep 0.05; echo ready; sleep 1000";
    containerizer.launch(cluster.shell("a", line)).await.unwrap();
    let pid = started(&mut events, "a").await;
    until("it is ready", || cluster.output("a", "stdout") == "ready\n").await;
    let own = namespace(&pid.to_string(), "pid");
    let members = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter(|entry| {
                fs::read_link(entry.path().join("ns/pid")).is_ok_and(|link| link.display().to_string() == own)
            })
            .count()
    };
    assert!(members() >= 4, "{}", members());
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a").await, Some(9));
    // Before its end was told.
    assert_eq!(members(), 0);
    containerizer.stop().await;
}

#[tokio::test]
async fn its_process_ids_outlive_agent_and_supervisor() {
    let Some(cluster) = Cluster::with(Containment::only([Isolator::NamespacesPid])) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(cluster.shell("a", "exec sleep 1000")).await.unwrap();
    let pid = started(&mut events, "a").await;
    let init = cluster.options.runtime_dir.join("containers/a/init");
    until("it is written down", || read_pid(&init.with_file_name("pid")) == Some(pid)).await;
    let init = read_pid(&init).unwrap();
    drop((containerizer, events));
    cluster.kill_supervisor().await;
    let (containerizer, mut events, recovered) = cluster.start_again().await;
    assert_eq!((recovered[0].pid, recovered[0].exited), (pid, None));
    assert!(is_alive(init));
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a").await, None);
    until("the first process ends", || !is_alive(init)).await;
    containerizer.stop().await;
}

/// Numbers of a process, from the outermost namespace of process ids in.
fn numbers(pid: i32) -> Vec<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    line.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_parent_sees_the_processes_that_are_nested_in_it() {
    let Some(cluster) = Cluster::with(Containment::only([Isolator::NamespacesPid])) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "sleep 1000";
    let nested =
        |id: &str, parent: &str| Launch { parent: Some(parent.to_owned()), ..cluster.shell(id, line) };
    let mut pids = Vec::new();
    for launch in [cluster.shell("a", line), nested("a.b", "a"), nested("a.b.c", "a.b"), nested("a.d", "a")] {
        let id = launch.container_id.clone();
        containerizer.launch(launch).await.unwrap();
        pids.push(started(&mut events, &id).await);
    }
    // Every level has a number of its own for it.
    let depth: Vec<usize> = pids.iter().map(|pid| numbers(*pid).len()).collect();
    assert_eq!((depth[1], depth[2], depth[3]), (depth[0] + 1, depth[0] + 2, depth[0] + 1));
    assert!(pids.iter().all(|pid| numbers(*pid).last() == Some(&2)));
    // By its own the parent sees it and signals it.
    let number = numbers(pids[3])[depth[0] - 1];
    let kill = format!("tr '\\0' ' ' < /proc/{number}/cmdline; kill -TERM {number}");
    let debug =
        Launch { class: Class::Debug, parent: Some("a".to_owned()), ..cluster.shell("a.kill", &kill) };
    containerizer.launch(debug).await.unwrap();
    started(&mut events, "a.kill").await;
    let mut ends = [next(&mut events).await, next(&mut events).await];
    ends.sort_by_key(|end| format!("{end:?}"));
    let ended = |id: &str, status| Event::Exited { container_id: id.to_owned(), status, limitation: None };
    assert_eq!(ends, [ended("a.d", Some(libc::SIGTERM)), ended("a.kill", Some(0))]);
    assert!(cluster.output("a.kill", "stdout").contains("sleep 1000"));
    // The kernel ends what is below with what is above; each end is told, and the parent's last.
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pids[0]).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    for id in ["a.b.c", "a.b", "a"] {
        assert_eq!(exited(&mut events, id).await, Some(9), "{id}");
    }
    assert!(pids.iter().all(|pid| !is_alive(*pid)));

    // Below a parent that has the machine's process ids.
    let mut sharing = cluster.shell("s", line);
    sharing.linux.share_pid_namespace = true;
    containerizer.launch(sharing).await.unwrap();
    let parent = started(&mut events, "s").await;
    containerizer.launch(nested("s.n", "s")).await.unwrap();
    let pid = started(&mut events, "s.n").await;
    assert_eq!((numbers(parent).len() + 1, numbers(pid).last()), (numbers(pid).len(), Some(&2)));
    containerizer.destroy("s").await.unwrap();
    assert_eq!(exited(&mut events, "s.n").await, Some(9));
    assert_eq!(exited(&mut events, "s").await, Some(9));
    containerizer.stop().await;
}

#[tokio::test]
async fn nested_ones_share_what_is_said() {
    let isolators = [Isolator::NamespacesPid, Isolator::NamespacesIpc, Isolator::FilesystemLinux];
    let Some(cluster) = Cluster::with(Containment::only(isolators)) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    let script = "readlink /proc/self/ns/pid /proc/self/ns/ipc /proc/self/ns/mnt; echo; sleep 1000";
    let nested = |id: &str| Launch { parent: Some("a".to_owned()), ..cluster.shell(id, script) };
    let debug = Launch { class: Class::Debug, ..nested("a.debug") };
    let mut sharing = nested("a.sharing");
    sharing.linux.share_pid_namespace = true;
    let mut private = nested("a.private");
    private.linux.ipc_mode = IpcMode::Private;
    let mut seen = Vec::new();
    for launch in [cluster.shell("a", script), debug, sharing, private] {
        let id = launch.container_id.clone();
        containerizer.launch(launch).await.unwrap();
        started(&mut events, &id).await;
        until("it has said it", || cluster.output(&id, "stdout").ends_with("\n\n")).await;
        seen.push(cluster.output(&id, "stdout").lines().map(str::to_owned).collect::<Vec<_>>());
    }
    let [parent, debug, sharing, private] = &seen[..] else { unreachable!() };
    for (kind, own) in ["pid", "ipc", "mnt"].into_iter().zip(parent) {
        assert_ne!(*own, namespace("self", kind));
    }
    assert_eq!(parent, debug);
    assert_eq!(parent[..2], sharing[..2]);
    assert!(parent[2] != sharing[2]);
    assert!((0..3).all(|kind| parent[kind] != private[kind]), "{parent:?} {private:?}");
    containerizer.destroy("a").await.unwrap();
    for _ in 0..4 {
        assert!(matches!(next(&mut events).await, Event::Exited { status: Some(9), .. }));
    }
    containerizer.stop().await;
}

#[tokio::test]
async fn mounts_and_shared_memory_stay_inside() {
    let isolators = [Isolator::NamespacesIpc, Isolator::FilesystemLinux];
    let Some(cluster) = Cluster::with(Containment::only(isolators)) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "mkdir m && mount -t tmpfs none m && touch m/inside && ls m && touch /dev/shm/mark && \
                df -k /dev/shm | tail -1 | awk '{print $2}'";
    let mut launch = cluster.shell("a", line);
    launch.linux = Linux { ipc_mode: IpcMode::Private, shm_bytes: Some(4 << 20), ..Linux::default() };
    containerizer.launch(launch).await.unwrap();
    started(&mut events, "a").await;
    assert_eq!(exited(&mut events, "a").await, Some(0), "{}", cluster.output("a", "stderr"));
    assert_eq!(cluster.output("a", "stdout"), "inside\n4096\n");
    assert_eq!(fs::read_dir(cluster.sandbox("a").join("m")).unwrap().count(), 0);
    assert!(!std::path::Path::new("/dev/shm/mark").exists());
    containerizer.stop().await;
}

#[tokio::test]
async fn capabilities_are_as_asked_for() {
    let mut isolation = Containment::only([Isolator::LinuxCapabilities, Isolator::LinuxNnp]);
    isolation.bounding_capabilities = Some(set(&["CHOWN", "NET_RAW", "KILL"]));
    isolation.effective_capabilities = Some(set(&["KILL"]));
    let Some(cluster) = Cluster::with(isolation) else { return };
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "grep -E 'CapEff|CapBnd|CapPrm|CapAmb|NoNewPrivs' /proc/self/status | tr -d ' \\t\\n'";
    let show = |effective: &CapabilitySet, bounding: &CapabilitySet| {
        let (e, b) = (effective.0, bounding.0);
        format!("CapPrm:{e:016x}CapEff:{e:016x}CapBnd:{b:016x}CapAmb:{e:016x}NoNewPrivs:1")
    };
    let all = set(&["CHOWN", "NET_RAW", "KILL"]);
    for (id, user, effective, bounding, expected) in [
        ("default", None, None, None, show(&set(&["KILL"]), &all)),
        ("root", None, Some(set(&["CHOWN"])), None, show(&set(&["CHOWN"]), &all)),
        ("nobody", Some("nobody"), Some(set(&["NET_RAW"])), Some(all), show(&set(&["NET_RAW"]), &all)),
        ("none", Some("nobody"), Some(set(&[])), Some(set(&[])), show(&set(&[]), &set(&[]))),
    ] {
        let mut launch = cluster.shell(id, line);
        launch.user = user.map(str::to_owned);
        launch.linux =
            Linux { effective_capabilities: effective, bounding_capabilities: bounding, ..Linux::default() };
        containerizer.launch(launch).await.unwrap();
        started(&mut events, id).await;
        assert_eq!(exited(&mut events, id).await, Some(0));
        assert_eq!(cluster.output(id, "stdout"), expected, "{id}");
    }
    let mut launch = cluster.shell("more", "true");
    launch.linux.effective_capabilities = Some(set(&["SYS_ADMIN"]));
    containerizer.launch(launch).await.unwrap();
    match next(&mut events).await {
        Event::LaunchFailed { kind: FailureKind::Spawn, message, .. } => assert_eq!(
            message,
            "The effective capabilities that the container asks for are not allowed: SYS_ADMIN"
        ),
        other => panic!("{other:?}"),
    }
    containerizer.stop().await;
}

#[tokio::test]
async fn without_powers_what_is_asked_for_is_refused() {
    let isolation = Containment::only([Isolator::NamespacesPid]);
    if isolation.try_out().is_ok() {
        eprintln!("skipped: nothing is refused to this user");
        return;
    }
    let message = isolation.try_out().unwrap_err().to_string();
    assert!(message.starts_with("--isolation=namespaces/pid needs the capability SYS_ADMIN"), "{message}");
}
