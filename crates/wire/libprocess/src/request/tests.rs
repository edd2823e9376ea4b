use proptest::prelude::*;

use super::*;

/// Requests as they were seen on real connections, and what they carry.
const PING: &[u8] = b"POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1\r\n\
    User-Agent: libprocess/slave-observer(1)@127.0.0.1:17050\r\n\
    Libprocess-From: slave-observer(1)@127.0.0.1:17050\r\n\
    Connection: Keep-Alive\r\n\
    Host: 127.0.0.1:17051\r\n\
    Transfer-Encoding: chunked\r\n\r\n\
    2\r\n\x08\x01\r\n0\r\n\r\n";
const PONG: &[u8] = b"POST /slave-observer(1)/mesos.internal.PongSlaveMessage HTTP/1.1\r\n\
    User-Agent: libprocess/slave(1)@127.0.0.1:17051\r\n\
    Libprocess-From: slave(1)@127.0.0.1:17051\r\n\
    Connection: Keep-Alive\r\n\
    Host: 127.0.0.1:17050\r\n\r\n";

fn upid(text: &str) -> Upid {
    text.parse().unwrap()
}

/// The head of a request, recognised.
fn recognise_bytes(request: &[u8]) -> Result<Option<Incoming>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut parsed = httparse::Request::new(&mut headers);
    assert!(parsed.parse(request).unwrap().is_complete());
    let headers = parsed.headers.iter().map(|header| (header.name, header.value));
    recognise(parsed.method.unwrap(), parsed.path.unwrap(), headers)
}

#[test]
fn a_message_is_written_as_libprocess_writes_it() {
    let (observer, agent) = (upid("slave-observer(1)@127.0.0.1:17050"), upid("slave(1)@127.0.0.1:17051"));
    assert_eq!(encode(&observer, &agent, "mesos.internal.PingSlaveMessage", b"\x08\x01"), PING);
    assert_eq!(encode(&agent, &observer, "mesos.internal.PongSlaveMessage", b""), PONG);
}

#[test]
fn the_length_of_the_chunk_is_hexadecimal() {
    let request = encode(&upid("a@1.2.3.4:5"), &upid("b@1.2.3.4:6"), "m", &[0; 592]);
    assert!(request.windows(9).any(|part| part == b"\r\n\r\n250\r\n"));
}

#[test]
fn a_message_is_recognised() {
    let ping = recognise_bytes(PING).unwrap().unwrap();
    assert_eq!(ping.sender, upid("slave-observer(1)@127.0.0.1:17050"));
    assert_eq!((ping.target.as_str(), ping.name.as_str()), ("slave(1)", "mesos.internal.PingSlaveMessage"));
}

#[test]
fn table_of_requests() {
    type Headers = &'static [(&'static str, &'static [u8])];
    let from: Headers = &[("libprocess-from", b" a@127.0.0.1:1 ")];
    let agent: Headers = &[("USER-AGENT", b"libprocess/b@127.0.0.1:2")];
    let both: Headers = &[("User-Agent", b"libprocess/b@127.0.0.1:2"), ("Libprocess-From", b"a@127.0.0.1:1")];
    let curl: Headers = &[("User-Agent", b"curl/8")];
    // method, path, headers: sender, target, name
    type Case = (&'static str, &'static str, Headers, Option<(&'static str, &'static str, &'static str)>);
    let cases: &[Case] = &[
        ("POST", "/master/m.M", from, Some(("a@127.0.0.1:1", "master", "m.M"))),
        ("POST", "/master/m.M", agent, Some(("b@127.0.0.1:2", "master", "m.M"))),
        ("POST", "/master/m.M", both, Some(("a@127.0.0.1:1", "master", "m.M"))),
        ("POST", "/slave%281%29/m.M", from, Some(("a@127.0.0.1:1", "slave(1)", "m.M"))),
        ("POST", "/master", from, Some(("a@127.0.0.1:1", "master", ""))),
        ("POST", "/", from, Some(("a@127.0.0.1:1", "", ""))),
        ("POST", "/master/a/b", from, Some(("a@127.0.0.1:1", "master", "a/b"))),
        ("GET", "/master/m.M", from, None),
        ("POST", "/master/m.M", curl, None),
        ("POST", "/api/v1", &[], None),
    ];
    for (method, path, headers, expected) in cases {
        let incoming = recognise(method, path, headers.iter().copied()).unwrap();
        let expected = expected.map(|(sender, target, name)| Incoming {
            sender: upid(sender),
            target: target.to_owned(),
            name: name.to_owned(),
        });
        assert_eq!(incoming, expected, "{method} {path} {headers:?}");
    }
}

#[test]
fn refusals_have_the_status_of_libprocess() {
    for sender in
        ["", "nobody", "a@", "a@host", "a@127.0.0.1", "a@127.0.0.1:99999", "a@localhost:5050", "\u{ff}@x"]
    {
        let refusal = recognise("POST", "/m/n", [("Libprocess-From", sender.as_bytes())]).unwrap_err();
        assert_eq!(refusal.status(), 500, "{sender}");
    }
    assert_eq!(Refusal::NoProcess("x".to_owned()).status(), 404);
    let ping = recognise_bytes(PING).unwrap().unwrap();
    assert_eq!(ping.require_peer("127.0.0.1".parse().unwrap()), Ok(()));
    assert_eq!(ping.require_peer("::ffff:127.0.0.1".parse().unwrap()), Ok(()));
    assert_eq!(ping.require_peer("10.0.0.1".parse().unwrap()).unwrap_err().status(), 400);
}

#[test]
fn upids_are_read_and_written() {
    for text in [
        "slave(1)@127.0.0.1:5051",
        "scheduler-2f1d@10.0.0.7:40000",
        "@0.0.0.0:0",
        "master@[::1]:5050",
        "id/a@1.2.3.4:5",
    ] {
        assert_eq!(upid(text).to_string(), text);
    }
    assert_eq!(upid("master@::1:5050"), upid("master@[::1]:5050"));
    assert!(upid("@0.0.0.0:0").is_nobody());
    assert!(!upid("a@0.0.0.0:1").is_nobody());
    let named =
        InvalidUpid::Hostname { id: "master".to_owned(), host: "node-1.example".to_owned(), port: 5050 };
    assert_eq!("master@node-1.example:5050".parse::<Upid>(), Err(named));
    for text in
        ["a b@1.2.3.4:5", "a\r\nX: y@1.2.3.4:5", "a@1.2.3.4:", "a@1.2.3.4:+5", "a@:5", "a@b@1.2.3.4:5"]
    {
        assert!(!matches!(text.parse::<Upid>(), Ok(_) | Err(InvalidUpid::Hostname { .. })), "{text}");
    }
}

proptest! {
    #[test]
    fn any_message_comes_out_as_it_went_in(
        id in "[^\\p{C}\\s@]{1,20}",
        name in "[a-zA-Z0-9._]{1,40}",
        ip in any::<[u8; 4]>(),
        port in any::<u16>(),
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let sender = Upid::new(id.clone(), (ip, port).into());
        let target = Upid::new(id.clone(), (ip, port).into());
        prop_assert_eq!(&upid(&sender.to_string()), &sender);
        let request = encode(&sender, &target, &name, &body);
        let incoming = recognise_bytes(&request).unwrap().unwrap();
        prop_assert_eq!(incoming, Incoming { sender, target: id, name });
    }

    #[test]
    fn arbitrary_requests_do_no_harm(
        path in ".*",
        headers in prop::collection::vec(
            ("[Ll]ibprocess-[Ff]rom|User-Agent|x", prop::collection::vec(any::<u8>(), 0..40)), 0..4),
    ) {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        let _ = recognise("POST", &path, headers);
    }

    #[test]
    fn arbitrary_texts_do_no_harm_as_upids(text in ".*|[a-z()0-9]*@[0-9.:]*") {
        if let Ok(upid) = text.parse::<Upid>() {
            prop_assert_eq!(upid.to_string().parse::<Upid>().unwrap(), upid);
        }
    }
}
