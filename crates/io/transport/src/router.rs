//! Which handler serves a path, by libprocess's rules.
//!
//! A path is `/<process>/<route>`. If its first segment names no process, the whole path is taken to the delegate
//! (`master` or `slave(1)`), so `/state` and `/master/state` are the same. Within a process the longest registered
//! route wins: trailing segments are cut off until one matches, so `/api/v1/operator` is served by `/api/v1`.

use std::{collections::BTreeMap, sync::Arc};

use http::Method;
use percent_encoding::percent_decode_str;

use crate::{
    exchange::{Request, Response},
    server::{Answer, Handler},
};

struct Route {
    /// Empty: any.
    methods: Vec<Method>,
    handler: Arc<dyn Handler>,
}

/// Routes by process.
pub struct Router {
    delegate: String,
    processes: BTreeMap<String, BTreeMap<String, Route>>,
}

impl Router {
    /// A router whose process `delegate` serves the paths that name no process.
    pub fn new(delegate: impl Into<String>) -> Self {
        let delegate = delegate.into();
        Self { processes: BTreeMap::from([(delegate.clone(), BTreeMap::new())]), delegate }
    }

    /// A route for these methods (none: for any). `path` begins with a slash; `/` is the process itself.
    ///
    /// The routes of [`Self::new`]'s process are reached with its name in front or without.
    #[must_use]
    pub fn route(mut self, process: &str, path: &str, methods: &[Method], handler: impl Handler) -> Self {
        let route = Route { methods: methods.to_vec(), handler: Arc::new(handler) };
        self.processes
            .entry(process.to_owned())
            .or_default()
            .insert(path.trim_end_matches('/').to_owned(), route);
        self
    }

    /// The route for a decoded path, and what it left over.
    fn find<'a>(&self, path: &'a str) -> Option<(&Route, &'a str)> {
        let path = path.trim_end_matches('/');
        if path.split('/').any(|segment| segment == "..") {
            return None;
        }
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let (routes, within) = match self.processes.get(first) {
            Some(routes) => (routes, &path[path.find(first).unwrap_or(0) + first.len()..]),
            None => (self.processes.get(&self.delegate)?, path),
        };
        let mut end = within.len();
        loop {
            if let Some(route) = routes.get(&within[..end]) {
                return Some((route, within[end..].trim_start_matches('/')));
            }
            end = within[..end].rfind('/')?;
        }
    }
}

impl Handler for Router {
    fn handle(&self, mut request: Request) -> Answer {
        let now = |response| -> Answer { Box::pin(std::future::ready(response)) };
        let Ok(path) = percent_decode_str(&request.path).decode_utf8() else {
            return now(Response::bad_request("The path is not UTF-8"));
        };
        let Some((route, rest)) = self.find(&path) else {
            return now(Response::not_found());
        };
        if !route.methods.is_empty() && !route.methods.contains(&request.method) {
            return now(Response::method_not_allowed(&route.methods, &request.method));
        }
        let rest = rest.to_owned();
        request.rest = rest;
        route.handler.handle(request)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::exchange::Body;

    fn named(name: &'static str) -> impl Handler {
        move |request: Request| async move {
            Response::text(http::StatusCode::OK, format!("{name} {}", request.rest).trim_end().to_owned())
        }
    }

    fn router() -> Router {
        Router::new("slave(1)")
            .route("slave(1)", "/state", &[], named("state"))
            .route("slave(1)", "/api/v1", &[Method::POST], named("operator"))
            .route("slave(1)", "/api/v1/executor", &[Method::POST], named("executor"))
            .route("metrics", "/snapshot", &[], named("metrics"))
            .route("version", "/", &[], named("version"))
    }

    async fn ask(method: Method, path: &str) -> String {
        let request = Request {
            method,
            path: path.to_owned(),
            query: None,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            upload: None,
            peer: None,
            rest: String::new(),
        };
        match router().handle(request).await.body {
            Body::Full(body) => String::from_utf8(body.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn paths_find_their_way() {
        let not_found = "404 Not Found.";
        let wrong_method = "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'.";
        for (method, path, answer) in [
            (Method::GET, "/state", "state"),
            (Method::GET, "/state/", "state"),
            (Method::GET, "/slave(1)/state", "state"),
            (Method::GET, "/slave%281%29/state", "state"),
            (Method::GET, "/state/of/things", "state of/things"),
            (Method::GET, "/state.json", not_found),
            (Method::POST, "/api/v1", "operator"),
            (Method::POST, "/api/v1/", "operator"),
            (Method::POST, "/api/v1/operator", "operator operator"),
            (Method::POST, "/api/v1/executor", "executor"),
            (Method::POST, "/slave(1)/api/v1/executor", "executor"),
            (Method::GET, "/api/v1", wrong_method),
            (Method::GET, "/api", not_found),
            (Method::GET, "/metrics/snapshot", "metrics"),
            (Method::GET, "/metrics", not_found),
            (Method::GET, "/snapshot", not_found),
            (Method::GET, "/version", "version"),
            (Method::GET, "/version/", "version"),
            (Method::GET, "/state/../state", not_found),
            (Method::GET, "/%2e%2e/state", not_found),
            (Method::GET, "/", not_found),
            (Method::GET, "*", not_found),
            (Method::GET, "/slave(1)", not_found),
        ] {
            assert_eq!(ask(method, path).await, answer, "{path}");
        }
    }
}
