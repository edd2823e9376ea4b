//! What connections come in on: a port, or a socket in the file system. Must not live here: what is said on them.

use std::{future::Future, io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, tcp, unix},
};

use crate::net;

/// A place where connections come in.
pub trait Listen: Send + Sync + 'static {
    /// What a client sends.
    type Reader: AsyncRead + Unpin + Send + 'static;
    /// What a client gets.
    type Writer: AsyncWrite + Unpin + Send + 'static;

    /// The next connection, and where it is from if that has an address.
    fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)>> + Send;
}

impl Listen for TcpListener {
    type Reader = tcp::OwnedReadHalf;
    type Writer = tcp::OwnedWriteHalf;

    async fn accept(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (stream, peer) = Self::accept(self).await?;
        net::prepare(&stream);
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, Some(peer)))
    }
}

impl Listen for UnixListener {
    type Reader = unix::OwnedReadHalf;
    type Writer = unix::OwnedWriteHalf;

    async fn accept(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (stream, _) = Self::accept(self).await?;
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, None))
    }
}
