//! `POST /api/v1/executor`.

use http::{HeaderValue, StatusCode, header};
use tepui_core_agent::Claims;
use tepui_model::Tick;
use tepui_transport::{
    Request, Response,
    negotiate::{self, Api},
};
use tepui_wire_mesos::{ContentType, v1::executor};

use super::Context;
use crate::{shell::Input, token::SecretKey};

/// What executors' tokens are for.
const REALM: &str = "mesos-agent-executor";

/// Reads the call, at once so that what waits is small, and lets the core answer it.
pub(super) fn call(context: Context, request: Request) -> impl Future<Output = Response> + Send {
    let read = read(&context, &request);
    async move {
        match read {
            Ok(Read { call, claims, accept }) => {
                context.call(accept, |from, caller| Input::Call { from, caller, claims, call }).await
            }
            Err(refusal) => refusal,
        }
    }
}

/// Whose token the request shows. The error is the answer: who showed nothing is told what to show, and nothing else.
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn authenticate(key: &SecretKey, request: &Request) -> Result<Claims, Response> {
    let Some(field) = request.header(header::AUTHORIZATION) else { return Err(unauthorized(None)) };
    let token = match field.split(' ').collect::<Vec<_>>()[..] {
        ["Bearer", token] => token,
        [_, _] => return Err(unauthorized(Some("Scheme unsupported, expecting 'Bearer'"))),
        _ => return Err(unauthorized(Some("Malformed 'Authorization' header"))),
    };
    let now: Tick = tepui_shell::tick_of(std::time::SystemTime::now());
    key.verify(token, now).map_err(|what| unauthorized(Some(&format!("Invalid JWT: {what}"))))
}

fn unauthorized(error: Option<&str>) -> Response {
    let mut challenge = format!("Bearer realm=\"{REALM}\"");
    if let Some(error) = error {
        challenge.push_str(&format!(", error=\"invalid_token\", error_description=\"{error}\""));
    }
    let response = Response::new(StatusCode::UNAUTHORIZED);
    match HeaderValue::from_str(&challenge) {
        Ok(challenge) => response.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => response,
    }
}

/// What a request says.
struct Read {
    call: Box<executor::Call>,
    /// Whose token it showed, where one has to be shown.
    claims: Option<Claims>,
    /// How its events are to be written, if it becomes a stream.
    accept: ContentType,
}

#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
fn read(context: &Context, request: &Request) -> Result<Read, Response> {
    let key = context.shared.secret_key.as_ref();
    let claims = key.map(|key| authenticate(key, request)).transpose()?;
    let content = negotiate::content_type(Api::Executor, &request.headers)?.content();
    let call: executor::Call =
        content.decode(request.body.clone()).map_err(|error| Response::bad_request(error.to_string()))?;
    // Only a stream has an encoding of its own to be asked for.
    let accept = if call.r#type == Some(executor::call::Type::Subscribe.into()) {
        negotiate::accept(Api::Executor, &request.headers)?.content()
    } else {
        content
    };
    Ok(Read { call: Box::new(call), claims, accept })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    #[test]
    fn who_may_call() {
        let key = SecretKey::new(b"key").unwrap();
        let claims = Claims { framework: "f".into(), executor: "e".into(), container: "c".into() };
        let token = key.token(&claims);
        let ask = |field: Option<String>| {
            let mut headers = HeaderMap::new();
            if let Some(field) = field {
                headers.insert(header::AUTHORIZATION, field.parse().unwrap());
            }
            let request = Request {
                method: Method::POST,
                path: "/api/v1/executor".to_owned(),
                query: None,
                headers,
                body: bytes::Bytes::new(),
                upload: None,
                peer: None,
                rest: String::new(),
            };
            authenticate(&key, &request).map_err(|response| {
                assert_eq!(response.status, StatusCode::UNAUTHORIZED);
                response.headers[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned()
            })
        };
        assert_eq!(ask(Some(format!("Bearer {token}"))), Ok(claims));
        let realm = "Bearer realm=\"mesos-agent-executor\"";
        assert_eq!(ask(None), Err(realm.to_owned()));
        for (field, words) in [
            (format!("Bearer {token}x"), "Invalid JWT: "),
            ("Bearer".to_owned(), "Malformed 'Authorization' header"),
            ("Basic abc".to_owned(), "Scheme unsupported"),
            ("Bearer a.b.c d".to_owned(), "Malformed"),
        ] {
            let challenge = ask(Some(field)).unwrap_err();
            assert!(challenge.starts_with(&format!("{realm}, error=\"invalid_token\", ")), "{challenge}");
            assert!(challenge.contains(words), "{challenge}");
        }
    }
}
