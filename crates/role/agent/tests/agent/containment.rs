//! What schedulers and operators see of how containers are held.

use std::{fs, path::Path, time::Duration};

use tepui_agent::{AgentServer, Options};
use tepui_containment::{Containment, Isolator};
use tepui_wire_mesos::v1::{self, TaskState, task_status::Reason};

use crate::harness::{Master, Work, command, get, scalar, until};

/// With these isolators and a cgroup of its own; `None`, and said, where this machine does not let us.
fn options(work: &Work, master: &Master, mut containment: Containment) -> Option<Options> {
    let mut options = work.options(master);
    let name = work.path().file_name().unwrap().to_str().unwrap();
    containment.cgroups_root = format!("tepui-test-{}", name.trim_start_matches('.'));
    if let Err(error) = containment.try_out() {
        println!("skipped: {error}");
        return None;
    }
    options.settings.containment = containment;
    Some(options)
}

/// Removes the cgroups that an agent leaves for the next one.
struct Tidy(String);

impl Drop for Tidy {
    fn drop(&mut self) {
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(&self.0));
        }
        let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(&self.0));
    }
}

pub async fn too_much_memory_is_told_with_figures() {
    let (work, mut master) = (Work::new(), Master::start().await);
    let containment = Containment::only([Isolator::CgroupsCpu, Isolator::CgroupsMem]);
    let Some(options) = options(&work, &master, containment) else { return };
    let _tidy = Tidy(options.settings.containment.cgroups_root.clone());
    let agent = AgentServer::start(options).await.unwrap();
    master.register("S0").await;
    master.run(command("t", "x=0123456789; while :; do x=$x$x; done"), false);
    let status = master.terminal_update().await.status;
    assert_eq!(status.state(), TaskState::TaskFailed);
    assert_eq!(status.reason(), Reason::ContainerLimitationMemory);
    let message = status.message();
    // The command executor's own share is on top of what the task asked for.
    assert!(message.starts_with("Memory limit exceeded: Requested: 64MB Maximum Used: "), "{message}");
    assert!(message.contains("MEMORY STATISTICS"), "{message}");
    let resources = &status.limitation.as_ref().unwrap().resources;
    let used = resources[0].scalar.as_ref().unwrap().value;
    assert!(resources[0].name == "mem" && (48.0..=65.0).contains(&used), "{resources:?}");

    // A limit of its own is beyond what is promised.
    let memory = "/sys/fs/cgroup/memory$(sed -n 's/.*:memory://p' /proc/self/cgroup)";
    let mut task = command("u", &format!("cat {memory}/memory.limit_in_bytes || true"));
    task.limits.insert("mem".to_owned(), v1::value::Scalar { value: 96.0 });
    master.run(task, false);
    assert_eq!(master.terminal_update().await.status.state(), TaskState::TaskFinished);
    if Path::new("/sys/fs/cgroup/memory").is_dir() {
        let limit = fs::read_to_string(work.latest("u").join("stdout")).unwrap();
        assert_eq!(limit.trim().parse(), Ok((96 + 32) << 20));
    }
    agent.stop().await;
}

pub async fn too_much_disk_is_told_with_figures() {
    let (work, mut master) = (Work::new(), Master::start().await);
    let containment = Containment {
        container_disk_watch_interval: Duration::ZERO,
        enforce_container_disk_quota: true,
        ..Containment::only([Isolator::DiskDu])
    };
    let Some(options) = options(&work, &master, containment) else { return };
    let agent = AgentServer::start(options).await.unwrap();
    master.register("S0").await;
    let mut task = command("t", "head -c 5000000 /dev/zero > file; exec sleep 1000");
    task.resources.push(scalar("disk", 1.0));
    master.run(task, false);
    let status = master.terminal_update().await.status;
    assert_eq!((status.state(), status.reason()), (TaskState::TaskFailed, Reason::ContainerLimitationDisk));
    let message = status.message();
    assert!(message.starts_with("Disk usage (") && message.ends_with(") exceeds quota (1MB)"), "{message}");
    let resources = &status.limitation.as_ref().unwrap().resources;
    assert!(resources[0].name == "disk" && resources[0].scalar.as_ref().unwrap().value >= 1.0);
    agent.stop().await;
}

pub async fn a_user_that_does_not_exist_is_told() {
    let (work, mut master) = (Work::new(), Master::start().await);
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    let mut task = command("t", "true");
    task.command.as_mut().unwrap().user = Some("no-such-user-here".to_owned());
    master.run(task, false);
    let status = master.terminal_update().await.status;
    // There is not even a directory for it: the task never was on this agent.
    assert_eq!(status.state(), TaskState::TaskLost);
    assert!(status.message().contains("No such user 'no-such-user-here'"), "{}", status.message());
    agent.stop().await;
}

pub async fn a_fetch_that_fails_is_told() {
    let (work, mut master) = (Work::new(), Master::start().await);
    let mut options = work.options(&master);
    options.settings.containment.fetcher_stall_timeout = Duration::from_millis(300);
    let agent = AgentServer::start(options).await.unwrap();
    master.register("S0").await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let missing = work.path().join("missing").display().to_string();
    for (id, uri, words) in [
        ("missing", missing, "No such file or directory"),
        ("stalls", format!("http://{}/x", silent.local_addr().unwrap()), "it has stalled"),
    ] {
        let mut task = command(id, "true");
        let uri = v1::command_info::Uri { value: uri, ..v1::command_info::Uri::default() };
        task.command.as_mut().unwrap().uris.push(uri.clone());
        master.run(task, false);
        let status = master.terminal_update().await.status;
        assert_eq!(status.state(), TaskState::TaskFailed);
        let message = status.message();
        assert!(message.contains(&uri.value) && message.contains(words), "{message}");
    }
    agent.stop().await;
}

pub async fn containers_are_measured() {
    let (work, mut master) = (Work::new(), Master::start().await);
    let containment = Containment {
        container_disk_watch_interval: Duration::ZERO,
        cgroups_enable_cfs: true,
        ..Containment::only([Isolator::CgroupsAll, Isolator::DiskDu])
    };
    let Some(options) = options(&work, &master, containment) else { return };
    let _tidy = Tidy(options.settings.containment.cgroups_root.clone());
    let agent = AgentServer::start(options).await.unwrap();
    master.register("S0").await;
    let mut task = command("t", "head -c 2000000 /dev/zero > file; touch done; exec sleep 1000");
    task.resources.push(scalar("disk", 100.0));
    master.run(task, false);
    let done = work.latest("t").join("done");
    until("it has worked", || done.exists()).await;
    let statistics = loop {
        let containers = get(agent.address(), "/containers").await.json();
        let statistics = containers[0]["statistics"].clone();
        if statistics["disk_used_bytes"].as_u64().is_some_and(|bytes| bytes >= 2_000_000) {
            break statistics;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for (name, value) in [
        ("cpus_limit", 0.11),
        ("cpus_soft_limit", 0.11),
        ("mem_limit_bytes", f64::from(64 << 20)),
        ("disk_limit_bytes", f64::from(100 << 20)),
        ("processes", 1.0),
        ("threads", 1.0),
    ] {
        assert_eq!(statistics[name].as_f64(), Some(value), "{name}: {statistics}");
    }
    for name in [
        "cpus_user_time_secs",
        "cpus_system_time_secs",
        "cpus_nr_periods",
        "mem_rss_bytes",
        "mem_total_bytes",
    ] {
        assert!(statistics[name].is_number(), "{name}: {statistics}");
    }
    master.kill("t");
    master.terminal_update().await;
    agent.stop().await;
}
