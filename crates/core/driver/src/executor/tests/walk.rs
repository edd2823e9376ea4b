//! Inputs in any order: nothing panics, and what must always hold does.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const STEPS: usize = 400;
const WALKS: u64 = 300;

/// What holds, whatever came before.
#[derive(Default)]
struct Observer {
    /// Tasks that were handed to the user and of which no terminal update was acknowledged.
    tasks: BTreeSet<String>,
    /// Updates that were given and are neither acknowledged nor refused, by their number.
    given: BTreeMap<Bytes, TaskStatus>,
    /// Calls with an update that nobody has answered since the last SUBSCRIBE, and their tasks.
    under_way: BTreeMap<u64, TaskStatus>,
    acknowledged: u64,
    ended: bool,
    shutdowns: usize,
}

impl Observer {
    fn observe(&mut self, bench: &mut Bench) {
        let status = bench.driver.status();
        while let Some(effect) = bench.driver.poll_effect() {
            match effect {
                Effect::Deliver(callback) => self.delivered(callback, status),
                Effect::KillProcessGroup => {
                    assert_eq!(status, DriverStatus::Running, "who has stopped is not killed");
                    assert!(self.shutdowns > 0, "nobody is killed who was not told before");
                }
                Effect::Call { token, call } => {
                    if let Some(call::Update { status: update }) = call.update {
                        let task = |status: &TaskStatus| status.task_id.clone();
                        let busy = self.under_way.values().any(|other| task(other) == task(&update));
                        // After a stop nobody is told of acknowledgements, so nobody knows.
                        let unknown = status != DriverStatus::Running;
                        assert!(unknown || !busy, "one update of a task at a time");
                        self.under_way.insert(token.0, update.clone());
                        self.sent([update]);
                    }
                }
                Effect::Subscribe { call, .. } => {
                    self.under_way.clear();
                    let updates = call.subscribe.unwrap().unacknowledged_updates;
                    self.sent(updates.into_iter().map(|update| update.status));
                }
                Effect::Send { message, .. } => match *message {
                    Message::StatusUpdate(message) => self.sent([message.update.status]),
                    Message::ReregisterExecutor(message) => {
                        self.sent(message.updates.into_iter().map(|update| update.status));
                    }
                    _ => {}
                },
                Effect::Close { .. } | Effect::Link { .. } | Effect::Warn(_) => {}
            }
        }
        assert!(
            bench.driver.poll_timeout().is_none_or(|_| !bench.driver.is_finished()),
            "the end is the end"
        );
    }

    fn sent(&mut self, statuses: impl IntoIterator<Item = TaskStatus>) {
        for status in statuses {
            let uuid = status.uuid.clone().unwrap();
            let earlier = self.given.insert(uuid, status.clone());
            assert!(earlier.is_none_or(|earlier| earlier == status), "one uuid, one update");
        }
    }

    fn delivered(&mut self, callback: Callback, status: DriverStatus) {
        if let Callback::Error(_) = callback {
            assert!(!std::mem::replace(&mut self.ended, true), "one error");
            assert_eq!(status, DriverStatus::Aborted, "aborted first");
            return;
        }
        assert_eq!(status, DriverStatus::Running);
        match callback {
            Callback::LaunchTask(task) => {
                assert_eq!(self.shutdowns, 0);
                assert!(self.tasks.insert(task.task_id.value), "one task for each id");
            }
            Callback::LaunchTaskGroup(group) => {
                assert!(!group.tasks.is_empty());
                for task in group.tasks {
                    assert!(self.tasks.insert(task.task_id.value), "one task for each id");
                }
            }
            Callback::UpdateAcknowledged { uuid, .. } => {
                let status = self.given.remove(&uuid).expect("it was sent");
                self.under_way.retain(|_, status| status.uuid.as_ref() != Some(&uuid));
                self.acknowledged += 1;
                if status.state() == TaskState::TaskFinished {
                    self.tasks.remove(&status.task_id.value);
                }
            }
            Callback::UpdateRefused { status, .. } => {
                self.given.remove(&status.uuid.unwrap_or_default());
            }
            Callback::Shutdown => {
                self.shutdowns += 1;
                assert_eq!(self.shutdowns, 1, "told once");
            }
            _ => {}
        }
    }
}

fn step(bench: &mut Bench, chance: &mut Chance, observer: &mut Observer, v0: bool) {
    let mut below = |count: u64| chance.below(count);
    let task = ["a", "b", "c", "d"][below(4) as usize];
    let states = [TaskState::TaskRunning, TaskState::TaskFinished, TaskState::TaskStaging];
    let state = states[below(3) as usize];
    let uuid = match below(4) {
        0 => Bytes::from_static(b"short"),
        1 => Bytes::from_static(&[7; 16]),
        _ => observer.given.keys().nth(below(8) as usize).cloned().unwrap_or_default(),
    };
    let owner = observer.given.get(&uuid).map_or_else(|| id(task), |status| status.task_id.clone());
    // Mostly the current subscription, sometimes another; the core counts them from 1 up.
    let subscription = (bench.driver.subscriptions.upcoming().0 - 1).saturating_sub(below(8) / 7);
    match (below(24), v0) {
        (0..=3, _) => drop(bench.send(task, state)),
        (4, _) => drop(bench.ask(Event::Message(Bytes::new()))),
        (5, _) if below(20) == 0 => drop(bench.ask(Event::Stop)),
        (5, _) if below(20) == 0 => drop(bench.ask(Event::Abort)),
        (6..=9, _) => bench.pass(Duration::from_millis(1 << below(19))),
        (10..=12, false) => bench.event(subscription, launch(task)),
        (10..=12, true) => bench.hear(libprocess::run_task(task)),
        (13..=15, false) => {
            let acknowledged = Some(event::Acknowledged { task_id: owner, uuid });
            bench.event(subscription, wire::Event { acknowledged, ..of(event::Type::Acknowledged) });
        }
        (13..=15, true) => bench.hear(libprocess::acknowledgement(&owner.value, uuid)),
        (16, false) => bench.event(subscription, launch_group(&[task, "x"][..below(3) as usize])),
        (16, true) => bench.hear(libprocess::reconnect()),
        (17, false) => bench.lose(subscription),
        (17, true) => bench.exit(),
        (18 | 19, false) => bench.connect(subscription),
        (18, true) => bench.hear(libprocess::registered()),
        (19, true) => bench.hear(libprocess::reregistered()),
        (20, false) => bench.refuse(
            subscription,
            [Prospect::Later, Prospect::Later, Prospect::Never][(below(40) / 19) as usize].clone(),
        ),
        (20, true) => bench.hear(libprocess::to_executor()),
        (21, false) => {
            let answers = [Fate::Taken, refused(Fault::Peer), unanswered()];
            let token = (bench.driver.calls.upcoming().0 - 1).saturating_sub(below(3));
            observer.under_way.remove(&token);
            bench.reply(token, answers[below(3) as usize].clone());
        }
        (22, false) if below(30) == 0 => bench.event(subscription, of(event::Type::Shutdown)),
        (22, true) if below(30) == 0 => bench.hear(libprocess::shutdown()),
        (23, false) if below(60) == 0 => bench.event(subscription, error("bad")),
        (_, false) => bench.event(subscription, kill(task)),
        (_, true) => bench.hear(libprocess::kill_task(task)),
    }
}

#[test]
fn whatever_comes_in_whatever_order() {
    let mut acknowledged = 0;
    for seed in 0..WALKS {
        let (v0, checkpoint) = (seed % 2 == 0, seed % 3 != 0);
        let config = if v0 { libprocess::v0(checkpoint) } else { config(checkpoint) };
        let mut bench = Bench::new(config);
        let (mut chance, mut observer) = (Chance::new(Seed::from(seed)), Observer::default());
        bench.ask(Event::Start);
        for _ in 0..STEPS {
            step(&mut bench, &mut chance, &mut observer, v0);
            observer.observe(&mut bench);
            // Nothing is lost and nothing kept twice: what waits was given and not acknowledged.
            if bench.driver.status() == DriverStatus::Running {
                let counters = bench.driver.counters();
                assert_eq!(counters.acknowledgements, observer.acknowledged, "seed {seed}");
                assert!(observer.given.len() <= bench.driver.updates_waiting(), "seed {seed}");
            }
        }
        acknowledged += observer.acknowledged;
    }
    assert!(acknowledged > WALKS, "a walk that leads nowhere proves nothing: {acknowledged}");
}
