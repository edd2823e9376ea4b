//! LAUNCH_GROUP: all tasks of a group, or none, and the words for why not.

use tepui_wire_mesos::{Message, json, v1};

use super::cluster::{AWARE, Cluster, pid, register, task, task_with};

const OWN: &str = r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},
    {"name":"mem","type":"SCALAR","scalar":{"value":32}},{"name":"disk","type":"SCALAR","scalar":{"value":32}}]"#;

/// An agent with a disk, too: the executors of groups need one.
fn cluster() -> (Cluster, u64) {
    let mut cluster = Cluster::new();
    let mut message = register();
    let disk = br#"[{"name":"disk","type":"SCALAR","scalar":{"value":1000}}]"#;
    let disk: Vec<v1::Resource> = json::list_from_slice(disk).unwrap();
    message.slave.resources.extend(disk);
    cluster.message(&pid(5051), message);
    let stream = cluster.subscribe(AWARE);
    cluster.drain(stream);
    cluster.take_sent();
    (cluster, stream)
}

fn group(offer: &str, executor: &str, tasks: &[String]) -> String {
    format!(
        r#"{{"type":"ACCEPT","framework_id":{{"value":"M-0000"}},"accept":{{"offer_ids":[{{"value":"{offer}"}}],
           "operations":[{{"type":"LAUNCH_GROUP","launch_group":{{"executor":{{{executor}}},
           "task_group":{{"tasks":[{}]}}}}}}],"filters":{{"refuse_seconds":0}}}}}}"#,
        tasks.join(",")
    )
}

fn default_executor() -> String {
    format!(r#""type":"DEFAULT","executor_id":{{"value":"e"}},"resources":{OWN}"#)
}

#[test]
fn a_group_is_launched_as_one() {
    let (mut cluster, stream) = cluster();
    cluster.call(stream, &group("M-O0", &default_executor(), &[task("a"), task("b")]));
    let sent = cluster.take_sent();
    let [Message::RunTaskGroup(run)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(run.launch_executor, Some(true));
    assert_eq!(run.executor.r#type(), v1::executor_info::Type::Default);
    assert_eq!(run.task_group.tasks.len(), 2);
    let executors = run.task_group.tasks.iter().map(|task| task.executor.as_deref());
    assert!(executors.eq([Some(&run.executor), Some(&run.executor)]));
    assert_eq!(cluster.snapshot().frameworks["M-0000"].tasks.len(), 2);
    // A second group for the same executor: it is there already, and needs nothing for itself.
    let offer = cluster.offers()[0].clone();
    cluster.call(stream, &group(&offer, &default_executor(), &[task("c")]));
    let sent = cluster.take_sent();
    let [Message::RunTaskGroup(run)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(run.launch_executor, Some(false));
}

#[test]
fn one_bad_task_refuses_all() {
    let (mut cluster, stream) = cluster();
    cluster.call(stream, &group("M-O0", &default_executor(), &[task("a"), task("bad/id")]));
    for id in ["a", "bad/id"] {
        let event = cluster.next_but_offers(stream);
        assert!(event.contains(&format!(r#""task_id":{{"value":"{id}"}},"state":"TASK_ERROR""#)), "{event}");
        assert!(event.contains("REASON_TASK_GROUP_INVALID"), "{event}");
        assert!(event.contains("Task 'bad/id' is invalid: 'bad/id' contains invalid characters"), "{event}");
    }
    assert!(cluster.take_sent().is_empty());
}

#[test]
fn refusals_in_mesos_words() {
    let with = |rest: &str| vec![task_with("a", &format!(r#""command":{{"value":"true"}},{rest}"#))];
    let one = || vec![task("a")];
    let own = |resources: &str| {
        format!(r#""type":"DEFAULT","executor_id":{{"value":"e"}},"resources":{resources}"#)
    };
    let executor = default_executor;
    let shared = r#""container":{"type":"MESOS","linux_info":{"share_cgroups":false}}"#;
    let table = [
        (
            executor() + r#","command":{"value":"x"}"#,
            one(),
            "'ExecutorInfo.command' must not be set for 'DEFAULT' executor",
        ),
        (
            executor() + r#","container":{"type":"DOCKER","docker":{"image":"i"}}"#,
            one(),
            "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor",
        ),
        (own("[]"), one(), "Executor 'e' uses less CPUs (None) than the minimum required (0.01)"),
        (
            own(&OWN.replace("0.1", "0.005")),
            one(),
            "Executor 'e' uses less CPUs (0.005) than the minimum required (0.01)",
        ),
        (
            own(&OWN.replacen(r#""value":32}"#, r#""value":16}"#, 1)),
            one(),
            "Executor 'e' uses less memory (16MB) than the minimum required (32MB)",
        ),
        (own(&OWN.replace("disk", "gpus")), one(), "Executor 'e' uses no disk"),
        (
            executor(),
            with(r#""container":{"type":"DOCKER","docker":{"image":"i"}}"#),
            "Task 'a' is invalid: Docker ContainerInfo is not supported on the task",
        ),
        (
            executor(),
            with(
                r#""container":{"type":"MESOS","network_infos":[{"name":"n"}]},"health_check":{"type":"TCP","tcp":{"port":1}}"#,
            ),
            "Task 'a' is invalid: HTTP and TCP health checks are not supported for nested containers not joining \
             parent's network",
        ),
        (
            executor(),
            with(r#""health_check":{"type":"COMMAND"}"#),
            "Task 'a' is invalid: Task uses invalid health check: Expecting 'command' to be set for COMMAND health \
             check",
        ),
        (
            executor(),
            with(r#""limits":{"cpus":{"value":2}}"#),
            "Task 'a' is invalid: Resource limits may only be set for tasks within a task group when the \
             'share_cgroups' field is set to 'false'.",
        ),
        (executor(), vec![task("a"), task("a")], "Task 'a' is invalid: Task has duplicate ID: a"),
        (
            executor(),
            with(r#""executor":{"type":"DEFAULT","executor_id":{"value":"f"}}"#),
            "The `ExecutorInfo` of task 'a' is different from executor 'e'",
        ),
        (
            executor(),
            [vec![task("b")], with(shared)].concat(),
            "If set, the value of 'share_cgroups' must be the same for all tasks in each task group and under a \
             single executor",
        ),
        (
            executor() + r#","container":{"type":"MESOS","linux_info":{"share_cgroups":true}}"#,
            one(),
            "The 'share_cgroups' field cannot be set to 'true' on executor containers",
        ),
        (
            executor(),
            vec![task("a").replace(r#"{"value":1}"#, r#"{"value":1000}"#)],
            "Total resources cpus(allocated: role):1000.1; mem(allocated: role):64; disk(allocated: role):32 required \
             by task group and its executor are more than available",
        ),
    ];
    for (executor, tasks, words) in table {
        let (mut cluster, stream) = cluster();
        cluster.call(stream, &group("M-O0", &executor, &tasks));
        let event = cluster.next_but_offers(stream);
        assert!(event.contains("REASON_TASK_GROUP_INVALID"), "{event}");
        assert!(event.contains(words), "{words}\n{event}");
        assert!(cluster.take_sent().is_empty());
    }
}

#[test]
fn tasks_under_one_executor_share_cgroups_or_not() {
    let (mut cluster, stream) = cluster();
    cluster.call(stream, &group("M-O0", &default_executor(), &[task("a")]));
    let offer = cluster.offers()[0].clone();
    let own = task_with(
        "b",
        r#""command":{"value":"true"},"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}"#,
    );
    cluster.call(stream, &group(&offer, &default_executor(), &[own]));
    let event = cluster.next_but_offers(stream);
    assert!(event.contains("If set, the value of 'share_cgroups' must be the same"), "{event}");
}
