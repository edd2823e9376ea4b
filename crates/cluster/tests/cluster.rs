//! Clusters in this process.
//!
//! This program is also the supervisor that the agents start: so it brings its own `main`.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use serde_json::{Value, json};
use tepui_cluster::{Cluster, Ended, Error, Roles};
use tepui_transport::{Call, Client, Url};
use tepui_wire_mesos::ContentType;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "supervisor") {
        return tepui_containment::supervisor::main(arguments);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    macro_rules! run {
        ($($test:ident)*) => {$(
            runtime.block_on(async { timeout(2 * SOON, $test()).await }).expect(stringify!($test));
            println!("test {} ... ok", stringify!($test));
        )*};
    }
    run! {
        agents_join_their_masters_and_all_stop
        a_role_that_cannot_start_is_named_and_the_others_are_stopped
        who_waits_is_told_which_role_has_ended
    }
    ExitCode::SUCCESS
}

async fn post(address: SocketAddr, json: String) -> String {
    let url = Url::new("127.0.0.1", address.port(), "/api/v1");
    Client::default().post(&url, Call::message(ContentType::Json, json)).await.unwrap().text().into_owned()
}

/// What the master says of its agents as soon as there are so many.
async fn agents_of(cluster: &Cluster, master: &str, count: usize) -> String {
    let address = cluster.address(master).unwrap();
    loop {
        let agents = post(address, r#"{"type":"GET_AGENTS"}"#.to_owned()).await;
        if agents.matches("\"agent_info\"").count() == count {
            return agents;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn agents_join_their_masters_and_all_stop() {
    let roles =
        Roles::throw_away().unwrap().master("m", |_| ()).agent("a", "m", |_| ()).agent("b", "m", |_| ());
    let cluster = roles.master("other", |_| ()).agent("c", "other", |_| ()).start().await.unwrap();
    let names: Vec<&str> = cluster.addresses().map(|(name, _)| name).collect();
    assert_eq!(names, ["m", "a", "b", "other", "c"]);
    let agents = agents_of(&cluster, "m", 2).await;
    for (agent, is_there) in [("a", true), ("b", true), ("c", false)] {
        let pid = format!("slave(1)@{}", cluster.address(agent).unwrap());
        assert_eq!(agents.contains(&pid), is_there, "{agent}: {agents}");
    }
    agents_of(&cluster, "other", 1).await;
    assert_eq!(cluster.address("nobody"), None);

    let work_dir = cluster.work_dir().to_owned();
    let addresses: Vec<SocketAddr> = cluster.addresses().map(|(_, address)| address).collect();
    cluster.stop(SOON).await.unwrap();
    for address in addresses {
        std::net::TcpStream::connect(address).unwrap_err();
    }
    assert!(!work_dir.exists());
}

async fn a_role_that_cannot_start_is_named_and_the_others_are_stopped() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.port())).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let roles = |agent_port: u16| {
        let master = |options: &mut tepui_master::Options| options.settings.port = free.port();
        let roles = Roles::kept(kept.path()).unwrap().master("m", master).agent("a", "m", |_| ());
        roles.agent("b", "m", move |options| options.settings.port = agent_port)
    };
    let error = roles(taken.1).start().await.unwrap_err();
    assert!(matches!(&error, Error::Agent { role, .. } if role == "b"), "{error}");
    let words = format!("cannot start b: cannot listen on 127.0.0.1:{}: ", taken.1);
    assert!(error.to_string().starts_with(&words), "{error}");
    // Nobody holds the port and the registry any more.
    roles(0).start().await.unwrap().stop(SOON).await.unwrap();

    let early = Roles::throw_away().unwrap().agent("a", "m", |_| ()).master("m", |_| ());
    let error = early.start().await.unwrap_err();
    assert_eq!(error.to_string(), "cannot start a: its master 'm' was not started before it");
}

async fn who_waits_is_told_which_role_has_ended() {
    let roles =
        Roles::throw_away().unwrap().master("m", |_| ()).agent("a", "m", |_| ()).agent("b", "m", |_| ());
    let mut cluster = roles.start().await.unwrap();
    let agents: Value = serde_json::from_str(&agents_of(&cluster, "m", 2).await).unwrap();
    let pid = format!("slave(1)@{}", cluster.address("b").unwrap());
    let all = agents["get_agents"]["agents"].as_array().unwrap();
    let id = &all.iter().find(|agent| agent["pid"] == pid).unwrap()["agent_info"]["id"];
    let gone = json!({ "type": "MARK_AGENT_GONE", "mark_agent_gone": { "agent_id": id } });
    post(cluster.address("m").unwrap(), gone.to_string()).await;
    let ended = timeout(SOON, cluster.ended()).await.unwrap();
    assert_eq!(ended, Ended { role: "b".to_owned(), why: None });
    // Once is enough.
    timeout(Duration::from_millis(50), cluster.ended()).await.unwrap_err();
    cluster.stop(SOON).await.unwrap();
}
