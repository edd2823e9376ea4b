//! Which path shows what.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use tepui_core_master::{Event, Snapshot, views};
use tepui_model::Caller;
use tepui_model::parse_duration;
use tepui_telemetry::{Pacer, Sample, logging, metrics, system};
use tepui_transport::{Request, Response, Router};
use tepui_wire_legacy::{flags as flags_object, sorted, version_info};
use tepui_wire_mesos::{
    ContentType,
    v1::{
        FrameworkId,
        master::{Call, call},
    },
};

use crate::{
    MESOS_VERSION, api,
    inputs::Inputs,
    legacy::{self, Selection, Source, State},
};

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) inputs: Inputs,
    pub(crate) flags: Vec<(String, String)>,
    /// Host name and port of the leader, which is us.
    pub(crate) leader: String,
    pub(crate) snapshot_pacer: Pacer,
}

/// `/metrics/snapshot` makes requests wait for their turn; who would wait longer is told to come back.
const METRICS_WAIT_MAX: Duration = Duration::from_secs(30);

impl Context {
    /// All metrics at this moment.
    pub(crate) fn samples(&self, snapshot: &Snapshot) -> Vec<Sample> {
        let counters: BTreeSet<_> = snapshot.counters.iter().map(|(name, _)| name).collect();
        let sample = |(name, value): (String, f64)| {
            if counters.contains(name.as_str()) {
                Sample::counter(name, value)
            } else {
                Sample::gauge(name, value)
            }
        };
        let mut samples: Vec<Sample> = views::metrics(snapshot).into_iter().map(sample).collect();
        samples.extend(system::stats().samples());
        samples.sort_by(|one, other| one.key.cmp(&other.key));
        samples
    }

    /// Sets the verbosity of the log for a while.
    pub(crate) fn toggle_logging(&self, level: u32, nanoseconds: i64) {
        logging::set_verbosity(level);
        let duration = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
        tokio::spawn(async move {
            tokio::time::sleep(duration).await;
            logging::set_verbosity(0);
        });
    }
}

/// Runs something that may take long, where it holds nobody up.
pub(crate) async fn blocking(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Response::plain_status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// All routes.
pub(crate) fn router(context: Arc<Context>) -> Router {
    let post = [Method::POST];
    let with = |handler: fn(Arc<Context>, Request) -> tepui_transport::Answer| {
        let context = context.clone();
        move |request: Request| handler(context.clone(), request)
    };
    Router::new("master")
        .route("master", "/api/v1", &post, with(|context, request| Box::pin(api::operator(context, request))))
        .route(
            "master",
            "/api/v1/scheduler",
            &post,
            with(|context, request| Box::pin(api::scheduler(context, request))),
        )
        .route("master", "/teardown", &post, with(|context, request| Box::pin(teardown(context, request))))
        .route("master", "/kill", &post, with(|context, request| Box::pin(kill(context, request))))
        .route("master", "/health", &[], with(|_, _| now(Response::new(StatusCode::OK))))
        .route(
            "master",
            "/redirect",
            &[],
            with(|context, _| now(Response::redirect(&format!("//{}", context.leader)))),
        )
        .route("master", "/flags", &[], with(|context, request| now(flags(&context, &request))))
        .route(
            "master",
            "/state",
            &[],
            with(|context, request| {
                let show = |context: &Context, source: &Source<'_>, _: &Request| {
                    source.state(&State { flags: &context.flags })
                };
                Box::pin(legacy(context, request, show))
            }),
        )
        .route(
            "master",
            "/state-summary",
            &[],
            with(|context, request| Box::pin(legacy(context, request, |_, source, _| source.summary()))),
        )
        .route(
            "master",
            "/roles",
            &[],
            with(|context, request| Box::pin(legacy(context, request, |_, source, _| source.roles()))),
        )
        .route(
            "master",
            "/slaves",
            &[],
            with(|context, request| {
                let show = |_: &Context, source: &Source<'_>, request: &Request| {
                    source.slaves(request.query_parameter("slave_id").as_deref())
                };
                Box::pin(legacy(context, request, show))
            }),
        )
        .route(
            "master",
            "/frameworks",
            &[],
            with(|context, request| {
                let show = |_: &Context, source: &Source<'_>, request: &Request| {
                    source.frameworks(request.query_parameter("framework_id").as_deref())
                };
                Box::pin(legacy(context, request, show))
            }),
        )
        .route("master", "/tasks", &[], with(|context, request| Box::pin(tasks(context, request))))
        .route("master", "/explain", &[], with(|context, request| Box::pin(explain(context, request))))
        .route(
            "version",
            "/",
            &[],
            with(|_, request| now(json(&request, legacy::to_bytes(&sorted(&version_info(MESOS_VERSION)))))),
        )
        .route(
            "metrics",
            "/snapshot",
            &[],
            with(|context, request| Box::pin(metrics_snapshot(context, request))),
        )
        .route("metrics", "/", &[], with(|context, _| Box::pin(prometheus(context))))
        .route("system", "/stats.json", &[], with(|_, request| now(json(&request, system::stats().json()))))
        .route("logging", "/toggle", &[], with(|context, request| now(toggle(&context, &request))))
        // Operations that are not there yet, as they look when nothing was set.
        .route("master", "/quota", &[Method::GET], with(|_, request| now(json(&request, "{}"))))
        .route(
            "master",
            "/maintenance/schedule",
            &[Method::GET],
            with(|_, request| now(json(&request, "{}"))),
        )
        .route("master", "/maintenance/status", &[Method::GET], with(|_, request| now(json(&request, "{}"))))
        .route(
            "master",
            "/weights",
            &[Method::GET],
            with(|context, request| Box::pin(legacy(context, request, |_, source, _| source.weights()))),
        )
        .route("files", "/debug", &[], with(|_, request| now(json(&request, "{}"))))
        .route("files", "/browse", &[], with(|_, request| now(no_file(&request))))
        .route("files", "/read", &[], with(|_, request| now(no_file(&request))))
        .route("files", "/download", &[], with(|_, request| now(no_file(&request))))
}

fn now(response: Response) -> tepui_transport::Answer {
    Box::pin(std::future::ready(response))
}

fn json(request: &Request, body: impl Into<Bytes>) -> Response {
    Response::legacy_json(request.query_parameter("jsonp").as_deref(), body)
}

fn flags(context: &Context, request: &Request) -> Response {
    let mut object = serde_json::Map::new();
    object.insert("flags".to_owned(), flags_object(context.flags.iter().map(|(name, value)| (name, value))));
    json(request, legacy::to_bytes(&object.into()))
}

/// Shows something of a snapshot.
async fn legacy(
    context: Arc<Context>,
    request: Request,
    show: impl FnOnce(&Context, &Source<'_>, &Request) -> Bytes + Send + 'static,
) -> Response {
    let Some(snapshot) = context.inputs.snapshot().await else {
        return Response::plain_status(StatusCode::SERVICE_UNAVAILABLE);
    };
    blocking(move || {
        let body = show(&context, &Source::new(&snapshot), &request);
        json(&request, body)
    })
    .await
}

/// `/explain?what=ID`: why a framework has no offers, or where a task is; as JSON, or in words for those who accept only
/// text. Not a path of Mesos's.
async fn explain(context: Arc<Context>, request: Request) -> Response {
    let Some(what) = request.query_parameter("what") else {
        return Response::bad_request("Expecting 'what=ID' in query, the id of a framework or of a task");
    };
    match context.inputs.explain(what).await {
        Some(why) if wants_text(&request) => Response::text(StatusCode::OK, why.to_string()),
        Some(why) => {
            let reasons: Vec<String> = why.lines().collect();
            let body = serde_json::json!({ "reasons": reasons, "at": why.at, "facts": why.facts });
            json(&request, legacy::to_bytes(&body))
        }
        None => Response::not_found(),
    }
}

fn wants_text(request: &Request) -> bool {
    request.headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"))
}

async fn tasks(context: Arc<Context>, request: Request) -> Response {
    let number = |name: &str, default: usize| match request.query_parameter(name) {
        None => Ok(default),
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| format!("Failed to parse query parameter '{name}': '{text}' is no number")),
    };
    let (limit, offset) = match (number("limit", 100), number("offset", 0)) {
        (Ok(limit), Ok(offset)) => (limit, offset),
        (Err(reason), _) | (_, Err(reason)) => return Response::bad_request(reason),
    };
    let selection = Selection {
        limit,
        offset,
        ascending: request.query_parameter("order").as_deref() == Some("asc"),
        framework_id: request.query_parameter("framework_id"),
        task_id: request.query_parameter("task_id"),
    };
    legacy(context, request, move |_, source, _| source.tasks(&selection)).await
}

/// Ends a framework, asked for by a form.
async fn teardown(context: Arc<Context>, request: Request) -> Response {
    let parameters = request.form_parameters();
    let Some((_, id)) = parameters.into_iter().find(|(name, _)| name == "frameworkId") else {
        return Response::bad_request("Missing 'frameworkId' query parameter in the request body");
    };
    let call = Box::new(Call {
        r#type: Some(call::Type::Teardown as i32),
        teardown: Some(call::Teardown { framework_id: FrameworkId { value: id } }),
        ..Call::default()
    });
    let event = |from| Event::OperatorCall { caller: Caller::anonymous(from), call };
    context.inputs.ask(ContentType::Json, event).await
}

/// Ends a task, asked for by a form like that of `/teardown`. Not a path of Mesos's.
async fn kill(context: Arc<Context>, request: Request) -> Response {
    let parameters = request.form_parameters();
    let value = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| format!("Missing '{wanted}' query parameter in the request body"))
    };
    let (framework_id, task_id) = match (value("frameworkId"), value("taskId")) {
        (Ok(framework_id), Ok(task_id)) => (framework_id, task_id),
        (Err(missing), _) | (_, Err(missing)) => return Response::bad_request(missing),
    };
    let event = |from| Event::KillTask {
        caller: Caller::anonymous(from),
        framework_id: framework_id.into(),
        task_id: task_id.into(),
    };
    context.inputs.ask(ContentType::Json, event).await
}

async fn metrics_snapshot(context: Arc<Context>, request: Request) -> Response {
    if !context.snapshot_pacer.turn(METRICS_WAIT_MAX).await {
        return Response::plain_status(StatusCode::SERVICE_UNAVAILABLE);
    }
    let Some(snapshot) = context.inputs.snapshot().await else {
        return Response::plain_status(StatusCode::SERVICE_UNAVAILABLE);
    };
    blocking(move || json(&request, metrics::snapshot(&mut context.samples(&snapshot)))).await
}

async fn prometheus(context: Arc<Context>) -> Response {
    let Some(snapshot) = context.inputs.snapshot().await else {
        return Response::plain_status(StatusCode::SERVICE_UNAVAILABLE);
    };
    blocking(move || match metrics::open_metrics(context.samples(&snapshot)) {
        Ok(text) => {
            let mime = HeaderValue::from_static(metrics::OPEN_METRICS);
            Response::new(StatusCode::OK).header(header::CONTENT_TYPE, mime).body(text)
        }
        Err(_) => Response::plain_status(StatusCode::INTERNAL_SERVER_ERROR),
    })
    .await
}

fn toggle(context: &Context, request: &Request) -> Response {
    let (level, duration) = (request.query_parameter("level"), request.query_parameter("duration"));
    match (level, duration) {
        (None, None) => Response::text(StatusCode::OK, format!("{}\n", logging::verbosity())),
        (None, Some(_)) => Response::bad_request("Expecting 'level=value' in query.\n"),
        (Some(_), None) => Response::bad_request("Expecting 'duration=value' in query.\n"),
        (Some(level), Some(duration)) => {
            let Ok(level) = level.parse::<u32>() else {
                return Response::bad_request(format!("Invalid level '{level}'.\n"));
            };
            let Ok(duration) = parse_duration(&duration) else {
                return Response::bad_request(format!("Invalid duration '{duration}'.\n"));
            };
            context.toggle_logging(level, i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX));
            Response::new(StatusCode::OK)
        }
    }
}

/// Nothing is attached here: the master's log goes to stderr.
fn no_file(request: &Request) -> Response {
    if request.query_parameter("path").is_none() {
        return Response::bad_request("Expecting 'path=value' in query.\n");
    }
    Response::text(StatusCode::NOT_FOUND, "")
}
