//! x
use tepui_master::*;
#[tokio::main]
async fn main() {
    let mut options = Options { listen: "127.0.0.1:15050".parse().unwrap(), ..Options::ephemeral() };
    options.config.cluster = Some("golden".into());
    let mut master = MasterServer::start(options).await.unwrap();
    master.stopped().await.unwrap();
}
