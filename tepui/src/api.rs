//! Asking masters and agents over HTTP, as any operator's tool does.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tepui_transport::{Call, Client, ClientError, ClientOptions, ClientResponse, Url};
use tepui_wire_mesos::{ContentType, v1};

use crate::exit::Failure;

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
    Refused { url: String, status: u16, text: String },
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
        let url = self.url("/api/v1")?;
        let call = Call::message(ContentType::Json, call.to_string().into_bytes());
        json(ok(self.client.post(&url, call).await?)?)
    }

    /// POST of a form; the answer's body does not matter.
    pub(crate) async fn form(&self, target: &str, fields: &[(&str, &str)]) -> Result<(), Unanswered> {
        let url = self.url(target)?;
        let body: Vec<String> =
            fields.iter().map(|(key, value)| format!("{key}={}", query_value(value))).collect();
        let call = Call::message(ContentType::Json, body.join("&").into_bytes());
        ok(self.client.post(&url, call).await?).map(drop)
    }

    /// The bytes of a file from `offset` on, as many as an agent hands out at once; none: there is no such file.
    pub(crate) async fn read_file(
        &self,
        path: &str,
        offset: u64,
    ) -> Result<Option<bytes::Bytes>, Unanswered> {
        let url = self.url("/api/v1")?;
        let call = v1::agent::Call {
            r#type: Some(v1::agent::call::Type::ReadFile.into()),
            read_file: Some(v1::agent::call::ReadFile { path: path.to_owned(), offset, length: None }),
            ..v1::agent::Call::default()
        };
        let answer = self
            .client
            .post(&url, Call::message(ContentType::Protobuf, ContentType::Protobuf.encode(&call)))
            .await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = ok(answer)?;
        let response: v1::agent::Response =
            ContentType::Protobuf.decode(answer.body.clone()).map_err(|error| Unanswered::Garbled {
                url: answer.url.to_string(),
                reason: error.to_string(),
            })?;
        Ok(response.read_file.map(|file| file.data))
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
    Err(Unanswered::Refused {
        url: answer.url.to_string(),
        status: answer.status.as_u16(),
        text: answer.text().trim().to_owned(),
    })
}

fn json(answer: ClientResponse) -> Result<Value, Unanswered> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Unanswered::Garbled { url: answer.url.to_string(), reason: error.to_string() })
}
