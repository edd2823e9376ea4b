//! The machine or the agent stops in the middle of anything.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tepui_core_agent::{Checkpoint, Removal, Run};
use tepui_model::ContainerId;
use tepui_wire_mesos::{internal, v1};

use super::{super::disk::crash, acknowledgement, executor_info, files, read, slave_info, update};

/// What is done to the files of an agent during its life.
enum Step {
    Write(Box<Checkpoint>),
    Remove(Removal),
}

/// In memory where that is possible: there are many, and none has to survive the real machine.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn run(framework: &str) -> Run {
    Run {
        framework_id: framework.into(),
        executor_id: "e x".into(),
        container_id: ContainerId::new(format!("c{framework}")),
    }
}

fn life() -> Vec<Step> {
    let write = |checkpoint| Step::Write(Box::new(checkpoint));
    let framework = |id: &str| {
        let id = Some(v1::FrameworkId { value: id.into() });
        let info = v1::FrameworkInfo { id, checkpoint: Some(true), ..v1::FrameworkInfo::default() };
        Checkpoint::Framework { info: Box::new(info), pid: "@0.0.0.0:0".into() }
    };
    let executor = |id: &str| Checkpoint::Executor {
        run: run(id),
        info: Box::new(executor_info()),
        command_task: false,
    };
    let task = |framework: &str, id: &str| {
        let task = v1::Task { task_id: v1::TaskId { value: id.into() }, ..v1::Task::default() };
        Checkpoint::Task { run: run(framework), task: Box::new(task), deadline: None, check: None }
    };
    let append = |framework: &str, id: &str, record: internal::StatusUpdateRecord| {
        let mut record = Box::new(record);
        if let Some(update) = &mut record.update {
            update.status.task_id.value = id.into();
        }
        Checkpoint::UpdateAppended { run: run(framework), task_id: id.into(), record }
    };
    let drain = v1::DrainConfig { mark_gone: Some(true), ..v1::DrainConfig::default() };
    vec![
        write(Checkpoint::Agent(Box::new(slave_info()))),
        write(framework("f")),
        write(executor("f")),
        write(task("f", "t")),
        write(Checkpoint::ForkedPid { run: run("f"), pid: 7 }),
        write(Checkpoint::Registered { run: run("f"), process: "executor(1)@127.0.0.1:9".parse().unwrap() }),
        write(append("f", "t", update(1))),
        write(task("f", "u")),
        write(append("f", "t", acknowledgement(1))),
        write(append("f", "u", update(3))),
        write(append("f", "t", update(2))),
        write(Checkpoint::Drain(Some(drain))),
        write(framework("g")),
        write(executor("g")),
        write(task("g", "v")),
        write(append("g", "v", update(4))),
        write(framework("f")),
        write(append("f", "t", acknowledgement(2))),
        Step::Remove(Removal::Task { run: run("f"), task_id: "t".into() }),
        write(Checkpoint::Sentinel { run: run("g") }),
        Step::Remove(Removal::Run(run("g"))),
        write(Checkpoint::Drain(None)),
        write(executor("g")),
        write(task("g", "w")),
        write(append("g", "w", update(5))),
        Step::Remove(Removal::Framework { framework_id: "g".into() }),
        write(append("f", "u", acknowledgement(3))),
    ]
}

/// Takes steps until they are all taken, or the machine stops; how many were.
fn live(work: &Path, steps: &[Step], id: Option<&str>) -> usize {
    let mut files = files(work);
    files.agent_id = id.map(ToOwned::to_owned);
    let done = steps.iter().take_while(|step| match step {
        Step::Write(checkpoint) => files.write(checkpoint).is_ok(),
        Step::Remove(removal) => files.remove(removal).is_ok(),
    });
    done.count()
}

/// The logs of tasks.
type Logs = BTreeMap<String, Vec<internal::StatusUpdateRecord>>;

fn found(recovered: &tepui_core_agent::Recovered) -> Logs {
    let executors = recovered.frameworks.iter().flat_map(|framework| &framework.executors);
    let tasks = executors.flat_map(|executor| &executor.tasks);
    tasks.map(|task| (task.task.task_id.value.clone(), task.records.clone())).collect()
}

/// What the first `count` steps promise.
fn promised(steps: &[Step], count: usize) -> Logs {
    let mut logs = Logs::new();
    let of = |framework: &str| if framework == "f" { ["t", "u"] } else { ["v", "w"] };
    for step in &steps[..count] {
        match step {
            Step::Write(checkpoint) => match &**checkpoint {
                Checkpoint::Task { task, .. } => {
                    logs.entry(task.task_id.value.clone()).or_default();
                }
                Checkpoint::UpdateAppended { task_id, record, .. } => {
                    logs.get_mut(task_id.as_str()).unwrap().push((**record).clone());
                }
                _ => {}
            },
            Step::Remove(Removal::Task { task_id, .. }) => {
                logs.remove(task_id.as_str());
            }
            Step::Remove(Removal::Run(Run { framework_id, .. }) | Removal::Framework { framework_id }) => {
                logs.retain(|task, _| !of(framework_id.as_str()).contains(&task.as_str()));
            }
            Step::Remove(_) => {}
        }
    }
    logs
}

/// The agent dies at every step of its life, within writes at every byte. Whatever it had written before is there, what it was
/// about to write is there or not, and what it was about to delete is there as it was or not at all.
#[test]
fn the_agent_stops_anywhere() {
    let steps = life();
    let length = crash::count(|| {
        let work = directory();
        assert_eq!(live(work.path(), &steps, None), steps.len());
    });
    assert!(length > 300, "{length} steps, most of them bytes");
    for backwards in [false, true] {
        for stop in 0..length {
            let work = directory();
            let done = crash::after(stop, backwards, || live(work.path(), &steps, None));
            assert!(done < steps.len());
            let recovered = read::recover(work.path(), &[], "boot").unwrap().recovered;
            assert_eq!(recovered.errors, 0, "stopped at {stop}: {:?}", recovered.complaints);
            let id = recovered.agent.as_ref().and_then(|agent| agent.id.as_ref()).map(|id| id.value.as_str());
            assert!(done == 0 || id == Some("S0"), "stopped at {stop}");
            let logs = found(&recovered);
            let either = [promised(&steps, done), promised(&steps, done + 1)];
            assert!(either.contains(&logs), "stopped at {stop}, in step {done}: {logs:?}, not {either:?}");
            // The next agent goes on where this one was.
            if done > 0 {
                let rest = live(work.path(), &steps[done..], id);
                assert_eq!(done + rest, steps.len(), "stopped at {stop}");
                let mut logs = found(&read::recover(work.path(), &[], "boot").unwrap().recovered);
                logs.values_mut().for_each(Vec::dedup);
                assert_eq!(logs, promised(&steps, steps.len()), "stopped at {stop}");
            }
        }
    }
}

fn all_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) =
        entries.filter(|path| !path.is_symlink()).partition(|path| path.is_dir());
    directories.iter().flat_map(|directory| all_files(directory)).chain(files).collect()
}

/// The machine stops, and of one file only the beginning was on its disk: no other file's updates are lost with it.
#[test]
fn any_file_may_be_cut_anywhere() {
    let steps = life();
    let whole = directory();
    let count = 16;
    live(whole.path(), &steps[..count], None);
    read::recover(whole.path(), &[], "boot").unwrap();
    let promised = promised(&steps, count);
    // The agent's own identity is on the disk before anything relies on it.
    let cuttable = |path: &PathBuf| !path.ends_with("slave.info") && !path.ends_with("boot_id");
    for path in all_files(whole.path()).into_iter().filter(cuttable) {
        let bytes = fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let logs = found(&read::recover(whole.path(), &[], "another boot").unwrap().recovered);
            let name = path.strip_prefix(whole.path()).unwrap().display();
            for (task, records) in &promised {
                let own = path.ends_with(format!("tasks/{task}/task.updates"));
                let info = path.ends_with(format!("tasks/{task}/task.info"));
                match logs.get(task) {
                    Some(found) if own => assert!(records.starts_with(found), "{name} cut at {cut}"),
                    Some(found) => assert_eq!(found, records, "{name} cut at {cut}"),
                    None => assert!(info && records.is_empty(), "{name} cut at {cut}: {task} is lost"),
                }
            }
            fs::write(&path, &bytes).unwrap();
        }
    }
    // And without the links.
    for link in ["f", "g"]
        .map(|id| whole.path().join(format!("meta/slaves/S0/frameworks/{id}/executors/e x/runs/latest")))
    {
        fs::remove_file(link).unwrap();
    }
    fs::write(whole.path().join("meta/boot_id"), "boot").unwrap();
    assert_eq!(found(&read::recover(whole.path(), &[], "another boot").unwrap().recovered), promised);
}
