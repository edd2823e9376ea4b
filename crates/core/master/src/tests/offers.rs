//! SUPPRESS, REVIVE and changed roles: whose offers go and come.

use std::time::Duration;

use super::cluster::{AWARE, Cluster};

fn two_roles(id: &str, roles: &str) -> String {
    AWARE.replace(r#""roles":["role"]"#, &format!(r#"{id}"roles":[{roles}]"#))
}

/// A framework with roles `a` and `b` that is offered nothing: it has suppressed both.
fn quiet() -> (Cluster, u64) {
    let mut cluster = Cluster::new();
    let _agent = cluster.agent(5051);
    let info = two_roles("", r#""a","b""#);
    let stream = cluster.begin(
        None,
        None,
        &format!(
            r#"{{"type":"SUBSCRIBE","subscribe":{{"framework_info":{info},"suppressed_roles":["a","b"]}}}}"#
        ),
    );
    cluster.drain(stream);
    cluster.pass_with_pongs(Duration::from_secs(5));
    assert!(cluster.offers().is_empty());
    (cluster, stream)
}

fn call(cluster: &mut Cluster, stream: u64, kind: &str, roles: &str) {
    let payload = kind.to_ascii_lowercase();
    cluster.call(
        stream,
        &format!(
            r#"{{"type":"{kind}","framework_id":{{"value":"M-0000"}},"{payload}":{{"roles":[{roles}]}}}}"#
        ),
    );
}

/// The roles that there are offers for.
fn offered(cluster: &Cluster) -> Vec<String> {
    let snapshot = cluster.snapshot();
    let roles = snapshot.offers.iter().map(|offer| offer.allocation_info.clone().unwrap().role.unwrap());
    roles.collect()
}

fn suppressed(cluster: &Cluster) -> Vec<String> {
    let framework = cluster.snapshot().frameworks["M-0000"].clone();
    framework.suppressed.iter().map(|role| role.as_str().to_owned()).collect()
}

#[test]
fn revive_is_about_the_roles_that_it_names() {
    for (roles, offers, rest) in [
        (r#""a""#, &["a"][..], &["b"][..]),
        (r#""b""#, &["b"], &["a"]),
        ("", &["a"], &[]),
        (r#""a","b""#, &["a"], &[]),
        (r#""foreign""#, &[], &["a", "b"]),
        (r#""a","foreign""#, &[], &["a", "b"]),
    ] {
        let (mut cluster, stream) = quiet();
        call(&mut cluster, stream, "REVIVE", roles);
        cluster.pass_with_pongs(Duration::from_secs(5));
        assert_eq!(offered(&cluster), offers, "{roles}");
        assert_eq!(suppressed(&cluster), rest, "{roles}");
    }
}

#[test]
fn suppress_is_about_the_roles_that_it_names() {
    for (roles, offers, rest) in [
        (r#""a""#, &["b"][..], &["a"][..]),
        (r#""b""#, &["a"], &["b"]),
        ("", &[], &["a", "b"]),
        (r#""foreign""#, &["a"], &[]),
        (r#""a","foreign""#, &["a"], &[]),
    ] {
        let (mut cluster, stream) = quiet();
        cluster.agent(5052);
        call(&mut cluster, stream, "REVIVE", "");
        // Both roles decline everything.
        while let Some(offer) = cluster.offers().first().cloned() {
            cluster.call(stream, &format!(
                r#"{{"type":"DECLINE","framework_id":{{"value":"M-0000"}},"decline":{{"offer_ids":[{{"value":"{offer}"}}]}}}}"#
            ));
        }
        call(&mut cluster, stream, "SUPPRESS", roles);
        cluster.pass_with_pongs(Duration::from_secs(20));
        let mut now = offered(&cluster);
        now.dedup();
        assert_eq!(suppressed(&cluster), rest, "{roles}");
        assert!(offers.iter().all(|role| now.contains(&(*role).to_owned())), "{roles}: {now:?}");
        assert!(rest.iter().all(|role| !now.contains(&(*role).to_owned())), "{roles}: {now:?}");
        assert_eq!(cluster.warnings.iter().any(|text| text.contains("'foreign'")), roles.contains("foreign"));
    }
}

/// Offers for a role that was given up are taken back; the others stay.
#[test]
fn roles_that_are_given_up() {
    let mut cluster = Cluster::new();
    cluster.agent(5051);
    cluster.agent(5052);
    let stream = cluster.subscribe(&two_roles("", r#""a","b""#));
    assert_eq!(offered(&cluster), ["a", "b"]);
    let offers = cluster.offers();
    cluster.drain(stream);
    let info = two_roles(r#""id":{"value":"M-0000"},"#, r#""b""#);
    cluster.call(
        stream,
        &format!(
            r#"{{"type":"UPDATE_FRAMEWORK","framework_id":{{"value":"M-0000"}},"update_framework":{{"framework_info":{info}}}}}"#
        ),
    );
    assert_eq!(
        cluster.next(stream),
        format!(r#"{{"type":"RESCIND","rescind":{{"offer_id":{{"value":"{}"}}}}}}"#, offers[0])
    );
    assert!(cluster.offers().contains(&offers[1]));
    assert!(offered(&cluster).iter().all(|role| role == "b"));
}
