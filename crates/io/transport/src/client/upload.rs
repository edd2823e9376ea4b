//! A request whose body is a stream of records, answered when it has ended, or before.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, Method, header};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Call, Client, ClientError, ClientResponse, Url, connect, disconnected, parse::ResponseParser, protocol,
    put_request,
};
use crate::net::ReadSize;

/// Records that may wait to be written.
const RECORDS_MAX: usize = 16;

/// The records of a request on its way. Dropping it (and its clones) ends the request's body.
#[derive(Clone, Debug)]
pub struct Records {
    records: mpsc::Sender<Bytes>,
}

impl Records {
    /// Sends a record, when there is room for it. False: the request is over, and its answer there.
    pub async fn send(&self, record: &[u8]) -> bool {
        self.records.send(tepui_wire_recordio::encode(record)).await.is_ok()
    }
}

/// The answer to a request with a stream, in a while. Dropping it ends the connection.
#[derive(Debug)]
pub struct Uploaded {
    answer: oneshot::Receiver<Result<ClientResponse, ClientError>>,
    url: Url,
}

impl Uploaded {
    /// Waits for it.
    ///
    /// # Errors
    /// [`ClientError`] when there is no answer; any status is an answer.
    pub async fn answer(self) -> Result<ClientResponse, ClientError> {
        self.answer.await.unwrap_or_else(|_| Err(disconnected(&self.url)))
    }
}

impl Client {
    /// POST with a body of records that are sent while they come up. Redirects are not followed.
    ///
    /// # Errors
    /// [`ClientError`] when there is no connection.
    pub async fn post_records(&self, url: &Url, call: Call) -> Result<(Records, Uploaded), ClientError> {
        let mut socket = connect(url, &self.options).await?;
        let mut head = BytesMut::new();
        let chunked = HeaderValue::from_static("chunked");
        let call = call.header(header::TRANSFER_ENCODING, chunked);
        put_request(&mut head, &Method::POST, url, &call, self.options.authorization.as_ref());
        let (records, queue) = mpsc::channel(RECORDS_MAX);
        let (sent, answer) = oneshot::channel();
        let (options, at) = (self.options.clone(), url.clone());
        tokio::spawn(async move {
            let mut sent = sent;
            let exchange = async {
                // Both halves live until the answer is there: some servers take half a connection for none.
                let written = write(&mut socket.writer, head, queue);
                let answer = read(&mut socket.reader, &at, options.body_bytes_max);
                tokio::pin!(written, answer);
                tokio::select! {
                    biased;
                    answer = &mut answer => return answer,
                    // A server that takes no more may have said why.
                    _ = &mut written => {}
                }
                match timeout(options.response_timeout, answer).await {
                    Ok(answer) => answer,
                    Err(_) => Err(ClientError::Timeout {
                        authority: at.authority(),
                        what: "answer",
                        after: options.response_timeout,
                    }),
                }
            };
            let answer = tokio::select! {
                answer = exchange => answer,
                () = sent.closed() => return,
            };
            let _ = sent.send(answer);
        });
        Ok((Records { records }, Uploaded { answer, url: url.clone() }))
    }
}

/// Writes the request, one chunk for each record.
async fn write(
    mut writer: impl AsyncWrite + Unpin,
    head: BytesMut,
    mut queue: mpsc::Receiver<Bytes>,
) -> std::io::Result<()> {
    writer.write_all(&head).await?;
    let mut out = BytesMut::new();
    while let Some(record) = queue.recv().await {
        out.clear();
        out.put_slice(format!("{:x}\r\n", record.len()).as_bytes());
        out.put_slice(&record);
        out.put_slice(b"\r\n");
        writer.write_all(&out).await?;
        writer.flush().await?;
    }
    writer.write_all(b"0\r\n\r\n").await?;
    writer.flush().await
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    url: &Url,
    body_bytes_max: usize,
) -> Result<ClientResponse, ClientError> {
    let (mut buffer, mut body) = (BytesMut::new(), BytesMut::new());
    let mut parser = ResponseParser::new(false);
    let mut head = None;
    loop {
        if head.is_none() {
            head = parser.head(&mut buffer).map_err(|reason| protocol(url, reason))?;
        }
        let done =
            head.is_some() && parser.body(&mut buffer, &mut body).map_err(|reason| protocol(url, reason))?;
        if done {
            break;
        }
        if body.len() > body_bytes_max {
            return Err(protocol(url, "an answer that is too long".to_owned()));
        }
        ReadSize::busy().make_room(&mut buffer);
        match reader.read_buf(&mut buffer).await {
            Ok(1..) => {}
            Ok(0) if parser.ends_with_connection() => break,
            _ => return Err(disconnected(url)),
        }
    }
    let head = head.ok_or_else(|| disconnected(url))?;
    Ok(ClientResponse { status: head.status, headers: head.headers, body: body.freeze(), url: url.clone() })
}
