//! What carries HTTP: sockets in the file system, TLS, a token.

use std::{path::Path, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixListener},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer, server::WebPkiClientVerifier,
    },
};

use super::*;

/// Passes bytes on to the fake agent.
async fn pass_on(mut stream: impl AsyncRead + AsyncWrite + Unpin, port: u16) {
    let mut agent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut agent).await;
}

/// From SUBSCRIBE to an update, whatever is in between.
async fn life(agent: &Fake, env: BTreeMap<String, String>) -> String {
    let (sender, mut notes) = mpsc::channel(100);
    let driver = ExecutorDriver::builder().environment(env).build(Recorder(sender)).unwrap();
    driver.start();
    let (mut stream, received) = agent.request().await;
    stream.open_stream("").await;
    stream.send(&subscribed()).await;
    stream.send(&launch("t")).await;
    let (mut calls, update) = agent.request().await;
    assert_eq!(decode(&calls, &update).update.unwrap().status.task_id.value, "t");
    calls.answer(202, "").await;
    for expected in ["registered E test host", "launch t"] {
        assert_eq!(soon(notes.recv()).await.unwrap(), expected);
    }
    driver.stop();
    soon(driver.joined()).await;
    received.head
}

#[tokio::test]
async fn a_socket_in_the_file_system_is_used_instead_of_the_address() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let agent = Fake::new().await;
    let port = agent.port;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, port));
        }
    });
    // Nobody listens at the address.
    let head = life(&agent, env(1, &[("MESOS_DOMAIN_SOCKET", socket.to_str().unwrap())])).await;
    assert!(head.starts_with("post /slave(1)/api/v1/executor http/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn the_token_goes_with_every_request() {
    let agent = Fake::new().await;
    let head = life(&agent, env(agent.port, &[("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "a.b.c")])).await;
    assert!(head.contains("\r\nauthorization: bearer a.b.c"), "{head}");
}

/// A certificate for 127.0.0.1 and its key in files, and as a server has them.
struct Certificate {
    cert_file: String,
    key_file: String,
    made: CertifiedKey<rcgen::KeyPair>,
}

impl Certificate {
    fn new(directory: &Path, name: &str) -> Self {
        let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let file = |extension: &str, text: String| {
            let path = directory.join(format!("{name}.{extension}"));
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let cert_file = file("crt", made.cert.pem());
        let key_file = file("key", made.signing_key.serialize_pem());
        Self { cert_file, key_file, made }
    }
}

/// Speaks TLS in front of the fake agent; asks for `client`'s certificate, if there is one to ask for.
async fn tls_in_front(port: u16, server: &Certificate, client: Option<&Certificate>) -> u16 {
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let config = match client {
        None => config.unwrap().with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.made.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.unwrap().with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(server.made.signing_key.serialize_der()).unwrap();
    let config = config.with_single_cert(vec![server.made.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    pass_on(stream, port).await;
                }
            });
        }
    });
    front
}

#[tokio::test]
async fn tls_with_and_without_questions() {
    let directory = tempfile::tempdir().unwrap();
    let ours = Certificate::new(directory.path(), "ours");
    let theirs = Certificate::new(directory.path(), "theirs");
    let agent = Fake::new().await;
    let on = ("LIBPROCESS_SSL_ENABLED", "true");
    // Whoever it is, as Mesos has it by default.
    let front = tls_in_front(agent.port, &theirs, None).await;
    life(&agent, env(front, &[on])).await;
    // One that we trust, and one that wants to see us, too.
    let verify = [on, ("LIBPROCESS_SSL_VERIFY_SERVER_CERT", "true")];
    let trusting = [&verify[..], &[("LIBPROCESS_SSL_CA_FILE", theirs.cert_file.as_str())]].concat();
    life(&agent, env(front, &trusting)).await;
    let front_that_asks = tls_in_front(agent.port, &theirs, Some(&ours)).await;
    let shown = [
        ("LIBPROCESS_SSL_CERT_FILE", ours.cert_file.as_str()),
        ("LIBPROCESS_SSL_KEY_FILE", ours.key_file.as_str()),
    ];
    life(&agent, env(front_that_asks, &[&trusting[..], &shown].concat())).await;
    // One that we do not trust is as good as none: without checkpointing that is the end.
    let (sender, mut notes) = mpsc::channel(10);
    let distrusting = [&verify[..], &[("LIBPROCESS_SSL_CA_FILE", ours.cert_file.as_str())]].concat();
    let builder = ExecutorDriver::builder().environment(env(front, &distrusting));
    let driver = builder.build(Recorder(sender)).unwrap();
    driver.start();
    assert_eq!(soon(notes.recv()).await.unwrap(), "shutdown");
    soon(driver.joined()).await;
}
