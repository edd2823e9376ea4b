//! The machine itself.

use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, time::Duration};

use tepui_core_kit::Attempts;
use tepui_model::{Reason, Tick};
use tepui_wire_mesos::v1::{CheckInfo, CheckStatusInfo, HealthCheck, check_info::Type};

use crate::{
    Effect, Outcome, Probe, ProbeId, Report, empty_status,
    probe::{of_check, of_health_check},
    schedule::{Now, Schedule, Times, seconds},
};

/// A check: its result is reported, nothing else.
#[derive(Debug, Serialize, Deserialize)]
struct Check {
    schedule: Schedule,
    probe: Probe,
    /// What the status is without a result.
    empty: CheckStatusInfo,
    status: CheckStatusInfo,
}

/// A health check: the task lives by it.
#[derive(Debug, Serialize, Deserialize)]
struct Health {
    schedule: Schedule,
    probe: Probe,
    /// Failures before the first success do not count until then; `None`: every failure counts.
    grace: Option<Tick>,
    /// It has not succeeded yet.
    initializing: bool,
    failures: u32,
    failures_max: u32,
    healthy: Option<bool>,
}

/// The checks of one task. See the crate's documentation.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Checks {
    check: Option<Check>,
    health: Option<Health>,
    probes: Attempts<ProbeId>,
    effects: VecDeque<Effect>,
}

impl Checks {
    /// The checks of a task that runs from `now` on. A description that is incomplete, which no master lets through,
    /// is as good as none.
    pub fn new(check: Option<&CheckInfo>, health_check: Option<&HealthCheck>, now: Tick) -> Self {
        let check = check.and_then(|info| {
            let times = Times::new(info.delay_seconds(), info.interval_seconds(), info.timeout_seconds());
            let empty = empty_status(info);
            let probe = of_check(info)?;
            Some(Check { schedule: Schedule::new(times, now), probe, empty, status: empty })
        });
        let health = health_check.and_then(|info| {
            let times = Times::new(info.delay_seconds(), info.interval_seconds(), info.timeout_seconds());
            let grace = seconds(info.grace_period_seconds());
            Some(Health {
                schedule: Schedule::new(times, now),
                probe: of_health_check(info)?,
                grace: Some(grace).filter(|grace| *grace > Duration::ZERO).map(|grace| now + grace),
                initializing: true,
                failures: 0,
                failures_max: info.consecutive_failures(),
                healthy: None,
            })
        });
        Self { check, health, ..Self::default() }
    }

    /// Nothing to check.
    pub const fn is_empty(&self) -> bool {
        self.check.is_none() && self.health.is_none()
    }

    /// What the task's next update is to say about its check.
    pub fn check_status(&self) -> Option<&CheckStatusInfo> {
        self.check.as_ref().map(|check| &check.status)
    }

    /// What the task's next update is to say about its health.
    pub fn healthy(&self) -> Option<bool> {
        self.health.as_ref().and_then(|health| health.healthy)
    }

    /// A probe has shown something.
    pub fn handle_result(&mut self, now: Tick, id: ProbeId, outcome: &Outcome) {
        if self.check.as_mut().is_some_and(|check| check.schedule.end(now, id)) {
            self.checked(outcome);
        } else if self.health.as_mut().is_some_and(|health| health.schedule.end(now, id)) {
            self.health_checked(now, outcome);
        }
    }

    /// Begins the probes that are due, and gives those up that take too long.
    pub fn handle_timeout(&mut self, now: Tick) {
        let Self { check, health, probes, effects } = self;
        let schedules = [
            check.as_mut().map(|check| (&mut check.schedule, &check.probe)),
            health.as_mut().map(|health| (&mut health.schedule, &health.probe)),
        ];
        let mut given_up = Vec::new();
        for (schedule, probe) in schedules.into_iter().flatten() {
            match schedule.look(now) {
                Now::Begin => {
                    let id = probes.begin();
                    schedule.begin(now, id);
                    effects.push_back(Effect::Probe { id, probe: probe.clone() });
                }
                Now::GiveUp(id) => {
                    effects.push_back(Effect::Cancel { id });
                    given_up.push(id);
                }
                Now::Nothing => {}
            }
        }
        for id in given_up {
            self.handle_result(now, id, &Outcome::Failed("timed out".to_owned()));
        }
    }

    /// When [`Checks::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        let check = self.check.as_ref().and_then(|check| check.schedule.poll_timeout());
        let health = self.health.as_ref().and_then(|health| health.schedule.poll_timeout());
        [check, health].into_iter().flatten().min()
    }

    /// The next thing to do, until `None`.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Nothing is probed, and nothing is concluded, until [`Checks::resume`].
    pub fn pause(&mut self, now: Tick) {
        let check = self.check.as_mut().and_then(|check| check.schedule.pause(now));
        let health = self.health.as_mut().and_then(|health| health.schedule.pause(now));
        self.effects.extend([check, health].into_iter().flatten().map(|id| Effect::Cancel { id }));
    }

    /// Goes on, at once where a probe would have been due.
    pub fn resume(&mut self, now: Tick) {
        if let Some(check) = &mut self.check {
            check.schedule.resume(now);
        }
        if let Some(health) = &mut self.health {
            health.schedule.resume(now);
        }
    }

    /// The task ends: what is under way is cancelled, and what was not taken of earlier effects is void.
    pub fn stop(&mut self, now: Tick) {
        self.effects.clear();
        self.pause(now);
    }

    fn checked(&mut self, outcome: &Outcome) {
        let Some(check) = &mut self.check else { return };
        let mut status = check.empty;
        match (check.empty.r#type(), outcome) {
            (_, Outcome::Lost) => return,
            (Type::Command, Outcome::Exited(raw)) if raw & 0x7f == 0 => {
                if let Some(command) = &mut status.command {
                    command.exit_code = Some((raw >> 8) & 0xff);
                }
            }
            (Type::Http, Outcome::Answered(code)) => {
                if let Some(http) = &mut status.http {
                    http.status_code = Some(u32::from(*code));
                }
            }
            (Type::Tcp, Outcome::Connected(succeeded)) => {
                if let Some(tcp) = &mut status.tcp {
                    tcp.succeeded = Some(*succeeded);
                }
            }
            _ => {}
        }
        if check.status != status {
            check.status = status;
            self.report(Reason::TaskCheckStatusUpdated);
        }
    }

    fn health_checked(&mut self, now: Tick, outcome: &Outcome) {
        let Some(health) = &mut self.health else { return };
        let passed = match outcome {
            Outcome::Lost => return,
            Outcome::Exited(raw) => *raw == 0,
            Outcome::Answered(code) => (200..400).contains(code),
            Outcome::Connected(succeeded) => *succeeded,
            Outcome::Failed(_) => false,
        };
        if passed {
            let news = health.initializing || health.failures > 0;
            health.initializing = false;
            health.failures = 0;
            health.healthy = Some(true);
            if news {
                self.report(Reason::TaskHealthCheckStatusUpdated);
            }
            return;
        }
        if health.initializing && health.grace.is_some_and(|grace| now <= grace) {
            return;
        }
        health.failures = health.failures.saturating_add(1);
        health.healthy = Some(false);
        let kill = health.failures >= health.failures_max;
        self.report(Reason::TaskHealthCheckStatusUpdated);
        if kill {
            self.effects.push_back(Effect::Kill);
        }
    }

    fn report(&mut self, reason: Reason) {
        let check_status = self.check_status().copied();
        let healthy = self.healthy();
        self.effects.push_back(Effect::Report(Report { reason, check_status, healthy }));
    }
}
