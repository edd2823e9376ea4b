//! Asking whether a task answers: the network's part of checks and health checks.
//! Must not live here: when to ask, how long to wait, and what an answer means.

use std::{
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
    time::Duration,
};

use tepui_core_checks::{Outcome, Probe, Scheme};
use tepui_transport::{
    Client, ClientOptions, Url,
    client::{Tls, TlsFiles, Via},
};

/// As many redirects as `curl` follows, which Mesos asks.
const REDIRECTS_MAX: u32 = 50;
/// Whoever asks watches the time.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Asks over the network of this process. A command is not asked so: that is [`Outcome::Lost`].
pub async fn ask(probe: Probe) -> Outcome {
    match probe {
        Probe::Tcp { address, port } => Outcome::Connected(connects(address, port).await),
        Probe::Http { scheme, address, port, path } => match status(scheme, address, port, &path).await {
            Ok(status) => Outcome::Answered(status),
            Err(reason) => Outcome::Failed(reason),
        },
        Probe::Command(_) => Outcome::Lost,
    }
}

/// Whether a connection can be made.
async fn connects(address: IpAddr, port: u32) -> bool {
    let Ok(port) = u16::try_from(port) else { return false };
    tokio::net::TcpStream::connect(SocketAddr::new(address, port)).await.is_ok()
}

/// The status that a GET is answered with in the end, after redirects; its body is not waited for.
async fn status(mut scheme: Scheme, address: IpAddr, port: u32, path: &str) -> Result<u16, String> {
    let host = address.to_string();
    let path = if path.is_empty() { "/" } else { path };
    let port = u16::try_from(port).map_err(|_| format!("{port} is no port"))?;
    if path.contains(|c: char| c <= ' ' || c == '\u{7f}') {
        return Err(format!("'{}' is no path", path.escape_debug()));
    }
    let mut url = Url::new(host, port, path);
    for _ in 0..=REDIRECTS_MAX {
        let head = client(scheme)?.head(&url).await.map_err(|error| error.to_string())?;
        let Some(location) = head.1.filter(|_| head.0.is_redirection()) else { return Ok(head.0.as_u16()) };
        // Addresses have no scheme here: it is the connection's.
        let plain = match location.strip_prefix("https:") {
            Some(rest) => {
                scheme = Scheme::Https;
                with_default_port(rest, 443)
            }
            None if location.starts_with("http:") => {
                scheme = Scheme::Http;
                location
            }
            None => location,
        };
        url = url.join(&plain).map_err(|error| error.to_string())?;
    }
    Err(format!("more than {REDIRECTS_MAX} redirects, the last one to {url}"))
}

/// `//host/path` with a port.
fn with_default_port(rest: &str, port: u16) -> String {
    let rest = rest.trim_start_matches('/');
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
    if has_port { format!("//{authority}{path}") } else { format!("//{authority}:{port}{path}") }
}

/// A client that trusts whoever answers, as Mesos's checks do.
fn client(scheme: Scheme) -> Result<Client, String> {
    static TLS: OnceLock<Result<Tls, String>> = OnceLock::new();
    let via = match scheme {
        Scheme::Http => Via::Tcp,
        Scheme::Https => {
            let tls = TLS.get_or_init(|| Tls::new(&TlsFiles::default()).map_err(|error| error.to_string()));
            Via::Tls(tls.clone()?)
        }
    };
    Ok(Client::new(ClientOptions {
        connect_timeout: FOR_EVER,
        response_timeout: FOR_EVER,
        via,
        ..ClientOptions::default()
    }))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Answers each connection with the next of these; gives the port.
    async fn server(answers: &'static [&'static str]) -> u32 {
        let listener = TcpListener::bind((V4, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                if !request[..read].starts_with(b"GET /") {
                    return;
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        port.into()
    }

    #[tokio::test]
    async fn the_last_answer_counts_and_its_body_is_not_waited_for() {
        let port = server(&["HTTP/1.1 503 Sorry\r\nContent-Length: 1000000\r\n\r\n"]).await;
        assert_eq!(status(Scheme::Http, V4, port, "").await.unwrap(), 503);
        let port = server(&[
            "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
        ])
        .await;
        assert_eq!(status(Scheme::Http, V4, port, "/a").await.unwrap(), 204);
        // A redirect to nowhere is an answer.
        let port = server(&["HTTP/1.1 304 Not Modified\r\n\r\n"]).await;
        assert_eq!(status(Scheme::Http, V4, port, "/").await.unwrap(), 304);
    }

    /// A server of one answer, with a certificate that nobody knows.
    async fn tls_server(answer: &'static str) -> u32 {
        use tokio_rustls::{
            TlsAcceptor,
            rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
        };
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind((V4, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
            let mut stream = acceptor.accept(stream).await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        });
        port.into()
    }

    #[tokio::test]
    async fn https_of_whomever() {
        let port = tls_server("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await;
        let probe = Probe::Http { scheme: Scheme::Https, address: V4, port, path: "/".to_owned() };
        assert_eq!(ask(probe).await, Outcome::Answered(202));
        // Nobody speaks TLS there.
        let port = server(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]).await;
        assert!(status(Scheme::Https, V4, port, "/").await.is_err());
    }

    #[tokio::test]
    async fn nobody_there() {
        let listener = TcpListener::bind((V4, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port().into();
        assert!(connects(V4, port).await);
        drop(listener);
        assert!(!connects(V4, port).await);
        assert!(status(Scheme::Http, V4, port, "/").await.is_err());
        assert!(!connects(V4, 70_000).await);
        assert!(status(Scheme::Http, V4, 70_000, "/").await.is_err());
        assert!(status(Scheme::Http, V4, 80, "/ HTTP/1.1\r\nEvil: yes").await.is_err());
    }

    #[test]
    fn https_has_a_port_of_its_own() {
        for (rest, whole) in [
            ("//h/p", "//h:443/p"),
            ("//h:1/p", "//h:1/p"),
            ("//h", "//h:443"),
            ("//[::1]/p", "//[::1]:443/p"),
            ("//[::1]:1/p:2", "//[::1]:1/p:2"),
        ] {
            assert_eq!(with_default_port(rest, 443), whole);
        }
    }
}
