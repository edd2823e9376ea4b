//! `tepui run`.

use std::{fs, process::Command};

use conformance::{
    Outcome,
    process::{Yard, in_yard, wait_for},
};
use rustix::process::Signal;

use crate::harness::{Gate, LIMIT, Ran, Site, Started, binary, nothing_is_left, start, tepui};

/// `tepui run FLAGS -- sh -c SCRIPT`, to its end; nothing may be left of it.
fn run(yard: &Yard, flags: &[&str], script: &str) -> Outcome<Ran> {
    let ran = begin(yard, flags, script)?.end()?;
    nothing_is_left(yard)?;
    Ok(ran)
}

fn begin(yard: &Yard, flags: &[&str], script: &str) -> Outcome<Started> {
    start(yard, &[&["run"], flags, &["--", "sh", "-c", script]].concat())
}

#[test]
fn each_stream_on_its_descriptor_and_the_exit_code() {
    in_yard(|yard| {
        let ran = run(yard, &[], "echo out; echo err >&2; exit 3")?;
        assert_eq!((ran.code, ran.text().as_str(), ran.stderr.as_str()), (Some(3), "out\n", "err\n"));
        Ok(())
    });
}

#[test]
fn a_signal_is_128_and_its_number() {
    in_yard(|yard| {
        for signal in [1, 6, 9, 11, 15] {
            let ran = run(yard, &[], &format!("kill -{signal} $$"))?;
            assert_eq!(ran.code, Some(128 + signal), "{ran:?}");
        }
        Ok(())
    });
}

#[test]
fn fifty_instances_finish_and_stderr_that_is_no_terminal_stays_clean() {
    in_yard(|yard| {
        let ran = tepui(yard, &["run", "--instances", "50", "--cpus", "0.01", "--", "true"])?;
        assert_eq!((ran.code, ran.text().as_str(), ran.stderr.as_str()), (Some(0), "", ""));
        nothing_is_left(yard)
    });
}

#[test]
fn the_first_failure_decides() {
    in_yard(|yard| {
        let (site, gate) = (Site::start(yard)?, Gate::new(yard, "gate")?);
        // A command task's executor is called like the task.
        let script = format!(
            "case $MESOS_EXECUTOR_ID in *-0) exit 0;; *-1) exit 7;; *) {}; exit 9;; esac",
            gate.wait()
        );
        let running = begin(yard, &["--master", &site.address(), "--instances", "4"], &script)?;
        site.wait_for_task(1, "TASK_FAILED")?;
        let _open = gate.open()?;
        assert_eq!(running.end()?.code, Some(7));
        Ok(())
    });
}

#[test]
fn what_takes_too_long_is_killed() {
    in_yard(|yard| {
        let ran = run(yard, &["--timeout", "1secs"], "echo begun; sleep 1000")?;
        assert_eq!((ran.code, ran.text().as_str()), (Some(124), "begun\n"), "{ran:?}");
        Ok(())
    });
}

#[test]
fn who_asks_for_more_than_there_is_is_told_so() {
    in_yard(|yard| {
        let ran = run(yard, &["--cpus", "100000", "--timeout", "2secs"], "true")?;
        assert_eq!(ran.code, Some(124), "{ran:?}");
        assert!(ran.stderr.contains("want 100000)"), "{ran:?}");
        Ok(())
    });
}

#[test]
fn variables_reach_the_task() {
    in_yard(|yard| {
        let flags = ["--env", "GREETING=good morning", "-e", "EQUATION=a=b", "-e", "EMPTY="];
        let ran = run(yard, &flags, r#"echo "$GREETING,$EQUATION,${EMPTY-unset},${HOME+set}""#)?;
        assert_eq!(ran.text().lines().next(), Some("good morning,a=b,,"), "{ran:?}");
        Ok(())
    });
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    in_yard(|yard| {
        for command in ["/no/such/command", "no-such-command"] {
            let ran = tepui(yard, &["run", "--", command, "argument"])?;
            assert_ne!(ran.code, Some(0));
            assert!(ran.stderr.contains(command), "{ran:?}");
        }
        nothing_is_left(yard)
    });
}

const TIDY: &str = "trap 'echo tidied up; exit 0' TERM; echo begun; sleep 1000 & wait";

#[test]
fn an_interrupt_kills_the_tasks_and_waits_for_them() {
    in_yard(|yard| {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let mut running = begin(yard, &["--instances", "2"], TIDY)?;
            wait_for("both tasks", LIMIT, || (running.stdout().len() == "begun\n".len() * 2).then_some(()))?;
            running.wait_for_output("begun")?;
            running.signal(signal)?;
            let ran = running.end()?;
            assert_eq!(ran.code, Some(code), "{ran:?}");
            assert_eq!(ran.text().matches("tidied up").count(), 2, "its last words are heard: {ran:?}");
            nothing_is_left(yard)?;
        }
        Ok(())
    });
}

#[test]
fn an_interrupt_before_anything_runs_ends_it() {
    in_yard(|yard| {
        let running = begin(yard, &["--cpus", "100000"], "true")?;
        // Waiting for resources: it has said so.
        wait_for("its words", LIMIT, || (!running.stderr().is_empty()).then_some(()))?;
        running.signal(Signal::INT)?;
        assert_eq!(running.end()?.code, Some(130));
        nothing_is_left(yard)
    });
}

#[test]
fn killed_hard_it_still_leaves_nothing_behind() {
    in_yard(|yard| {
        let mut running = begin(yard, &["--instances", "3"], "echo begun; sleep 1000 & wait")?;
        running.wait_for_output("begun")?;
        running.signal(Signal::KILL)?;
        assert_eq!(running.end()?.code, None);
        nothing_is_left(yard)
    });
}

#[test]
fn large_binary_output_arrives_byte_for_byte() {
    in_yard(|yard| {
        // Every byte, NUL and what is no UTF-8 included, in an order that does not repeat early.
        let data: Vec<u8> = (0_u32..3 << 20).map(|n| (n.wrapping_mul(0x9E37_79B1) >> 23) as u8).collect();
        let file = yard.path().join("data");
        fs::write(&file, &data)?;
        let ran = begin(yard, &[], &format!("cat '{0}'; cat '{0}' >&2", file.display()))?;
        let stderr = yard.path().join("streams/0.err");
        let ran = ran.end()?;
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout == data, "stdout: {} bytes of {}", ran.stdout.len(), data.len());
        let err = fs::read(stderr)?;
        assert!(err == data, "stderr: {} bytes of {}", err.len(), data.len());
        nothing_is_left(yard)
    });
}

#[test]
fn output_is_seen_while_the_task_runs() {
    in_yard(|yard| {
        let gate = Gate::new(yard, "gate")?;
        let mut running =
            begin(yard, &[], &format!("echo first; printf incomplete; {}; echo ' second'", gate.wait()))?;
        running.wait_for_output("first\nincomplete")?;
        let _open = gate.open()?;
        let ran = running.end()?;
        assert_eq!((ran.code, ran.text().as_str()), (Some(0), "first\nincomplete second\n"));
        nothing_is_left(yard)
    });
}

#[test]
fn an_agent_that_is_killed_and_comes_back_costs_no_line() {
    in_yard(|yard| {
        let mut site = Site::start(yard)?;
        let master = site.address();
        let end = yard.path().join("end");
        let script = format!(
            "i=0; until [ -e '{}' ]; do i=$((i+1)); echo line $i; sleep 0.01; done; echo $i lines; exit 3",
            end.display()
        );
        let mut running = begin(yard, &["--master", &master], &script)?;
        running.wait_for_output("line 1\n")?;
        let task = site.wait_for_task(0, "TASK_RUNNING")?;
        let following = start(yard, &["logs", "-f", &task, "--master", &master])?;
        // How many lines are there now; more have to come after each start.
        let lines = |output: &[u8]| output.iter().filter(|byte| **byte == b'\n').count();
        let grow = |running: &Started, following: &Started| -> Outcome {
            let before = (lines(&running.stdout()), lines(&following.stdout()));
            wait_for("new lines", LIMIT, || {
                let now = (lines(&running.stdout()), lines(&following.stdout()));
                (now.0 > before.0 && now.1 > before.1).then_some(())
            })
        };
        // At its old address and at new ones; once it is there, and while it still recovers.
        for (moves, early) in [(false, false), (true, false), (false, true), (true, true), (true, false)] {
            grow(&running, &following)?;
            site.kill_agent()?;
            site.start_agent(moves, early)?;
        }
        grow(&running, &following)?;
        // It is away while the task ends, and its last words are read when it is back.
        site.kill_agent()?;
        fs::write(&end, "")?;
        site.start_agent(true, false)?;
        for (started, code) in [(running, 3), (following, 0)] {
            let ran = started.end()?;
            let text = ran.text();
            let shown: Vec<&str> = text.lines().collect();
            let mut expected: Vec<String> = (1..shown.len()).map(|number| format!("line {number}")).collect();
            expected.push(format!("{} lines", shown.len() - 1));
            assert!(shown == expected, "every line once and in order: {ran:?}");
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""));
        }
        Ok(())
    });
}

#[test]
fn when_its_reader_goes_away_it_ends_as_a_pipe_ends_programs() {
    in_yard(|yard| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "{ \"$0\" run -- yes; echo $? >&2; } | head -n 1"]).arg(binary());
        let ran = Started::spawn(shell, yard)?.end()?;
        assert_eq!((ran.text().as_str(), ran.stderr.as_str()), ("y\n", "141\n"));
        nothing_is_left(yard)
    });
}

#[test]
fn a_terminal_shows_a_progress_bar() {
    in_yard(|yard| {
        let spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
        let mut python = Command::new("python3");
        python.args(["-c", spawn]).arg(binary());
        python.args(["run", "--instances", "20", "--cpus", "0.01", "--", "sh", "-c", "echo line; sleep 0.1"]);
        python.env("TERM", "xterm");
        let ran = Started::spawn(python, yard)?.end()?;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.text().contains("/20 tasks"), "{ran:?}");
        assert_eq!(ran.text().matches("line\r\n").count(), 20, "and the tasks' own lines are whole: {ran:?}");
        nothing_is_left(yard)
    });
}
