//! A scheduler's call: the checks that all calls go through, in the order in which their failure shows, and
//! the way to the handler.

use tepui_model::{Caller, ConnectionId, FrameworkId, Outcome, Refusal, RefusalKind};
use tepui_wire_mesos::v1::scheduler::{Call, call::Type};

use crate::{
    Counter, Master,
    handlers::{accept, acknowledge, framework, kill, offers, reconcile, subscribe},
    validate,
};

/// Handles a call and answers it.
pub(crate) fn handle(master: &mut Master, caller: &Caller, call: Call) {
    let from = caller.connection;
    let kind = match validate::call::check(&call, caller.principal.as_deref()) {
        Ok(kind) => kind,
        Err(invalid) => {
            let text = format!("Failed to validate scheduler::Call: {invalid}");
            return master.reply(from, RefusalKind::Invalid.because(text));
        }
    };
    if kind == Type::Subscribe {
        if caller.stream_id.is_some() {
            let text = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
            return master.reply(from, RefusalKind::Invalid.because(text));
        }
        if let Some(subscribe) = call.subscribe {
            subscribe::subscribe(master, from, *subscribe);
        }
        return;
    }
    let id = match admit(master, caller, &call) {
        Ok(id) => id,
        Err(refusal) => return master.reply(from, refusal),
    };
    dispatch(master, from, &id, kind, call);
}

/// Which framework a call is from, if it may make one now.
fn admit(master: &Master, caller: &Caller, call: &Call) -> Result<FrameworkId, Refusal> {
    let id = call.framework_id.as_ref().map_or("", |id| id.value.as_str());
    // One whose end is being written is as good as gone.
    let Some(framework) = master.books.frameworks().get(id).filter(|_| !master.registrar.is_ending(id))
    else {
        return Err(RefusalKind::Invalid.because("Framework cannot be found"));
    };
    if let Some(principal) = caller.principal.as_deref()
        && framework.info.principal.as_deref() != Some(principal)
    {
        let text = format!(
            "Authenticated principal '{principal}' does not match principal '{}' set in `FrameworkInfo`",
            framework.info.principal.as_deref().unwrap_or_default(),
        );
        return Err(RefusalKind::Invalid.because(text));
    }
    if !framework.is_connected() {
        return Err(RefusalKind::Forbidden.because("Framework is not subscribed"));
    }
    let Some(stream_id) = caller.stream_id.as_deref() else {
        return Err(RefusalKind::Invalid
            .because("All non-subscribe calls should include the 'Mesos-Stream-Id' header"));
    };
    if framework.stream_id.is_none_or(|own| own.as_hyphenated().to_string() != stream_id) {
        let text = format!(
            "The stream ID '{stream_id}' included in this request didn't match the stream ID currently associated \
             with framework ID {id}"
        );
        return Err(RefusalKind::Invalid.because(text));
    }
    Ok(framework.id.clone())
}

fn dispatch(master: &mut Master, from: ConnectionId, id: &FrameworkId, kind: Type, call: Call) {
    // Calls that answer themselves, later or with something other than 202.
    match kind {
        Type::Teardown => {
            master.counters.add(Counter::MessagesUnregisterFramework);
            return framework::teardown(master, id, Some((from, Outcome::Accepted)));
        }
        Type::UpdateFramework => {
            if let Some(update) = call.update_framework {
                subscribe::update_framework(master, from, id, *update);
            }
            return;
        }
        _ => {}
    }
    master.reply(from, Outcome::Accepted);
    match kind {
        Type::Accept => {
            if let Some(accept) = call.accept {
                accept::accept(master, id, accept);
            }
        }
        Type::Decline => {
            if let Some(decline) = call.decline {
                offers::decline(master, id, &decline);
            }
        }
        Type::Revive => offers::revive(master, id, call.revive.map_or_else(Vec::new, |revive| revive.roles)),
        Type::Suppress => {
            offers::suppress(master, id, call.suppress.map_or_else(Vec::new, |suppress| suppress.roles))
        }
        Type::Kill => {
            if let Some(kill) = call.kill {
                kill::kill(master, id, kill);
            }
        }
        Type::Shutdown => {
            if let Some(shutdown) = &call.shutdown {
                kill::shutdown_executor(master, id, shutdown);
            }
        }
        Type::Acknowledge => {
            if let Some(acknowledge) = call.acknowledge {
                acknowledge::acknowledge(master, id, acknowledge);
            }
        }
        Type::Message => {
            if let Some(message) = call.message {
                kill::message(master, id, message);
            }
        }
        Type::Reconcile => {
            if let Some(reconcile) = &call.reconcile {
                reconcile::reconcile(master, id, reconcile);
            }
        }
        Type::ReconcileOperations => {
            master.counters.add(Counter::MessagesReconcileOperations);
            if let Some(reconcile) = &call.reconcile_operations {
                reconcile::operations(master, id, reconcile);
            }
        }
        // Mesos's allocator ignores requests as well.
        Type::Request => master.counters.add(Counter::MessagesResourceRequest),
        // There are no inverse offers yet, so none of them is known; nor are there operations.
        Type::AcceptInverseOffers | Type::DeclineInverseOffers => {}
        Type::AcknowledgeOperationStatus => {
            master.counters.add(Counter::MessagesOperationStatusUpdateAcknowledgement);
            master.counters.add(Counter::InvalidOperationStatusUpdateAcknowledgements);
        }
        Type::Unknown | Type::Subscribe | Type::Teardown | Type::UpdateFramework => {}
    }
}
