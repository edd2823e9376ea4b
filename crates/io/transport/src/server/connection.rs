//! One connection: reads requests, has them answered, writes the answers in order.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt, stream::FuturesOrdered};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Answer, Handler, ServerOptions,
    parse::{After, Parsed, Parser},
    write::{self, Rest},
};
use crate::{
    exchange::Response,
    net::ReadSize,
    stream::{Next, StreamBody},
    upload::{Piece, Upload, UploadError},
};

/// Answers collected before they are written at the latest.
const OUT_BYTES: usize = 64 * 1024;
/// Bytes that a client may send behind a request for an event stream before we stop to read.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// How long a refused client may go on sending before the connection is cut.
const LINGER: Duration = Duration::from_secs(2);

/// The connection is over; there is nobody to tell.
struct Closed;

/// Serves one connection until either side is done with it.
///
/// `reader` and `writer` are the two halves of whatever carries the bytes: a TCP socket, and one day a TLS session.
pub async fn serve_connection<R, W>(
    reader: R,
    writer: W,
    peer: Option<SocketAddr>,
    options: &ServerOptions,
    handler: &dyn Handler,
    shutdown: &CancellationToken,
) where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let mut connection = Connection {
        reader,
        writer,
        peer,
        options,
        handler,
        shutdown,
        buffer: BytesMut::new(),
        read_size: ReadSize::quiet(),
        out: BytesMut::new(),
        parser: Parser::default(),
        answers: FuturesOrdered::new(),
        intake: Intake::Open,
        upload: None,
    };
    let _ = connection.run().await;
}

/// An answer that is being worked on.
struct Pending {
    answer: Answer,
    after: After,
}

impl Future for Pending {
    type Output = (Response, After);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let after = self.after;
        self.answer.as_mut().poll(context).map(|response| (response, after))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intake {
    /// Requests are taken.
    Open,
    /// No further request is taken; what was taken is answered, then the connection ends.
    Closing,
    /// As `Closing`, and what the client still sends is thrown away for a while so that it can read why.
    Refused,
}

struct Connection<'a, R, W> {
    reader: R,
    writer: W,
    peer: Option<SocketAddr>,
    options: &'a ServerOptions,
    handler: &'a dyn Handler,
    shutdown: &'a CancellationToken,
    buffer: BytesMut,
    read_size: ReadSize,
    out: BytesMut,
    parser: Parser,
    answers: FuturesOrdered<Pending>,
    intake: Intake,
    /// The body that is being received, after its request was handed over.
    upload: Option<mpsc::Sender<Piece>>,
}

impl<R, W> Connection<'_, R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    async fn run(&mut self) -> Result<(), Closed> {
        let mut deadline = Instant::now() + self.options.read_timeout;
        loop {
            let all_taken = self.take_requests().await?;
            while let Some(Some((response, after))) = self.answers.next().now_or_never() {
                self.answer(response, after).await?;
            }
            if let Some(upload) = self.upload.take() {
                self.receive(upload).await?;
                deadline = Instant::now() + self.options.read_timeout;
                continue;
            }
            self.flush().await?;
            if self.answers.is_empty() && self.intake != Intake::Open {
                return self.close().await;
            }
            let room = self.answers.len() < self.options.pipelined_max;
            if !all_taken && room && self.intake == Intake::Open {
                // The bound stopped us, not the end of what has arrived: nothing may come to wake us.
                continue;
            }
            let reading = self.intake == Intake::Open && room;
            let partial =
                reading && self.answers.is_empty() && (self.parser.in_body() || !self.buffer.is_empty());
            self.read_size.make_room(&mut self.buffer);
            tokio::select! {
                Some((response, after)) = self.answers.next() => {
                    self.answer(response, after).await?;
                    // Answering took its time; what the client could not send meanwhile is not its fault.
                    deadline = Instant::now() + self.options.read_timeout;
                }
                read = self.reader.read_buf(&mut self.buffer), if reading => {
                    let read = read.map_err(|_| Closed)?;
                    if read == 0 {
                        self.intake = Intake::Closing;
                    }
                    self.read_size.learn(read);
                    // A head has one deadline from its first byte on; a body must only keep coming.
                    if !partial || self.parser.in_body() {
                        deadline = Instant::now() + self.options.read_timeout;
                    }
                }
                () = sleep_until(deadline), if partial => {
                    debug!(peer = ?self.peer, "closing a connection: half a request, and nothing more");
                    return Err(Closed);
                }
                () = self.shutdown.cancelled() => {
                    return self.flush().await;
                }
            }
        }
    }

    /// Takes what requests the buffer holds, as far as the bound on pipelined ones goes. Tells whether it
    /// took them all.
    async fn take_requests(&mut self) -> Result<bool, Closed> {
        while self.intake == Intake::Open && self.answers.len() < self.options.pipelined_max {
            match self.parser.next(&mut self.buffer, self.peer, self.options, self.handler) {
                Parsed::Partial => return Ok(true),
                Parsed::Continue => self.out.put_slice(b"HTTP/1.1 100 Continue\r\n\r\n"),
                Parsed::Request { request, after } => {
                    if !after.keep_alive {
                        self.intake = Intake::Closing;
                    }
                    let answer = self.handler.handle(request);
                    self.answers.push_back(Pending { answer, after });
                }
                Parsed::Streaming { mut request, after } => {
                    if !after.keep_alive {
                        self.intake = Intake::Closing;
                    }
                    let (pieces, upload) = Upload::new();
                    request.upload = Some(upload);
                    let answer = self.handler.handle(request);
                    self.answers.push_back(Pending { answer, after });
                    self.upload = Some(pieces);
                    return Ok(true);
                }
                Parsed::Message { request, after } => {
                    if !after.keep_alive {
                        self.intake = Intake::Closing;
                    }
                    let response = self.handler.receive(request).await;
                    self.respond_now(response).await?;
                }
                Parsed::Refused(response) => {
                    self.respond_now(response).await?;
                    self.intake = Intake::Refused;
                }
                Parsed::Garbage => {
                    debug!(peer = ?self.peer, "closing a connection: not HTTP");
                    self.intake = Intake::Closing;
                }
            }
        }
        Ok(false)
    }

    /// Receives a body while its handler works on it: to its end, or until the answer is there.
    async fn receive(&mut self, pieces: mpsc::Sender<Piece>) -> Result<(), Closed> {
        loop {
            self.flush().await?;
            let (piece, done) = match self.parser.upload(&mut self.buffer) {
                Ok((piece, done)) => (Ok(piece), done),
                Err(error) => (Err(UploadError::Malformed(error.to_string())), true),
            };
            let malformed = piece.is_err();
            if !matches!(&piece, Ok(piece) if piece.is_empty()) && !self.hand_over(&pieces, piece).await? {
                return Ok(());
            }
            if done {
                if malformed {
                    self.intake = Intake::Refused;
                }
                return Ok(());
            }
            self.read_size.make_room(&mut self.buffer);
            tokio::select! {
                Some((response, after)) = self.answers.next() => {
                    if self.answer_before_the_end(response, after).await? {
                        return Ok(());
                    }
                }
                read = self.reader.read_buf(&mut self.buffer) => {
                    let read = read.unwrap_or(0);
                    if read == 0 {
                        self.intake = Intake::Closing;
                        let _ = self.hand_over(&pieces, Err(UploadError::Disconnected)).await?;
                        return Ok(());
                    }
                    self.read_size.learn(read);
                }
                () = self.shutdown.cancelled() => return Err(Closed),
            }
        }
    }

    /// Gives a piece to the handler, however long it takes. False: it has answered meanwhile.
    async fn hand_over(&mut self, pieces: &mpsc::Sender<Piece>, piece: Piece) -> Result<bool, Closed> {
        loop {
            tokio::select! {
                permit = pieces.reserve() => {
                    // A handler that reads no more is about to answer.
                    if let Ok(permit) = permit {
                        permit.send(piece);
                    }
                    return Ok(true);
                }
                Some((response, after)) = self.answers.next() => {
                    if self.answer_before_the_end(response, after).await? {
                        return Ok(false);
                    }
                }
                () = self.shutdown.cancelled() => return Err(Closed),
            }
        }
    }

    /// Answers while a body arrives. True: that was the answer to it, and what is left of the body is of no use.
    async fn answer_before_the_end(&mut self, response: Response, after: After) -> Result<bool, Closed> {
        self.answer(response, after).await?;
        let last = self.answers.is_empty();
        if last {
            self.intake = Intake::Refused;
        }
        Ok(last)
    }

    /// An answer that needs nobody: written at once, or behind those that are still being worked on.
    async fn respond_now(&mut self, response: Response) -> Result<(), Closed> {
        let after = After { keep_alive: true, gzip: false, head_only: false };
        if self.answers.is_empty() {
            return self.answer(response, after).await;
        }
        self.answers.push_back(Pending { answer: Box::pin(std::future::ready(response)), after });
        Ok(())
    }

    async fn answer(&mut self, response: Response, after: After) -> Result<(), Closed> {
        match write::response(&mut self.out, response, after.gzip, after.head_only) {
            Rest::Nothing if self.out.len() < OUT_BYTES => Ok(()),
            Rest::Nothing => self.flush().await,
            Rest::Body(body) => {
                self.flush().await?;
                self.write(&body).await
            }
            Rest::Stream(stream) => self.stream(stream).await,
        }
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        let written = self.write(&out).await;
        self.out = out;
        self.out.clear();
        written
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        match timeout(self.options.write_timeout, self.writer.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closed),
            Err(_) => {
                warn!(peer = ?self.peer, "closing a connection: the client does not read its answers");
                Err(Closed)
            }
        }
    }

    /// Sends an event stream, one chunk per piece, until it ends or somebody leaves.
    async fn stream(&mut self, mut body: StreamBody) -> Result<(), Closed> {
        loop {
            self.write_watching(&body).await?;
            let next = loop {
                let reading = self.buffer.len() < AHEAD_BYTES_MAX;
                tokio::select! {
                    biased;
                    next = body.next(OUT_BYTES) => break next,
                    read = self.reader.read_buf(&mut self.buffer), if reading => {
                        if !matches!(read, Ok(1..)) {
                            return Err(Closed);
                        }
                    }
                    () = self.shutdown.cancelled() => break Next::Finished,
                }
            };
            match next {
                Next::Chunks(chunks) => chunks.iter().for_each(|chunk| put_chunk(&mut self.out, chunk)),
                Next::Finished => {
                    self.out.put_slice(b"0\r\n\r\n");
                    return self.flush().await;
                }
                Next::Broken => return Err(Closed),
            }
        }
    }

    /// Writes what is to be written, and notices when the stream breaks or the client leaves meanwhile.
    async fn write_watching(&mut self, body: &StreamBody) -> Result<(), Closed> {
        while !self.out.is_empty() {
            let reading = self.buffer.len() < AHEAD_BYTES_MAX;
            tokio::select! {
                biased;
                written = self.writer.write_buf(&mut self.out) => {
                    if !matches!(written, Ok(1..)) {
                        return Err(Closed);
                    }
                }
                read = self.reader.read_buf(&mut self.buffer), if reading => {
                    if !matches!(read, Ok(1..)) {
                        return Err(Closed);
                    }
                }
                () = body.broken() => return Err(Closed),
                () = self.shutdown.cancelled() => return Err(Closed),
            }
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Closed> {
        self.flush().await?;
        let _ = self.writer.shutdown().await;
        if self.intake == Intake::Refused {
            // Closing at once would reset the connection, and the client might never see our answer.
            let _ = timeout(LINGER, async {
                loop {
                    self.buffer.clear();
                    self.read_size.make_room(&mut self.buffer);
                    if !matches!(self.reader.read_buf(&mut self.buffer).await, Ok(1..)) {
                        return;
                    }
                }
            })
            .await;
        }
        Ok(())
    }
}

fn put_chunk(out: &mut BytesMut, chunk: &Bytes) {
    out.reserve(chunk.len() + 20);
    out.put_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
    out.put_slice(chunk);
    out.put_slice(b"\r\n");
}
