//! The executor API: one connection for the event stream, one for all calls.

use tepui_core_driver::{Address, CallToken, Loss, Subscription};
use tepui_transport::{
    Call, Client, ClientError, ClientOptions, ClientResponse, Pipeline, Subscribed, Subscriber, Url,
};
use tepui_wire_mesos::{ContentType, v1::executor};

use super::Heard;

/// The client's side of it.
pub(super) struct Http {
    content: ContentType,
    client: Client,
    stream: Option<(Subscription, Subscriber)>,
    /// What the agent writes its records in.
    records: ContentType,
    calls: Pipeline<CallToken>,
}

fn url(agent: &Address) -> Url {
    Url::new(agent.host.clone(), agent.port, format!("{}/api/v1/executor", agent.path))
}

impl Http {
    pub(super) fn new(options: ClientOptions, agent: &Address, content: ContentType) -> Self {
        let calls = Pipeline::new(url(agent), options.clone());
        Self { content, client: Client::new(options), stream: None, records: content, calls }
    }

    pub(super) fn subscribe(&mut self, subscription: Subscription, agent: &Address, call: &executor::Call) {
        let call = Call::message(self.content, self.content.encode(call));
        self.stream = Some((subscription, Subscriber::new(&self.client, url(agent), call)));
    }

    pub(super) fn call(&mut self, token: CallToken, call: &executor::Call) {
        self.calls.push(token, Call::message(self.content, self.content.encode(call)));
    }

    pub(super) fn close(&mut self, subscription: Subscription) {
        self.stream.take_if(|(current, _)| *current == subscription);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_idle()
    }

    pub(super) async fn next(&mut self, room: bool) -> Heard {
        let stream = self.stream.as_mut().filter(|_| room);
        let reading = stream.is_some();
        let (subscription, event) = tokio::select! {
            (token, answer) = self.calls.next() => return reply(token, answer),
            event = next(stream), if reading => event,
        };
        self.translate(subscription, event)
    }

    pub(super) fn take(&mut self) -> Option<Heard> {
        if let Some((token, answer)) = self.calls.take() {
            return Some(reply(token, answer));
        }
        let (subscription, stream) = self.stream.as_mut()?;
        let subscription = *subscription;
        let event = stream.take()?;
        Some(self.translate(subscription, event))
    }

    fn translate(&mut self, subscription: Subscription, event: Subscribed) -> Heard {
        match event {
            Subscribed::Connected { content, .. } => {
                self.records = content.unwrap_or(self.content);
                Heard::Connected(subscription)
            }
            Subscribed::Record(record) => match self.records.decode(record) {
                Ok(event) => Heard::Event(subscription, Box::new(event)),
                Err(error) => {
                    self.stream = None;
                    Heard::Lost(subscription, Loss::Broken(format!("a record that cannot be read: {error}")))
                }
            },
            Subscribed::Ended(end) => {
                self.stream = None;
                Heard::Lost(subscription, loss(end))
            }
        }
    }
}

async fn next(stream: Option<&mut (Subscription, Subscriber)>) -> (Subscription, Subscribed) {
    match stream {
        Some((subscription, stream)) => (*subscription, stream.next().await),
        None => std::future::pending().await,
    }
}

fn reply(token: CallToken, answer: Result<ClientResponse, ClientError>) -> Heard {
    Heard::Reply(token, answer.map(|answer| answer.reply()).map_err(|error| error.to_string()))
}

fn loss(end: Result<(), ClientError>) -> Loss {
    match end {
        Ok(()) => Loss::Ended,
        Err(ClientError::Refused(response)) => {
            let ClientResponse { status, .. } = *response;
            let location = response.header("location").map(str::to_owned);
            Loss::Refused { status: status.as_u16(), location, body: response.text().into_owned() }
        }
        Err(error) => Loss::Broken(error.to_string()),
    }
}
