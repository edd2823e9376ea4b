//! What cannot be done: an exit code that is not 0, and words that say what was wrong, where, and what to do.

use std::{fs, net::TcpListener};

use conformance::{
    Outcome,
    process::{Yard, in_yard},
};

use crate::harness::{Site, nothing_is_left, tepui};

/// A wrong request: another flag mends it.
const WRONG: i32 = 2;
/// A right request that did not work.
const FAILED: i32 = 1;

/// Runs tepui; it must end with `code` and all of these words on stderr, and none on stdout.
fn refused(yard: &Yard, arguments: &[&str], code: i32, words: &[&str]) -> Outcome {
    let ran = tepui(yard, arguments)?;
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{arguments:?} must say '{word}': {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
    assert_eq!(ran.text(), "", "{arguments:?}");
    Ok(())
}

#[test]
fn an_unknown_command_and_an_unknown_flag() {
    in_yard(|yard| {
        refused(yard, &["agnets"], WRONG, &["agnets", "agents"])?;
        refused(yard, &["master", "--prot", "1"], WRONG, &["--prot", "--port"])?;
        refused(yard, &["run"], WRONG, &["<CMD>"])?;
        refused(yard, &["agent", "--work-dir", "w"], WRONG, &["--master"])
    });
}

#[test]
fn flags_with_values_that_make_no_sense() {
    in_yard(|yard| {
        let rows: [(&[&str], &[&str]); 16] = [
            (&["run", "--cpus", "0", "--", "true"], &["--cpus", "0.001"]),
            (&["run", "--cpus", "many", "--", "true"], &["--cpus", "many"]),
            (&["run", "--mem", "NaN", "--", "true"], &["--mem", "NaN"]),
            (&["run", "--instances", "0", "--", "true"], &["--instances", "'0'"]),
            (&["run", "--env", "NOVALUE", "--", "true"], &["--env", "KEY=VALUE", "NOVALUE"]),
            (&["run", "--timeout", "5", "--", "true"], &["--timeout", "'5'"]),
            (&["up", "--port", "70000"], &["--port", "70000"]),
            (&["master", "--ip", "here"], &["--ip", "here"]),
            (&["master", "--agent-ping-timeout", "15 parsecs"], &["--agent-ping-timeout", "15 parsecs"]),
            (&["master", "--weights", "a"], &["--weights", "KEY=VALUE"]),
            (&["master", "--work-dir", "w", "--weights", "a=heavy"], &["--weights", "'a'", "heavy"]),
            (&["agent", "--master", "m", "--isolation", "docker"], &["--isolation", "docker", "cgroups/cpu"]),
            (&["agent", "--master", "m", "--isolation", "cgroup/mem"], &["did you mean 'cgroups/mem'?"]),
            (&["agent", "--master", "m", "--isolation", "network/cni"], &["Mesos's isolator 'network/cni'"]),
            (&["agent", "--master", "m", "--launcher", "windows"], &["posix and linux"]),
            (&["agent", "--master", "m", "--bounding-capabilities", "[]"], &["capabilities", "NAME"]),
        ];
        rows.iter().try_for_each(|(arguments, words)| refused(yard, arguments, WRONG, words))?;
        nothing_is_left(yard)
    });
}

fn agent<'a>(further: &[&'a str]) -> Vec<&'a str> {
    [&["agent", "--port", "0", "--master", "127.0.0.1:5050", "--work-dir", "agent"], further].concat()
}

#[test]
fn resources_that_are_none() {
    in_yard(|yard| {
        for (text, word) in [
            ("cpus:four", "four"),
            ("cpus", "cpus"),
            ("cpus:-1", "-1"),
            ("ports:[5-", "ports:[5-"),
            ("ports:[9-5]", "9-5"),
            (r#"[{"name": 1}]"#, "name"),
        ] {
            refused(yard, &agent(&["--resources", text]), WRONG, &["resources", word])?;
        }
        Ok(())
    });
}

#[test]
fn attributes_that_are_none() {
    in_yard(|yard| {
        for text in ["rack", ":r1", "rack:"] {
            refused(yard, &agent(&["--attributes", text]), WRONG, &["attributes", text])?;
        }
        Ok(())
    });
}

#[test]
fn environment_variables_that_are_none() {
    in_yard(|yard| {
        let flag = "--executor-environment-variables";
        refused(yard, &agent(&[flag, "PATH=/bin"]), WRONG, &[flag, "JSON object"])?;
        refused(yard, &agent(&[flag, r#"{"A": 1}"#]), WRONG, &[flag, "'A'"])
    });
}

#[test]
fn a_work_directory_that_cannot_be_used() {
    in_yard(|yard| {
        // Not even the superuser can make a directory in a file, or in /proc.
        fs::write(yard.path().join("file"), "")?;
        for directory in ["file", "file/below", "/proc/tepui"] {
            let words = ["work directory", directory];
            refused(yard, &["master", "--port", "0", "--work-dir", directory], FAILED, &words)?;
            let arguments = ["agent", "--port", "0", "--master", "127.0.0.1:5050", "--work-dir", directory];
            refused(yard, &arguments, FAILED, &words)?;
        }
        refused(yard, &["up", "--port", "0", "--work-dir", "file"], FAILED, &["work directory", "file"])
    });
}

#[test]
fn a_port_that_is_in_use() {
    in_yard(|yard| {
        let taken = TcpListener::bind("127.0.0.1:0")?;
        let address = taken.local_addr()?.to_string();
        let port = taken.local_addr()?.port().to_string();
        let words = [address.as_str(), "in use"];
        refused(yard, &["master", "--port", &port, "--work-dir", "master"], FAILED, &words)?;
        refused(yard, &["up", "--port", &port], FAILED, &words)?;
        let arguments = ["agent", "--port", &port, "--master", "127.0.0.1:5050", "--work-dir", "agent"];
        refused(yard, &arguments, FAILED, &words)
    });
}

#[test]
fn configuration_files_that_cannot_be_used() {
    in_yard(|yard| {
        let file = yard.path().join("tepui.toml");
        let path = file.display().to_string();
        let arguments = ["master", "--config", &path];
        refused(yard, &arguments, WRONG, &["cannot read", &path])?;
        for (text, words) in [
            ("work_dri = '/x'", ["unknown key 'work_dri'", "'work-dir'"]),
            ("port = [[", ["TOML", &path]),
            ("port = 'x'", ["--port", "'x'"]),
            ("[port]\na = 1", ["'port'", "text"]),
        ] {
            fs::write(&file, text)?;
            refused(yard, &arguments, WRONG, &words)?;
        }
        Ok(())
    });
}

#[test]
fn a_registry_or_an_agent_directory_in_use() {
    in_yard(|yard| {
        let site = Site::start(yard)?;
        let words = ["master", "in use by another process"];
        refused(yard, &["master", "--port", "0", "--work-dir", "master"], FAILED, &words)?;
        let master = site.address();
        let arguments = ["agent", "--port", "0", "--master", &master, "--work-dir", "agent"];
        refused(yard, &arguments, FAILED, &["agent", "another agent"])
    });
}

#[test]
fn a_master_that_cannot_be_asked() {
    in_yard(|yard| {
        // Bound, but nobody listens: connections are refused.
        let nobody =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None)?;
        rustix::net::bind(&nobody, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0))?;
        let address = std::net::SocketAddrV4::try_from(rustix::net::getsockname(&nobody)?)?.to_string();
        for arguments in [
            &["tasks", "--master", &address][..],
            &["agents", "--json", "--master", &address],
            &["logs", "x", "--master", &address],
            &["run", "--master", &address, "--", "true"],
        ] {
            refused(yard, arguments, FAILED, &[&address])?;
        }
        refused(yard, &["tasks", "--master", "no:such:address"], WRONG, &["no:such:address", "host:port"])?;
        refused(yard, &["run", "--master", "no:such:address", "--", "true"], WRONG, &["no:such:address"])
    });
}

#[test]
fn names_of_nothing() {
    in_yard(|yard| {
        let site = Site::start(yard)?;
        let master = site.address();
        for (command, list) in [
            ("logs", "tepui tasks"),
            ("kill", "tepui tasks"),
            ("teardown", "tepui frameworks"),
            ("explain", "tepui tasks"),
        ] {
            refused(yard, &[command, "nothing", "--master", &master], WRONG, &["'nothing'", list])?;
        }
        Ok(())
    });
}
