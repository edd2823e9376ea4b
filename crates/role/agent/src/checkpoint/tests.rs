use std::{fs, path::Path};

use tepui_containment::RecoveredContainer;
use tepui_core_agent::{Checkpoint, ContainerState, Removal, Run};
use tepui_model::{ContainerId, Tick};
use tepui_wire_mesos::{internal, v1};

use super::{layout::Layout, read, record, write::Files};

mod torn;

fn files(work_dir: &Path) -> Files {
    Files { layout: Layout::new(work_dir), agent_id: None, to_disk: false }
}

fn run(container: &str) -> Run {
    Run { framework_id: "f".into(), executor_id: "e x".into(), container_id: ContainerId::new(container) }
}

fn slave_info() -> internal::SlaveInfo {
    internal::SlaveInfo {
        hostname: "host".into(),
        id: Some(v1::AgentId { value: "S0".into() }),
        ..internal::SlaveInfo::default()
    }
}

fn framework_info() -> v1::FrameworkInfo {
    v1::FrameworkInfo {
        name: "name".into(),
        id: Some(v1::FrameworkId { value: "f".into() }),
        checkpoint: Some(true),
        ..v1::FrameworkInfo::default()
    }
}

fn executor_info() -> v1::ExecutorInfo {
    v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: "e x".into() },
        name: Some("executor".into()),
        ..v1::ExecutorInfo::default()
    }
}

fn task(id: &str) -> v1::Task {
    v1::Task { task_id: v1::TaskId { value: id.into() }, name: id.into(), ..v1::Task::default() }
}

fn update(number: u8) -> internal::StatusUpdateRecord {
    let status = v1::TaskStatus {
        task_id: v1::TaskId { value: "t".into() },
        state: v1::TaskState::TaskRunning.into(),
        message: Some("m".repeat(usize::from(number))),
        ..v1::TaskStatus::default()
    };
    internal::StatusUpdateRecord {
        r#type: internal::status_update_record::Type::Update.into(),
        update: Some(internal::StatusUpdate {
            status,
            uuid: Some(vec![number; 16].into()),
            ..internal::StatusUpdate::default()
        }),
        uuid: None,
    }
}

fn acknowledgement(number: u8) -> internal::StatusUpdateRecord {
    internal::StatusUpdateRecord {
        r#type: internal::status_update_record::Type::Ack.into(),
        update: None,
        uuid: Some(vec![number; 16].into()),
    }
}

fn check() -> v1::CheckInfo {
    v1::CheckInfo { tcp: Some(v1::check_info::Tcp { port: 7 }), ..v1::CheckInfo::default() }
}

fn append(record: internal::StatusUpdateRecord) -> Checkpoint {
    Checkpoint::UpdateAppended { run: run("c1"), task_id: "t".into(), record: Box::new(record) }
}

fn write_everything(files: &mut Files) {
    for checkpoint in [
        Checkpoint::Agent(Box::new(slave_info())),
        Checkpoint::Framework { info: Box::new(framework_info()), pid: "@0.0.0.0:0".into() },
        Checkpoint::Executor { run: run("c0"), info: Box::new(executor_info()), command_task: false },
        Checkpoint::Executor { run: run("c1"), info: Box::new(executor_info()), command_task: true },
        Checkpoint::Task {
            run: run("c1"),
            task: Box::new(task("t")),
            deadline: Some(Tick::from_nanos(77)),
            check: Some(Box::new(check())),
        },
        Checkpoint::Task { run: run("c1"), task: Box::new(task("u")), deadline: None, check: None },
        Checkpoint::ForkedPid { run: run("c1"), pid: 4711 },
        Checkpoint::Subscribed { run: run("c1") },
        append(update(1)),
        append(acknowledgement(1)),
        append(update(2)),
        Checkpoint::Drain(Some(v1::DrainConfig { mark_gone: Some(true), ..v1::DrainConfig::default() })),
    ] {
        files.write(&checkpoint).unwrap();
    }
}

#[test]
fn everything_comes_back() {
    let work = tempfile::tempdir().unwrap();
    write_everything(&mut files(work.path()));
    let list = |exited| RecoveredContainer { container_id: "c1".into(), pid: 4711, exited, limitation: None };
    for (containers, state) in [
        (vec![list(None)], ContainerState::Alive),
        (vec![], ContainerState::Unknown),
        (
            vec![list(Some(Some(1792)))],
            ContainerState::Exited(tepui_core_agent::Exit { wait_status: Some(1792), limitation: None }),
        ),
    ] {
        let found = read::recover(work.path(), &containers, "boot-1").unwrap();
        let recovered = found.recovered;
        assert_eq!((recovered.errors, recovered.rebooted), (0, false));
        assert_eq!(recovered.agent, Some(slave_info()));
        assert_eq!(recovered.drain.unwrap().mark_gone, Some(true));
        let [framework] = &recovered.frameworks[..] else { panic!() };
        assert_eq!((&framework.info, framework.pid.as_str()), (&framework_info(), "@0.0.0.0:0"));
        let [executor] = &framework.executors[..] else { panic!() };
        assert_eq!(executor.info, executor_info());
        assert_eq!((executor.command_task, executor.subscribed, executor.completed), (true, true, false));
        assert_eq!((executor.container_id.as_str(), executor.pid), ("c1", Some(4711)));
        assert_eq!(executor.container, state);
        let [t, u] = &executor.tasks[..] else { panic!() };
        assert_eq!((&t.task, t.deadline), (&task("t"), Some(Tick::from_nanos(77))));
        assert_eq!((t.check.as_deref(), u.check.as_deref()), (Some(&check()), None));
        assert_eq!(t.records, [update(1), acknowledgement(1), update(2)]);
        assert_eq!((&u.task, u.deadline, u.records.len()), (&task("u"), None, 0));
        assert_eq!(found.durable.len(), containers.len());
    }
    assert!(read::recover(work.path(), &[], "boot-2").unwrap().recovered.rebooted);
}

#[test]
fn the_files_are_where_mesos_has_them() {
    let work = tempfile::tempdir().unwrap();
    write_everything(&mut files(work.path()));
    let agent = work.path().join("meta/slaves/S0");
    let executor = agent.join("frameworks/f/executors/e x");
    for file in [
        agent.join("slave.info"),
        agent.join("drain.config"),
        agent.join("frameworks/f/framework.info"),
        agent.join("frameworks/f/framework.pid"),
        executor.join("executor.info"),
        executor.join("executor_generated_for_command_task"),
        executor.join("runs/c1/http.marker"),
        executor.join("runs/c1/pids/forked.pid"),
        executor.join("runs/c1/tasks/t/task.info"),
        executor.join("runs/c1/tasks/t/task.updates"),
    ] {
        assert!(file.is_file(), "{}", file.display());
    }
    assert_eq!(fs::read_link(work.path().join("meta/slaves/latest")).unwrap(), agent);
    assert_eq!(fs::read_link(executor.join("runs/latest")).unwrap(), executor.join("runs/c1"));
    let bytes = fs::read(agent.join("slave.info")).unwrap();
    assert_eq!(bytes[..4], u32::try_from(bytes.len() - 4).unwrap().to_ne_bytes());
}

#[test]
fn a_log_cut_anywhere_keeps_its_whole_records() {
    let work = tempfile::tempdir().unwrap();
    let mut files = files(work.path());
    write_everything(&mut files);
    let log = work.path().join("meta/slaves/S0/frameworks/f/executors/e x/runs/c1/tasks/t/task.updates");
    let whole = fs::read(&log).unwrap();
    let records = [update(1), acknowledgement(1), update(2)];
    let ends: Vec<usize> = records
        .iter()
        .scan(0, |end, one| {
            *end += record::encode(one).len();
            Some(*end)
        })
        .collect();
    for cut in 0..=whole.len() {
        fs::write(&log, &whole[..cut]).unwrap();
        let left = ends.iter().filter(|end| **end <= cut).count();
        let read = || {
            let recovered = read::recover(work.path(), &[], "boot").unwrap().recovered;
            assert_eq!(recovered.errors, 0);
            recovered.frameworks[0].executors[0].tasks[0].records.clone()
        };
        assert_eq!(read(), records[..left], "cut at {cut}");
        // What is appended afterwards follows a whole record.
        files.write(&append(update(9))).unwrap();
        let mut expected = records[..left].to_vec();
        expected.push(update(9));
        assert_eq!(read(), expected, "appended after a cut at {cut}");
    }
}

#[test]
fn garbage_is_counted_and_skipped() {
    let work = tempfile::tempdir().unwrap();
    let mut files = files(work.path());
    write_everything(&mut files);
    let run = work.path().join("meta/slaves/S0/frameworks/f/executors/e x/runs/c1");
    fs::write(run.join("tasks/u/task.info"), "garbage").unwrap();
    let mut log = record::encode(&update(1));
    log.extend([0xff; 100]);
    fs::write(run.join("tasks/t/task.updates"), log).unwrap();
    fs::create_dir(run.join("tasks/never")).unwrap();
    let recovered = read::recover(work.path(), &[], "boot").unwrap().recovered;
    assert_eq!(recovered.errors, 1);
    let tasks = &recovered.frameworks[0].executors[0].tasks;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].records, [update(1)]);
    // Without its own identity the agent is a new one.
    fs::write(work.path().join("meta/slaves/S0/slave.info"), [1, 0, 0]).unwrap();
    let recovered = read::recover(work.path(), &[], "boot").unwrap().recovered;
    assert!(recovered.agent.is_none() && recovered.frameworks.is_empty());
    assert_eq!(recovered.errors, 1);
}

#[test]
fn unknown_containers_are_orphans_or_forgotten() {
    let work = tempfile::tempdir().unwrap();
    let mut files = files(work.path());
    write_everything(&mut files);
    files.write(&Checkpoint::Sentinel { run: run("c1") }).unwrap();
    let sandbox = work.path().join("slaves/S0/frameworks/f/executors/e x/runs");
    for id in ["c1", "old"] {
        fs::create_dir_all(sandbox.join(id)).unwrap();
    }
    let list =
        |id: &str, exited| RecoveredContainer { container_id: id.into(), pid: 1, exited, limitation: None };
    let containers = [list("alive", None), list("over", Some(Some(0))), list("c1", Some(Some(0)))];
    let found = read::recover(work.path(), &containers, "boot").unwrap();
    assert_eq!(found.recovered.orphans, [ContainerId::new("alive")]);
    assert_eq!(found.forget, ["c1", "over"]);
    assert!(found.recovered.frameworks[0].executors[0].completed);
    let [old] = &found.recovered.sandboxes[..] else { panic!("{:?}", found.recovered.sandboxes) };
    assert_eq!(Path::new(&old.path), sandbox.join("old"));
}

#[test]
fn removals_leave_nothing() {
    let work = tempfile::tempdir().unwrap();
    let mut files = files(work.path());
    write_everything(&mut files);
    let framework = work.path().join("meta/slaves/S0/frameworks/f");
    let executor = framework.join("executors/e x");
    files.remove(&Removal::Task { run: run("c1"), task_id: "u".into() }).unwrap();
    assert!(!executor.join("runs/c1/tasks/u").exists());
    files.remove(&Removal::Run(run("c0"))).unwrap();
    assert!(executor.join("runs/c1").exists());
    files.remove(&Removal::Run(run("c1"))).unwrap();
    assert!(!executor.exists());
    files.remove(&Removal::Framework { framework_id: "f".into() }).unwrap();
    assert!(!framework.exists());
    files.remove(&Removal::Agent).unwrap();
    assert_eq!(fs::read_dir(work.path().join("meta/slaves")).unwrap().count(), 0);
}

#[test]
fn sandboxes_are_removed_with_what_they_leave_empty() {
    let work = tempfile::tempdir().unwrap();
    let files = files(work.path());
    let runs = work.path().join("slaves/S0/frameworks/f/executors/e/runs");
    for id in ["a", "b"] {
        fs::create_dir_all(runs.join(id)).unwrap();
        fs::write(runs.join(id).join("stdout"), "x").unwrap();
    }
    std::os::unix::fs::symlink(runs.join("b"), runs.join("latest")).unwrap();
    files.remove_sandbox(&runs.join("a")).unwrap();
    assert!(runs.join("latest/stdout").exists());
    files.remove_sandbox(&runs.join("b")).unwrap();
    assert_eq!(fs::read_dir(work.path().join("slaves")).unwrap().count(), 0);
    for path in ["slaves", "slaves/x", "slaves/../meta/x", "meta/slaves/S0"] {
        assert!(files.remove_sandbox(&work.path().join(path)).is_err(), "{path}");
    }
    assert!(files.remove_sandbox(Path::new("/etc/x/y")).is_err());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let work = tempfile::tempdir().unwrap();
    let mut files = files(work.path());
    files.write(&Checkpoint::Agent(Box::new(slave_info()))).unwrap();
    for bad in ["..", ".", "", "a/b", "../../x"] {
        let run = Run { executor_id: bad.into(), ..run("c1") };
        assert!(files.write(&Checkpoint::Sentinel { run: run.clone() }).is_err());
        assert!(files.remove(&Removal::Run(run)).is_err());
    }
}

#[test]
fn what_was_being_made_or_deleted_is_removed() {
    let work = tempfile::tempdir().unwrap();
    let executor = work.path().join("meta/slaves/S0/frameworks/f/executors/e x");
    write_everything(&mut files(work.path()));
    assert!(executor.join("runs/c0").exists(), "an earlier run");
    read::recover(work.path(), &[], "boot").unwrap();
    assert!(!executor.join("runs/c0").exists());
    assert!(executor.join("runs/c1/tasks/t/task.updates").exists());

    fs::remove_file(executor.join("runs/latest")).unwrap();
    let found = read::recover(work.path(), &[], "boot").unwrap();
    assert_eq!(found.recovered.errors, 0);
    assert!(found.recovered.frameworks[0].executors.is_empty());
    assert!(!executor.exists());
}
