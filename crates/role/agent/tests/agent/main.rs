//! A whole agent with real processes, and a master that is a test.
//!
//! This program is also the supervisor that the agents start, and an agent to be killed: so it brings its
//! own `main`, which runs the tests below one after the other (or those whose names contain an argument).
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, unreachable_pub, reason = "tests")]

mod containment;
mod harness;
mod nested;

use std::{fs, path::Path, process::ExitCode, time::Duration};

use containment::{
    a_fetch_that_fails_is_told, a_user_that_does_not_exist_is_told, containers_are_measured,
    too_much_disk_is_told_with_figures, too_much_memory_is_told_with_figures,
};
use harness::{Executor, Master, Work, command, get, is_alive, post, until};
use nested::{
    a_slow_reader_slows_its_session_down, attaching_to_a_task, calls_about_containers_that_are_wrong,
    containers_in_a_task, containers_outlive_a_killed_agent, containers_that_cannot_be_launched,
    containers_that_stand_alone, sessions_with_a_terminal, sessions_with_pipes,
};
use tepui_agent::AgentServer;
use tepui_wire_mesos::v1::{self, TaskState};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().unwrap_or_default();
    match first.to_str() {
        Some("supervisor") => return tepui_containment::supervisor::main(arguments),
        Some("agent") => return harness::agent_process(arguments),
        _ => {}
    }
    let filter = first.to_str().filter(|text| !text.starts_with('-')).unwrap_or_default().to_owned();
    let mut failed = 0;
    macro_rules! run {
        ($($test:ident)*) => {$(
            if stringify!($test).contains(&filter) {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
                let result = runtime.block_on(async {
                    tokio::time::timeout(Duration::from_secs(60), tokio::spawn($test())).await
                });
                let ok = matches!(result, Ok(Ok(())));
                println!("test {} ... {}", stringify!($test), if ok { "ok" } else { "FAILED" });
                failed += usize::from(!ok);
            }
        )*};
    }
    run! {
        a_command_task_from_start_to_end
        many_command_tasks_at_once
        a_command_that_is_not_there
        a_task_is_killed
        executors_speak_over_http
        operators_and_older_endpoints
        bad_requests_have_their_answers
        a_checkpointed_task_survives_a_killed_agent
        a_task_that_ends_while_there_is_no_agent_is_reported
        tasks_of_others_end_with_a_killed_agent
        a_master_that_comes_back_is_found
        an_ephemeral_agent_leaves_nothing
        bad_settings_are_errors
        too_much_memory_is_told_with_figures
        too_much_disk_is_told_with_figures
        a_user_that_does_not_exist_is_told
        a_fetch_that_fails_is_told
        containers_are_measured
        containers_in_a_task
        containers_that_stand_alone
        containers_outlive_a_killed_agent
        containers_that_cannot_be_launched
        sessions_with_pipes
        a_slow_reader_slows_its_session_down
        sessions_with_a_terminal
        attaching_to_a_task
        calls_about_containers_that_are_wrong
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn a_command_task_from_start_to_end() {
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    master.run(command("t", "echo out; echo err >&2; pwd; env | sort; exit 3"), false);
    let starting = master.update(TaskState::TaskStarting).await;
    assert_eq!(starting.executor_id.as_ref().unwrap().value, "t");
    let running = master.update(TaskState::TaskRunning).await;
    let container = running.status.container_status.as_ref().unwrap().container_id.clone().unwrap().value;
    let failed = master.update(TaskState::TaskFailed).await;
    assert_eq!(failed.status.message.as_deref(), Some("Command exited with status 3"));
    let runs = work.path().join("work/slaves/S0/frameworks/F/executors/t/runs").canonicalize().unwrap();
    let sandbox = runs.join(&container);
    assert_eq!(fs::read_link(runs.join("latest")).unwrap(), sandbox);
    let stdout = fs::read_to_string(sandbox.join("stdout")).unwrap();
    assert!(stdout.starts_with(&format!("out\n{}\n", sandbox.display())), "{stdout}");
    for variable in [
        "LIBPROCESS_IP=127.0.0.1",
        "LIBPROCESS_PORT=0",
        &format!("MESOS_AGENT_ENDPOINT={}", agent.address()),
        "MESOS_CHECKPOINT=0",
        &format!("MESOS_SANDBOX={}", sandbox.display()),
        "MESOS_EXECUTOR_ID=t",
        "MESOS_FRAMEWORK_ID=F",
        "MESOS_HTTP_COMMAND_EXECUTOR=0",
        "MESOS_SLAVE_ID=S0",
        &format!("MESOS_SLAVE_PID={}", agent.pid()),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ] {
        assert!(stdout.lines().any(|line| line == variable), "{variable} is missing in {stdout}");
    }
    assert_eq!(fs::read_to_string(sandbox.join("stderr")).unwrap(), "err\n");
    agent.stop().await;
}

async fn many_command_tasks_at_once() {
    const COUNT: usize = 200;
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    let start = std::time::Instant::now();
    for number in 0..COUNT {
        master.run(command(&format!("t{number}"), "true"), false);
    }
    let mut finished = 0;
    while finished < COUNT {
        let update = master.any_update().await;
        finished += usize::from(update.status.state == i32::from(TaskState::TaskFinished));
    }
    println!("     {COUNT} command tasks in {:?}", start.elapsed());
    agent.stop().await;
}

async fn a_command_that_is_not_there() {
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    let mut task = command("t", "/no/such/program");
    task.command.as_mut().unwrap().shell = Some(false);
    master.run(task, false);
    let failed = master.terminal_update().await;
    assert_eq!(failed.status.state, i32::from(TaskState::TaskFailed));
    // As Mesos has it; why, stands where the task's own words would.
    assert_eq!(failed.status.message.as_deref(), Some("Command exited with status 1"));
    let stderr = fs::read_to_string(work.latest("t").join("stderr")).unwrap();
    assert!(stderr.starts_with("Failed to execute '/no/such/program'"), "{stderr}");
    // What is not the command's doing is not told as its end.
    let mut task = command("limitless", "true");
    task.container = Some(Box::new(v1::ContainerInfo {
        r#type: v1::container_info::Type::Mesos as i32,
        rlimit_info: Some(v1::RLimitInfo {
            rlimits: vec![v1::r_limit_info::RLimit {
                r#type: Some(v1::r_limit_info::r_limit::Type::RlmtNofile.into()),
                soft: Some(1 << 40),
                hard: Some(1 << 40),
            }],
        }),
        ..v1::ContainerInfo::default()
    }));
    master.run(task, false);
    let failed = master.terminal_update().await.status;
    assert_eq!(failed.state(), TaskState::TaskFailed);
    assert_eq!(failed.reason(), v1::task_status::Reason::ContainerLaunchFailed);
    assert_eq!(
        failed.message(),
        "Failed to launch container: Failed to set its rlimits: Operation not permitted (os error 1)"
    );
    let mut task = command("u", "true");
    task.command.as_mut().unwrap().user = Some("no-such-user-here".to_owned());
    master.run(task, false);
    let update = master.terminal_update().await;
    let message = update.status.message.unwrap_or_default();
    assert!(message.contains("No such user 'no-such-user-here'"), "{message}");
    agent.stop().await;
}

async fn a_task_is_killed() {
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    master.run(command("t", "echo $$ > pid; exec sleep 1000"), false);
    master.update(TaskState::TaskStarting).await;
    let running = master.update(TaskState::TaskRunning).await;
    let pid = i32::try_from(running.status.container_status.unwrap().executor_pid.unwrap()).unwrap();
    assert!(is_alive(pid));
    master.kill("t");
    let killed = master.terminal_update().await;
    assert_eq!(killed.status.state, i32::from(TaskState::TaskKilled));
    assert!(!is_alive(pid));
    agent.stop().await;
}

async fn executors_speak_over_http() {
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    let mut task = command("t", "");
    task.command = None;
    task.executor = Some(Box::new(harness::executor("E", "echo $MESOS_AGENT_ENDPOINT; exec sleep 1000")));
    master.run(task.clone(), false);
    let mut executor = Executor::subscribe(agent.address(), "E").await;
    let subscribed = executor.event().await.subscribed.unwrap();
    assert_eq!(subscribed.executor_info.executor_id.value, "E");
    assert_eq!(executor.event().await.launch.unwrap().task.task_id.value, "t");
    executor.update("t", TaskState::TaskRunning).await;
    let update = master.update(TaskState::TaskRunning).await;
    assert_eq!(update.executor_id, None, "as the executor said it");
    assert_eq!(executor.event().await.acknowledged.unwrap().task_id.value, "t");
    // A second task goes to the executor that is there.
    task.task_id.value = "u".to_owned();
    master.run(task, false);
    assert_eq!(executor.event().await.launch.unwrap().task.task_id.value, "u");
    // A second stream takes the place of the first.
    let mut again = Executor::subscribe(agent.address(), "E").await;
    assert!(again.event().await.subscribed.is_some());
    assert!(executor.ended().await);
    // It did not say that it has the second task, which nobody heard of since.
    assert_eq!(master.update(TaskState::TaskLost).await.status.task_id.value, "u");
    // The end of its process is the end of its tasks. It speaks through the test, and may not have come as far itself.
    let stdout = work.latest("E").join("stdout");
    until("the process speaks", || fs::read_to_string(&stdout).is_ok_and(|said| said.ends_with('\n'))).await;
    let state = get(agent.address(), "/state").await.json();
    let directory = state["frameworks"][0]["executors"][0]["directory"].as_str().unwrap().to_owned();
    let endpoint = fs::read_to_string(Path::new(&directory).join("stdout")).unwrap();
    assert_eq!(endpoint.trim(), agent.address().to_string());
    harness::kill(harness::executor_pid(agent.address()).await);
    assert_eq!(master.update(TaskState::TaskFailed).await.status.task_id.value, "t");
    agent.stop().await;
}

async fn operators_and_older_endpoints() {
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    let address = agent.address();
    assert_eq!(get(address, "/containers").await.text(), "[]");
    assert_eq!(get(address, "/files/debug").await.text(), "{}");
    master.register("S0").await;
    master.run(command("t", "echo hello; exec sleep 1000"), false);
    master.update(TaskState::TaskStarting).await;
    master.update(TaskState::TaskRunning).await;
    let stdout = work.latest("t").join("stdout");
    until("the task speaks", || fs::read_to_string(&stdout).is_ok_and(|said| said == "hello\n")).await;
    for path in ["/state", "/slave(1)/state", "/slave%281%29/state", "/state/"] {
        let state = get(address, path).await.json();
        assert_eq!(state["id"], "S0");
        assert_eq!(state["pid"], agent.pid().to_string());
        assert_eq!(state["attributes"]["rack"], "r1");
        assert_eq!(state["resources"]["ports"], "[31000-32000]");
        assert_eq!(state["flags"]["resources"], harness::RESOURCES);
        let executor = &state["frameworks"][0]["executors"][0];
        assert_eq!(executor["id"], "t");
        assert_eq!(executor["tasks"][0]["state"], "TASK_RUNNING");
        assert_eq!(executor["tasks"][0]["statuses"].as_array().unwrap().len(), 2);
    }
    let state = get(address, "/state").await.json();
    let members: Vec<&String> = state.as_object().unwrap().keys().collect();
    assert_eq!(members, harness::STATE_MEMBERS);
    assert_eq!(get(address, "/health").await.status(), 200);
    assert_eq!(get(address, "/state.json").await.status(), 404);
    assert_eq!(get(address, "/version").await.json()["version"], "1.11.0");
    assert!(get(address, "/metrics/snapshot").await.json()["slave/tasks_running"] == 1.0);
    assert!(get(address, "/metrics").await.text().contains("mesos_slave_tasks_running"));
    assert!(get(address, "/system/stats.json").await.json()["cpus_total"].as_u64().unwrap() > 0);
    let statistics = get(address, "/monitor/statistics").await.json();
    assert!(statistics[0]["statistics"]["mem_rss_bytes"].as_u64().unwrap() > 0);

    let directory = state["frameworks"][0]["executors"][0]["directory"].as_str().unwrap().to_owned();
    for path in [directory.as_str(), "/frameworks/F/executors/t/runs/latest"] {
        let files = get(address, &format!("/files/browse?path={path}")).await.json();
        assert_eq!(files.as_array().unwrap().len(), 2);
        assert_eq!(files[1]["path"], format!("{path}/stdout"));
        let read = get(address, &format!("/files/read?path={path}/stdout&offset=0&length=3")).await;
        assert_eq!(read.text(), r#"{"data":"hel","offset":0}"#);
        let read = get(address, &format!("/files/read?path={path}/stdout&offset=-1")).await;
        assert_eq!(read.text(), r#"{"data":"","offset":6}"#);
        assert_eq!(get(address, &format!("/files/download?path={path}/stdout")).await.text(), "hello\n");
        assert_eq!(get(address, &format!("/files/read?path={path}/nope&offset=0")).await.status(), 404);
        assert_eq!(get(address, &format!("/files/read?path={path}/../../x&offset=0")).await.status(), 404);
    }
    assert_eq!(get(address, "/files/read?path=/etc/passwd&offset=0").await.status(), 404);

    let call = |body: String| async move { post(address, "/api/v1", body).await };
    let read = format!(
        r#"{{"type":"READ_FILE","read_file":{{"path":"{directory}/stdout","offset":1,"length":2}}}}"#
    );
    assert_eq!(call(read).await.text(), r#"{"type":"READ_FILE","read_file":{"size":6,"data":"ZWw="}}"#);
    let list = format!(r#"{{"type":"LIST_FILES","list_files":{{"path":"{directory}"}}}}"#);
    assert_eq!(call(list).await.json()["list_files"]["file_infos"].as_array().unwrap().len(), 2);
    for (kind, pointer, value) in [
        ("GET_HEALTH", "/get_health/healthy", "true"),
        ("GET_VERSION", "/get_version/version_info/version", "\"1.11.0\""),
        ("GET_LOGGING_LEVEL", "/get_logging_level/level", "0"),
        ("GET_AGENT", "/get_agent/agent_info/id/value", "\"S0\""),
        ("GET_STATE", "/get_state/get_tasks/launched_tasks/0/task_id/value", "\"t\""),
        ("GET_TASKS", "/get_tasks/launched_tasks/0/state", "\"TASK_RUNNING\""),
        ("GET_FRAMEWORKS", "/get_frameworks/frameworks/0/framework_info/id/value", "\"F\""),
        ("GET_EXECUTORS", "/get_executors/executors/0/executor_info/executor_id/value", "\"t\""),
        ("GET_CONTAINERS", "/get_containers/containers/0/executor_id/value", "\"t\""),
        ("GET_FLAGS", "/get_flags/flags/0/name", "\"attributes\""),
        ("GET_OPERATIONS", "/get_operations", "{}"),
    ] {
        let answer = call(format!(r#"{{"type":"{kind}"}}"#)).await.json();
        assert_eq!(answer["type"], kind);
        let found = answer.pointer(pointer).map(ToString::to_string).unwrap_or_default();
        assert_eq!(found, value, "{kind}: {answer}");
    }
    let metrics = call(r#"{"type":"GET_METRICS","get_metrics":{}}"#.to_owned()).await.json();
    assert!(metrics["get_metrics"]["metrics"].as_array().unwrap().len() > 60);
    let usage = call(r#"{"type":"GET_CONTAINERS"}"#.to_owned()).await.json();
    let usage = &usage["get_containers"]["containers"][0]["resource_statistics"];
    assert!(usage["mem_rss_bytes"].as_u64().unwrap() > 0, "{usage}");
    agent.stop().await;
}

async fn bad_requests_have_their_answers() {
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    let address = agent.address();
    let executor =
        |rest: &str| format!(r#"{{"executor_id":{{"value":"E"}},"framework_id":{{"value":"F"}}{rest}}}"#);
    for (path, body, status, text) in [
        (
            "/api/v1",
            "{oops".to_owned(),
            400,
            "Failed to parse body into JSON: syntax error at line 1 near: oops",
        ),
        ("/api/v1", "{}".to_owned(), 400, "Failed to validate agent::Call: Expecting 'type' to be present"),
        (
            "/api/v1",
            r#"{"type":"FOO"}"#.to_owned(),
            400,
            "Failed to validate agent::Call: Expecting 'type' to be present",
        ),
        (
            "/api/v1",
            r#"{"type":"LIST_FILES"}"#.to_owned(),
            400,
            "Failed to validate agent::Call: Expecting 'list_files' to be present",
        ),
        (
            "/api/v1",
            r#"{"type":"GET_METRICS","get_metrics":"x"}"#.to_owned(),
            400,
            "Not expecting a JSON string for field 'get_metrics'",
        ),
        ("/api/v1", r#"{"type":"UNKNOWN"}"#.to_owned(), 501, "501 Not Implemented."),
        ("/api/v1", r#"{"type":"LIST_FILES","list_files":{"path":"/nope"}}"#.to_owned(), 404, ""),
        ("/api/v1/executor", executor(r#","type":"HEARTBEAT""#), 202, ""),
        (
            "/api/v1/executor",
            executor(r#","type":"SUBSCRIBE","subscribe":{}"#),
            400,
            "Framework cannot be found",
        ),
        (
            "/api/v1/executor",
            executor(r#","type":"SUBSCRIBE""#),
            400,
            "Failed to validate Executor::Call: Expecting 'subscribe' to be present",
        ),
        (
            "/api/v1/executor",
            executor(""),
            400,
            "Failed to validate Executor::Call: Expecting 'type' to be present",
        ),
        (
            "/api/v1/executor",
            "{oops".to_owned(),
            400,
            "Failed to parse body into JSON: syntax error at line 1 near: oops",
        ),
    ] {
        let answer = post(address, path, body.clone()).await;
        assert_eq!((answer.status(), answer.text().as_str()), (status, text), "{path} {body}");
    }
    assert_eq!(get(address, "/api/v1").await.status(), 405);
    assert_eq!(get(address, "/api/v1/executor").await.status(), 405);
    assert_eq!(get(address, "/nope").await.text(), "404 Not Found.");
    assert_eq!(get(address, "/files/browse").await.status(), 400);
    agent.stop().await;
}

async fn a_checkpointed_task_survives_a_killed_agent() {
    let work = Work::new();
    let mut master = Master::start().await;
    let mut agent = harness::spawn_agent(&work, &master);
    master.register("S0").await;
    master.run(command("t", "until [ -e go ]; do sleep 0.02; done; exit 4"), true);
    master.update(TaskState::TaskStarting).await;
    let running = master.update(TaskState::TaskRunning).await;
    let pid = i32::try_from(running.status.container_status.unwrap().executor_pid.unwrap()).unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(is_alive(pid));
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    let message = master.reregister().await;
    assert_eq!(message.tasks.len(), 1);
    assert_eq!(message.tasks[0].state, i32::from(TaskState::TaskRunning));
    fs::write(work.latest("t").join("go"), "").unwrap();
    let failed = master.terminal_update().await;
    assert_eq!(failed.status.message.as_deref(), Some("Command exited with status 4"));
    // Everything was said and acknowledged: nothing is kept any more.
    let kept = work.path().join("run/containers");
    until("the exit is forgotten", || fs::read_dir(&kept).unwrap().count() == 0).await;
    agent.stop().await;
}

async fn a_task_that_ends_while_there_is_no_agent_is_reported() {
    let work = Work::new();
    let mut master = Master::start().await;
    let mut agent = harness::spawn_agent(&work, &master);
    master.register("S0").await;
    master.run(command("t", "until [ -e go ]; do sleep 0.02; done; exit 5"), true);
    master.update(TaskState::TaskStarting).await;
    let running = master.update(TaskState::TaskRunning).await;
    let pid = i32::try_from(running.status.container_status.unwrap().executor_pid.unwrap()).unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    fs::write(work.latest("t").join("go"), "").unwrap();
    until("the task ends", || !is_alive(pid)).await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.reregister().await;
    let failed = master.terminal_update().await;
    assert_eq!(failed.status.message.as_deref(), Some("Command exited with status 5"));
    agent.stop().await;
}

async fn tasks_of_others_end_with_a_killed_agent() {
    let work = Work::new();
    let mut master = Master::start().await;
    let mut agent = harness::spawn_agent(&work, &master);
    master.register("S0").await;
    master.run(command("t", "exec sleep 1000"), false);
    master.update(TaskState::TaskStarting).await;
    let running = master.update(TaskState::TaskRunning).await;
    let pid = i32::try_from(running.status.container_status.unwrap().executor_pid.unwrap()).unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    let message = master.reregister().await;
    assert!(message.tasks.is_empty());
    until("the orphan ends", || !is_alive(pid)).await;
    agent.stop().await;
}

async fn a_master_that_comes_back_is_found() {
    let work = Work::new();
    let mut master = Master::start().await;
    let agent = AgentServer::start(work.options(&master)).await.unwrap();
    master.register("S0").await;
    let address = master.address();
    master.stop().await;
    let mut master = Master::start_at(address).await;
    master.reregister().await;
    master.run(command("t", "true"), false);
    assert_eq!(master.terminal_update().await.status.state, i32::from(TaskState::TaskFinished));
    agent.stop().await;
}

async fn an_ephemeral_agent_leaves_nothing() {
    let work = Work::new();
    let mut master = Master::start().await;
    let mut options = work.options(&master);
    options.ephemeral = true;
    options.remove_at_end = vec![work.path().join("work"), work.path().join("run")];
    let agent = AgentServer::start(options).await.unwrap();
    master.register("S0").await;
    master.run(command("t", "sleep 1000 & sleep 1000"), false);
    master.update(TaskState::TaskStarting).await;
    let running = master.update(TaskState::TaskRunning).await;
    let pid = i32::try_from(running.status.container_status.unwrap().executor_pid.unwrap()).unwrap();
    agent.stop().await;
    assert!(!is_alive(pid));
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0);
}

async fn bad_settings_are_errors() {
    let work = Work::new();
    let master = Master::start().await;
    let options = || work.options(&master);
    type Change = fn(&mut tepui_agent::Options);
    let changes: [(Change, &str); 5] = [
        (|options| options.settings.resources = Some("cpus".to_owned()), "cpus"),
        (|options| options.settings.attributes = Some("rack".to_owned()), "attributes"),
        (|options| options.settings.work_dir = "/proc/nowhere".into(), "cannot use the work directory"),
        (
            |options| options.settings.runtime_dir = Some("/proc/nowhere".into()),
            "cannot use the runtime directory",
        ),
        (|options| options.supervisor.program = "/no/such".into(), "cannot start the supervisor"),
    ];
    for (change, text) in changes {
        let mut options = options();
        change(&mut options);
        let error = AgentServer::start(options).await.expect_err("an error").to_string();
        assert!(error.contains(text), "{error}");
    }
    let agent = AgentServer::start(options()).await.unwrap();
    let mut taken = options();
    taken.settings.port = agent.address().port();
    taken.settings.runtime_dir = Some(work.path().join("other"));
    let error = AgentServer::start(taken).await.expect_err("an error").to_string();
    assert!(error.contains("cannot listen on 127.0.0.1"), "{error}");
    let error = AgentServer::start(options()).await.expect_err("an error").to_string();
    assert!(error.contains("belongs to another agent"), "{error}");
    agent.stop().await;
}
