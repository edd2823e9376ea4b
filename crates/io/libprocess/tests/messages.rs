//! Links against what receives, and both against peers that misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says why")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tepui_libprocess::{Exited, IncomingMessage, LinkOptions, Links, Messages};
use tepui_transport::{Router, ServerOptions, serve};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, internal};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(10);

struct Processes {
    address: SocketAddr,
    shutdown: CancellationToken,
    messages: mpsc::Receiver<IncomingMessage>,
    done: tokio::task::JoinHandle<()>,
}

impl Processes {
    fn upid(&self, id: &str) -> Upid {
        Upid { id: id.to_owned(), address: self.address }
    }
}

/// Every process but `nobody`, with one inbox of this size.
async fn processes(room: usize, address: Option<&str>) -> Processes {
    let (inbox, messages) = mpsc::channel(room);
    let inbox = move |id: &str| (id != "nobody").then(|| inbox.clone());
    let handler = Arc::new(Messages::new(inbox, Arc::new(Router::new("master"))));
    let listener = TcpListener::bind(address.unwrap_or("127.0.0.1:0")).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let done = tokio::spawn(serve(listener, ServerOptions::default(), handler, shutdown.clone()));
    Processes { address, shutdown, messages, done }
}

async fn exchange(server: &Processes, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, socket.read_to_end(&mut answer)).await.expect("the server closes").unwrap();
    without_date(&answer)
}

fn without_date(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer).into_owned();
    let lines = text.split("\r\n").map(|line| if line.starts_with("Date: ") { "Date" } else { line });
    lines.collect::<Vec<_>>().join("\r\n")
}

fn ping() -> Message {
    internal::PingSlaveMessage { connected: true }.into()
}

#[tokio::test]
async fn messages_arrive_in_order_and_the_end_is_told_once_per_process() {
    let mut peer = processes(1000, None).await;
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
    let mut peer = processes(1000, Some(&address)).await;
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

fn framed_ping(from: &str) -> Vec<u8> {
    format!(
        "POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1\r\nUser-Agent: libprocess/{from}\r\n\
         Libprocess-From: {from}\r\nConnection: Keep-Alive\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\n\u{8}\u{1}\r\n0\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn messages_are_always_receipted_and_wait_for_room() {
    let mut server = processes(2, None).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    // More than the inbox holds: the connection waits, and nothing is lost.
    let count = 20;
    for number in 0..count {
        socket.write_all(&framed_ping(&format!("slave-observer({number})@127.0.0.1:5050"))).await.unwrap();
    }
    for number in 0..count {
        let message = timeout(SOON, server.messages.recv()).await.unwrap().unwrap();
        assert_eq!(message.from.to_string(), format!("slave-observer({number})@127.0.0.1:5050"));
        assert_eq!(message.to, "slave(1)");
        let ping = internal::PingSlaveMessage { connected: true };
        assert_eq!(message.message, Message::from(ping));
    }
    let receipts = "HTTP/1.1 202 Accepted\r\nDate\r\nContent-Length: 0\r\n\r\n".repeat(count);
    let mut answer = Vec::new();
    while without_date(&answer).len() < receipts.len() {
        assert_ne!(timeout(SOON, socket.read_buf(&mut answer)).await.unwrap().unwrap(), 0);
    }
    assert_eq!(without_date(&answer), receipts);
}

#[tokio::test]
async fn odd_messages_are_told_apart() {
    let mut server = processes(2, None).await;
    let post = |path: &str, headers: &str| {
        format!("POST {path} HTTP/1.1\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n")
            .into_bytes()
    };
    let from = "Libprocess-From: slave(1)@127.0.0.1:1\r\n";
    for (request, status) in [
        (post("/nobody/mesos.internal.PongSlaveMessage", from), "404"),
        (post("/master/mesos.internal.PongSlaveMessage", "Libprocess-From: nonsense\r\n"), "500"),
        (post("/master/mesos.internal.NoSuchMessage", from), "202"),
        (
            post(
                "/master/mesos.internal.PongSlaveMessage",
                "User-Agent: libprocess/slave(1)@127.0.0.1:1\r\n",
            ),
            "202",
        ),
        (post("/slave%281%29/mesos.internal.PongSlaveMessage", from), "202"),
    ] {
        let answer = exchange(&server, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    for to in ["master", "slave(1)"] {
        assert_eq!(server.messages.recv().await.unwrap().to, to);
    }
    assert!(server.messages.try_recv().is_err());
}
