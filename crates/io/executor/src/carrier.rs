//! What carries the driver's words to the agent: prepared before the driver starts, so that whoever makes one hears
//! what is wrong with it.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket},
    path::{Component, Path, PathBuf},
};

use tepui_core_driver::{
    DriverEnv,
    env::{LibprocessEnv, TlsEnv},
};
use tepui_transport::{Authorization, ClientOptions, Tls, TlsFiles, Via};
use tepui_wire_libprocess::{InvalidUpid, Upid};

use crate::StartError;

/// The id of the driver's process, as Mesos's has it.
const PROCESS: &str = "executor(1)";
/// A path of so many bytes does not fit into the address of a socket any more.
const SOCKET_PATH_MAX: usize = 108;

/// HTTP calls, or libprocess messages.
#[derive(Debug)]
pub(crate) enum Carrier {
    Http(Box<ClientOptions>),
    Libprocess(TcpListener),
}

/// The client for the agent's HTTP API.
pub(crate) fn http(env: &DriverEnv) -> Result<Carrier, StartError> {
    let via = match (&env.domain_socket, env.agent.tls) {
        (Some(path), _) => Via::Unix(socket_path(Path::new(path), std::env::current_dir().ok().as_deref())?),
        (None, true) => Via::Tls(Tls::new(&tls_files(env.tls.as_ref()))?),
        (None, false) => Via::Tcp,
    };
    let token = env.authentication_token.as_ref();
    Ok(Carrier::Http(Box::new(ClientOptions {
        redirects_max: 0,
        authorization: token.map(|token| Authorization::Bearer(token.reveal().to_owned())),
        via,
        ..ClientOptions::default()
    })))
}

/// A listener for messages, the driver's own process there, and the agent's.
pub(crate) fn libprocess(env: &DriverEnv) -> Result<(Carrier, Upid, Upid), StartError> {
    if env.tls.is_some() {
        return Err(StartError::LibprocessTls);
    }
    let agent = resolve(env.agent_pid.as_deref().unwrap_or_default())?;
    let LibprocessEnv { ip, port, advertise_ip, advertise_port } = &env.libprocess;
    // Not on every interface: where the agent is, is where it will come from.
    let ip = ip.map_or_else(|| towards(agent.address), Ok);
    let listen = |ip: IpAddr| {
        let listener = TcpListener::bind((ip, *port))?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    let (listener, bound) =
        ip.and_then(listen).map_err(|source| StartError::Listen { port: *port, source })?;
    let address = SocketAddr::new(advertise_ip.unwrap_or(bound.ip()), advertise_port.unwrap_or(bound.port()));
    Ok((Carrier::Libprocess(listener), Upid::new(PROCESS, address), agent))
}

fn tls_files(env: Option<&TlsEnv>) -> TlsFiles {
    let Some(env) = env else { return TlsFiles::default() };
    let path = |file: &Option<String>| file.as_ref().map(PathBuf::from);
    TlsFiles {
        verify_server: env.verify_server_cert,
        ca_file: path(&env.ca_file),
        ca_dir: path(&env.ca_dir),
        cert_file: path(&env.cert_file),
        key_file: path(&env.key_file),
    }
}

/// The agent's process, its host's name looked up if it has one.
fn resolve(pid: &str) -> Result<Upid, StartError> {
    let invalid = |reason: String| StartError::AgentPid { pid: pid.to_owned(), reason };
    match pid.parse() {
        Ok(pid) => Ok(pid),
        Err(InvalidUpid::Hostname { id, host, port }) => {
            let found =
                (host.as_str(), port).to_socket_addrs().map_err(|error| invalid(error.to_string()))?;
            let mut found: Vec<_> = found.collect();
            found.sort_by_key(SocketAddr::is_ipv6);
            let first = found.first().ok_or_else(|| invalid("its host has no address".to_owned()))?;
            Ok(Upid::new(id, *first))
        }
        Err(error) => Err(invalid(error.to_string())),
    }
}

/// Our own address on the way to `peer`. Nothing is sent.
fn towards(peer: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if peer.is_ipv6() { ([0u16; 8], 0).into() } else { ([0u8; 4], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

/// The path by which the socket can be reached: as it is, or, if it is too long for that, as seen from `here`.
fn socket_path(path: &Path, here: Option<&Path>) -> Result<PathBuf, StartError> {
    let fits = |path: &Path| path.as_os_str().len() < SOCKET_PATH_MAX;
    if fits(path) {
        return Ok(path.to_owned());
    }
    let relative = here.map(|here| relative(path, here)).filter(|path| fits(path));
    relative.ok_or_else(|| StartError::DomainSocket { path: path.to_owned() })
}

/// `path` as seen from the directory `from`, both absolute.
fn relative(path: &Path, from: &Path) -> PathBuf {
    let shared = path.components().zip(from.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_whose_path_is_too_long_is_seen_from_here() {
        let deep = format!("/run/{}", "d/".repeat(50));
        let (socket, sandbox) = (format!("{deep}agent.sock"), format!("{deep}sandbox/x"));
        let path = |socket: &str, here: Option<&str>| socket_path(Path::new(socket), here.map(Path::new));
        assert_eq!(path("/run/agent.sock", None).unwrap(), Path::new("/run/agent.sock"));
        assert_eq!(path(&socket, Some(&sandbox)).unwrap(), Path::new("../../agent.sock"));
        for here in [None, Some("/elsewhere")] {
            let error = path(&socket, here).unwrap_err();
            assert!(error.to_string().contains(&socket), "{error}");
        }
        let longest = format!("/{}", "x".repeat(106));
        assert_eq!(path(&longest, None).unwrap(), Path::new(&longest));
        assert!(path(&format!("{longest}x"), Some("/")).is_ok(), "without its slash it fits");
        assert!(path(&format!("{longest}xx"), Some("/")).is_err());
    }

    #[test]
    fn agents_with_names_are_looked_up() {
        assert_eq!(resolve("slave(1)@127.0.0.1:5").unwrap().to_string(), "slave(1)@127.0.0.1:5");
        assert!(resolve("slave(1)@localhost:5").unwrap().address.ip().is_loopback());
        for pid in ["", "slave(1)", "slave(1)@no.such.host.invalid:5"] {
            assert!(matches!(resolve(pid), Err(StartError::AgentPid { .. })), "{pid}");
        }
    }
}
