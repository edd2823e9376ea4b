//! The task that owns the core: takes what happened, hands it over, and passes on what is to be done.

use tepui_core_kit::Core as _;
use tepui_core_master::{Effect, Event, Master};
use tepui_libprocess::{Exited, IncomingMessage};
use tepui_model::{ConnectionId, Token};
use tepui_shell::Clock;
use tepui_store::StoreError;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::inputs::{Input, Waiter};

/// Something for the performer, in order.
#[derive(Debug)]
pub(crate) enum Work {
    /// Somebody waits for the answer to a call that the core has just been handed.
    Waiting(ConnectionId, Waiter),
    /// Something to do. Boxed: some effects are many times as large as most.
    Effect(Box<Effect>),
}

/// Events handled before what they led to is passed on.
const BATCH_MAX: usize = 256;

/// Where everything that happens comes from.
pub(crate) struct Sources {
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) messages: mpsc::Receiver<IncomingMessage>,
    pub(crate) exited: mpsc::Receiver<Exited>,
    pub(crate) durable: mpsc::Receiver<Result<Token, StoreError>>,
    /// Whose turn it is: agents and schedulers take turns, so that a flood from either side does not shut
    /// out the other.
    pub(crate) inputs_next: bool,
}

enum Happened {
    Input(Input),
    Message(IncomingMessage),
    Exited(Exited),
    Durable(Result<Token, StoreError>),
    Timeout,
    Shutdown,
}

impl Sources {
    async fn next(&mut self, due: Option<Instant>, shutdown: &CancellationToken) -> Happened {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Happened::Shutdown,
            Some(report) = self.durable.recv() => Happened::Durable(report),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Happened::Timeout,
            // Before messages: an agent that comes back has gone first.
            Some(exited) = self.exited.recv() => Happened::Exited(exited),
            Some(message) = self.messages.recv() => Happened::Message(message),
            Some(input) = self.inputs.recv() => Happened::Input(input),
        }
    }

    /// What has happened already.
    fn next_now(&mut self) -> Option<Happened> {
        if let Ok(report) = self.durable.try_recv() {
            return Some(Happened::Durable(report));
        }
        if let Ok(exited) = self.exited.try_recv() {
            return Some(Happened::Exited(exited));
        }
        self.inputs_next = !self.inputs_next;
        if self.inputs_next
            && let Ok(input) = self.inputs.try_recv()
        {
            return Some(Happened::Input(input));
        }
        if let Ok(message) = self.messages.try_recv() {
            return Some(Happened::Message(message));
        }
        self.inputs.try_recv().ok().map(Happened::Input)
    }
}

/// Runs the core until `shutdown`, or until it cannot go on: a master that cannot write must not lead.
///
/// Gives back the channel of the disk's reports, whose end tells that the store is no longer used.
pub(crate) async fn run(
    core: Master,
    clock: Clock,
    mut sources: Sources,
    work: mpsc::Sender<Vec<Work>>,
    shutdown: CancellationToken,
) -> (Result<(), StoreError>, mpsc::Receiver<Result<Token, StoreError>>) {
    let result = turn(core, clock, &mut sources, work, shutdown).await;
    (result, sources.durable)
}

async fn turn(
    mut core: Master,
    clock: Clock,
    sources: &mut Sources,
    work: mpsc::Sender<Vec<Work>>,
    shutdown: CancellationToken,
) -> Result<(), StoreError> {
    let mut batch = Vec::new();
    drain(&mut core, &mut batch);
    loop {
        if !batch.is_empty() {
            pass_on(&mut core, &clock, sources, &work, std::mem::take(&mut batch)).await?;
            drain(&mut core, &mut batch);
            if !batch.is_empty() {
                continue;
            }
        }
        let due = core.poll_timeout().map(|tick| clock.instant(tick));
        let mut happened = Some(sources.next(due, &shutdown).await);
        let mut count = 0;
        while let Some(event) = happened {
            if matches!(event, Happened::Shutdown) {
                return Ok(());
            }
            handle(&mut core, &clock, event, &mut batch)?;
            count += 1;
            happened = if count < BATCH_MAX { sources.next_now() } else { None };
        }
        // Once for all of them: what became free is offered together.
        drain(&mut core, &mut batch);
    }
}

fn handle(
    core: &mut Master,
    clock: &Clock,
    event: Happened,
    batch: &mut Vec<Work>,
) -> Result<(), StoreError> {
    let now = clock.now();
    match event {
        Happened::Input(Input::Call { waiter, from, event }) => {
            batch.push(Work::Waiting(from, waiter));
            core.handle(now, event);
        }
        Happened::Input(Input::Closed(connection)) => core.handle(now, Event::ConnectionClosed(connection)),
        // Whoever asked may have gone meanwhile.
        Happened::Input(Input::Snapshot(answer)) => drop(answer.send(core.snapshot())),
        Happened::Input(Input::Explain { what, answer }) => drop(answer.send(core.explain(&what))),
        Happened::Message(message) => {
            core.handle(now, Event::Message { from: message.from, message: message.message });
        }
        Happened::Exited(exited) => core.handle(now, Event::Exited(exited.pid)),
        Happened::Durable(token) => core.handle(now, Event::Persisted(token?)),
        Happened::Timeout => core.handle_timeout(now),
        Happened::Shutdown => {}
    }
    Ok(())
}

fn drain(core: &mut Master, batch: &mut Vec<Work>) {
    while let Some(effect) = core.poll_effect() {
        batch.push(Work::Effect(Box::new(effect)));
    }
}

/// Hands work to the performer. While that is busy (it may wait for the disk), reports of the disk are still
/// taken, or both would wait for each other.
async fn pass_on(
    core: &mut Master,
    clock: &Clock,
    sources: &mut Sources,
    work: &mpsc::Sender<Vec<Work>>,
    batch: Vec<Work>,
) -> Result<(), StoreError> {
    loop {
        tokio::select! {
            biased;
            permit = work.reserve() => {
                let Ok(permit) = permit else { return Err(StoreError::Closed) };
                permit.send(batch);
                return Ok(());
            }
            Some(report) = sources.durable.recv() => core.handle(clock.now(), Event::Persisted(report?)),
        }
    }
}
