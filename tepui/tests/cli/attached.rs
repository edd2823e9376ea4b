//! `tepui exec` and `tepui attach`.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use conformance::{
    Outcome, peers,
    process::{Yard, in_yard, inhabitants, wait_for},
};
use rustix::process::Signal;

use crate::harness::{Gate, LIMIT, Ran, Site, Started, binary, settle, start, tepui};

/// A task that has come to wait at `gate`, on a cluster of its own.
struct Job {
    site: Site,
    /// Killed when dropped.
    _running: Started,
    task: String,
}

impl Job {
    fn start(yard: &Yard, gate: &Gate) -> Outcome<Self> {
        let site = Site::start(yard)?;
        let script = format!("echo begun; {}; echo over; exit 3", gate.wait());
        let master = site.address();
        let flags = ["run", "--master", &master, "--env", "OF_THE_TASK=yes", "--", "sh", "-c", &script];
        let mut running = start(yard, &flags)?;
        running.wait_for_output("begun")?;
        let task = site.wait_for_task(0, "TASK_RUNNING")?;
        Ok(Self { site, _running: running, task })
    }

    fn command(&self, arguments: &[&str], command: &[&str]) -> Vec<String> {
        let master = self.site.address();
        let parts: [&[&str]; 4] = [arguments, &["--master", &master, &self.task], &["--"], command];
        parts.concat().into_iter().map(str::to_owned).collect()
    }

    fn exec(&self, yard: &Yard, flags: &[&str], command: &[&str]) -> Outcome<Ran> {
        let arguments = self.command(&[&["exec"], flags].concat(), command);
        tepui(yard, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

#[test]
fn a_command_sees_what_the_task_sees_and_its_exit_code_is_ours() {
    in_yard(|yard| {
        let gate = Gate::new(yard, "gate")?;
        let job = Job::start(yard, &gate)?;
        let script = "echo $OF_THE_TASK $MINE; cat stdout; echo err >&2; exit 7";
        let ran = job.exec(yard, &["--env", "MINE=too"], &["sh", "-c", script])?;
        assert_eq!(
            (ran.code, ran.text().as_str(), ran.stderr.as_str()),
            (Some(7), "yes too\nbegun\n", "err\n")
        );
        let killed = job.exec(yard, &[], &["sh", "-c", "kill -9 $$"])?;
        assert_eq!(killed.code, Some(137), "{killed:?}");
        // Nobody types: its input is empty.
        assert_eq!(job.exec(yard, &[], &["cat"])?.code, Some(0));
        Ok(())
    });
}

#[test]
fn binary_data_goes_through_a_pipe_both_ways() {
    in_yard(|yard| {
        let gate = Gate::new(yard, "gate")?;
        let job = Job::start(yard, &gate)?;
        let data: Vec<u8> = (0_u32..3 << 20).map(|n| (n.wrapping_mul(0x9E37_79B1) >> 23) as u8).collect();
        let mut command = Command::new(binary());
        command.args(job.command(&["exec", "--interactive"], &["cat"]));
        settle(&mut command, yard)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().ok_or("no stdin")?;
        let written = data.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&written));
        let output = child.wait_with_output()?;
        writer.join().map_err(|_| "the writer")??;
        assert!(output.status.success());
        assert!(output.stdout == data, "{} bytes of {}", output.stdout.len(), data.len());
        Ok(())
    });
}

#[test]
fn a_person_at_a_terminal() {
    in_yard(|yard| {
        let gate = Gate::new(yard, "gate")?;
        let job = Job::start(yard, &gate)?;
        let mut python = Command::new("python3");
        python
            .arg(peers::ours("peers").join("terminal.py"))
            .arg(binary())
            .args([&job.site.address(), &job.task]);
        let ran = Started::spawn(python, yard)?.end()?;
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        Ok(())
    });
}

#[test]
fn the_command_ends_with_the_one_who_asked_for_it() {
    in_yard(|yard| {
        let gate = Gate::new(yard, "gate")?;
        let job = Job::start(yard, &gate)?;
        let arguments = job.command(&["exec"], &["sh", "-c", "echo $$; exec sleep 1000"]);
        let running = start(yard, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        wait_for("its pid", LIMIT, || running.stdout().ends_with(b"\n").then_some(()))?;
        let pid = String::from_utf8(running.stdout())?.trim().to_owned();
        running.signal(Signal::KILL)?;
        running.end()?;
        // In a pid namespace its own number would tell nothing: it works in the sandbox.
        let sandbox = yard.path().join("agent");
        wait_for("the end of the command", LIMIT, || {
            let sleeps = inhabitants(&sandbox).into_iter().filter(|process| {
                fs::read(format!("/proc/{}/cmdline", process.as_raw_nonzero()))
                    .is_ok_and(|line| line.starts_with(b"sleep"))
            });
            (sleeps.count() == 0).then_some(())
        })
        .map_err(|error| format!("{error} (pid {pid})"))?;
        Ok(())
    });
}

#[test]
fn attached_it_shows_what_comes_and_ends_as_the_task_does() {
    in_yard(|yard| {
        let site = Site::start(yard)?;
        let (master, gate) = (site.address(), yard.path().join("gate"));
        let script = format!(
            "echo begun; while [ ! -e '{}' ]; do echo tick; sleep 0.05; done; echo over; exit 3",
            gate.display()
        );
        let running = start(yard, &["run", "--master", &master, "--", "sh", "-c", &script])?;
        let task = site.wait_for_task(0, "TASK_RUNNING")?;
        let mut attached = start(yard, &["attach", "--no-stdin", "--master", &master, &task])?;
        attached.wait_for_output("tick")?;
        fs::write(gate, "")?;
        let ran = attached.end()?;
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let text = ran.text();
        assert!(text.ends_with("tick\nover\n") && !text.contains("begun"), "{text}");
        assert_eq!(running.end()?.code, Some(3));
        Ok(())
    });
}

#[test]
fn refusals_say_what_to_do() {
    in_yard(|yard| {
        let gate = Gate::new(yard, "gate")?;
        let job = Job::start(yard, &gate)?;
        let master = job.site.address();
        let no_program = yard.path().join("no-program");
        fs::write(&no_program, "neither a program nor a script")?;
        let no_program = no_program.display().to_string();
        let executable = yard.path().join("executable").display().to_string();
        fs::write(&executable, [0x7f, 0, 1, 2])?;
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755))?;
        for (command, code, words) in [
            ("no-such-command", 127, "it is in none of the directories of PATH"),
            ("/no/such/command", 127, "No such file or directory"),
            (no_program.as_str(), 126, "Permission denied"),
            (executable.as_str(), 126, "Exec format error"),
            ("/", 126, "Permission denied"),
        ] {
            let ran = job.exec(yard, &[], &[command])?;
            assert_eq!(ran.code, Some(code), "{ran:?}");
            assert!(ran.stderr.contains(&format!("cannot run '{command}'")), "{ran:?}");
            assert!(ran.stderr.contains(words), "{ran:?}");
        }
        let ran = job.exec(yard, &["--tty"], &["sh"])?;
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("--tty needs a terminal"), "{ran:?}");
        let ran = tepui(yard, &["exec", "--master", &master, "nobody", "--", "true"])?;
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("no task is called 'nobody'; `tepui tasks` lists them"), "{ran:?}");
        let ran = tepui(yard, &["attach", "--master", &master, &job.task])?;
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("--no-stdin does without"), "{ran:?}");

        // Its agent goes away in the middle.
        let arguments = job.command(&["exec"], &["sh", "-c", "echo begun; exec sleep 1000"]);
        let mut running = start(yard, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        running.wait_for_output("begun")?;
        job.site.agent.process.signal(Signal::KILL)?;
        let ran = running.end()?;
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("lost the agent"), "{ran:?}");
        let ran = job.exec(yard, &[], &["true"])?;
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("cannot connect"), "{ran:?}");
        Ok(())
    });
}

#[test]
fn a_task_that_is_over_is_said_to_be() {
    in_yard(|yard| {
        let gate = Gate::new(yard, "gate")?;
        let job = Job::start(yard, &gate)?;
        let open = gate.open()?;
        job.site.wait_for_task(0, "TASK_FAILED")?;
        drop(open);
        let ran = job.exec(yard, &[], &["true"])?;
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("does not run any more (TASK_FAILED)"), "{ran:?}");
        Ok(())
    });
}
