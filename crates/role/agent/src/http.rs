//! The HTTP side: which path is answered by what.

mod containers;
pub(crate) mod domain_socket;
mod executor;
mod files;
mod legacy;
mod operator;
mod statistics;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Method, StatusCode};
use tepui_containment::Containerizer;
use tepui_core_agent::{Agent, Snapshot};
use tepui_model::{ConnectionId, Tick};
use tepui_shell::{Caller, Inbox};
use tepui_telemetry::{Pacer, Sample, system};
use tepui_transport::{Answer, Request, Response, Router};
use tepui_wire_mesos::ContentType;

use crate::{Settings, server::PROCESS, shell::Input, token::SecretKey};

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inputs: Inbox<Input>,
    containerizer: Containerizer,
    flags: BTreeMap<String, String>,
    version: String,
    work_dir: PathBuf,
    log_file: Option<PathBuf>,
    /// What executors' tokens are signed with, if they have to show one.
    secret_key: Option<SecretKey>,
    /// The last master that was seen, and the name that it was found to have.
    master_name: Mutex<Option<(SocketAddr, String)>>,
    /// The metrics' snapshot is for two requests a second, as clients know it.
    pacer: Pacer,
}

/// Longest that a request for metrics waits for its turn.
const METRICS_WAIT_MAX: Duration = Duration::from_secs(30);

impl Context {
    pub(crate) fn new(
        inputs: Inbox<Input>,
        containerizer: Containerizer,
        flags: BTreeMap<String, String>,
        settings: &Settings,
        version: String,
        secret_key: Option<SecretKey>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                inputs,
                containerizer,
                flags,
                version,
                work_dir: settings.work_dir.clone(),
                log_file: settings.external_log_file.clone(),
                secret_key,
                master_name: Mutex::new(None),
                pacer: Pacer::new(2, Duration::from_secs(1)),
            }),
        }
    }

    /// Has the core answer a call, whose answer or stream would be in `accept`.
    async fn call(&self, accept: ContentType, input: impl FnOnce(ConnectionId, Caller) -> Input) -> Response {
        self.shared.inputs.call(accept, input).await.unwrap_or_else(going_down)
    }

    /// Asks about the core; the error is the answer when the agent is going down.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Agent, Tick) -> T + Send + 'static,
    ) -> Result<T, Response> {
        self.shared.inputs.ask(ask).await.ok_or_else(going_down)
    }

    /// What containers use; nothing when the agent is going down.
    async fn measure(&self) -> statistics::Uses {
        self.shared.containerizer.measure().await.unwrap_or_default()
    }

    /// A picture of the agent; the error is the answer when it is going down.
    async fn snapshot(&self) -> Result<Arc<Snapshot>, Response> {
        self.ask(Agent::snapshot).await
    }

    /// Where the sandboxes of an executor are, the latest last.
    async fn sandboxes(&self, framework_id: &str, executor_id: &str) -> Result<Vec<String>, Response> {
        let (framework_id, executor_id) = (framework_id.into(), executor_id.into());
        self.ask(move |core, _| core.sandboxes(&framework_id, &executor_id)).await
    }

    /// All metrics at one moment.
    fn samples(snapshot: &Snapshot) -> Vec<Sample> {
        let own = snapshot.stats.metrics().into_iter().map(|(name, value)| {
            let counts = COUNTERS.iter().any(|counter| name.starts_with(counter));
            if counts { Sample::counter(name, value) } else { Sample::gauge(name, value) }
        });
        let others = UNUSED_METRICS.iter().map(|(name, value)| Sample::gauge(*name, *value));
        own.chain(others).chain(system::stats().samples()).collect()
    }

    /// The host name of the master, looked up once for each.
    async fn master_name(&self, snapshot: &Snapshot) -> Option<String> {
        let address = snapshot.master.as_ref()?.address;
        let known = self.shared.master_name.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, name)) = known.filter(|(of, _)| *of == address) {
            return Some(name);
        }
        let ip = address.ip();
        let name = tokio::task::spawn_blocking(move || tepui_containment::machine::name_of_host(ip))
            .await
            .unwrap_or_else(|_| ip.to_string());
        *self.shared.master_name.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((address, name.clone()));
        Some(name)
    }
}

/// Which of the core's metrics only grow.
const COUNTERS: [&str; 11] = [
    "slave/container_launch_errors",
    "slave/executors_preempted",
    "slave/executors_terminated",
    "slave/invalid_",
    "slave/recovery_errors",
    "slave/tasks_failed",
    "slave/tasks_finished",
    "slave/tasks_gone",
    "slave/tasks_killed",
    "slave/tasks_lost",
    "slave/valid_",
];

/// Metrics that dashboards ask for and that mean nothing here.
const UNUSED_METRICS: [(&str, f64); 10] = [
    ("containerizer/fetcher/cache_size_total_bytes", 0.0),
    ("containerizer/fetcher/cache_size_used_bytes", 0.0),
    ("containerizer/fetcher/task_fetches_failed", 0.0),
    ("containerizer/fetcher/task_fetches_succeeded", 0.0),
    ("containerizer/mesos/container_destroy_errors", 0.0),
    ("containerizer/mesos/provisioner/bind/remove_rootfs_errors", 0.0),
    ("containerizer/mesos/provisioner/remove_container_errors", 0.0),
    ("resource_provider_manager/events/disconnect", 0.0),
    ("resource_provider_manager/events/subscribe", 0.0),
    ("resource_provider_manager/subscribed", 0.0),
];

/// All routes.
pub(crate) fn router(context: Context) -> Router {
    let post = [Method::POST];
    let with = |handler: fn(Context, Request) -> Answer| {
        let context = context.clone();
        move |request: Request| handler(context.clone(), request)
    };
    Router::new(PROCESS)
        .route(PROCESS, "/api/v1", &post, with(|context, request| Box::pin(operator::call(context, request))))
        .route(
            PROCESS,
            "/api/v1/executor",
            &post,
            with(|context, request| Box::pin(executor::call(context, request))),
        )
        .route(PROCESS, "/state", &[], with(|context, request| Box::pin(legacy::state(context, request))))
        .route(PROCESS, "/flags", &[], with(|context, request| now(legacy::flags(&context, &request))))
        .route(PROCESS, "/health", &[], with(|_, _| now(Response::new(StatusCode::OK))))
        .route(
            PROCESS,
            "/containers",
            &[],
            with(|context, request| Box::pin(legacy::containers(context, request))),
        )
        .route(
            PROCESS,
            "/monitor/statistics",
            &[],
            with(|context, request| Box::pin(legacy::statistics(context, request))),
        )
        .route(
            "monitor",
            "/statistics",
            &[],
            with(|context, request| Box::pin(legacy::statistics(context, request))),
        )
        .route("version", "/", &[], with(|context, request| now(legacy::version(&context, &request))))
        .route("metrics", "/", &[], with(|context, _| Box::pin(legacy::prometheus(context))))
        .route(
            "metrics",
            "/snapshot",
            &[],
            with(|context, request| Box::pin(legacy::metrics(context, request))),
        )
        .route("system", "/stats.json", &[], with(|_, request| now(legacy::system(&request))))
        .route("files", "/browse", &[], with(|context, request| Box::pin(files::browse(context, request))))
        .route("files", "/read", &[], with(|context, request| Box::pin(files::read(context, request))))
        .route(
            "files",
            "/download",
            &[],
            with(|context, request| Box::pin(files::download(context, request))),
        )
        .route("files", "/debug", &[], with(|context, request| Box::pin(files::debug(context, request))))
}

fn going_down() -> Response {
    Response::plain_status(StatusCode::SERVICE_UNAVAILABLE)
}

fn now(response: Response) -> Answer {
    Box::pin(std::future::ready(response))
}
