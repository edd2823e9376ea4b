//! What there is outside the master's core: where everything that happens comes from, and the way to the performer.

use std::collections::VecDeque;

use tepui_core_master::{Effect, Event, Master};
use tepui_model::{ConnectionId, Tick, Token};
use tepui_recorder::Recorded;
use tepui_shell::{Caller, Clock, Flow, Lanes, World};
use tepui_store::StoreError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::inputs::Input;

/// Something for the performer, in order.
#[derive(Debug)]
pub(crate) enum Work {
    /// Somebody waits for the answer to a call that the core has just been handed.
    Waiting(ConnectionId, Caller),
    /// Something to do. Boxed: some effects are many times as large as most.
    Effect(Box<Effect>),
}

/// A write of the registry is durable, or has failed.
type Report = Result<Token, StoreError>;

pub(crate) enum Happened {
    Input(Input),
    Durable(Report),
    Shutdown,
}

/// The world of the core's task. What the core wants done goes to the performer in batches.
pub(crate) struct Outside {
    lanes: Lanes<Input>,
    durable: mpsc::Receiver<Report>,
    /// Reports that came while the performer was busy: no more than writes that were under way.
    reports: VecDeque<Report>,
    work: mpsc::Sender<Vec<Work>>,
    batch: Vec<Work>,
    shutdown: CancellationToken,
    failure: Option<StoreError>,
}

impl Outside {
    pub(crate) fn new(
        lanes: Lanes<Input>,
        durable: mpsc::Receiver<Report>,
        work: mpsc::Sender<Vec<Work>>,
        shutdown: CancellationToken,
    ) -> Self {
        let (reports, batch) = (VecDeque::new(), Vec::new());
        Self { lanes, durable, reports, work, batch, shutdown, failure: None }
    }

    /// Runs the core until `shutdown`, or until it cannot go on: a master that cannot write must not lead.
    ///
    /// Gives back the channel of the disk's reports, whose end tells that the store is no longer used.
    pub(crate) async fn run(
        mut self,
        mut core: Recorded<Master>,
        clock: Clock,
    ) -> (Result<(), StoreError>, mpsc::Receiver<Report>) {
        tepui_shell::run(&mut self, &mut core, clock).await;
        (self.failure.map_or(Ok(()), Err), self.durable)
    }
}

impl World for Outside {
    type Heart = Recorded<Master>;
    type Input = Happened;

    async fn next(&mut self) -> Happened {
        if let Some(report) = self.reports.pop_front() {
            return Happened::Durable(report);
        }
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Happened::Shutdown,
            Some(report) = self.durable.recv() => Happened::Durable(report),
            input = self.lanes.next() => Happened::Input(input),
        }
    }

    fn next_now(&mut self) -> Option<Happened> {
        if let Some(report) = self.reports.pop_front().or_else(|| self.durable.try_recv().ok()) {
            return Some(Happened::Durable(report));
        }
        self.lanes.next_now().map(Happened::Input)
    }

    async fn enter(&mut self, core: &mut Recorded<Master>, now: Tick, happened: Happened) -> Flow {
        let event = match happened {
            Happened::Input(Input::Call { caller, from, event }) => {
                self.batch.push(Work::Waiting(from, caller));
                event
            }
            Happened::Input(Input::Gone(connection)) => Event::ConnectionClosed(connection),
            Happened::Input(Input::Question(question)) => {
                question.answer(core.core(), now);
                return Flow::GoOn;
            }
            Happened::Input(Input::Message(message)) => {
                Event::Message { from: message.from, message: message.message }
            }
            Happened::Input(Input::Exited(exited)) => Event::Exited(exited.pid),
            Happened::Durable(Ok(token)) => Event::Persisted(token),
            Happened::Durable(Err(failure)) => {
                self.failure = Some(failure);
                return Flow::End;
            }
            Happened::Shutdown => return Flow::End,
        };
        core.handle(now, event);
        Flow::GoOn
    }

    async fn perform(&mut self, _: &mut Recorded<Master>, effect: Effect) {
        self.batch.push(Work::Effect(Box::new(effect)));
    }

    /// Hands work to the performer. While that is busy (it may wait for the disk), reports of the disk are still
    /// taken, or both would wait for each other.
    async fn settled(&mut self, _: &mut Recorded<Master>) -> Flow {
        while !self.batch.is_empty() {
            tokio::select! {
                biased;
                permit = self.work.reserve() => {
                    let Ok(permit) = permit else {
                        self.failure = Some(StoreError::Closed);
                        return Flow::End;
                    };
                    permit.send(std::mem::take(&mut self.batch));
                }
                Some(report) = self.durable.recv() => self.reports.push_back(report),
            }
        }
        Flow::GoOn
    }
}
