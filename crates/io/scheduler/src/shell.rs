//! Waits for sockets, timers and the user; asks the core; performs what it decided. No decisions here.

use std::{sync::Arc, time::Duration};

use tepui_core_driver::{
    CallToken, Subscription,
    scheduler::{Callback, Effect, Event, SchedulerDriver},
};
use tepui_model::{Fate, Tick};
use tepui_shell::{Backlog, Common, Flow, Heart as _, Share, World};
use tepui_transport::{Authorization, Call, Client, ClientOptions, Pipeline, Subscribed, Subscriber, Url};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::{ContentType, v1::scheduler};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::driver::Options;

/// How long calls already given may take after the driver ended.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// A subscription's two connections.
struct Session {
    subscription: Subscription,
    stream: Subscriber<scheduler::Event>,
    calls: Pipeline<CallToken>,
}

struct Shell {
    common: Arc<Common<SchedulerDriver>>,
    content: ContentType,
    client: Client,
    session: Option<Session>,
    backlog: Backlog<Callback>,
    /// Something waits for room in the user's queue.
    waiting: bool,
    /// When to wait no longer for the calls of a driver that has ended.
    last: Option<Instant>,
}

/// Something that happened.
enum Happened {
    /// What there is to be done is to be looked at again.
    Again,
    Heard(Event),
}

/// Works until the driver has ended.
pub(crate) async fn run(
    common: &Arc<Common<SchedulerDriver>>,
    options: &Options,
    events: mpsc::Sender<Callback>,
) {
    let authorization = options.credential.as_ref().map(|credential| Authorization::Basic {
        principal: credential.principal.clone(),
        secret: credential.secret.clone(),
    });
    // The core follows redirects itself.
    let client = Client::new(ClientOptions { redirects_max: 0, authorization, ..ClientOptions::default() });
    let mut shell = Shell {
        common: common.clone(),
        content: options.content_type,
        client,
        session: None,
        backlog: Backlog::new(events),
        waiting: false,
        last: None,
    };
    let mut core = Share::new(common.clone(), SchedulerDriver::is_finished);
    tepui_shell::run(&mut shell, &mut core, common.clock()).await;
}

fn url(master: &Address) -> Url {
    let path = if master.path.is_empty() { "/api/v1/scheduler" } else { &master.path };
    Url::new(master.host.clone(), master.port, path)
}

impl Shell {
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
}

impl World for Shell {
    type Heart = Share<SchedulerDriver>;
    type Input = Happened;
    const BATCH: usize = 64;

    async fn next(&mut self) -> Happened {
        // While the user is behind, the master is held back; answers to calls are taken still.
        let room = self.backlog.has_room();
        let (stream, calls) = match &mut self.session {
            Some(Session { subscription, stream, calls, .. }) => {
                (Some((*subscription, stream)).filter(|_| room), Some(calls))
            }
            None => (None, None),
        };
        let (reading, calling) = (stream.is_some(), calls.is_some());
        tokio::select! {
            () = self.common.told() => Happened::Again,
            () = self.backlog.room(), if self.waiting => Happened::Again,
            (token, fate) = next_answer(calls), if calling => Happened::Heard(Event::Answered { token, fate }),
            event = next_event(stream), if reading => Happened::Heard(translate(event)),
            () = sleep_until(self.last.unwrap_or_else(Instant::now)), if self.last.is_some() => Happened::Again,
        }
    }

    fn next_now(&mut self) -> Option<Happened> {
        let session = self.session.as_mut()?;
        if let Some((token, fate)) = session.calls.take() {
            return Some(Happened::Heard(Event::Answered { token, fate }));
        }
        let event = if self.backlog.has_room() { session.stream.take() } else { None };
        event.map(|event| Happened::Heard(translate((session.subscription, event))))
    }

    async fn enter(&mut self, core: &mut Share<SchedulerDriver>, now: Tick, happened: Happened) -> Flow {
        if let Happened::Heard(event) = happened {
            if matches!(event, Event::Lost { .. }) {
                self.session = None;
            }
            core.handle(now, event);
        }
        Flow::GoOn
    }

    fn wake(&mut self, core: &mut Share<SchedulerDriver>, now: Tick) {
        if !self.backlog.has_room() {
            core.handle(now, Event::Unread);
        }
        core.handle_timeout(now);
    }

    async fn perform(&mut self, core: &mut Share<SchedulerDriver>, effect: Effect) {
        self.perform_one(effect, core.has_ended());
    }

    async fn settled(&mut self, core: &mut Share<SchedulerDriver>) -> Flow {
        self.waiting = !self.backlog.flush();
        if core.has_ended() {
            let now = Instant::now();
            let last = *self.last.get_or_insert(now + LAST_CALLS);
            let idle = self.session.as_ref().is_none_or(|session| session.calls.is_idle());
            if (idle && !self.waiting) || last <= now {
                return Flow::End;
            }
        }
        Flow::GoOn
    }
}

fn translate((subscription, event): (Subscription, Subscribed<scheduler::Event>)) -> Event {
    match event {
        Subscribed::Connected { stream_id } => Event::Connected { subscription, stream_id },
        Subscribed::Event(event) => Event::Heard { subscription, event: Box::new(event) },
        Subscribed::Ended(loss) => Event::Lost { subscription, loss },
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
