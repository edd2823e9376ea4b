//! Calls of the agent's own API, each on a connection that waits for nothing else.

use http::{HeaderName, HeaderValue, header};
use tepui_core_default_executor::Answer;
use tepui_transport::{Call, Client, ClientError, ClientOptions, Url};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::{
    ContentType,
    v1::agent::{self, call::Type},
};

use super::{FOR_EVER, answer};

const RECORDIO: HeaderValue = HeaderValue::from_static("application/recordio");
const MESSAGE_ACCEPT: HeaderName = HeaderName::from_static("message-accept");

/// The agent as its API.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    client: Client,
    url: Url,
}

impl Agent {
    pub(super) fn new(address: &Address, options: ClientOptions) -> Self {
        // A container's end may be waited for as long as it takes.
        let client = Client::new(ClientOptions { response_timeout: FOR_EVER, ..options });
        let url = Url::new(address.host.clone(), address.port, format!("{}/api/v1", address.path));
        Self { client, url }
    }

    /// Calls; of a session the answer comes at its end.
    pub(super) async fn call(&self, call: &agent::Call) -> Answer {
        let message = Call::message(ContentType::Protobuf, ContentType::Protobuf.encode(call));
        if call.r#type() == Type::LaunchNestedContainerSession {
            return self.session(message).await;
        }
        match self.client.post(&self.url, message).await {
            Ok(response) => answer(&response),
            Err(error) => Answer::Missed(error.to_string()),
        }
    }

    async fn session(&self, message: Call) -> Answer {
        let protobuf = HeaderValue::from_static(ContentType::Protobuf.mime());
        let message = message.header(header::ACCEPT, RECORDIO).header(MESSAGE_ACCEPT, protobuf);
        let mut stream = match self.client.post_stream(&self.url, message).await {
            Ok(stream) => stream,
            Err(ClientError::Refused(response)) => return answer(&response),
            Err(error) => return Answer::Missed(error.to_string()),
        };
        // What the command prints is of no interest.
        loop {
            match stream.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return Answer::Done(None),
                Err(error) => return Answer::Missed(error.to_string()),
            }
        }
    }
}
