//! Waits for sockets, timers and the user; asks the core; performs what it decided. No decisions here.

mod http;
mod libprocess;

use std::{process, sync::Arc, time::Duration};

use tepui_core_driver::executor::{Callback, Config, Effect, Event};
use tepui_core_kit::Core as _;
use tepui_model::Tick;
use tepui_shell::Backlog;
use tepui_wire_mesos::ContentType;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use crate::{carrier::Carrier, driver::Shared, metrics::MetricsFile};
use http::Http;
use libprocess::Libprocess;

/// What was heard in a row before others get their turn.
const HEARD_AT_ONCE: usize = 64;
/// How long calls already given may take after the driver ended.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// The way to the agent.
enum Line {
    Http(Box<Http>),
    Libprocess(Libprocess),
}

struct Shell<'a> {
    shared: &'a Arc<Shared>,
    line: Line,
    backlog: Backlog<Callback>,
    metrics: Option<MetricsFile>,
    failed: bool,
}

/// Works until the driver has ended. Answers whether it ended by an error that the user has yet to hear of.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    carrier: Carrier,
    config: &Config,
    content: ContentType,
    callbacks: mpsc::Sender<Callback>,
    metrics: Option<MetricsFile>,
) -> bool {
    let line = match carrier {
        Carrier::Http(options) => Line::Http(Box::new(Http::new(*options, &config.agent, content))),
        Carrier::Libprocess(listener) => match Libprocess::new(listener, &config.transport) {
            Ok(line) => Line::Libprocess(line),
            Err(error) => {
                tracing::error!(%error, "cannot listen for the agent");
                shared.tell(Event::Abort);
                return false;
            }
        },
    };
    Shell { shared, line, backlog: Backlog::new(callbacks), metrics, failed: false }.work().await
}

impl Shell<'_> {
    async fn work(mut self) -> bool {
        let mut last = None;
        loop {
            let (finished, deadline) = self.perform();
            let mut deadline = deadline.map(|tick| self.shared.clock.instant(tick));
            if finished {
                let last = *last.get_or_insert_with(|| Instant::now() + LAST_CALLS);
                if (self.backlog.flush() && self.line.is_idle()) || last <= Instant::now() {
                    break;
                }
                deadline = Some(last);
            }
            if let Some(metrics) = &mut self.metrics {
                let due = metrics.keep(&self.shared.core());
                deadline = Some(deadline.map_or(due, |deadline| deadline.min(due)));
            }
            self.wait(deadline).await;
        }
        let _ = timeout(LAST_CALLS, self.line.finish()).await;
        self.failed
    }

    /// Drains the core's effects. Answers whether it is finished, and when it wants to be woken.
    fn perform(&mut self) -> (bool, Option<Tick>) {
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
        match (effect, &mut self.line) {
            (Effect::Subscribe { subscription, agent, call }, Line::Http(http)) => {
                http.subscribe(subscription, &agent, &call);
            }
            (Effect::Call { token, call }, Line::Http(http)) => http.call(token, &call),
            (Effect::Close { subscription }, Line::Http(http)) => http.close(subscription),
            (Effect::Link { to }, Line::Libprocess(libprocess)) => libprocess.link(&to),
            (Effect::Send { to, message }, Line::Libprocess(libprocess)) => libprocess.send(&to, *message),
            (Effect::Deliver(callback), _) => {
                self.failed |= matches!(callback, Callback::Error(_));
                self.backlog.push(callback);
            }
            (Effect::KillProcessGroup, _) => kill_process_group(),
            (Effect::Warn(text), _) => tracing::warn!("{text}"),
            (effect, _) => tracing::error!(?effect, "an effect of the other transport"),
        }
    }

    async fn wait(&mut self, deadline: Option<Instant>) {
        let waiting = !self.backlog.flush();
        // While the user is behind, the agent is held back; answers to calls are taken still.
        let room = self.backlog.has_room();
        tokio::select! {
            () = self.shared.wake.notified() => {}
            // The next round uses the room.
            () = self.backlog.room(), if waiting => {}
            event = self.line.next(room) => self.take(event),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                self.shared.core().handle_timeout(self.shared.clock.now());
            }
        }
    }

    /// Tells the core what was heard, and what else is here already.
    fn take(&mut self, first: Event) {
        let now = self.shared.clock.now();
        let mut core = self.shared.core();
        core.handle(now, first);
        for _ in 1..HEARD_AT_ONCE {
            let Some(event) = self.line.take() else { return };
            core.handle(now, event);
        }
    }
}

impl Line {
    async fn next(&mut self, room: bool) -> Event {
        match self {
            Self::Http(http) => http.next(room).await,
            Self::Libprocess(libprocess) => libprocess.next(room).await,
        }
    }

    /// What has arrived already.
    fn take(&mut self) -> Option<Event> {
        match self {
            Self::Http(http) => http.take(),
            Self::Libprocess(libprocess) => libprocess.take(),
        }
    }

    /// Whether nobody has to be waited for.
    fn is_idle(&self) -> bool {
        match self {
            Self::Http(http) => http.is_idle(),
            Self::Libprocess(_) => true,
        }
    }

    /// Lets out what was given.
    async fn finish(self) {
        if let Self::Libprocess(libprocess) = self {
            libprocess.finish().await;
        }
    }
}

/// As Mesos's library does. What cannot be killed ends by itself, at least this process.
fn kill_process_group() {
    tracing::warn!("the shutdown's grace is over: killing the process group");
    if let Err(error) = rustix::process::kill_current_process_group(rustix::process::Signal::KILL) {
        tracing::error!(%error, "cannot kill the process group");
        process::exit(1);
    }
}
