use super::*;
use crate::{
    capabilities::Capabilities,
    launch::{Rlimit, Stdio},
    user::Credentials,
};

fn requests() -> Vec<Request> {
    vec![
        Request::Hello { version: 1 },
        Request::Launch(Box::new(Spawn {
            container_id: "c".into(),
            path: "/bin/sh".into(),
            arguments: vec!["sh".into(), "-c".into(), "true".into()],
            environment: vec!["A=b".into(), "ü=".into()],
            directory: "/s".into(),
            stdout: "/s/stdout".into(),
            stderr: "/s/stderr".into(),
            credentials: Some(Credentials { uid: 1, gid: 2, groups: vec![2, 3] }),
            rlimits: vec![Rlimit { resource: 7, soft: 1, hard: u64::MAX }],
            cgroup_procs: vec!["/x/cgroup.procs".into()],
            ..Spawn::default()
        })),
        Request::Launch(Box::new(Spawn {
            container_id: "c.d".into(),
            parent: Some("c".into()),
            stdio: Stdio::Tty { rows: 24, columns: 80 },
            ..Spawn::default()
        })),
        Request::Launch(Box::new(Spawn {
            stdio: Stdio::Pipes,
            confinement: Confinement {
                make: Namespaces { pid: true, ipc: false, mount: true },
                join: Namespaces { pid: false, ipc: true, mount: false },
                shm_bytes: 1 << 40,
                capabilities: Some(Capabilities { effective: 1, bounding: u64::MAX }),
                no_new_privileges: true,
            },
            ..Spawn::default()
        })),
        Request::Signal { container_id: "c".into(), signal: 15, group: true },
        Request::List,
        Request::Forget { container_id: "c".into() },
    ]
}

fn events() -> Vec<Event> {
    vec![
        Event::Hello { version: 1 },
        Event::Container { container_id: "c".into(), pid: 7, exited: None },
        Event::Container { container_id: "c".into(), pid: 7, exited: Some(None) },
        Event::Container { container_id: "c".into(), pid: 7, exited: Some(Some(1792)) },
        Event::ListEnd,
        Event::Started { container_id: "c".into(), pid: 7 },
        Event::LaunchFailed { container_id: "c".into(), errno: 2, what: "no".into() },
        Event::Exited { container_id: "c".into(), status: Some(9) },
        Event::Exited { container_id: "c".into(), status: None },
        Event::Io { container_id: "c".into(), tty: true },
    ]
}

#[test]
fn everything_comes_back() {
    let mut buffer = Vec::new();
    requests().iter().for_each(|request| request.encode(&mut buffer));
    let (mut start, mut read) = (0, Vec::new());
    while let Some((body, next)) = next_frame(&buffer, start).unwrap() {
        read.push(Request::decode(body).unwrap());
        start = next;
    }
    assert_eq!(read, requests());
    for event in events() {
        let mut buffer = Vec::new();
        event.encode(&mut buffer);
        let (body, next) = next_frame(&buffer, 0).unwrap().unwrap();
        assert_eq!((Event::decode(body).unwrap(), next), (event, buffer.len()));
    }
}

#[test]
fn a_part_of_a_frame_is_never_a_frame() {
    for request in requests() {
        let mut buffer = Vec::new();
        request.encode(&mut buffer);
        for length in 0..buffer.len() {
            assert_eq!(next_frame(&buffer[..length], 0), Ok(None));
        }
        for length in 0..buffer.len() - 4 {
            assert!(Request::decode(&buffer[4..4 + length]).is_err());
        }
        buffer.push(0);
        assert_eq!(Request::decode(&buffer[4..]), Err(InvalidFrame::Malformed));
    }
    for event in events() {
        let mut buffer = Vec::new();
        event.encode(&mut buffer);
        for length in 0..buffer.len() - 4 {
            assert!(Event::decode(&buffer[4..4 + length]).is_err());
        }
    }
}

#[test]
fn lies_about_lengths_are_errors() {
    assert_eq!(next_frame(&u32::MAX.to_le_bytes(), 0), Err(InvalidFrame::TooLong(u32::MAX as usize)));
    let mut body = vec![5];
    body.extend(u32::MAX.to_le_bytes());
    assert_eq!(Request::decode(&body), Err(InvalidFrame::Malformed));
    assert_eq!(Request::decode(&[99]), Err(InvalidFrame::Kind(99)));
}
