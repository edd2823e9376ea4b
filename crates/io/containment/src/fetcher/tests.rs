use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
};

use super::*;

fn patience(cancelled: &AtomicBool) -> Patience<'_> {
    Patience { stall: Duration::from_millis(300), cancelled }
}

fn get(uri: &Uri, sandbox: &Path) -> Result<(), String> {
    fetch_all(std::slice::from_ref(uri), sandbox, None, patience(&AtomicBool::new(false)))
        .map_err(|error| error.reason)
}

/// A server that gives these answers, one for each connection; gives its address.
fn serve(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        answers
            .iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut first = String::new();
                reader.read_line(&mut first).unwrap();
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                stream.write_all(answer.as_bytes()).unwrap();
                first.trim().to_owned()
            })
            .collect()
    });
    (address, thread)
}

#[test]
fn copies_local_files() {
    let work = tempfile::tempdir().unwrap();
    let sandbox = work.path().join("sandbox");
    fs::create_dir(&sandbox).unwrap();
    let source = work.path().join("a file");
    fs::write(&source, "hello").unwrap();
    let path = source.to_str().unwrap();
    get(&Uri::new(path), &sandbox).unwrap();
    let mut uri = Uri::new(format!("file://{path}"));
    uri.output_file = Some("deep/er/name".to_owned());
    uri.executable = true;
    get(&uri, &sandbox).unwrap();
    assert_eq!(fs::read_to_string(sandbox.join("a file")).unwrap(), "hello");
    let mode = fs::metadata(sandbox.join("deep/er/name")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
}

#[test]
fn says_why_not() {
    let sandbox = tempfile::tempdir().unwrap();
    for (uri, output_file, reason) in [
        ("/no/such/file", None, "No such file"),
        ("/etc", None, "not a file"),
        ("relative", None, "relative paths"),
        ("/etc/", None, "no file name"),
        ("http://127.0.0.1", None, "no file name"),
        ("hdfs://host/file", None, "scheme 'hdfs' is not supported"),
        ("/etc/passwd", Some("../out"), "inside the sandbox"),
        ("/etc/passwd", Some("/out"), "inside the sandbox"),
        ("http://127.0.0.1:1/x", None, "refused"),
    ] {
        let mut uri = Uri::new(uri);
        uri.output_file = output_file.map(str::to_owned);
        let error = get(&uri, sandbox.path()).unwrap_err();
        assert!(error.contains(reason), "{}: {error}", uri.value);
    }
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 0);
}

#[test]
fn fetches_over_http() {
    let sandbox = tempfile::tempdir().unwrap();
    let (address, server) = serve(vec![
        "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.0 200 OK\r\n\r\nhello".to_owned(),
    ]);
    for name in ["a?x=1", "chunked", "old"] {
        get(&Uri::new(format!("http://{address}/{name}")), sandbox.path()).unwrap();
    }
    for name in ["a", "chunked", "old"] {
        assert_eq!(fs::read_to_string(sandbox.path().join(name)).unwrap(), "hello");
    }
    let lines = server.join().unwrap();
    assert_eq!(lines[..2], ["GET /a?x=1 HTTP/1.1", "GET /b HTTP/1.1"]);
}

#[test]
fn a_server_that_lies_is_an_error() {
    let sandbox = tempfile::tempdir().unwrap();
    let cases = [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "answered 404"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "only 5 of the announced 50"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello", "more than the announced 3 bytes came"),
        ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "not a number"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", "only 5 of the announced 9"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk's size"),
        ("SSH-2.0-x\r\n", "not HTTP"),
        ("", "not HTTP"),
    ];
    let (address, server) = serve(cases.iter().map(|(answer, _)| (*answer).to_owned()).collect());
    for (answer, reason) in cases {
        let error = get(&Uri::new(format!("http://{address}/x")), sandbox.path()).unwrap_err();
        assert!(error.contains(reason), "{answer:?}: {error}");
    }
    server.join().unwrap();
}

#[test]
fn extracts_by_name() {
    let work = tempfile::tempdir().unwrap();
    let mut tar_bytes = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o755);
    tar_bytes.append_data(&mut header, "dir/tool", &b"hello"[..]).unwrap();
    let tar_bytes = tar_bytes.into_inner().unwrap();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut zip_bytes = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    zip_bytes.start_file("dir/tool", zip::write::SimpleFileOptions::default()).unwrap();
    zip_bytes.write_all(b"hello").unwrap();
    let zip_bytes = zip_bytes.finish().unwrap().into_inner();
    for (name, bytes, result) in [
        ("a.tar", tar_bytes.clone(), Some("dir/tool")),
        ("a.tar.gz", gzip(&tar_bytes), Some("dir/tool")),
        ("a.tgz", gzip(&tar_bytes), Some("dir/tool")),
        ("hello.gz", gzip(b"hello"), Some("hello")),
        ("a.zip", zip_bytes, Some("dir/tool")),
        ("broken.tgz", b"no".to_vec(), None),
        ("broken.zip", b"no".to_vec(), None),
        ("broken.tar.xz", b"no".to_vec(), None),
        (".tar", b"just a name".to_vec(), Some(".tar")),
    ] {
        let sandbox = tempfile::tempdir().unwrap();
        let source = work.path().join(name);
        fs::write(&source, &bytes).unwrap();
        let fetched = get(&Uri::new(source.to_str().unwrap()), sandbox.path());
        match result {
            Some(file) if file != name => {
                assert_eq!(fs::read_to_string(sandbox.path().join(file)).unwrap(), "hello", "{name}");
            }
            Some(_) => fetched.unwrap(),
            None => assert!(fetched.unwrap_err().contains("cannot extract it"), "{name}"),
        }
        let mut uri = Uri::new(source.to_str().unwrap());
        uri.extract = false;
        get(&uri, sandbox.path()).unwrap();
        assert_eq!(fs::read(sandbox.path().join(name)).unwrap(), bytes);
    }
}

#[test]
fn reads_with_the_rights_of_the_user() {
    if rustix::process::geteuid().as_raw() != 0 {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (secret, open) = (work.path().join("secret"), work.path().join("open"));
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&open, "open").unwrap();
    let sandbox = work.path().join("sandbox");
    crate::sandbox::create(&sandbox, Some((65534, 65534))).unwrap();
    let nobody = Credentials { uid: 65534, gid: 65534, groups: vec![65534] };
    let fetch = |path: &Path| {
        let uri = Uri::new(path.to_str().unwrap());
        fetch_all(&[uri], &sandbox, Some(&nobody), patience(&AtomicBool::new(false)))
    };
    fetch(&open).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(sandbox.join("open")).unwrap());
    assert_eq!(owner, 65534);
    assert!(fetch(&secret).unwrap_err().reason.contains("Permission denied"));
    assert_eq!(rustix::process::geteuid().as_raw(), 0);
}

#[test]
fn stops_when_cancelled() {
    let sandbox = tempfile::tempdir().unwrap();
    let uri = Uri::new("/etc/passwd");
    let error = fetch_all(&[uri], sandbox.path(), None, patience(&AtomicBool::new(true))).unwrap_err();
    assert_eq!(error.reason, "cancelled");
}

/// A server that says these bytes to whoever comes, and then nothing, until the test is over.
fn silent_after(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(bytes);
            kept.push(stream);
        }
    });
    address
}

#[test]
fn what_stalls_is_given_up() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        let sandbox = tempfile::tempdir().unwrap();
        let error = get(&Uri::new(format!("http://{}/x", silent_after(bytes))), sandbox.path()).unwrap_err();
        assert_eq!(error, "it has stalled: not a byte came for 0.3 seconds", "{bytes:?}");
    }
}

#[test]
fn what_stalls_can_be_cancelled() {
    let sandbox = tempfile::tempdir().unwrap();
    let cancelled = AtomicBool::new(false);
    let patience = Patience { stall: Duration::from_secs(1000), cancelled: &cancelled };
    let uri = Uri::new(format!("http://{}/x", silent_after(b"")));
    std::thread::scope(|scope| {
        let fetching = scope.spawn(|| fetch_all(&[uri], sandbox.path(), None, patience));
        cancelled.store(true, Ordering::Relaxed);
        assert_eq!(fetching.join().unwrap().unwrap_err().reason, "cancelled");
    });
}

#[test]
fn redirects_end() {
    let sandbox = tempfile::tempdir().unwrap();
    let answer = "HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n".to_owned();
    let (address, server) = serve(vec![answer; 10]);
    let error = get(&Uri::new(format!("http://{address}/x")), sandbox.path()).unwrap_err();
    assert_eq!(error, format!("more than 10 redirects, the last one to 'http://{address}/again'"));
    assert_eq!(server.join().unwrap().len(), 10);
}
