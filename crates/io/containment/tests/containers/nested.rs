//! Nested containers, pipes and terminals.

use std::time::Duration;

use tepui_containment::{ContainerIo, Containerizer, Event, FailureKind, Launch, Stdio, Tty};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Cluster, exited, is_alive, next, read_pid, started, until};

const TTY: Stdio = Stdio::Tty { rows: 24, columns: 80 };

fn nested(cluster: &Cluster, id: &str, line: &str) -> Launch {
    let parent = id.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    Launch { parent, ..cluster.shell(id, line) }
}

async fn tty(containerizer: &Containerizer, id: &str) -> Tty {
    match containerizer.take_io(id).await.unwrap() {
        Some(ContainerIo::Tty(tty)) => tty,
        other => panic!("{other:?}"),
    }
}

/// Reads until what was read contains `text`.
async fn read_until(tty: &mut Tty, text: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            assert!(tty.read_buf(&mut read).await.unwrap() > 0, "{}", String::from_utf8_lossy(&read));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.expect("in time");
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn a_nested_container_ends_with_its_parent() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(cluster.shell("a", "sleep 1000")).await.unwrap();
    started(&mut events, "a").await;
    let mut pids = Vec::new();
    for id in ["a.b", "a.b.c", "a.d"] {
        containerizer.launch(nested(&cluster, id, "sleep 1000")).await.unwrap();
        pids.push(started(&mut events, id).await);
    }
    containerizer.destroy("a.d").await.unwrap();
    assert_eq!(exited(&mut events, "a.d").await, Some(9));
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a.b.c").await, Some(9));
    assert_eq!(exited(&mut events, "a.b").await, Some(9));
    assert_eq!(exited(&mut events, "a").await, Some(9));
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    containerizer.launch(nested(&cluster, "a.e", "true")).await.unwrap();
    match next(&mut events).await {
        Event::LaunchFailed { kind: FailureKind::Spawn, message, .. } => {
            assert_eq!(message, "The parent container 'a' is not running");
        }
        other => panic!("{other:?}"),
    }
    containerizer.stop().await;
}

#[tokio::test]
async fn pipes_carry_everything_and_end() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let mut launch = cluster.shell("a", "cat; echo err >&2; exit 4");
    launch.stdio = Stdio::Pipes;
    containerizer.launch(launch).await.unwrap();
    started(&mut events, "a").await;
    let Some(ContainerIo::Pipes { mut stdin, mut stdout, mut stderr }) =
        containerizer.take_io("a").await.unwrap()
    else {
        panic!("pipes")
    };
    assert!(containerizer.take_io("a").await.unwrap().is_none());
    let text = "0123456789".repeat(100_000);
    let sending = async {
        stdin.write_all(text.as_bytes()).await.unwrap();
        drop(stdin);
    };
    let (mut output, mut errors) = (String::new(), String::new());
    tokio::join!(sending, async { stdout.read_to_string(&mut output).await.unwrap() }, async {
        stderr.read_to_string(&mut errors).await.unwrap()
    });
    assert!(output == text && errors == "err\n");
    assert_eq!(exited(&mut events, "a").await, Some(4 << 8));
    assert_eq!(cluster.output("a", "stdout"), "");
    assert!(containerizer.resize("a", 1, 1).await.is_err());
    containerizer.stop().await;
}

#[tokio::test]
async fn a_terminal_controls_its_session() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "trap 'stty size' WINCH; trap 'echo interrupted; exit 5' INT; stty size; tty; \
                while :; do read line && echo \"<$line>\"; done";
    containerizer.launch(Launch { stdio: TTY, ..cluster.shell("a", line) }).await.unwrap();
    started(&mut events, "a").await;
    let mut terminal = tty(&containerizer, "a").await;
    let text = read_until(&mut terminal, "/dev/").await;
    assert!(text.starts_with("24 80\r\n"), "{text}");
    containerizer.resize("a", 30, 100).await.unwrap();
    terminal.write_all(b"hello\n").await.unwrap();
    read_until(&mut terminal, "<hello>").await;
    terminal.write_all(&[3]).await.unwrap();
    read_until(&mut terminal, "interrupted").await;
    assert_eq!(exited(&mut events, "a").await, Some(5 << 8));
    let mut rest = Vec::new();
    terminal.read_to_end(&mut rest).await.unwrap();
    containerizer.forget("a").await.unwrap();
    assert!(containerizer.take_io("a").await.unwrap().is_none());
    containerizer.stop().await;
}

#[tokio::test]
async fn a_resize_is_told() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.01; done";
    containerizer.launch(Launch { stdio: TTY, ..cluster.shell("a", line) }).await.unwrap();
    started(&mut events, "a").await;
    let mut terminal = tty(&containerizer, "a").await;
    read_until(&mut terminal, "ready").await;
    terminal.resize(40, 132).unwrap();
    read_until(&mut terminal, "40 132").await;
    assert_eq!(exited(&mut events, "a").await, Some(0));
    containerizer.stop().await;
}

#[tokio::test]
async fn a_terminal_comes_back_after_the_agent() {
    let cluster = Cluster::new();
    let (containerizer, mut events, _) = cluster.start().await;
    containerizer.launch(cluster.shell("a", "sleep 1000")).await.unwrap();
    started(&mut events, "a").await;
    let line = "echo one; read x; echo got $x; exit 6";
    containerizer.launch(Launch { stdio: TTY, ..nested(&cluster, "a.b", line) }).await.unwrap();
    started(&mut events, "a.b").await;
    let mut terminal = tty(&containerizer, "a.b").await;
    read_until(&mut terminal, "one").await;
    drop((terminal, containerizer, events));
    let (containerizer, mut events, recovered) = cluster.start_again().await;
    assert_eq!(recovered.len(), 2);
    let mut terminal = tty(&containerizer, "a.b").await;
    terminal.write_all(b"again\n").await.unwrap();
    read_until(&mut terminal, "got again").await;
    assert_eq!(exited(&mut events, "a.b").await, Some(6 << 8));
    containerizer.destroy("a").await.unwrap();
    assert_eq!(exited(&mut events, "a").await, Some(9));
    containerizer.stop().await;
}

#[tokio::test]
async fn a_terminal_belongs_to_its_user() {
    if rustix::process::geteuid().as_raw() != 0 {
        return;
    }
    let cluster = Cluster::new();
    std::fs::set_permissions(cluster.directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let (containerizer, mut events, _) = cluster.start().await;
    let line = "stat -c %U $(tty); echo $$ > pid; echo reopened > /dev/tty; exit 0";
    let mut launch = Launch { stdio: TTY, ..cluster.shell("a", line) };
    launch.user = Some("nobody".to_owned());
    containerizer.launch(launch).await.unwrap();
    let pid = started(&mut events, "a").await;
    let mut terminal = tty(&containerizer, "a").await;
    let text = read_until(&mut terminal, "reopened").await;
    assert!(text.starts_with("nobody\r\n"), "{text}");
    assert_eq!(exited(&mut events, "a").await, Some(0));
    let file = cluster.sandbox("a").join("pid");
    until("it is written", || read_pid(&file) == Some(pid)).await;
    containerizer.stop().await;
}
