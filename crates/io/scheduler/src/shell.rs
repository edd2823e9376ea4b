//! Waits for sockets, timers and the user; asks the core; performs what it decided. No decisions here.

use std::{sync::Arc, time::Duration};

use tepui_core_driver::{
    CallToken, Subscription,
    scheduler::{Callback, Effect, Event},
};
use tepui_core_kit::Core as _;
use tepui_model::{Fate, Tick};
use tepui_shell::Backlog;
use tepui_transport::{Authorization, Call, Client, ClientOptions, Pipeline, Subscribed, Subscriber, Url};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::{ContentType, v1::scheduler};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::driver::{Options, Shared};

/// Records handled in a row before others get their turn.
const RECORDS_AT_ONCE: usize = 64;
/// How long calls already given may take after the driver ended.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// A subscription's two connections.
struct Session {
    subscription: Subscription,
    stream: Subscriber<scheduler::Event>,
    calls: Pipeline<CallToken>,
}

struct Shell<'a> {
    shared: &'a Arc<Shared>,
    content: ContentType,
    client: Client,
    session: Option<Session>,
    backlog: Backlog<Callback>,
}

/// Works until the driver has ended.
pub(crate) async fn run(shared: &Arc<Shared>, options: &Options, events: mpsc::Sender<Callback>) {
    let authorization = options.credential.as_ref().map(|credential| Authorization::Basic {
        principal: credential.principal.clone(),
        secret: credential.secret.clone(),
    });
    // The core follows redirects itself.
    let client = Client::new(ClientOptions { redirects_max: 0, authorization, ..ClientOptions::default() });
    let content = options.content_type;
    Shell { shared, content, client, session: None, backlog: Backlog::new(events) }.work().await;
}

fn url(master: &Address) -> Url {
    let path = if master.path.is_empty() { "/api/v1/scheduler" } else { &master.path };
    Url::new(master.host.clone(), master.port, path)
}

impl Shell<'_> {
    async fn work(mut self) {
        let mut last = None;
        loop {
            let (finished, deadline) = self.perform();
            let mut deadline = deadline.map(|tick| self.shared.clock.instant(tick));
            if finished {
                let last = *last.get_or_insert_with(|| Instant::now() + LAST_CALLS);
                let idle = self.session.as_ref().is_none_or(|session| session.calls.is_idle());
                if (idle && self.backlog.flush()) || last <= Instant::now() {
                    return;
                }
                deadline = Some(last);
            }
            self.wait(deadline).await;
        }
    }

    /// Drains the core's effects. Answers whether it is finished, and when it wants to be woken.
    fn perform(&mut self) -> (bool, Option<Tick>) {
        let shared = self.shared;
        let mut core = shared.core();
        let mut effects = Vec::new();
        while let Some(effect) = core.poll_effect() {
            effects.push(effect);
        }
        let (finished, deadline) = (core.is_finished(), core.poll_timeout());
        drop(core);
        for effect in effects {
            self.perform_one(effect, finished);
        }
        (finished, deadline)
    }

    fn perform_one(&mut self, effect: Effect, finished: bool) {
        match effect {
            Effect::Subscribe { subscription, master, call } => {
                let url = url(&master);
                self.session = Some(Session {
                    subscription,
                    stream: Subscriber::new(&self.client, url.clone(), self.content, &*call),
                    calls: Pipeline::new(url, self.client.options().clone()),
                });
            }
            Effect::Call { subscription, token, stream_id, call } => {
                if let Some(session) =
                    self.session.as_mut().filter(|session| session.subscription == subscription)
                {
                    let mut call = Call::message(self.content, self.content.encode(&*call));
                    if let Some(id) = stream_id {
                        call = call.stream_id(&id);
                    }
                    session.calls.push(token, call);
                }
            }
            // When all is over, the last calls still leave, and a master takes them only while the stream is open.
            Effect::Close { .. } if finished => {}
            Effect::Close { subscription } => {
                self.session.take_if(|session| session.subscription == subscription);
            }
            Effect::Deliver(event) => self.backlog.push(event),
            Effect::Warn(text) => tracing::warn!("{text}"),
        }
    }

    async fn wait(&mut self, deadline: Option<Instant>) {
        let waiting = !self.backlog.flush();
        let room = self.backlog.has_room();
        let (stream, calls) = match &mut self.session {
            Some(Session { subscription, stream, calls, .. }) => {
                (Some((*subscription, stream)).filter(|_| room), Some(calls))
            }
            None => (None, None),
        };
        let (reading, calling) = (stream.is_some(), calls.is_some());
        tokio::select! {
            () = self.shared.wake.notified() => {}
            // The next round uses the room.
            () = self.backlog.room(), if waiting => {}
            first = next_answer(calls), if calling => self.take_answers(first),
            (subscription, event) = next_event(stream), if reading => self.take(subscription, event),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                let now = self.shared.clock.now();
                let mut core = self.shared.core();
                if !room {
                    core.handle(now, Event::Unread);
                }
                core.handle_timeout(now);
            }
        }
    }

    /// Hands the core an answer, and what other answers are here already.
    fn take_answers(&mut self, first: (CallToken, Fate)) {
        let now = self.shared.clock.now();
        let mut core = self.shared.core();
        let mut next = Some(first);
        while let Some((token, fate)) = next {
            core.handle(now, Event::Answered { token, fate });
            next = self.session.as_mut().and_then(|session| session.calls.take());
        }
    }

    /// Hands the core what the stream brought, and what else of it is here already.
    fn take(&mut self, subscription: Subscription, event: Subscribed<scheduler::Event>) {
        let now = self.shared.clock.now();
        let mut core = self.shared.core();
        let mut next = Some(event);
        let mut taken = 0;
        while let Some(event) = next.take() {
            let event = match event {
                Subscribed::Connected { stream_id } => Event::Connected { subscription, stream_id },
                Subscribed::Event(event) => Event::Heard { subscription, event: Box::new(event) },
                Subscribed::Ended(loss) => {
                    self.session = None;
                    Event::Lost { subscription, loss }
                }
            };
            core.handle(now, event);
            taken += 1;
            if taken < RECORDS_AT_ONCE {
                next = self.session.as_mut().and_then(|session| session.stream.take());
            }
        }
    }
}

async fn next_event(
    stream: Option<(Subscription, &mut Subscriber<scheduler::Event>)>,
) -> (Subscription, Subscribed<scheduler::Event>) {
    match stream {
        Some((subscription, stream)) => (subscription, stream.next().await),
        None => std::future::pending().await,
    }
}

async fn next_answer(calls: Option<&mut Pipeline<CallToken>>) -> (CallToken, Fate) {
    match calls {
        Some(calls) => calls.next().await,
        None => std::future::pending().await,
    }
}
