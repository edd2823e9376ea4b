use super::*;

const BOTH: [Controller; 2] = [Controller::Cpu, Controller::Memory];

#[test]
fn finds_both_versions() {
    let mounts = find::Mounts::read(
        "\
25 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
29 25 broken",
    );
    assert_eq!(mounts.unified, Some("/sys/fs/cgroup/unified".into()));
    let found: Vec<&Path> = mounts.one.iter().map(|(_, directory)| directory.as_path()).collect();
    assert_eq!(found, ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"].map(Path::new));
    assert_eq!(find::Mounts::read(""), find::Mounts::default());
}

/// Version 2 is only files: a directory stands in for the hierarchy.
fn unified(directory: &Path, offered: &str) -> find::Mounts {
    for directory in [directory.to_owned(), directory.join("root")] {
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cgroup.controllers"), offered).unwrap();
        fs::write(directory.join("cgroup.subtree_control"), offered).unwrap();
    }
    find::Mounts { one: Vec::new(), unified: Some(directory.to_owned()) }
}

#[test]
fn version_two_writes_what_the_kernel_reads() {
    let hierarchy = tempfile::tempdir().unwrap();
    let mounts = unified(hierarchy.path(), "cpu memory");
    let (hierarchies, missing) = Hierarchies::prepare_in(&mounts, &BOTH, "root");
    assert_eq!(missing, []);
    let limits = Limits {
        cpus: 0.5,
        cpus_hard: Some(0.25),
        memory_bytes: Some(64 << 20),
        memory_soft_bytes: Some(48 << 20),
        ..Limits::default()
    };
    let cgroup = hierarchies.create("c", None, &limits).unwrap();
    let directory = hierarchy.path().join("root/c");
    let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
    assert_eq!(read("cpu.weight"), "50");
    assert_eq!(read("cpu.max"), "25000 100000");
    assert_eq!((read("memory.max"), read("memory.low")), ("67108864".to_owned(), "50331648".to_owned()));
    assert_eq!(cgroup.procs(), [directory.join("leaf/cgroup.procs").to_str().unwrap()]);
    // Of a running container the limit is only raised.
    cgroup.change(&Limits { memory_bytes: Some(1), ..limits }).unwrap();
    assert_eq!(read("memory.max"), "67108864");
    cgroup
        .change(&Limits { memory_bytes: Some(u64::MAX), cpus_hard: Some(f64::INFINITY), ..limits })
        .unwrap();
    assert_eq!((read("memory.max"), read("cpu.max")), ("max".to_owned(), "max".to_owned()));
    cgroup.limit(&Limits { memory_bytes: Some(1), ..limits }).unwrap();
    assert_eq!(read("memory.max"), MEMORY_MIN.to_string());
    fs::write(directory.join("memory.events"), "low 0\noom 2\noom_kill 3\n").unwrap();
    assert_eq!(cgroup.memory_kills(), 3);
    assert_eq!(hierarchies.of("c"), cgroup);
}

#[test]
fn version_two_nests_with_its_controllers() {
    let hierarchy = tempfile::tempdir().unwrap();
    let mounts = unified(hierarchy.path(), "cpu memory");
    let (hierarchies, _) = Hierarchies::prepare_in(&mounts, &BOTH, "root");
    let parent = hierarchies.create("p", None, &Limits::default()).unwrap();
    let directory = hierarchy.path().join("root/p");
    // The kernel would have made these.
    for directory in [directory.clone(), directory.join("mesos")] {
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cgroup.controllers"), "cpu memory").unwrap();
        fs::write(directory.join("cgroup.subtree_control"), "").unwrap();
    }
    let limits = Limits { memory_bytes: Some(40 << 20), ..Limits::default() };
    let nested = hierarchies.create("p.n", Some(&parent), &limits).unwrap();
    assert_eq!(nested, hierarchies.of("p.n"));
    let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
    assert_eq!(read("mesos/n/memory.max"), (40 << 20).to_string());
    assert_eq!(read("cgroup.subtree_control"), "+memory");
    assert_eq!(read("mesos/cgroup.subtree_control"), "+memory");
    assert_eq!(nested.procs(), [directory.join("mesos/n/leaf/cgroup.procs").to_str().unwrap()]);
}

#[test]
fn version_two_is_measured() {
    let hierarchy = tempfile::tempdir().unwrap();
    let mounts = unified(hierarchy.path(), "cpu memory");
    let (hierarchies, _) = Hierarchies::prepare_in(&mounts, &BOTH, "root");
    let cgroup = hierarchies.create("c", None, &Limits::default()).unwrap();
    let directory = hierarchy.path().join("root/c");
    for (file, text) in [
        (
            "cpu.stat",
            "usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\nnr_periods 7\nnr_throttled 2\n\
             throttled_usec 500000\n",
        ),
        ("cpu.max", "50000 100000\n"),
        ("memory.current", "1000\n"),
        ("memory.max", "max\n"),
        ("memory.low", "500\n"),
        ("memory.peak", "2000\n"),
        ("memory.stat", "anon 600\nfile 300\nkernel 100\nfile_mapped 200\nunevictable 1\n"),
        ("leaf/cgroup.procs", "12\n13\n"),
    ] {
        fs::write(directory.join(file), text).unwrap();
    }
    let used = cgroup.measure();
    assert_eq!((used.user_secs, used.system_secs), (Some(2.5), Some(1.0)));
    assert_eq!((used.periods, used.throttled_periods, used.throttled_secs), (Some(7), Some(2), Some(0.5)));
    assert_eq!((used.cpus_limit, used.processes), (Some(0.5), Some(2)));
    let memory = used.memory;
    assert_eq!((memory.total, memory.limit, memory.soft_limit), (Some(1000), None, Some(500)));
    assert_eq!((memory.anonymous, memory.file, memory.kernel), (Some(600), Some(300), Some(100)));
    let figures = cgroup.figures();
    assert_eq!((figures.limit, figures.peak), (None, Some(2000)));
    assert!(figures.table.starts_with("anon 600\n"));
}

#[test]
fn what_is_not_offered_is_said() {
    let hierarchy = tempfile::tempdir().unwrap();
    let mounts = unified(hierarchy.path(), "cpu");
    let (hierarchies, missing) = Hierarchies::prepare_in(&mounts, &BOTH, "root");
    assert!(!hierarchies.is_empty());
    assert_eq!(missing.len(), 1);
    assert!(missing[0].1.contains("does not offer memory"), "{missing:?}");
    let (hierarchies, missing) = Hierarchies::prepare_in(&find::Mounts::default(), &BOTH, "root");
    assert!(hierarchies.is_empty());
    assert_eq!(missing[0].1, "there is no cgroup hierarchy with cpu");
    let cgroup = hierarchies.create("c", None, &Limits::default()).unwrap();
    assert!(cgroup.procs().is_empty() && !cgroup.exists());
}

#[test]
fn empty_ones_are_cleared_away_while_nobody_else_is_at_work() {
    let hierarchy = tempfile::tempdir().unwrap();
    let root = hierarchy.path().join("root");
    for directory in ["old/mesos/nested", "older"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    // A file stands in for a process: the directory cannot be removed.
    fs::create_dir_all(root.join("living")).unwrap();
    fs::write(root.join("living/cgroup.procs"), "1").unwrap();
    let other = clear(&root).unwrap();
    assert_eq!(directories(&root), [root.join("living")]);
    fs::create_dir(root.join("just-made")).unwrap();
    let ours = clear(&root).unwrap();
    assert!(root.join("just-made").is_dir());
    drop((other, ours));
    clear(&root).unwrap();
    assert!(!root.join("just-made").is_dir());
}
