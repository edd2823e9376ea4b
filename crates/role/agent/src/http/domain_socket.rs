//! The agent's domain socket, for executors only. Must not live here: what they say on it.

use std::{io, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use http::StatusCode;
use tepui_transport::{Answer, Handler, Request, Response};
use tokio::net::UnixListener;

use crate::server::PROCESS;

/// What executors need: their own API, and the agent's for nested containers.
const PATHS: [&str; 2] = ["/api/v1", "/api/v1/executor"];

/// The routes that an executor may use, and no others.
pub(crate) struct ExecutorsOnly(pub(crate) Arc<dyn Handler>);

impl Handler for ExecutorsOnly {
    fn handle(&self, request: Request) -> Answer {
        let path = percent_encoding::percent_decode_str(&request.path).decode_utf8_lossy();
        let within = path.strip_prefix('/').and_then(|path| path.strip_prefix(PROCESS));
        if within.is_some_and(|path| PATHS.contains(&path)) {
            return self.0.handle(request);
        }
        Box::pin(std::future::ready(Response::plain_status(StatusCode::FORBIDDEN)))
    }
}

/// Listens at `path`. What an earlier agent left there is replaced: executors connect again by the path.
///
/// # Errors
/// What the system says.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type()) => {
            std::fs::remove_file(path)?;
        }
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    // Executors run as any user.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    #[tokio::test]
    async fn two_paths_and_no_more() {
        let all = |_: Request| async { Response::new(StatusCode::OK) };
        let handler = ExecutorsOnly(Arc::new(all));
        for (path, status) in [
            ("/slave(1)/api/v1", 200),
            ("/slave(1)/api/v1/executor", 200),
            ("/slave%281%29/api/v1/executor", 200),
            ("/api/v1/executor", 403),
            ("/slave(1)/state", 403),
            ("/slave(1)/api/v1/../state", 403),
            ("/slave(1)/api/v1/executor/", 403),
            ("/files/read", 403),
            ("/", 403),
        ] {
            let request = Request {
                method: Method::POST,
                path: path.to_owned(),
                query: None,
                headers: HeaderMap::new(),
                body: bytes::Bytes::new(),
                upload: None,
                peer: None,
                rest: String::new(),
            };
            assert_eq!(handler.handle(request).await.status.as_u16(), status, "{path}");
        }
    }

    #[tokio::test]
    async fn a_socket_that_was_left_is_replaced_and_a_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/agent.sock");
        drop(listen(&path).unwrap());
        let _listener = listen(&path).unwrap();
        tokio::net::UnixStream::connect(&path).await.unwrap();
        let other = directory.path().join("file");
        std::fs::write(&other, "mine").unwrap();
        listen(&other).unwrap_err();
        assert_eq!(std::fs::read_to_string(other).unwrap(), "mine");
    }
}
