//! An agent that is started with other settings, on another machine state, or to clean up.

use std::time::Duration;

use tepui_core_kit::Core as _;
use tepui_model::Tick;
use tepui_wire_mesos::{
    internal,
    v1::{self, executor::event::Type as Event},
};

use super::{
    AGENT, FRAMEWORK, Rig, aware, config, disk::Disk, event_types, executor_task, launch, master, scalar,
    sent,
};
use crate::{
    Checkpoint, Config, ContainerState, Effect, Phase, ReconfigurationPolicy, Recover, Recovered,
    RecoveryRefused, Removal,
};

fn now() -> Tick {
    Tick::ZERO + Duration::from_secs(1000)
}

fn left() -> Recovered {
    let mut rig = Rig::new();
    let mut disk = Disk::default();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    disk.take(&rig.message(internal::SlaveRegisteredMessage { slave_id, connection: None }));
    disk.take(&rig.run(super::aware(), super::command_task("t", "sleep 9")));
    disk.containers(&ContainerState::Alive)
}

fn attribute(name: &str, text: &str) -> v1::Attribute {
    v1::Attribute {
        name: name.to_owned(),
        r#type: v1::value::Type::Text.into(),
        text: Some(v1::value::Text { value: text.to_owned() }),
        ..v1::Attribute::default()
    }
}

fn ports(begin: u64, end: u64) -> v1::Resource {
    v1::Resource {
        name: "ports".to_owned(),
        r#type: v1::value::Type::Ranges.into(),
        ranges: Some(v1::value::Ranges { range: vec![v1::value::Range { begin, end }] }),
        ..v1::Resource::default()
    }
}

/// The settings of before, and what is then changed about them.
fn base() -> Config {
    let mut config = config();
    config.attributes = vec![attribute("rack", "r1")];
    config.resources.push(ports(31000, 31100));
    config
}

fn info(config: &Config) -> Recovered {
    let mut recovered = left();
    let info = recovered.agent.as_mut().unwrap();
    info.hostname.clone_from(&config.hostname);
    info.resources = config.resources.clone();
    info.attributes = config.attributes.clone();
    recovered
}

#[test]
fn what_may_change() {
    use ReconfigurationPolicy::{Additive, Equal};
    type Change = fn(&mut Config);
    let rows: Vec<(&str, Change, Option<&str>, Option<&str>)> = vec![
        ("nothing", |_| {}, None, None),
        ("the order", |config| config.resources.reverse(), None, None),
        (
            "more of a number",
            |config| config.resources[0] = scalar("cpus", 9.0),
            Some(
                "Resources changed from 'cpus:8; mem:1024; ports:[31000-31100]' to 'cpus:9; mem:1024; ports:[31000-31100]'",
            ),
            None,
        ),
        (
            "less of a number",
            |config| config.resources[0] = scalar("cpus", 7.5),
            Some("to 'cpus:7.5; mem:1024"),
            Some("Value of scalar resource 'cpus' decreased from 8 to 7.5"),
        ),
        ("another resource", |config| config.resources.push(scalar("gpus", 1.0)), Some("gpus:1"), None),
        (
            "a resource less",
            |config| {
                config.resources.remove(1);
            },
            Some("Resources changed"),
            Some("Resource not found: mem:1024"),
        ),
        (
            "other ports",
            |config| config.resources[2] = ports(31050, 31200),
            Some("Resources changed"),
            Some(
                "Previous value of range resource 'ports' ([31000-31100]) not included in current [31050-31200]",
            ),
        ),
        ("more ports", |config| config.resources[2] = ports(30000, 31200), Some("Resources changed"), None),
        (
            "another attribute",
            |config| config.attributes.push(attribute("zone", "z")),
            Some("Attributes changed from 'rack:r1' to 'rack:r1; zone:z'"),
            None,
        ),
        (
            "an attribute less",
            |config| config.attributes.clear(),
            Some("Attributes changed"),
            Some("Couldn't find attribute rack:r1"),
        ),
        (
            "an attribute's value",
            |config| config.attributes[0] = attribute("rack", "r2"),
            Some("Attributes changed"),
            Some("Value of attribute 'rack' changed from r1 to r2"),
        ),
        (
            "the host's name",
            |config| config.hostname = "other".to_owned(),
            Some("Hostname changed from 127.0.0.1 to other"),
            Some("Hostname changed from 127.0.0.1 to other"),
        ),
        (
            "the port",
            |config| config.port = 1,
            Some("Port changed from 5051 to 1"),
            Some("Port changed from 5051 to 1"),
        ),
        (
            "a port that nobody chose",
            |config| {
                config.port = 1;
                config.fixed_port = false;
            },
            None,
            None,
        ),
    ];
    for (what, change, equal, additive) in rows {
        for (policy, expected) in [(Equal, equal), (Additive, additive)] {
            let mut config = base();
            let recovered = info(&config);
            change(&mut config);
            config.reconfiguration_policy = policy;
            match (recovered.admit(&config, now()), expected) {
                (Ok(_), None) => {}
                (Err(RecoveryRefused::Incompatible { problem, .. }), Some(words)) => {
                    assert!(problem.contains(words), "{what}, {policy:?}: {problem}");
                }
                (other, _) => {
                    panic!("{what}, {policy:?}: {:?}", other.map(|_| ()).map_err(|e| e.to_string()))
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let config = Config { hostname: "other".to_owned(), ..base() };
    let words = info(&base()).admit(&config, now()).unwrap_err().to_string();
    assert!(words.starts_with("Failed to perform recovery: Incompatible agent info detected. "), "{words}");
    assert!(words.contains("`--reconfiguration_policy`"), "{words}");
    assert!(words.contains("\nrm -f /w/meta/slaves/latest\n"), "{words}");
}

#[test]
fn after_a_reboot_it_rather_becomes_a_new_one() {
    let config = Config { hostname: "other".to_owned(), ..base() };
    let recovered = Recovered { rebooted: true, ..info(&base()) }.admit(&config, now()).unwrap();
    assert_eq!(recovered.replaced.as_ref().map(|id| id.as_str()), Some(AGENT));
    assert_eq!(recovered.sandboxes.len(), 1);
    let mut rig = Rig::with(config, recovered);
    assert!(rig.agent.agent_id().is_none());
    let effects = rig.effects();
    assert!(effects.contains(&Effect::RemoveCheckpoint(Removal::Agent)));
    assert_eq!(rig.agent.gc.pending(), 1, "its sandbox has its time");
    // And where nothing changed it goes on: its tasks are told to be gone.
    let recovered = Recovered { rebooted: true, ..info(&base()) }.admit(&base(), now()).unwrap();
    assert!(recovered.agent.is_some());
}

#[test]
fn what_was_added_is_written_down() {
    let mut config = base();
    config.reconfiguration_policy = ReconfigurationPolicy::Additive;
    let recovered = info(&config);
    config.resources[0] = scalar("cpus", 16.0);
    let mut rig = Rig::with(config.clone(), recovered.admit(&config, now()).unwrap());
    let effects = rig.effects();
    let written = super::checkpoints(&effects);
    let [Checkpoint::Agent(info), ..] = written[..] else { panic!("{effects:?}") };
    assert_eq!(info.resources[0].scalar.map(|scalar| scalar.value), Some(16.0));
    assert_eq!(info.id.as_ref().map(|id| id.value.as_str()), Some(AGENT));
}

#[test]
fn what_cannot_be_read_matters_to_the_strict() {
    let damaged = || Recovered { errors: 2, complaints: vec!["/w/meta/x: it is torn".to_owned()], ..left() };
    let words = damaged().admit(&config(), now()).unwrap_err().to_string();
    assert!(words.contains("/w/meta/x: it is torn (and 1 more)"), "{words}");
    assert!(words.contains("--strict=false"), "{words}");
    let mut lenient = config();
    lenient.strict = false;
    assert!(damaged().admit(&lenient, now()).is_ok());
}

/// An agent that shall only clean up, after one with two executors, one of each kind, and a command.
#[test]
fn cleaning_up() {
    let mut rig = Rig::new();
    let mut disk = Disk::default();
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    let slave_id = v1::AgentId { value: AGENT.to_owned() };
    disk.take(&rig.message(internal::SlaveRegisteredMessage { slave_id, connection: None }));
    let mut containers = Vec::new();
    for task in [executor_task("a", "http"), executor_task("b", "pid"), super::command_task("c", "sleep 9")] {
        let effects = rig.run(aware(), task);
        disk.take(&effects);
        let container = launch(&effects).container_id.clone();
        disk.take(&rig.launched(&container));
        containers.push(container);
    }
    disk.take(&rig.subscribe("http").1);
    let process = super::upid("executor(1)@127.0.0.1:7777");
    let register = internal::RegisterExecutorMessage {
        framework_id: v1::FrameworkId { value: FRAMEWORK.to_owned() },
        executor_id: v1::ExecutorId { value: "pid".to_owned() },
    };
    rig.agent.handle(rig.now, crate::Event::Message { from: process, message: register.into() });
    disk.take(&rig.effects());

    let mut config = config();
    config.recover = Recover::Cleanup;
    let mut rig = Rig::with(config.clone(), disk.containers(&ContainerState::Alive));
    rig.agent.handle(rig.now, crate::Event::MasterDetected(Some(master())));
    assert_eq!(rig.agent.phase(), Phase::Terminating);
    let effects = rig.effects();
    assert!(effects.contains(&Effect::RemoveCheckpoint(Removal::Agent)), "the next one is a new one");
    let [tepui_wire_mesos::Message::ShutdownExecutor(_)] = sent(&effects)[..] else { panic!("{effects:?}") };
    let term = Effect::Signal { container: containers[2].clone(), signal: 15, whole_group: true };
    assert!(effects.contains(&term), "{effects:?}");
    assert_eq!(event_types(&rig.subscribe("http").1), [Event::Shutdown], "as soon as it can be told");
    let effects = rig.pass(Duration::from_secs(5));
    for container in &containers[..2] {
        assert!(effects.contains(&Effect::Destroy { container: container.clone() }));
    }
    for container in &containers {
        assert!(!rig.exited(container, 9).contains(&Effect::Shutdown) || *container == containers[2]);
    }
    assert!(rig.agent.stopped);
    assert!(sent(&rig.pass(Duration::from_secs(60))).is_empty(), "nothing is said to the master");

    let mut rig = Rig::with(config, Recovered::default());
    assert!(rig.effects().contains(&Effect::Shutdown), "with nothing to do it is done");
}
