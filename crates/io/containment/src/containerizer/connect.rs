//! Finding the supervisor of a runtime directory, or starting one.

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{
            fs::{DirBuilderExt as _, PermissionsExt as _},
            net::UnixListener,
            process::CommandExt as _,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::UnixStream,
};

use super::{Options, RecoveredContainer, StartError};
use crate::{
    handover,
    supervisor::{
        Arguments, SOCKET,
        protocol::{Event, Request, VERSION, next_frame},
    },
};

/// How long a supervisor may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// A supervisor that was about to end when we came is followed by a new one; more than that is a fault.
const ATTEMPTS: usize = 3;

/// A connection that has said hello, and what it listed.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: UnixStream,
    /// What came after the list.
    pub(crate) inbox: Vec<u8>,
    /// Descriptors that came with it.
    pub(crate) descriptors: VecDeque<Vec<OwnedFd>>,
    /// The version of the protocol that both sides know.
    pub(crate) version: u8,
    pub(crate) containers: Vec<RecoveredContainer>,
    /// The supervisor, when it is our child.
    pub(crate) child: Option<Child>,
}

/// Makes the runtime directory ours: the lock is held as long as the file is open.
pub(crate) fn lock(runtime_dir: &Path) -> Result<File, StartError> {
    let fail = |source| StartError::RuntimeDir { path: runtime_dir.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(runtime_dir).map_err(fail)?;
    fs::set_permissions(runtime_dir, fs::Permissions::from_mode(0o700)).map_err(fail)?;
    let file = File::create(runtime_dir.join("agent.lock")).map_err(fail)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StartError::InUse { path: runtime_dir.to_owned() }),
        Err(error) => Err(fail(error.into())),
    }
}

/// Connects to the supervisor, starting it when there is none.
pub(crate) async fn connect(options: &Options) -> Result<Connection, StartError> {
    let program = &options.supervisor.program;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..ATTEMPTS {
        match attempt(options).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(StartError::Supervisor { program: program.clone(), source: last })
}

async fn attempt(options: &Options) -> io::Result<Connection> {
    let directory = File::open(&options.runtime_dir)?;
    let socket = socket_path(&directory);
    let (stream, child) = match UnixStream::connect(&socket).await {
        Ok(stream) => (stream, None),
        Err(_) => {
            let child = start(options, &socket)?;
            (UnixStream::connect(&socket).await?, Some(child))
        }
    };
    drop(directory);
    let mut connection = Connection {
        stream,
        inbox: Vec::new(),
        descriptors: VecDeque::new(),
        version: VERSION,
        containers: Vec::new(),
        child,
    };
    tokio::time::timeout(HELLO_TIMEOUT, greet(&mut connection)).await.map_err(io::Error::from)??;
    Ok(connection)
}

/// The socket's path through an open descriptor: socket paths are limited to 107 bytes, directories not.
fn socket_path(directory: &File) -> PathBuf {
    format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()).into()
}

/// Starts a supervisor that already has its listening socket, so that it can be connected to at once.
fn start(options: &Options, socket: &Path) -> io::Result<Child> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
    let absolute = |directories: &[PathBuf]| -> io::Result<Vec<PathBuf>> {
        directories.iter().map(std::path::absolute).collect()
    };
    let arguments = Arguments {
        runtime_dir: std::path::absolute(&options.runtime_dir)?,
        ephemeral: options.ephemeral,
        remove_at_end: absolute(&options.remove_at_end)?,
        remove_empty_at_end: absolute(&options.remove_empty_at_end)?,
    };
    // Never the agent's own stderr: a supervisor would keep a pipe open long after the agent.
    let stderr = if options.ephemeral {
        Stdio::null()
    } else {
        let log = options.runtime_dir.join("supervisor.log");
        File::options().append(true).create(true).open(log)?.into()
    };
    Command::new(&options.supervisor.program)
        .arg0("tepui")
        .args(&options.supervisor.arguments)
        .args(arguments.to_words())
        .stdin(OwnedFd::from(listener))
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
}

async fn greet(connection: &mut Connection) -> io::Result<()> {
    let mut hello = Vec::new();
    Request::Hello { version: VERSION }.encode(&mut hello);
    connection.stream.write_all(&hello).await?;
    let mut start = 0;
    loop {
        while let Some((body, next)) = next_frame(&connection.inbox, start).map_err(io::Error::other)? {
            let event = Event::decode(body).map_err(io::Error::other)?;
            start = next;
            match event {
                Event::Hello { version: version @ 1..=VERSION } => connection.version = version,
                Event::Hello { version } => {
                    return Err(io::Error::other(format!(
                        "the running supervisor speaks version {version} and this agent version {VERSION}"
                    )));
                }
                Event::Container { container_id, pid, exited } => {
                    connection.containers.push(RecoveredContainer {
                        container_id,
                        pid,
                        exited,
                        limitation: None,
                    });
                }
                Event::ListEnd => {
                    connection.inbox.drain(..start);
                    return Ok(());
                }
                Event::Started { .. }
                | Event::LaunchFailed { .. }
                | Event::Exited { .. }
                | Event::Io { .. } => {
                    return Err(io::Error::other("the supervisor did not say hello first"));
                }
            }
        }
        let Connection { stream, inbox, descriptors, .. } = &mut *connection;
        let receive = || handover::receive(&*stream, inbox, descriptors);
        if stream.async_io(Interest::READABLE, receive).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
