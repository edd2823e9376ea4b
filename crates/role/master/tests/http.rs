//! A whole master over HTTP, talked to by a client of our own and by raw sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says why")]

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use tepui_master::{MESOS_VERSION, MasterServer, Options, Settings, StartError};
use tepui_store::StoreError;
use tepui_transport::{Call, Client, ClientError, ClientResponse, RecordStream, StreamLimit, Url};
use tepui_wire_mesos::ContentType;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(10);

async fn master() -> MasterServer {
    MasterServer::start(Options::ephemeral()).await.unwrap()
}

fn url(master: &MasterServer, target: &str) -> Url {
    Url::new("127.0.0.1", master.address().port(), target)
}

async fn post(master: &MasterServer, target: &str, json: &str) -> ClientResponse {
    let call = Call::message(ContentType::Json, json.to_owned());
    timeout(SOON, Client::default().post(&url(master, target), call)).await.unwrap().unwrap()
}

async fn get(master: &MasterServer, target: &str) -> ClientResponse {
    timeout(SOON, Client::default().get(&url(master, target))).await.unwrap().unwrap()
}

fn status_and_text(response: &ClientResponse) -> (u16, String) {
    (response.status.as_u16(), response.text().into_owned())
}

async fn subscribe(master: &MasterServer, json: &str) -> Result<RecordStream, ClientError> {
    let call = Call::message(ContentType::Json, json.to_owned());
    timeout(SOON, Client::default().post_stream(&url(master, "/api/v1/scheduler"), call)).await.unwrap()
}

async fn event(stream: &mut RecordStream) -> serde_json::Value {
    let record = timeout(SOON, stream.next()).await.unwrap().unwrap().expect("the stream goes on");
    serde_json::from_slice(&record).unwrap()
}

const FRAMEWORK: &str = r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"test","failover_timeout":100}}}"#;

#[tokio::test]
async fn operators_are_answered() {
    let master = master().await;
    for (call, status, answer) in [
        (r#"{"type":"GET_HEALTH"}"#, 200, r#"{"type":"GET_HEALTH","get_health":{"healthy":true}}"#),
        (
            r#"{"type":"GET_LOGGING_LEVEL"}"#,
            200,
            r#"{"type":"GET_LOGGING_LEVEL","get_logging_level":{"level":0}}"#,
        ),
        (r#"{"type":"GET_WEIGHTS"}"#, 200, r#"{"type":"GET_WEIGHTS"}"#),
        (r#"{"type":"GET_QUOTA"}"#, 200, r#"{"type":"GET_QUOTA","get_quota":{"status":{}}}"#),
        (r#"{"type":"GET_OPERATIONS"}"#, 200, r#"{"type":"GET_OPERATIONS","get_operations":{}}"#),
        (
            r#"{"type":"GET_MAINTENANCE_STATUS"}"#,
            200,
            r#"{"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":{}}}"#,
        ),
        (
            r#"{"type":"GET_AGENTS"}"#,
            200,
            r#"{"type":"GET_AGENTS","get_agents":{"agents":[],"recovered_agents":[]}}"#,
        ),
        (
            r#"{"type":"GET_FRAMEWORKS"}"#,
            200,
            r#"{"type":"GET_FRAMEWORKS","get_frameworks":{"frameworks":[],"completed_frameworks":[]}}"#,
        ),
        (r#"{"type":"GET_ROLES"}"#, 200, r#"{"type":"GET_ROLES","get_roles":{}}"#),
        (r#"{"type":"LIST_FILES","list_files":{"path":"/"}}"#, 404, ""),
        ("{}", 400, "Failed to validate master::Call: Expecting 'type' to be present"),
        (r#"{"type":"FOO"}"#, 400, "Failed to validate master::Call: Expecting 'type' to be present"),
        (
            r#"{"type":"LIST_FILES"}"#,
            400,
            "Failed to validate master::Call: Expecting 'list_files' to be present",
        ),
        (
            r#"{"type":"GET_METRICS"}"#,
            400,
            "Failed to validate master::Call: Expecting 'get_metrics' to be present",
        ),
        (r#"{"type":"UNKNOWN"}"#, 501, "501 Not Implemented."),
        ("{oops", 400, "Failed to parse body into JSON: syntax error at line 1 near: oops"),
        (
            r#"{"type":"GET_METRICS","get_metrics":"x"}"#,
            400,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'get_metrics'",
        ),
        (
            r#"{"type":"TEARDOWN","teardown":{"framework_id":{"value":"ghost"}}}"#,
            400,
            "No framework found with specified ID",
        ),
    ] {
        assert_eq!(
            status_and_text(&post(&master, "/api/v1", call).await),
            (status, answer.to_owned()),
            "{call}"
        );
    }
    let version = post(&master, "/master/api/v1/operator", r#"{"type":"GET_VERSION"}"#).await;
    assert!(
        version.text().contains(&format!(r#""version_info":{{"version":"{MESOS_VERSION}","#)),
        "{version:?}"
    );
    let metrics = post(&master, "/api/v1", r#"{"type":"GET_METRICS","get_metrics":{}}"#).await;
    assert!(metrics.text().contains(r#"{"name":"master/tasks_running","value":0.0}"#), "{metrics:?}");
    let protobuf = Call::message(ContentType::Protobuf, vec![8, 1]);
    let health = Client::default().post(&url(&master, "/api/v1"), protobuf).await.unwrap();
    assert_eq!(&health.body[..], b"\x08\x01\x12\x02\x08\x01");
    master.shutdown().await.unwrap();
}

#[tokio::test]
async fn encodings_are_negotiated_as_mesos_does() {
    let master = master().await;
    let json = r#"{"type":"GET_HEALTH"}"#;
    let content_type = "Expecting 'Content-Type' of application/json or application/x-protobuf";
    let accept = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
    for (path, headers, body, status, text) in [
        ("/api/v1", vec![], json, 400, "Expecting 'Content-Type' to be present"),
        ("/api/v1", vec![("content-type", "text/plain")], json, 415, content_type),
        ("/api/v1", vec![("content-type", "application/json"), ("accept", "text/html")], json, 406, accept),
        ("/api/v1/scheduler", vec![("content-type", "text/plain")], FRAMEWORK, 415, content_type),
        (
            "/api/v1/scheduler",
            vec![("content-type", "application/json"), ("accept", "text/html")],
            FRAMEWORK,
            406,
            accept,
        ),
    ] {
        let mut call = Call::default().body(body);
        for (name, value) in headers {
            call = call.header(name.parse().unwrap(), HeaderValue::from_static(value));
        }
        let answer = Client::default().post(&url(&master, path), call).await.unwrap();
        assert_eq!(status_and_text(&answer), (status, text.to_owned()));
    }
    let wrong = get(&master, "/api/v1/scheduler").await;
    assert_eq!(wrong.header(header::ALLOW), Some("POST"));
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    master.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_scheduler_subscribes_calls_and_leaves() {
    let master = master().await;
    let mut stream = subscribe(&master, FRAMEWORK).await.unwrap();
    let id = stream.stream_id().unwrap().to_owned();
    assert_eq!(stream.content_type(), Some("application/json"));
    let subscribed = event(&mut stream).await;
    assert_eq!(subscribed["type"], "SUBSCRIBED");
    assert_eq!(subscribed["subscribed"]["heartbeat_interval_seconds"], 15.0);
    let info = &subscribed["subscribed"]["master_info"];
    assert_eq!(info["pid"], format!("master@{}", master.address()));
    assert_eq!(info["ip"], 16_777_343);
    let framework = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();
    assert_eq!(framework, format!("{}-0000", master.info().id));
    assert_eq!(event(&mut stream).await["type"], "HEARTBEAT");

    let client = Client::default();
    let to = url(&master, "/api/v1/scheduler");
    let call = |kind: &str| {
        let json = format!(r#"{{"type":"{kind}","framework_id":{{"value":"{framework}"}}}}"#);
        Call::message(ContentType::Json, json)
    };
    let missing = client.post(&to, call("REVIVE")).await.unwrap();
    let text = "All non-subscribe calls should include the 'Mesos-Stream-Id' header";
    assert_eq!(status_and_text(&missing), (400, text.to_owned()));
    let wrong = client.post(&to, call("REVIVE").stream_id("nope")).await.unwrap();
    let text = format!(
        "The stream ID 'nope' included in this request didn't match the stream ID currently associated with \
         framework ID {framework}"
    );
    assert_eq!(status_and_text(&wrong), (400, text));
    let revive = client.post(&to, call("REVIVE").stream_id(&id)).await.unwrap();
    assert_eq!(status_and_text(&revive), (202, String::new()));
    let unknown = call("FOO").stream_id(&id);
    let text = "Failed to validate scheduler::Call: Expecting 'type' to be present";
    assert_eq!(status_and_text(&client.post(&to, unknown).await.unwrap()), (400, text.to_owned()));

    // A second subscription with the same id takes over.
    let again = format!(
        r#"{{"type":"SUBSCRIBE","framework_id":{{"value":"{framework}"}},"subscribe":{{"framework_info":
        {{"user":"root","name":"test","failover_timeout":100,"id":{{"value":"{framework}"}}}}}}}}"#
    );
    let mut second = subscribe(&master, &again).await.unwrap();
    assert_eq!(event(&mut second).await["type"], "SUBSCRIBED");
    let error = event(&mut stream).await;
    assert_eq!(error["error"]["message"], "Framework failed over");
    assert_eq!(timeout(SOON, stream.next()).await.unwrap().unwrap(), None);

    // Its end is noticed.
    drop(second);
    timeout(SOON, async {
        loop {
            let frameworks = post(&master, "/api/v1", r#"{"type":"GET_FRAMEWORKS"}"#).await;
            if frameworks.text().contains(r#""connected":false"#) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the scheduler's end is noticed");
    let teardown = Call::message(ContentType::Json, format!("frameworkId={framework}"));
    let done = client.post(&url(&master, "/teardown"), teardown).await.unwrap();
    assert_eq!(status_and_text(&done), (200, String::new()));
    let refused = subscribe(&master, &again).await;
    match refused {
        Ok(mut stream) => assert_eq!(event(&mut stream).await["type"], "ERROR"),
        Err(error) => panic!("{error}"),
    }
    master.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_operator_watches() {
    let master = master().await;
    let call = Call::message(ContentType::Json, r#"{"type":"SUBSCRIBE"}"#);
    let mut watch = Client::default().post_stream(&url(&master, "/api/v1"), call).await.unwrap();
    assert_eq!(watch.stream_id(), None);
    let subscribed = event(&mut watch).await;
    assert_eq!(subscribed["type"], "SUBSCRIBED");
    assert!(subscribed["subscribed"]["get_state"].is_object());
    assert_eq!(event(&mut watch).await["type"], "HEARTBEAT");
    let _scheduler = subscribe(&master, FRAMEWORK).await.unwrap();
    let added = event(&mut watch).await;
    assert_eq!(added["type"], "FRAMEWORK_ADDED");
    assert_eq!(added["framework_added"]["framework"]["framework_info"]["name"], "test");
    master.shutdown().await.unwrap();
    assert_eq!(timeout(SOON, watch.next()).await.unwrap().unwrap(), None);
}

#[tokio::test]
async fn the_old_endpoints_are_there() {
    let master = master().await;
    let _scheduler = subscribe(&master, FRAMEWORK).await.unwrap();
    for (path, members) in [
        (
            "/state",
            "version build_date build_time build_user start_time elected_time id pid hostname capabilities \
             activated_slaves deactivated_slaves unreachable_slaves leader leader_info flags slaves recovered_slaves \
             frameworks completed_frameworks orphan_tasks unregistered_frameworks",
        ),
        ("/master/state-summary", "hostname slaves frameworks"),
        ("/slaves", "slaves recovered_slaves"),
        ("/slaves/some-id", "slaves recovered_slaves"),
        ("/master/frameworks/", "frameworks completed_frameworks unregistered_frameworks"),
        ("/tasks?limit=2&order=asc", "tasks"),
        ("/roles", "roles"),
        ("/flags", "flags"),
        ("/version", "build_date build_time build_user version"),
        ("/files/debug", ""),
    ] {
        let response = get(&master, path).await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        let found: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found.join(" "), members.split_whitespace().collect::<Vec<_>>().join(" "), "{path}");
    }
    let frameworks = get(&master, "/frameworks").await;
    let body: serde_json::Value = serde_json::from_slice(&frameworks.body).unwrap();
    let found: Vec<&str> = body["frameworks"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        found.join(" "),
        "id name used_resources offered_resources capabilities hostname webui_url active connected recovered user \
         failover_timeout checkpoint registered_time unregistered_time resources role tasks unreachable_tasks \
         completed_tasks offers executors offer_constraints"
    );
    for (path, status, text) in [
        ("/health", 200, ""),
        ("/state.json", 404, "404 Not Found."),
        ("/tasks?limit=x", 400, "Failed to parse query parameter 'limit': 'x' is no number"),
        ("/files/browse", 400, "Expecting 'path=value' in query.\n"),
        ("/files/read?path=/nope", 404, ""),
        ("/logging/toggle", 200, "0\n"),
    ] {
        assert_eq!(status_and_text(&get(&master, path).await), (status, text.to_owned()), "{path}");
    }
    let snapshot = get(&master, "/metrics/snapshot").await;
    assert!(
        snapshot.text().starts_with(r#"{"#) && snapshot.text().contains(r#""master/frameworks_active":1.0"#)
    );
    let prometheus = get(&master, "/metrics").await;
    assert!(prometheus.text().contains("\nmesos_master_frameworks_active 1.0\n"), "{}", prometheus.text());
    let jsonp = get(&master, "/roles?jsonp=cb").await;
    assert!(jsonp.text().starts_with("cb({") && jsonp.text().ends_with("})"));
    let none = post(&master, "/teardown", "").await;
    let text = "Missing 'frameworkId' query parameter in the request body";
    assert_eq!(status_and_text(&none), (400, text.to_owned()));
    master.shutdown().await.unwrap();
}

#[tokio::test]
async fn it_explains() {
    let master = master().await;
    let mut stream = subscribe(&master, FRAMEWORK).await.unwrap();
    let subscribed = event(&mut stream).await;
    let framework = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();
    let why = get(&master, &format!("/explain?what={framework}")).await;
    let why: serde_json::Value = serde_json::from_slice(&why.body).unwrap();
    assert_eq!(why["reasons"][0], format!("framework 'test' ({framework}): subscribed"));
    let known = serde_json::json!({"fact": "framework", "id": framework, "name": "test", "standing": {"is": "subscribed"}});
    assert_eq!((&why["facts"][0], &why["facts"][2]["why"]), (&known, &"no_agents".into()));
    assert_eq!(get(&master, "/explain?what=ghost").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&master, "/explain").await.status, StatusCode::BAD_REQUEST);
    master.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_framework_that_does_not_read_is_disconnected() {
    let options = Options { stream: StreamLimit { chunks: 1000, bytes: 1 << 20 }, ..Options::ephemeral() };
    let master = MasterServer::start(options).await.unwrap();
    // Subscribed, and never read again after the first two records.
    let mut stream = subscribe(&master, FRAMEWORK).await.unwrap();
    let id = stream.stream_id().unwrap().to_owned();
    let subscribed = event(&mut stream).await;
    let framework = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();
    // Every task that nobody knows is answered with an update.
    let tasks: Vec<String> =
        (0..2000).map(|number| format!(r#"{{"task_id":{{"value":"ghost-{number}"}}}}"#)).collect();
    let reconcile = format!(
        r#"{{"type":"RECONCILE","framework_id":{{"value":"{framework}"}},"reconcile":{{"tasks":[{}]}}}}"#,
        tasks.join(",")
    );
    let client = Client::default();
    let to = url(&master, "/api/v1/scheduler");
    let refused = timeout(Duration::from_secs(60), async {
        loop {
            let call = Call::message(ContentType::Json, reconcile.clone()).stream_id(&id);
            let answer = client.post(&to, call).await.unwrap();
            if answer.status != StatusCode::ACCEPTED {
                return answer;
            }
        }
    });
    let refused = refused.await.expect("it is disconnected sooner or later");
    assert_eq!(status_and_text(&refused), (403, "Framework is not subscribed".to_owned()));
    master.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_leader_is_told_without_a_scheme() {
    let master = master().await;
    let mut socket = TcpStream::connect(master.address()).await.unwrap();
    socket.write_all(b"GET /master/redirect HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(SOON, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 307 Temporary Redirect\r\nDate: "), "{answer}");
    let end = format!("\r\nLocation: //127.0.0.1:{}\r\nContent-Length: 0\r\n\r\n", master.address().port());
    assert!(answer.ends_with(&end), "{answer}");
    master.shutdown().await.unwrap();
}

#[tokio::test]
async fn frameworks_are_still_known_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let options = || {
        let work_dir = Some(directory.path().join("master"));
        Options::new(Settings { port: 0, work_dir, ..Settings::default() })
    };
    let first = MasterServer::start(options()).await.unwrap();
    let mut stream = subscribe(&first, FRAMEWORK).await.unwrap();
    let subscribed = event(&mut stream).await;
    let framework = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();

    let second = MasterServer::start(options()).await.unwrap_err();
    assert!(matches!(second, StartError::Store(StoreError::Locked { .. })), "{second}");
    first.shutdown().await.unwrap();

    let second = MasterServer::start(options()).await.unwrap();
    let found = post(&second, "/api/v1", r#"{"type":"GET_FRAMEWORKS"}"#).await;
    assert!(found.text().contains(&framework), "{}", found.text());
    assert_ne!(second.info().id, framework.rsplit_once('-').unwrap().0);
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn it_says_why_it_cannot_start() {
    let first = master().await;
    let mut taken = Options::ephemeral();
    taken.settings.port = first.address().port();
    let error = MasterServer::start(taken).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {}: ", first.address())), "{error}");
    let mut unwritable = Options::ephemeral();
    unwritable.settings.work_dir = Some("/proc/nowhere".into());
    let error = MasterServer::start(unwritable).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot open the store /proc/nowhere/registry.redb: "), "{error}");
    first.shutdown().await.unwrap();
}
