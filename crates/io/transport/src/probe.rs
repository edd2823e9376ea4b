//! Asking whether something answers: the network's part of checks and health checks.
//! Must not live here: when to ask, how long to wait, and what an answer means.

use std::net::{IpAddr, SocketAddr};

use crate::{Client, ClientError, ClientOptions, Url, client::InvalidUrl};

/// As many redirects as `curl` follows, which Mesos asks.
const REDIRECTS_MAX: u32 = 50;

/// Whether a connection can be made.
pub async fn connects(address: IpAddr, port: u32) -> bool {
    let Ok(port) = u16::try_from(port) else { return false };
    tokio::net::TcpStream::connect(SocketAddr::new(address, port)).await.is_ok()
}

/// The status that a GET is answered with in the end, after redirects.
///
/// # Errors
/// [`ClientError`]: there was no answer, or nothing to ask.
pub async fn status(address: IpAddr, port: u32, path: &str) -> Result<u16, ClientError> {
    let host = address.to_string();
    let Some(port) = u16::try_from(port).ok().filter(|_| !path.contains(|c: char| c <= ' ' || c == '\u{7f}'))
    else {
        return Err(InvalidUrl::Form(format!("{host}:{port}{path}")).into());
    };
    let target = if path.is_empty() { "/" } else { path };
    let client = Client::new(ClientOptions { redirects_max: REDIRECTS_MAX, ..ClientOptions::default() });
    client.status(&Url::new(host, port, target)).await.map(|status| status.as_u16())
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
                assert!(request[..read].starts_with(b"GET /"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        port.into()
    }

    #[tokio::test]
    async fn the_last_answer_counts_and_its_body_is_not_waited_for() {
        let port = server(&["HTTP/1.1 503 Sorry\r\nContent-Length: 1000000\r\n\r\n"]).await;
        assert_eq!(status(V4, port, "").await.unwrap(), 503);
        let port = server(&[
            "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
        ])
        .await;
        assert_eq!(status(V4, port, "/a").await.unwrap(), 204);
        // A redirect to nowhere is an answer.
        let port = server(&["HTTP/1.1 304 Not Modified\r\n\r\n"]).await;
        assert_eq!(status(V4, port, "/").await.unwrap(), 304);
    }

    #[tokio::test]
    async fn nobody_there() {
        let listener = TcpListener::bind((V4, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port().into();
        assert!(connects(V4, port).await);
        drop(listener);
        assert!(!connects(V4, port).await);
        assert!(status(V4, port, "/").await.is_err());
        assert!(!connects(V4, 70_000).await);
        assert!(status(V4, 70_000, "/").await.is_err());
        assert!(status(V4, 80, "/ HTTP/1.1\r\nEvil: yes").await.is_err());
    }
}
