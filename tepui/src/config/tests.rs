//! Roles that are told things in every way there is.

use clap::{CommandFactory as _, Parser as _};
use tempfile::TempDir;

use super::*;
use crate::cli::{Cli, Command};

/// What a role becomes: its settings in the end, by name, or what is said instead.
type Told = Result<Vec<(&'static str, String)>, String>;

fn table(settings: &impl Settings) -> Vec<(&'static str, String)> {
    settings.table().into_iter().map(|setting| (setting.name, setting.value)).collect()
}

/// Starts `tepui` with these arguments and variables, as far as its settings.
fn told(arguments: &[&str], environment: &[(&str, &str)]) -> Told {
    let variable = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let cli = Cli::try_parse_from([&["tepui"], arguments].concat()).map_err(|error| error.to_string())?;
    match cli.command {
        Command::Master(flags) => {
            let settings = settings("master", flags, &variable);
            settings.map(|settings| table(&settings)).map_err(|error| error.to_string())
        }
        Command::Agent(flags) => {
            let settings = settings("agent", flags, &variable);
            settings.map(|settings| table(&settings)).map_err(|error| error.to_string())
        }
        other => Err(format!("{other:?}")),
    }
}

fn value<'a>(told: &'a Told, name: &str) -> &'a str {
    let told = told.as_ref().unwrap_or_else(|error| panic!("{error}"));
    &told.iter().find(|(known, _)| *known == name).unwrap().1
}

/// A directory with `tepui.toml` in it.
struct Site(TempDir);

impl Site {
    fn with(text: &str) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        std::fs::write(site.path(), text).unwrap();
        site
    }

    fn path(&self) -> String {
        self.0.path().join("tepui.toml").display().to_string()
    }

    fn told(&self, role: &str, flags: &[&str], environment: &[(&str, &str)]) -> Told {
        told(&[&[role, "--config", &self.path()], flags].concat(), environment)
    }
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let site = Site::with("port = 1\ncluster = 'of the file'\nroles = ['b', 'a']\n");
    // The layers that there are, and what holds.
    for (flags, environment, port) in [
        (&[][..], &[][..], "1"),
        (&[], &[("MESOS_PORT", "2")], "2"),
        (&[], &[("TEPUI_PORT", "3"), ("MESOS_PORT", "2")], "3"),
        (&["--port", "4"], &[("TEPUI_PORT", "3"), ("MESOS_PORT", "2")], "4"),
        (&["-p4"], &[("MESOS_PORT", "no number: overruled")], "4"),
    ] {
        let told = site.told("master", flags, environment);
        assert_eq!(value(&told, "port"), port);
        assert_eq!((value(&told, "cluster"), value(&told, "roles")), ("of the file", "a,b"));
    }
    assert_eq!(value(&told(&["master"], &[]), "port"), "5050");
    let named = told(&["master"], &[("TEPUI_CONFIG", &site.path())]);
    assert_eq!(value(&named, "port"), "1", "the environment may name the file");
}

#[test]
fn one_file_serves_every_role() {
    let site = Site::with(
        "ip = '0.0.0.0'\nhostname = 'here'\n\n[master]\nwork_dir = '/m'\n\n[agent]\nmaster = 'm:5050'\nwork-dir = '/a'\n\
         hostname = 'there'\ngc-disk-headroom = 0.5\nstrict = false\nport = 0x1f\n",
    );
    let master = site.told("master", &[], &[]);
    for (name, expected) in [("ip", "0.0.0.0"), ("hostname", "here"), ("work_dir", "/m"), ("port", "5050")] {
        assert_eq!(value(&master, name), expected, "{name}");
    }
    let agent = site.told("agent", &[], &[]);
    for (name, expected) in [
        ("ip", "0.0.0.0"),
        ("hostname", "there"),
        ("master", "m:5050"),
        ("work_dir", "/a"),
        ("gc_disk_headroom", "0.5"),
        ("strict", "false"),
        ("port", "31"),
    ] {
        assert_eq!(value(&agent, name), expected, "{name}");
    }
}

#[test]
fn mesos_spellings_are_understood() {
    let told = told(
        &[
            "master",
            "--work_dir=/x",
            "--agent_ping_timeout=1secs",
            "--max-slave-ping-timeouts",
            "7",
            "--roles",
            "a",
            "--roles",
            "b",
        ],
        &[("MESOS_SLAVE_REREGISTER_TIMEOUT", "11mins"), ("MESOS_SLAVE_PING_TIMEOUT", "9secs")],
    );
    for (name, expected) in [
        ("work_dir", "/x"),
        ("agent_ping_timeout", "1secs"),
        ("max_agent_ping_timeouts", "7"),
        ("agent_reregister_timeout", "11mins"),
        ("roles", "a,b"),
    ] {
        assert_eq!(value(&told, name), expected, "{name}");
    }
}

#[test]
fn a_truth_needs_no_value() {
    let agent = |flags: &[&str]| told(&[&["agent", "--master", "m"], flags].concat(), &[]);
    for (flags, expected) in [
        (&[][..], "false"),
        (&["--cgroups-enable-cfs"], "true"),
        (&["--cgroups_enable_cfs=false"], "false"),
        (&["--cgroups-enable-cfs", "true", "--strict"], "true"),
    ] {
        assert_eq!(value(&agent(flags), "cgroups_enable_cfs"), expected, "{flags:?}");
    }
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    for (role, text, words) in [
        (
            "master",
            "# one\nwork_dri = '/x'",
            "tepui.toml:2: unknown key 'work_dri'; did you mean 'work-dir'?",
        ),
        ("master", "[mastr]\nport = 1", "tepui.toml:1: unknown key 'mastr'; did you mean 'master'?"),
        ("master", "[master]\n\ngc_delay = '1days'", "tepui.toml:3: unknown key 'gc_delay'"),
        (
            "master",
            "[agent]\ngc_dealy = '1days'",
            "tepui.toml:2: unknown key 'gc_dealy'; did you mean 'gc-delay'?",
        ),
        ("master", "quite-another-thing = 1", "tepui.toml:1: unknown key 'quite-another-thing'"),
        ("master", "config = 'x'", "tepui.toml:1: unknown key 'config'"),
        (
            "master",
            "gc_delay = '1days'",
            "tepui.toml:1: 'gc_delay' is a setting of the agent: put it into the table [agent]",
        ),
        (
            "agent",
            "\nweights = 'a=1'",
            "tepui.toml:2: 'weights' is a setting of the master: put it into the table [master]",
        ),
        ("master", "port = [[", "tepui.toml:1: this is not valid TOML: "),
        ("master", "port = 1\nport = 2", "tepui.toml:2: this is not valid TOML: "),
        (
            "master",
            "[port]\na = 1",
            "tepui.toml:1: 'port' must be text, a number, a truth value or a list of these",
        ),
        ("master", "[master]\nport = {a = 1}", "tepui.toml:2: 'port' must be text"),
        ("master", "ip = 1979-05-27", "tepui.toml:1: 'ip' must be text"),
        ("master", "work-dir = '/a'\nwork_dir = '/b'", "was said before, in another spelling; say it once"),
        (
            "master",
            "\n\nport = 'x'",
            "tepui.toml:3: invalid value 'x' for --port: expected a whole number from 0 to 65535",
        ),
        ("master", "port = -1", "tepui.toml:1: invalid value '-1' for --port: expected a whole number"),
        (
            "agent",
            "[agent]\nmaster = 'm'\ngc_disk_headroom = 7",
            "tepui.toml:3: --gc-disk-headroom must be between 0 and 1, not 7",
        ),
    ] {
        let error = Site::with(text).told(role, &[], &[]).unwrap_err();
        assert!(error.contains(words), "{error} instead of {words}");
    }
    // No nearest one where nothing is near.
    assert!(
        !Site::with("quite-another-thing = 1").told("master", &[], &[]).unwrap_err().contains("did you mean")
    );
    let error = told(&["master", "--config", "/nowhere/tepui.toml"], &[]).unwrap_err();
    assert!(error.starts_with("cannot read /nowhere/tepui.toml: "), "{error}");
}

#[test]
fn what_is_wrong_elsewhere_is_told_with_its_place() {
    for (arguments, environment, words) in [
        (&["master", "--prot", "1"][..], &[][..], "'--port'"),
        (&["agent"], &[], "--master must be given"),
        (
            &["agent", "--master", "m", "--gc-delay", "soon"],
            &[],
            "invalid value 'soon' for --gc-delay: expected a number",
        ),
        (&["master"], &[("TEPUI_PORT", "x")], "TEPUI_PORT in the environment: invalid value 'x' for --port"),
        (
            &["master"],
            &[("MESOS_WEIGHTS", "a=0")],
            "MESOS_WEIGHTS in the environment: --weights must be above 0",
        ),
    ] {
        let error = told(arguments, environment).unwrap_err();
        assert!(error.contains(words), "{error} instead of {words}");
    }
}

#[test]
fn secrets_are_not_told() {
    let flag = "--executor-environment-variables";
    for text in ["hidden", r#"{"PASSWORD": "hidden"#, r#"{"PASSWORD": ["hidden"]}"#] {
        for (flags, environment) in [
            (&["agent", "--master", "m", flag, text][..], &[][..]),
            (&["agent", "--master", "m"], &[("MESOS_EXECUTOR_ENVIRONMENT_VARIABLES", text)]),
        ] {
            let error = told(flags, environment).unwrap_err();
            assert!(error.contains(flag) && !error.contains("hidden"), "{error}");
        }
    }
}

/// Every setting stands in help, and in the reference, with its default and its variable.
#[test]
fn every_setting_is_described() {
    let page = include_str!("../../../docs/settings.md");
    for role in roles() {
        let mut command = Cli::command();
        let help = command.find_subcommand_mut(role.name).unwrap().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut names = std::collections::BTreeSet::new();
        for setting in &role.table {
            assert!(names.insert(setting.name), "{} is declared twice", setting.name);
            let flag = format!("--{} <", setting.key());
            let flag = if setting.switch { format!("--{} [<", setting.key()) } else { flag };
            assert!(help.contains(&flag), "{flag} is not in the help of the {}", role.name);
            assert!(help.contains(&format!("[env: {}]", setting.variable())), "{}", setting.variable());
            assert!(
                page.contains(&format!("| `{}` |", setting.key())),
                "{} is not in the page",
                setting.key()
            );
            assert!(!setting.help.is_empty() && !setting.secret | setting.value.is_empty());
        }
    }
}
