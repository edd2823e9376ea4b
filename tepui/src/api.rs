//! Asking masters and agents over HTTP, as any operator's tool does.

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tepui_transport::{
    Call, Client, ClientError, ClientOptions, ClientResponse, RecordStream, Url,
    client::{Records, Uploaded},
    negotiate::RECORDIO,
};
use tepui_wire_mesos::{ContentType, v1};

use crate::exit::Failure;

/// How the records of a stream are written, in a request and in its answer.
const MESSAGE_CONTENT_TYPE: HeaderName = HeaderName::from_static("message-content-type");
const MESSAGE_ACCEPT: HeaderName = HeaderName::from_static("message-accept");
/// Longer than anything runs.
const PATIENCE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The address is none.
    #[error("{0}")]
    Address(#[from] tepui_transport::client::InvalidUrl),
    /// No connection, or not one that speaks HTTP.
    #[error("{0}; is it running? `--master` says where to look")]
    Call(#[from] ClientError),
    /// An error as an answer.
    #[error("{url} answered {status}: {text}")]
    Refused {
        url: String,
        status: u16,
        text: String,
        /// Why a program could not be run, if it is that: a word of [`tepui_agent`].
        launch: Option<String>,
    },
    /// Not the kind of answer that was expected.
    #[error("{url} sent an answer that makes no sense: {reason}")]
    Garbled { url: String, reason: String },
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::Address(_) => Self::user(error.to_string()),
            Unanswered::Call(_) | Unanswered::Refused { .. } | Unanswered::Garbled { .. } => {
                Self::fault(error.to_string())
            }
        }
    }
}

/// A master's or an agent's HTTP API.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client,
    address: String,
}

impl Api {
    /// The API at `host:port`; nothing is connected yet.
    pub(crate) fn new(address: &str) -> Self {
        let options = ClientOptions { response_timeout: Duration::from_secs(30), ..ClientOptions::default() };
        Self { client: Client::new(options), address: address.to_owned() }
    }

    fn url(&self, target: &str) -> Result<Url, Unanswered> {
        let url: Url = self.address.parse()?;
        Ok(url.with_target(target))
    }

    /// GET, with JSON as the answer.
    pub(crate) async fn get(&self, target: &str) -> Result<Value, Unanswered> {
        let url = self.url(target)?;
        json(ok(self.client.get(&url).await?)?)
    }

    /// An operator call in JSON.
    pub(crate) async fn call(&self, call: &Value) -> Result<Value, Unanswered> {
        json(self.post(call).await?)
    }

    /// An operator call in JSON that is done when it is answered.
    pub(crate) async fn order(&self, call: &Value) -> Result<(), Unanswered> {
        self.post(call).await.map(drop)
    }

    async fn post(&self, call: &Value) -> Result<ClientResponse, Unanswered> {
        let url = self.url("/api/v1")?;
        let call = Call::message(ContentType::Json, call.to_string().into_bytes());
        ok(self.client.post(&url, call).await?)
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The same for questions that are answered when something happens, however long that takes.
    pub(crate) fn patient(&self) -> Self {
        let options = ClientOptions { response_timeout: PATIENCE, ..ClientOptions::default() };
        Self { client: Client::new(options), address: self.address.clone() }
    }

    /// A call of the agent's API; an answer without a body is an empty one.
    pub(crate) async fn ask(&self, call: &v1::agent::Call) -> Result<v1::agent::Response, Unanswered> {
        let url = self.url("/api/v1")?;
        let call = Call::message(ContentType::Protobuf, ContentType::Protobuf.encode(call));
        let answer = ok(self.client.post(&url, call).await?)?;
        ContentType::Protobuf
            .decode(answer.body.clone())
            .map_err(|error| Unanswered::Garbled { url: answer.url.to_string(), reason: error.to_string() })
    }

    /// A call of the agent's API that is answered with a stream of protobuf records.
    pub(crate) async fn stream(&self, call: &v1::agent::Call) -> Result<RecordStream, Unanswered> {
        let url = self.url("/api/v1")?;
        let body = ContentType::Protobuf.encode(call);
        let call = Call::message(ContentType::Protobuf, body)
            .header(header::ACCEPT, HeaderValue::from_static(RECORDIO))
            .header(MESSAGE_ACCEPT, protobuf());
        match self.client.post_stream(&url, call).await {
            Err(ClientError::Refused(answer)) => Err(refused(&answer)),
            stream => Ok(stream?),
        }
    }

    /// A call of the agent's API whose body is a stream of protobuf records.
    pub(crate) async fn records(&self) -> Result<(Records, Uploaded), Unanswered> {
        let url = self.url("/api/v1")?;
        let call = Call::default()
            .header(header::CONTENT_TYPE, HeaderValue::from_static(RECORDIO))
            .header(MESSAGE_CONTENT_TYPE, protobuf())
            .header(header::ACCEPT, protobuf());
        Ok(self.client.post_records(&url, call).await?)
    }

    /// POST of a form; the answer's body does not matter.
    pub(crate) async fn form(&self, target: &str, fields: &[(&str, &str)]) -> Result<(), Unanswered> {
        let url = self.url(target)?;
        let body: Vec<String> =
            fields.iter().map(|(key, value)| format!("{key}={}", query_value(value))).collect();
        let call = Call::message(ContentType::Json, body.join("&").into_bytes());
        ok(self.client.post(&url, call).await?).map(drop)
    }

    /// The bytes of a file from `offset` on, as many as an agent hands out at once. One that is not there is answered
    /// with 404.
    pub(crate) async fn read_file(
        &self,
        path: &str,
        offset: u64,
    ) -> Result<v1::agent::response::ReadFile, Unanswered> {
        let call = v1::agent::Call {
            r#type: Some(v1::agent::call::Type::ReadFile.into()),
            read_file: Some(v1::agent::call::ReadFile { path: path.to_owned(), offset, length: None }),
            ..v1::agent::Call::default()
        };
        Ok(self.ask(&call).await?.read_file.unwrap_or_default())
    }
}

/// Text as the value of a query or a form.
pub(crate) fn query_value(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn ok(answer: ClientResponse) -> Result<ClientResponse, Unanswered> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(refused(&answer))
}

fn refused(answer: &ClientResponse) -> Unanswered {
    Unanswered::Refused {
        url: answer.url.to_string(),
        status: answer.status.as_u16(),
        text: answer.text().trim().to_owned(),
        launch: answer.header(tepui_agent::LAUNCH_FAILURE).map(str::to_owned),
    }
}

const fn protobuf() -> HeaderValue {
    HeaderValue::from_static(ContentType::Protobuf.mime())
}

fn json(answer: ClientResponse) -> Result<Value, Unanswered> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Unanswered::Garbled { url: answer.url.to_string(), reason: error.to_string() })
}
