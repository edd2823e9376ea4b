//! Waits for sockets, timers and the user; asks the core; performs what it decided. No decisions here.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tepui_core_driver::{
    Address, CallResult, CallToken, Loss, Subscription,
    executor::{Callback, Effect},
};
use tepui_model::Reply;
use tepui_transport::{
    Authorization, Call, Client, ClientError, ClientOptions, ClientResponse, Pipeline, Subscribed,
    Subscriber, Url,
};
use tepui_wire_mesos::ContentType;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::driver::{Options, Shared};

/// Callbacks decided on but not in the queue yet; with more, the stream is not read.
const BACKLOG_MAX: usize = 256;
/// Records handled in a row before others get their turn.
const RECORDS_AT_ONCE: usize = 64;
/// How long calls already given may take after the driver ended.
const LAST_CALLS: Duration = Duration::from_secs(2);

struct Shell<'a> {
    shared: &'a Arc<Shared>,
    content: ContentType,
    client: Client,
    stream: Option<(Subscription, Subscriber)>,
    /// What the agent writes its records in.
    records: ContentType,
    calls: Pipeline<CallToken>,
    callbacks: mpsc::Sender<Callback>,
    backlog: VecDeque<Callback>,
    failed: bool,
}

/// Works until the driver has ended. Answers whether it ended by an error that the user has yet to hear of.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    options: &Options,
    agent: Address,
    callbacks: mpsc::Sender<Callback>,
) -> bool {
    let client_options = ClientOptions {
        redirects_max: 0,
        authorization: options
            .authentication_token
            .as_ref()
            .map(|token| Authorization::Bearer(token.reveal().to_owned())),
        ..ClientOptions::default()
    };
    Shell {
        shared,
        content: options.content_type,
        records: options.content_type,
        calls: Pipeline::new(url(&agent), client_options.clone()),
        client: Client::new(client_options),
        stream: None,
        callbacks,
        backlog: VecDeque::new(),
        failed: false,
    }
    .work()
    .await
}

fn url(agent: &Address) -> Url {
    Url::new(agent.host.clone(), agent.port, format!("{}/api/v1/executor", agent.path))
}

impl Shell<'_> {
    async fn work(mut self) -> bool {
        let mut last = None;
        loop {
            let (finished, deadline) = self.perform();
            let mut deadline = deadline.map(|tick| self.shared.clock.instant(tick));
            if finished {
                let last = *last.get_or_insert_with(|| Instant::now() + LAST_CALLS);
                if (self.flushed() && self.calls.is_idle()) || last <= Instant::now() {
                    return self.failed;
                }
                deadline = Some(last);
            }
            self.wait(deadline).await;
        }
    }

    /// Drains the core's effects. Answers whether it is finished, and when it wants to be woken.
    fn perform(&mut self) -> (bool, Option<tepui_model::Tick>) {
        let shared = self.shared;
        let mut core = shared.core();
        let mut effects = Vec::new();
        while let Some(effect) = core.poll_effect() {
            effects.push(effect);
        }
        let state = (core.is_finished(), core.poll_timeout());
        drop(core);
        for effect in effects {
            self.perform_one(effect);
        }
        state
    }

    fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::Subscribe { subscription, agent, call } => {
                let call = Call::message(self.content, self.content.encode(&*call));
                self.stream = Some((subscription, Subscriber::new(&self.client, url(&agent), call)));
            }
            Effect::Call { token, call } => {
                self.calls.push(token, Call::message(self.content, self.content.encode(&*call)));
            }
            Effect::Close { subscription } => {
                self.stream.take_if(|(current, _)| *current == subscription);
            }
            // Only of the other transport.
            Effect::Link { .. } | Effect::Send { .. } => {}
            Effect::Deliver(callback) => {
                self.failed |= matches!(callback, Callback::Error(_));
                self.backlog.push_back(callback);
            }
            Effect::KillProcessGroup => {
                tracing::warn!("the shutdown's grace is over: killing the process group");
                if let Err(error) = rustix::process::kill_current_process_group(rustix::process::Signal::KILL)
                {
                    tracing::error!(%error, "cannot kill the process group");
                }
            }
            Effect::Warn(text) => tracing::warn!("{text}"),
        }
    }

    /// Moves callbacks to the callback thread while there is room. Answers whether all are there.
    fn flushed(&mut self) -> bool {
        while let Some(callback) = self.backlog.pop_front() {
            match self.callbacks.try_send(callback) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(callback)) => {
                    self.backlog.push_front(callback);
                    return false;
                }
                // A callback panicked: there is nobody left to call.
                Err(mpsc::error::TrySendError::Closed(_)) => self.backlog.clear(),
            }
        }
        true
    }

    async fn wait(&mut self, deadline: Option<Instant>) {
        let waiting = !self.flushed();
        let room = self.backlog.len() < BACKLOG_MAX;
        let stream = self.stream.as_mut().filter(|_| room);
        let reading = stream.is_some();
        tokio::select! {
            () = self.shared.wake.notified() => {}
            // The next round uses the room.
            () = room_in(&self.callbacks), if waiting => {}
            (token, answer) = self.calls.next() => {
                self.shared.core().handle_reply(self.shared.clock.now(), token, result(answer));
            }
            (subscription, event) = next(stream), if reading => self.take(subscription, event),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                self.shared.core().handle_timeout(self.shared.clock.now());
            }
        }
    }

    /// Hands the core what the stream brought, and what else of it is here already.
    fn take(&mut self, subscription: Subscription, event: Subscribed) {
        let now = self.shared.clock.now();
        let mut core = self.shared.core();
        let mut next = Some(event);
        let mut taken = 0;
        while let Some(event) = next.take() {
            match event {
                Subscribed::Connected { content, .. } => {
                    self.records = content.unwrap_or(self.content);
                    core.handle_connected(now, subscription);
                }
                Subscribed::Record(record) => match self.records.decode(record) {
                    Ok(event) => core.handle_event(now, subscription, event),
                    Err(error) => {
                        let loss = Loss::Broken(format!("a record that cannot be read: {error}"));
                        core.handle_disconnected(now, subscription, loss);
                        self.stream = None;
                    }
                },
                Subscribed::Ended(end) => {
                    core.handle_disconnected(now, subscription, loss(end));
                    self.stream = None;
                }
            }
            taken += 1;
            if taken < RECORDS_AT_ONCE {
                next = self.stream.as_mut().and_then(|(_, stream)| stream.take());
            }
        }
    }
}

async fn room_in<T>(queue: &mpsc::Sender<T>) {
    // An error means that nobody listens; `flushed` sees that, too.
    let _ = queue.reserve().await;
}

async fn next(stream: Option<&mut (Subscription, Subscriber)>) -> (Subscription, Subscribed) {
    match stream {
        Some((subscription, stream)) => (*subscription, stream.next().await),
        None => std::future::pending().await,
    }
}

fn loss(end: Result<(), ClientError>) -> Loss {
    match end {
        Ok(()) => Loss::Ended,
        Err(ClientError::Refused(response)) => Loss::Refused {
            status: response.status.as_u16(),
            location: response.header("location").map(str::to_owned),
            body: response.text().into_owned(),
        },
        Err(error) => Loss::Broken(error.to_string()),
    }
}

fn result(answer: Result<ClientResponse, ClientError>) -> CallResult {
    answer
        .map(|response| Reply { status: response.status.as_u16(), body: response.text().into_owned() })
        .map_err(|error| error.to_string())
}
