//! Calls that are refused: status and words.

use super::cluster::{AWARE, Cluster, UUID};

#[test]
fn malformed_calls_are_400() {
    let subscribe = |rest: &str| format!(r#"{{"type":"SUBSCRIBE",{rest}}}"#);
    let with_id = |kind: &str| format!(r#"{{"type":"{kind}","framework_id":{{"value":"M-0000"}}}}"#);
    let info = r#""subscribe":{"framework_info":{"user":"root","name":"x","id":{"value":"b"}}}"#;
    let table = [
        ("{}".to_owned(), "Expecting 'type' to be present"),
        (r#"{"type":"FOO"}"#.to_owned(), "Expecting 'type' to be present"),
        (r#"{"type":"UNKNOWN"}"#.to_owned(), "Expecting 'framework_id' to be present"),
        (r#"{"type":"REVIVE"}"#.to_owned(), "Expecting 'framework_id' to be present"),
        (r#"{"type":"SUBSCRIBE"}"#.to_owned(), "Expecting 'subscribe' to be present"),
        (
            subscribe(&format!(r#""framework_id":{{"value":"a"}},{info}"#)),
            "'framework_id' differs from 'subscribe.framework_info.id'",
        ),
        (
            subscribe(
                r#""framework_id":{"value":"a"},"subscribe":{"framework_info":{"user":"root","name":"x"}}"#,
            ),
            "'framework_id' differs from 'subscribe.framework_info.id'",
        ),
        (with_id("UNKNOWN"), "Unsupported call type UNKNOWN"),
        (with_id("ACCEPT"), "Expecting 'accept' to be present"),
        (with_id("DECLINE"), "Expecting 'decline' to be present"),
        (with_id("KILL"), "Expecting 'kill' to be present"),
        (with_id("SHUTDOWN"), "Expecting 'shutdown' to be present"),
        (with_id("ACKNOWLEDGE"), "Expecting 'acknowledge' to be present"),
        (with_id("RECONCILE"), "Expecting 'reconcile' to be present"),
        (with_id("MESSAGE"), "Expecting 'message' to be present"),
        (with_id("REQUEST"), "Expecting 'request' to be present"),
        (with_id("UPDATE_FRAMEWORK"), "Expecting 'update_framework' to be present"),
        (with_id("RECONCILE_OPERATIONS"), "Expecting 'reconcile_operations' to be present"),
        (
            r#"{"type":"ACKNOWLEDGE","framework_id":{"value":"M-0000"},
                "acknowledge":{"agent_id":{"value":"x"},"task_id":{"value":"y"},"uuid":"bm90LXV1aWQ="}}"#
                .to_owned(),
            "Not a valid UUID",
        ),
    ];
    let mut cluster = Cluster::new();
    let stream = cluster.subscribe(AWARE);
    let id = cluster.streams[&stream].id.clone();
    for (call, text) in table {
        let expected = (400, format!("Failed to validate scheduler::Call: {text}"));
        assert_eq!(cluster.ask(id.as_deref(), &call), expected, "{call}");
    }
}

#[test]
fn the_order_of_checks() {
    let mut cluster = Cluster::new();
    let revive = |id: &str| format!(r#"{{"type":"REVIVE","framework_id":{{"value":"{id}"}}}}"#);
    let refused = |status: u16, text: &str| (status, text.to_owned());
    assert_eq!(cluster.ask(None, &revive("nope")), refused(400, "Framework cannot be found"));

    let stream = cluster.subscribe(AWARE);
    assert_eq!(
        cluster.ask(None, &revive("M-0000")),
        refused(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
    );
    for wrong in ["00000000-0000-0000-0000-000000000000", "zzz"] {
        let text = format!(
            "The stream ID '{wrong}' included in this request didn't match the stream ID currently associated with \
             framework ID M-0000"
        );
        assert_eq!(cluster.ask(Some(wrong), &revive("M-0000")), (400, text));
    }
    let subscribe = format!(r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{AWARE}}}}}"#);
    assert_eq!(
        cluster.ask(Some("x"), &subscribe),
        refused(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header")
    );
    let id = cluster.streams[&stream].id.clone();
    assert_eq!(cluster.ask(id.as_deref(), &revive("M-0000")), refused(202, ""));
    cluster.close(stream);
    assert_eq!(cluster.ask(id.as_deref(), &revive("M-0000")), refused(403, "Framework is not subscribed"));
}

#[test]
fn a_principal_must_be_the_frameworks_own() {
    let mut cluster = Cluster::new();
    let info = |principal: &str| {
        format!(
            r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{{"user":"u","name":"n","principal":"{principal}"}}}}}}"#
        )
    };
    let from = cluster.begin(None, Some("ops"), &info("dev"));
    assert_eq!(
        cluster.reply(from).1,
        "Failed to validate scheduler::Call: Authenticated principal 'ops' does not match principal 'dev' set in \
         `FrameworkInfo`"
    );
    let stream = cluster.begin(None, Some("ops"), &info("ops"));
    assert!(cluster.next(stream).contains("SUBSCRIBED"));
    let id = cluster.streams[&stream].id.clone();
    let revive = r#"{"type":"REVIVE","framework_id":{"value":"M-0000"}}"#;
    let from = cluster.begin(id.as_deref(), Some("dev"), revive);
    assert_eq!(cluster.reply(from).0, 400);
    let from = cluster.begin(id.as_deref(), Some("ops"), revive);
    assert_eq!(cluster.reply(from).0, 202);
}

/// What is wrong in meaning is an ERROR on a stream that ends.
#[test]
fn subscriptions_that_make_no_sense() {
    let info = |rest: &str| format!(r#"{{"framework_info":{{"user":"root","name":"x",{rest}}}}}"#);
    let multi = r#""capabilities":[{"type":"MULTI_ROLE"}]"#;
    let table = [
        (
            info(&format!(r#""roles":["a b"],{multi}"#)),
            "'FrameworkInfo.roles' contains invalid role: Role component 'a b' is invalid because it contains \
             backspace or whitespace",
        ),
        (
            info(&format!(r#""roles":["a"],"role":"x",{multi}"#)),
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
        ),
        (
            info(r#""roles":["a"]"#),
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
        ),
        (
            info(r#""roles":["a"],"capabilities":[{"type":"NO_SUCH_CAP"}]"#),
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
        ),
        (
            format!(
                r#"{{"framework_info":{{"user":"u","name":"x","roles":["a"],{multi}}},"suppressed_roles":["zzz"]}}"#
            ),
            "Suppressed roles { zzz } are not contained in the set of roles",
        ),
        (info(r#""failover_timeout":-1.0"#), "The framework failover_timeout (-1) is invalid"),
    ];
    for (subscribe, text) in table {
        let mut cluster = Cluster::new();
        let from = cluster.begin(None, None, &format!(r#"{{"type":"SUBSCRIBE","subscribe":{subscribe}}}"#));
        assert_eq!(cluster.next(from), format!(r#"{{"type":"ERROR","error":{{"message":"{text}"}}}}"#));
        assert!(cluster.streams[&from].closed && cluster.streams[&from].id.is_some(), "{text}");
        assert_eq!(cluster.disk.keys().collect::<Vec<_>>(), ["master"], "nothing is written of it");
    }
}

#[test]
fn settings_restrict_who_may_subscribe() {
    let mut config = super::cluster::config();
    config.root_submissions = false;
    let mut cluster = Cluster::with(config);
    let from = cluster.begin(
        None,
        None,
        &format!(r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{AWARE}}}}}"#),
    );
    assert!(
        cluster
            .next(from)
            .contains("User 'root' is not allowed to run frameworks without --root_submissions set")
    );

    let mut config = super::cluster::config();
    config.roles = Some(["other".to_owned()].into());
    let mut cluster = Cluster::with(config);
    let from = cluster.begin(
        None,
        None,
        &format!(r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{AWARE}}}}}"#),
    );
    assert!(cluster.next(from).contains("Roles { role } are not present in the master's --roles"));
}

/// What is about nothing that exists is taken, and does nothing.
#[test]
fn calls_about_nothing_are_202() {
    let mut cluster = Cluster::new();
    let _agent = cluster.agent(5051);
    let stream = cluster.subscribe(AWARE);
    cluster.drain(stream);
    cluster.take_sent();
    for payload in [
        format!(
            r#""type":"ACKNOWLEDGE","acknowledge":{{"agent_id":{{"value":"x"}},"task_id":{{"value":"y"}},"uuid":"{UUID}"}}"#
        ),
        r#""type":"DECLINE","decline":{"offer_ids":[{"value":"no-such-offer"}]}"#.to_owned(),
        r#""type":"SUPPRESS","suppress":{"roles":["not-mine"]}"#.to_owned(),
        r#""type":"REQUEST","request":{"requests":[]}"#.to_owned(),
        r#""type":"RECONCILE_OPERATIONS","reconcile_operations":{"operations":[]}"#.to_owned(),
        r#""type":"RECONCILE","reconcile":{"tasks":[]}"#.to_owned(),
        r#""type":"SHUTDOWN","shutdown":{"executor_id":{"value":"e"},"agent_id":{"value":"x"}}"#.to_owned(),
        r#""type":"MESSAGE","message":{"agent_id":{"value":"x"},"executor_id":{"value":"e"},"data":"aGk="}"#
            .to_owned(),
        r#""type":"ACCEPT_INVERSE_OFFERS","accept_inverse_offers":{"inverse_offer_ids":[{"value":"x"}]}"#
            .to_owned(),
    ] {
        cluster.call(stream, &format!(r#"{{"framework_id":{{"value":"M-0000"}},{payload}}}"#));
        assert_eq!(cluster.drain(stream), Vec::<String>::new(), "{payload}");
        assert_eq!(cluster.sent_names(), Vec::<String>::new(), "{payload}");
    }
}
