//! Waits for sockets, timers and the user; asks the core; performs what it decided. No decisions here.

mod http;
mod libprocess;

use std::{process, sync::Arc, time::Duration};

use tepui_core_driver::executor::{Callback, Config, Effect, Event, ExecutorDriver};
use tepui_core_kit::Core as _;
use tepui_model::Tick;
use tepui_shell::{Backlog, Common, Flow, Heart as _, Share, World};
use tepui_wire_mesos::ContentType;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use crate::{carrier::Carrier, metrics::MetricsFile};
use http::Http;
use libprocess::Libprocess;

/// How long calls already given may take after the driver ended.
const LAST_CALLS: Duration = Duration::from_secs(2);

/// The way to the agent.
enum Line {
    Http(Box<Http>),
    Libprocess(Libprocess),
}

struct Shell {
    common: Arc<Common<ExecutorDriver>>,
    line: Line,
    backlog: Backlog<Callback>,
    /// Something waits for room in the user's queue.
    waiting: bool,
    metrics: Option<MetricsFile>,
    /// When to look again, whatever the core wants.
    due: Option<Instant>,
    /// When to wait no longer for the calls of a driver that has ended.
    last: Option<Instant>,
    failed: bool,
}

/// Something that happened.
enum Happened {
    /// What there is to be done is to be looked at again.
    Again,
    Heard(Event),
}

/// Works until the driver has ended. Answers whether it ended by an error that the user has yet to hear of.
pub(crate) async fn run(
    common: &Arc<Common<ExecutorDriver>>,
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
                common.tell(|core, now| core.handle(now, Event::Abort));
                return false;
            }
        },
    };
    let mut shell = Shell {
        common: common.clone(),
        line,
        backlog: Backlog::new(callbacks),
        waiting: false,
        metrics,
        due: None,
        last: None,
        failed: false,
    };
    let mut core = Share::new(common.clone(), ExecutorDriver::is_finished);
    tepui_shell::run(&mut shell, &mut core, common.clock()).await;
    let _ = timeout(LAST_CALLS, shell.line.finish()).await;
    shell.failed
}

impl Shell {
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
}

impl World for Shell {
    type Heart = Share<ExecutorDriver>;
    type Input = Happened;
    const BATCH: usize = 64;

    async fn next(&mut self) -> Happened {
        // While the user is behind, the agent is held back; answers to calls are taken still.
        let room = self.backlog.has_room();
        tokio::select! {
            () = self.common.told() => Happened::Again,
            () = self.backlog.room(), if self.waiting => Happened::Again,
            event = self.line.next(room) => Happened::Heard(event),
            () = sleep_until(self.due.unwrap_or_else(Instant::now)), if self.due.is_some() => Happened::Again,
        }
    }

    fn next_now(&mut self) -> Option<Happened> {
        self.line.take(self.backlog.has_room()).map(Happened::Heard)
    }

    async fn enter(&mut self, core: &mut Share<ExecutorDriver>, now: Tick, happened: Happened) -> Flow {
        if let Happened::Heard(event) = happened {
            core.handle(now, event);
        }
        Flow::GoOn
    }

    async fn perform(&mut self, _: &mut Share<ExecutorDriver>, effect: Effect) {
        self.perform_one(effect);
    }

    async fn settled(&mut self, core: &mut Share<ExecutorDriver>) -> Flow {
        self.waiting = !self.backlog.flush();
        self.due = self.metrics.as_mut().map(|metrics| metrics.keep(&self.common.core()));
        if core.has_ended() {
            let now = Instant::now();
            let last = *self.last.get_or_insert(now + LAST_CALLS);
            if (!self.waiting && self.line.is_idle()) || last <= now {
                return Flow::End;
            }
            self.due = Some(self.due.map_or(last, |due| due.min(last)));
        }
        Flow::GoOn
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
    fn take(&mut self, room: bool) -> Option<Event> {
        match self {
            Self::Http(http) => http.take(room),
            Self::Libprocess(libprocess) => libprocess.take(room),
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
