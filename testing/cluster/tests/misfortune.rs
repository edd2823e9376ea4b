//! What is not there, not allowed, not full or not empty: a missing user, a fetch that fails or lies, a program that does
//! not exist, a sandbox that cannot be written, a full disk. Each task has exactly one terminal state, with the right
//! reason and words that help.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use cluster::{
    ledger::{Ledger, is_terminal},
    scheduler::{Job, Scheduler, Work, executor},
};
use conformance::{
    Outcome,
    cluster::{Agent, Master},
    http,
    process::{Yard, in_yard, remark},
};
use tepui_scheduler::v1::{self, TaskState};

const TERMINATED: &str = "REASON_EXECUTOR_TERMINATED";
const NOT_LAUNCHED: &str = "REASON_CONTAINER_LAUNCH_FAILED";

fn shell(value: &str) -> v1::CommandInfo {
    v1::CommandInfo { value: Some(value.to_owned()), ..v1::CommandInfo::default() }
}

fn with_uri(uri: &str) -> v1::CommandInfo {
    let uri = v1::command_info::Uri { value: uri.to_owned(), ..v1::command_info::Uri::default() };
    v1::CommandInfo { uris: vec![uri], ..shell("true") }
}

fn job(id: &str, command: v1::CommandInfo) -> Job {
    Job { work: Work::Command(Box::new(command)), ..Job::command(id, "") }
}

/// The one end of a task: state, reason, message.
fn end(ledger: &Ledger, id: &str) -> Result<(TaskState, &'static str, String), String> {
    let task = ledger.tasks.get(id).ok_or_else(|| format!("{id} was never launched"))?;
    let ends: Vec<_> = task.entries.iter().filter(|entry| is_terminal(entry.state)).collect();
    match ends[..] {
        [end] => Ok((end.state, end.reason, end.message.clone())),
        _ => Err(format!("{id} has {} ends: {task:#?}", ends.len())),
    }
}

/// Waits for a task's end, which must be this one.
fn ends_as(scheduler: &Scheduler, id: &str, state: TaskState, reason: &str, words: &str) -> Outcome {
    scheduler.wait_until(&format!("the end of {id}"), |ledger| {
        ledger.tasks.get(id).is_some_and(|task| task.end().is_some())
    })?;
    let (found, why, message) = end(&scheduler.ledger(), id)?;
    if found == state && why == reason && message.contains(words) {
        return Ok(());
    }
    Err(format!("{id}: expected {state:?}, {reason}, '{words}', and got {found:?}, {why}, '{message}'")
        .into())
}

/// Serves one answer, whatever is asked, to every connection.
fn serve(answer: &'static [u8]) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer);
        }
    });
    Ok(format!("http://{address}/file"))
}

fn start(yard: &Yard, flags: &[&str]) -> Outcome<(Master, Agent)> {
    let mut master = Master::start(yard, &[])?;
    let agent = Agent::start(yard, master.port, flags)?;
    master.wait_for_agents(1)?;
    Ok((master, agent))
}

fn is_well(agent: &mut Agent) -> Outcome {
    let port = agent.port;
    let limit = Duration::from_secs(30);
    agent.process.wait_until(limit, || http::get(port, "/health").is_ok_and(|answer| answer.code() == 200))
}

#[test]
fn what_is_needed_is_not_there() {
    in_yard(|yard| {
        // Sandboxes are looked into, however full the machine's disk is.
        let (master, mut agent) = start(yard, &["--gc-disk-headroom", "0"])?;
        let nobody = "tepui-no-such-user";
        let short = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")?;
        let long =
            serve(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlonger than it says")?;
        let missing = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
        let garbage = serve(b"\x00\x01\x02 this is no HTTP\r\n\r\n")?;
        let as_nobody = v1::CommandInfo { user: Some(nobody.to_owned()), ..shell("true") };
        let no_program = v1::CommandInfo { shell: Some(false), ..shell("/no/such/program") };
        let jobs = vec![
            job("user", as_nobody.clone()),
            Job::executor("executors-user", executor("nobodys", as_nobody), ""),
            job("no-file", with_uri("/no/such/file")),
            job("short", with_uri(&short)),
            job("missing", with_uri(&missing)),
            job("garbage", with_uri(&garbage)),
            job("long", with_uri(&long)),
            job("program", no_program.clone()),
            Job::executor("executors-program", executor("programless", no_program), ""),
            Job::executor("executors-file", executor("fileless", with_uri("/no/such/file")), ""),
        ];
        let scheduler = Scheduler::start(master.port, jobs, 20)?;
        let (failed, dropped) = (TaskState::TaskFailed, TaskState::TaskDropped);
        for (id, state, reason, words) in [
            ("user", dropped, TERMINATED, nobody),
            ("executors-user", dropped, TERMINATED, nobody),
            ("no-file", failed, NOT_LAUNCHED, "/no/such/file"),
            ("short", failed, NOT_LAUNCHED, &*short),
            ("missing", failed, NOT_LAUNCHED, "404"),
            ("garbage", failed, NOT_LAUNCHED, &*garbage),
            ("long", failed, NOT_LAUNCHED, "more than the announced 4 bytes"),
            ("program", failed, "", "Command exited with status 1"),
            ("executors-program", failed, TERMINATED, "Executor terminated"),
            ("executors-file", failed, NOT_LAUNCHED, "/no/such/file"),
        ] {
            ends_as(&scheduler, id, state, reason, words)?;
        }
        is_well(&mut agent)?;
        let said = cluster::kills::remains::stderr(&agent.work, "program");
        if said.contains("/no/such/program") {
            Ok(())
        } else {
            Err(format!("stderr says only {said:?}").into())
        }
    });
}

/// A small file system of its own, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None, with a remark, where mounting is not allowed.
    fn mount(at: &Path) -> Outcome<Option<Self>> {
        fs::create_dir_all(at)?;
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs"]).arg(at).status();
        match mounted {
            Ok(status) if status.success() => Ok(Some(Self(at.to_owned()))),
            result if std::env::var("CI").is_ok_and(|value| value == "true") => {
                Err(format!("cannot mount a tmpfs: {result:?}").into())
            }
            _ => {
                remark("!! SKIPPED: a small disk: not allowed to mount one");
                Ok(None)
            }
        }
    }

    fn remount(&self, options: &str) -> Outcome {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status()?;
        if status.success() { Ok(()) } else { Err(format!("mount -o {options}: {status}").into()) }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Sandboxes on a small disk: full, then read-only, then well again.
#[test]
fn sandboxes_cannot_be_written() {
    in_yard(|yard| {
        let (master, mut agent) = start(yard, &[])?;
        let Some(disk) = SmallDisk::mount(&agent.work.join("slaves"))? else { return Ok(()) };
        let scheduler = Scheduler::start(master.port, vec![Job::command("well", "echo well > file")], 4)?;
        ends_as(&scheduler, "well", TaskState::TaskFinished, "", "")?;
        scheduler.add(vec![Job::command("full", "head -c 10000000 /dev/zero > file")]);
        ends_as(&scheduler, "full", TaskState::TaskFailed, "", "Command exited with status 1")?;
        disk.remount("ro")?;
        scheduler.add(vec![Job::command("read-only", "true")]);
        ends_as(&scheduler, "read-only", TaskState::TaskDropped, TERMINATED, "Read-only file system")?;
        disk.remount("rw,size=50m")?;
        scheduler.add(vec![Job::command("well-again", "echo well > file")]);
        ends_as(&scheduler, "well-again", TaskState::TaskFinished, "", "")?;
        is_well(&mut agent)?;
        drop(scheduler);
        drop(agent);
        Ok(())
    });
}

/// Everything of an agent on a small disk, its log and its checkpoints, too: what cannot be written down does not begin,
/// and begins when there is room.
#[test]
fn the_agents_disk_is_full() {
    in_yard(|yard| {
        let Some(disk) = SmallDisk::mount(&yard.path().join("disk"))? else { return Ok(()) };
        let mut master = Master::start(yard, &[])?;
        let work = disk.0.join("agent");
        let binary = conformance::peers::tepui()?;
        let port = conformance::process::free_port()?;
        let mut agent = Agent::start_at(&binary, port, work, master.port, &[])?;
        master.wait_for_agents(1)?;
        let scheduler = Scheduler::start(master.port, vec![Job::command("before", "true")], 4)?;
        ends_as(&scheduler, "before", TaskState::TaskFinished, "", "")?;
        let hog = disk.0.join("hog");
        let full = fs::File::create(&hog)?.write_all(&vec![0; 4 << 20]);
        assert!(full.is_err(), "the disk takes more than it has");
        scheduler.add(vec![Job::command("waits", "true")]);
        // Long enough for what would be wrong to be seen.
        thread::sleep(Duration::from_secs(2));
        let said = scheduler
            .ledger()
            .tasks
            .get("waits")
            .is_some_and(|task| task.entries.iter().any(|entry| entry.uuid.is_some()));
        assert!(!said, "something was told that is not written down");
        is_well(&mut agent)?;
        fs::remove_file(hog)?;
        ends_as(&scheduler, "waits", TaskState::TaskFinished, "", "")?;
        is_well(&mut agent)?;
        drop(scheduler);
        drop(agent);
        Ok(())
    });
}
