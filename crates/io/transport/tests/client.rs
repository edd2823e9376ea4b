//! The client against our own server, and against peers that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says why")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, StatusCode, header};
use tepui_transport::{
    Authorization, Call, CallConnection, Client, ClientError, ClientOptions, Request, Response, Router,
    ServerOptions, StreamLimit, Url, exchange::JSON, serve, stream,
};
use tepui_wire_mesos::ContentType;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    done: tokio::task::JoinHandle<()>,
}

impl Server {
    fn url(&self, target: &str) -> Url {
        Url::new(self.address.ip().to_string(), self.address.port(), target)
    }
}

async fn server_at(address: &str) -> Server {
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
        });
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let done = tokio::spawn(serve(listener, ServerOptions::default(), Arc::new(router), shutdown.clone()));
    Server { address, shutdown, done }
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
