//! The server against raw sockets: exact bytes, and clients that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says why")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use tepui_transport::{
    Answer, Handler, Request, Response, Router, ServerOptions, StreamLimit, StreamSender, exchange::JSON,
    serve, stream,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    streams: mpsc::Receiver<StreamSender>,
    done: tokio::task::JoinHandle<()>,
}

/// `/echo` answers with the body, `/records` with the records that a client sends, `/slow` after it was asked twice, `/stream` opens a stream, `/big` is worth compressing.
async fn server(options: ServerOptions, limit: StreamLimit) -> Server {
    let (stream_sender, streams) = mpsc::channel(16);
    let stream_handler = move |_: Request| {
        let (sender, body) = stream("test", limit);
        let stream_sender = stream_sender.clone();
        async move {
            stream_sender.send(sender).await.unwrap();
            Response::stream(JSON, Some("some-id"), body)
        }
    };
    let echo = |request: Request| async move { Response::message(JSON, request.body) };
    let router = Router::new("master")
        .route("master", "/echo", &[], echo)
        .route("master", "/records", &[Method::POST], records)
        .route("master", "/never", &[Method::POST], |request: Request| async move {
            let _unread = request;
            std::future::pending::<Response>().await
        })
        .route("master", "/post", &[Method::POST], echo)
        .route("master", "/accepted", &[], |_: Request| async { Response::accepted() })
        .route("master", "/redirect", &[], |_: Request| async { Response::redirect("//127.0.0.1:15050") })
        .route("master", "/secret", &[], |_: Request| async {
            let challenge = HeaderValue::from_static("Bearer realm=\"mesos\"");
            Response::new(StatusCode::UNAUTHORIZED).header(http::header::WWW_AUTHENTICATE, challenge)
        })
        .route("master", "/legacy", &[], |request: Request| async move {
            Response::legacy_json(request.query_parameter("jsonp").as_deref(), "{}")
        })
        .route("master", "/big", &[], |_: Request| async { Response::message(JSON, vec![b'x'; 5000]) })
        .route("master", "/huge", &[], |_: Request| async { Response::message(JSON, vec![b'x'; 50_000_000]) })
        .route("master", "/stream", &[], stream_handler);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let done = tokio::spawn(serve(listener, options, Arc::new(router), shutdown.clone()));
    Server { address, shutdown, streams, done }
}

/// Joins the records with commas. `stop` is the last that is read; what breaks is answered with its words.
async fn records(request: Request) -> Response {
    let Some(upload) = request.upload else { return Response::text(StatusCode::OK, "no stream") };
    let (mut records, mut all) = (upload.records(1 << 20), Vec::new());
    loop {
        match records.next().await {
            Ok(Some(record)) => all.push(String::from_utf8(record.to_vec()).unwrap()),
            Ok(None) => return Response::text(StatusCode::OK, all.join(",")),
            Err(error) => return Response::bad_request(error.to_string()),
        }
        if all.last().is_some_and(|last| last == "stop") {
            return Response::text(StatusCode::OK, all.join(","));
        }
    }
}

async fn ordinary() -> Server {
    server(ServerOptions::default(), StreamLimit::default()).await
}

/// Sends `request`, closes our half where `half` says so, and reads to the end.
async fn exchange(server: &Server, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(request).await.unwrap();
    read_to_end(&mut socket).await
}

async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(SOON, socket.read_to_end(&mut answer)).await.expect("the server closes").unwrap();
    without_date(&answer)
}

async fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).ends_with(end) {
        let read = timeout(SOON, socket.read_buf(&mut answer)).await.expect("the server answers").unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
    }
    without_date(&answer)
}

/// Checks that there are dates, and takes their values out.
fn without_date(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer).into_owned();
    let lines = text.split("\r\n").map(|line| match line.strip_prefix("Date: ") {
        Some(date) => {
            assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
            "Date"
        }
        None => line,
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

#[tokio::test]
async fn answers_have_the_expected_bytes() {
    let server = ordinary().await;
    let text = "Content-Type: text/plain; charset=utf-8\r\n";
    for (request, answer) in [
        (
            "POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nDate\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
        ),
        (
            "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nDate\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
        ),
        (
            "GET /accepted HTTP/1.1\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\nDate\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
        (
            "GET /redirect HTTP/1.1\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 307 Temporary Redirect\r\nDate\r\nLocation: //127.0.0.1:15050\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
        ),
        (
            "GET /secret HTTP/1.1\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\r\nDate\r\nWWW-Authenticate: Bearer realm=\"mesos\"\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
        ),
        (
            "GET /legacy HTTP/1.1\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}".to_owned(),
        ),
        (
            "GET /legacy?jsonp=cb HTTP/1.1\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate\r\nContent-Length: 6\r\nContent-Type: text/javascript\r\n\r\ncb({})".to_owned(),
        ),
        (
            "GET /nope HTTP/1.1\r\nConnection: close\r\n\r\n",
            format!("HTTP/1.1 404 Not Found\r\nDate\r\n{text}Content-Length: 14\r\n\r\n404 Not Found."),
        ),
        (
            "PUT /master/post HTTP/1.1\r\nConnection: close\r\n\r\n",
            format!(
                "HTTP/1.1 405 Method Not Allowed\r\nDate\r\nAllow: POST\r\n{text}Content-Length: 72\r\n\r\n\
                 405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received 'PUT'."
            ),
        ),
        (
            "HEAD /echo HTTP/1.1\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
        ("GARBAGE\r\n\r\n", String::new()),
        ("\u{16}\u{3}\u{1}", String::new()),
    ] {
        assert_eq!(exchange(&server, request.as_bytes()).await, answer, "{request}");
    }
}

#[tokio::test]
async fn a_connection_goes_on_after_an_error_and_pipelined_requests_are_answered_in_order() {
    let server = ordinary().await;
    let requests = "GET /nope HTTP/1.1\r\n\r\n\
        POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n\
        POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\ntwo\
        POST /echo HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthree\
        POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\nlost";
    let answer = exchange(&server, requests.as_bytes()).await;
    let bodies: Vec<&str> =
        answer.split("HTTP/1.1 ").skip(1).map(|one| one.split("\r\n\r\n").nth(1).unwrap()).collect();
    assert_eq!(bodies, ["404 Not Found.", "one", "two", "three"]);
}

#[tokio::test]
async fn any_number_of_requests_may_be_pipelined() {
    let options = ServerOptions { pipelined_max: 3, ..ServerOptions::default() };
    let server = server(options, StreamLimit::default()).await;
    let mut requests = "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nyes".repeat(1000);
    requests.push_str("GET /accepted HTTP/1.1\r\nConnection: close\r\n\r\n");
    let answer = exchange(&server, requests.as_bytes()).await;
    assert_eq!(answer.matches("\r\n\r\nyes").count(), 1000);
    assert!(answer.ends_with("HTTP/1.1 202 Accepted\r\nDate\r\nContent-Length: 0\r\n\r\n"));
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let server = ordinary().await;
    let request = "GET /big HTTP/1.1\r\nAccept-Encoding: deflate, gzip\r\nConnection: close\r\n\r\n";
    let answer = exchange(&server, request.as_bytes()).await;
    let start = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nDate\r\nContent-Type: application/json\r\nContent-Length: ";
    assert!(answer.starts_with(start), "{answer:?}");
    assert!(answer.len() < 400, "{}", answer.len());
    let plain =
        exchange(&server, b"GET /big HTTP/1.1\r\nAccept-Encoding: gzip;q=0\r\nConnection: close\r\n\r\n")
            .await;
    assert!(plain.len() > 5000);
}

#[tokio::test]
async fn too_much_is_refused_with_a_reason() {
    let options = ServerOptions { body_bytes_max: 10, head_bytes_max: 1000, ..ServerOptions::default() };
    let server = server(options, StreamLimit::default()).await;
    let text = "Content-Type: text/plain; charset=utf-8\r\n";
    let words = "The request's body is larger than the 10 bytes that are taken here.";
    let refused = format!(
        "HTTP/1.1 413 Payload Too Large\r\nDate\r\n{text}Content-Length: {}\r\n\r\n{words}",
        words.len()
    );
    let declared = exchange(&server, b"POST /echo HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello world").await;
    assert_eq!(declared, refused);
    let absurd = format!("POST /echo HTTP/1.1\r\nContent-Length: {}\r\n\r\n", "9".repeat(40));
    assert_eq!(exchange(&server, absurd.as_bytes()).await, refused);
    let chunked = "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n";
    assert_eq!(exchange(&server, chunked.as_bytes()).await, refused);
    let head = format!("GET /echo HTTP/1.1\r\nX: {}", "x".repeat(2000));
    assert!(exchange(&server, head.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET /echo HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(140));
    assert!(exchange(&server, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    for wrong in ["Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2", "Transfer-Encoding: gzip"] {
        let answer = exchange(&server, format!("POST /echo HTTP/1.1\r\n{wrong}\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{wrong}: {answer}");
    }
    let chunk = exchange(&server, b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await;
    assert!(chunk.starts_with("HTTP/1.1 400 "), "{chunk}");
}

#[tokio::test]
async fn half_a_request_does_not_hold_a_connection_for_ever() {
    let options = ServerOptions { read_timeout: Duration::from_millis(50), ..ServerOptions::default() };
    let server = server(options, StreamLimit::default()).await;
    for half in ["POST /echo HT", "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel"] {
        assert_eq!(exchange(&server, half.as_bytes()).await, "", "{half}");
    }
    // A connection that is merely idle stays.
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    idle.write_all(b"GET /accepted HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut idle, "\r\n\r\n").await;
}

const STREAMED: &str =
    "POST /records HTTP/1.1\r\nContent-Type: application/recordio\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn records_are_handled_while_they_arrive() {
    let server = ordinary().await;
    // In any pieces, and the connection goes on.
    let next = "GET /accepted HTTP/1.1\r\nConnection: close\r\n\r\n";
    let body = "6\r\n3\none5\r\n6\r\n\nthree\r\n2\r\n4\n\r\n4\r\nfour\r\n0\r\n\r\n";
    let whole = format!("{STREAMED}{body}{next}");
    for step in [1, 7, whole.len()] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        for piece in whole.as_bytes().chunks(step) {
            socket.write_all(piece).await.unwrap();
        }
        let answer = read_to_end(&mut socket).await;
        assert!(answer.contains("\r\n\r\none,three,fourHTTP/1.1 202 Accepted"), "{answer}");
    }
    // A length will do, too; what is not a stream is not handled as one.
    let length =
        "POST /records HTTP/1.1\r\nContent-Type: application/recordio\r\nContent-Length: 5\r\n\r\n3\none";
    let plain = "POST /records HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let answer = exchange(&server, format!("{length}{plain}{next}").as_bytes()).await;
    assert!(answer.contains("\r\n\r\noneHTTP/1.1 200 OK") && answer.contains("no stream"), "{answer}");
}

#[tokio::test]
async fn a_stream_of_records_may_be_answered_before_its_end_and_may_be_broken() {
    let server = ordinary().await;
    let early = exchange(&server, format!("{STREAMED}6\r\n4\nstop\r\n").as_bytes()).await;
    assert!(early.starts_with("HTTP/1.1 200 OK") && early.ends_with("stop"), "{early}");
    let closing = STREAMED.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    for (body, words) in [
        ("3\r\nxyz\r\n0\r\n\r\n", "the connection ended in the middle of the request"),
        ("4\r\nxyz\n\r\n", "Failed to decode length 'xyz'"),
        ("zz\r\n", "Malformed request body: a chunk without a valid length"),
        ("8\r\n9999999\n\r\n", "a record of 9999999 bytes, where at most 1048576 are allowed"),
    ] {
        let answer = exchange(&server, format!("{closing}{body}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(words), "{body}: {answer}");
    }
    // A client that leaves half-way is noticed.
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(format!("{STREAMED}6\r\n4\nha").as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let answer = read_to_end(&mut socket).await;
    assert!(answer.ends_with("the connection ended in the middle of the request"), "{answer}");
}

#[tokio::test]
async fn a_handler_that_does_not_read_bounds_what_is_sent_to_it() {
    let server = ordinary().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(STREAMED.replace("/records", "/never").as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 60_000, "x".repeat(60_000));
    // Far more than all buffers on the way hold: sooner or later nothing more is taken.
    let stuck = async {
        for _ in 0..100_000 {
            if timeout(Duration::from_millis(300), socket.write_all(chunk.as_bytes())).await.is_err() {
                return true;
            }
        }
        false
    };
    assert!(timeout(SOON * 6, stuck).await.unwrap());
}

#[tokio::test]
async fn consent_is_given_to_those_who_wait_for_it() {
    let server = ordinary().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    socket.write_all(head).await.unwrap();
    assert_eq!(read_until(&mut socket, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(b"{}").await.unwrap();
    assert!(read_until(&mut socket, "{}").await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn streams_are_chunked_record_by_record_even_with_connection_close() {
    let mut server = ordinary().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"POST /stream HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let head = read_until(&mut socket, "\r\n\r\n").await;
    assert_eq!(
        head,
        "HTTP/1.1 200 OK\r\nDate\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: some-id\r\n\
         Content-Type: application/json\r\n\r\n"
    );
    let sender = server.streams.recv().await.unwrap();
    sender.try_send_record(b"{\"type\":\"HEARTBEAT\"}").unwrap();
    sender.try_send_record(b"{}").unwrap();
    assert_eq!(
        read_until(&mut socket, "{}\r\n").await,
        "17\r\n20\n{\"type\":\"HEARTBEAT\"}\r\n4\r\n2\n{}\r\n"
    );
    drop(sender);
    assert_eq!(read_to_end(&mut socket).await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let mut server = ordinary().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"POST /stream HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut socket, "\r\n\r\n").await;
    let sender = server.streams.recv().await.unwrap();
    drop(socket);
    timeout(SOON, sender.closed()).await.expect("the end is noticed");
}

#[tokio::test]
async fn a_client_that_stops_reading_loses_its_stream_and_nothing_else() {
    let limit = StreamLimit { chunks: 1_000_000, bytes: 1 << 20 };
    let mut server = server(ServerOptions::default(), limit).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"POST /stream HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut socket, "\r\n\r\n").await;
    let sender = server.streams.recv().await.unwrap();
    let record = Bytes::from(vec![b'x'; 64 * 1024]);
    let mut sent = 0;
    while sender.try_send(record.clone()).is_ok() {
        sent += 1;
        assert!(sent < 10_000, "nothing bounds the stream");
        tokio::task::yield_now().await;
    }
    timeout(SOON, sender.closed()).await.expect("the stream is closed");
    // What the kernel holds can still be read; then the connection is over, without a last chunk.
    let mut rest = Vec::new();
    let end = timeout(SOON, socket.read_to_end(&mut rest)).await.expect("the connection is closed");
    assert!(end.is_err() || !rest.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_let_go() {
    let options = ServerOptions { write_timeout: Duration::from_millis(100), ..ServerOptions::default() };
    let server = server(options, StreamLimit::default()).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /huge HTTP/1.1\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut rest = Vec::new();
    let _ = timeout(SOON, socket.read_to_end(&mut rest)).await.expect("the connection is closed");
    assert!(rest.len() < 50_000_000);
}

#[tokio::test]
async fn shutdown_ends_streams_properly_and_idle_connections_at_once() {
    let mut server = ordinary().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /accepted HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut idle, "\r\n\r\n").await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"POST /stream HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut socket, "\r\n\r\n").await;
    let sender = server.streams.recv().await.unwrap();
    server.shutdown.cancel();
    assert_eq!(read_to_end(&mut socket).await, "0\r\n\r\n");
    assert_eq!(read_to_end(&mut idle).await, "");
    timeout(SOON, server.done).await.expect("the server stops").unwrap();
    assert!(sender.try_send(Bytes::from_static(b"x")).is_err());
}

#[tokio::test]
async fn connections_are_bounded() {
    let options = ServerOptions { connections_max: 1, ..ServerOptions::default() };
    let server = server(options, StreamLimit::default()).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET /accepted HTTP/1.1\r\n\r\n").await.unwrap();
    read_until(&mut first, "\r\n\r\n").await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(b"GET /accepted HTTP/1.1\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(100), second.read(&mut byte)).await.is_err(), "served too many");
    drop(first);
    read_until(&mut second, "\r\n\r\n").await;
}

#[tokio::test]
async fn pipelined_requests_are_worked_on_together_and_answered_in_order() {
    struct Held(mpsc::Sender<tokio::sync::oneshot::Sender<()>>);
    impl Handler for Held {
        fn handle(&self, request: Request) -> Answer {
            let held = self.0.clone();
            Box::pin(async move {
                let (release, released) = tokio::sync::oneshot::channel();
                held.send(release).await.unwrap();
                released.await.unwrap();
                Response::new(StatusCode::OK)
                    .header("x-path".parse().unwrap(), HeaderValue::from_str(&request.path).unwrap())
            })
        }
    }
    let (sender, mut held) = mpsc::channel(10);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, ServerOptions::default(), Arc::new(Held(sender)), shutdown.clone()));
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let first = held.recv().await.unwrap();
    let second = held.recv().await.unwrap();
    second.send(()).unwrap();
    first.send(()).unwrap();
    let answer = read_to_end(&mut socket).await;
    assert!(answer.find("X-Path: /1").unwrap() < answer.find("X-Path: /2").unwrap(), "{answer}");
    shutdown.cancel();
}

#[tokio::test]
async fn what_follows_a_message_is_read_when_that_was_taken() {
    struct Telling(mpsc::Sender<String>);
    impl Handler for Telling {
        fn handle(&self, request: Request) -> Answer {
            let taken = self.0.clone();
            Box::pin(async move {
                taken.send(request.path.clone()).await.unwrap();
                Response::text(StatusCode::OK, request.path)
            })
        }

        fn is_message(&self, head: &Request) -> bool {
            assert!(head.body.is_empty());
            head.path.starts_with("/message")
        }

        fn receive(&self, message: Request) -> Answer {
            let taken = self.0.clone();
            Box::pin(async move {
                let body = String::from_utf8_lossy(&message.body);
                taken.send(format!("{} {body}", message.path)).await.unwrap();
                Response::accepted()
            })
        }
    }
    let (sender, mut taken) = mpsc::channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, ServerOptions::default(), Arc::new(Telling(sender)), shutdown.clone()));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let message = |name: &str| format!("POST /message/{name} HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    let all = [message("1"), message("2"), "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned()];
    socket.write_all(all.concat().as_bytes()).await.unwrap();
    for expected in ["/message/1 x", "/message/2 x", "/last"] {
        assert_eq!(timeout(SOON, taken.recv()).await.unwrap().unwrap(), expected);
    }
    let answer = read_to_end(&mut socket).await;
    assert_eq!(answer.matches("HTTP/1.1 202 Accepted").count(), 2, "{answer}");
    assert!(answer.ends_with("/last"), "{answer}");
    shutdown.cancel();
}
