//! `tepui drain | deactivate | reactivate`: agents are taken out of use, and into use again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    api::{Api, Unanswered},
    cli::{Drain, OnAgent},
    exit::Failure,
    operate::only,
    query::{items, text},
};

/// How often the master is asked how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// A master that does not answer for so long is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// `tepui drain`.
pub(crate) async fn drain(drain: &Drain) -> Result<(), Failure> {
    let api = Api::new(&drain.on.target.master);
    let id = find_agent(&api, &drain.on.agent).await?;
    let mut of = json!({ "agent_id": { "value": id }, "mark_gone": drain.mark_gone });
    if let (Some(grace), Some(fields)) = (drain.max_grace_period, of.as_object_mut()) {
        let grace = json!({ "seconds": grace.0.as_secs(), "nanos": grace.0.subsec_nanos() });
        fields.insert("max_grace_period".to_owned(), grace);
    }
    api.order(&json!({ "type": "DRAIN_AGENT", "drain_agent": of })).await?;
    if drain.wait { wait(&api, &id, drain.mark_gone).await } else { Ok(()) }
}

/// `tepui deactivate`.
pub(crate) async fn deactivate(on: &OnAgent) -> Result<(), Failure> {
    let api = Api::new(&on.target.master);
    let id = find_agent(&api, &on.agent).await?;
    Ok(api.order(&deactivation(&id)).await?)
}

/// `tepui reactivate`.
pub(crate) async fn reactivate(on: &OnAgent) -> Result<(), Failure> {
    let api = Api::new(&on.target.master);
    let id = find_agent(&api, &on.agent).await?;
    let of = json!({ "agent_id": { "value": id } });
    Ok(api.order(&json!({ "type": "REACTIVATE_AGENT", "reactivate_agent": of })).await?)
}

fn deactivation(id: &str) -> Value {
    json!({ "type": "DEACTIVATE_AGENT", "deactivate_agent": { "agent_id": { "value": id } } })
}

/// The id of the agent whose id begins or ends with `wanted`, or that is alone on the host of that name.
async fn find_agent(api: &Api, wanted: &str) -> Result<String, Failure> {
    let answer = api.call(&json!({ "type": "GET_AGENTS" })).await?;
    let registered = items(&answer, "/get_agents/agents").iter().filter_map(|agent| agent.get("agent_info"));
    // Those that were not back yet when their master was started anew.
    let all = registered.chain(items(&answer, "/get_agents/recovered_agents"));
    let ids: Vec<(String, String)> =
        all.map(|info| (text(info, "/id/value"), text(info, "/hostname"))).collect();
    let matching = matching(&ids, wanted);
    // One that is out of reach is on no list; the master knows whether there is one.
    if matching.is_empty() && is_whole_id(wanted) {
        return Ok(wanted.to_owned());
    }
    only(&matching, "agent", wanted, "tepui agents")
}

/// Whether it looks like what masters give to agents: `...-S7`.
fn is_whole_id(wanted: &str) -> bool {
    wanted.rsplit_once("-S").is_some_and(|(master, number)| {
        !master.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A whole id wins: one may be the beginning of another.
fn matching(agents: &[(String, String)], wanted: &str) -> Vec<String> {
    if agents.iter().any(|(id, _)| id == wanted) {
        return vec![wanted.to_owned()];
    }
    let is_meant = |(id, host): &&(String, String)| {
        id.starts_with(wanted) || id.ends_with(&format!("-{wanted}")) || host == wanted
    };
    agents.iter().filter(is_meant).map(|(id, _)| id.clone()).collect()
}

/// Returns when the agent is empty, or gone if it is to be. A master that is started anew meanwhile is no reason to give
/// up.
async fn wait(api: &Api, id: &str, mark_gone: bool) -> Result<(), Failure> {
    let mut silent = Duration::ZERO;
    loop {
        match look(api, id).await {
            Ok(Stage::Draining) => silent = Duration::ZERO,
            Ok(Stage::Drained) => return Ok(()),
            Ok(Stage::Gone) if mark_gone => return Ok(()),
            Ok(Stage::Gone) => return Err(Failure::fault(format!("agent {id} is gone"))),
            Ok(Stage::Used) => return Err(Failure::fault(format!("agent {id} is in use again"))),
            Err(Unanswered::Call(_)) if silent < PATIENCE => silent += LOOK,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How far a drain is.
enum Stage {
    Draining,
    Drained,
    /// The master has forgotten the agent.
    Gone,
    /// Somebody has reactivated it.
    Used,
}

async fn look(api: &Api, id: &str) -> Result<Stage, Unanswered> {
    let answer = api.call(&json!({ "type": "GET_AGENTS" })).await?;
    let agents = items(&answer, "/get_agents/agents");
    if let Some(agent) = agents.iter().find(|agent| text(agent, "/agent_info/id/value") == id) {
        return Ok(match text(agent, "/drain_info/state").as_str() {
            "DRAINED" => Stage::Drained,
            "DRAINING" => Stage::Draining,
            _ => Stage::Used,
        });
    }
    // Unreachable, or not back yet, or gone. No list says which; but what an agent is that is being drained, namely
    // deactivated, only one that has gone refuses to be.
    match api.order(&deactivation(id)).await {
        Ok(()) => Ok(Stage::Draining),
        Err(Unanswered::Refused { status: 400, .. }) => Ok(Stage::Gone),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_ids_are_known_by_their_looks() {
        for (text, whole) in [
            ("m-1-S0", true),
            ("m-S12", true),
            ("S0", false),
            ("-S0", false),
            ("m-S", false),
            ("m-Sx", false),
        ] {
            assert_eq!(is_whole_id(text), whole, "{text}");
        }
    }

    #[test]
    fn an_agent_is_found_by_id_or_host() {
        let agents =
            [("m-S1", "a"), ("m-S10", "b"), ("m-S2", "b")].map(|(id, host)| (id.into(), host.into()));
        let table = [
            ("m-S1", &["m-S1"][..]),
            ("S1", &["m-S1"]),
            ("S10", &["m-S10"]),
            ("a", &["m-S1"]),
            ("b", &["m-S10", "m-S2"]),
            ("m-", &["m-S1", "m-S10", "m-S2"]),
            ("x", &[]),
        ];
        for (wanted, found) in table {
            assert_eq!(matching(&agents, wanted), found, "{wanted}");
        }
    }
}
