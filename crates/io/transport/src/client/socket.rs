//! How a server is reached: a TCP socket, one with TLS on it, or a socket in the file system.

use std::{fmt, io, path::PathBuf};

use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use super::{Tls, Url};
use crate::net;

/// How a server is reached.
#[derive(Clone, Debug, Default)]
pub enum Via {
    /// Plainly, at the URL's host and port.
    #[default]
    Tcp,
    /// With TLS, at the URL's host and port.
    Tls(Tls),
    /// Through a socket in the file system, whatever the URL's host says.
    Unix(PathBuf),
}

/// A connection, whatever carries it. Both halves can be waited for at the same time.
pub(super) struct Socket {
    pub(super) reader: Box<dyn AsyncRead + Send + Sync + Unpin>,
    pub(super) writer: Box<dyn AsyncWrite + Send + Sync + Unpin>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket(..)")
    }
}

impl Via {
    /// Connects.
    pub(super) async fn open(&self, url: &Url) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => {
                let (reader, writer) = UnixStream::connect(path).await?.into_split();
                Ok(Socket { reader: Box::new(reader), writer: Box::new(writer) })
            }
            Self::Tcp => {
                let (reader, writer) = tcp(url).await?.into_split();
                Ok(Socket { reader: Box::new(reader), writer: Box::new(writer) })
            }
            Self::Tls(tls) => {
                let stream = tls.connect(url.host(), tcp(url).await?).await?;
                let (reader, writer) = tokio::io::split(stream);
                Ok(Socket { reader: Box::new(reader), writer: Box::new(writer) })
            }
        }
    }
}

async fn tcp(url: &Url) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((url.host(), url.port())).await?;
    net::prepare(&stream);
    Ok(stream)
}

impl Socket {
    /// Whether the peer has neither closed nor said anything: only then is an idle connection of use.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.reader.read(&mut [0]).now_or_never().is_none()
    }
}
