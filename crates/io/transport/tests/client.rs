//! The client and the links against our own server, and against peers that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says why")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, StatusCode, header};
use tepui_transport::{
    Authorization, Call, CallConnection, Client, ClientError, ClientOptions, Exited, IncomingMessage,
    LinkOptions, Links, Request, Response, Router, ServerOptions, StreamLimit, Url, exchange::JSON, serve,
    stream,
};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{ContentType, Message, internal};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    messages: mpsc::Receiver<IncomingMessage>,
    done: tokio::task::JoinHandle<()>,
}

impl Server {
    fn url(&self, target: &str) -> Url {
        Url::new(self.address.ip().to_string(), self.address.port(), target)
    }

    fn upid(&self, id: &str) -> Upid {
        Upid { id: id.to_owned(), address: self.address }
    }
}

async fn server_at(address: &str) -> Server {
    let (inbox, messages) = mpsc::channel(1000);
    let records = |_: Request| {
        let (sender, body) = stream("test", StreamLimit::default());
        for number in 0..3 {
            sender.try_send_record(format!("record {number}").as_bytes()).unwrap();
        }
        async move { Response::stream(JSON, Some("an-id"), body) }
    };
    let router = Router::new("master")
        .route(
            "master",
            "/echo",
            &[],
            |request: Request| async move { Response::message(JSON, request.body) },
        )
        .route("master", "/records", &[], records)
        .route("master", "/moved", &[], |request: Request| async move {
            let host = request.header(header::HOST).unwrap_or_default().to_owned();
            Response::redirect(&format!("//{host}/records"))
        })
        .route("master", "/loop", &[], |_: Request| async { Response::redirect("/loop") })
        .route("master", "/who", &[], |request: Request| async move {
            Response::text(StatusCode::OK, request.header(header::AUTHORIZATION).unwrap_or("nobody"))
        })
        .messages(move |_| Some(inbox.clone()));
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let done = tokio::spawn(serve(listener, ServerOptions::default(), Arc::new(router), shutdown.clone()));
    Server { address, shutdown, messages, done }
}

async fn server() -> Server {
    server_at("127.0.0.1:0").await
}

#[tokio::test]
async fn posts_are_answered_over_one_connection() {
    let server = server().await;
    let client = Client::default();
    for number in 0..3 {
        let call = Call::message(ContentType::Json, format!("{number}"));
        let response = timeout(SOON, client.post(&server.url("/echo"), call)).await.unwrap().unwrap();
        assert_eq!(
            (response.status, response.text().as_ref()),
            (StatusCode::OK, number.to_string().as_str())
        );
    }
    // The server ends, and so does the idle connection: the client notices before it uses it again.
    let url = server.url("/echo");
    server.shutdown.cancel();
    server.done.await.unwrap();
    let again = client.get(&url).await;
    assert!(matches!(again, Err(ClientError::Connect { .. })), "{again:?}");
}

#[tokio::test]
async fn streams_follow_redirects_and_end() {
    let server = server().await;
    let client = Client::default();
    let mut records = client.post_stream(&server.url("/moved"), Call::default()).await.unwrap();
    assert_eq!(records.stream_id(), Some("an-id"));
    assert_eq!(records.content_type(), Some("application/json"));
    assert_eq!(records.url().target(), "/records");
    for number in 0..3 {
        assert_eq!(records.next().await.unwrap().unwrap(), format!("record {number}"));
    }
    assert_eq!(records.next().await.unwrap(), None);

    let refused = client.post_stream(&server.url("/nope"), Call::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "404 Not Found 404 Not Found.");
    let endless = client.get(&server.url("/loop")).await;
    assert!(matches!(endless, Err(ClientError::Redirects(_))), "{endless:?}");
    let still = Client::new(ClientOptions { redirects_max: 0, ..ClientOptions::default() });
    let redirect = still.get(&server.url("/moved")).await.unwrap();
    assert_eq!(redirect.redirect().unwrap().unwrap(), server.url("/records"));
}

#[tokio::test]
async fn credentials_are_sent() {
    let server = server().await;
    let authorization =
        Authorization::Basic { principal: "Aladdin".to_owned(), secret: "open sesame".to_owned() };
    assert!(!format!("{authorization:?}").contains("sesame"));
    let client =
        Client::new(ClientOptions { authorization: Some(authorization), ..ClientOptions::default() });
    let response = client.get(&server.url("/who")).await.unwrap();
    assert_eq!(response.text(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

#[tokio::test]
async fn thousands_of_calls_share_a_connection_and_are_matched_in_order() {
    let server = server().await;
    let calls = CallConnection::connect(server.url("/echo"), &ClientOptions::default()).await.unwrap();
    let mut answers = Vec::new();
    for number in 0..10_000 {
        let call = Call::message(ContentType::Json, format!("{number}"))
            .header(header::USER_AGENT, HeaderValue::from_static("test"));
        answers.push(calls.send(call).await.unwrap());
    }
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(timeout(SOON, answer).await.unwrap().unwrap().text(), number.to_string());
    }
    server.shutdown.cancel();
    timeout(SOON, calls.closed()).await.unwrap();
    assert!(matches!(calls.call(Call::default()).await, Err(ClientError::Disconnected { .. })));
}

#[tokio::test]
async fn calls_fail_when_the_peer_leaves_or_talks_nonsense() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal", "SSH-2.0-OpenSSH\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::new("127.0.0.1", listener.local_addr().unwrap().port(), "/");
        tokio::spawn(async move {
            for _ in 0..2 {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 10];
                socket.read_exact(&mut request).await.unwrap();
                socket.write_all(answer.as_bytes()).await.unwrap();
                socket.shutdown().await.unwrap();
                while !matches!(socket.read(&mut request).await, Ok(0) | Err(_)) {}
            }
        });
        let calls = CallConnection::connect(url.clone(), &ClientOptions::default()).await.unwrap();
        let (one, two) = tokio::join!(calls.call(Call::default()), calls.call(Call::default()));
        assert!(one.is_err() && two.is_err(), "{answer}");
        assert!(timeout(SOON, Client::default().get(&url)).await.unwrap().is_err(), "{answer}");
    }
}

#[tokio::test]
async fn silence_has_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::new("127.0.0.1", listener.local_addr().unwrap().port(), "/");
    let options = ClientOptions { response_timeout: Duration::from_millis(50), ..ClientOptions::default() };
    let answer = Client::new(options.clone()).get(&url).await.unwrap_err();
    assert_eq!(answer.to_string(), format!("no answer from {} within 50ms", url.authority()));
    let calls = CallConnection::connect(url, &options).await.unwrap();
    assert!(timeout(SOON, calls.call(Call::default())).await.unwrap().is_err());
}

fn ping() -> Message {
    internal::PingSlaveMessage { connected: true }.into()
}

#[tokio::test]
async fn messages_arrive_in_order_and_the_end_is_told_once_per_process() {
    let mut peer = server().await;
    let (exited_sender, mut exited) = mpsc::channel(10);
    let links = Links::new("127.0.0.1:5050".parse().unwrap(), exited_sender, LinkOptions::default());
    let (one, two) = (peer.upid("one"), peer.upid("two"));
    links.link(&one);
    links.link(&two);
    links.link(&peer.upid("three"));
    links.unlink(&peer.upid("three"));
    for number in 0..5000 {
        links.send(&format!("slave-observer({number})"), &one, ping());
    }
    for number in 0..5000 {
        let message = timeout(SOON, peer.messages.recv()).await.unwrap().unwrap();
        assert_eq!(message.from.to_string(), format!("slave-observer({number})@127.0.0.1:5050"));
        assert_eq!((message.to.as_str(), message.message), ("one", ping()));
    }
    peer.shutdown.cancel();
    let mut ended = vec![timeout(SOON, exited.recv()).await.unwrap().unwrap().pid];
    ended.push(timeout(SOON, exited.recv()).await.unwrap().unwrap().pid);
    assert_eq!(ended, [one.clone(), two]);
    let address = peer.address.to_string();
    peer.done.await.unwrap();

    // Nobody listens there now: a new link fails, and says so.
    links.link(&one);
    assert_eq!(timeout(SOON, exited.recv()).await.unwrap().unwrap(), Exited { pid: one.clone() });

    // Somebody does again: what is sent now arrives.
    let mut peer = server_at(&address).await;
    links.link(&one);
    links.send("master", &one, ping());
    timeout(SOON, peer.messages.recv()).await.unwrap().unwrap();
    assert!(exited.try_recv().is_err());

    // Linked again, the connection is replaced without a word, and what follows still arrives.
    links.link(&one);
    links.send("slave(1)", &one, ping());
    let message = timeout(SOON, peer.messages.recv()).await.unwrap().unwrap();
    assert_eq!(message.from.id, "slave(1)");
    assert!(exited.try_recv().is_err());
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_taken_to_be_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pid = Upid { id: "slave(1)".to_owned(), address: listener.local_addr().unwrap() };
    let (exited_sender, mut exited) = mpsc::channel(10);
    let options = LinkOptions { queue_max: 100, ..LinkOptions::default() };
    let links = Links::new("127.0.0.1:5050".parse().unwrap(), exited_sender, options);
    links.link(&pid);
    let (_socket, _) = listener.accept().await.unwrap();
    let large: Message = internal::FrameworkToExecutorMessage {
        data: vec![0; 100_000].into(),
        ..internal::FrameworkToExecutorMessage::default()
    }
    .into();
    let flood = async {
        loop {
            links.send("master", &pid, large.clone());
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::select! {
        ended = timeout(SOON, exited.recv()) => ended,
        () = flood => unreachable!(),
    };
    assert_eq!(ended.unwrap().unwrap().pid, pid);
}
