//! Which encoding a request has and which its answer gets, by Mesos's rules and in its words.
//!
//! `Content-Type` is compared literally: a parameter or another case is a 415. No `Accept` means JSON. The
//! texts differ between the master's, the schedulers', the executors' and the agent's API.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tepui_wire_mesos::ContentType;

use crate::exchange::{Request, Response};

/// The media type of a stream of records.
pub const RECORDIO: &str = "application/recordio";

/// An API with its own rules and texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The master's `/api/v1`.
    Master,
    /// The master's `/api/v1/scheduler`.
    Scheduler,
    /// The agent's `/api/v1/executor`.
    Executor,
    /// The agent's `/api/v1`, which also knows streams of records in both directions.
    Agent,
}

/// What a body is, or an answer shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// One message.
    Message(ContentType),
    /// A stream of records with messages in this encoding (agent only).
    RecordIo(ContentType),
}

impl Media {
    /// The encoding of the message, or of the messages in the records.
    pub const fn content(self) -> ContentType {
        match self {
            Self::Message(content) | Self::RecordIo(content) => content,
        }
    }
}

/// The value of a `Content-Type` header for this encoding.
pub const fn content_type_value(content: ContentType) -> HeaderValue {
    HeaderValue::from_static(content.mime())
}

/// Reads the `Content-Type` of a request.
///
/// # Errors
/// The 400 or 415 to answer with.
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
pub fn content_type(api: Api, headers: &HeaderMap) -> Result<Media, Response> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(Response::bad_request("Expecting 'Content-Type' to be present"));
    };
    let value = value.to_str().unwrap_or_default();
    if let Some(content) = ContentType::from_mime(value) {
        return Ok(Media::Message(content));
    }
    if api != Api::Agent {
        return Err(Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ));
    }
    if value != RECORDIO {
        return Err(Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' of application/json or application/x-protobuf or application/recordio",
        ));
    }
    let Some(inner) = headers.get("message-content-type") else {
        return Err(Response::bad_request(
            "Expecting 'Message-Content-Type' to be set for streaming requests",
        ));
    };
    ContentType::from_mime(inner.to_str().unwrap_or_default()).map(Media::RecordIo).ok_or_else(|| {
        Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Message-Content-Type' of application/json or application/x-protobuf",
        )
    })
}

/// Chooses the encoding of the answer by the `Accept` header: JSON if it may be JSON.
///
/// The executors' API asks this for SUBSCRIBE only.
///
/// # Errors
/// The 406 to answer with.
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
pub fn accept(api: Api, headers: &HeaderMap) -> Result<Media, Response> {
    for content in [ContentType::Json, ContentType::Protobuf] {
        if accepts(headers, header::ACCEPT, content.mime()) {
            return Ok(Media::Message(content));
        }
    }
    if api != Api::Agent {
        return Err(Response::text(
            StatusCode::NOT_ACCEPTABLE,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        ));
    }
    if !accepts(headers, header::ACCEPT, RECORDIO) {
        return Err(Response::text(
            StatusCode::NOT_ACCEPTABLE,
            "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio",
        ));
    }
    let inner = http::HeaderName::from_static("message-accept");
    [ContentType::Json, ContentType::Protobuf]
        .into_iter()
        .find(|content| accepts(headers, &inner, content.mime()))
        .map(Media::RecordIo)
        .ok_or_else(|| {
            Response::text(
                StatusCode::NOT_ACCEPTABLE,
                "Expecting 'Message-Accept' to allow application/json or application/x-protobuf",
            )
        })
}

/// Both sides of a request whose body and answer are single messages: how it is written, how to answer.
///
/// # Errors
/// The answer that says what is wrong.
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
pub fn both(api: Api, request: &Request) -> Result<(ContentType, ContentType), Response> {
    let content = content_type(api, &request.headers)?;
    let accepted = accept(api, &request.headers)?;
    Ok((content.content(), accepted.content()))
}

/// Whether a header of the form of `Accept` allows `mime`. A missing header allows everything.
fn accepts(headers: &HeaderMap, name: impl header::AsHeaderName, mime: &str) -> bool {
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    let (kind, subtype) = mime.split_once('/').unwrap_or((mime, ""));
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        let (range_kind, range_subtype) = range.split_once('/').unwrap_or((range, ""));
        (range_kind == "*" || range_kind.eq_ignore_ascii_case(kind))
            && (range_subtype == "*" || range_subtype.eq_ignore_ascii_case(subtype))
    })
}

#[cfg(test)]
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
mod tests {
    use super::*;
    use crate::exchange::Body;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect::<HeaderMap>()
    }

    fn refusal<T: std::fmt::Debug>(result: Result<T, Response>) -> (u16, String) {
        let response = result.unwrap_err();
        let Body::Full(body) = response.body else { panic!("no text") };
        (response.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn content_types_are_compared_literally() {
        let read = |value| content_type(Api::Master, &headers(&[("content-type", value)]));
        assert_eq!(read("application/json").unwrap(), Media::Message(ContentType::Json));
        assert_eq!(read("application/x-protobuf").unwrap(), Media::Message(ContentType::Protobuf));
        for wrong in ["application/json; charset=utf-8", "Application/JSON", "text/plain", RECORDIO] {
            let text = "Expecting 'Content-Type' of application/json or application/x-protobuf";
            assert_eq!(refusal(read(wrong)), (415, text.to_owned()));
        }
        let none = content_type(Api::Agent, &HeaderMap::new());
        assert_eq!(refusal(none), (400, "Expecting 'Content-Type' to be present".to_owned()));
    }

    #[test]
    fn the_agent_knows_streams_and_says_so() {
        let text =
            "Expecting 'Content-Type' of application/json or application/x-protobuf or application/recordio";
        let wrong = content_type(Api::Agent, &headers(&[("content-type", "text/plain")]));
        assert_eq!(refusal(wrong), (415, text.to_owned()));
        let fields = [("content-type", RECORDIO), ("message-content-type", "application/json")];
        assert_eq!(content_type(Api::Agent, &headers(&fields)).unwrap(), Media::RecordIo(ContentType::Json));
        let fields = [("accept", RECORDIO), ("message-accept", "application/x-protobuf")];
        assert_eq!(accept(Api::Agent, &headers(&fields)).unwrap(), Media::RecordIo(ContentType::Protobuf));
    }

    #[test]
    fn json_is_preferred_and_meant_when_nothing_is_said() {
        let json = Media::Message(ContentType::Json);
        assert_eq!(accept(Api::Master, &HeaderMap::new()).unwrap(), json);
        for value in
            ["*/*", "application/*", "text/html, application/json;q=0.1", "application/x-protobuf, */*"]
        {
            assert_eq!(accept(Api::Master, &headers(&[("accept", value)])).unwrap(), json, "{value}");
        }
        let protobuf = accept(Api::Scheduler, &headers(&[("accept", "application/x-protobuf")]));
        assert_eq!(protobuf.unwrap(), Media::Message(ContentType::Protobuf));
        for value in ["text/html", RECORDIO] {
            let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
            let refused = accept(Api::Executor, &headers(&[("accept", value)]));
            assert_eq!(refusal(refused), (406, text.to_owned()));
        }
        let refused = accept(Api::Agent, &headers(&[("accept", "text/html")]));
        let text =
            "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio";
        assert_eq!(refusal(refused), (406, text.to_owned()));
    }
}
