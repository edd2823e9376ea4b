//! What the master says on the stream.

use tepui_model::{Fate, Fault, TaskState, Tick};
use tepui_wire_mesos::v1::{
    TaskStatus,
    scheduler::{self as wire, call, event},
};

use super::{CallError, Callback, Effect, SchedulerDriver, State, calls};
use crate::{CallToken, DriverStatus, Subscription};

impl SchedulerDriver {
    pub(super) fn heard(&mut self, now: Tick, subscription: Subscription, event: wire::Event) {
        if !self.is_current(subscription) || self.status != DriverStatus::Running {
            return;
        }
        self.alive(now);
        // A type that this driver does not know is a newer master's; Mesos wants it ignored.
        let Some(kind) = event.r#type.and_then(|kind| event::Type::try_from(kind).ok()) else { return };
        if kind == event::Type::Heartbeat || kind == event::Type::Unknown {
            return;
        }
        let delivered = match kind {
            event::Type::Subscribed => event.subscribed.map(|subscribed| self.subscribed(now, *subscribed)),
            event::Type::Error => event.error.map(|error| self.fail(error.message)),
            _ if !self.is_subscribed() => {
                self.warn(format!("{} before SUBSCRIBED: ignored", kind.as_str_name()));
                Some(())
            }
            _ => self.translate(kind, event).map(|event| self.deliver(event)),
        };
        if delivered.is_none() {
            self.warn(format!("an event {} without its body: ignored", kind.as_str_name()));
        }
    }

    fn subscribed(&mut self, now: Tick, subscribed: event::Subscribed) {
        let State::Subscribing { subscription, stream_id, .. } = &self.state else {
            self.warn("SUBSCRIBED on a stream that is subscribed already: ignored");
            return;
        };
        let (subscription, stream_id) = (*subscription, stream_id.clone());
        let patience = self.patience(subscribed.heartbeat_interval_seconds);
        self.state = State::Subscribed { subscription, stream_id, patience, deadline: now + patience };
        self.waits.reset();
        self.redirects = 0;
        let again = std::mem::replace(&mut self.ever_subscribed, true);
        self.config.framework.id = Some(subscribed.framework_id.clone());
        self.deliver(Callback::Subscribed {
            framework_id: subscribed.framework_id,
            master_info: subscribed.master_info,
            again,
        });
        if again && !self.live.is_empty() {
            let tasks = self.live.iter().map(|(task, agent)| (task.as_str(), agent.clone()));
            let reconcile = calls::reconcile(tasks);
            // Cannot be refused: the subscription has just begun. If calls of the old one fill the queue, the
            // user hears of the new subscription and can ask himself.
            if let Err(refused) = self.call(reconcile) {
                self.warn(format!("could not reconcile: {refused}"));
            }
        }
    }

    fn translate(&mut self, kind: event::Type, event: wire::Event) -> Option<Callback> {
        Some(match kind {
            event::Type::Offers => Callback::Offers(event.offers?.offers),
            event::Type::InverseOffers => Callback::InverseOffers(event.inverse_offers?.inverse_offers),
            event::Type::Rescind => Callback::Rescind(event.rescind?.offer_id),
            event::Type::RescindInverseOffer => {
                Callback::RescindInverseOffer(event.rescind_inverse_offer?.inverse_offer_id)
            }
            event::Type::Update => {
                let status = event.update?.status;
                self.note(&status);
                Callback::Update(status)
            }
            event::Type::UpdateOperationStatus => {
                Callback::UpdateOperationStatus(event.update_operation_status?.status)
            }
            event::Type::Message => {
                let event::Message { agent_id, executor_id, data } = event.message?;
                Callback::Message { agent_id, executor_id, data }
            }
            event::Type::Failure => {
                let event::Failure { agent_id, executor_id, status } = event.failure?;
                Callback::Failure { agent_id, executor_id, status }
            }
            event::Type::Unknown | event::Type::Heartbeat | event::Type::Subscribed | event::Type::Error => {
                return None;
            }
        })
    }

    /// Keeps the list of live tasks that a resubscription asks about.
    fn note(&mut self, status: &TaskStatus) {
        if !self.config.reconcile {
            return;
        }
        let task = &status.task_id.value;
        if TaskState::from_number(status.state).is_some_and(TaskState::is_terminal) {
            self.live.remove(task);
        } else {
            let agent = self.live.entry(task.clone()).or_default();
            if status.agent_id.is_some() {
                agent.clone_from(&status.agent_id);
            }
        }
    }

    pub(super) fn answered(&mut self, now: Tick, token: CallToken, fate: Fate) {
        let Some(kind) = self.waiting_calls.remove(&token) else { return };
        if let State::TearingDown { token: teardown, .. } = self.state {
            if token == teardown {
                self.close();
            }
            return;
        }
        if self.status != DriverStatus::Running {
            return;
        }
        let (error, stale) = match fate {
            Fate::Taken => return,
            Fate::Refused { fault, reply } => (CallError::Answered(reply), fault == Fault::Subscription),
            Fate::Unanswered(reason) => (CallError::Unanswered(reason), false),
        };
        let reason = error.to_string();
        if kind == call::Type::Acknowledge {
            // Its update comes again.
            self.warn(format!("an ACKNOWLEDGE failed: {reason}"));
        } else {
            self.deliver(Callback::CallFailed { token, call: kind, error });
        }
        if stale && let State::Subscribed { subscription, .. } = self.state {
            self.effects.push_back(Effect::Close { subscription });
            self.lost(now, &reason);
        }
    }
}
