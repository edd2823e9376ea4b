//! The executor API: one connection for the event stream, one for all calls.

use tepui_core_driver::{CallToken, Subscription, executor::Event};
use tepui_transport::{Call, Client, ClientOptions, Pipeline, Subscribed, Subscriber, Url};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::{ContentType, v1::executor};

type Stream = (Subscription, Subscriber<executor::Event>);

/// The client's side of it.
pub(super) struct Http {
    content: ContentType,
    client: Client,
    stream: Option<Stream>,
    calls: Pipeline<CallToken>,
}

fn url(agent: &Address) -> Url {
    Url::new(agent.host.clone(), agent.port, format!("{}/api/v1/executor", agent.path))
}

impl Http {
    pub(super) fn new(options: ClientOptions, agent: &Address, content: ContentType) -> Self {
        let calls = Pipeline::new(url(agent), options.clone());
        Self { content, client: Client::new(options), stream: None, calls }
    }

    pub(super) fn subscribe(&mut self, subscription: Subscription, agent: &Address, call: &executor::Call) {
        self.stream = Some((subscription, Subscriber::new(&self.client, url(agent), self.content, call)));
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

    pub(super) async fn next(&mut self, room: bool) -> Event {
        let stream = self.stream.as_mut().filter(|_| room);
        let reading = stream.is_some();
        tokio::select! {
            (token, fate) = self.calls.next() => Event::Answered { token, fate },
            event = next(stream), if reading => translate(event),
        }
    }

    pub(super) fn take(&mut self, room: bool) -> Option<Event> {
        if let Some((token, fate)) = self.calls.take() {
            return Some(Event::Answered { token, fate });
        }
        let (subscription, stream) = self.stream.as_mut().filter(|_| room)?;
        Some(translate((*subscription, stream.take()?)))
    }
}

fn translate((subscription, event): (Subscription, Subscribed<executor::Event>)) -> Event {
    match event {
        Subscribed::Connected { .. } => Event::Connected(subscription),
        Subscribed::Event(event) => Event::Heard { subscription, event: Box::new(event) },
        Subscribed::Ended(loss) => Event::Lost { subscription, loss },
    }
}

async fn next(stream: Option<&mut Stream>) -> (Subscription, Subscribed<executor::Event>) {
    match stream {
        Some((subscription, stream)) => (*subscription, stream.next().await),
        None => std::future::pending().await,
    }
}
