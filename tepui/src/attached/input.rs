//! What goes into a container: our standard input, the size of our terminal, and a sign of life now and then.

use std::{io::Read as _, time::Duration};

use bytes::Bytes;
use tepui_shell::Signals;
use tepui_transport::client::{Records, Uploaded};
use tepui_wire_mesos::{
    ContentType,
    v1::{
        self,
        agent::{
            Call, ProcessIo,
            call::{AttachContainerInput, Type, attach_container_input},
            process_io,
        },
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, interval_at},
};

use super::{Ending, terminal::Terminal};
use crate::{api::Api, exit::Failure};

/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Read at once, in bytes.
const PIECE: usize = 16 * 1024;
/// The keys that let go of a task and leave it running: Ctrl-P Ctrl-Q.
const DETACH: [u8; 2] = [0x10, 0x11];

/// A connection that carries input.
pub(super) struct Input {
    records: Records,
    answer: Uploaded,
    /// Pieces of standard input; `None` where it is not for the container.
    stdin: Option<mpsc::Receiver<Bytes>>,
    resized: Option<Signals>,
    detach: Option<Detach>,
}

impl Input {
    /// Attaches to a container's input. Without `interactive` the container is told at once that nothing will come, unless
    /// it has a terminal. With `detachable` there are keys to let go.
    pub(super) async fn begin(
        agent: &Api,
        container: v1::ContainerId,
        terminal: Option<&Terminal>,
        interactive: bool,
        detachable: bool,
    ) -> Result<Self, Failure> {
        let (records, answer) = agent.records().await?;
        let first = AttachContainerInput {
            r#type: Some(attach_container_input::Type::ContainerId.into()),
            container_id: Some(container),
            process_io: None,
        };
        send(&records, first).await;
        let mut resized = None;
        if terminal.is_some() {
            resized = Some(Signals::of_resize()?);
            send_io(&records, size()).await;
        } else if !interactive {
            send_io(&records, data(Bytes::new())).await;
        }
        let detach = (detachable && terminal.is_some()).then(Detach::default);
        Ok(Self { records, answer, stdin: interactive.then(read_stdin), resized, detach })
    }

    /// Passes on what comes, until the container takes no more.
    pub(super) async fn run(self) -> Ending {
        let Self { records, answer, stdin, resized, detach } = self;
        let answer = answer.answer();
        tokio::pin!(answer);
        let detached = tokio::select! {
            detached = pass_on(records, stdin, resized, detach) => detached,
            answer = &mut answer => {
                return match answer {
                    Ok(answer) if answer.status.is_success() => std::future::pending().await,
                    Ok(answer) => Ending::Failed(Failure::fault(format!(
                        "the agent takes no input for it: {}; --no-stdin does without",
                        answer.text().trim()
                    ))),
                    // The output says better what has become of the agent.
                    Err(_) => std::future::pending().await,
                };
            }
        };
        if detached { Ending::Detached } else { std::future::pending().await }
    }
}

/// True: the user has let go.
async fn pass_on(
    records: Records,
    mut stdin: Option<mpsc::Receiver<Bytes>>,
    mut resized: Option<Signals>,
    mut detach: Option<Detach>,
) -> bool {
    let mut heartbeats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    loop {
        let record = tokio::select! {
            piece = next(&mut stdin) => match (piece, &mut detach) {
                (Some(piece), Some(detach)) => {
                    let Some(piece) = detach.pass(&piece) else { return true };
                    if piece.is_empty() {
                        continue;
                    }
                    data(piece)
                }
                (Some(piece), None) => data(piece),
                (None, _) => {
                    stdin = None;
                    data(Bytes::new())
                }
            },
            () = next_size(&mut resized) => size(),
            _ = heartbeats.tick() => heartbeat(),
        };
        if !send_io(&records, record).await {
            return std::future::pending().await;
        }
    }
}

async fn next(stdin: &mut Option<mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    match stdin {
        Some(stdin) => stdin.recv().await,
        None => std::future::pending().await,
    }
}

async fn next_size(resized: &mut Option<Signals>) {
    match resized {
        Some(resized) => drop(resized.next().await),
        None => std::future::pending().await,
    }
}

/// Reads standard input on a thread of its own, which nobody waits for: it may be in the middle of a read for ever.
fn read_stdin() -> mpsc::Receiver<Bytes> {
    let (sender, pieces) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = vec![0; PIECE];
        loop {
            match stdin.read(&mut buffer) {
                Ok(length @ 1..) => {
                    let piece = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                    if sender.blocking_send(piece).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    });
    pieces
}

/// Looks for the keys that let go.
#[derive(Debug, Default)]
struct Detach {
    /// How many of them were pressed.
    seen: usize,
}

impl Detach {
    /// What is to be passed on; `None`: let go.
    fn pass(&mut self, piece: &[u8]) -> Option<Bytes> {
        let mut passed = Vec::with_capacity(piece.len() + 1);
        for byte in piece {
            if DETACH.get(self.seen) == Some(byte) {
                self.seen += 1;
                if self.seen == DETACH.len() {
                    return None;
                }
                continue;
            }
            // They were meant for the task after all.
            passed.extend_from_slice(DETACH.get(..self.seen).unwrap_or_default());
            self.seen = usize::from(DETACH.first() == Some(byte));
            if self.seen == 0 {
                passed.push(*byte);
            }
        }
        Some(passed.into())
    }
}

fn data(bytes: Bytes) -> ProcessIo {
    let data = process_io::Data { r#type: Some(process_io::data::Type::Stdin.into()), data: Some(bytes) };
    ProcessIo { r#type: Some(process_io::Type::Data.into()), data: Some(data), control: None }
}

fn size() -> ProcessIo {
    let kind = process_io::control::Type::TtyInfo;
    control(process_io::Control {
        r#type: Some(kind.into()),
        tty_info: Some(Terminal::size()),
        heartbeat: None,
    })
}

fn heartbeat() -> ProcessIo {
    let nanoseconds = i64::try_from(HEARTBEAT.as_nanos()).unwrap_or(i64::MAX);
    let interval = Some(v1::DurationInfo { nanoseconds });
    let kind = process_io::control::Type::Heartbeat;
    let heartbeat = Some(process_io::control::Heartbeat { interval });
    control(process_io::Control { r#type: Some(kind.into()), tty_info: None, heartbeat })
}

fn control(control: process_io::Control) -> ProcessIo {
    ProcessIo { r#type: Some(process_io::Type::Control.into()), data: None, control: Some(control) }
}

async fn send_io(records: &Records, io: ProcessIo) -> bool {
    let attach = AttachContainerInput {
        r#type: Some(attach_container_input::Type::ProcessIo.into()),
        container_id: None,
        process_io: Some(io),
    };
    send(records, attach).await
}

async fn send(records: &Records, attach: AttachContainerInput) -> bool {
    let kind = Some(Type::AttachContainerInput.into());
    let call = Call { r#type: kind, attach_container_input: Some(attach), ..Call::default() };
    records.send(&ContentType::Protobuf.encode(&call)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_in_a_row_let_go() {
        let passed = |pieces: &[&[u8]]| -> Option<Vec<u8>> {
            let mut detach = Detach::default();
            let mut all = Vec::new();
            for piece in pieces {
                all.extend_from_slice(&detach.pass(piece)?);
            }
            Some(all)
        };
        assert_eq!(passed(&[b"ab", b"c"]), Some(b"abc".to_vec()));
        assert_eq!(passed(&[b"a\x10b"]), Some(b"a\x10b".to_vec()));
        assert_eq!(passed(&[b"\x10\x10x"]), Some(b"\x10\x10x".to_vec()));
        assert_eq!(passed(&[b"a\x10\x11b"]), None);
        assert_eq!(passed(&[b"\x10", b"\x11"]), None);
        assert_eq!(passed(&[b"\x11\x10"]), Some(b"\x11".to_vec()));
    }
}
