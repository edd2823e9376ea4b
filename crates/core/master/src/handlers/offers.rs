//! DECLINE, REVIVE and SUPPRESS, and the ends of offers that no scheduler asked for.

use std::time::Duration;

use tepui_model::{AgentId, FrameworkId, OfferId, Role};
use tepui_wire_mesos::v1::{
    self, Filters,
    scheduler::{Event, call, event},
};

use crate::{
    Counter, Master,
    allocation::{self, Refusal},
    books::Offer,
    schedulers::{send_event, typed},
};

/// For how long a declined offer is not made again, if the scheduler does not say.
const DEFAULT_REFUSAL: Duration = Duration::from_secs(5);
/// The longest that a scheduler may say: a year.
const MAX_REFUSAL: Duration = Duration::from_hours(8760);

/// For how long the resources that `filters` is about are not to be offered again.
pub(crate) fn refusal(filters: Option<&Filters>) -> Duration {
    let Some(seconds) = filters.and_then(|filters| filters.refuse_seconds) else { return DEFAULT_REFUSAL };
    if seconds.is_nan() || seconds < 0.0 {
        return DEFAULT_REFUSAL;
    }
    Duration::try_from_secs_f64(seconds).map_or(MAX_REFUSAL, |time| time.min(MAX_REFUSAL))
}

/// DECLINE. Offers that are not there any more are no error: they were used, rescinded or declined before.
pub(crate) fn decline(master: &mut Master, id: &FrameworkId, decline: &call::Decline) {
    master.counters.add(Counter::MessagesDeclineOffers);
    let refusal = Refusal::Declined(refusal(decline.filters.as_ref()));
    for offer_id in &decline.offer_ids {
        if let Some(offer) = take(master, id, &offer_id.value) {
            allocation::recover(master, &offer.framework_id, &offer.agent_id, &offer.resources, refusal);
        }
    }
}

/// Takes an offer out, if it is this framework's.
pub(crate) fn take(master: &mut Master, id: &FrameworkId, offer_id: &str) -> Option<Offer> {
    if master.books.offers().get(offer_id)?.framework_id != *id {
        return None;
    }
    allocation::remove(master, offer_id)
}

/// REVIVE: forget what was refused, for all roles or for these.
pub(crate) fn revive(master: &mut Master, id: &FrameworkId, roles: Vec<String>) {
    master.counters.add(Counter::MessagesReviveOffers);
    let Some(roles) = own_roles(master, id, roles) else { return };
    master.books.revive(id, &roles);
    allocation::revive(master, id, &roles);
}

/// SUPPRESS: no offers for all roles or for these.
pub(crate) fn suppress(master: &mut Master, id: &FrameworkId, roles: Vec<String>) {
    master.counters.add(Counter::MessagesSuppressOffers);
    let Some(roles) = own_roles(master, id, roles) else { return };
    master.books.suppress(id, &roles);
    allocation::suppress(master, id, &roles);
}

/// The roles that a call is about: all of the framework's if it names none. A call that names a role which is
/// not the framework's is dropped.
fn own_roles(master: &mut Master, id: &FrameworkId, roles: Vec<String>) -> Option<Vec<Role>> {
    let framework = master.books.frameworks().get(id)?;
    if roles.is_empty() {
        return Some(framework.roles.iter().cloned().collect());
    }
    if let Some(foreign) = roles.iter().find(|role| !framework.roles.contains(role.as_str())) {
        let text = format!("Dropping a call of framework {id}: it does not have role '{foreign}'");
        master.warn(text);
        return None;
    }
    Some(roles.into_iter().map(Role::from).collect())
}

/// Takes back an offer and gives its resources back; with `rescind`, tells the scheduler.
pub(crate) fn discard(master: &mut Master, offer_id: &OfferId, rescind: bool) {
    let Some(offer) = allocation::remove(master, offer_id.as_str()) else { return };
    allocation::recover(master, &offer.framework_id, &offer.agent_id, &offer.resources, Refusal::None);
    if rescind {
        tell(master, &offer);
    }
}

fn tell(master: &mut Master, offer: &Offer) {
    let rescind = event::Rescind { offer_id: v1::OfferId { value: offer.id.as_str().to_owned() } };
    let event = Event { rescind: Some(rescind), ..typed(event::Type::Rescind) };
    send_event(master, &offer.framework_id, event);
}

/// Takes back all offers of a framework.
pub(crate) fn discard_all_of_framework(master: &mut Master, id: &FrameworkId, rescind: bool) {
    for offer in master.books.offers_for(id) {
        discard(master, &offer, rescind);
    }
}

/// Takes back all offers of an agent.
pub(crate) fn rescind_all_of_agent(master: &mut Master, id: &AgentId) {
    for offer in master.books.offers_on(id) {
        discard(master, &offer, true);
    }
}

/// Takes back the offers that a framework has for roles that it gave up.
pub(crate) fn rescind_of_foreign_roles(master: &mut Master, id: &FrameworkId) {
    let Some(framework) = master.books.frameworks().get(id) else { return };
    let foreign: Vec<OfferId> = framework
        .offers
        .iter()
        .filter(|offer| {
            master.books.offers().get(*offer).is_some_and(|offer| !framework.roles.contains(&offer.role))
        })
        .cloned()
        .collect();
    for offer in foreign {
        discard(master, &offer, true);
    }
}

/// A scheduler sat on an offer for too long.
pub(crate) fn timeout(master: &mut Master, offer: &OfferId) {
    discard(master, offer, true);
}
